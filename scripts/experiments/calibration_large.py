"""The large calibration net, with little and with all data."""

from __future__ import annotations

from scripts.experiments.calibrations import calibration

__all__ = ["EXPERIMENT"]

EXPERIMENT = calibration(
    "large",
    net="net48_cal",
    batch_size=128,
    learning_rate=1e-3,
    epochs=12,
    epoch_samples=2_500,
    validation_every=8,
)
