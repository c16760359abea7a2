"""What logging costs the training."""

import time
from pathlib import Path

import pytest

from monitor.runlog import RunLog


@pytest.mark.slow
def test_a_scalar_costs_a_couple_of_microseconds(tmp_path: Path) -> None:
    with RunLog(tmp_path / "run") as log:
        best = float("inf")
        for _ in range(20):
            begin = time.perf_counter()
            for step in range(10_000):
                log.scalar("train/loss", 0.5, step)
            best = min(best, (time.perf_counter() - begin) / 10_000)
            log.flush()
    assert best < 2e-6, f"{best * 1e6:.2f} us per call"
