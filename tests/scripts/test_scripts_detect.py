"""`lasagnette detect`: what it prints, writes and returns, whatever the detector finds."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from augment.images import image_size
from cascade.detector import Detection, Detector
from scripts.detect import detect

Run = Callable[..., Any]


def photo(path: Path, width: int = 8, height: int = 6) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (200, 100, 50)).save(path)
    return path


@pytest.mark.usefixtures("fake_detector")
def test_one_line_per_photograph_in_the_order_given(lasagnette: Run, tmp_path: Path) -> None:
    photos = [
        photo(tmp_path / f"{name}.png", width) for name, width in (("c", 8), ("a", 9), ("b", 10))
    ]
    outcome = lasagnette("detect", *photos)
    assert outcome.code == 0
    # Without compiled kernels one line says so; nothing else belongs there.
    assert [x for x in outcome.stderr.splitlines() if "slower NumPy kernels" not in x] == []
    assert outcome.lines()[1] == {
        "file": str(photos[1]),
        "width": 9,
        "height": 6,
        "faces": [
            {"x": 0.12, "y": -1.0, "width": 9.0, "height": 6.0, "score": 0.75},
            {"x": 0.0, "y": 0.0, "width": 4.5, "height": 3.0, "score": 0.5},
        ],
    }
    assert [line["file"] for line in outcome.lines()] == [str(path) for path in photos]


@pytest.mark.usefixtures("fake_detector")
def test_a_folder_is_searched_and_a_photograph_named_twice_is_read_once(
    lasagnette: Run, tmp_path: Path
) -> None:
    photo(tmp_path / "deep" / "b.jpg")
    first = photo(tmp_path / "a.jpg")
    outcome = lasagnette("detect", tmp_path, first, tmp_path / "*.jpg")
    assert sorted(Path(line["file"]).name for line in outcome.lines()) == ["a.jpg", "b.jpg"]


@pytest.mark.usefixtures("fake_detector")
def test_what_cannot_be_read_is_named_and_the_rest_goes_on(lasagnette: Run, tmp_path: Path) -> None:
    good = photo(tmp_path / "good.jpg")
    truncated = tmp_path / "truncated.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(truncated)
    truncated.write_bytes(truncated.read_bytes()[:1500])
    empty = tmp_path / "empty.jpg"
    empty.touch()
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    folder = tmp_path / "nothing"
    folder.mkdir()
    missing, pattern = tmp_path / "missing.jpg", tmp_path / "*.xyz"
    inputs = [missing, truncated, empty, good, text, folder, pattern]
    outcome = lasagnette("detect", *inputs)
    assert outcome.code == 1
    found = outcome.lines()
    assert [line["file"] for line in found] == [str(path) for path in inputs]
    assert ["error" in line for line in found] == [True, True, True, False, True, True, True]
    for line in found:
        if "error" in line:
            assert set(line) == {"file", "error"}
            assert line["error"].startswith(line["file"])
            assert line["error"] in outcome.stderr


@pytest.mark.usefixtures("fake_detector")
def test_pictures_get_names_of_their_own(lasagnette: Run, tmp_path: Path) -> None:
    photos = [
        photo(tmp_path / "x" / "same.jpg"),
        photo(tmp_path / "y" / "same.png", 20),
        photo(tmp_path / "other.jpg"),
    ]
    before = photos[2].read_bytes()
    outcome = lasagnette("detect", "--out", tmp_path, *photos)
    assert outcome.code == 0
    assert photos[2].read_bytes() == before, "an input was overwritten"
    assert image_size(tmp_path / "same.jpg") == (8, 6)
    assert image_size(tmp_path / "same-2.jpg") == (20, 6)
    assert (tmp_path / "other-2.jpg").is_file()
    assert not list(tmp_path.glob(".*"))
    assert f"3 pictures with their faces framed: {tmp_path}" in outcome.stderr


@pytest.mark.usefixtures("fake_detector")
def test_one_picture_is_named(lasagnette: Run, tmp_path: Path) -> None:
    outcome = lasagnette("detect", "--out", tmp_path / "out", photo(tmp_path / "a.png"))
    assert outcome.stderr.splitlines()[-1].endswith(str(tmp_path / "out" / "a.jpg"))


@pytest.mark.usefixtures("fake_detector")
def test_an_unwritable_folder_is_a_usage_error(lasagnette: Run, tmp_path: Path) -> None:
    file = photo(tmp_path / "file.png")
    outcome = lasagnette("detect", "--out", file / "deeper", file)
    assert outcome.code == 2
    assert outcome.stdout == ""
    assert f"cannot write into '{file / 'deeper'}'" in outcome.stderr


def test_options_reach_the_detector(lasagnette: Run, tmp_path: Path, fake_detector: Any) -> None:
    file = photo(tmp_path / "a.png")
    other = tmp_path / "other.h5"
    other.touch()
    lasagnette("detect", "--min-face", "80", "--threshold", "0.5", file)
    assert fake_detector.asked == {"cascade": None, "min_face": 80, "threshold": 0.5}
    lasagnette("detect", "--cascade", other, file)
    assert fake_detector.asked["cascade"] == str(other)


@pytest.mark.usefixtures("fake_detector")
def test_several_jobs_print_the_same(lasagnette: Run, tmp_path: Path) -> None:
    for number in range(40):
        photo(tmp_path / f"{number:02d}.png", 8 + number)
    (tmp_path / "07.png").write_text("no picture")
    one, several = (lasagnette("detect", "--jobs", jobs, tmp_path) for jobs in (1, 3))
    assert one.code == several.code == 1
    assert len(one.lines()) == 40
    assert several.stdout == one.stdout


@pytest.mark.usefixtures("fake_detector")
def test_the_best_faces_are_kept(lasagnette: Run, tmp_path: Path) -> None:
    outcome = lasagnette("detect", "--max-faces", 1, photo(tmp_path / "a.png"))
    assert [face["score"] for face in outcome.lines()[0]["faces"]] == [0.75]


def test_the_default_is_the_detectors_own() -> None:
    (option,) = (one for one in detect.params if one.name == "min_face")
    assert option.default == inspect.signature(Detector).parameters["min_face"].default


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "Missing argument"),
        (["--min-face", "0", "x"], "0.0 is not in the range"),
        (["--threshold", "2", "x"], "2.0 is not in the range"),
        (["--threads", "0", "x"], "0 is not in the range"),
        (["--cascade", "absent.h5", "x"], "'absent.h5' does not exist"),
        (["--resume", "x"], "--resume continues the file that --output names"),
        (["--resume", "--output", "r", "--format", "csv", "x"], "--resume needs --format jsonl"),
        (["--resume", "--output", "r", "--camera", "0"], "cannot continue a camera"),
        (["--jobs", "2", "--threads", "2", "x"], "computes on one thread; leave out --threads"),
        (["--margin", "1", "x"], "Without --crop, --blur or --pixelate there is no --margin"),
        (["--out", "same", "--blur", "./same", "x"], "--out and --blur write pictures"),
        (["--blur", "b", "--max-faces", "1", "x"], "leave the other faces visible"),
        (["--every", "2", "x"], "Only videos and cameras have frames; leave out --every"),
        (["--show", "x"], "Only videos and cameras have frames; leave out --show"),
        (["--format", "fddb", "--camera", "0"], "--format fddb is for photographs"),
        (["--files-from", "-", "-"], "names or a photograph, not both"),
    ],
)
def test_wrong_usage_is_exit_code_2(
    lasagnette: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = lasagnette("detect", *words)
    assert outcome.code == 2
    assert outcome.stdout == ""
    assert reason in " ".join(outcome.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_the_help_shows_every_option_in_its_section(lasagnette: Run) -> None:
    shown = lasagnette("detect", "--help").stdout
    for param in detect.params:
        assert param.opts[0] in shown or param.name == "photos"
    sections = ["What is searched:", "What is printed:", "Pictures:", "Speed:", "Other:"]
    places = [shown.index(section) for section in sections]
    assert places == sorted(places)
    others = shown[places[-1] :].splitlines()
    assert [line.split()[0] for line in others[1:]] == ["PHOTO...", "-h,"], "without a section"


def test_ctrl_c_leaves_whole_lines(
    lasagnette: Run, tmp_path: Path, fake_detector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Any, items: Iterable[Any], **options: Any) -> Iterator[Any]:
        key, _ = next(iter(items))
        yield key, Detection(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
        raise KeyboardInterrupt

    monkeypatch.setattr(fake_detector, "detect_many", interrupted)
    outcome = lasagnette(
        "detect", "--out", tmp_path / "out", *(photo(tmp_path / f"{n}.png") for n in "abc")
    )
    assert outcome.code == 130
    assert [line["faces"] for line in outcome.lines()] == [[]]
    assert outcome.stderr.strip().endswith("interrupted")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.jpg"]
