"""The contract that every layer keeps, on the cases in contract_*.py."""

from __future__ import annotations

import contract_conv
import contract_dense
import contract_embedding
import contract_merge
import contract_noise
import contract_normalization
import contract_pool
import contract_recurrent
import contract_shape
import contract_special
import numpy as np
import pytensor
import pytest
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.traversal import ancestors

import lasagnette.layers as L

FAMILIES = [
    contract_conv,
    contract_dense,
    contract_embedding,
    contract_merge,
    contract_noise,
    contract_normalization,
    contract_pool,
    contract_recurrent,
    contract_shape,
    contract_special,
]
LAYERS = {name: case for family in FAMILIES for name, case in family.CASES.items()}
ARGUMENTS = {cls: given for family in FAMILIES for cls, given in family.ARGUMENTS.items()}

BATCH = 3

pytestmark = pytest.mark.usefixtures("seeded")


@pytest.fixture(params=LAYERS)
def build(request):
    """Return a function that builds the layer for a batch size and a dtype."""
    shapes, make = LAYERS[request.param]

    def build(batch, dtype="float64"):
        with pytensor.config.change_flags(floatX=dtype):
            inputs = [L.InputLayer((batch, *shape)) for shape in shapes]
            return inputs, make(inputs if len(inputs) > 1 else inputs[0])

    return build


def values_for(inputs, rng, dtype="float64"):
    return [rng.normal(size=(BATCH, *l.shape[1:])).astype(dtype) for l in inputs]


@pytest.mark.parametrize("batch", [BATCH, None])
@pytest.mark.parametrize("deterministic", [True, False])
def test_shape_rule_agrees_with_output(build, batch, deterministic, rng, py_function):
    inputs, layer = build(batch)
    output = L.get_output(layer, deterministic=deterministic)
    rule = layer.output_shape
    assert rule[0] == batch
    value = py_function([l.input_var for l in inputs], output)(*values_for(inputs, rng))
    assert value.shape == tuple(BATCH if s is None else s for s in rule)
    static = output.type.shape
    assert len(static) == len(rule)
    assert all(s is None or r is None or s == r for s, r in zip(static, rule, strict=True))


def test_shape_rule_takes_another_shape(build):
    _, layer = build(None)
    shapes = layer.input_shapes if isinstance(layer, L.MergeLayer) else layer.input_shape
    if isinstance(layer, L.MergeLayer):
        other = [(9, *shape[1:]) for shape in shapes]
    else:
        other = (9, *shapes[1:])
    assert layer.get_output_shape_for(other) == (9, *layer.output_shape[1:])


def test_gradient_is_right_and_finite(build, rng, py_function):
    """The gradient along a random direction equals the difference quotient."""
    inputs, layer = build(BATCH)
    params = L.get_all_params(layer, trainable=True)
    for param in params:  # away from the symmetric start, where errors could cancel
        param.set_value(rng.normal(size=param.get_value().shape))
    kwargs = {"deterministic": True}
    if any(isinstance(l, L.BatchNormLayer) for l in L.get_all_layers(layer)):
        kwargs |= {"batch_norm_use_averages": False}
    output = L.get_output(layer, **kwargs)
    weights = rng.normal(size=layer.output_shape)
    loss = (output * weights).sum()
    wrt = [l.input_var for l in inputs] + params
    given = [l.input_var for l in inputs]
    # Words are integers, which have no gradient.
    words = any(isinstance(l, L.EmbeddingLayer) for l in L.get_all_layers(layer))
    grads = pytensor.grad(loss, wrt, disconnected_inputs="ignore" if words else "raise")
    f = py_function(given, [loss, *grads])
    x = values_for(inputs, rng)
    _, *grads = f(*x)
    assert all(np.isfinite(g).all() for g in grads)

    starts = [*x, *(p.get_value() for p in params)]
    directions = [rng.normal(size=v.shape) for v in starts]

    def loss_at(step):
        moved = [v + step * d for v, d in zip(starts, directions, strict=True)]
        for param, value in zip(params, moved[len(x) :], strict=True):
            param.set_value(value)
        return f(*moved[: len(x)])[0]

    slope = sum((g * d).sum() for g, d in zip(grads, directions, strict=True))
    quotient = (loss_at(1e-6) - loss_at(-1e-6)) / 2e-6
    np.testing.assert_allclose(slope, quotient, rtol=1e-5, atol=1e-6)


def test_parameters_are_tagged_named_and_of_fixed_shape(build):
    _, layer = build(None)
    for one in L.get_all_layers(layer):
        for param, tags in one.params.items():
            assert isinstance(param, SharedVariable)
            assert param.type.shape == param.get_value().shape
            assert tags <= {"trainable", "regularizable", "batch_norm_stat"}
            assert param.name
            assert param.get_value().dtype == "float64"


def test_deterministic_output_has_no_updates(build, py_function):
    inputs, layer = build(None)
    output = L.get_output(layer, deterministic=True)
    assert L.get_updates(output) == {}
    assert not py_function([l.input_var for l in inputs], output).maker.fgraph.update_mapping


def test_random_output_carries_its_updates(build, py_function):
    inputs, layer = build(None)
    output = L.get_output(layer)
    expected = set()
    for one in L.get_all_layers(layer):
        if hasattr(one, "state") and getattr(one, "p", None) != 0:
            expected.add(one.state)
        if isinstance(one, L.BatchNormLayer):
            expected |= {one.mean, one.inv_std}
    updates = L.get_updates(output)
    assert set(updates) == expected
    f = py_function([l.input_var for l in inputs], output)
    assert len(f.maker.fgraph.update_mapping or {}) == len(expected)


def test_float32_layer_stays_float32_whatever_floatx_is(build):
    """Built in float32, then used under the default floatX of float64."""
    _, layer = build(None, "float32")
    assert pytensor.config.floatX == "float64"
    output = L.get_output(layer)
    loss = (output * output).sum()
    params = L.get_all_params(layer, trainable=True)
    graph = [loss, *pytensor.grad(loss, params), *L.get_updates(output).values()]
    wide = [v for v in ancestors(graph) if getattr(v.type, "dtype", "") == "float64"]
    assert not wide


def test_unknown_keyword_is_rejected(build):
    _, layer = build(None)
    arguments = ARGUMENTS.get(type(layer), ())
    incoming = [(None, 3, 7, 6)] * 2 if isinstance(layer, L.MergeLayer) else (None, 3, 7, 6)
    with pytest.raises(TypeError, match=f"{type(layer).__name__} got .* argument 'nolin'"):
        type(layer)(incoming, *arguments, nolin=None)
