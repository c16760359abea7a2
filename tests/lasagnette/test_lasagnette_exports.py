"""Exports are explicit and true, and what they document exists."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re

import pytest

import lasagnette

MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(lasagnette.__path__, "lasagnette.")
    if not name.startswith("lasagnette.ops")
]
MODULES.append("lasagnette")


@pytest.mark.parametrize("name", MODULES)
def test_all_is_true_sorted_and_documented(name):
    module = importlib.import_module(name)
    exported = module.__all__
    assert len(set(exported)) == len(exported)
    for entry in exported:
        value = getattr(module, entry)
        if inspect.isfunction(value) or inspect.isclass(value):
            assert value.__doc__, f"{name}.{entry} has no docstring"


@pytest.mark.parametrize(
    "name", [n for n in MODULES if n not in {"lasagnette", "lasagnette.layers"}]
)
def test_all_leaves_nothing_public_out(name):
    module = importlib.import_module(name)
    own = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == name
    }
    assert own <= set(module.__all__)


def test_layers_reexports_every_family():
    families = [n for n in MODULES if n.startswith("lasagnette.layers.")]
    internal = {"Shape", "as_nonlinearity", "axes_or_auto", "expand", "tap_filters"}
    internal |= {"conv_input_length", "conv_output_length", "conv_zeros"}
    internal |= {"Draws", "GatedLayer", "LOOP", "check_directions", "unshared_shape"}
    internal |= {"Row", "Summary", "name_layers"}
    internal |= {"check_mode", "pool_2d", "pool_output_length"}
    names = {e for f in families for e in importlib.import_module(f).__all__} - internal
    assert names == set(lasagnette.layers.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_documented_arguments_exist(name):
    """Names under a docstring's Parameters are the function's own, in its order."""
    module = importlib.import_module(name)
    for entry in module.__all__:
        value = getattr(module, entry)
        if not (inspect.isfunction(value) or inspect.isclass(value)):
            continue
        section = re.search(
            r"Parameters\n\s*-+\n(.*?)(?:\n\n\s*\w+\n\s*-{3,}|\Z)",
            inspect.getdoc(value) or "",
            re.S,
        )
        if section is None:
            continue
        lines = re.findall(r"^(\*{0,2}\w[\w, *]*?) ?(?::|$)", section[1], re.M)
        documented = [n.strip(" *") for line in lines for n in line.split(",")]
        known = list(inspect.signature(value).parameters)
        for argument in documented:
            assert argument in known or argument == "name", f"{name}.{entry}: {argument}"
