"""Run folders for the browser's tests: what a training, a cascade and a stranger would write."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from monitor.runlog import Boxes, RunLog

HOSTILE = "x<img src=x onerror=alert(1)>&'\" ..%2e"
SCRIPT_TAG = "<script>alert(2)</script>"

LAYERS = [
    {"layer": "InputLayer", "name": "input", "shape": [None, 3, 12, 12], "parameters": 0},
    {"layer": "Conv2DLayer", "name": "conv1", "shape": [None, 16, 12, 12], "parameters": 448},
    {"layer": "MaxPool2DLayer", "name": None, "shape": [None, 16, 6, 6], "parameters": 0},
    {"layer": "DenseLayer", "name": "dense", "shape": [None, 16], "parameters": 9232},
    {"layer": "DenseLayer", "name": "out", "shape": [None, 2], "parameters": 34},
]


def settings(**changes: Any) -> dict[str, Any]:
    """Settings as a training's `run.json` has them."""
    return {"settings": {"net": "net12", "epochs": 10, "learning_rate": 0.003, **changes}}


def curves(log: RunLog, first: int, last: int, *, level: float = 0.0, seed: int = 0) -> None:
    """Log the curves of a training whose epochs have 100 steps."""
    rng = np.random.default_rng(seed)
    for step in range(first, last):
        epoch = step / 100
        loss = level + 0.6 * math.exp(-step / 300) + 0.1 + 0.04 * rng.normal()
        log.scalar("train/loss", loss, step, epoch)
        log.scalar("train/accuracy", 1 - loss / 2, step, epoch)
        log.scalar("train/learning_rate", 0.003 * (1 - step / 1000), step, epoch)
        log.scalar("train/wait", 0.002 + 0.001 * rng.random(), step, epoch)
        if step % 100 == 99:
            log.scalar("valid/loss", loss + 0.02, step, epoch)
            log.scalar("valid/accuracy", 0.97 - loss / 2, step, epoch)
            log.scalar("valid/precision", 0.9, step, epoch)
            log.scalar("valid/recall", 0.8, step, epoch)
            log.scalar("queue/batches", float(rng.integers(0, 8)), step, epoch)
            log.scalar("queue/waited", 0.31, step, epoch)


def full_run(folder: Path) -> None:
    """Write a finished run that has everything: NaN, checkpoints, a resume, pictures, a funnel."""
    with RunLog(folder, settings(), command=["train", "net12"], architecture=LAYERS) as log:
        curves(log, 0, 600)
        log.checkpoint(300, "checkpoint.h5")
    with RunLog(folder, settings(), resume_step=400) as log:
        curves(log, 400, 700, seed=1)
        log.scalar("train/loss", math.nan, 700, 7.0)
        curves(log, 701, 1000, seed=1)
        log.checkpoint(900, "checkpoint.h5")
        log.scalar("norm/gradient", 3.5, 900)
        for step in (0, 250, 500, 750):
            pictures(log, step)
        log.text("learning rate halved", 500)


def pictures(log: RunLog, step: int) -> None:
    """Log what a training shows at one of its steps."""
    rng = np.random.default_rng(step)
    rows, columns = np.mgrid[0:90, 0:120]
    photo = np.stack([rows * 2, columns * 2, (rows + columns + step) % 256], -1).astype(np.uint8)
    groups = [
        Boxes(rng.uniform(5, 50, (12, 4)), rng.uniform(0, 1, 12), 1, "fired"),
        Boxes(
            np.array([[20, 20, 30, 30], [60, 30, 24, 24]], float),
            np.array([0.7, 0.4]),
            2,
            "kept_in_size",
        ),
        Boxes(np.array([[21, 19, 31, 31]], float), np.array([0.95]), 3, "kept_at_last"),
        Boxes(np.array([[20, 20, 32, 32]], float), None, 0, "truth"),
    ]
    for name in ("garden", "street"):
        log.picture(f"detections/{name}", photo, step, {"threshold": 0.5}, groups)
    if not step:
        for sample in range(2):
            crop = photo[sample * 20 : sample * 20 + 24, 10:34]
            log.picture("augmentation", crop, step, {"sample": sample, "role": "original"})
            for turn in (-4.5, 3.25, 9.0):
                about = {
                    "sample": sample,
                    "role": "augmented",
                    "rotation": turn,
                    "mirror": turn > 0,
                }
                log.picture("augmentation", crop[::-1], step, about)
    log.picture("filters/conv1", rng.integers(0, 255, (16, 32, 3), dtype=np.uint8), step)
    log.histogram("weights/conv1", rng.normal(0, 0.1 + step / 5000, 500), step)
    for stage, (seen, kept, faces) in enumerate(
        [(250_000, 31_000, 120), (31_000, 900, 117), (900, 130, 112)], 1
    ):
        log.funnel(step, f"detect-{stage}", seen, kept, faces)
    for face, score in ((False, 0.1), (True, 0.45), (False, 0.3)):
        log.picture("rejected/detect-1", photo[:12, :12], step, {"face": face, "score": score})


def small_run(folder: Path, *, level: float = 0.0, seed: int = 0, **changes: Any) -> None:
    """Write a short finished run."""
    with RunLog(folder, settings(**changes)) as log:
        curves(log, 0, 300, level=level, seed=seed)


def hostile_run(folder: Path) -> None:
    """Write a run whose name and texts try to be markup."""
    with RunLog(folder / HOSTILE, {SCRIPT_TAG: SCRIPT_TAG}) as log:
        for step in range(20):
            log.scalar(SCRIPT_TAG, step, step)
            log.scalar("train/loss", step, step)
        log.text(SCRIPT_TAG, 3)
        pixels = np.zeros((12, 12, 3), np.uint8)
        log.picture(f"detections/{SCRIPT_TAG}", pixels, 0, {SCRIPT_TAG: SCRIPT_TAG})


def teaching_runs(folder: Path) -> Path:
    """Write the runs that most tests look at."""
    full_run(folder / "full")
    small_run(folder / "reproduce" / "base", seed=2)
    small_run(folder / "reproduce" / "high", level=0.3, seed=3, learning_rate=0.01)
    hostile_run(folder)
    return folder
