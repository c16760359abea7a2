"""Reduction of curves to min/max buckets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.reduce import reduce_minmax

_points = st.lists(
    st.tuples(st.integers(0, 2**40), st.floats(allow_nan=True, allow_infinity=True)), max_size=200
)


@settings(deadline=None, max_examples=50)
@given(points=_points, buckets=st.integers(1, 40))
def test_every_bucket_holds_the_extremes_of_its_steps(
    points: list[tuple[int, float]], buckets: int
) -> None:
    step = np.array([point[0] for point in points], np.int64)
    value = np.array([point[1] for point in points], float)
    band = reduce_minmax(step, value, buckets)
    assert len(band.step) <= buckets
    assert np.all(np.diff(band.step) >= 0)
    if len(points) <= buckets:
        assert sorted(band.step) == sorted(step)
        return
    ends = [*band.step[1:], np.inf]
    for begin, end, lowest, highest, mean, known, first in zip(
        band.step, ends, *band[1:], strict=True
    ):
        mine = value[(step >= begin) & (step < end)]
        finite = mine[~np.isnan(mine)]
        expected = [finite.min(), finite.max()] if finite.size else [np.nan, np.nan]
        np.testing.assert_array_equal([lowest, highest], expected)
        assert known == finite.size
        assert np.sort(step)[first] == begin
        if np.isfinite(finite).all() and finite.size:
            with np.errstate(over="ignore"):
                total = finite.sum()
            if np.isfinite(total):
                np.testing.assert_allclose(mean, total / finite.size, rtol=1e-9, atol=1e-300)
            assert lowest <= mean <= highest


def test_buckets_are_equally_wide() -> None:
    step = np.concatenate([np.arange(1000), [2000, 3000]])
    band = reduce_minmax(step, step.astype(float), 3)
    assert band.step.tolist() == [0, 2000]
    assert band.highest.tolist() == [999, 3000]


def test_steps_in_any_order_and_short_curves() -> None:
    band = reduce_minmax(np.array([3, 1, 2]), np.array([30.0, 10.0, 20.0]), 10)
    assert band.step.tolist() == [1, 2, 3]
    assert band.lowest.tolist() == band.highest.tolist() == [10, 20, 30]
    assert reduce_minmax(np.zeros(0), np.zeros(0), 10).step.size == 0
    assert reduce_minmax(np.full(5, 7), np.arange(5.0), 2).highest.tolist() == [4.0]


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match=r"of one length, not \(2,\) and \(3,\)"):
        reduce_minmax(np.zeros(2), np.zeros(3), 4)
    with pytest.raises(ValueError, match="at least 1 bucket, not 0"):
        reduce_minmax(np.zeros(2), np.zeros(2), 0)
