"""`lasagnette detect --resume`: nothing lost, nothing twice, whatever ended the run before."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cascade.video import VideoWriter
from scripts.detect_journal import Journal
from scripts.errors import RunError

Run = Callable[..., Any]
ROOT = Path(__file__).resolve().parents[2]


def photo(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (8, 6), (200, 100, 50)).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in "abcde":
        photo(tmp_path / "photos" / f"{name}.png")
    (tmp_path / "photos" / "c.png").write_text("no picture")
    return tmp_path / "photos"


@pytest.mark.usefixtures("fake_detector")
@pytest.mark.parametrize("cut", [0, 1, 50, 120, 200, 350, -1, None])
def test_a_run_cut_off_anywhere_is_finished(
    lasagnette: Run, folder: Path, tmp_path: Path, cut: int | None
) -> None:
    results, sheets = tmp_path / "results.jsonl", tmp_path / "sheets"
    options = ("--output", results, "--trace", sheets, folder)
    assert lasagnette("detect", *options).code == 1
    whole, counts = results.read_bytes(), (sheets / "funnel.jsonl").read_bytes()
    results.write_bytes(whole[:cut])
    (sheets / "funnel.jsonl").write_bytes(counts[: None if cut is None else cut + 60])
    outcome = lasagnette("detect", "--resume", *options)
    assert outcome.code == 1, "one of the files is broken"
    assert outcome.stdout == ""
    assert results.read_bytes() == whole
    if cut is None or cut >= 200:  # below, the counts were ahead of the results
        assert (sheets / "funnel.jsonl").read_bytes() == counts


@pytest.mark.usefixtures("fake_detector")
def test_what_is_done_is_not_read_again(lasagnette: Run, folder: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    lasagnette("detect", "--output", results, folder)
    before = results.read_text()
    for path in folder.iterdir():
        path.write_text("changed since")
    photo(folder / "f.png")
    outcome = lasagnette("detect", "--resume", "--output", results, folder)
    assert results.read_text().startswith(before)
    assert len(results.read_text().splitlines()) == 6
    assert f"5 of the files are already in {results}" in outcome.stderr


@pytest.mark.usefixtures("fake_detector")
@pytest.mark.parametrize("kept", range(4))
def test_a_video_goes_on_after_its_last_frame(lasagnette: Run, tmp_path: Path, kept: int) -> None:
    with VideoWriter(tmp_path / "a.mp4", rate=10) as writer:
        for _ in range(3):
            writer.write(np.zeros((32, 48, 3), np.uint8))
    results = tmp_path / "results.jsonl"
    lasagnette("detect", "--output", results, tmp_path / "a.mp4")
    whole = results.read_text().splitlines(keepends=True)
    assert len(whole) == 3
    results.write_text("".join(whole[:kept]))
    assert lasagnette("detect", "--resume", "--output", results, tmp_path / "a.mp4").code == 0
    assert results.read_text().splitlines(keepends=True) == whole
    outcome = lasagnette(
        *("detect", "--resume", "--output", results, "--out", tmp_path), tmp_path / "a.mp4"
    )
    assert outcome.code == 2
    assert "cannot continue a video that is being written" in " ".join(outcome.stderr.split())


@pytest.mark.usefixtures("fake_detector")
def test_results_are_not_overwritten(lasagnette: Run, folder: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text("mine\n")
    outcome = lasagnette("detect", "--output", results, folder)
    assert outcome.code == 2
    assert "exists; continue it with --resume" in outcome.stderr
    again = lasagnette("detect", "--resume", "--output", results, folder)
    assert again.code == 1
    assert "results.jsonl, line 1: not a result of" in again.stderr
    assert results.read_text() == "mine\n"


@pytest.mark.parametrize("line", ["[]", "{}", '"file"', '{"file": "a", "frame": "x"}', "\xff"])
def test_other_lines_are_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(b'{"file": "a", "faces": []}\n' + line.encode("latin-1") + b"\n")
    with pytest.raises(RunError, match="line 2: not a result"):
        Journal(path, resume=True)


def test_a_killed_process_is_continued(tmp_path: Path) -> None:
    names = [str(photo(tmp_path / "photos" / f"{number:03d}.png")) for number in range(300)]
    results = tmp_path / "results.jsonl"
    command = [
        *(sys.executable, "-c", "from scripts.main import main; main()"),
        *("detect", "--output", str(results), str(tmp_path / "photos")),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (results.exists() and results.stat().st_size > 2000):
        assert time.monotonic() < deadline
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    begun = results.read_bytes()
    with results.open("ab") as file:
        file.write(b'{"file": "' + names[-1].encode()[:10])
    assert begun.count(b"\n") < 300, "it was killed too late to show anything"
    done = subprocess.run([*command, "--resume"], env=environment, check=False, timeout=60)
    assert done.returncode == 0
    assert results.read_bytes().startswith(begun[: begun.rfind(b"\n") + 1])
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert [line["file"] for line in lines] == names
