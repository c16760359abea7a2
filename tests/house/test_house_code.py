"""Rules that hold for every Python file of the project."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("lasagnette", "nets", "augment", "cascade", "monitor", "scripts")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
OPTIONAL = {"jax", "torch"}  # third-party packages that the installation does not bring


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def tracked() -> list[Path]:
    """Return the files that git tracks; skip where the tests run outside a clone."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode != 0:
        pytest.skip("not a git clone")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_every_folder_of_modules_is_a_package() -> None:
    assert not [path for path in MODULES if not (path.parent / "__init__.py").is_file()]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_has_a_docstring_and_a_true_all(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "no module docstring"
    public = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    }
    try:
        module = importlib.import_module(name_of(path))
    except ModuleNotFoundError as error:
        if error.name not in OPTIONAL:
            raise
        pytest.skip(f"{error.name} is not installed")
    exported = getattr(module, "__all__", None)
    if exported is None:
        assert not public, "public names, and no __all__"
        return
    assert len(set(exported)) == len(exported)
    assert all(hasattr(module, name) for name in exported)
    undocumented = [
        name
        for name in exported
        if (inspect.isclass(thing := getattr(module, name)) or inspect.isroutine(thing))
        and str(thing.__module__).partition(".")[0] in ROOMS
        and not thing.__doc__
    ]
    assert not undocumented


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if ">>> " in path.read_text(encoding="utf-8")],
    ids=name_of,
)
def test_examples_in_docstrings(path: Path) -> None:
    result = doctest.testmod(importlib.import_module(name_of(path)))
    assert result.attempted, "doctest finds no example"
    assert result.failed == 0


def test_no_pickle() -> None:
    """Weights, indexes and runs are HDF5, CSV or JSON: reading them can run no code."""
    modules = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve"}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {node.module}
            elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant), path
                assert node.value.value is False, path
                continue
            else:
                continue
            assert not names & modules, path


def test_processes_start_by_spawn() -> None:
    """OpenMP and HDF5 do not survive a fork."""
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert "os.fork" not in text, path
        assert 'get_context("fork")' not in text, path


def test_no_photograph_is_committed() -> None:
    """The research photographs may not be redistributed; docs/ shows pictures that may be."""
    pictures = {".jpg", ".jpeg", ".png", ".pgm", ".tif", ".tiff", ".bmp", ".gif", ".webp"}
    found = [path.relative_to(ROOT) for path in tracked() if path.suffix.lower() in pictures]
    assert not [path for path in found if path.parts[0] != "docs"]


def test_committed_files_are_small() -> None:
    assert not [path for path in tracked() if path.stat().st_size > 8_000_000]
