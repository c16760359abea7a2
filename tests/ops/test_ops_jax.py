"""JAX against the NumPy kernels: every Op, forward and gradient, and what mixes with JAX."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

from lasagnette import backend
from lasagnette.ops import conv2d, conv2d_transpose, dropout_mask, pool2d
from lasagnette.ops.batch_norm import (
    BatchNormGrad,
    BatchNormPoolGrad,
    BatchStatistics,
    Normalize,
    NormalizePool,
)
from lasagnette.ops.conv import Conv2d, Conv2dGradInput, Conv2dGradWeights
from lasagnette.ops.conv_pool import Conv2dPool, Conv2dPoolGradInput, Conv2dPoolGradWeights
from lasagnette.ops.kernels import reference
from lasagnette.ops.pool import AveragePool2d, AveragePool2dGrad, MaxPool2d, MaxPool2dGrad
from lasagnette.ops.shapes import conv_padding

jax = pytest.importorskip("jax", reason="JAX is not installed: pip install -r requirements/jax.txt")

TOLERANCE = {"float32": 2e-5, "float64": 1e-12, "uint8": 0}


def compiled(inputs, outputs, **options):
    return pytensor.function(inputs, outputs, mode=backend.mode("jax"), **options)


def close(a, b, dtype):
    a = np.asarray(a)
    assert a.dtype == b.dtype == dtype
    assert a.shape == b.shape
    dtype = str(dtype)
    scale = max(1.0, float(np.abs(b).max(initial=0)))
    np.testing.assert_allclose(a / scale, b / scale, rtol=0, atol=TOLERANCE[dtype])


def tensor4(dtype, *shape):
    return pt.tensor(shape=shape or (None,) * 4, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("x_shape", "w_shape", "pad", "stride", "dilation", "groups"),
    [
        ((2, 3, 9, 7), (4, 3, 3, 3), "valid", (1, 1), (1, 1), 1),
        ((2, 3, 9, 7), (4, 3, 3, 2), "same", (1, 1), (1, 1), 1),
        ((2, 3, 9, 7), (4, 3, 2, 5), "full", (2, 3), (1, 1), 1),
        ((1, 1, 5, 8), (2, 1, 3, 3), (2, 0), (2, 1), (1, 1), 1),
        ((2, 3, 11, 12), (4, 3, 3, 3), "same", (1, 1), (2, 3), 1),
        ((2, 4, 9, 9), (6, 2, 3, 3), 1, (2, 2), (1, 1), 2),
        ((2, 4, 10, 9), (4, 1, 3, 2), "full", (1, 2), (2, 1), 4),
        ((2, 2, 8, 8), (3, 2, 1, 1), "valid", (3, 3), (1, 1), 1),  # rows that no filter sees
        ((2, 2, 2, 8), (3, 2, 3, 3), "valid", (1, 1), (1, 1), 1),  # an empty output
        ((0, 2, 6, 6), (3, 2, 3, 3), "same", (1, 1), (1, 1), 1),
    ],
)
def test_convolution(x_shape, w_shape, pad, stride, dilation, groups, dtype):
    rng = np.random.default_rng(0)
    x, w, bias = (rng.normal(size=s).astype(dtype) for s in (x_shape, w_shape, w_shape[0]))
    reach = tuple((size - 1) * step + 1 for size, step in zip(w_shape[2:], dilation, strict=True))
    geometry = {"stride": stride, "dilation": dilation, "groups": groups}
    padding = conv_padding(pad, reach)
    y = reference.conv2d(x, w, bias, pad=padding, **geometry)
    g = rng.normal(size=y.shape).astype(dtype)
    vx, vw, vb, vg = (
        tensor4(dtype),
        tensor4(dtype, *w_shape),
        pt.vector(dtype=dtype),
        tensor4(dtype),
    )
    plain = conv2d(vx, vw, vb, pad=pad, flip_filters=False, **geometry)
    cut = conv2d(vx, vw, vb, pad=pad, flip_filters=False, relu=True, **geometry)
    bare = conv2d(vx, vw, pad=pad, flip_filters=False, **geometry)
    args = (padding, stride, dilation, groups)
    gradients = [
        Conv2dGradInput(*args).make_node(vx, vw, vg).outputs[0],
        *Conv2dGradWeights(*args).make_node(vx, vw, vg).outputs,
    ]
    outputs = [plain, cut, bare, *gradients]
    results = compiled([vx, vw, vb, vg], outputs)(x, w, bias, g)
    expected = [
        y,
        np.maximum(y, 0),
        reference.conv2d(x, w, pad=padding, **geometry),
        reference.conv2d_grad_input(w, g, x_shape, pad=padding, **geometry),
        *reference.conv2d_grad_weights(x, g, w_shape, pad=padding, **geometry),
    ]
    for result, value in zip(results, expected, strict=True):
        close(result, value, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "size", "stride", "pad", "ignore_border"),
    [
        ((2, 3, 8, 8), (2, 2), (2, 2), (0, 0), True),
        ((2, 3, 9, 7), (2, 2), (2, 2), (0, 0), True),
        ((2, 3, 9, 7), (2, 2), (2, 2), (0, 0), False),
        ((2, 1, 9, 7), (3, 3), (2, 2), (1, 1), True),
        ((2, 1, 6, 7), (3, 2), (1, 3), (2, 1), True),
        ((2, 1, 5, 7), (2, 3), (3, 1), (0, 0), False),
        ((1, 2, 7, 10), (2, 2), (4, 3), (0, 0), False),  # gaps between the windows
        ((1, 2, 3, 3), (4, 4), (1, 1), (0, 0), True),  # smaller than a window
        ((1, 2, 3, 3), (4, 4), (1, 1), (0, 0), False),
        ((0, 2, 4, 4), (2, 2), (2, 2), (0, 0), True),
    ],
)
def test_pooling(shape, size, stride, pad, ignore_border, dtype):
    """The maximum with ties, whose every input gets the gradient."""
    geometry = (size, stride, pad, ignore_border)
    rng = np.random.default_rng(1)
    x = rng.integers(-2, 3, shape).astype(dtype)
    y = reference.max_pool(x, *geometry)
    g = rng.normal(size=y.shape).astype(dtype)
    vx, vy, vg = tensor4(dtype), tensor4(dtype), tensor4(dtype)
    outputs, expected = [MaxPool2d(*geometry)(vx)], [y]
    for relu in (False, True):
        outputs.append(MaxPool2dGrad(*geometry, relu=relu)(vx, vy, vg))
        expected.append(reference.max_pool_grad(x, y, g, *geometry, relu))
    for include in (False, True):
        outputs.append(AveragePool2d(*geometry, include)(vx))
        expected.append(reference.average_pool(x, *geometry, include))
        outputs.append(AveragePool2dGrad(*geometry, include)(vx, vg))
        expected.append(reference.average_pool_grad(x.shape, g, *geometry, include))
    results = compiled([vx, vy, vg], outputs)(x, y, g)
    for result, value in zip(results, expected, strict=True):
        close(result, value, dtype)


@pytest.mark.parametrize("output_size", [None, (10, 10)])
@pytest.mark.parametrize("shape", [(None, 4, 5, 5), (None,) * 4])
def test_transposed_convolution(shape, output_size):
    """Also where the size of its output is arithmetic on shapes."""
    rng = np.random.default_rng(2)
    x, w = (rng.normal(size=s).astype("float32") for s in ((2, 4, 5, 5), (4, 3, 3, 3)))
    vx, vw = tensor4("float32", *shape), tensor4("float32", *w.shape)
    y = conv2d_transpose(vx, vw, output_size, pad=1, stride=2)
    (result,) = compiled([vx, vw], [y])(x, w)
    expected = reference.conv2d_grad_input(
        w, x, (2, 3, *(output_size or (9, 9))), pad=(1, 1, 1, 1), stride=(2, 2)
    )
    close(result, expected, "float32")


def test_shapes_stay_plain_numbers_through_arithmetic():
    x = tensor4("float32")
    lengths = pt.switch(pt.gt(x.shape[0] * x.shape[1], 5), x.shape[2] * 2, x.shape[3] // 2)
    outputs = [pt.zeros((lengths, 3), dtype="float32"), x.reshape((x.shape[0] * x.shape[1], -1))]
    zeros, flat = compiled([x], outputs)(np.ones((2, 3, 4, 5), "float32"))
    assert (zeros.shape, flat.shape) == ((8, 3), (6, 20))


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("rows", [8, 7])
def test_convolution_with_pooling(rows, relu):
    """With ties, and with a row that no window sees."""
    rng = np.random.default_rng(3)
    x = rng.integers(-2, 3, (2, 3, rows, 8)).astype("float32")
    w = rng.integers(-1, 2, (4, 3, 3, 3)).astype("float32")
    bias = np.array([0, -1, 1, 2], "float32")
    padding = (1, 1, 1, 1)
    pooled, winners = reference.conv2d_pool(x, w, bias, pad=padding, relu=relu, winners=True)
    g = rng.normal(size=pooled.shape).astype("float32")
    args = (padding, (1, 1), (1, 1), 1)
    vx, vw, vg = tensor4("float32"), tensor4("float32", *w.shape), tensor4("float32")
    vb, vc = pt.fvector(), tensor4("uint8")
    conv = Conv2d(*args, bias=True, relu=relu)
    outputs = [
        *Conv2dPool(conv, winners=True).make_node(vx, vw, vb).outputs,
        *Conv2dPool(conv, winners=False).make_node(vx, vw, vb).outputs,
        *Conv2dPoolGradInput(*args).make_node(vx, vw, vg, vc).outputs,
        *Conv2dPoolGradWeights(*args).make_node(vx, vw, vg, vc).outputs,
    ]
    results = compiled([vx, vw, vb, vg, vc], outputs)(x, w, bias, g, winners)
    expected = [
        pooled,
        winners,
        pooled,
        reference.conv2d_pool_grad_input(w, g, winners, x.shape, pad=padding),
        *reference.conv2d_pool_grad_weights(x, g, winners, w.shape, pad=padding),
    ]
    for result, value in zip(results, expected, strict=True):
        close(result, value, value.dtype)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5), (2, 3, 5, 4), (0, 3, 4, 4)])
def test_normalisation(shape, dtype, relu):
    rng = np.random.default_rng(4)
    x, g = (rng.normal(2, 3, shape).astype(dtype) for _ in range(2))
    gamma, beta = (rng.normal(size=3).astype(dtype) for _ in range(2))
    mean, variance = reference.batch_statistics(x)
    inv_std = np.nan_to_num(1 / np.sqrt(variance + np.ones(1, dtype)))
    mean = np.nan_to_num(mean)
    vx, vg = (pt.tensor(shape=(None,) * len(shape), dtype=dtype) for _ in range(2))
    vectors = [pt.vector(dtype=dtype) for _ in range(4)]
    outputs = [
        *BatchStatistics().make_node(vx).outputs,
        Normalize(of_batch=False, relu=relu)(vx, *vectors),
        *BatchNormGrad(relu).make_node(vx, vg, *vectors).outputs,
    ]
    results = compiled([vx, vg, *vectors], outputs)(x, g, gamma, beta, mean, inv_std)
    scale = gamma * inv_std
    with np.errstate(invalid="ignore"):  # the mean of an empty batch
        gradients = reference.batch_norm_grad(x, g, mean, scale, beta, inv_std, relu=relu)
    normalized = reference.normalize(x, mean, scale, beta, relu=relu)
    expected = [*reference.batch_statistics(x), normalized, *gradients]
    for result, value in zip(results, expected, strict=True):
        close(result, value, dtype)


@pytest.mark.parametrize("relu", [False, True])
def test_normalisation_with_pooling(relu):
    """With ties."""
    rng = np.random.default_rng(5)
    x = rng.integers(-2, 3, (2, 3, 7, 8)).astype("float32")
    gamma, beta, mean, inv_std = np.array(
        [[1, 2, -1], [0, 1, 0], [0, 1, -1], [1, 0.5, 1]], "float32"
    )
    scale = gamma * inv_std
    pooled, winners = reference.normalize_pool(x, mean, scale, beta, relu=relu, winners=True)
    g = rng.normal(size=pooled.shape).astype("float32")
    vx, vg, vc = tensor4("float32"), tensor4("float32"), tensor4("uint8")
    vectors = [pt.fvector() for _ in range(4)]
    outputs = [
        *NormalizePool(relu, winners=True).make_node(vx, *vectors).outputs,
        *NormalizePool(relu, winners=False).make_node(vx, *vectors).outputs,
        *BatchNormPoolGrad().make_node(vx, vg, vc, *vectors).outputs,
    ]
    results = compiled([vx, vg, vc, *vectors], outputs)(x, g, winners, gamma, beta, mean, inv_std)
    expected = [
        pooled,
        winners,
        pooled,
        *reference.batch_norm_pool_grad(x, g, winners, mean, scale, beta, inv_std),
    ]
    for result, value in zip(results, expected, strict=True):
        close(result, value, value.dtype)


def test_nan_passes_the_relu_and_the_maximum():
    x = np.zeros((1, 1, 6, 6), "float32")
    x[0, 0, 2, 3] = np.nan
    vx, vw = tensor4("float32"), tensor4("float32", 1, 1, 1, 1)
    outputs = [conv2d(vx, vw, relu=True), pool2d(vx, 2)]
    convolved, pooled = compiled([vx, vw], outputs)(x, np.ones((1, 1, 1, 1), "float32"))
    assert np.isnan(convolved).sum() == np.isnan(pooled).sum() == 1
    assert np.isnan(pooled[0, 0, 1, 1])


def test_arrays_that_do_not_fit_are_refused():
    vx, vw, vb = tensor4("float32"), tensor4("float32", None, None, 1, 1), pt.fvector()
    f = compiled([vx, vw, vb], conv2d(vx, vw, vb))
    x, w, bias = np.ones((1, 5, 4, 4)), np.ones((4, 3, 1, 1)), np.ones(1)
    with pytest.raises(ValueError, match="input has 5 channels, the filters have 3"):
        f(*(a.astype("float32") for a in (x, w, bias)))
    with pytest.raises(ValueError, match=r"bias must have shape \(4,\), got \(1,\)"):
        f(*(a.astype("float32") for a in (x[:, :3], w, bias)))


@pytest.mark.parametrize("key", [5, 2**62 - 3, -7])
def test_dropout_masks_are_the_same_bits(key):
    state = pytensor.shared(np.array([key, 2**33]), shape=(2,))
    like = tensor4("float32", None, 3, 7, 5)
    step = {state: state + np.array([0, 1])}
    f = compiled([like], dropout_mask(like, 0.3, state), updates=step)
    for counter in (2**33, 2**33 + 1):
        mask = f(np.empty((11, 3, 7, 5), "float32"))
        expected = reference.dropout_mask((11, 3, 7, 5), "float32", 0.3, key, counter)
        np.testing.assert_array_equal(mask, expected)
    np.testing.assert_array_equal(state.get_value(), [key, 2**33 + 2])


def test_dropout_masks_are_the_same_bits_where_pytensor_turns_64_bit_types_off():
    """It does so with floatX=float32, when its JAX back end is imported."""
    code = (
        "import numpy as np, pytensor, pytensor.tensor as pt\n"
        "from lasagnette.ops import dropout_mask\n"
        "from lasagnette.ops.kernels import reference\n"
        "state = pytensor.shared(np.array([2**62 - 3, 7]), shape=(2,))\n"
        "x = pt.fvector()\n"
        "step = {state: state + np.array([0, 1])}\n"
        "f = pytensor.function([x], dropout_mask(x, 0.5, state), updates=step, mode='JAX')\n"
        "mask = f(np.empty(999, 'float32'))\n"
        "expected = reference.dropout_mask((999,), 'float32', 0.5, 2**62 - 3, 7)\n"
        "assert mask.dtype == 'float32' and (mask == expected).all()\n"
        "assert (state.get_value() == np.array([2**62 - 3, 8])).all()\n"
    )
    flags = {"PYTENSOR_FLAGS": "floatX=float32,cxx="}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **flags},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_graph_of_float32_stays_float32():
    """PyTensor's own dispatch makes float64 of sums and of arrays that a constant fills."""
    x = pt.fmatrix()
    shared = pytensor.shared(np.ones(3, "float32"), shape=(3,))
    padded = pt.set_subtensor(pt.zeros((9, 3), dtype="float32")[: x.shape[0]], x)
    f = compiled([x], [x.sum(), x.mean(0), padded], updates={shared: shared + x.sum(0)})
    outputs = f(np.ones((2, 3), "float32"))
    assert [str(value.dtype) for value in outputs] == ["float32"] * 3
    assert shared.get_value().dtype == "float32"


def test_products_keep_the_precision_of_float32():
    """On a GPU, JAX's default would cut their factors to TF32."""
    x, w, m = tensor4("float32"), tensor4("float32", 1, 1, 3, 3), pt.fmatrix()
    f = compiled([x, w, m], [conv2d(x, w), m @ m])
    values = [np.ones(s, "float32") for s in ((1, 1, 4, 4), (1, 1, 3, 3), (2, 2))]
    program = jax.jit(f.vm.jit_fn).lower(*values).as_text()
    assert program.count("HIGHEST") == 4  # both factors of both products


def test_other_back_ends_read_what_jax_left_after_fetching_it():
    x = pytensor.shared(np.ones((2, 3), "float32"), shape=(2, 3))
    compiled([], [], updates={x: x + x})()
    backend.fetch([x])
    assert type(x.get_value(borrow=True)) is np.ndarray
    doubled = pytensor.function([], x + x, mode=backend.mode("numba"))()
    np.testing.assert_array_equal(doubled, np.full((2, 3), 4))
