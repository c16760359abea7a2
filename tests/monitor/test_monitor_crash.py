"""Deaths, full disks and damaged files."""

import contextlib
import logging
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from monitor_processes import is_running, wait_until

from monitor import salvage, segment_reader
from monitor.process import Process
from monitor.runlog import RunLog, RunLogError, open_run
from monitor.status import living_writer

StartScript = Callable[..., "subprocess.Popen[str]"]

ENDLESS = """
import itertools, os, sys
import numpy as np
from monitor.runlog import RunLog

log = RunLog(sys.argv[1], segment_bytes=700_000)
crop = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
for count in itertools.count(1):
    for _ in range(50):
        log.scalar("loss", count, count)
    log.picture("crop", crop, count)
    log.text(str(count), count)
    if not log.flush():
        break
    print(count, flush=True)
"""


def _writer(folder: Path) -> Process:
    process = living_writer(folder)
    assert process is not None
    return process


@pytest.mark.parametrize("victim", ["training", "writer"])
def test_kill_loses_nothing_that_was_flushed(
    tmp_path: Path, start_script: StartScript, victim: str
) -> None:
    folder = tmp_path / "run"
    script = start_script(ENDLESS, folder)
    assert script.stdout is not None
    assert script.stdout.readline() == "1\n"
    writer = _writer(folder).pid
    time.sleep(random.uniform(0.0, 0.4))
    os.kill(script.pid if victim == "training" else writer, signal.SIGKILL)
    output, errors = script.communicate(timeout=60)
    wait_until(lambda: not is_running(writer))
    flushed = int((output.split() or ["1"])[-1])
    assert errors.count("is no longer written") == (victim == "writer")
    run = open_run(folder)
    assert run.status == "crashed"
    curve = run.scalars("loss").value
    assert len(curve) >= 50 * flushed
    assert curve.tolist() == [1 + row // 50 for row in range(len(curve))]
    assert [int(note.text) for note in run.texts()][:flushed] == list(range(1, flushed + 1))
    pictures = run.pictures("crop")
    assert len(pictures) >= flushed
    assert len({run.media(picture.media).encoded for picture in pictures[-3:]}) == 1


FORKING = """
import os, sys, time
from monitor.runlog import RunLog

log = RunLog(sys.argv[1])
if os.fork() == 0:
    time.sleep(60)
    os._exit(0)
log.scalar("loss", 1.0, 0)
log.flush()
log.scalar("loss", 2.0, 1)
print("flushed", flush=True)
time.sleep(60)
"""


def test_the_writer_ends_although_a_fork_holds_the_pipe(
    tmp_path: Path, start_script: StartScript
) -> None:
    script = start_script(FORKING, tmp_path / "run")
    assert script.stdout is not None
    assert script.stdout.readline() == "flushed\n"
    writer = _writer(tmp_path / "run").pid
    children = Path(f"/proc/{script.pid}/task/{script.pid}/children").read_text().split()
    script.kill()
    try:
        wait_until(lambda: not is_running(writer), seconds=10)
    finally:
        for child in set(map(int, children)) - {writer}:
            os.kill(child, signal.SIGKILL)
    run = open_run(tmp_path / "run")
    assert run.status == "crashed"
    assert run.scalars("loss").value[0] == 1.0
    assert run.problems == []


FORGETFUL = """
import sys
from monitor.runlog import RunLog

log = RunLog(sys.argv[1])
log.scalar("loss", 1.0, 0)
"""


def test_a_log_that_nobody_closed_is_written_at_exit(
    tmp_path: Path, start_script: StartScript
) -> None:
    script = start_script(FORGETFUL, tmp_path / "run")
    assert script.communicate(timeout=60)[1] == ""
    run = open_run(tmp_path / "run")
    assert run.scalars("loss").value.tolist() == [1.0]
    assert run.status == "crashed"


FULL_DISK = """
import resource, sys
import numpy as np
from monitor.runlog import RunLog

resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, resource.RLIM_INFINITY))
crop = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
with RunLog(sys.argv[1]) as log:
    flushed = 0
    for step in range(400):
        log.scalar("loss", step, step)
        log.picture("crop", crop, step)
        if step % 10 == 9 and log.flush():
            flushed = step + 1
print(flushed)
"""


def test_training_goes_on_when_the_disk_is_full(tmp_path: Path, start_script: StartScript) -> None:
    script = start_script(FULL_DISK, tmp_path / "run")
    output, errors = script.communicate(timeout=60)
    assert script.returncode == 0
    flushed = int(output)
    assert 0 < flushed < 400
    (warning,) = errors.splitlines()
    assert "is no longer written (File too large)" in warning
    assert warning.endswith("the training goes on without it.")
    run = open_run(tmp_path / "run")
    assert run.status == "crashed"
    assert run.scalars("loss").step.tolist()[:flushed] == list(range(flushed))
    assert len(run.pictures("crop")) >= flushed


def test_a_dead_writer_costs_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with RunLog(tmp_path / "run") as log:
        log.scalar("loss", 1.0, 0)
        assert log.flush()
        os.kill(_writer(tmp_path / "run").pid, signal.SIGKILL)
        for step in range(1, 4):
            log.scalar("loss", 1.0, step)
            log.text("on and on", step)
            assert not log.flush()
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "ended with code -9" in record.getMessage()
    run = open_run(tmp_path / "run")
    assert (run.status, run.scalars("loss").step.tolist()) == ("crashed", [0])


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a finished segment and one whose writer was killed."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    with RunLog(folder) as log:
        log.scalar("loss", 0.0, 0)
    log = RunLog(folder, resume_step=1)
    for step in range(1, 10_001):
        log.scalar("loss", float(step), step)
    log.text("before the end", 10_000)
    assert log.flush()
    os.kill(_writer(folder).pid, signal.SIGKILL)
    logging.disable(logging.WARNING)
    log.close()
    logging.disable(logging.NOTSET)
    return folder


def _damaged(crashed: Path, folder: Path, position: int) -> Path:
    """Copy the run and flip one bit of the segment whose writer is dead."""
    shutil.copytree(crashed, folder)
    path = folder / "seg-001.h5"
    content = bytearray(path.read_bytes())
    content[position] ^= 4
    path.write_bytes(content)
    return folder


def test_a_dead_segment_is_read_to_its_end(crashed: Path) -> None:
    run = open_run(crashed)
    assert run.scalars("loss").step.tolist() == list(range(10_001))
    assert [note.text for note in run.texts()] == ["before the end"]
    assert (run.status, run.problems) == ("crashed", [])


@pytest.mark.parametrize("position", [700, 2600])
def test_damage_hangs_nothing_and_costs_one_segment_at_most(
    crashed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, position: int
) -> None:
    monkeypatch.setattr(salvage, "_LIMIT_SECONDS", 0.5)
    run = open_run(_damaged(crashed, tmp_path / "run", position))
    steps = run.scalars("loss").step.tolist()
    assert steps in ([0], list(range(10_001)))
    (problem,) = run.problems
    assert problem.startswith("seg-001.h5 was not read to its end: ")
    assert run.status == "crashed"


def test_a_damaged_blob_costs_what_lay_there(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with RunLog(folder) as log:
        for step in range(3):
            log.picture("crop", np.zeros((4, 4), np.uint8), step)
            log.text("x" * 200_000, step)
    path = folder / "seg-000.h5"
    path.write_bytes(path.read_bytes().replace(b"x" * 1000, b"y" * 1000, 1))
    run = open_run(folder)
    first, _, third = run.pictures("crop")
    with pytest.raises(RunLogError, match=r"seg-000\.h5 is damaged: picture '0-0' is lost"):
        run.media(first.media)
    assert run.media(third.media).kind == "png"
    assert [note.step for note in run.texts()] == [1, 2]


def _chunk(crashed: Path, value: float) -> int:
    """Return where the event with this value lies in the dead segment."""
    content = (crashed / "seg-001.h5").read_bytes()
    return content.index(np.float64(value).tobytes() + b"\1\0\0\0")


def test_a_damaged_chunk_costs_that_chunk(crashed: Path, tmp_path: Path) -> None:
    run = open_run(_damaged(crashed, tmp_path / "run", _chunk(crashed, 5000.0)))
    assert run.scalars("loss").step.tolist() == [*range(4097), *range(8193, 10_001)]
    (problem,) = run.problems
    assert "seg-001.h5: rows 4096 to 8191 of events are lost" in problem


def test_a_chunk_torn_by_the_killing_keeps_its_rows(crashed: Path, tmp_path: Path) -> None:
    run = open_run(_damaged(crashed, tmp_path / "run", _chunk(crashed, 9000.0)))
    assert run.scalars("loss").step.tolist() == list(range(10_001))
    (problem,) = run.problems
    assert "rows 8192 to 9999 of events are not verified" in problem


@pytest.mark.parametrize("size", [100, 5000])
def test_a_cut_file_costs_one_segment(
    crashed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(salvage, "_LIMIT_SECONDS", 0.5)
    folder = tmp_path / "run"
    shutil.copytree(crashed, folder)
    os.truncate(folder / "seg-001.h5", size)
    run = open_run(folder)
    assert run.scalars("loss").step.tolist() == [0]
    assert len(run.problems) >= 1


def test_a_finished_segment_may_be_damaged_too(crashed: Path, tmp_path: Path) -> None:
    content = (crashed / "seg-000.h5").read_bytes()
    (tmp_path / "seg-000.h5").write_bytes(content[:600] + b"\0" * 3000)
    run = open_run(tmp_path)
    assert (run.tags, run.status) == ([], "crashed")
    (problem,) = run.problems
    assert problem.startswith("seg-000.h5 was not read to its end: ")


def test_damage_found_when_a_file_is_closed_costs_nothing_that_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RunLog(tmp_path / "run") as log:
        log.text("first", 1)
        log.text("second", 2)
    run = open_run(tmp_path / "run")
    opened = segment_reader.open_segment
    run.tags  # noqa: B018 (reads everything but the blob)

    @contextlib.contextmanager
    def fails_at_last(path: Path, *, live: bool) -> Iterator[h5py.File]:
        with opened(path, live=live) as file:
            yield file
        raise OSError("its free space cannot be written")

    monkeypatch.setattr(segment_reader, "open_segment", fails_at_last)
    assert [note.text for note in run.texts()] == ["first", "second"]
    (problem,) = run.problems
    assert "blob cannot be read (its free space cannot be written)" in problem
