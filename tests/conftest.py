"""What all tests share: one thread per process, and where the research data lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.data import find_data

# Before NumPy and the kernels are loaded: tests are small, and several runs share a machine.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of fddb/, lfw/ and negatives/; the test is skipped where there is none."""
    folder = find_data()
    if folder is None or not folder.is_dir():
        pytest.skip("no research data: set LASAGNETTE_DATA, or put it in ../shared/data")
    return folder
