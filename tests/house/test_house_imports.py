"""The rooms import each other only in the directions that the plan of the house allows."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = {
    "lasagnette": set(),
    "augment": set(),
    "monitor": set(),
    "nets": {"lasagnette"},
    "cascade": {"nets", "augment", "lasagnette"},
    "scripts": {"lasagnette", "nets", "augment", "cascade", "monitor"},
}
FORBIDDEN_THIRD_PARTY = {
    "augment": {"pytensor"},  # its workers must start fast
    "cascade": {"pytensor"},  # so must a detector
    "monitor": {"pytensor"},
}
HEAVY = {"pytensor", "numba", "numpy", "scipy", "cv2", "h5py", "PIL", "rich"}


def files(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imported(tree: ast.AST) -> set[str]:
    """Return the top-level names of the absolute imports under `tree`, wherever they stand."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_the_rooms_it_may(room: str) -> None:
    assert files(room), f"{room}/ holds no Python"
    forbidden = set(ALLOWED) - ALLOWED[room] - {room} | FORBIDDEN_THIRD_PARTY.get(room, set())
    wrong = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in files(room)
        if (found := imported(ast.parse(path.read_text(encoding="utf-8"))) & forbidden)
    }
    assert not wrong


def test_nothing_but_the_tests_imports_the_tests() -> None:
    for room in ALLOWED:
        for path in files(room):
            assert "tests" not in imported(ast.parse(path.read_text(encoding="utf-8"))), path


def test_commands_import_nothing_heavy_before_they_run() -> None:
    for path in files("scripts"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if "click" not in imported(tree):
            continue  # a module that a command imports when it runs
        tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not imported(tree) & (HEAVY | set(ALLOWED) - {"scripts"}), path
