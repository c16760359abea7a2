"""What all tests share: one thread per process, one folder of caches, the research data."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from scripts.data import find_data

# Before NumPy and the kernels are loaded: tests are small, and several runs share a machine.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")


def put_caches_into(folder: Path) -> None:
    """Let PyTensor and Numba compile into `folder`, in this process and those that it starts.

    A configuration file, because tests start processes with PYTENSOR_FLAGS of their own. It stands
    in the place of the user's: his settings change no test.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "pytensorrc"
    path = str(folder / "pytensor").replace("%", "%%")
    settings.write_text(f"[global]\nbase_compiledir = {path}\n", encoding="utf-8")
    os.environ["PYTENSORRC"] = str(settings)
    os.environ["NUMBA_CACHE_DIR"] = str(folder / "numba")


# Before PyTensor is loaded. A run's processes inherit the folder; the run that made it deletes it.
if not os.environ.get("LASAGNETTE_TEST_CACHE"):
    os.environ["LASAGNETTE_TEST_CACHE"] = tempfile.mkdtemp(prefix="lasagnette-tests-")
    atexit.register(shutil.rmtree, os.environ["LASAGNETTE_TEST_CACHE"], ignore_errors=True)
put_caches_into(Path(os.environ["LASAGNETTE_TEST_CACHE"]).resolve())


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of fddb/, lfw/ and negatives/; the test is skipped where there is none."""
    folder = find_data()
    if folder is None or not folder.is_dir():
        pytest.skip("no research data: set LASAGNETTE_DATA, or put it in ../shared/data")
    return folder
