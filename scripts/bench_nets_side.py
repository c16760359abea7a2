"""One side of `lasagnette bench nets`: a process that times the nets it is asked for.

Run as ``python bench_nets_side.py {lasagnette,torch} THREADS DEVICE BACKEND``. Each line on its
standard input is a JSON list, the name of a method of :class:`Side` and its arguments; each is
answered with a line of JSON. Nothing is built before it is asked for. The PyTorch side needs only
torch, so that it can run in another environment; no other module of this project is imported
there.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from typing import Any

__all__ = ["BATCHES", "Lasagnette", "Side", "Torch", "main"]

BATCHES = {
    "net12": (1024, 12, 2),
    "net48": (128, 48, 2),
    "net64_inception": (128, 64, 2),
    "net_smiles": (128, 48, 17),
}
"""Batch size, side of the input and classes of every net."""

RATE = 0.01  # of plain SGD

Pass = Callable[[], object]


class Side(ABC):
    """A library that runs the nets; `pass` is "forward" or "training"."""

    def __init__(self) -> None:
        self._passes: dict[tuple[str, str], Pass] = {}

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Return versions, instruction set and device."""

    @abstractmethod
    def parameters(self, net: str) -> int:
        """Return the number of trained values of a net: both sides must have as many."""

    @abstractmethod
    def make(self, net: str, kind: str) -> Pass:
        """Return a function that runs one pass over one batch, to its very end."""

    def build(self, net: str, kind: str) -> None:
        """Compile a pass and run it until it is warm."""
        run = self._passes[net, kind] = self.make(net, kind)
        for _ in range(2):
            run()

    def time(self, net: str, kind: str, repeats: int) -> list[float]:
        """Return the milliseconds of every repeat of a pass that has been built."""
        run = self._passes[net, kind]
        times = []
        for _ in range(repeats):
            started = time.perf_counter()
            run()
            times.append(1000 * (time.perf_counter() - started))
        return times


class Lasagnette(Side):
    """Our nets, with a backend of :mod:`lasagnette.backend`."""

    def __init__(self, threads: int, device: str, backend: str) -> None:
        super().__init__()
        self._device, self._backend = device, backend
        if backend == "jax" and device == "cpu":
            os.environ["JAX_PLATFORMS"] = "cpu"
            # XLA has no setting of its own for the number of threads.
            if hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        import numpy as np

        from lasagnette.backend import threads as limit_threads
        from lasagnette.ops import kernels

        self._limits = limit_threads(threads)
        self._limits.__enter__()  # for as long as this process lives
        kernels.keep_memory()
        self._rng = np.random.default_rng(0)
        self._nets: dict[str, Any] = {}

    def facts(self) -> dict[str, Any]:
        from lasagnette.ops import kernels

        packages = ["pytensor", "numpy", *({"numba", "jax"} & {self._backend})]
        versions = {name: version(name) for name in packages}
        return {
            "versions": {"python": platform.python_version(), **versions},
            "backend": self._backend,
            "instructions": "xla" if self._backend == "jax" else kernels.describe()["name"],
            "device": self._device_name(),
        }

    def _device_name(self) -> str:
        if self._backend != "jax":
            return "cpu"
        import jax

        device = jax.devices()[0]
        if device.platform != self._device:
            raise SystemExit(f"JAX finds no {self._device} here, only {device.platform}.")
        return device.device_kind

    def parameters(self, net: str) -> int:
        from lasagnette.layers import count_params

        return int(count_params(self._net(net), trainable=True))

    def _net(self, name: str) -> Any:
        from nets import registry

        if name not in self._nets:
            self._nets[name] = registry.build(name)
            if self._backend == "jax":
                self._move(self._nets[name])
        return self._nets[name]

    def _move(self, net: Any) -> None:
        """Store the parameters where JAX computes; NumPy arrays would travel at every call."""
        import jax

        from lasagnette.layers import get_all_params

        for parameter in get_all_params(net):
            parameter.container.storage[0] = jax.device_put(parameter.get_value())

    def make(self, net: str, kind: str) -> Pass:
        import numpy as np
        import pytensor
        import pytensor.tensor as pt

        from lasagnette import backend, layers, objectives, updates

        batch, side, classes = BATCHES[net]
        layer, mode = self._net(net), backend.mode(self._backend)
        x = pt.tensor("x", shape=(None, 3, side, side), dtype="float32")
        images = self._rng.random((batch, 3, side, side), dtype=np.float32)
        if kind == "forward":
            sure = layers.get_output(layer, x, deterministic=True)
            return self._runs(pytensor.function([x], sure, mode=mode, trust_input=True), images)
        y = pt.ivector("y")
        labels = self._rng.integers(0, classes, batch).astype(np.int32)
        logits = layers.get_output(layer, x)
        loss = objectives.aggregate(objectives.categorical_crossentropy_logits(logits, y))
        trained = layers.get_all_params(layer, trainable=True)
        changes = updates.sgd(loss, trained, np.float32(RATE))
        changes.update(layers.get_updates(logits))
        step = pytensor.function(
            [x, y], loss, updates=list(changes.items()), mode=mode, trust_input=True
        )
        return self._runs(step, images, labels)

    def _runs(self, function: Any, *inputs: Any) -> Pass:
        if self._backend != "jax":
            return lambda: function(*inputs)
        import jax

        inputs = tuple(jax.device_put(value) for value in inputs)
        return lambda: jax.block_until_ready(function(*inputs))


class Torch(Side):
    """The same nets in PyTorch, eager, as its documentation writes a training loop."""

    def __init__(self, threads: int, device: str, backend: str) -> None:
        super().__init__()
        import torch

        torch.set_num_threads(threads)
        torch.manual_seed(0)
        torch.backends.cudnn.allow_tf32 = False  # our side computes in float32, too
        self._device = "cuda" if device == "gpu" else "cpu"
        self._nets: dict[str, Any] = {}

    def facts(self) -> dict[str, Any]:
        import torch

        cuda = self._device == "cuda"
        return {
            "versions": {"python": platform.python_version(), "torch": torch.__version__},
            "instructions": torch.backends.cpu.get_cpu_capability().lower(),
            "device": torch.cuda.get_device_name() if cuda else "cpu",
        }

    def parameters(self, net: str) -> int:
        return sum(value.numel() for value in self._net(net).parameters())

    def _net(self, name: str) -> Any:
        if name not in self._nets:
            self._nets[name] = torch_net(name).to(self._device)
        return self._nets[name]

    def make(self, net: str, kind: str) -> Pass:
        import torch

        batch, side, classes = BATCHES[net]
        model = self._net(net)
        images = torch.rand(batch, 3, side, side).to(self._device)
        labels = torch.randint(0, classes, (batch,)).to(self._device)
        optimiser = torch.optim.SGD(model.parameters(), RATE)

        def forward() -> None:
            model.eval()
            with torch.inference_mode():
                model(images)
            if self._device == "cuda":
                torch.cuda.synchronize()

        def training() -> None:
            model.train()
            optimiser.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            optimiser.step()
            loss.item()
            if self._device == "cuda":
                torch.cuda.synchronize()

        return forward if kind == "forward" else training


def torch_net(name: str) -> Any:
    """Return a net as a PyTorch module; its initial weights are PyTorch's."""
    import torch
    from torch import nn

    # Lasagne's defaults.
    norm1d = partial(nn.BatchNorm1d, eps=1e-4, momentum=0.1)
    norm2d = partial(nn.BatchNorm2d, eps=1e-4, momentum=0.1)

    def conv(channels: int, filters: int, size: int) -> list[nn.Module]:
        return [nn.Conv2d(channels, filters, size, padding=size // 2), nn.ReLU()]

    def normalised(channels: int, filters: int, size: int) -> list[nn.Module]:
        weights = nn.Conv2d(channels, filters, size, padding=size // 2, bias=False)
        return [weights, norm2d(filters), nn.ReLU()]

    def pooled(block: list[nn.Module]) -> list[nn.Module]:
        return [*block, nn.MaxPool2d(2)]

    def head(hidden: list[nn.Module], units: int, drop: float) -> list[nn.Module]:
        last = nn.Linear(units, BATCHES[name][2])
        return [nn.Flatten(), nn.Dropout(drop), *hidden, nn.ReLU(), nn.Dropout(drop), last]

    class Inception(nn.Module):
        def __init__(self, channels: int, one: int, three: tuple[int, int], five: tuple[int, int]):
            super().__init__()
            self.one = nn.Sequential(*conv(channels, one, 1))
            self.three = nn.Sequential(*conv(channels, three[0], 1), *conv(*three, 3))
            self.five = nn.Sequential(*conv(channels, five[0], 1), *conv(*five, 5))
            self.pool = nn.MaxPool2d(2, padding=1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.pool(torch.cat([self.one(x), self.three(x), self.five(x)], dim=1))

    blocks48 = [(3, 64, 5), (64, 64, 5), (64, 64, 3), (64, 64, 3)]
    if name == "net12":
        layers = [*pooled(conv(3, 16, 3)), *head([nn.Linear(16 * 6 * 6, 16)], 16, 0.5)]
    elif name == "net48":
        layers = [layer for block in blocks48 for layer in pooled(conv(*block))]
        layers += head([nn.Linear(64 * 3 * 3, 256)], 256, 0.5)
    elif name == "net_smiles":
        layers = [layer for block in blocks48 for layer in pooled(normalised(*block))]
        hidden = [nn.Linear(64 * 3 * 3, 256, bias=False), norm1d(256)]
        layers += head(hidden, 256, 0.3)
    else:
        layers = [
            Inception(3, 32, (48, 64), (8, 16)),
            Inception(112, 64, (64, 96), (16, 48)),
            Inception(208, 96, (48, 104), (8, 24)),
            *head([nn.Linear(224 * 9 * 9, 256)], 256, 0.5),
        ]
    return nn.Sequential(nn.Dropout(0.1), *layers)


def main() -> None:
    """Answer the requests on standard input until it ends."""
    name, threads, device, backend = sys.argv[1:]
    answers, sys.stdout = sys.stdout, sys.stderr  # no library may write between the answers
    side = (Lasagnette if name == "lasagnette" else Torch)(int(threads), device, backend)
    methods: dict[str, Callable[..., object]] = {
        "facts": side.facts,
        "parameters": side.parameters,
        "build": side.build,
        "time": side.time,
    }
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        print(json.dumps(methods[method](*arguments)), file=answers, flush=True)


if __name__ == "__main__":
    # As a script, Python's path begins with this folder. Our side needs the project's; the rival's
    # Python must not see our packages.
    project = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path[:1] = [project] if sys.argv[1] == "lasagnette" else []
    with suppress(KeyboardInterrupt):  # the command says that it was interrupted
        main()
