"""Inference of layers needs no compiler."""

import os
import stat
import subprocess
import sys

import numpy as np

from nets import registry
from nets.inference import forward


def test_shapes_and_the_empty_batch():
    run = forward(registry.build("net12"))
    batch = np.random.default_rng(0).normal(size=(5, 3, 12, 12)).astype("float32")
    assert run(batch).shape == (5, 2)
    assert run(batch).dtype == np.float32
    assert run(batch[:0]).shape == (0, 2)


def test_a_sample_does_not_depend_on_its_batch():
    run = forward(registry.build("net48"))
    batch = np.random.default_rng(0).normal(size=(3, 3, 48, 48)).astype("float32")
    together = run(batch)
    for alone, expected in zip(batch, together, strict=True):
        np.testing.assert_allclose(run(alone[None])[0], expected, atol=1e-5)


def test_no_compiler_is_called_and_nothing_is_cached(tmp_path):
    """With a compiler on the path that notes each call, and empty caches."""
    bin_folder, caches = tmp_path / "bin", tmp_path / "caches"
    bin_folder.mkdir()
    for name in ("g++", "gcc", "cc", "c++", "clang", "clang++"):
        script = bin_folder / name
        script.write_text(f"#!/bin/sh\necho {name} >> {tmp_path}/called\nexit 1\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    code = (
        "import numpy, sys\n"
        "from nets import registry, inference\n"
        "for name in registry.names():\n"
        "    side = registry.spec(name).side\n"
        "    for batch_norm in (False, True):\n"
        "        run = inference.forward(registry.build(name, batch_norm=batch_norm))\n"
        "        run(numpy.zeros((2, 3, side, side), 'f4'))\n"
        "assert 'numba' not in sys.modules\n"
    )
    environment = {
        **os.environ,
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "PYTENSOR_FLAGS": f"cxx=,base_compiledir={caches}",
        "NUMBA_CACHE_DIR": str(caches / "numba_own"),
    }
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert not (tmp_path / "called").exists()
    assert not list(caches.rglob("*.nb?"))
