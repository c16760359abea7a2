"""`lasagnette bench nets`, mostly with sides that only pretend to compute."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scripts.bench_nets_side
import scripts.bench_process
from lasagnette.layers import BatchNormLayer, DropoutLayer, Layer, get_all_layers
from nets import inference, registry
from scripts.bench_nets_report import Case

Run = Callable[..., Any]
PYTHON = sys.executable

# A Python that answers in place of bench_nets_side.py, and notes what it was asked.
FAKE = """#!{python}
import json, os, sys
library, threads, device, backend = sys.argv[2:]
kernels = os.environ.get("LASAGNETTE_KERNELS", "fast")
times = {{"torch": 8.0, "lasagnette": 2.0 if kernels == "fast" else 32.0}}
for line in sys.stdin:
    method, *arguments = json.loads(line)
    with open({log!r}, "a") as log:
        print(library, threads, device, backend, kernels, method, *arguments, file=log)
    if method == "facts":
        answer = {{"versions": {{library: "1.0"}}, "instructions": kernels, "device": device}}
    elif method == "parameters":
        answer = {parameters}
    elif method == "time":
        answer = [times[library]] * arguments[2]
    else:
        answer = None
    print(json.dumps(answer), flush=True)
"""


class Fake:
    """A folder with a pretended Python and what it was asked."""

    def __init__(self, folder: Path, parameters: int = 7) -> None:
        folder.mkdir()
        self.python = folder / "python"
        self._log = folder / "log"
        program = FAKE.format(python=PYTHON, log=str(self._log), parameters=parameters)
        self.python.write_text(program)
        self.python.chmod(0o755)

    def asked(self) -> list[str]:
        return self._log.read_text().splitlines()


@pytest.fixture
def torch(tmp_path: Path) -> Fake:
    return Fake(tmp_path / "torch")


@pytest.fixture
def ours(tmp_path: Path, torch: Fake, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Our side pretends, too."""
    fake = Fake(tmp_path / "ours")
    monkeypatch.setattr(sys, "executable", str(fake.python))
    monkeypatch.delenv("LASAGNETTE_TORCH_PYTHON", raising=False)
    monkeypatch.delenv("LASAGNETTE_KERNELS", raising=False)
    return fake


def test_the_table(lasagnette: Run, ours: Fake, torch: Fake, tmp_path: Path) -> None:
    outcome = lasagnette(
        *("bench", "--net", "net12", "--threads", 2, "--rounds", 4),
        *("--torch-python", torch.python, "--json", tmp_path / "all.json"),
    )
    assert outcome.code == 0
    rows = [line.split() for line in outcome.stdout.splitlines()]
    assert ["net12", "forward", "1024", "2", "2.00", "8.00", "0.25", "32.00"] in rows
    assert ["net12", "training", "1024", "2", "2.00", "8.00", "0.25", "32.00"] in rows
    assert "PyTorch: fast, cpu; torch 1.0" in outcome.stdout
    found = json.loads((tmp_path / "all.json").read_text())
    assert set(found["machine"]) == {
        *("processor", "cores", "system", "load_before", "load_after", "rounds")
    }
    assert found["sides"]["numpy"]["instructions"] == "numpy"
    assert found["cases"][1] == {
        "net": "net12",
        "pass": "training",
        "batch": 1024,
        "threads": 2,
        "ms": {"lasagnette": 2.0, "torch": 8.0, "numpy": 32.0},
        "ratio": 0.25,
        "rounds": {"lasagnette": [2.0] * 4, "torch": [8.0] * 4, "numpy": [32.0] * 3},
    }


def test_both_sides_get_the_options_and_build_only_what_is_asked_for(
    lasagnette: Run, ours: Fake, torch: Fake
) -> None:
    outcome = lasagnette(
        *("bench", "--net", "net_smiles", "--threads", 1, "--threads", 2, "--rounds", 1),
        *("--torch-python", torch.python, "--backend", "c", "--no-fallback"),
    )
    assert outcome.code == 0
    expected = [
        request
        for threads in (1, 2)
        for request in (
            f"{threads} cpu c fast facts",
            f"{threads} cpu c fast parameters net_smiles",
            f"{threads} cpu c fast build net_smiles forward",
            f"{threads} cpu c fast build net_smiles training",
            f"{threads} cpu c fast time net_smiles forward 1",
            f"{threads} cpu c fast time net_smiles training 1",
        )
    ]
    assert ours.asked() == [f"lasagnette {request}" for request in expected]
    assert torch.asked() == [f"torch {request}" for request in expected]


def test_on_a_gpu_threads_make_no_difference(lasagnette: Run, ours: Fake, torch: Fake) -> None:
    arguments = ("--torch-python", torch.python, "--rounds", 1, "--no-fallback", "--net", "net48")
    outcome = lasagnette("bench", *arguments, "--device", "gpu", "--backend", "jax")
    assert outcome.code == 0
    assert {line.split()[1] for line in torch.asked()} == {"1"}
    assert {line.split()[2] for line in [*ours.asked(), *torch.asked()]} == {"gpu"}
    outcome = lasagnette("bench", *arguments, "--device", "gpu")
    assert outcome.code == 2
    assert "--device gpu needs --backend jax" in outcome.stderr


def test_without_pytorch(lasagnette: Run, ours: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scripts.bench_process, "find_spec", lambda name: None)
    outcome = lasagnette("bench", "--net", "net48", "--threads", 1, "--rounds", 1)
    assert outcome.code == 0
    assert "This Python has no PyTorch to compare with" in outcome.stderr
    rows = [line.split() for line in outcome.stdout.splitlines()]
    assert ["net48", "forward", "128", "1", "2.00", "32.00"] in rows
    assert "PyTorch" not in outcome.stdout


def test_json_in_place_of_the_table(lasagnette: Run, ours: Fake, torch: Fake) -> None:
    outcome = lasagnette("bench", "--rounds", 1, "--torch-python", torch.python, "--json", "-")
    found = json.loads(outcome.stdout)
    nets = list(scripts.bench_nets_side.BATCHES)
    assert [(case["net"], case["threads"]) for case in found["cases"]] == [
        (net, threads) for threads in (1, 2) for net in nets for _ in range(2)
    ]


def test_nets_that_differ_are_not_compared(lasagnette: Run, ours: Fake, tmp_path: Path) -> None:
    other = Fake(tmp_path / "other", parameters=8)
    outcome = lasagnette("bench", "--net", "net12", "--torch-python", other.python)
    assert outcome.code == 1
    assert "net12 has another number of parameters on each side" in outcome.stderr
    assert "'lasagnette': 7, 'torch': 8" in outcome.stderr


def test_a_side_that_ends_is_a_sentence(lasagnette: Run, ours: Fake, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    outcome = lasagnette("bench", "--no-fallback", "--torch-python", broken)
    assert outcome.code == 1
    assert "the PyTorch side of the benchmark ended; its error stands above" in outcome.stderr


def test_a_path_that_cannot_be_written_is_told_before_the_work(
    lasagnette: Run, ours: Fake, tmp_path: Path
) -> None:
    outcome = lasagnette("bench", "--json", tmp_path / "absent" / "all.json")
    assert outcome.code == 1
    assert "all.json: No such file or directory" in outcome.stderr
    with pytest.raises(FileNotFoundError):
        ours.asked()


@pytest.mark.parametrize("words", [("bench",), ("bench", "nets")])
def test_nets_is_what_bench_does_without_a_subcommand(
    words: tuple[str, ...], lasagnette: Run, ours: Fake, torch: Fake
) -> None:
    arguments = ("--rounds", 1, "--torch-python", torch.python, "--no-fallback")
    outcome = lasagnette(*words, *arguments)
    assert outcome.code == 0
    assert "Milliseconds per batch" in outcome.stdout
    assert "lasagnette bench nets" in lasagnette("bench", "--help").stdout


def test_medians_of_the_rounds_are_compared() -> None:
    case = Case("net12", "forward", 1024, 1, {"lasagnette": [1, 3, 100], "torch": [6, 6, 7]})
    assert case.milliseconds("lasagnette") == 3
    assert case.ratio == 0.5
    assert case.milliseconds("numpy") is None


def test_our_side_of_the_benchmark() -> None:
    requests = [
        ["facts"],
        *(["parameters", net] for net in scripts.bench_nets_side.BATCHES),
        ["build", "net12", "forward"],
        ["time", "net12", "forward", 2],
    ]
    done = subprocess.run(
        [sys.executable, scripts.bench_nets_side.__file__, "lasagnette", "1", "cpu", "numba"],
        input="\n".join(map(json.dumps, requests)),
        capture_output=True,
        text=True,
        check=True,
    )
    facts, *parameters, _, times = map(json.loads, done.stdout.splitlines())
    assert set(facts["versions"]) == {"python", "pytensor", "numpy", "numba"}
    assert parameters == [9_714, 329_410, 4_849_450, 334_801 - 2 * 512]  # no running averages
    assert len(times) == 2
    assert min(times) > 0


@pytest.mark.parametrize("name", scripts.bench_nets_side.BATCHES)
def test_the_rivals_net_is_ours(name: str) -> None:
    torch = pytest.importorskip("torch", reason="no PyTorch: pip install torch==2.13.0")
    rival, net = scripts.bench_nets_side.torch_net(name), registry.build(name)
    dropped = [module.p for module in rival.modules() if isinstance(module, torch.nn.Dropout)]
    assert dropped == [one.p for one in get_all_layers(net) if isinstance(one, DropoutLayer)]
    copy_weights(rival, net)
    side = registry.spec(name).side
    images = np.random.default_rng(0).random((2, 3, side, side), dtype=np.float32)
    with torch.inference_mode():
        expected = rival.eval()(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(inference.forward(net)(images), expected, atol=1e-5)


def copy_weights(rival: Any, net: Layer) -> None:
    """Give our net the weights of a PyTorch module."""
    modules = [module for module in rival.modules() if [*module.parameters(recurse=False)]]
    layers: list[Any] = [one for one in get_all_layers(net) if one.params]
    for module, layer in zip(modules, layers, strict=True):
        weight = module.weight.detach().numpy()
        if isinstance(layer, BatchNormLayer):
            layer.gamma.set_value(weight)
            layer.beta.set_value(module.bias.detach().numpy())
            layer.inv_std.set_value(1 / np.sqrt(module.running_var.numpy() + layer.epsilon))
            assert module.momentum == layer.alpha
            assert module.eps == layer.epsilon
            continue
        # PyTorch correlates; our layers, like Lasagne's, convolve.
        layer.W.set_value(weight[:, :, ::-1, ::-1] if weight.ndim == 4 else weight.T)
        assert (module.bias is None) == (layer.b is None)
        if layer.b is not None:
            layer.b.set_value(module.bias.detach().numpy())
