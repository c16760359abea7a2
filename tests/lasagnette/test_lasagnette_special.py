"""Special layers and embeddings: numbers against NumPy, messages, edge cases."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import lasagnette
import lasagnette.layers as L
from lasagnette import nonlinearities

pytestmark = pytest.mark.usefixtures("seeded")


def images(*leading):
    return L.InputLayer((*(leading or (None, 2)), 6, 5))


@pytest.mark.parametrize(
    ("shared_axes", "shape"),
    [("auto", (2,)), ((0, 2, 3), (2,)), (0, (2, 6, 5)), ((0, 3), (2, 6)), ((0, -1), (2, 6))],
)
def test_parameters_broadcast_over_shared_axes(shared_axes, shape, rng, py_function):
    l_in = images()
    values = rng.normal(size=shape)
    bias = L.BiasLayer(l_in, values, shared_axes)
    scale = L.ScaleLayer(l_in, values, shared_axes)
    slope = L.ParametricRectifierLayer(l_in, values, shared_axes)
    x = rng.normal(size=(3, 2, 6, 5))
    full = values.reshape((1, *shape, *(1,) * (3 - len(shape))))
    expected = [x + full, x * full, np.where(x > 0, x, full * x)]
    found = py_function([l_in.input_var], L.get_output([bias, scale, slope]))(x)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("make", [L.BiasLayer, L.ScaleLayer, L.ParametricRectifierLayer])
def test_unshared_axes_need_lengths(make):
    make((64, None, 3), shared_axes=(1, 2))
    with pytest.raises(
        ValueError, match=rf"{make.__name__} needs specified input sizes .*\(64, None"
    ):
        make((64, None, 3), shared_axes=(0, 2))


def test_standardize_is_fixed(rng, py_function):
    x = rng.normal(3, 2, size=(50, 3, 4, 5))
    l_in = L.InputLayer((None, 3, None, 5))
    net = L.standardize(l_in, x.mean((0, 2)), x.std((0, 2)), shared_axes=(0, 2))
    value = py_function([l_in.input_var], L.get_output(net))(x)
    np.testing.assert_allclose(value.mean((0, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(value.std((0, 2)), 1)
    assert L.get_all_params(net, trainable=True) == L.get_all_params(net, regularizable=True) == []
    assert len(L.get_all_params(net)) == 2
    scale = pytensor.shared(np.full(3, 4.0))
    net = L.standardize((None, 3), pytensor.shared(np.ones(3)), scale)
    np.testing.assert_array_equal(
        net.get_output_for(pt.ones((1, 3))).eval(mode="FAST_COMPILE"), 0.25
    )


@pytest.mark.parametrize(
    ("function", "shape"),
    [
        (lambda x: x**2, (None, 2, 6, 5)),
        (lambda x: x.mean(-1), (None, 2, 6)),
        (lambda x: x.sum(), ()),
        (lambda x: x.flatten(2), (None, 60)),
        (lambda x: x.reshape((-1, 5)), (None, 5)),
        (lambda x: x[:, :, ::2, : x.shape[3] // 2], (None, 2, 3, 2)),
        (lambda x: lasagnette.ops.conv2d(x, np.ones((4, 2, 3, 3))), (None, 4, 4, 3)),
    ],
)
def test_shape_of_an_expression_is_found_out(function, shape, rng, py_function):
    l_in = images()
    layer = L.ExpressionLayer(l_in, function, output_shape="auto")
    assert layer.output_shape == shape
    x = rng.normal(size=(3, 2, 6, 5))
    value = py_function([l_in.input_var], L.get_output(layer))(x)
    assert layer.get_output_shape_for(x.shape) == value.shape


def test_shape_of_an_expression_is_given():
    def flipped(shape):
        return shape[::-1]

    assert L.ExpressionLayer((2, 3), pt.transpose, flipped).output_shape == (3, 2)
    assert L.ExpressionLayer((2, 3), pt.transpose, [3, None]).output_shape == (3, None)
    assert L.ExpressionLayer((2, 3), pt.tanh).output_shape == (2, 3)
    with pytest.raises(ValueError, match="None, 'auto', a callable or a tuple, got 'same'"):
        L.ExpressionLayer((2, 3), pt.tanh, output_shape="same")


def test_inverse_of_dense_and_conv_uses_the_same_weights(rng, py_function):
    l_in = images()
    l_conv = L.Conv2DLayer(l_in, 3, 3, stride=2, nonlinearity=None)
    l_dense = L.DenseLayer(l_conv, 4, nonlinearity=None)
    l_code = L.InputLayer((None, 4))
    up = L.InverseLayer(l_code, l_dense)
    net = L.InverseLayer(up, l_conv)
    assert net.output_shape == l_in.output_shape
    assert L.get_all_params(net) == [l_conv.W, l_conv.b, l_dense.W, l_dense.b]
    f = py_function([l_in.input_var, l_code.input_var], L.get_output([up, net]))
    code = rng.normal(size=(2, 4))
    maps, pixels = f(np.zeros((2, 2, 6, 5)), code)
    np.testing.assert_allclose(maps.reshape(2, -1), code @ l_dense.W.get_value().T)
    expected = np.zeros((2, 2, 6, 5))
    W = l_conv.W.get_value()[:, :, ::-1, ::-1]
    for row, column in np.ndindex(maps.shape[2:]):
        patch = np.einsum("bf,fcij->bcij", maps[:, :, row, column], W)
        expected[:, :, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3] += patch
    np.testing.assert_allclose(pixels, expected, rtol=1e-10, atol=1e-12)


def test_inverse_of_max_pooling_puts_values_at_the_maxima(rng, py_function):
    l_in = images(None, 1)
    l_pool = L.MaxPool2DLayer(l_in, 2)
    net = L.InverseLayer(L.ExpressionLayer(l_pool, lambda x: 10 * x), l_pool)
    x = rng.permutation(60).reshape(2, 1, 6, 5).astype("float64")
    value = py_function([l_in.input_var], L.get_output(net))(x)
    blocks = x[..., :4].reshape(2, 1, 3, 2, 2, 2)
    kept = (blocks == blocks.max((3, 5), keepdims=True)).reshape(2, 1, 6, 4)
    np.testing.assert_array_equal(value[..., :4], np.where(kept, 10 * x[..., :4], 0))
    np.testing.assert_array_equal(value[..., 4:], 0)


def test_inverse_has_the_derivative_of_the_nonlinearity(py_function):
    l_in = L.InputLayer((None, 3))
    layer = L.NonlinearityLayer(l_in, nonlinearities.rectify)
    net = L.InverseLayer(layer, layer)
    value = py_function([l_in.input_var], L.get_output(net))(np.array([[-1.0, 2, 3]]))
    np.testing.assert_array_equal(value, [[0, 2, 3]])
    same = L.InverseLayer(l_in, L.dropout(l_in))
    f = py_function([l_in.input_var], L.get_output(same, deterministic=True))
    np.testing.assert_array_equal(f(value), value)


def test_inverse_needs_a_way_back():
    l_in = L.InputLayer((None, 3))
    rounded = L.ExpressionLayer(l_in, lambda x: pt.constant(1.0) + 0 * x.shape[0])
    with pytest.raises(ValueError, match="does not depend on its input"):
        L.get_output(L.InverseLayer(l_in, rounded))
    for layer in (l_in, L.ConcatLayer([l_in, l_in])):
        with pytest.raises(TypeError, match="must be a Layer with one incoming layer"):
            L.InverseLayer(l_in, layer)


def test_rectifier_functions_make_the_layer_linear(rng, py_function):
    l_in = L.InputLayer((None, 4))
    x = rng.normal(size=(5, 4))
    for function in (L.prelu, L.rrelu):
        dense = L.DenseLayer(l_in, 3)
        net = function(dense, name="after")
        assert dense.nonlinearity is nonlinearities.identity
        assert net.name == "after"
        both = py_function([l_in.input_var], L.get_output([dense, net], deterministic=True))(x)
        slope = 0.25 if function is L.prelu else 0.55
        np.testing.assert_allclose(both[1], np.where(both[0] > 0, both[0], slope * both[0]))
    assert L.prelu(L.DenseLayer(l_in, 3), shared_axes="all").alpha.get_value().shape == ()


def test_leaky_rectifiers_pass_infinity_and_nan(py_function):
    l_in = L.InputLayer((None, 1))
    x = np.array([[np.inf], [-np.inf], [np.nan], [0.0]])
    nets = [L.ParametricRectifierLayer(l_in), L.RandomizedRectifierLayer(l_in)]
    for value in py_function([l_in.input_var], L.get_output(nets, deterministic=True))(x):
        np.testing.assert_array_equal(value, x)


@pytest.mark.parametrize(
    ("shared_axes", "varying"), [("auto", {1}), ("all", set()), (0, {1, 2, 3}), ((0, 3), {1, 2})]
)
def test_random_slopes(shared_axes, varying, py_function):
    l_in = L.InputLayer((None, 3, 16, 16))
    layer = L.RandomizedRectifierLayer(l_in, 0.2, 0.6, shared_axes)
    f = py_function([l_in.input_var], L.get_output(layer))
    x = np.full((4, 3, 16, 16), -1.0)
    first, second = -f(x), -f(x)
    assert {axis for axis in range(4) if np.ptp(first, axis).any()} == varying
    assert (first != second).any()
    assert layer.state.get_value()[1] == 2
    assert 0.2 <= first.min() <= first.max() < 0.6
    if shared_axes == 0:
        flat = first[0].ravel()
        np.testing.assert_allclose(
            np.histogram(flat, 4, (0.2, 0.6))[0] / flat.size, 0.25, atol=0.06
        )
        assert abs(np.corrcoef(flat[:-1], flat[1:])[0, 1]) < 0.1
        assert abs(np.corrcoef(flat, second[0].ravel())[0, 1]) < 0.1
    np.testing.assert_array_equal(f(-x), 1)


def test_random_slopes_repeat_with_their_state(py_function):
    layer = L.RandomizedRectifierLayer(L.InputLayer((None, 8)), shared_axes=())
    x = layer.input_layer.input_var
    one, other = L.get_output(layer), L.get_output(layer)
    f = py_function([x], [one, other])
    start = layer.state.get_value()
    a, b = f(np.full((2, 8), -1.0))
    assert (a != b).all()
    layer.state.set_value(start)
    np.testing.assert_array_equal(f(np.full((2, 8), -1.0))[0], a)
    assert set(L.get_updates([one, other])) == {layer.state}


def test_fixed_slopes():
    layer = L.RandomizedRectifierLayer((None, 2), lower=0.5, upper=0.5)
    np.testing.assert_array_equal(layer.get_output_for(np.array([[-1.0, 1]])), [[-0.5, 1]])
    assert L.get_updates(layer.get_output_for(pt.matrix())) == {}
    with pytest.raises(ValueError, match="lower must not be greater than upper"):
        L.RandomizedRectifierLayer((None, 2), lower=0.9, upper=0.1)


def transformed(layer, x, parameters, py_function):
    inputs = [l.input_var for l in layer.input_layers]
    return py_function(inputs, L.get_output(layer))(x, parameters)


PADDING = {"nearest": "edge", "mirror": "reflect", "wrap": "wrap"}


@pytest.mark.parametrize("border_mode", PADDING)
@pytest.mark.parametrize("known", [True, False])
def test_affine_transformation(border_mode, known, rng, py_function):
    """Zoom, skew and shift beyond the border, from 12x10 pixels to 9x5."""
    shape = (12, 10) if known else (None, None)
    layer = L.TransformerLayer(
        L.InputLayer((None, 3, *shape)), L.InputLayer((None, 6)), (1.3, 2), border_mode
    )
    assert layer.output_shape == (None, 3, *((9, 5) if known else shape))
    x = rng.uniform(size=(2, 3, 12, 10))
    theta = np.array([[1, 0.2, 0.7, -0.3, 1.4, -0.6], [0.5, 0, 0, 0, 0.5, 0]])
    value = transformed(layer, x, theta, py_function)
    across, down = np.meshgrid(np.linspace(-1, 1, 5), np.linspace(-1, 1, 9))
    for image, t, found in zip(x, theta, value, strict=True):
        columns = (t[0] * across + t[1] * down + t[2] + 1) / 2 * 9
        rows = (t[3] * across + t[4] * down + t[5] + 1) / 2 * 11
        for channel in range(3):
            expected = np.empty((9, 5))
            padded = np.pad(image[channel], 24, PADDING[border_mode])
            for i, j in np.ndindex(9, 5):
                r, c = rows[i, j] + 24, columns[i, j] + 24
                p = padded[int(r) : int(r) + 2, int(c) : int(c) + 2]
                dr, dc = r % 1, c % 1
                expected[i, j] = np.array([1 - dr, dr]) @ p @ np.array([1 - dc, dc])
            np.testing.assert_allclose(found[channel], expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        (L.TransformerLayer, [1, 0, 0, 0, 1, 0]),
        (L.TPSTransformerLayer, [0] * 32),
        (lambda *i: L.TPSTransformerLayer(*i, precompute_grid=False), [0] * 32),
    ],
)
@pytest.mark.parametrize("side", [1, 8])
def test_identity_transformations(make, parameters, side, rng, py_function):
    layer = make(L.InputLayer((None, 2, side, 7)), L.InputLayer((None, len(parameters))))
    x = rng.normal(size=(3, 2, side, 7))
    value = transformed(layer, x, np.tile(parameters, (3, 1)).astype("float64"), py_function)
    np.testing.assert_allclose(value, x, atol=1e-9)


@pytest.mark.parametrize("precompute", [True, False])
def test_spline_moves_control_points(precompute, rng, py_function):
    """The output at a control point is the input where the point was moved to."""
    layer = L.TPSTransformerLayer(
        L.InputLayer((None, 1, 7, 7)), L.InputLayer((None, 8)), 1, 4, precompute
    )
    x = rng.normal(size=(1, 1, 7, 7))
    step = 2 / 6  # one pixel
    right, down = np.array([1, 0, 2, 0]), np.array([0, 2, 1, -1])
    value = transformed(layer, x, np.concatenate([right, down])[None] * step, py_function)
    corners = [(0, 0), (0, 6), (6, 0), (6, 6)]
    for (row, column), r, d in zip(corners, right, down, strict=True):
        moved = x[0, 0, min(row + d, 6), min(column + r, 6)]
        np.testing.assert_allclose(value[0, 0, row, column], moved, atol=1e-9)


def test_transformation_by_nan_does_not_read_outside(py_function):
    layer = L.TransformerLayer(L.InputLayer((None, 1, 3, 3)), L.InputLayer((None, 6)))
    for outside in (np.nan, np.inf, 1e300):
        value = transformed(layer, np.ones((1, 1, 3, 3)), np.full((1, 6), outside), py_function)
        assert value.shape == (1, 1, 3, 3)


def test_transformers_check_their_inputs():
    with pytest.raises(ValueError, match=r"\(batch, 6\), got \(None, 5\)"):
        L.TransformerLayer((None, 3, 8, 8), (None, 5))
    with pytest.raises(ValueError, match=r"4 dimensions .* got shape \(3, 8, 8\)"):
        L.TransformerLayer((3, 8, 8), (None, 6))
    with pytest.raises(ValueError, match=r"border_mode must be one of nearest.* got 'zero'"):
        L.TransformerLayer((None, 3, 8, 8), (None, 6), border_mode="zero")
    with pytest.raises(ValueError, match="downsample_factor must be positive, got 0"):
        L.TransformerLayer((None, 3, 8, 8), (None, 6), downsample_factor=0)
    with pytest.raises(ValueError, match="square number from 4 on, got 15"):
        L.TPSTransformerLayer((None, 3, 8, 8), (None, 30), control_points=15)
    with pytest.raises(ValueError, match=r"\(batch, 32\), got \(None, 6\)"):
        L.TPSTransformerLayer((None, 3, 8, 8), (None, 6))
    with pytest.raises(ValueError, match="precompute_grid=True needs images of known size"):
        L.TPSTransformerLayer((None, 3, None, 8), (None, 32), precompute_grid=True)


def test_embedding(rng, py_function):
    W = rng.normal(size=(4, 5)).astype("float32")
    words = pt.imatrix()
    layer = L.EmbeddingLayer(L.InputLayer((None, 3), words), 4, 5, W=W)
    assert L.get_output_shape(layer, (2, 3)) == (2, 3, 5)
    given = np.array([[0, 1, 3], [3, 3, 0]], dtype="int32")
    output = L.get_output(layer)
    value, gradient = py_function([words], [output, pytensor.grad(output.sum(), layer.W)])(given)
    np.testing.assert_array_equal(value, W[given])
    np.testing.assert_array_equal(gradient[:, 0], [2, 1, 0, 3])


def test_embedding_needs_integers():
    layer = L.EmbeddingLayer(L.InputLayer((None, 3)), 4, 5)
    with pytest.raises(TypeError, match="integer type, such as int32, got 'float64'"):
        L.get_output(layer)
