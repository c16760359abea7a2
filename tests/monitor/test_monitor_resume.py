"""Going on with a run from an earlier step."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from monitor.runlog import RunLog, RunLogError, open_run


def _write(folder: Path, steps: range, value: float, resume: int | None = None) -> None:
    with RunLog(folder, {"value": value}, resume_step=resume) as log:
        for step in steps:
            log.scalar("loss", value, step)
            log.text(f"{value:g} at {step}", step)
            log.picture("crop", np.full((2, 2), value, np.uint8), step)
            log.histogram("weights", [value], step)
            log.funnel(step, "detect-1", 2, 1, 1)
            log.checkpoint(step, f"{step}.h5")


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    _write(folder, range(10), 1)
    _write(folder, range(5, 8), 2, resume=5)
    _write(folder, range(3, 5), 3, resume=3)
    return folder


def test_superseded_rows_are_left_out(resumed: Path) -> None:
    run = open_run(resumed)
    curve = run.scalars("loss")
    assert curve.step.tolist() == [0, 1, 2, 3, 4]
    assert curve.value.tolist() == [1, 1, 1, 3, 3]
    expected = ["1 at 0", "1 at 1", "1 at 2", "3 at 3", "3 at 4"]
    assert [note.text for note in run.texts()] == expected
    assert [picture.step for picture in run.pictures("crop")] == [0, 1, 2, 3, 4]
    assert run.histograms("weights").lowest.tolist() == [1, 1, 1, 3, 3]
    assert run.funnel().step.tolist() == [0, 1, 2, 3, 4]
    assert [mark.step for mark in run.checkpoints()] == [0, 1, 2, 3, 4]


def test_ghosts_are_the_superseded_rows(resumed: Path) -> None:
    ghosts = open_run(resumed).scalars("loss", ghosts=True)
    assert ghosts.step.tolist() == [3, 4, 5, 6, 7, 8, 9, 5, 6, 7]
    assert ghosts.value.tolist() == [1] * 7 + [2] * 3


def test_segments_name_their_parents_and_start(resumed: Path) -> None:
    found = []
    for path in sorted(resumed.glob("seg-*.h5")):
        with h5py.File(path, "r") as file:
            found.append((file.attrs["parent"].decode(), int(file.attrs["start_step"])))
    assert found == [("", -1), ("seg-000.h5", 5), ("seg-001.h5", 3)]
    assert open_run(resumed).info["config"] == {"value": 1}


def test_a_delta_across_a_resume_says_what_to_drop(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    _write(folder, range(10), 1)
    run = open_run(folder)
    first = run.delta()
    assert first.status == "finished"
    log = RunLog(folder, resume_step=4)
    log.scalar("loss", 2, 4)
    log.flush()
    second = run.delta(first.cursor)
    assert (second.masked_from, second.status) == (4, "running")
    assert second.scalars["loss"].value.tolist() == [2]
    log.scalar("loss", 2, 5)
    with pytest.raises(KeyError), log:
        raise KeyError
    third = run.delta(second.cursor)
    assert (third.masked_from, third.status) == (None, "crashed")
    assert third.scalars["loss"].step.tolist() == [5]


def test_a_run_is_not_begun_over_another(resumed: Path) -> None:
    with pytest.raises(RunLogError, match="holds one; give resume_step to go on with it"):
        RunLog(resumed)
    with pytest.raises(RunLogError, match=r"resume_step in whole numbers .* not -1"):
        RunLog(resumed, resume_step=-1)
