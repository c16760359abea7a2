"""What the tests of the layer library share."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytensor
import pytest

import lasagnette
from lasagnette.utils import interpreted_mode


@pytest.fixture
def py_function():
    """``pytensor.function`` without a compiler: quick to make, slow to run."""
    return partial(pytensor.function, mode=interpreted_mode())


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20150607)


@pytest.fixture
def seeded():
    """Initializers and dropout draw from a fixed seed, and from the former generator after."""
    former = lasagnette.random.get_rng()
    lasagnette.random.set_rng(7)
    yield
    lasagnette.random.set_rng(former)


@pytest.fixture
def float32_network():
    """Build what the test builds in float32."""
    with pytensor.config.change_flags(floatX="float32"):
        yield
