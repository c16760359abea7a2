"""Every set of kernels against slow loops, the NumPy kernels, and itself with more threads."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lasagnette.ops import kernels
from lasagnette.ops.kernels import reference
from lasagnette.ops.kernels.native import NativeKernels
from lasagnette.ops.shapes import conv_padding

COMPILED = [name for name in kernels.describe()["available"] if name != "numpy"]
TOLERANCE = {"float32": 3e-5, "float64": 1e-12}

convolutions = st.fixed_dictionaries(
    {
        "batch": st.integers(1, 3),
        "channels": st.integers(1, 5),
        "rows": st.integers(3, 19),
        "columns": st.integers(3, 40),
        "filters": st.integers(1, 20),
        "size": st.tuples(st.integers(1, 5), st.integers(1, 5)),
        "stride": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "dilation": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "groups": st.integers(1, 3),
        "pad": st.sampled_from(["valid", "same", "full", 1, (2, 0), 7]),
        "dtype": st.sampled_from(["float32", "float64"]),
        "relu": st.booleans(),
    }
)
pools = st.fixed_dictionaries(
    {
        "shape": st.tuples(
            st.integers(1, 2), st.integers(1, 3), st.integers(4, 17), st.integers(4, 17)
        ),
        "size": st.tuples(st.integers(1, 4), st.integers(1, 4)),
        "stride": st.tuples(st.integers(1, 4), st.integers(1, 4)),
        "pad": st.integers(0, 1),
        "ignore_border": st.booleans(),
        "dtype": st.sampled_from(["float32", "float64"]),
    }
)


def close(a, b, dtype):
    assert a.dtype == b.dtype == dtype
    assert a.shape == b.shape
    scale = max(1.0, float(np.abs(b).max(initial=0)))
    np.testing.assert_allclose(a / scale, b / scale, rtol=0, atol=TOLERANCE[dtype])


@pytest.fixture(scope="module")
def sets():
    if not COMPILED:
        pytest.skip("no compiled kernels here")
    return {name: NativeKernels(kernels._runnable()[name]) for name in COMPILED}


def slow_conv2d(x, w, bias, pad, stride, dilation=(1, 1)):
    """Correlation as four sums in loops over output pixels."""
    wide = np.zeros(
        (*w.shape[:2], *((k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation, strict=True)))
    )
    wide[:, :, :: dilation[0], :: dilation[1]] = w
    w = wide
    top, bottom, left, right = pad
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    rows = (x.shape[2] - w.shape[2]) // stride[0] + 1
    columns = (x.shape[3] - w.shape[3]) // stride[1] + 1
    y = np.zeros((x.shape[0], w.shape[0], rows, columns))
    for r in range(rows):
        for c in range(columns):
            top, left = r * stride[0], c * stride[1]
            patch = x[:, :, top : top + w.shape[2], left : left + w.shape[3]]
            y[:, :, r, c] = np.tensordot(patch, w, ([1, 2, 3], [1, 2, 3])) + bias
    return y


@pytest.mark.parametrize("pad", ["valid", "same", "full", (2, 1)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
@pytest.mark.parametrize("dilation", [(1, 1), (3, 2)])
def test_reference_convolution_is_the_sum_over_patches(pad, stride, dilation):
    rng = np.random.default_rng(0)
    x, w, bias = rng.normal(size=(2, 3, 9, 7)), rng.normal(size=(4, 3, 3, 2)), rng.normal(size=4)
    padding = conv_padding(pad, (2 * dilation[0] + 1, dilation[1] + 1))
    y = reference.conv2d(x, w, bias, pad=padding, stride=stride, dilation=dilation)
    np.testing.assert_allclose(y, slow_conv2d(x, w, bias, padding, stride, dilation), atol=1e-12)


def test_reference_groups_are_convolutions_side_by_side():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 6, 9, 7)), rng.normal(size=(4, 3, 3, 2))
    y = reference.conv2d(x, w, groups=2)
    halves = [reference.conv2d(x[:, :3], w[:2]), reference.conv2d(x[:, 3:], w[2:])]
    np.testing.assert_array_equal(y, np.concatenate(halves, axis=1))


@given(convolutions)
@settings(deadline=None, max_examples=50)
def test_compiled_convolutions_equal_the_reference(sets, case):
    size, dtype, groups = case["size"], case["dtype"], case["groups"]
    pad = conv_padding(case["pad"], size)
    how = {"pad": pad} | {name: case[name] for name in ("stride", "dilation", "groups")}
    rng = np.random.default_rng(1)

    def draw(*shape):
        return rng.normal(size=shape).astype(dtype)

    x = draw(case["batch"], case["channels"] * groups, case["rows"], case["columns"])
    w = draw(case["filters"] * groups, case["channels"], *size)
    bias = draw(len(w))
    y = reference.conv2d(x, w, bias, relu=case["relu"], **how)
    g = draw(*y.shape)
    gx = reference.conv2d_grad_input(w, g, x.shape, **how)
    gw, gb = reference.conv2d_grad_weights(x, g, w.shape, **how)
    for compiled in sets.values():
        close(compiled.conv2d(x, w, bias, relu=case["relu"], **how), y, dtype)
        close(compiled.conv2d_grad_input(w, g, x.shape, **how), gx, dtype)
        weights, biases = compiled.conv2d_grad_weights(x, g, w.shape, **how)
        close(weights, gw, dtype)
        close(biases, gb, dtype)

    expected, cells = reference.conv2d_pool(x, w, bias, relu=case["relu"], winners=True, **how)
    g = draw(*expected.shape)
    gx = reference.conv2d_pool_grad_input(w, g, cells, x.shape, **how)
    gw, gb = reference.conv2d_pool_grad_weights(x, g, cells, w.shape, **how)
    for compiled in sets.values():
        pooled, winners = compiled.conv2d_pool(x, w, bias, relu=case["relu"], winners=True, **how)
        close(pooled, expected, dtype)
        assert (winners != cells).sum() <= 1  # rounding may decide between two cells
        close(compiled.conv2d_pool_grad_input(w, g, cells, x.shape, **how), gx, dtype)
        weights, biases = compiled.conv2d_pool_grad_weights(x, g, cells, w.shape, **how)
        close(weights, gw, dtype)
        close(biases, gb, dtype)


@given(pools)
@settings(deadline=None, max_examples=50)
def test_compiled_pools_equal_the_reference(sets, case):
    size, stride, dtype = case["size"], case["stride"], case["dtype"]
    ignore = case["ignore_border"]
    pad = (min(case["pad"], size[0] - 1), min(case["pad"], size[1] - 1)) if ignore else (0, 0)
    geometry = (size, stride, pad, ignore)
    rng = np.random.default_rng(2)
    x = rng.integers(-3, 4, case["shape"]).astype(dtype)  # with ties
    y = reference.max_pool(x, *geometry)
    g = rng.normal(size=y.shape).astype(dtype)
    for compiled in sets.values():
        close(compiled.max_pool(x, *geometry), y, dtype)
        for relu in (False, True):
            close(
                compiled.max_pool_grad(x, y, g, *geometry, relu),
                reference.max_pool_grad(x, y, g, *geometry, relu),
                dtype,
            )
        for include in (False, True):
            close(
                compiled.average_pool(x, *geometry, include),
                reference.average_pool(x, *geometry, include),
                dtype,
            )
            close(
                compiled.average_pool_grad(x.shape, g, *geometry, include),
                reference.average_pool_grad(x.shape, g, *geometry, include),
                dtype,
            )


def test_the_number_of_threads_does_not_change_a_bit(sets):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(9, 8, 30, 31)).astype("float32")
    w = rng.normal(size=(19, 8, 5, 3)).astype("float32")
    for compiled in sets.values():
        results = []
        for threads in (1, 2, 3, 5):
            compiled.set_threads(threads)
            y = compiled.conv2d(x, w, pad=(2, 2, 1, 1))
            gw, gb = compiled.conv2d_grad_weights(x, y, w.shape, pad=(2, 2, 1, 1))
            gx = compiled.conv2d_grad_input(w, y, x.shape, pad=(2, 2, 1, 1))
            p, won = compiled.conv2d_pool(x, w, pad=(2, 2, 1, 1), winners=True)
            pooled = compiled.conv2d_pool_grad_weights(x, p, won, w.shape, pad=(2, 2, 1, 1))
            pooled += (compiled.conv2d_pool_grad_input(w, p, won, x.shape, pad=(2, 2, 1, 1)),)
            results.append([a.tobytes() for a in (y, gx, gw, gb, p, won, *pooled)])
        compiled.set_threads(kernels.get_threads())
        assert all(result == results[0] for result in results)


def test_relu_keeps_a_nan_visible(sets):
    x = np.full((1, 1, 4, 40), np.nan, "float32")
    w = np.ones((1, 1, 1, 1), "float32")
    for compiled in sets.values():
        assert np.isnan(compiled.conv2d(x, w, relu=True)).all()
        assert np.isnan(compiled.conv2d_pool(x, w, relu=True)[0]).all()


@pytest.mark.parametrize("place", range(9))
@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 3)])
def test_max_pooling_keeps_a_nan_visible(sets, place, size, stride):
    x = np.zeros((1, 1, 6, 6), "float32")
    x[0, 0, place // 3, place % 3] = np.nan
    for compiled in (reference, *sets.values()):
        pooled = compiled.max_pool(x, (size, size), (stride, stride))
        row, column = place // 3 // stride, place % 3 // stride
        assert np.isnan(pooled[0, 0, row, column])
        assert np.isnan(pooled).sum() == 1


def test_arrays_that_do_not_fit_are_refused(sets):
    x, w = np.zeros((2, 5, 8, 8), "float32"), np.zeros((4, 3, 3, 3), "float32")
    for compiled in (reference, *sets.values()):
        with pytest.raises(ValueError, match="input has 5 channels, the filters have 3"):
            compiled.conv2d(x, w)
        with pytest.raises(ValueError, match=r"bias must have shape \(4,\), got \(1,\)"):
            compiled.conv2d(x[:, :3], w, np.zeros(1, "float32"))
        with pytest.raises(ValueError, match="6 channels, the filters have 3 for each of 3 groups"):
            compiled.conv2d(np.zeros((2, 6, 8, 8), "float32"), w, groups=3)
        with pytest.raises(ValueError, match="one padded image may have 2147418112 values, got"):
            compiled.conv2d(x[:, :3], w, pad=(1 << 15,) * 4)
        with pytest.raises(ValueError, match="one padded image may have"):
            compiled.conv2d(x[:, :3], w, pad=(2, 2, 2, 2), stride=(60000, 60000))
        with pytest.raises(ValueError, match="must have rows and columns"):
            compiled.conv2d(x[:, :3], w[:, :, :0])


@pytest.mark.parametrize("dtypes", [("float32", "float64"), (">f4", ">f4"), ("int32", "int32")])
def test_arrays_of_other_types_are_refused(sets, dtypes):
    x, w = np.zeros((1, 1, 4, 4), dtypes[0]), np.zeros((1, 1, 3, 3), dtypes[1])
    for compiled in sets.values():
        with pytest.raises(TypeError, match="conv2d: the arrays must all be float32 or all"):
            compiled.conv2d(x, w)


def test_gradients_of_other_shapes_are_refused(sets):
    x, w, g = (np.zeros(shape, "float32") for shape in ((2, 3, 8, 8), (4, 3, 3, 3), (1, 4, 6, 6)))
    winners, one = np.zeros((1, 4, 3, 3), "uint8"), np.zeros(1, "float32")
    half = np.zeros((1, 4, 3, 3), "float32")
    for run in (reference, *sets.values()):
        for call in (
            lambda run=run: run.conv2d_grad_input(w, g, x.shape),
            lambda run=run: run.conv2d_grad_weights(x, g, w.shape),
            lambda run=run: run.conv2d_pool_grad_input(w, half, winners, x.shape),
            lambda run=run: run.conv2d_pool_grad_weights(x, half, winners, w.shape),
            lambda run=run: run.max_pool_grad(x, g, g, (2, 2), (2, 2)),
            lambda run=run: run.batch_norm_grad(x, x, one, one, one, one),
        ):
            with pytest.raises(ValueError, match=r"\(1, 4, 6, 6\)|\(1, 4, 3, 3\)|\(1,\)"):
                call()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_does_not_wait_for_threads(sets):
    code = """if True:
        import os, numpy as np
        from lasagnette.ops import kernels
        kernels.set_threads(2)
        x, w = np.ones((64, 3, 32, 32), "float32"), np.ones((8, 3, 3, 3), "float32")
        kernels.conv2d(x, w)
        if os.fork() == 0:
            kernels.conv2d(x, w)
            os._exit(0)
        print(os.wait()[1])
    """
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "0"


def test_no_filters_give_no_maps(sets):
    x, w = np.ones((1, 2, 4, 4), "float32"), np.ones((0, 2, 3, 3), "float32")
    for run in (reference, *sets.values()):
        assert run.conv2d(x, w).shape == (1, 0, 2, 2)


def test_dropout_masks_are_the_same_bits_everywhere_and_fair(sets):
    expected = reference.dropout_mask((300, 700), "float32", 0.3, 5, 77)
    for compiled in sets.values():
        mask = compiled.dropout_mask((300, 700), "float32", 0.3, 5, 77)
        np.testing.assert_array_equal(mask, expected)
    assert set(np.unique(expected)) == {0, np.float32(1 / 0.7)}
    assert abs((expected == 0).mean() - 0.3) < 0.005
    following = reference.dropout_mask((300, 700), "float32", 0.3, 5, 78)
    other_key = reference.dropout_mask((300, 700), "float32", 0.3, 6, 77)
    for other in (following, other_key, np.roll(expected, 1)):
        assert abs(np.corrcoef(expected.ravel(), other.ravel())[0, 1]) < 0.01


def test_empty_batch(sets):
    w = np.ones((2, 3, 3, 3), "float32")
    for compiled in (reference, *sets.values()):
        x = np.empty((0, 3, 8, 8), "float32")
        y = compiled.conv2d(x, w)
        assert y.shape == (0, 2, 6, 6)
        assert compiled.conv2d_grad_input(w, y, x.shape).shape == x.shape
        gw, gb = compiled.conv2d_grad_weights(x, y, w.shape)
        assert (not gw.any(), not gb.any(), gw.shape) == (True, True, w.shape)
        pooled, winners = compiled.conv2d_pool(x, w, winners=True)
        assert pooled.shape == winners.shape == (0, 2, 3, 3)


def test_unknown_set_is_refused():
    with pytest.raises(ValueError, match="'sse9' is not available here; choose one of"):
        kernels.load("sse9")


def test_threads_below_one_are_refused():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        kernels.set_threads(0)


@pytest.mark.parametrize("name", [*COMPILED, "numpy"])
def test_environment_chooses_the_set(name):
    code = "from lasagnette.ops import kernels; print(kernels.describe()['name'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "LASAGNETTE_KERNELS": name, "PYTENSOR_FLAGS": "cxx="},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == name


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("LASAGNETTE_KERNELS", "sse9", "'sse9' is not available here"),
        ("LASAGNETTE_THREADS", "many", "number of threads from 1 on, got 'many'"),
    ],
)
def test_a_wrong_setting_is_one_sentence_on_the_command_line(variable, value, message):
    code = "from scripts.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "detect", "none.jpg"],
        env={**os.environ, variable: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


normalisations = st.fixed_dictionaries(
    {
        "shape": st.tuples(
            st.integers(1, 4), st.integers(1, 5), st.integers(2, 9), st.integers(2, 37)
        ),
        "relu": st.booleans(),
        "dtype": st.sampled_from(["float32", "float64"]),
    }
)


@given(normalisations)
@settings(deadline=None, max_examples=50)
def test_compiled_normalisations_equal_the_reference(sets, case):
    shape, relu, dtype = case["shape"], case["relu"], case["dtype"]
    rng = np.random.default_rng(4)
    x = rng.normal(3, 2, shape).astype(dtype)
    gamma, shift = rng.normal(size=(2, shape[1])).astype(dtype)
    mean, variance = reference.batch_statistics(x)
    inv_std = 1 / np.sqrt(variance + np.asarray(0.01, dtype))
    given = mean, gamma * inv_std, shift
    g = rng.normal(size=shape).astype(dtype)
    pooled, winners = reference.normalize_pool(x, *given, relu=relu, winners=True)
    gp = rng.normal(size=pooled.shape).astype(dtype)
    expected = [
        *(mean, variance, reference.normalize(x, *given, relu=relu), pooled),
        *reference.batch_norm_grad(x, g, *given, inv_std, relu=relu),
        *reference.batch_norm_pool_grad(x, gp, winners, *given, inv_std),
    ]
    for compiled in sets.values():
        p, won = compiled.normalize_pool(x, *given, relu=relu, winners=True)
        assert (won != winners).sum() <= 1  # rounding may decide between two cells
        got = [
            *compiled.batch_statistics(x),
            *(compiled.normalize(x, *given, relu=relu), p),
            *compiled.batch_norm_grad(x, g, *given, inv_std, relu=relu),
            *compiled.batch_norm_pool_grad(x, gp, winners, *given, inv_std),
        ]
        for a, b in zip(got, expected, strict=True):
            close(a, b, dtype)


def test_normalisation_of_features_and_of_a_far_mean(sets):
    """Two dimensions; and a mean that is large beside the deviation loses no digits."""
    x = (1000 + np.random.default_rng(5).normal(size=(64, 40))).astype("float32")
    mean, variance = x.mean(0, dtype="float64"), x.var(0, dtype="float64")
    for compiled in sets.values():
        m, v = compiled.batch_statistics(x)
        np.testing.assert_allclose(m, mean, rtol=1e-7)
        np.testing.assert_allclose(v, variance, rtol=1e-5)
        y = compiled.normalize(x, m, 1 / np.sqrt(v), np.zeros_like(m))
        np.testing.assert_allclose(y, (x - mean) / np.sqrt(variance), atol=1e-4)


def test_threads_do_not_change_a_bit_of_a_normalisation(sets):
    rng = np.random.default_rng(6)
    x, g = rng.normal(size=(2, 9, 7, 30, 31)).astype("float32")
    for compiled in sets.values():
        results = []
        for threads in (1, 2, 4):
            compiled.set_threads(threads)
            mean, variance = compiled.batch_statistics(x)
            given = mean, 1 / np.sqrt(variance), mean
            p, won = compiled.normalize_pool(x, *given, winners=True)
            grads = compiled.batch_norm_grad(x, g, *given, given[1], relu=True)
            pooled = compiled.batch_norm_pool_grad(x, p, won, *given, given[1])
            results.append([a.tobytes() for a in (mean, variance, p, won, *grads, *pooled)])
        compiled.set_threads(kernels.get_threads())
        assert results[0] == results[1] == results[2]
