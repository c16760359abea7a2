"""A clock that is set back, while a training goes on and between two of its starts."""

import itertools
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from monitor import runlog
from monitor.app import create_app
from monitor.runlog import RunLog, open_run

HOUR = 3600.0
STEPS = 400


@pytest.fixture
def set_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run during which the clock was set back by an hour, and again before it was resumed."""
    real = time.time
    back = itertools.count()
    folder = tmp_path / "run"

    def clock() -> float:
        return real() - HOUR * (next(back) > 0)

    monkeypatch.setattr(time, "time", clock)
    monkeypatch.setattr(runlog, "time", clock, raising=False)
    cursor = None
    for start, stop in ((0, STEPS // 2), (STEPS // 2, STEPS)):
        with RunLog(folder, {"steps": STEPS}, resume_step=start or None) as log:
            for step in range(start, stop):
                log.scalar("train/loss", 1 / (step + 1), step, step / 100)
                if step % 100 == 50:
                    log.checkpoint(step, f"{step}.h5")
                    log.text(f"at {step}", step)
                    log.flush()
                    delta = open_run(folder).delta(cursor)
                    assert delta.scalars["train/loss"].step[-1] == step
                    cursor = delta.cursor
        later = real() + HOUR
        os.utime(folder / "seg-000.h5", (later, later))
    return tmp_path


def test_the_reader_keeps_the_order_of_the_steps(set_back: Path) -> None:
    run = open_run(set_back / "run")
    series = run.scalars("train/loss")
    assert series.step.tolist() == list(range(STEPS))
    assert np.all(np.diff(series.value) < 0)
    assert np.all(np.diff(series.time) >= 0), "of two in one tick neither is before the other"
    assert series.time[STEPS // 2] >= time.time() + HOUR - 60, "goes on from the last write"
    assert [mark.step for mark in run.checkpoints()] == [50, 150, 250, 350]
    assert [note.step for note in run.texts()] == [50, 150, 250, 350]
    assert (run.status, run.problems) == ("finished", [])


@pytest.mark.parametrize("axis", ["step", "epoch", "time"])
def test_curves_go_on_along_every_axis(set_back: Path, axis: str) -> None:
    client = create_app(set_back).test_client()
    answer = client.get(f"/api/runs/run/series?tag=train/loss&x={axis}&width=10000")
    assert answer.status_code == 200
    size = int.from_bytes(answer.data[4:8], "little")
    head = json.loads(answer.data[8 : 8 + size])
    numbers = np.frombuffer(answer.data, "<f8", offset=8 + size)
    (curve,) = head["series"]
    x, value = (
        numbers[curve[name]["at"] : curve[name]["at"] + curve[name]["length"]]
        for name in ("x", "value")
    )
    assert len(x) == STEPS
    assert np.all(np.diff(x) >= 0)
    assert np.all(np.diff(value) < 0), "the curve runs back and forth"
    about = client.get("/api/runs/run").get_json()
    assert [mark["step"] for mark in about["marks"]["checkpoints"]] == [50, 150, 250, 350]
