"""Layers against slow NumPy references, and what their constructors refuse."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.signal import convolve2d, correlate2d

import lasagnette.layers as L
from lasagnette import nonlinearities

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.fixture
def value_of(py_function):
    """Return the deterministic output of a layer whose inputs have the given values."""

    def value_of(layer, *values, **kwargs):
        inputs = [l for l in L.get_all_layers(layer) if isinstance(l, L.InputLayer)]
        kwargs = kwargs or {"deterministic": True}
        return py_function([l.input_var for l in inputs], L.get_output(layer, **kwargs))(*values)

    return value_of


def slow_conv(x, w, mode, flip=True):
    conv = convolve2d if flip else correlate2d
    return np.array(
        [[sum(conv(c, k, mode) for c, k in zip(i, f, strict=True)) for f in w] for i in x]
    )


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("pad", ["valid", "same", "full"])
def test_conv_is_scipys(pad, flip, rng, value_of):
    x = rng.normal(size=(2, 3, 6, 7))
    layer = L.Conv2DLayer(
        L.InputLayer(x.shape), 4, (3, 5), pad=pad, flip_filters=flip, nonlinearity=None
    )
    layer.b.set_value(rng.normal(size=4))
    expected = slow_conv(x, layer.W.get_value(), pad, flip) + layer.b.get_value()[:, None, None]
    np.testing.assert_allclose(value_of(layer, x), expected)


@pytest.mark.parametrize("untie", [True, False])
def test_conv_adds_bias_before_rectifying(untie, rng, value_of):
    x = rng.normal(size=(2, 3, 6, 7))
    layer = L.Conv2DLayer(L.InputLayer(x.shape), 4, 3, untie_biases=untie, b=-0.3)
    assert layer.b.type.shape == ((4, 4, 5) if untie else (4,))
    expected = np.maximum(slow_conv(x, layer.W.get_value(), "valid") - 0.3, 0)
    np.testing.assert_allclose(value_of(layer, x), expected)


def test_conv_stride_and_int_pad(rng, value_of):
    x = rng.normal(size=(2, 3, 6, 7))
    layer = L.Conv2DLayer(
        L.InputLayer(x.shape), 4, 3, stride=(2, 3), pad=1, b=None, nonlinearity=None
    )
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)])
    expected = slow_conv(padded, layer.W.get_value(), "valid")[:, :, ::2, ::3]
    np.testing.assert_allclose(value_of(layer, x), expected)


def test_conv_takes_filters_without_static_shape(rng, value_of):
    x = rng.normal(size=(1, 1, 5, 5))
    w = pytensor.shared(rng.normal(size=(2, 1, 3, 3)))
    layer = L.Conv2DLayer(L.InputLayer(x.shape), 2, 3, W=-w, nonlinearity=None)
    np.testing.assert_allclose(value_of(layer, x), slow_conv(x, -w.get_value(), "valid"))
    assert layer.get_params(regularizable=True) == [w]


def test_conv_of_other_directions_uses_the_base_class():
    class Rows(L.BaseConvLayer):
        pass

    layer = Rows(L.InputLayer((None, 3, 10)), 4, 3, stride=2, pad=1)
    assert layer.get_W_shape() == (4, 3, 3)
    assert layer.output_shape == (None, 4, 5)
    with pytest.raises(NotImplementedError, match=r"Rows does not define convolve\(\)"):
        L.get_output(layer)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L.Conv2DLayer((None, 3, 8), 2, 3), "Expected 4 input dim.*(None, 3, 8)"),
        (lambda: L.Conv2DLayer((None, None, 8, 8), 2, 3), "number of channels must be known"),
        (lambda: L.Conv2DLayer((None, 3, 8, 8), 2, (3, 3, 3)), r"length 2, got \(3, 3, 3\)"),
        (lambda: L.Conv2DLayer((None, 3, 8, 8), 2, 3, stride=0), "must be positive, got 3 and 0"),
        (
            lambda: L.Conv2DLayer((None, 3, None, 8), 2, 3, untie_biases=True),
            r"Conv2DLayer: parameter 'b' needs known lengths, got \(2, None, 6\)",
        ),
        (lambda: L.MaxPool2DLayer((None, 3, 8), 2), "MaxPool2DLayer: Expected 4 input dim"),
        (lambda: L.MaxPool2DLayer((None, 3, 8, 8), 0), "must be positive, got 0"),
        (lambda: L.MaxPool2DLayer((None, 3, 8, 8), 2, pad=2), "pad must be from 0 .* got 2"),
        (
            lambda: L.MaxPool2DLayer((None, 3, 8, 8), 2, pad=1, ignore_border=False),
            "ignore_border=False excludes padding, got pad 1",
        ),
        (lambda: L.Pool2DLayer((None, 3, 8, 8), 2, mode="median"), "Mode must be .*'median'"),
        (lambda: L.DenseLayer((None, None), 2), "all axes after the first 1 must have known"),
        (lambda: L.DenseLayer((None, 3), 2, num_leading_axes=2), "num_leading_axes .* got 2"),
        (lambda: L.DenseLayer((None, 3), 0), r"parameter 'W': all dimensions must be positive"),
        (lambda: L.DenseLayer((None, 3), 2, W=np.ones((2, 2))), r"shape \(3, 2\) is needed"),
        (lambda: L.DropoutLayer((None, 3), p=1), "from 0 to below 1, got 1"),
        (lambda: L.DropoutLayer((None, 3), p=pt.fscalar("p")), "from 0 to below 1, got p"),
        (lambda: L.DropoutLayer((None, 3), shared_axes=2), "shared_axes must be axes .* got 2"),
        (lambda: L.FlattenLayer((None, 3), 3).output_shape, "outdim must be from 1 .* got 3"),
        (lambda: L.ReshapeLayer((None, 3), ([0], -1, -1)), "at most one -1, got"),
        (lambda: L.ReshapeLayer((None, 3), ([2], -1)), r"axis i of the input \(None, 3\)"),
        (lambda: L.ReshapeLayer((4, 3), (5, 2)), "numbers of elements .* do not match"),
        (lambda: L.ReshapeLayer((4, 3), (5, -1)), "numbers of elements .* do not match"),
        (lambda: L.ReshapeLayer((4, 3), (pt.fvector(), -1)), "scalar expressions"),
        (lambda: L.ConcatLayer([(None, 3, 2), (None, 3, 3)]), "one shape except along axis 1"),
        (lambda: L.ConcatLayer([(None, 3), (None, 3, 3)]), "one shape except along axis 1"),
        (lambda: L.ConcatLayer([(None, 3), (None, 3)], axis=2), "axis must be from -2 to 1"),
        (lambda: L.ElemwiseSumLayer([(None, 3), (None, 2)]), "ElemwiseSumLayer: .*lengths of 1"),
        (lambda: L.ElemwiseSumLayer([(None, 3)] * 2, coeffs=[1]), "got 1 for 2 inputs"),
        (
            lambda: L.ElemwiseSumLayer([(None, 3)] * 2, cropping=["middle"]),
            "cropping must consist of .* got 'middle'",
        ),
        (lambda: L.BiasLayer((None, 3), shared_axes=1), "needs specified input sizes"),
        (lambda: L.BiasLayer((None, 3), shared_axes=3), "BiasLayer: axes must be axes .* got 3"),
        (lambda: L.BatchNormLayer((None, 3), axes="all"), "must be 'auto', an int .* got 'all'"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("mode", ["max", "average_inc_pad", "average_exc_pad"])
def test_pool_modes_differ_as_they_should(mode, rng, value_of):
    x = rng.normal(size=(2, 3, 4, 4))
    layer = L.Pool2DLayer(L.InputLayer(x.shape), 2, pad=1, mode=mode)
    fill = {"max": -np.inf, "average_inc_pad": 0, "average_exc_pad": np.nan}[mode]
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)], constant_values=fill)
    windows = padded.reshape(2, 3, 3, 2, 3, 2)
    expected = np.max(windows, (3, 5)) if mode == "max" else np.nanmean(windows, (3, 5))
    np.testing.assert_allclose(value_of(layer, x), expected)


def test_dense_is_numpys(rng, value_of):
    x = rng.normal(size=(2, 3, 4))
    flat = L.DenseLayer(L.InputLayer(x.shape), 5, b=0.1)
    expected = np.maximum(x.reshape(2, -1) @ flat.W.get_value() + 0.1, 0)
    np.testing.assert_allclose(value_of(flat, x), expected)
    steps = L.DenseLayer(L.InputLayer(x.shape), 5, num_leading_axes=2, nonlinearity=np.negative)
    np.testing.assert_allclose(value_of(steps, x), -(x @ steps.W.get_value()))


def test_flatten_reshape_concat_are_numpys(rng, value_of):
    x = rng.normal(size=(2, 3, 4))
    incoming = L.InputLayer((None, 3, 4))
    np.testing.assert_array_equal(value_of(L.flatten(incoming), x), x.reshape(2, 12))
    np.testing.assert_array_equal(value_of(L.FlattenLayer(incoming, 1), x), x.ravel())
    np.testing.assert_array_equal(
        value_of(L.ReshapeLayer(incoming, ([1], [0], -1)), x), x.reshape(3, 2, 4)
    )
    symbolic = L.ReshapeLayer(incoming, (pt.constant(6), -1))
    assert symbolic.output_shape == (None, None)
    np.testing.assert_array_equal(value_of(symbolic, x), x.reshape(6, 4))
    both = L.concat([incoming, incoming], axis=2)
    np.testing.assert_array_equal(value_of(both, x), np.concatenate([x, x], 2))


@pytest.mark.parametrize(
    ("cropping", "left", "right"),
    [
        ("lower", slice(0, 3), slice(0, 3)),
        ("upper", slice(2, 5), slice(0, 3)),
        ("center", slice(1, 4), slice(0, 3)),
    ],
)
def test_cropping_keeps_the_named_part(cropping, left, right, rng, value_of):
    a, b = rng.normal(size=(2, 5)), rng.normal(size=(2, 3))
    layers = [L.InputLayer((None, 5)), L.InputLayer((None, 3))]
    total = L.ElemwiseSumLayer(layers, coeffs=[2, 1], cropping=[None, cropping])
    np.testing.assert_allclose(value_of(total, a, b), 2 * a[:, left] + b[:, right])


def test_cropped_shape_is_unknown_where_an_input_is():
    assert L.autocrop_array_shapes([(1, None), (2, 5)], [None, "lower"]) == [(1, None), (2, None)]
    with pytest.raises(ValueError, match=r"one number of dimensions, got \[1, 2\]"):
        L.autocrop_array_shapes([(1,), (2, 5)], ["lower"])


def test_merge_goes_from_left_to_right(rng, value_of):
    a, b = rng.normal(size=(2, 1, 3)), rng.normal(size=(2, 4, 3))
    layers = [L.InputLayer((None, 1, 3)), L.InputLayer((None, 4, 3))]
    np.testing.assert_allclose(value_of(L.ElemwiseMergeLayer(layers, pt.sub), a, b), a - b)
    assert L.ElemwiseMergeLayer([(None, 1), (3, 1)], pt.sub).output_shape == (3, 1)


def test_bias_layer_and_nonlinearity(rng, value_of):
    x = rng.normal(size=(2, 3, 4))
    layer = L.BiasLayer(L.InputLayer((None, 3, 4)), b=np.arange(3.0))
    np.testing.assert_allclose(value_of(layer, x), x + np.arange(3.0)[:, None])
    assert layer.params[layer.b] == {"trainable"}
    free = L.BiasLayer(L.InputLayer((None, 3, 4)), b=None)
    assert L.get_output(free) is free.input_layer.input_var


# Dropout


def test_dropout_rate_scale_and_redraw(py_function):
    layer = L.DropoutLayer(L.InputLayer((None, 1000)), p=0.3)
    f = py_function([layer.input_layer.input_var], L.get_output(layer))
    ones = np.ones((100, 1000))
    first, second = f(ones), f(ones)
    assert set(np.unique(first)) == {0, 1 / 0.7}
    assert abs((first == 0).mean() - 0.3) < 0.01
    assert abs(((first == 0) & (second == 0)).mean() - 0.09) < 0.01
    key, counter = layer.state.get_value()
    assert counter == 2
    layer.state.set_value(np.array([key, 0]))
    np.testing.assert_array_equal(f(ones), first)


def test_dropout_without_rescale_keeps_values(py_function):
    layer = L.dropout(L.InputLayer((None, 500)), p=0.5, rescale=False)
    value = py_function([layer.input_layer.input_var], L.get_output(layer))(np.full((4, 500), 3.0))
    assert set(np.unique(value)) == {0, 3}


def test_dropout_shares_along_axes(py_function):
    layer = L.DropoutLayer(L.InputLayer((None, 40, 5, 5)), p=0.5, shared_axes=(2, 3))
    value = py_function([layer.input_layer.input_var], L.get_output(layer))(np.ones((6, 40, 5, 5)))
    assert (value == value[:, :, :1, :1]).all()
    assert set(np.unique(value)) == {0, 2}


def test_outputs_of_one_call_share_the_mask_and_calls_are_independent(py_function):
    layer = L.DropoutLayer(L.InputLayer((None, 500)))
    twice = L.NonlinearityLayer(layer, None)
    together = L.get_output([layer, twice])
    alone = L.get_output(layer)
    f = py_function([layer.input_layer.input_var], [*together, alone])
    for _ in range(2):
        a, b, c = f(np.ones((20, 500)))
        np.testing.assert_array_equal(a, b)
        assert abs(((a == 0) & (c == 0)).mean() - 0.25) < 0.02
    assert layer.state.get_value()[1] == 2
    assert list(L.get_updates([*together, alone])) == [layer.state]


def test_same_seed_gives_the_same_masks(py_function):
    from lasagnette.random import set_rng

    def masks(seed):
        set_rng(seed)
        net = L.dropout(L.dropout(L.InputLayer((None, 50))))
        x = L.get_all_layers(net)[0].input_var
        return py_function([x], [L.get_output(net), L.get_output(net)])(np.ones((2, 50)))

    np.testing.assert_array_equal(masks(3), masks(3))
    assert (masks(3)[0] != masks(4)[0]).any()


# Batch normalisation


def test_batch_norm_normalises_the_batch(rng, value_of):
    x = rng.normal(3, 2, size=(8, 4, 5, 6))
    layer = L.BatchNormLayer(L.InputLayer((None, 4, 5, 6)), beta=0.5, gamma=2.0, epsilon=1e-6)
    value = value_of(layer, x, deterministic=False)
    np.testing.assert_allclose(value.mean((0, 2, 3)), 0.5, atol=1e-6)
    np.testing.assert_allclose(value.std((0, 2, 3)), 2.0, rtol=1e-5)


def test_batch_norm_averages_move_and_serve(rng, py_function):
    x = rng.normal(3, 2, size=(8, 4))
    layer = L.BatchNormLayer(L.InputLayer((None, 4)), alpha=0.25, epsilon=1e-3)
    train = py_function([layer.input_layer.input_var], L.get_output(layer))
    mean, inv_std = np.zeros(4), np.ones(4)
    for _ in range(3):
        train(x)
        mean = 0.75 * mean + 0.25 * x.mean(0)
        inv_std = 0.75 * inv_std + 0.25 / np.sqrt(x.var(0) + 1e-3)
        np.testing.assert_allclose(layer.mean.get_value(), mean)
        np.testing.assert_allclose(layer.inv_std.get_value(), inv_std)
    test = py_function([layer.input_layer.input_var], L.get_output(layer, deterministic=True))
    np.testing.assert_allclose(test(x), (x - mean) * inv_std)
    np.testing.assert_allclose(layer.mean.get_value(), mean)


@pytest.mark.parametrize("use", [True, False])
@pytest.mark.parametrize("update", [True, False])
def test_batch_norm_keywords_choose(use, update, rng, py_function):
    x = rng.normal(3, 2, size=(8, 4))
    layer = L.BatchNormLayer(L.InputLayer((None, 4)), mean=1.0, inv_std=2.0)
    output = L.get_output(layer, batch_norm_use_averages=use, batch_norm_update_averages=update)
    f = py_function([layer.input_layer.input_var], output)
    expected = (x - 1) * 2 if use else (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-4)
    np.testing.assert_allclose(f(x), expected)
    assert (layer.mean.get_value() != 1).all() == update


def test_batch_norm_gradient_is_finite_for_constant_input(py_function, float32_network):
    layer = L.BatchNormLayer(L.InputLayer((None, 4)))
    x = layer.input_layer.input_var
    output = L.get_output(layer)
    grads = pytensor.grad((output**2).sum(), [x, layer.gamma, layer.beta])
    for constant in (0, 1e4):
        values = py_function([x], grads)(np.full((8, 4), constant, "float32"))
        assert all(np.isfinite(v).all() for v in values)


def test_batch_norm_needs_something_to_update():
    layer = L.BatchNormLayer(L.InputLayer((None, 4)), mean=pt.zeros(4))
    with pytest.raises(TypeError, match=r"only a shared variable .*update_averages=False"):
        L.get_output(layer)
    L.get_output(layer, batch_norm_update_averages=False)


def test_batch_norm_function_moves_nonlinearity_and_drops_bias():
    dense = L.DenseLayer((None, 4), 3, nonlinearity=nonlinearities.tanh, name="d")
    net = L.batch_norm(dense, alpha=0.2)
    assert net.nonlinearity is nonlinearities.tanh
    assert dense.nonlinearity is nonlinearities.identity
    assert dense.b is None
    assert list(dense.params) == [dense.W]
    normalized = net.input_layer
    assert normalized.alpha == 0.2
    assert (normalized.name, net.name) == ("d_bn", "d_bn_nonlin")
    assert [p.name for p in L.get_all_params(net, trainable=False)] == [
        "d_bn.mean",
        "d_bn.inv_std",
    ]
    assert L.get_all_params(net, regularizable=True) == [dense.W, normalized.gamma]
    flat = L.batch_norm(L.FlattenLayer((None, 2, 2)), name="f")
    assert isinstance(flat, L.BatchNormLayer)
    assert flat.name == "f"


@pytest.mark.parametrize("shape", [10, pt.dmatrix("x")])
def test_input_shape_that_is_no_tuple_is_named(shape):
    with pytest.raises(TypeError, match=r"InputLayer: shape must be a tuple .* got (10|x)"):
        L.InputLayer(shape)


@pytest.mark.parametrize(
    "make", [L.ConcatLayer, L.ElemwiseSumLayer, lambda one: L.ElemwiseMergeLayer(one, pt.add)]
)
def test_single_layer_in_place_of_a_list_is_named(make):
    message = "Layer: incomings must be a list of Layers or shapes, got .*InputLayer.* in a list"
    with pytest.raises(TypeError, match=message):
        make(L.InputLayer((None, 3)))


@pytest.mark.parametrize(
    "make",
    [
        lambda f: L.DenseLayer((None, 3), 2, nonlinearity=f),
        lambda f: L.NINLayer((None, 3, 4, 4), 2, nonlinearity=f),
        lambda f: L.Conv2DLayer((None, 3, 4, 4), 2, 3, nonlinearity=f),
        lambda f: L.NonlinearityLayer((None, 3), f),
        lambda f: L.RecurrentLayer((None, 3, 2), 2, nonlinearity=f),
        lambda f: L.LSTMLayer((None, 3, 2), 2, nonlinearity=f),
        lambda f: L.Gate(nonlinearity=f),
    ],
)
@pytest.mark.parametrize(
    ("given", "meant"), [("relu", "rectify"), ("tanh", "tanh"), (0.5, "rectify")]
)
def test_nonlinearity_that_is_not_callable_is_named(make, given, meant):
    message = rf"must be None or a callable, got {given!r}; use lasagnette.nonlinearities.{meant}$"
    with pytest.raises(TypeError, match=message):
        make(given)
