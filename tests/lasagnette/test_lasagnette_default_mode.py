"""Updates in PyTensor's default mode, which computes in place where the quick modes copy.

Few and small: every function here is compiled.
"""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import lasagnette.layers as L
from lasagnette import objectives, updates

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


def test_training_step(rng):
    """A small network learns; its deterministic output changes no state."""
    net = L.InputLayer((None, 1, 6, 6))
    x = net.input_var
    net = L.batch_norm(L.Conv2DLayer(net, 4, 3, pad="same"))
    net = L.MaxPool2DLayer(net, 2)
    net = L.DenseLayer(L.dropout(net, p=0.2), 2, nonlinearity=None)
    y = pt.ivector("y")
    losses = objectives.categorical_crossentropy_logits(L.get_output(net), y)
    loss = losses.mean()
    params = L.get_all_params(net, trainable=True)
    steps = updates.momentum(loss, params, learning_rate=0.02) | L.get_updates(loss)
    train = pytensor.function([x, y], loss, updates=steps)
    dtypes = {v.type.dtype for node in train.maker.fgraph.apply_nodes for v in node.outputs}
    assert "float64" not in dtypes

    images = rng.normal(size=(64, 1, 6, 6)).astype("float32")
    labels = (images[:, 0, :3].sum((1, 2)) > images[:, 0, 3:].sum((1, 2))).astype("int32")
    history = [float(train(images, labels)) for _ in range(60)]
    assert np.mean(history[-5:]) < 0.5 * np.mean(history[:5])

    test = pytensor.function([x], L.get_output(net, deterministic=True))
    assert not test.maker.fgraph.update_mapping
    before = L.get_all_param_values(net)
    predicted = test(images).argmax(1)
    assert (predicted == labels).mean() > 0.8
    for a, b in zip(before, L.get_all_param_values(net), strict=True):
        np.testing.assert_array_equal(a, b)
