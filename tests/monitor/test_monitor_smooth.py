"""Smoothing curves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from monitor.smooth import ema

VALUES = arrays(
    np.float64,
    st.integers(0, 300),
    elements=st.floats(-1e6, 1e6) | st.sampled_from([np.nan, np.inf]),
)


@settings(deadline=None)
@given(VALUES, st.floats(0, 0.9999))
def test_it_equals_the_average_written_as_a_loop(values: np.ndarray, weight: float) -> None:
    total, kept, expected = 0.0, 0.0, []
    for value in values:
        if np.isfinite(value):
            total = weight * total + (1 - weight) * value
            kept = weight * kept + (1 - weight)
        expected.append(total / kept if kept else np.nan)
    np.testing.assert_allclose(ema(values, weight), expected, rtol=1e-8, atol=1e-5)


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.9, 0.999, 0.999999])
def test_a_constant_stays_constant(weight: float) -> None:
    np.testing.assert_allclose(ema(np.full(10_000, 0.7), weight), 0.7, rtol=1e-9)


def test_without_weight_nothing_changes() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    np.testing.assert_array_equal(ema(values, 0.0), values)


@pytest.mark.parametrize("weight", [-0.1, 1.0, np.nan])
def test_a_weight_out_of_range_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        ema(np.zeros(3), weight)


def test_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="one dimension"):
        ema(np.zeros((3, 2)), 0.5)
