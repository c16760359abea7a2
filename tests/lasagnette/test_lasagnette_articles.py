"""The networks that the articles print, unchanged.

Below stand the build functions as "Deep learning in the garage" has them, in part 1
("Brotherhood of data": net12, net48), part 2 ("Two networks": the calibration nets and the
Inception net) and part 3 ("The return of smileys"). The articles do not show what their free
names stand for; the prelude defines them.
"""

from __future__ import annotations

import numpy as np
import pytensor
import pytensor.tensor as T
import pytest

import lasagnette as lasagne
from nets import registry

# The prelude. The articles spell the keyword for the nonlinearity in two ways.

relu = lasagne.nonlinearities.rectify
linear = lasagne.nonlinearities.linear
batchnorm = lasagne.layers


def conv(network, num_filters, filter_size, nolin=None, nonlin=None):
    return lasagne.layers.Conv2DLayer(
        network, num_filters, filter_size, pad="same", nonlinearity=nolin or nonlin
    )


def max_pool(network, pad=(0, 0)):
    return lasagne.layers.MaxPool2DLayer(network, pool_size=(2, 2), pad=pad)


def DenseLayer(network, num_units, nolin=None, nonlin=None):
    return lasagne.layers.DenseLayer(network, num_units, nonlinearity=nolin or nonlin)


# fmt: off

# Part 1

def build_net12(input):
    network = lasagne.layers.InputLayer(shape=(None, 3, 12, 12), input_var=input)
    network = lasagne.layers.dropout(network, p=.1)
    network = conv(network, num_filters=16, filter_size=(3, 3), nonlin=relu)
    network = max_pool(network)
    network = DenseLayer(lasagne.layers.dropout(network, p=.5), num_units=16, nonlin=relu)
    network = DenseLayer(lasagne.layers.dropout(network, p=.5), num_units=2, nonlin=relu)
    return network


def build_net48(input):
    network = lasagne.layers.InputLayer(shape=(None, 3, 48, 48), input_var=input)
    network = lasagne.layers.dropout(network, p=.1)
    network = conv(network, num_filters=64, filter_size=(5, 5), nolin=relu)
    network = max_pool(network)
    network = conv(network, num_filters=64, filter_size=(5, 5), nolin=relu)
    network = max_pool(network)
    network = conv(network, num_filters=64, filter_size=(3, 3), nolin=relu)
    network = max_pool(network)
    network = conv(network, num_filters=64, filter_size=(3, 3), nolin=relu)
    network = max_pool(network)
    network = DenseLayer(lasagne.layers.dropout(network, p=.5), nolin=relu, num_units=256)
    network = DenseLayer(lasagne.layers.dropout(network, p=.5), nolin=relu, num_units=2)
    return network


# Part 2

def build_net12_cal(input):
    network = lasagne.layers.InputLayer(shape=(None, 3, 12, 12), input_var=input)
    network = lasagne.layers.dropout(network, p=.1)
    network = conv(network, num_filters=16, filter_size=(3, 3), nolin=relu)
    network = max_pool(network)
    network = DenseLayer(lasagne.layers.dropout(network, p=.5), num_units=128, nolin=relu)
    network = DenseLayer(lasagne.layers.dropout(network, p=.5), num_units=45, nolin=linear)
    return network


def build_net48_cal(input):
    network = lasagne.layers.InputLayer(shape=(None, 3, 48, 48), input_var=input)
    network = lasagne.layers.dropout(network, p=.1)
    network = conv(network, num_filters=64, filter_size=(5, 5), nolin=relu)
    network = max_pool(network)
    network = conv(network, num_filters=64, filter_size=(5, 5), nolin=relu)
    network = DenseLayer(lasagne.layers.dropout(network, p=.3), num_units=256, nolin=relu)
    network = DenseLayer(lasagne.layers.dropout(network, p=.3), num_units=45, nolin=linear)
    return network


def build_net64_inceptron(input):
    network = lasagne.layers.InputLayer(shape=(None, 3, 64, 64), input_var=input)
    network = lasagne.layers.dropout(network, p=.1)
    b1 = conv(network, num_filters=32, filter_size=(1, 1), nolin=relu)
    b2 = conv(network, num_filters=48, filter_size=(1, 1), nolin=relu)
    b2 = conv(b2, num_filters=64, filter_size=(3, 3), nolin=relu)
    b3 = conv(network, num_filters=8, filter_size=(1, 1), nolin=relu)
    b3 = conv(b3, num_filters=16, filter_size=(5, 5), nolin=relu)
    network = lasagne.layers.ConcatLayer([b1, b2, b3], axis=1)
    network = max_pool(network, pad=(1, 1))
    b1 = conv(network, num_filters=64, filter_size=(1, 1), nolin=relu)
    b2 = conv(network, num_filters=64, filter_size=(1, 1), nolin=relu)
    b2 = conv(b2, num_filters=96, filter_size=(3, 3), nolin=relu)
    b3 = conv(network, num_filters=16, filter_size=(1, 1), nolin=relu)
    b3 = conv(b3, num_filters=48, filter_size=(5, 5), nolin=relu)
    network = lasagne.layers.ConcatLayer([b1, b2, b3], axis=1)
    network = max_pool(network, pad=(1, 1))
    b1 = conv(network, num_filters=96, filter_size=(1, 1), nolin=relu)
    b2 = conv(network, num_filters=48, filter_size=(1, 1), nolin=relu)
    b2 = conv(b2, num_filters=104, filter_size=(3, 3), nolin=relu)
    b3 = conv(network, num_filters=8, filter_size=(1, 1), nolin=relu)
    b3 = conv(b3, num_filters=24, filter_size=(5, 5), nolin=relu)
    network = lasagne.layers.ConcatLayer([b1, b2, b3], axis=1)
    network = max_pool(network, pad=(1, 1))
    network = DenseLayer(lasagne.layers.dropout(network, p=.5), num_units=256, nolin=relu)
    network = DenseLayer(lasagne.layers.dropout(network, p=.5), num_units=2, nolin=linear)
    return network


# Part 3

def build_net_smiles(input):
    network = lasagne.layers.InputLayer(shape=(None, 3, 48, 48), input_var=input)
    network = lasagne.layers.dropout(network, p=.1)
    network = conv(network, num_filters=64, filter_size=(5, 5), nolin=relu)
    network = batchnorm.batch_norm(network)
    network = max_pool(network)
    network = conv(network, num_filters=64, filter_size=(5, 5), nolin=relu)
    network = batchnorm.batch_norm(network)
    network = max_pool(network)
    network = conv(network, num_filters=64, filter_size=(3, 3), nolin=relu)
    network = batchnorm.batch_norm(network)
    network = max_pool(network)
    network = conv(network, num_filters=64, filter_size=(3, 3), nolin=relu)
    network = batchnorm.batch_norm(network)
    network = max_pool(network)
    network = DenseLayer(lasagne.layers.dropout(network, p=.3), num_units=256, nolin=relu)
    network = batchnorm.batch_norm(network)
    network = DenseLayer(lasagne.layers.dropout(network, p=.3), num_units=17, nolin=linear)
    return network

# fmt: on

# Outputs, parameters (counted by hand from the listings), and the sides of the feature maps.
NETS = {
    "net12": (build_net12, 2, 9_714, [12, 6]),
    "net48": (build_net48, 2, 329_410, [48, 24, 12, 6, 3]),
    "net12_cal": (build_net12_cal, 45, 80_109, [12, 6]),
    "net48_cal": (build_net48_cal, 45, 9_556_333, [48, 24]),
    "net64_inceptron": (build_net64_inceptron, 2, 4_849_450, [64, 33, 17, 9]),
    "net_smiles": (build_net_smiles, 17, 334_801, [48, 24, 12, 6, 3]),
}


@pytest.fixture(params=NETS)
def net(request, float32_network, seeded):
    build, *facts = NETS[request.param]
    return build(T.tensor4("input", dtype="float32")), *facts


def test_shapes_and_parameter_count(net):
    network, classes, count, sides = net
    assert network.output_shape == (None, classes)
    assert lasagne.layers.count_params(network) == count
    maps = [layer.output_shape for layer in lasagne.layers.get_all_layers(network)]
    found = [shape[2] for shape in maps if len(shape) == 4]
    assert list(dict.fromkeys(found)) == sides


@pytest.mark.parametrize("printed", NETS)
def test_registry_builds_what_is_printed(printed, float32_network):
    name = printed.replace("inceptron", "inception")

    def outline(network):
        return [
            (type(one), one.output_shape, getattr(one, "p", None))
            for one in lasagne.layers.get_all_layers(network)
        ]

    network = NETS[printed][0](T.tensor4("input", dtype="float32"))
    assert outline(registry.build(name, faithful=True)) == outline(network)
    assert registry.build(name, faithful=True).nonlinearity is network.nonlinearity


def test_forward_pass(net, py_function, rng):
    network, classes, _, sides = net
    layers = lasagne.layers.get_all_layers(network)
    forward = py_function(
        [layers[0].input_var], lasagne.layers.get_output(network, deterministic=True)
    )
    images = rng.normal(size=(3, 3, sides[0], sides[0])).astype("float32")
    logits = forward(images)
    assert logits.shape == (3, classes)
    assert logits.dtype == "float32"
    assert np.isfinite(logits).all()
    np.testing.assert_allclose(forward(images[1:2])[0], logits[1], rtol=1e-4, atol=1e-5)
    assert logits.std() > 0 or network.nonlinearity is relu


def test_smile_voting_of_part_3(float32_network, seeded, py_function, rng):
    """The article's graph: the distribution summed over the windows, its class and value."""
    net_smiles = build_net_smiles(T.tensor4("input", dtype="float32"))
    smile_probs_sum = T.sum(lasagne.layers.get_output(net_smiles, deterministic=True), axis=0)
    source = lasagne.layers.get_all_layers(net_smiles)[0].input_var
    classify_smiles = py_function([source], [T.argmax(smile_probs_sum), T.max(smile_probs_sum)])
    smile_cls, smile_val = classify_smiles(rng.random((5, 3, 48, 48)).astype("float32"))
    assert 0 <= smile_cls < 17
    assert np.isfinite(smile_val)


def test_layers_themselves_know_only_lasagnes_keywords():
    l_in = lasagne.layers.InputLayer((None, 3, 12, 12))
    with pytest.raises(TypeError, match="'nolin'; did you mean 'nonlinearity'"):
        lasagne.layers.DenseLayer(l_in, num_units=2, nolin=relu)
    with pytest.raises(TypeError, match="'nonlin'; did you mean 'nonlinearity'"):
        lasagne.layers.Conv2DLayer(l_in, 2, 3, nonlin=relu)


def test_articles_nets_train_in_float32(net):
    """The gradient graph of each net holds no float64, also outside the float32 setting."""
    network, *_ = net
    with pytensor.config.change_flags(floatX="float64"):
        target = T.ivector("target")
        logits = lasagne.layers.get_output(network)
        loss = lasagne.objectives.categorical_crossentropy_logits(logits, target).mean()
        params = lasagne.layers.get_all_params(network, trainable=True)
        updates = lasagne.updates.adam(loss, params) | lasagne.layers.get_updates(loss)
    graph = pytensor.graph.traversal.ancestors([loss, *updates.values()])
    assert not [v for v in graph if getattr(v.type, "dtype", "") == "float64"]
