"""Where a detector's time goes: its functions are timed from outside, for this measurement only."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np

import cascade.stages
from cascade import Detector
from cascade.bundle import Net
from cascade.sweep import Sweep

__all__ = ["timed_steps"]

_FUNCTIONS = {"crop_many": "crops", "filter_frames": "filtering"}


def timed_steps(detector: Detector, image: np.ndarray, repeats: int) -> dict[str, float]:
    """Milliseconds by step, each the median of several calls.

    Parameters
    ----------
    detector
        With warm nets.
    image
        uint8 ``(rows, columns, 3)``.
    repeats
        Number of calls.

    Returns
    -------
    dict
        'levels', 'sweep', each later net by name, 'crops', 'filtering', and the 'rest'.
    """
    calls = [_one_call(detector, image) for _ in range(repeats)]
    names = dict.fromkeys(name for call in calls for name in call)
    return {name: median(call.get(name, 0.0) for call in calls) for name in names}


def _one_call(detector: Detector, image: np.ndarray) -> dict[str, float]:
    spent: dict[str, float] = defaultdict(float)

    def timed(function: Callable[..., Any], name: str | None) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            result = function(*arguments, **options)
            # A net is named after itself.
            spent[name or arguments[0].name] += 1000 * (time.perf_counter() - start)
            return result

        return call

    levels = cascade.stages.level_images

    def timed_levels(*arguments: Any) -> Iterator[Any]:
        images = levels(*arguments)
        following = timed(lambda: next(images, None), "levels")
        while (level := following()) is not None:
            yield level

    with ExitStack() as stack:
        stack.enter_context(patch.object(cascade.stages, "level_images", timed_levels))
        stack.enter_context(patch.object(Sweep, "logits", timed(Sweep.logits, "sweep")))
        stack.enter_context(patch.object(Net, "logits", timed(Net.logits, None)))
        for function, name in _FUNCTIONS.items():
            own = timed(getattr(cascade.stages, function), name)
            stack.enter_context(patch.object(cascade.stages, function, own))
        start = time.perf_counter()
        detector.detect(image)
        whole = 1000 * (time.perf_counter() - start)
    return {**spent, "rest": whole - sum(spent.values())}
