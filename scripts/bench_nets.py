"""One side of the net benchmark: a process that times what it is asked for.

Run as ``python bench_nets.py {lasagnette,torch} THREADS``. Each line on its standard input is
``NET PASS REPEATS``; it answers with the milliseconds of every repeat as JSON. The PyTorch side
needs only torch and NumPy, so it can run in another environment.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial

__all__ = ["BATCHES", "main"]

BATCHES = {"net12": (1024, 12), "net48": (128, 48)}
"""Batch size and side of the input of every net."""

Pass = Callable[[], object]


def lasagnette_passes(threads: int) -> dict[tuple[str, str], Pass]:
    """Return the passes of our nets, in PyTensor's default mode with plain SGD."""
    import numpy as np
    import pytensor
    import pytensor.tensor as pt
    from threadpoolctl import threadpool_limits

    from lasagnette import layers, objectives, updates
    from lasagnette.ops import kernels
    from nets import registry

    threadpool_limits(1, user_api="blas")
    kernels.set_threads(threads)
    kernels.keep_memory()
    rng = np.random.default_rng(0)
    passes: dict[tuple[str, str], Pass] = {}
    for name, (batch, side) in BATCHES.items():
        x = pt.tensor("x", shape=(None, 3, side, side), dtype="float32")
        y = pt.ivector("y")
        net = registry.build(name, x)
        sure = layers.get_output(net, deterministic=True)
        forward = pytensor.function([x], sure, trust_input=True)
        logits = layers.get_output(net)
        loss = objectives.aggregate(objectives.categorical_crossentropy_logits(logits, y))
        changes = updates.sgd(loss, layers.get_all_params(net, trainable=True), np.float32(0.01))
        changes.update(layers.get_updates(logits))
        step = pytensor.function([x, y], loss, updates=list(changes.items()), trust_input=True)
        images = rng.random((batch, 3, side, side), dtype=np.float32)
        labels = rng.integers(0, 2, batch).astype(np.int32)
        passes[name, "forward"] = partial(forward, images)
        passes[name, "training"] = partial(step, images, labels)
    return passes


def torch_passes(threads: int) -> dict[tuple[str, str], Pass]:
    """Return the same passes of the same nets in PyTorch."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    torch.manual_seed(0)

    def block(channels: int, filters: int, size: int) -> list[nn.Module]:
        conv = nn.Conv2d(channels, filters, size, padding=size // 2)
        return [conv, nn.ReLU(), nn.MaxPool2d(2)]

    def head(inputs: int, hidden: int) -> list[nn.Module]:
        dense, output = nn.Linear(inputs, hidden), nn.Linear(hidden, 2)
        return [nn.Flatten(), nn.Dropout(0.5), dense, nn.ReLU(), nn.Dropout(0.5), output]

    blocks48 = [(3, 64, 5), (64, 64, 5), (64, 64, 3), (64, 64, 3)]
    nets = {
        "net12": nn.Sequential(nn.Dropout(0.1), *block(3, 16, 3), *head(576, 16)),
        "net48": nn.Sequential(
            nn.Dropout(0.1), *(layer for b in blocks48 for layer in block(*b)), *head(576, 256)
        ),
    }
    passes: dict[tuple[str, str], Pass] = {}
    for name, (batch, side) in BATCHES.items():
        images = torch.rand(batch, 3, side, side)
        labels = torch.randint(0, 2, (batch,))

        def forward(net=nets[name], images=images):
            net.eval()
            with torch.inference_mode():
                return net(images)

        optimiser = torch.optim.SGD(nets[name].parameters(), 0.01)

        def training(net=nets[name], optimiser=optimiser, images=images, labels=labels):
            net.train()
            optimiser.zero_grad(set_to_none=True)
            loss = nn.functional.cross_entropy(net(images), labels)
            loss.backward()
            optimiser.step()
            return loss.item()

        passes[name, "forward"], passes[name, "training"] = forward, training
    return passes


def main() -> None:
    """Answer the requests on standard input until it ends."""
    side, threads = sys.argv[1], int(sys.argv[2])
    passes = (lasagnette_passes if side == "lasagnette" else torch_passes)(threads)
    for run in passes.values():
        run()  # warm
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        name, kind, repeats = line.split()
        times = []
        for _ in range(int(repeats)):
            started = time.perf_counter()
            passes[name, kind]()
            times.append(1000 * (time.perf_counter() - started))
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    # As a script, Python's path begins with this folder. Our side needs the project's; the rival's
    # Python must not see our packages.
    project = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path[:1] = [project] if sys.argv[1] == "lasagnette" else []
    main()
