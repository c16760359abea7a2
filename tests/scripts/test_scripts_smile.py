"""`lasagnette smile`: what it prints, draws, copies and returns for photographs."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from smile_command import clip, photo
from smile_nets import SquareDetector, grey_of, smile_file

import cascade.detector
import cascade.video
from augment.datasets.smileys import SMILEYS
from augment.images import read_image
from cascade import smiles
from cascade.draw_smiles import COLOUR
from cascade.smile_video import HOLD
from scripts import smile_copy
from scripts.smile import smile

Run = Callable[..., Any]


@pytest.fixture
def run(lasagnette: Run, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any) -> Run:
    """Call `lasagnette smile` with the net and the detector of grey faces."""
    monkeypatch.setattr(cascade.detector, "Detector", SquareDetector)
    net = smile_file(tmp_path_factory.mktemp("net"))
    return lambda *words: lasagnette("smile", "--net", net, *words)


@pytest.fixture
def send(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Put bytes on standard input."""

    def send(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return send


def test_one_photograph_is_its_smiley(run: Run, tmp_path: Path) -> None:
    outcome = run(photo(tmp_path / "me.png", ":-)"))
    assert (outcome.code, outcome.stdout, outcome.stderr) == (0, ":-)\n", "")


@pytest.mark.parametrize("smiley", SMILEYS)
def test_every_smiley_can_be_printed(run: Run, tmp_path: Path, smiley: str) -> None:
    assert run(photo(tmp_path / "me.png", smiley)).stdout == f"{smiley}\n"


def test_several_photographs_have_their_names(run: Run, tmp_path: Path) -> None:
    me = photo(tmp_path / "me.png", ";-)")
    us = photo(tmp_path / "us.png", ":-D", "o_O", ":-*")
    wall = photo(tmp_path / "wall.png")
    outcome = run(me, us, wall)
    assert outcome.code == 0
    assert outcome.stdout.splitlines() == [
        f"{me}: ;-)",
        f"{us}: :-D o_O :-*",
        f"{wall}: no face",
    ]


def test_a_folder_with_one_photograph_names_it(run: Run, tmp_path: Path) -> None:
    path = photo(tmp_path / "deep" / "me.png", ";-)")
    assert run(tmp_path).stdout == f"{path}: ;-)\n"
    assert run(tmp_path / "deep" / "*.png").stdout == f"{path}: ;-)\n"


def test_no_face_is_said(run: Run, tmp_path: Path) -> None:
    outcome = run(photo(tmp_path / "wall.png"))
    assert (outcome.code, outcome.stdout) == (0, "no face\n")


def test_quiet_prints_a_line_per_photograph_and_nothing_else(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_text("no picture")
    us = photo(tmp_path / "us.png", ":-D", ":-O")
    outcome = run("-q", us, broken, photo(tmp_path / "wall.png"), photo(tmp_path / "me.png", ":-("))
    assert outcome.code == 1
    assert outcome.stdout == ":-D :-O\n\n\n:-(\n"
    assert "broken.png" in outcome.stderr


def test_json_has_class_score_box_and_all_probabilities(run: Run, tmp_path: Path) -> None:
    path = photo(tmp_path / "us.png", ":-D", "|-)")
    outcome = run("--json", path)
    (line,) = outcome.lines()
    assert list(line) == ["file", "width", "height", "faces"]
    assert (line["file"], line["width"], line["height"]) == (str(path), 230, 120)
    first, second = line["faces"]
    assert (first["smiley"], first["class"]) == (":-D", 2)
    assert (second["smiley"], second["class"]) == ("|-)", 14)
    assert (first["x"], first["y"], first["width"], first["height"]) == (25, 45, 30, 30)
    assert list(first["probabilities"]) == list(SMILEYS)
    assert first["score"] == max(first["probabilities"].values())
    assert sum(first["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert 0 < first["face_score"] <= 1
    assert "track" not in first


def test_json_of_no_face_and_of_what_cannot_be_read(run: Run, tmp_path: Path) -> None:
    missing = tmp_path / "missing.png"
    outcome = run("--json", missing, photo(tmp_path / "wall.png"))
    assert outcome.code == 1
    broken, wall = outcome.lines()
    assert set(broken) == {"file", "error"}
    assert broken["error"].startswith(str(missing))
    assert wall["faces"] == []


def test_what_cannot_be_read_is_named_and_the_rest_goes_on(run: Run, tmp_path: Path) -> None:
    truncated = photo(tmp_path / "truncated.jpg", ":-)")
    truncated.write_bytes(truncated.read_bytes()[:700])
    (tmp_path / "empty").mkdir()
    good = photo(tmp_path / "good.png", ":-X")
    outcome = run(truncated, tmp_path / "empty", tmp_path / "*.xyz", good)
    assert outcome.code == 1
    assert outcome.stdout == f"{good}: :-X\n"
    for name in ("truncated.jpg", "empty", "*.xyz"):
        assert name in outcome.stderr


def test_a_photograph_on_standard_input(
    run: Run, send: Callable[[bytes], None], tmp_path: Path
) -> None:
    send(photo(tmp_path / "me.png", ":-P").read_bytes())
    assert run("-").stdout == ":-P\n"
    send(b"")
    outcome = run("-")
    assert (outcome.code, outcome.stdout) == (1, "")
    assert "nothing came on standard input" in outcome.stderr


def test_names_in_a_list(run: Run, tmp_path: Path) -> None:
    paths = [photo(tmp_path / "a b.png", ":-P"), photo(tmp_path / "ü.png", ":-E")]
    (tmp_path / "list").write_text("".join(f"{path}\n" for path in paths))
    outcome = run("--files-from", tmp_path / "list", "-q")
    assert outcome.stdout == ":-P\n:-E\n"


def test_a_name_that_is_no_text_can_be_printed(run: Run, tmp_path: Path) -> None:
    odd = os.path.join(os.fsencode(tmp_path), b"\xff.png")
    try:
        os.rename(photo(tmp_path / "me.png", ":-P"), odd)
    except OSError as error:
        pytest.skip(str(error))
    outcome = run(tmp_path)
    assert outcome.code == 0
    assert outcome.stdout == f"{tmp_path}{os.sep}\\udcff.png: :-P\n"


def test_several_jobs_print_the_same(run: Run, tmp_path: Path) -> None:
    for number in range(30):
        photo(tmp_path / f"{number:02d}.png", SMILEYS[number % 17], ":-O")
    (tmp_path / "07.png").write_text("no picture")
    one, several = (run("--jobs", jobs, tmp_path) for jobs in (1, 3))
    assert one.code == several.code == 1
    assert len(one.stdout.splitlines()) == 29
    assert several.stdout == one.stdout


def test_without_a_vote(run: Run, tmp_path: Path) -> None:
    path = photo(tmp_path / "me.png", ":-P")
    picture = np.array(Image.open(path))
    picture[30:90, 10:24] = grey_of(":-!")  # the squares that lie more to the left see some of it
    Image.fromarray(picture).save(path)
    voted, alone = run("--json", path), run("--json", "--no-vote", path)
    assert alone.lines()[0]["faces"][0]["smiley"] == ":-P"
    assert voted.lines()[0]["faces"][0]["score"] < alone.lines()[0]["faces"][0]["score"]


def plates(path: Path) -> int:
    """How many pixels are as yellow as a plate, in a picture that was compressed."""
    return int((np.abs(read_image(path).astype(int) - COLOUR).max(axis=2) < 40).sum())


def test_a_picture_into_a_file(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "new" / "drawn.jpg"
    outcome = run("--out", target, photo(tmp_path / "me.png", ":-)"))
    assert outcome.stdout == ":-)\n"
    assert outcome.stderr.strip().endswith(str(target))
    assert plates(target) > 100
    assert [path.name for path in target.parent.iterdir()] == ["drawn.jpg"]


def test_pictures_into_a_folder(run: Run, tmp_path: Path) -> None:
    paths = [photo(tmp_path / "a" / "same.png", ":-)"), photo(tmp_path / "b" / "same.png")]
    outcome = run("--out", tmp_path / "drawn", *paths)
    assert outcome.code == 0
    assert plates(tmp_path / "drawn" / "same.jpg") > 100
    assert plates(tmp_path / "drawn" / "same-2.jpg") == 0
    assert f"2 pictures with their faces framed and their smileys drawn: {tmp_path / 'drawn'}" in (
        outcome.stderr
    )


def fake_program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that alone is on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


KEEP = '/bin/cat > "$0.text"; echo "$@" > "$0.words"'


def test_copy_gives_the_smileys_to_xclip(run: Run, tmp_path: Path, programs: Path) -> None:
    fake_program(programs, "xclip", KEEP)
    outcome = run("--copy", photo(tmp_path / "us.png", ":-D", ":-O"))
    assert (outcome.code, outcome.stdout) == (0, ":-D :-O\n")
    assert (programs / "xclip.text").read_text() == ":-D :-O"
    assert (programs / "xclip.words").read_text() == "-selection clipboard\n"
    assert "Copied to the clipboard by xclip." in outcome.stderr


def test_copy_of_several_photographs(run: Run, tmp_path: Path, programs: Path) -> None:
    fake_program(programs, "xsel", KEEP)
    paths = [
        photo(tmp_path / "a.png", ":-D"),
        photo(tmp_path / "b.png"),
        photo(tmp_path / "c.png", ":-/"),
    ]
    outcome = run("-q", "--copy", *paths)
    assert (programs / "xsel.text").read_text() == ":-D\n:-/"
    assert outcome.stderr == ""


def test_copy_goes_on_where_a_program_fails(run: Run, tmp_path: Path, programs: Path) -> None:
    fake_program(programs, "wl-copy", "exit 1")
    fake_program(programs, "xclip", "echo no display >&2; exit 1")
    fake_program(programs, "pbcopy", KEEP)
    outcome = run("--copy", photo(tmp_path / "me.png", ":-D"))
    assert (programs / "pbcopy.text").read_text() == ":-D"
    assert "no display" not in outcome.stderr


def test_copy_does_not_wait_for_a_program_that_stays(
    run: Run, tmp_path: Path, programs: Path
) -> None:
    """xclip and wl-copy stay behind to serve the text."""
    fake_program(programs, "xclip", f'{KEEP}; /bin/sleep 30 & echo $! > "$0.pid"')
    try:
        assert run("--copy", photo(tmp_path / "me.png", ":-D")).code == 0
        assert (programs / "xclip.text").read_text() == ":-D"
    finally:
        os.kill(int((programs / "xclip.pid").read_text()), 9)


@pytest.mark.usefixtures("programs")
def test_without_a_program_the_terminal_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """OSC 52, the text in Base64."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert smile_copy.copy_text(":-)").startswith("by the terminal, if it is one that does so")
    assert capsys.readouterr().err == "\x1b]52;c;Oi0p\x07"


def test_copy_without_a_clipboard_is_told(run: Run, tmp_path: Path, programs: Path) -> None:
    path = photo(tmp_path / "me.png", ":-D")
    outcome = run("--copy", path)
    assert (outcome.code, outcome.stdout) == (1, ":-D\n")
    assert "Error: the smileys are not copied: none of wl-copy, xclip" in outcome.stderr
    fake_program(programs, "xclip", "exit 3")
    assert "not copied: xclip failed, and there is no terminal" in run("--copy", path).stderr


def test_no_face_is_not_copied(run: Run, tmp_path: Path, programs: Path) -> None:
    fake_program(programs, "xclip", KEEP)
    outcome = run("--copy", photo(tmp_path / "wall.png"))
    assert outcome.code == 0
    assert "Nothing is copied: there is no face." in outcome.stderr
    assert not (programs / "xclip.text").exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "Missing argument 'PHOTO...'"),
        (["--json", "-q", "me.png"], "--json and --quiet print different lines"),
        (["--no-vote", "--spread", "2", "me.png"], "no vote to spread; leave out --spread"),
        (["--slow", "2", "me.png"], "Only a video that --out writes can be slowed"),
        (["--jobs", "2", "--threads", "2", "me.png"], "computes on one thread; leave out"),
        (["--every", "2", "me.png"], "Only videos and cameras have frames; leave out --every"),
        (["--smooth", "1", "--hold", "1", "me.png"], "leave out --smooth, --hold"),
        (["--smooth", "-1", "me.png"], "-1.0 is not in the range"),
        (["--spread", "46", "me.png"], "46 is not in the range"),
        (["--slow", "0.5", "me.png"], "0.5 is not in the range"),
        (["--files-from", "-", "-"], "names or a photograph, not both"),
        (["--out", "x.png", "me.png"], "a JPEG is written, so the name ends in .jpg; got 'x.png'"),
        (["--out", "x.mp4", "me.png"], "a JPEG is written, so the name ends in .jpg"),
        (["--out", "x.jpg", "me.png", "a.mp4"], "is the name of one file, and there are 2 inputs"),
        (["--out", "x.jpg", "a.mp4"], "a video is written as an MP4, so the name ends in .mp4"),
        (["--out", "a.mp4", "a.mp4"], "'a.mp4' is what is read; give another name"),
        (["--copy", "a.mp4"], "--copy copies the smileys of photographs; got 'a.mp4'"),
        (["--jobs", "2", "--video", "a.mp4"], "--jobs is for photographs; use --threads"),
        (["--net", "absent.h5", "me.png"], "'absent.h5' does not exist"),
        (["--camera", "0"], "--camera cannot show a window: no display here"),
    ],
)
def test_wrong_usage_is_exit_code_2(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cascade.video, "why_no_windows", lambda: "no display here")
    photo(tmp_path / "me.png", ":-)")
    clip(tmp_path / "a.mp4", [":-)"] * 2)
    before = sorted(tmp_path.iterdir())
    outcome = run(*words)
    assert outcome.code == 2
    assert outcome.stdout == ""
    assert reason in " ".join(outcome.stderr.replace("│", " ").split())
    assert sorted(tmp_path.iterdir()) == before


def test_without_a_net_a_sentence_says_so(
    lasagnette: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smiles, "resources", SimpleNamespace(files=lambda package: tmp_path))
    outcome = lasagnette("smile", photo(tmp_path / "me.png", ":-)"))
    assert (outcome.code, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith("Error: there is no pretrained smiley net")


def test_a_cascade_is_no_smile_file(lasagnette: Run, tmp_path: Path) -> None:
    from cascade.bundle import pretrained

    outcome = lasagnette("smile", "--net", pretrained(), photo(tmp_path / "me.png", ":-)"))
    assert outcome.code == 1
    assert "not a smile file, or a damaged one" in outcome.stderr


def test_the_help_shows_every_option_in_its_section(lasagnette: Run) -> None:
    shown = lasagnette("smile", "--help").stdout
    for param in smile.params:
        assert param.opts[0] in shown or param.name == "photos"
    titles = [
        *("What is looked at:", "How the smiley is chosen:", "What is printed:"),
        *("Pictures:", "Speed:", "Other:"),
    ]
    places = [shown.index(title) for title in titles]
    assert places == sorted(places)
    others = shown[places[-1] :].splitlines()
    assert [line.split()[0] for line in others[1:]] == ["PHOTO...", "-h,"], "without a section"
    assert "Sound is left out" in " ".join(shown.split())
    for smiley in SMILEYS:
        assert smiley in shown


def test_the_hold_is_the_librarys_own() -> None:
    (option,) = (one for one in smile.params if one.name == "hold")
    assert option.default == HOLD
