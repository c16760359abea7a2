"""Training in PyTensor's default mode, which computes in place where the quick modes copy.

A dozen whole graphs, and what updates must do besides. All are small: every function is compiled.
"""

from __future__ import annotations

import numpy as np
import pytensor
import pytest
from whole_graphs import GRAPHS

import lasagnette.layers as L
from lasagnette.ops import kernels

pytestmark = pytest.mark.usefixtures("seeded", "float32_network")


def averages_after(x, steps, alpha=0.25, epsilon=1e-4):
    mean, inv_std = np.zeros(x.shape[1]), np.ones(x.shape[1])
    for _ in range(steps):
        mean = (1 - alpha) * mean + alpha * x.mean(0)
        inv_std = (1 - alpha) * inv_std + alpha / np.sqrt(x.var(0) + epsilon)
    return mean, inv_std


@pytest.mark.parametrize("explicit", [False, True])
@pytest.mark.parametrize("use_averages", [False, True])
def test_batch_norm_averages(explicit, use_averages, rng):
    """Both roads to the updates, with the averages read by the same function or not."""
    x = rng.normal(3, 2, size=(16, 4)).astype("float32")
    layer = L.BatchNormLayer(L.InputLayer((None, 4)), alpha=0.25)
    output = L.get_output(
        layer, batch_norm_use_averages=use_averages, batch_norm_update_averages=True
    )
    f = pytensor.function(
        [layer.input_layer.input_var], output, updates=L.get_updates(output) if explicit else {}
    )
    for step in range(3):
        value = f(x)
        before, after = averages_after(x, step), averages_after(x, step + 1)
        if use_averages:
            np.testing.assert_allclose(value, (x - before[0]) * before[1], rtol=1e-4, atol=1e-5)
        else:
            np.testing.assert_allclose(value.mean(0), 0, atol=1e-5)
        np.testing.assert_allclose(layer.mean.get_value(), after[0], rtol=1e-5)
        np.testing.assert_allclose(layer.inv_std.get_value(), after[1], rtol=1e-5)


# Numba compiles each of these for twenty seconds to a minute and a half.
LONG = (
    *("lstm", "gru", "autoencoder", "pyramid", "people", "words"),
    *("net12 with batch normalisation", "inception"),
)


@pytest.mark.parametrize("explicit", [False, True])
def test_dropout_is_drawn_anew_at_every_call(explicit):
    layer = L.DropoutLayer(L.InputLayer((None, 200)), p=0.5)
    output = L.get_output(layer)
    f = pytensor.function(
        [layer.input_layer.input_var], output, updates=L.get_updates(output) if explicit else {}
    )
    ones = np.ones((20, 200), "float32")
    first, second = f(ones), f(ones)
    assert set(np.unique(first)) == {0, 2}
    assert abs(((first == 0) & (second == 0)).mean() - 0.25) < 0.03
    assert layer.state.get_value()[1] == 2


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in GRAPHS]
)
def test_whole_graph(name, rng, py_function):
    """Two steps of a training: the numbers are those that the interpreted mode finds."""
    graph = GRAPHS[name](rng)
    params = L.get_all_params(graph.layer, trainable=True)
    grads = pytensor.grad(graph.loss, params)
    steps = {**graph.rule(grads, params), **L.get_updates(graph.loss), **graph.updates}
    outputs = [graph.loss, *graph.outputs, *grads]
    start = {variable: variable.get_value() for variable in steps}

    def results(function):
        for variable, value in start.items():
            variable.set_value(value)
        f = function(list(graph.given), outputs, updates=steps)
        values = [value for _ in range(2) for value in f(*graph.given.values())]
        return f, values + [variable.get_value() for variable in steps]

    _, expected = results(py_function)
    compiled, found = results(pytensor.function)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert all((v.get_value() != value).any() for v, value in start.items())
    nodes = compiled.maker.fgraph.apply_nodes
    assert not [n for n in nodes for v in n.outputs if v.type.dtype == "float64"]
    if kernels.library() is not None:
        assert compiled.vm.jit_fn.stats.cache_path, "the next process would compile it again"
