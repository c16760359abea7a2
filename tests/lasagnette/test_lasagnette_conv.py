"""Convolutions of one to three directions against loops over positions."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pytensor.graph.traversal import ancestors
from pytensor.tensor.elemwise import Elemwise

import lasagnette.layers as L
from lasagnette import nonlinearities, ops
from lasagnette.layers.conv import conv_input_length, conv_output_length
from lasagnette.utils import interpreted_mode

pytestmark = pytest.mark.usefixtures("seeded")

CONV = {1: L.Conv1DLayer, 2: L.Conv2DLayer, 3: L.Conv3DLayer}
TRANSPOSED = {2: L.TransposedConv2DLayer, 3: L.TransposedConv3DLayer}
PADS = ["valid", "same", "full", 0, 1, 2]


def value_of(layer, x):
    input = pt.tensor("x", dtype=layer.W.dtype, shape=(None,) * np.ndim(x))
    f = pytensor.function([input], layer.get_output_for(input), mode=interpreted_mode())
    return f(np.asarray(x, dtype=input.dtype))


def flipped(w, n):
    return w[(..., *[slice(None, None, -1)] * n)]


def zeros_of(pad, size):
    named = {
        "valid": (0, 0),
        "same": (size // 2, (size - 1) // 2),
        "full": (size - 1, size - 1),
    }
    return named.get(pad, (pad, pad))


def slow_correlation(x, w, pad=0, stride=1, dilation=1, groups=1):
    """Add up, position by position; `w` (filters, channels // groups, *size)."""
    size = w.shape[2:]
    n = len(size)
    stride, dilation = np.broadcast_to(stride, n), np.broadcast_to(dilation, n)
    reach = [(k - 1) * d + 1 for k, d in zip(size, dilation, strict=True)]
    x = np.pad(x, [(0, 0), (0, 0), *(zeros_of(pad, k) for k in size)])
    lengths = [max(0, (l - r) // s + 1) for l, r, s in zip(x.shape[2:], reach, stride, strict=True)]
    out = np.zeros((len(x), len(w), *lengths))
    channels, filters = w.shape[1], len(w) // groups
    for position in product(*map(range, lengths)):
        place = tuple(
            slice(p * s, p * s + r, d)
            for p, s, r, d in zip(position, stride, reach, dilation, strict=True)
        )
        for f in range(len(w)):
            first = f // filters * channels
            patch = x[(slice(None), slice(first, first + channels), *place)]
            out[(slice(None), f, *position)] = (patch * w[f]).reshape(len(x), -1).sum(axis=1)
    return out


def slow_transposed(x, w, crop, stride, extra=(0, 0, 0), groups=1):
    """Lay the filter down at every input position; `w` (channels, filters // groups, *size)."""
    size = w.shape[2:]
    stride = np.broadcast_to(stride, len(size))
    lengths = [
        (l - 1) * s + k + e
        for l, s, k, e in zip(x.shape[2:], stride, size, extra[: len(size)], strict=True)
    ]
    filters = w.shape[1]
    out = np.zeros((len(x), filters * groups, *lengths))
    for position in product(*map(range, x.shape[2:])):
        place = tuple(
            slice(p * s, p * s + k) for p, s, k in zip(position, stride, size, strict=True)
        )
        for c in range(x.shape[1]):
            first = c // (x.shape[1] // groups) * filters
            value = x[(slice(None), c, *position)].reshape(-1, *[1] * w[c].ndim)
            out[(slice(None), slice(first, first + filters), *place)] += value * w[c]
    cut = [zeros_of(crop, k) for k in size]
    ends = [slice(a, l - b) for (a, b), l in zip(cut, lengths, strict=True)]
    return out[(..., *ends)]


@settings(deadline=None, max_examples=25)
@given(data=st.data())
@pytest.mark.parametrize("n", [1, 2, 3])
def test_conv_is_the_sum_over_positions(n, data):
    draw = data.draw
    groups = draw(st.integers(1, 2))
    size = draw(st.tuples(*[st.integers(1, 3)] * n))
    shape = draw(st.tuples(*[st.integers(3, 6)] * n))
    stride = draw(st.tuples(*[st.integers(1, 3)] * n))
    pad = draw(st.sampled_from(PADS))
    flip = draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = rng.normal(size=(2, 2 * groups, *shape))
    layer = CONV[n](
        x.shape,
        3 * groups,
        size,
        stride,
        pad,
        b=rng.normal(size=3 * groups),
        nonlinearity=None,
        flip_filters=flip,
        num_groups=groups,
    )
    w = layer.W.get_value()
    expected = slow_correlation(x, flipped(w, n) if flip else w, pad, stride, groups=groups)
    expected = expected + layer.b.get_value().reshape(-1, *[1] * n)
    actual = value_of(layer, x)
    np.testing.assert_allclose(actual, expected, atol=1e-12)
    assert layer.output_shape == actual.shape


@settings(deadline=None, max_examples=25)
@given(data=st.data())
@pytest.mark.parametrize("n", [2, 3])
def test_transposed_conv_lays_filters_down(n, data):
    draw = data.draw
    groups = draw(st.integers(1, 2))
    size = draw(st.tuples(*[st.integers(1, 3)] * n))
    shape = draw(st.tuples(*[st.integers(2, 4)] * n))
    stride = draw(st.tuples(*[st.integers(1, 3)] * n))
    crop = draw(st.sampled_from(["valid", "same", "full", 0]))
    extra = tuple(draw(st.integers(0, s - 1)) for s in stride)
    given_size = draw(st.sampled_from(["smallest", "numbers", "symbolic"]))
    flip = draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = rng.normal(size=(2, 2 * groups, *shape))
    w = rng.normal(size=(2 * groups, 3, *size))
    extra = extra if given_size != "smallest" else (0,) * n
    laid = w if flip else flipped(w, n)  # Lasagne's sense of the word
    expected = slow_transposed(x, laid, crop, stride, extra, groups)
    assume(min(expected.shape) > 0)
    output_size = {
        "smallest": None,
        "numbers": expected.shape[2:],
        "symbolic": pytensor.shared(np.array(expected.shape[2:])),
    }[given_size]
    layer = TRANSPOSED[n](
        x.shape,
        3 * groups,
        size,
        stride,
        crop,
        W=w,
        b=0.5,
        nonlinearity=None,
        flip_filters=flip,
        output_size=output_size,
        num_groups=groups,
    )
    np.testing.assert_allclose(value_of(layer, x), expected + 0.5, atol=1e-12)
    lengths = (None,) * n if given_size == "symbolic" else expected.shape[2:]
    assert layer.output_shape == (*expected.shape[:2], *lengths)


@pytest.mark.parametrize("n", [2, 3])
def test_transposed_conv_is_the_adjoint_of_conv(n, rng):
    """Both with their defaults of `flip_filters` and the same filters."""
    x, w = rng.normal(size=(2, 3, 8, 7, 6)[: n + 2]), rng.normal(size=(4, 3, 3, 2, 3)[: n + 2])
    settings = {"stride": 2, "W": w, "b": None, "nonlinearity": None}
    conv = CONV[n](x.shape, 4, w.shape[2:], pad=1, **settings)
    y = rng.normal(size=conv.output_shape)
    back = TRANSPOSED[n](y.shape, 3, w.shape[2:], crop=1, output_size=x.shape[2:], **settings)
    np.testing.assert_allclose((value_of(conv, x) * y).sum(), (x * value_of(back, y)).sum())


@pytest.mark.parametrize("dilation", [1, 2, (3, 1)])
@pytest.mark.parametrize("groups", [1, 2])
def test_dilated_conv_steps_between_taps(dilation, groups, rng):
    x = rng.normal(size=(2, 4, 9, 8))
    layer = L.DilatedConv2DLayer(x.shape, 6, (3, 2), dilation, b=0.1, num_groups=groups)
    w = layer.W.get_value()
    assert w.shape == (4 // groups, 6, 3, 2)
    expected = slow_correlation(x, w.swapaxes(0, 1), dilation=dilation, groups=groups)
    np.testing.assert_allclose(value_of(layer, x), np.maximum(expected + 0.1, 0))


@pytest.mark.parametrize("untie", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda **k: L.Conv1DLayer((2, 3, 6), 4, 3, **k),
        lambda **k: L.Conv3DLayer((2, 3, 4, 3, 5), 2, 2, **k),
        lambda **k: L.TransposedConv2DLayer((2, 3, 4, 3), 2, 3, stride=2, **k),
        lambda **k: L.DilatedConv2DLayer((2, 3, 6, 5), 2, 2, dilation=2, **k),
    ],
)
def test_biases_come_before_the_nonlinearity(make, untie, rng):
    """The fused path and the other one give what their parts give."""
    plain = make(nonlinearity=None, b=None)
    x = rng.normal(size=plain.input_shape)
    b = rng.normal(size=plain.output_shape[1:] if untie else plain.output_shape[1:2])
    layer = make(W=plain.W, b=b, untie_biases=untie)
    assert layer.nonlinearity is nonlinearities.rectify
    spread = b if untie else b.reshape(-1, *[1] * layer.n)
    np.testing.assert_allclose(value_of(layer, x), np.maximum(value_of(plain, x) + spread, 0))


@pytest.mark.parametrize(
    "make",
    [
        lambda **k: L.Conv1DLayer((2, 3, 6), 4, 3, pad="full", **k),
        lambda **k: L.Conv2DLayer((2, 4, 6, 5), 4, 3, num_groups=2, **k),
        lambda **k: L.Conv3DLayer((2, 3, 4, 3, 5), 2, 2, pad=1, **k),
        lambda **k: L.TransposedConv2DLayer((2, 3, 4, 3), 2, 3, stride=2, **k),
        lambda **k: L.TransposedConv3DLayer((2, 3, 4, 3, 2), 2, 3, stride=2, **k),
        lambda **k: L.DilatedConv2DLayer((2, 3, 6, 5), 2, 2, dilation=2, **k),
        lambda **k: L.NINLayer((2, 3, 6), 2, **k),
        lambda **k: L.LocallyConnected2DLayer((2, 3, 4, 4), 2, 3, **k),
    ],
)
def test_float32_is_float64_rounded(make, rng):
    wide = make()
    with pytensor.config.change_flags(floatX="float32"):
        narrow = make(W=wide.W.get_value().astype("float32"))
    x = rng.normal(size=wide.input_shape)
    actual = value_of(narrow, x)
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, value_of(wide, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(0, 2, 6), (0, 2, 6, 5), (0, 2, 6, 5, 4)])
def test_empty_batch(shape):
    n = len(shape) - 2
    layers = [CONV[n]((None, *shape[1:]), 4, 3)]
    if n > 1:
        layers.append(TRANSPOSED[n]((None, *shape[1:]), 4, 3, 2))
    for layer in layers:
        assert value_of(layer, np.zeros(shape)).shape == (0, *layer.output_shape[1:])


def test_input_smaller_than_the_filter_gives_an_empty_map():
    x = np.zeros((2, 2, 2, 5, 5))
    layer = L.Conv3DLayer((None, 2, None, 5, 5), 3, (4, 3, 3))
    assert value_of(layer, x).shape == (2, 3, 0, 3, 3)


def test_convolution_may_be_replaced(rng):
    seen = {}

    def convolution(x, w, bias, **settings):
        seen.update(settings)
        return 2 * ops.conv2d(x, w, bias, **settings)

    x = rng.normal(size=(1, 2, 5, 5))
    layer = L.Conv2DLayer(x.shape, 2, 3, pad="same", stride=2, convolution=convolution)
    usual = L.Conv2DLayer(x.shape, 2, 3, pad="same", stride=2, W=layer.W)
    np.testing.assert_allclose(value_of(layer, x), 2 * value_of(usual, x))
    assert seen["pad"] == "same"
    assert seen["relu"]


def test_subclass_without_bias_and_relu_is_completed(rng):
    """Layers written for Lasagne return from convolve() what has neither."""

    class Sum(L.BaseConvLayer):
        def convolve(self, input, **kwargs):
            return input.sum(axis=1, keepdims=True) * pt.ones((1, 2, 1))

    x = rng.normal(size=(3, 4, 5))
    layer = Sum(x.shape, 2, 1, b=np.array([1.0, -1.0]))
    expected = x.sum(axis=1, keepdims=True) + layer.b.get_value()[:, None]
    np.testing.assert_allclose(value_of(layer, x), np.maximum(expected, 0))


def test_relu_and_bias_are_fused():
    output = L.get_output(L.Conv1DLayer(L.InputLayer((None, 2, 8)), 3, 3))
    fused = [v.owner.op for v in ancestors([output]) if v.owner]
    assert [(op.bias, op.relu) for op in fused if isinstance(op, ops.conv.Conv2d)] == [(True, True)]
    assert not any(isinstance(op, Elemwise) for op in fused)


@settings(deadline=None, max_examples=50)
@given(
    length=st.integers(1, 40),
    filter_size=st.integers(1, 7),
    stride=st.integers(1, 4),
    pad=st.sampled_from(PADS),
)
def test_input_length_is_the_smallest(length, filter_size, stride, pad):
    """Where it is an input at all: short maps may stand for padding alone."""
    smallest = conv_input_length(length, filter_size, stride, pad)
    if smallest > 0:
        assert conv_output_length(smallest, filter_size, stride, pad) == length
        assert conv_output_length(smallest + stride - 1, filter_size, stride, pad) == length
        assert conv_output_length(smallest + stride, filter_size, stride, pad) == length + 1
    if smallest > 1:
        assert conv_output_length(smallest - 1, filter_size, stride, pad) == length - 1


def test_lengths_are_unknown_where_the_others_are():
    assert conv_output_length(None, 3, 1) is None
    assert conv_input_length(None, 3, 1) is None
    assert L.Conv3DLayer((None, 1, None, 5, None), 2, 3).output_shape == (None, 2, None, 3, None)
    layer = L.TransposedConv2DLayer((None, 1, None, 5), 2, 3, stride=2, output_size=(12, 12))
    assert layer.output_shape == (None, 2, 12, 12)


@pytest.mark.parametrize("function", [conv_output_length, conv_input_length])
def test_lengths_refuse_other_padding(function):
    with pytest.raises(ValueError, match=r"Invalid pad: .* got 'half'"):
        function(13, 5, 3, "half")


def test_names_of_lasagne():
    assert L.Deconv2DLayer is L.TransposedConv2DLayer
    assert L.Deconv3DLayer is L.TransposedConv3DLayer
    assert L.TransposedConv2DLayer((1, 2, 5, 5), 2, 3, crop="full").crop == "full"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: L.Conv1DLayer((1, 2, 3, 3), 2, 3), ValueError, "Expected 3 input dimensions"),
        (lambda: L.Conv2DLayer((1, 2, 3), 2, 3), ValueError, r"Expected 4 .* got shape \(1, 2, 3"),
        (
            lambda: L.Conv1DLayer((1, 2, 3), 2, 3, pad="half"),
            TypeError,
            "Conv1DLayer: pad must be .* an iterable of int, got 'half'",
        ),
        (lambda: L.Conv2DLayer((1, 2, 3, 3), 2, 3, pad=1.5), TypeError, "iterable of int, got 1.5"),
        (lambda: L.Conv2DLayer((1, 2, 3, 3), 2, 3, pad=-1), ValueError, "not be negative, got -1"),
        (
            lambda: L.Conv2DLayer((1, 4, 9, 9), 6, 3, num_groups=4),
            ValueError,
            "Conv2DLayer: num_groups must be positive and divide the 4 channels and 6 filters",
        ),
        (lambda: L.Conv2DLayer((1, 4, 9, 9), 6, 3, num_groups=0), ValueError, "groups.*got 0"),
        (
            lambda: L.TransposedConv2DLayer((1, None, 9, 9), 6, 3),
            ValueError,
            "the number of channels must be known",
        ),
        (
            lambda: L.TransposedConv2DLayer((1, 2, 5, 5), 2, 3, stride=2, output_size=13),
            ValueError,
            r"output_size must be one .* input of shape \(1, 2, 5, 5\), got \(13, 13\)",
        ),
        (
            lambda: L.DilatedConv2DLayer((1, 2, 9, 9), 2, 3, dilation=0),
            ValueError,
            "dilation must be positive, got 0",
        ),
        (
            lambda: L.DilatedConv2DLayer((1, 2, 9, 9), 2, 3, pad="same"),
            NotImplementedError,
            "requires pad=0.* got 'same'; put a PadLayer before it",
        ),
        (
            lambda: L.DilatedConv2DLayer((1, 2, 9, 9), 2, 3, flip_filters=True),
            NotImplementedError,
            "requires flip_filters=False",
        ),
    ],
)
def test_bad_arguments_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize("n", CONV)
def test_a_wrong_pad_is_named_before_a_wrong_input(n):
    for shape in ((1, 2, 3), (1, 2, 3, 3), (1, 2, 3, 3, 3)):
        with pytest.raises(TypeError, match="an iterable of int, got 'half'"):
            CONV[n](shape, 2, 3, pad="half")


def test_numpy_integers_are_ints():
    three, two = np.int64(3), np.array([2, 2])
    layer = L.Conv2DLayer((None, 2, 9, 9), np.int64(4), three, stride=two, pad=np.uint8(1))
    assert layer.output_shape == (None, 4, 5, 5)
    assert layer.filter_size == (3, 3)


@pytest.mark.parametrize("layer", [L.TransposedConv2DLayer, L.TransposedConv3DLayer])
def test_transposed_conv_names_crop_for_pad(layer):
    shape = (None, 2, 5, 5, 5)[: 4 if layer is L.TransposedConv2DLayer else 5]
    with pytest.raises(TypeError, match=rf"^{layer.__name__} takes crop=, not pad; give crop=1$"):
        layer(shape, 3, 3, pad=1)
