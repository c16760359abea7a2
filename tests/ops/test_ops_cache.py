"""The on-disk caches: a second process compiles nothing, and none trusts kernels that are gone.

A training step with every Op of the library is compiled in processes of their own that share one
folder of caches, empty at first.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lasagnette.ops import kernels
from lasagnette.ops.dispatch.numba import DISPATCH

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("ops_training.py")

pytestmark = pytest.mark.skipif(
    kernels.library() is None, reason="only compiled kernels' functions are cached"
)


@pytest.fixture(scope="module")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("caches")


@pytest.fixture(scope="module")
def train(caches: Path) -> Callable[..., dict[str, Any]]:
    """Run the program with the library in a folder and return its report."""

    def train(folder: Path = ROOT, threads: str = "1") -> dict[str, Any]:
        variables = {
            "PYTHONPATH": str(folder),
            "PYTENSOR_FLAGS": f"base_compiledir={caches / 'pytensor'}",
            "NUMBA_CACHE_DIR": str(caches / "numba"),
        }
        done = subprocess.run(
            [sys.executable, "-W", "error", str(PROGRAM), threads],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert Path(report["library"]) == folder / "lasagnette"
        return report

    return train


@pytest.fixture(scope="module")
def first(train: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """The report of the process that finds the caches empty."""
    return train(threads="1,2,4")


def compiled_files(folder: Path) -> dict[str, int]:
    """Numba's cache files by name, with the time of their last change."""
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("*.nb[ic]")}


def test_the_step_has_every_op(first: dict[str, Any]) -> None:
    fused = {"Relu", "ReluGrad"}  # with what comes before them
    assert {op.__name__ for op in DISPATCH} - fused <= set(first["ops"])


def test_threads_do_not_change_a_bit_of_a_training(first: dict[str, Any]) -> None:
    one, two, four = first["results"]
    assert one == two == four


def test_a_second_process_compiles_nothing(
    first: dict[str, Any], train: Callable[..., dict[str, Any]], caches: Path
) -> None:
    assert len(first["compiled"]) > len(DISPATCH)
    before = compiled_files(caches)
    assert before
    second = train()
    assert second["compiled"] == []
    assert compiled_files(caches) == before
    assert second["results"] == first["results"][:1]


def test_a_warm_cache_outlives_the_compiled_kernels(
    first: dict[str, Any], train: Callable[..., dict[str, Any]], caches: Path, tmp_path: Path
) -> None:
    """Without them NumPy computes, and what is cached stays good for when they are back."""
    ignored = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(ROOT / "lasagnette", tmp_path / "lasagnette", ignore=ignored)
    bare = train(tmp_path)
    assert bare["kernels"] == "numpy"
    assert first["kernels"] != "numpy"
    numbers, expected = (
        np.frombuffer(bytes.fromhex(report["results"][0])) for report in (bare, first)
    )
    np.testing.assert_allclose(numbers, expected, rtol=1e-4, atol=1e-5)

    before = compiled_files(caches)
    assert train()["compiled"] == []
    assert compiled_files(caches) == before
