"""`lasagnette augment preview`, and the intervals as options."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image, ImageDraw

from augment import index as indexes
from augment.transforms import Intervals
from scripts.augment import augment
from scripts.intervals import INTERVALS, interval_options, intervals_from

Preview = Callable[..., Result]


@pytest.fixture
def preview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Preview:
    """Call `augment preview` in an empty folder with a photograph in it."""
    monkeypatch.chdir(tmp_path)
    picture = Image.new("RGB", (200, 150), (90, 120, 160))
    pen = ImageDraw.Draw(picture)
    pen.ellipse((60, 40, 120, 100), fill=(230, 190, 160))
    pen.ellipse((72, 58, 80, 66), fill=(20, 20, 90))
    picture.save("photo.png")

    def run(*words: object) -> Result:
        return CliRunner().invoke(augment, ["preview", *map(str, words)])

    return run


def pixels(file: str = "augment-preview.jpg") -> np.ndarray:
    with Image.open(file) as sheet:
        return np.asarray(sheet, np.int16)


FRAME = ("--frame", 60, 40, 60, 60)


def test_a_photograph_beside_its_draws(preview: Preview) -> None:
    done = preview("photo.png", *FRAME, "-n", 3)
    assert done.exit_code == 0, done.output
    assert json.loads(done.output) == {"file": "augment-preview.jpg", "samples": ["photo.png"]}
    few = pixels()
    preview("photo.png", *FRAME, "-n", 6, "--out", "more.jpg")
    assert pixels("more.jpg").shape[1] > few.shape[1]
    preview("photo.png", *FRAME, *FRAME, "-n", 3, "--out", "two.jpg")
    assert pixels("two.jpg").shape[0] > 1.5 * few.shape[0]
    assert (np.abs(few - [40, 220, 60]).max(axis=2) < 60).any(), "the frame is drawn in green"


def test_the_seed_settles_the_sheet(preview: Preview) -> None:
    for seed, out in ((1, "a.jpg"), (1, "b.jpg"), (2, "c.jpg")):
        assert preview("photo.png", *FRAME, "--seed", seed, "--out", out).exit_code == 0
    assert Path("a.jpg").read_bytes() == Path("b.jpg").read_bytes()
    assert Path("a.jpg").read_bytes() != Path("c.jpg").read_bytes()


@pytest.mark.parametrize(
    "words",
    [
        *(("--move", 0.4), ("--scale", 0.5, 0.6), ("--stretch", 2), ("--mirror", 1)),
        *(("--rotation", 90), ("--brightness", 90), ("--contrast", 3), ("--blur", 4)),
        *(("--noise", 40), ("--jpeg", 3), ("--grey", 1)),
    ],
    ids=lambda words: words[0],
)
def test_every_interval_changes_the_crops(preview: Preview, words: tuple[object, ...]) -> None:
    still = ("--move", 0, "--scale", 1, 1, "--stretch", 1, "--mirror", 0)
    assert preview("photo.png", *FRAME, "-n", 4, *still).exit_code == 0
    done = preview("photo.png", *FRAME, "-n", 4, *still, *words, "--out", "changed.jpg")
    assert done.exit_code == 0, done.output
    before, after = pixels(), pixels("changed.jpg")
    rows, columns = slice(50, 180), slice(180, 700)  # the crops, without captions
    assert np.abs(before[rows, columns] - after[rows, columns]).mean() > 1


def test_squares_are_drawn_where_no_frame_is_given(preview: Preview) -> None:
    assert preview("photo.png", "-n", 3).exit_code == 0
    assert (np.abs(pixels() - [255, 200, 0]).max(axis=2) < 60).any(), "squares are drawn in yellow"


def test_the_45_classes(preview: Preview) -> None:
    done = preview("photo.png", *FRAME, "--calibration", "--side", 12)
    assert done.exit_code == 0, done.output
    rows, columns, _ = pixels().shape
    assert columns > 10 * 144
    assert rows > 5 * 144
    without = preview("photo.png", "--calibration")
    assert without.exit_code == 2
    assert "--calibration needs a face" in without.output


def test_an_index_shows_faces_and_backgrounds_and_goes_past_damaged_files(
    preview: Preview, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    faces = indexes.make(
        tmp_path, ["photo.png", "broken.png"], [[60, 40, 60, 60]] * 2, 1, "test", ["a", "b"]
    )
    places = indexes.make(
        tmp_path,
        ["photo.png"],
        [[np.nan] * 4],
        0,
        "test",
        ["a"],
        [("photo.png", np.array([[60, 40, 60, 60]], np.float32))],
    )
    indexes.concat([faces, places]).save(tmp_path / "index.h5")
    done = preview("--index", "index.h5", "-n", 2, "--rows", 3)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["samples"] == ["photo.png", "photo.png"]
    assert "broken.png" in done.stderr
    faces.select(np.array([1])).save(tmp_path / "damaged.h5")
    none = preview("--index", "damaged.h5")
    assert none.exit_code == 2
    assert "no picture to show: the index has 1 rows" in none.output


@pytest.mark.data
def test_the_research_data(preview: Preview, data_dir: Path) -> None:
    done = preview("--data", data_dir.resolve(), "-n", 2, "--rows", 3, "--out", "seen.jpg")
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)["samples"]) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--index", "photo.png", *FRAME), "--frame belongs to a PHOTO"),
        (("photo.png", "--frame", 1, 2, 0, 4), "with positive width and height"),
        (("photo.png", "--frame", "nan", 2, 3, 4), "frames are finite"),
        (("photo.png", "--net", "net12", "--side", 20), "leave out --side"),
        (("photo.png", "--net", "net13"), "no net named 'net13'; did you mean net12"),
        (("photo.png", "--scale", 2, 1), r"--scale must be two positive, rising .*; got \(2.0, 1"),
        (("photo.png", "--blur", 99), r"--blur must lie in \[0, 16\] pixels; got 99.0"),
        (("--data", "nowhere"), "data folder 'nowhere' does not exist"),
    ],
)
def test_wrong_usage_is_a_sentence(
    preview: Preview, words: tuple[object, ...], message: str
) -> None:
    done = preview(*words)
    assert done.exit_code == 2
    assert re.search(message, " ".join(done.output.split())), done.output
    assert not Path("augment-preview.jpg").exists()


def test_a_net_settles_the_side(preview: Preview) -> None:
    assert preview("photo.png", *FRAME, "--net", "net12", "-n", 2).exit_code == 0
    assert preview("photo.png", *FRAME, "--side", 12, "-n", 2, "--out", "s.jpg").exit_code == 0
    assert Path("augment-preview.jpg").read_bytes() == Path("s.jpg").read_bytes()


def test_the_options_are_the_intervals_and_their_defaults() -> None:
    @click.command()
    @interval_options
    @click.option("--other", default=3)
    def command(**given: object) -> None:
        assert intervals_from(given) == Intervals()

    assert CliRunner().invoke(command, []).exit_code == 0
    assert tuple(Intervals().as_dict()) == INTERVALS
    text = " ".join(CliRunner().invoke(command, ["--help"]).output.split())
    assert (
        "--scale LOW HIGH Smallest and largest factor of the frame's size. [default: 0.91 1.1]"
        in text
    )
    assert "[default: 0.0833]" in text


def test_the_command_is_loaded_without_numpy() -> None:
    code = "import scripts.augment, sys; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
