"""The Ops: gradients, shapes, and PyTensor's default mode against plain ``perform``."""

import warnings

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode
from pytensor.gradient import verify_grad
from scipy.signal import convolve2d, correlate2d

from lasagnette.ops import (
    batch_statistics,
    conv2d,
    conv2d_transpose,
    dropout_mask,
    normalize,
    pool2d,
    relu,
)
from lasagnette.ops.dot import TransposedDot
from lasagnette.ops.pool import MaxPool2dGrad
from lasagnette.ops.rectification import Relu, ReluGrad

PLAIN = Mode("py", "fast_compile")
PADS = ["valid", "same", "full", 1, (2, 0)]


@pytest.fixture
def rng():
    return np.random.RandomState(0)


@pytest.mark.parametrize("pad", PADS)
@pytest.mark.parametrize("stride", [(1, 1), (2, 1)])
@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("relu", [True, False])
def test_convolution_gradients(rng, pad, stride, flip, relu):
    def f(x, w, b):
        return conv2d(x, w, b, pad=pad, stride=stride, flip_filters=flip, relu=relu)

    arrays = [rng.rand(2, 2, 6, 5) - 0.5, rng.rand(3, 2, 3, 2) - 0.5, rng.rand(3) - 0.5]
    verify_grad(f, arrays, rng=rng, mode=PLAIN)


@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
@pytest.mark.parametrize("groups", [1, 2])
def test_gradients_of_dilated_and_grouped_convolutions(rng, dilation, groups):
    def f(x, w, b):
        return conv2d(x, w, b, pad="same", stride=(1, 2), dilation=dilation, groups=groups)

    arrays = [rng.rand(2, 4, 6, 7) - 0.5, rng.rand(6, 4 // groups, 3, 2) - 0.5, rng.rand(6)]
    verify_grad(f, arrays, rng=rng, mode=PLAIN)


@pytest.mark.parametrize("output_size", [None, (8, 7), (None, 7)])
@pytest.mark.parametrize("flip", [True, False])
def test_the_transposed_convolution_and_its_gradients(rng, output_size, flip):
    """It is the transpose of the matrix of the convolution."""
    how = {"pad": (1, 0), "stride": (2, 3), "flip_filters": flip}

    def f(x, w):
        return conv2d_transpose(x, w, output_size, **how)

    x, w = rng.rand(2, 3, 4, 2) - 0.5, rng.rand(3, 2, 3, 2) - 0.5
    y = f(pt.constant(x), pt.constant(w)).eval(mode=PLAIN)
    assert y.shape == (
        2,
        2,
        *(size or least for size, least in zip(output_size or (0, 0), (7, 5), strict=True)),
    )
    u = rng.rand(*y.shape)
    along = conv2d(u, w, **how).eval(mode=PLAIN)
    np.testing.assert_allclose((y * u).sum(), (along * x).sum(), rtol=1e-10)
    verify_grad(f, [x, w], rng=rng, mode=PLAIN)


def test_the_transposed_convolution_takes_symbolic_sizes(rng):
    rows = pt.iscalar("rows")
    x = pt.tensor4("x", dtype="float64")
    y = conv2d_transpose(x, rng.rand(3, 2, 3, 3), (rows, None), stride=2)
    f = pytensor.function([x, rows], y, mode=PLAIN)
    assert f(rng.rand(1, 3, 4, 2), 10).shape == (1, 2, 10, 5)


def test_second_derivatives_of_a_convolution(rng):
    def f(x, w):
        gx, gw = pytensor.grad((conv2d(x, w, pad="same") ** 3).sum(), [x, w])
        return pt.concatenate([gx.flatten(), gw.flatten()])

    verify_grad(f, [rng.rand(1, 2, 4, 4), rng.rand(2, 2, 3, 3)], rng=rng, mode=PLAIN)


@pytest.mark.parametrize("mode", ["max", "average_inc_pad", "average_exc_pad"])
@pytest.mark.parametrize(
    ("size", "stride", "pad", "ignore_border"),
    [
        ((2, 2), None, (0, 0), True),
        ((2, 2), None, (0, 0), False),
        ((3, 3), (2, 2), (1, 1), True),
        ((2, 3), (3, 1), (0, 0), False),
    ],
)
def test_pooling_gradients(rng, mode, size, stride, pad, ignore_border):
    x = rng.permutation(140).reshape(2, 2, 5, 7) / 10.0  # no ties
    verify_grad(
        lambda v: pool2d(v, size, stride, pad, ignore_border, mode), [x], rng=rng, mode=PLAIN
    )


@pytest.mark.parametrize(
    ("size", "stride", "pad", "ignore_border"),
    [((2, 2), None, (0, 0), True), ((3, 2), (2, 3), (1, 1), True), ((2, 2), None, (0, 0), False)],
)
def test_second_derivatives_of_max_pooling(rng, size, stride, pad, ignore_border):
    x = rng.permutation(140).reshape(2, 2, 5, 7) / 10.0  # no ties

    def f(v):
        return pytensor.grad((pool2d(v, size, stride, pad, ignore_border) ** 3).sum(), v)

    verify_grad(f, [x], rng=rng, mode=PLAIN)


@pytest.mark.parametrize("cut", [False, True])
def test_what_max_pooling_carries_back_can_be_differentiated(rng, cut):
    x = rng.permutation(140).reshape(2, 2, 5, 7) - 70.0
    op = MaxPool2dGrad((2, 2), (2, 2), (0, 0), True, relu=cut)
    y = pool2d(pt.constant(x), 2)
    verify_grad(lambda g: op(pt.constant(x), y, g), [rng.rand(2, 2, 2, 3)], rng=rng, mode=PLAIN)


def test_relu_and_pool_share_one_pass_backwards(rng):
    arrays = [rng.rand(2, 2, 6, 6) - 0.5, rng.rand(3, 2, 3, 3) - 0.5, rng.rand(3) - 0.5]

    def f(x, w, b):
        return pool2d(conv2d(x, w, b, relu=True), 2)

    verify_grad(f, arrays, rng=rng, mode=PLAIN)
    variables = [pt.as_tensor_variable(a) for a in arrays]
    gradient = pytensor.grad(f(*variables).sum(), variables[1])
    ops = {node.op for node in pytensor.graph.traversal.applys_between([], [gradient])}
    assert any(isinstance(op, MaxPool2dGrad) and op.relu for op in ops)


@pytest.mark.parametrize(("flip", "slow"), [(True, convolve2d), (False, correlate2d)])
def test_filters_are_flipped_as_asked(rng, flip, slow):
    x, w = rng.rand(1, 1, 8, 9), rng.rand(1, 1, 3, 2)
    result = conv2d(x, w, flip_filters=flip).eval(mode=PLAIN)
    np.testing.assert_allclose(result[0, 0], slow(x[0, 0], w[0, 0], "valid"), atol=1e-12)


def test_same_with_an_even_filter_crops_the_full_result_as_lasagne(rng):
    x, w = rng.rand(1, 1, 7, 8), rng.rand(1, 1, 4, 2)
    full = conv2d(x, w, pad="full").eval(mode=PLAIN)
    same = conv2d(x, w, pad="same").eval(mode=PLAIN)
    np.testing.assert_array_equal(same, full[:, :, 1:8, 0:8])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_default_mode_equals_perform(dtype):
    """One graph with every Op; object mode would be a warning, which is an error here."""

    def build(mode):
        rng = np.random.RandomState(0)
        x = pt.tensor("x", shape=(None, 3, 13, 12), dtype=dtype)
        w = pytensor.shared(rng.randn(5, 3, 3, 3).astype(dtype), shape=(5, 3, 3, 3))
        b = pytensor.shared(rng.randn(5).astype(dtype), shape=(5,))
        state = pytensor.shared(np.array([3, 4]), shape=(2,))
        h = conv2d(x * dropout_mask(x, 0.1, state), w, b, pad="same", relu=True)
        h = pool2d(h, 2)
        v = pytensor.shared(rng.randn(2, 5, 2, 2).astype(dtype), shape=(2, 5, 2, 2))
        h = conv2d(h, v, stride=2, pad=1)
        h = pool2d(h, (3, 3), (2, 2), (1, 1), True, "average_exc_pad")
        loss = (h**2).sum()
        updates = [(state, state + np.array([0, 1]))]
        outputs = [loss, *pytensor.grad(loss, [w, b, x])]
        return pytensor.function([x], outputs, mode=mode, updates=updates)

    x = np.random.RandomState(1).randn(4, 3, 13, 12).astype(dtype)
    compiled, plain = build(None), build(PLAIN)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    for _ in range(2):  # another mask the second time
        for a, b in zip(compiled(x), plain(x), strict=True):
            assert a.dtype == dtype
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b).max())


def test_default_mode_with_inputs_that_are_not_contiguous():
    """Views are copied for the kernels; a copy must live until the kernel has read it."""
    x = pt.tensor("x", shape=(None, 8, 20, 20), dtype="float32")
    w = pt.tensor("w", shape=(64, 8, 5, 5), dtype="float32")
    turned = x.dimshuffle(0, 1, 3, 2)[:, ::-1]
    y = pool2d(conv2d(turned, w, relu=True), 2)
    outputs = [y, *pytensor.grad((y**2).sum(), [x, w])]
    rng = np.random.default_rng(0)
    shapes = (16, 8, 20, 20), (64, 8, 5, 5)
    arrays = [rng.normal(size=shape).astype("float32") for shape in shapes]
    compiled, plain = (pytensor.function([x, w], outputs, mode=mode) for mode in (None, PLAIN))
    expected = plain(*arrays)
    for _ in range(5):
        for a, b in zip(compiled(*arrays), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * np.abs(b).max())


def _op_names(function):
    return [type(node.op).__name__ for node in function.maker.fgraph.toposort()]


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("size", [(12, 13), (5, 34)])
def test_convolution_and_pooling_are_fused(rng, relu, size):
    """The fused graph computes what the Ops one by one do, gradients of ties included."""
    x = pt.tensor4("x", dtype="float64")
    w, b = pytensor.shared(rng.randint(-2, 3, (4, 2, 3, 3)) / 2), pytensor.shared(rng.rand(4) - 0.5)
    p = pool2d(conv2d(x, pt.specify_shape(w, (4, 2, 3, 3)), b, pad="same", relu=relu), 2)
    outputs = [p, *pytensor.grad((p**2).sum(), [x, w, b])]
    image = rng.randint(-2, 3, (3, 2, *size)).astype(float)  # with ties
    plain = pytensor.function([x], outputs, mode=PLAIN.excluding("lasagnette_fuse_pool"))
    fused = pytensor.function([x], outputs, mode=PLAIN)
    assert {"Conv2d", "MaxPool2d"} <= set(_op_names(plain))
    assert {name for name in _op_names(fused) if "Conv" in name or "Pool" in name} == {
        *("Conv2dPool", "Conv2dPoolGradInput", "Conv2dPoolGradWeights")
    }
    for a, b in zip(fused(image), plain(image), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda y: [pool2d(y, 2), y],
        lambda y: [pool2d(y, 3)],
        lambda y: [pool2d(y, 2, stride=1)],
        lambda y: [pool2d(y, 2, ignore_border=False)],
        lambda y: [pool2d(y, 2, mode="average_inc_pad")],
        lambda y: [pytensor.grad(pool2d(y, 2).sum(), y)],
    ],
)
def test_a_map_that_is_needed_is_kept(spoil):
    x, w = pt.tensor4("x", dtype="float32"), pt.tensor("w", shape=(2, 3, 3, 3), dtype="float32")
    run = pytensor.function([x, w], spoil(conv2d(x, w, relu=True)), mode=PLAIN)
    assert "Conv2dPool" not in _op_names(run)


def test_channels_that_do_not_fit_are_refused_when_the_function_runs():
    x = pt.tensor4("x", dtype="float32")
    w = pt.tensor("w", shape=(2, 3, 3, 3), dtype="float32")
    for mode in (None, PLAIN):
        run = pytensor.function([x, w], conv2d(x, w), mode=mode)
        with pytest.raises(ValueError, match="channels"):
            run(np.zeros((1, 5, 8, 8), "float32"), np.zeros((2, 3, 3, 3), "float32"))


def test_gradients_that_do_not_fit_are_refused_when_the_function_runs(rng):
    x, g = pt.ftensor4("x"), pt.ftensor4("g")
    w = pytensor.shared(np.ones((3, 2, 3, 3), "float32"), shape=(3, 2, 3, 3))
    y = conv2d(x, w)
    image, few = np.ones((2, 2, 8, 8), "float32"), np.ones((1, 3, 6, 6), "float32")
    for mode in (None, PLAIN):
        run = pytensor.function([x, g], pytensor.grad(None, w, known_grads={y: g}), mode=mode)
        with pytest.raises(ValueError, match=r"gradient|shape"):
            run(image, few)
        run = pytensor.function([x], conv2d_transpose(x, w), mode=mode)
        with pytest.raises(ValueError, match=r"gradient|shape"):
            run(image[:, :1])
        run = pytensor.function([g], conv2d_transpose(g, w, (12, 12)), mode=mode)
        with pytest.raises(ValueError, match=r"gradient|shape"):
            run(few)


def test_a_filter_larger_than_the_input_gives_an_empty_map():
    x, w = pt.tensor4("x", dtype="float32"), pt.tensor("w", shape=(2, 3, 3, 3), dtype="float32")
    y = conv2d(x, w)
    arrays = np.zeros((1, 3, 1, 1), "float32"), np.zeros((2, 3, 3, 3), "float32")
    shape, result = pytensor.function([x, w], [y.shape, y], mode=PLAIN)(*arrays)
    assert tuple(shape) == result.shape == (1, 2, 0, 0)


def test_every_op_has_a_cacheable_numba_dispatch():
    from pytensor.link.numba.dispatch.basic import numba_funcify_and_cache_key

    from lasagnette.ops import kernels

    if kernels.library() is None:
        pytest.skip("without compiled kernels the Ops run from object mode, uncached")
    from lasagnette.ops.dispatch.numba import DISPATCH

    x = pt.tensor4("x", dtype="float32")
    w = pt.tensor("w", shape=(2, 3, 3, 3), dtype="float32")
    b = pt.vector("b", dtype="float32")
    state = pt.lvector("state")
    h = conv2d(x, w, b, relu=True)
    loss = pool2d(pool2d(h * dropout_mask(h, 0.5, state), 2), 2, mode="average_inc_pad").sum()
    loss = loss + pytensor.grad(loss, x).sum() + pytensor.grad(loss, w).sum()
    fused = pool2d(conv2d(x, w, b, pad="same", relu=True), 2)
    normalized = relu(normalize(x, b, b, *batch_statistics(x), of_batch=True))
    pooled = pool2d(normalized, 2)
    outputs = [loss, fused, normalized, pooled]
    for cost in (fused, normalized, pooled):
        outputs += pytensor.grad((cost**2).sum(), [x, w], disconnected_inputs="ignore")
    run = pytensor.function([x, w, b, state], outputs, mode=PLAIN)
    alone = pytensor.function([x, b], [pooled, pytensor.grad((pooled**2).sum(), x)], mode=PLAIN)
    nodes = [*run.maker.fgraph.apply_nodes, *alone.maker.fgraph.apply_nodes]
    nodes.append(TransposedDot(True, False).make_node(pt.fmatrix(), pt.fmatrix()))
    nodes += [Relu().make_node(x), ReluGrad().make_node(x, x)]
    seen = {type(node.op): node for node in nodes if type(node.op) in DISPATCH}
    assert set(seen) == set(DISPATCH)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for node in seen.values():
            assert numba_funcify_and_cache_key(node.op, node=node)[1] is not None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_transposed_factors_are_not_copied_in_the_default_mode(rng, dtype):
    """Numba would warn of the copies, and warnings are errors here."""
    a, b = pt.matrix("a", dtype=dtype), pt.matrix("b", dtype=dtype)
    outputs = [pt.dot(a.T, b), pt.dot(b, a.T), pt.dot(a.T, b.T), pt.dot(a[:, ::-1].T, b)]
    f = pytensor.function([a, b], outputs)
    assert _op_names(f).count("TransposedDot") == 4
    x, y = rng.rand(5, 5).astype(dtype), rng.rand(5, 5).astype(dtype)
    expected = [x.T @ y, y @ x.T, x.T @ y.T, x[:, ::-1].T @ y]
    for got, wanted in zip(f(x, y), expected, strict=True):
        assert got.dtype == dtype
        np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_a_transposition_that_drops_axes_stays(rng):
    x = pt.tensor("x", shape=(4, 3, 1, 1), dtype="float64")
    y = rng.rand(4, 5)
    f = pytensor.function([x], pt.dot(x.dimshuffle(1, 0), y))
    value = rng.rand(4, 3, 1, 1)
    np.testing.assert_allclose(f(value), value[:, :, 0, 0].T @ y)


def test_a_transposed_product_performs_as_numpy(rng):
    x, y = rng.rand(4, 3), rng.rand(4, 5)
    for left, right in ((False, False), (True, False), (False, True), (True, True)):
        a, b = (x.T, x)[left], (y, y.T)[right]
        product = TransposedDot(left, right)(pt.constant(a), pt.constant(b))
        assert product.type.shape == (3, 5)
        np.testing.assert_allclose(product.eval(mode=PLAIN), x.T @ y)


def test_static_shapes():
    x = pt.tensor("x", shape=(None, 3, 12, 13), dtype="float32")
    w = pt.tensor("w", shape=(16, 3, 3, 3), dtype="float32")
    y = conv2d(x, w, pad="same")
    assert y.type.shape == (None, 16, 12, 13)
    assert pool2d(y, 2).type.shape == (None, 16, 6, 6)
    assert pool2d(y, 2, ignore_border=False).type.shape == (None, 16, 6, 7)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, w: conv2d(x, w, pad="half"), "pad must be 'valid', 'same', 'full'.*'half'"),
        (lambda x, w: conv2d(x, w, pad=-1), "pad must not be negative, got -1"),
        (lambda x, w: conv2d(x, w, stride=0), r"stride must be at least 1, got \(0, 0\)"),
        (lambda x, w: conv2d(x, w.astype("float64")), "all be float32 or all float64"),
        (lambda x, w: conv2d(x, w, x), "the bias must be a vector"),
        (lambda x, w: conv2d(x, w, stride=2.5), "stride must be an int or a pair of ints, got 2.5"),
        (lambda x, w: conv2d(x[0], w), "must have 4 dimensions, got 3 and 4"),
        (lambda x, w: conv2d(x, pt.tensor4(dtype="float32")), "rows and columns must be known"),
        (lambda x, w: pool2d(x, 2, mode="sum"), "mode must be one of max.*'sum'"),
        (lambda x, w: pool2d(x, 2, pad=2), r"below the window's size \(2, 2\), got \(2, 2\)"),
        (lambda x, w: pool2d(x, 3, pad=1, ignore_border=False), "needs ignore_border=True"),
        (lambda x, w: pool2d(x, (2, 2, 2)), "size must be an int or a pair of ints"),
        (lambda x, w: dropout_mask(x, 1.0, pt.lvector()), r"p must be in \[0, 1\), got 1.0"),
        (lambda x, w: dropout_mask(x, 0.5, pt.ivector()), "state must be an int64 vector"),
    ],
)
def test_bad_arguments_are_told(call, message):
    x = pt.tensor4("x", dtype="float32")
    w = pt.tensor("w", shape=(2, 3, 3, 3), dtype="float32")
    with pytest.raises(ValueError, match=message):
        call(x, w)
