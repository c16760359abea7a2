"""The small calibration net, with little and with all data."""

from __future__ import annotations

from scripts.experiments.calibrations import calibration

__all__ = ["EXPERIMENT"]

EXPERIMENT = calibration(
    "small",
    net="net12_cal",
    batch_size=512,
    learning_rate=3e-3,
    epochs=12,
    epoch_samples=30_000,
)
