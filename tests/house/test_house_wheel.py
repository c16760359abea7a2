"""The wheel, built where there is no compiler and installed elsewhere, still finds faces."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts.demo import photograph

ROOT = Path(__file__).resolve().parents[2]


def run(*command: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel is installed; compilers fail while it is built."""
    for package in ("pip", "setuptools", "scikit-image"):
        try:  # by metadata: looking for pip's module would turn off setuptools' own distutils
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"{package} is not installed here; `make test` installs it")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    listing = run("git", "ls-files", "-z", cwd=ROOT).stdout
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(
        *(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), "."),
        cwd=source,
        CC="/bin/false",
        CXX="/bin/false",
    )
    (wheel,) = folder.glob("*.whl")
    site = folder / "site"
    run(
        *(*pip, "install", "--no-deps", "--no-compile", "--target", str(site), str(wheel)),
        cwd=folder,
    )
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if name.startswith("tests/") or name.endswith(".so")]
    return site


def test_the_installed_wheel_finds_a_face(site: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from cascade.bundle import pretrained; print(pretrained(), file=sys.stderr); "
        "from scripts.main import main; main()"
    )
    done = run(
        *(sys.executable, "-c", program, "detect", "--out", "drawn", str(photograph())),
        cwd=tmp_path,
        PYTHONPATH=str(site),
        HOME=str(tmp_path),
    )
    assert done.stderr.startswith(str(site / "cascade" / "pretrained" / "cascade.h5"))
    (line,) = done.stdout.splitlines()
    assert len(json.loads(line)["faces"]) == 1
    assert (tmp_path / "drawn" / "astronaut.jpg").is_file()
    assert "NumPy" in done.stderr
