"""Functions on networks: walking, propagating, collecting and setting parameters."""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lasagnette.layers as L
from lasagnette.nonlinearities import identity


class Recording(L.Layer):
    """Passes its input through and remembers what it was called with."""

    def get_output_for(self, input, mine=None, **kwargs):
        self.seen = {"mine": mine, **kwargs}
        return input


@pytest.fixture
def branches():
    """Two branches over one input, joined."""
    l_in = L.InputLayer((None, 6), name="in")
    left = L.DenseLayer(l_in, 4, name="left")
    right = L.DenseLayer(l_in, 4, name="right")
    return l_in, left, right, L.ConcatLayer([left, right], name="both")


def test_all_layers_in_topological_order(branches):
    l_in, left, right, both = branches
    assert L.get_all_layers(both) == [l_in, left, right, both]
    assert L.get_all_layers([right, left]) == [l_in, right, left]
    assert L.get_all_layers([both, left, both]) == [l_in, left, right, both]
    assert L.get_all_layers(both, treat_as_input=[left, right]) == [left, right, both]
    assert L.get_all_layers(both, treat_as_input=[left]) == [left, l_in, right, both]


def test_deep_network_needs_no_recursion():
    layer = L.InputLayer((None, 2))
    for _ in range(3000):
        layer = L.NonlinearityLayer(layer, None)
    assert len(L.get_all_layers(layer)) == 3001


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12))
@settings(deadline=None, max_examples=50)
def test_every_layer_comes_after_its_inputs(edges):
    layers = [L.InputLayer((None, 2))]
    for a, b in edges:
        pair = [layers[a % len(layers)], layers[b % len(layers)]]
        layers.append(L.ElemwiseSumLayer(pair))
    order = L.get_all_layers(layers[-1])
    assert len(order) == len(set(order))
    for i, layer in enumerate(order):
        if isinstance(layer, L.MergeLayer):
            assert all(order.index(source) < i for source in layer.input_layers)


def test_get_output_uses_given_inputs(branches, py_function):
    l_in, left, _right, both = branches
    assert L.get_output(l_in) is l_in.input_var
    x = pt.dmatrix("x")
    assert L.get_output(l_in, x) is x
    value = np.ones((2, 6))
    f = py_function([l_in.input_var], L.get_output(both))
    g = py_function([], L.get_output(both, value))
    np.testing.assert_array_equal(f(value), g())
    instead = pt.dmatrix("instead")
    replaced = L.get_output([left, both], {left: instead, l_in: x})
    assert replaced[0] is instead
    np.testing.assert_array_equal(
        py_function([x, instead], replaced[1])(value, np.full((2, 4), 7.0))[:, :4], 7
    )


def test_get_output_passes_keywords_on_and_warns_of_unknown_ones():
    layer = Recording(L.InputLayer((None, 2)))
    L.get_output(layer, mine=3, deterministic=True)
    assert layer.seen == {"mine": 3, "deterministic": True}
    with pytest.warns(UserWarning, match=r"unused kwargs: determinstic \(perhaps you meant det"):
        L.get_output(layer, determinstic=True)
    layer.get_output_kwargs = ["determinstic"]
    L.get_output(layer, determinstic=True)


def test_get_output_refuses_ambiguous_and_missing_inputs():
    two = L.ElemwiseSumLayer([L.InputLayer((None, 2)), L.InputLayer((None, 2))])
    with pytest.raises(ValueError, match=r"get_output\(\) .* single input .* with 2 input layers"):
        L.get_output(two, pt.dmatrix())
    floating = L.DenseLayer((None, 2), 3)
    with pytest.raises(ValueError, match="free-floating layer"):
        L.get_output(L.NonlinearityLayer(floating, None))
    assert L.get_output(floating, {floating: pt.dmatrix("here")}).name == "here"


def test_get_output_shape(branches):
    l_in, left, _right, both = branches
    assert L.get_output_shape(both) == (None, 8)
    assert L.get_output_shape([left, both]) == [(None, 4), (None, 8)]
    assert L.get_output_shape(both, (5, 6)) == (5, 8)
    assert L.get_output_shape([both], {l_in: (5, 6)}) == [(5, 8)]
    assert L.get_output_shape(both, {left: (1, 9), l_in: (1, 6)}) == (1, 13)


def test_params_are_in_layer_order_and_filtered_by_tags(branches):
    _l_in, left, right, both = branches
    assert L.get_all_params(both) == [left.W, left.b, right.W, right.b]
    assert L.get_all_params(both, regularizable=True) == [left.W, right.W]
    assert L.get_all_params(both, regularizable=False) == [left.b, right.b]
    left.params[left.W].remove("trainable")
    assert L.get_all_params(both, trainable=True, regularizable=True) == [right.W]
    assert [p.name for p in L.get_all_params(both)] == ["left.W", "left.b", "right.W", "right.b"]
    assert L.count_params(both) == 56
    assert L.count_params(both, trainable=False) == 24


def test_shared_parameter_counts_once():
    l_in = L.InputLayer((None, 4))
    a = L.DenseLayer(l_in, 4)
    b = L.DenseLayer(a, 4, W=a.W, b=None)
    assert L.get_all_params(b) == [a.W, a.b]
    assert L.count_params(b) == 20


def test_expression_as_parameter_is_unwrapped_left_to_right():
    w1 = pytensor.shared(np.ones((3, 2)), name="w1")
    w2 = pytensor.shared(np.ones(2), name="w2")
    w3 = pytensor.shared(np.ones(1), name="w3")
    layer = L.DenseLayer((None, 3), 2, W=pt.exp(w1 * w3[0]) - w2, b=None)
    assert L.get_all_params(layer) == [w1, w3, w2]
    assert L.get_all_params(layer, unwrap_shared=False) == [layer.W]
    assert L.get_all_params(layer, trainable=False) == []


def test_param_values_round_trip_and_keep_dtype(branches, float32_network):
    _l_in, _left, right, both = branches
    values = L.get_all_param_values(both)
    L.set_all_param_values(both, [v * 2 for v in values])
    for before, after in zip(values, L.get_all_param_values(both), strict=True):
        np.testing.assert_array_equal(after, before * 2)
    layer = L.DenseLayer((None, 3), 2)
    L.set_all_param_values(layer, [np.ones((3, 2)), [1, 2]])
    assert [v.dtype for v in L.get_all_param_values(layer)] == ["float32", "float32"]
    L.set_all_param_values(both, [np.zeros((6, 4))] * 2, regularizable=True)
    assert not right.W.get_value().any()


def test_wrong_param_values_change_nothing(branches):
    *_, both = branches
    before = L.get_all_param_values(both)
    with pytest.raises(ValueError, match="got 1 values for 4 parameters"):
        L.set_all_param_values(both, [np.zeros((6, 4))])
    wrong = [np.zeros_like(v) for v in before]
    wrong[3] = np.zeros(5)
    with pytest.raises(ValueError, match=r"shape \(4,\) for parameter 3 \('right.b'\), got \(5,\)"):
        L.set_all_param_values(both, wrong)
    for a, b in zip(before, L.get_all_param_values(both), strict=True):
        np.testing.assert_array_equal(a, b)


def test_incoming_must_be_layer_or_shape():
    with pytest.raises(TypeError, match=r"DenseLayer: incoming must be a Layer or a tuple.*None"):
        L.DenseLayer(None, 2)
    with pytest.raises(ValueError, match=r"DenseLayer \(name 'd'\): .* positive, got \(None, 0\)"):
        L.DenseLayer((None, 0), 2, name="d")


def test_layer_must_not_return_symbolic_shapes():
    class Symbolic(L.Layer):
        def get_output_shape_for(self, input_shape):
            return (pt.iscalar(), 2)

    with pytest.raises(
        ValueError, match=r"Symbolic.get_output_shape_for\(\) .* must return integers"
    ):
        _ = Symbolic((None, 2)).output_shape


def test_base_layer_names_what_is_missing():
    with pytest.raises(NotImplementedError, match=r"Layer does not define get_output_for"):
        L.get_output(L.Layer(L.InputLayer((None, 2))))
    with pytest.raises(NotImplementedError, match="does not define get_output_shape_for"):
        _ = L.MergeLayer([(None, 2)]).output_shape


def test_input_layer_checks_its_variable():
    with pytest.raises(ValueError, match=r"input_var must have the 2 dimensions .* got 4"):
        L.InputLayer((None, 2), pt.tensor4())
    layer = L.InputLayer((None, 3), name="faces")
    assert layer.input_var.name == "faces.input"
    assert layer.input_var.type.shape == (None, 3)
    assert L.NonlinearityLayer(layer, None).nonlinearity is identity
