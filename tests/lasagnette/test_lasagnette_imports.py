"""The library's modules are imported when they are first used; kernels need no PyTensor."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import lasagnette
import lasagnette.ops

ROOT = Path(__file__).resolve().parents[2]
HEAVY = "{'pytensor', 'numba', 'scipy', 'jax', 'h5py', 'cv2'} & set(sys.modules)"


def run(*lines: str) -> None:
    """Run a program in a process of its own, where nothing is imported yet."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = "\n".join(["import sys", *lines])
    subprocess.run([sys.executable, "-W", "error", "-c", program], env=environment, check=True)


def test_kernels_run_without_pytensor() -> None:
    run(
        "import numpy as np, lasagnette",
        "from lasagnette.ops import kernels",
        "from lasagnette.ops.kernels.pools import threads",
        "x, w = np.ones((2, 3, 8, 8), 'f'), np.ones((4, 3, 3, 3), 'f')",
        "with threads(1, compiled=False):",
        "    assert kernels.conv2d(x, w, np.zeros(4, 'f'), pad=(1, 1, 1, 1)).shape == (2, 4, 8, 8)",
        f"assert not {HEAVY}, {HEAVY}",
    )


def test_lasagne_code_finds_every_module_and_only_what_it_uses_is_imported() -> None:
    run(
        "import lasagnette as lasagne",
        f"assert not {HEAVY}, {HEAVY}",
        "assert not hasattr(lasagne, 'no_such_module')",
        f"assert not {HEAVY}, {HEAVY}",
        "net = lasagne.layers.DenseLayer(lasagne.layers.InputLayer((None, 3)), 2)",
        "assert lasagne.layers.get_output_shape(net) == (None, 2)",
        "assert lasagne.nonlinearities.rectify is net.nonlinearity",
        "assert 'lasagnette.updates' not in sys.modules",
        "for name in lasagne.__all__: assert getattr(lasagne, name), name",
        "assert 'lasagnette.updates' in sys.modules",
    )


@pytest.mark.parametrize("name", ["relu", "dispatch", "conv_output_length"])
def test_one_name_brings_the_symbolic_part_as_a_whole(name: str) -> None:
    """With its graph rewrites and the dispatch of the back ends, whatever is asked for first."""
    run(
        "import lasagnette.ops as ops",
        f"assert not {HEAVY}, {HEAVY}",
        f"assert ops.{name} is not None",
        "assert {'lasagnette.ops.fusion', 'lasagnette.ops.dot'} <= set(sys.modules)",
        "assert callable(ops.relu)",
        "for name in ops.__all__: assert getattr(ops, name) is not None, name",
    )


@pytest.mark.parametrize(
    "module", ["batch_norm", "conv", "conv_pool", "dot", "dropout", "fusion", "pool"]
)
def test_back_ends_learn_of_an_op_wherever_it_was_imported_from(module: str) -> None:
    run(
        "from pytensor.compile import optdb",
        "assert 'lasagnette_numba_dispatch' not in optdb",
        f"import lasagnette.ops.{module}",
        "assert 'lasagnette_numba_dispatch' in optdb",
        "assert 'lasagnette_jax_dispatch' in optdb",
        "assert 'numba' not in sys.modules",
    )


def test_an_op_module_alone_compiles_for_numba() -> None:
    """Without a dispatch PyTensor would warn that the Op runs in object mode."""
    run(
        "import numpy as np, pytensor, pytensor.tensor as pt",
        "from lasagnette.ops.pool import pool2d",
        "x = pt.ftensor4()",
        "function = pytensor.function([x], pool2d(x, (2, 2)), mode='NUMBA')",
        "assert 'lasagnette.ops.dispatch.numba' in sys.modules",
        "assert function(np.ones((1, 1, 4, 4), 'f')).tolist() == [[[[1, 1], [1, 1]]]]",
    )


@pytest.mark.parametrize("module", [lasagnette, lasagnette.ops], ids=lambda module: module.__name__)
def test_dir_lists_what_is_exported_and_unknown_names_are_told(module) -> None:
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(
        AttributeError, match=f"module {module.__name__!r} has no attribute 'conv3d'"
    ):
        module.conv3d  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'conv3d'"):
        exec(f"from {module.__name__} import conv3d")
