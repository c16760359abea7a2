"""Workers of the augmentation server that sleep instead of computing.

With `augment.server.Server`'s ``worker="scripts.bench_sleepers"``, `lasagnette bench augment` loads
the assembler as a machine with many cores would: all queues and all of the pixels' copies are real,
only the making of the pixels is not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from augment.cache import PhotoCache
from augment.samples import Batch
from augment.server.plan import Memory, Plan
from augment.server.worker import Make, serve

__all__ = ["RATE", "main"]

RATE = 2000
"""Samples per second of one worker."""


def main(arguments: Sequence[str]) -> None:
    """Work until the assembler closes the pipe."""
    serve(arguments, _prepare)


def _prepare(
    plan: Plan, memory: Memory, number: int, note: Callable[[str], None]
) -> tuple[Make, PhotoCache]:
    side = plan.recipe.side
    noise = np.random.default_rng(number).integers(
        0, 256, (plan.recipe.batch_size, 3, side, side), np.uint8
    )

    def make(
        epoch: int, step: int, positions: np.ndarray, rows: np.ndarray, classes: np.ndarray
    ) -> Batch:
        time.sleep(len(rows) / RATE)
        return Batch(noise[: len(rows)], np.zeros(len(rows), np.int32))

    return make, PhotoCache()
