"""Normalisation by channels: gradients, fusion, folding into convolutions."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.compile.mode import Mode
from pytensor.gradient import verify_grad

from lasagnette.ops import batch_statistics, conv2d, kernels, normalize, pool2d, relu
from lasagnette.ops.kernels import reference

PLAIN = Mode("py", "fast_compile")
UNFUSED = PLAIN.excluding(
    "lasagnette_fold_normalization", "lasagnette_fuse_pool", "lasagnette_fuse_relu"
)


@pytest.fixture
def rng():
    return np.random.RandomState(0)


def of_batch(x, gamma, beta):
    mean, variance = batch_statistics(x)
    return normalize(
        x, gamma, beta, mean, 1 / pt.sqrt(variance + np.array(0.1, x.dtype)), of_batch=True
    )


def op_names(function):
    return [type(node.op).__name__ for node in function.maker.fgraph.toposort()]


@pytest.mark.parametrize("shape", [(6, 4), (3, 4, 5), (3, 4, 5, 2)])
@pytest.mark.parametrize("cut", [False, True])
def test_gradients_of_a_normalisation_by_the_batch(rng, shape, cut):
    def f(x, gamma, beta):
        y = of_batch(x, gamma, beta)
        return relu(y) if cut else y

    verify_grad(f, [rng.randn(*shape), rng.rand(4) + 0.5, rng.rand(4)], rng=rng, mode=PLAIN)


def test_the_gradient_is_that_of_the_written_out_formula(rng):
    x, gamma, beta = pt.dtensor4("x"), pt.dvector("gamma"), pt.dvector("beta")

    def spread(v):
        return v[None, :, None, None]

    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
    written = (x - spread(mean)) * spread(gamma / pt.sqrt(variance + 0.1)) + spread(beta)
    weights = pt.constant(rng.randn(3, 4, 5, 6))
    given = [x, gamma, beta]
    outputs = []
    for y in (of_batch(*given), written):
        outputs += [y, *pytensor.grad((y**2 * weights).sum(), given)]
    results = pytensor.function(given, outputs, mode=PLAIN)(
        rng.randn(3, 4, 5, 6), rng.rand(4), rng.rand(4)
    )
    for a, b in zip(results[:4], results[4:], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("cut", [False, True])
def test_gradients_of_a_normalisation_by_given_numbers(rng, cut):
    def f(*given):
        y = normalize(*given)
        return relu(y) if cut else y

    verify_grad(f, [rng.randn(3, 4, 5, 2), *rng.rand(4, 4)], rng=rng, mode=PLAIN)


def test_gradients_of_the_statistics(rng):
    verify_grad(lambda x: pt.stack(batch_statistics(x)), [rng.randn(3, 4, 5)], rng=rng, mode=PLAIN)


@pytest.mark.parametrize("cut", [False, True])
def test_normalisation_and_pooling_are_fused(rng, cut):
    x, gamma, beta = pt.dtensor4("x"), pt.dvector("gamma"), pt.dvector("beta")
    y = of_batch(x, gamma, beta)
    p = pool2d(relu(y) if cut else y, 2)
    outputs = [p, *pytensor.grad((p**3).sum(), [x, gamma, beta])]
    plain, fused = (pytensor.function([x, gamma, beta], outputs, mode=m) for m in (UNFUSED, PLAIN))
    ours = {name for name in op_names(fused) if "Norm" in name or "Pool" in name or "elu" in name}
    assert ours == {"NormalizePool", "BatchNormPoolGrad"}
    assert {"Normalize", "MaxPool2d", "MaxPool2dGrad", "BatchNormGrad"} <= set(op_names(plain))
    arrays = rng.randn(3, 4, 7, 18), rng.rand(4) + 0.5, rng.rand(4)
    for a, b in zip(fused(*arrays), plain(*arrays), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("cut", [False, True])
def test_a_fixed_normalisation_is_folded_into_the_convolution(rng, bias, cut):
    x, w = pt.dtensor4("x"), pt.constant(rng.randn(4, 2, 3, 3))
    y = conv2d(x, w, pt.constant(rng.randn(4)) if bias else None)
    y = normalize(y, *(pt.constant(v) for v in rng.rand(4, 4)))
    y = relu(y) if cut else y
    outputs = [pool2d(y, 2)]
    plain, folded = (pytensor.function([x], outputs, mode=mode) for mode in (UNFUSED, PLAIN))
    assert "Normalize" in op_names(plain)
    assert [name for name in op_names(folded) if "Conv" in name or "Norm" in name] == ["Conv2dPool"]
    image = rng.randn(2, 2, 9, 10)
    np.testing.assert_allclose(folded(image)[0], plain(image)[0], rtol=1e-9, atol=1e-9)


def test_a_normalisation_that_is_trained_stays_unfolded(rng):
    """Its gradient needs the convolution's result."""
    x, gamma = pt.dtensor4("x"), pt.dvector("gamma")
    y = conv2d(x, pt.constant(rng.randn(4, 2, 3, 3)))
    y = normalize(y, gamma, *(pt.constant(v) for v in rng.rand(3, 4)))
    run = pytensor.function([x, gamma], [y, pytensor.grad((y**2).sum(), gamma)], mode=PLAIN)
    assert "Normalize" in op_names(run)


def test_relu_leaves_what_else_needs_the_uncut_result(rng):
    x = pt.dtensor4("x")
    y = conv2d(x, pt.constant(rng.randn(4, 2, 3, 3)))
    uncut, cut = pytensor.function([x], [y, relu(y)], mode=PLAIN)(rng.randn(1, 2, 5, 5))
    np.testing.assert_array_equal(np.maximum(uncut, 0), cut)
    assert (uncut < 0).any()


@pytest.mark.parametrize("mode", [PLAIN, None])
def test_relu_is_a_function_of_what_comes_before_it(rng, mode):
    x, w = pt.dtensor4("x"), pytensor.shared(rng.randn(4, 2, 3, 3), shape=(4, 2, 3, 3))
    y = conv2d(x, w)
    z = relu(y)
    given = pytensor.function([x], z, givens={y: pt.ones_like(y)}, mode=mode)
    image = rng.randn(1, 2, 5, 5)
    np.testing.assert_array_equal(given(image), 1)
    value, slope = pytensor.function([x], [z, pytensor.grad((z**2).sum(), y)], mode=mode)(image)
    np.testing.assert_allclose(slope, 2 * value)


def test_large_planes_lose_no_digits(rng):
    x = (255.3 + 0.1 * rng.randn(2, 1, 512, 512)).astype("float32")
    for run in (kernels.batch_statistics, reference.batch_statistics):
        mean, variance = run(x)
        np.testing.assert_allclose(mean, x.mean(dtype="float64"), rtol=1e-7)
        np.testing.assert_allclose(variance, x.var(dtype="float64"), rtol=1e-5)
    g, one = np.full_like(x, 0.1), np.ones(1, "float32")
    total = g.sum(dtype="float64")
    assert kernels.batch_norm_grad(x, g, one, one, one, one)[2] == pytest.approx(total, rel=1e-6)
    assert kernels.conv2d_grad_weights(x, g, (1, 1, 1, 1))[1] == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_default_mode_equals_perform(rng, dtype):
    def build(mode):
        x = pt.tensor("x", shape=(None, 3, 8, 9), dtype=dtype)
        gamma, beta, w = (
            pytensor.shared(np.random.RandomState(1).rand(*shape).astype(dtype), shape=shape)
            for shape in ((3,), (3,), (3, 3, 3, 3))
        )
        h = of_batch(x[:, ::-1], gamma, beta)
        h = pool2d(relu(of_batch(conv2d(h, w, pad="same"), gamma, beta)), 2)
        h = of_batch(h.flatten(3), gamma, beta)
        loss = (h**3).sum()
        return pytensor.function([x], [loss, *pytensor.grad(loss, [gamma, beta, w])], mode=mode)

    x = rng.randn(4, 3, 8, 9).astype(dtype)
    tolerance = 1e-4 if dtype == "float32" else 1e-10
    for a, b in zip(build(None)(x), build(PLAIN)(x), strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b).max())


@pytest.mark.parametrize(
    ("x", "parameter", "message"),
    [
        (pt.dvector(), pt.dvector(), "at least 2 dimensions"),
        (pt.imatrix(), pt.dvector(), "float32 or float64"),
        (pt.dmatrix(), pt.fvector(), "must be float64 vectors"),
        (pt.dmatrix(), pt.dmatrix(), "must be float64 vectors"),
        (pt.tensor(shape=(None, 3)), pt.tensor(shape=(4,)), "each of the 3 channels"),
    ],
)
def test_what_does_not_fit_is_refused(x, parameter, message):
    with pytest.raises(ValueError, match=message):
        normalize(x, *[parameter] * 4)


def test_lengths_that_do_not_fit_are_refused_when_the_function_runs():
    x, v = pt.dmatrix("x"), pt.dvector("v")
    for mode in (None, PLAIN):
        run = pytensor.function([x, v], normalize(x, v, v, v, v), mode=mode)
        with pytest.raises(
            ValueError, match=r"normalize: .* each of the 5 channels|one number for each channel"
        ):
            run(np.zeros((2, 5)), np.zeros(3))
