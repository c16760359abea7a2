"""Reading a run while it is written: status, deltas, one writer at a time."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from monitor_processes import wait_until

from monitor import status
from monitor.layout import USER_BLOCK
from monitor.process import Process
from monitor.runlog import RunLog, RunLogError, list_runs, open_run

PLAIN_SCRIPT = """
import sys
from monitor.runlog import RunLog

with RunLog(sys.argv[1]) as log:
    for step in range(1000):
        log.scalar("train/loss", 1 / (step + 1), step)
"""


def test_three_lines_in_a_plain_script(
    tmp_path: Path, start_script: Callable[..., subprocess.Popen[str]]
) -> None:
    script = start_script(PLAIN_SCRIPT, tmp_path / "runs" / "first")
    _, errors = script.communicate(timeout=60)
    assert (script.returncode, errors) == (0, "")
    run = open_run(tmp_path / "runs" / "first")
    assert run.status == "finished"
    assert run.scalars("train/loss").value.tolist() == [1 / (step + 1) for step in range(1000)]


def test_a_reader_sees_a_growing_prefix(tmp_path: Path) -> None:
    total = 30_000
    with RunLog(tmp_path / "run", segment_bytes=1_000_000) as log:
        run = open_run(tmp_path / "run")
        log.scalar("loss", 0.0, 0)
        log.flush()
        seen = 1
        for step in range(1, total):
            log.scalar("loss", float(step), step)
            if step % 100 == 0:
                time.sleep(0.001)
            if step % 1500 == 0:
                log.flush()
                read = run.scalars("loss")
                assert len(read.step) > step
                np.testing.assert_array_equal(read.value, np.arange(len(read.step)))
                seen = len(read.step)
        assert seen > total // 2
    assert len(run.scalars("loss").step) == total
    assert run.problems == []


def test_deltas_add_up_to_the_run(tmp_path: Path) -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    with RunLog(tmp_path / "run", segment_bytes=700_000) as log:
        run = open_run(tmp_path / "run")
        first = run.delta()
        assert (first.scalars, first.masked_from, first.status) == ({}, 0, "running")
        values: list[float] = []
        steps: list[int] = []
        cursor = first.cursor
        for step in range(12):
            for value in range(1000):
                log.scalar("loss", value, step)
            log.picture("crop", image, step)
            log.text(f"step {step}", step)
            log.histogram("weights", [step], step)
            log.funnel(step, "detect-1", 10, 5, 1)
            log.checkpoint(step, f"{step}.h5")
            log.flush()
            delta = run.delta(cursor)
            cursor = delta.cursor
            values += delta.scalars["loss"].value.tolist()
            steps += [picture.step for picture in delta.pictures]
            assert delta.masked_from is None
            assert [note.text for note in delta.texts] == [f"step {step}"]
            assert [mark.name for mark in delta.checkpoints] == [f"{step}.h5"]
            assert delta.histograms["weights"].step.tolist() == [step]
            assert delta.funnel.step.tolist() == [step]
    assert len(list((tmp_path / "run").glob("seg-*.h5"))) > 1
    assert steps == list(range(12))
    assert values == run.scalars("loss").value.tolist()
    last = run.delta(cursor)
    assert (last.scalars, last.pictures, last.status) == ({}, [], "finished")


@pytest.mark.parametrize("cursor", ["", "x", "1.2", "0.-1.0.0.0.0", "0.1.2.3.4.5.6"])
def test_a_wrong_cursor_is_refused(tmp_path: Path, cursor: str) -> None:
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(RunLogError, match=r"Run\.delta takes a cursor"):
        open_run(tmp_path).delta(cursor)


def test_status_from_start_to_end(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with RunLog(folder) as log:
        run = open_run(folder)
        log.scalar("loss", 1.0, 0)
        wait_until(lambda: "loss" in run.tags, seconds=5)  # nobody has to flush
        assert run.status == "running"
        os.utime(folder / "seg-000.h5", (0, time.time() - 100))
        assert open_run(folder).status == "stalled"
        assert open_run(folder, stalled_after=1000).status == "running"
    assert open_run(folder).status == "finished"


def test_an_exception_leaves_a_crashed_run_with_its_reason(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "run")
    log.scalar("loss", 1.0, 41)
    with pytest.raises(ZeroDivisionError), log:
        1 / 0  # noqa: B018
    run = open_run(tmp_path / "run")
    assert run.status == "crashed"
    assert run.scalars("loss").step.tolist() == [41]
    (note,) = run.texts()
    assert (note.step, note.text) == (41, "Stopped by ZeroDivisionError: division by zero")


def test_a_second_writer_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run"
    with RunLog(folder) as log:
        log.scalar("loss", 1.0, 0)
        for step in (None, 0):
            with pytest.raises(RunLogError, match=r"is being written by process \d+ on .*stop"):
                RunLog(folder, resume_step=step)
        # Two that start together both find the folder empty.
        monkeypatch.setattr("monitor.runlog.living_writer", lambda folder: None)
        monkeypatch.setattr("monitor.runlog.segment_paths", lambda folder: [])
        with pytest.raises(RunLogError, match=r"another process has just begun .*seg-000\.h5"):
            RunLog(folder)
        log.scalar("loss", 2.0, 1)
    run = open_run(folder)
    assert (run.status, run.scalars("loss").value.tolist()) == ("finished", [1.0, 2.0])
    assert not list(folder.glob(".*"))


def _segment_of(folder: Path, process: Process) -> Path:
    """Make a file that looks as if `process` had it open for writing."""
    folder.mkdir()
    path = folder / "seg-000.h5"
    block = process.dump().encode().ljust(USER_BLOCK, b"\0")
    path.write_bytes(block + b"\x89HDF\r\n\x1a\n\x03\x08\x08\x05" + bytes(100))
    return path


def test_a_reused_process_number_is_not_taken_for_the_writer(tmp_path: Path) -> None:
    me = Process.current()
    assert me.alive() is True
    assert status.segment_state(_segment_of(tmp_path / "a", me)) == "live"
    other = me._replace(started=me.started - 1)
    assert status.segment_state(_segment_of(tmp_path / "b", other)) == "dead"
    rebooted = me._replace(boot="another boot of this machine")
    assert status.segment_state(_segment_of(tmp_path / "c", rebooted)) == "dead"


def test_a_writer_of_another_machine_is_judged_by_the_age_of_the_file(tmp_path: Path) -> None:
    other = Process.current()._replace(boot="another machine", host="elsewhere")
    assert other.alive() is None
    path = _segment_of(tmp_path / "run", other)
    assert status.segment_state(path) == "live"
    os.utime(path, (0, time.time() - 2 * status.STALLED_SECONDS))
    assert status.segment_state(path) == "dead"


def test_what_is_no_run_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(RunLogError, match=r"open_run takes a folder with run\.json.*nothing"):
        open_run(tmp_path / "nothing")
    assert list_runs(tmp_path / "nothing") == []
    (tmp_path / "other").mkdir()
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "run.json").write_text(json.dumps({"host": "here"}))
    (run,) = list_runs(tmp_path)
    assert (run.name, run.status, run.tags) == ("begun", "crashed", [])
    assert run.info == {"host": "here"}


def test_unknown_names_and_cursors(tmp_path: Path) -> None:
    with RunLog(tmp_path / "run") as log:
        log.scalar("train/loss", 1.0, 0)
    run = open_run(tmp_path / "run")
    with pytest.raises(RunLogError, match=r"no scalar 'loss'; it has 'train/loss'"):
        run.scalars("loss")
    with pytest.raises(RunLogError, match=r"no picture 'faces'; it has none"):
        run.pictures("faces")
    for media in ("0-0", "x", ""):
        with pytest.raises(RunLogError, match=r"no picture .*see Run\.pictures"):
            run.media(media)
    beyond = run.delta("7.100.0.0.0.0")
    assert beyond.masked_from == 0
    assert beyond.scalars["train/loss"].value.tolist() == [1.0]
