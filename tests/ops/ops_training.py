"""A program that trains a few steps with every Op of the library, and prints what came of it.

Its only argument lists thread counts. It prints one line of JSON: where the library lies, which
kernels computed, which Ops the graph has, what Numba compiled, and for each thread count the
bytes of all results as float64 numbers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numba.core.event
import numpy as np
import pytensor
import pytensor.tensor as pt

import lasagnette
from lasagnette.ops import (
    batch_statistics,
    conv2d,
    dropout_mask,
    kernels,
    normalize,
    pool2d,
    relu,
)

# So many numbers that the kernels do use several threads.
BATCH, SIDE, STEPS = 256, 20, 3

SHAPES = {
    **{"w1": (8, 3, 3, 3), "gamma1": (8,), "beta1": (8,)},
    **{"w2": (16, 8, 3, 3), "b2": (16,)},
    **{"w3": (16, 16, 3, 3), "gamma3": (16,), "beta3": (16,)},
    **{"w4": (3, 16, 1, 1), "b4": (3,)},
}


def normalized(x: Any, gamma: Any, beta: Any) -> Any:
    mean, variance = batch_statistics(x)
    inv_std = 1 / pt.sqrt(variance + np.float32(0.1))
    return relu(normalize(x, gamma, beta, mean, inv_std, of_batch=True))


def main(threads: list[int]) -> None:
    rng = np.random.default_rng(0)
    p = {
        name: pytensor.shared(rng.normal(0.1, 0.2, shape).astype("float32"), name, shape=shape)
        for name, shape in SHAPES.items()
    }
    state = pytensor.shared(np.array([5, 0]), "state", shape=(2,))
    x = pt.tensor("x", dtype="float32", shape=(None, 3, SIDE, SIDE))
    y = pt.fmatrix("y")

    h = conv2d(x * dropout_mask(x, 0.2, state), p["w1"], pad="same")
    h = pool2d(normalized(h, p["gamma1"], p["beta1"]), 3, 2)
    h = pool2d(conv2d(h, p["w2"], p["b2"], pad="same", relu=True), 2)
    h = pool2d(normalized(conv2d(h, p["w3"], pad="same"), p["gamma3"], p["beta3"]), 2)
    h = conv2d(h, p["w4"], p["b4"], relu=True)
    h = pool2d(h, 2, mode="average_inc_pad").flatten(2)
    loss = ((h - y) ** 2).sum() + pt.dot(h.T, y).mean()
    rate = np.float32(0.01 / BATCH)
    updates = {v: v - rate * pytensor.grad(loss, v) for v in p.values()}
    updates[state] = state + np.array([0, 1])

    images = rng.normal(size=(BATCH, 3, SIDE, SIDE)).astype("float32")
    targets = rng.normal(size=(BATCH, 3)).astype("float32")
    start = {v: v.get_value() for v in updates}
    results = []
    with numba.core.event.install_recorder("numba:compile") as compiled:
        train = pytensor.function([x, y], [loss, h], updates=updates)
        for count in threads:
            kernels.set_threads(count)
            for variable, value in start.items():
                variable.set_value(value)
            values = [value for _ in range(STEPS) for value in train(images, targets)]
            values += [v.get_value() for v in updates]
            flat = np.concatenate([np.ravel(value).astype("float64") for value in values])
            results.append(flat.tobytes().hex())
    report = {
        "library": str(Path(lasagnette.__file__).parent),
        "kernels": kernels.describe()["name"],
        "ops": [type(node.op).__name__ for node in train.maker.fgraph.toposort()],
        "compiled": [str(e.data["dispatcher"]) for _, e in compiled.buffer if e.is_start],
        "results": results,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main([int(count) for count in sys.argv[1].split(",")])
