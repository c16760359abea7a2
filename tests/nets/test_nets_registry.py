"""The registry and the two detection nets."""

import numpy as np
import pytest

from lasagnette.layers import count_params, get_all_layers, get_all_params
from lasagnette.nonlinearities import linear, rectify
from nets import registry


def test_net12_is_the_printed_net():
    net = registry.build("net12")
    kinds = [type(one).__name__ for one in get_all_layers(net)]
    assert kinds == [
        "InputLayer",
        "DropoutLayer",
        "Conv2DLayer",
        "MaxPool2DLayer",
        "DropoutLayer",
        "DenseLayer",
        "DropoutLayer",
        "DenseLayer",
    ]
    assert [one.p for one in get_all_layers(net) if hasattr(one, "p")] == [0.1, 0.5, 0.5]
    assert count_params(net) == 3 * 9 * 16 + 16 + 16 * 36 * 16 + 16 + 16 * 2 + 2


def test_net48_is_the_printed_net():
    net = registry.build("net48")
    sides = [one.output_shape[2] for one in get_all_layers(net) if len(one.output_shape) == 4]
    assert sides == [48, 48, 48, 24, 24, 12, 12, 6, 6, 3, 3]
    assert count_params(net) == 329_410


@pytest.mark.parametrize("name", registry.names())
@pytest.mark.parametrize("batch_norm", [False, True])
def test_parameters_have_names_of_their_own_and_are_float32(name, batch_norm):
    parameters = get_all_params(registry.build(name, batch_norm=batch_norm))
    names = [p.name for p in parameters]
    assert len(set(names)) == len(names)
    assert {p.get_value().dtype for p in parameters} == {np.dtype("float32")}


@pytest.mark.parametrize("name", registry.names())
def test_only_the_faithful_output_has_a_relu(name):
    assert registry.build(name).nonlinearity is linear
    assert registry.build(name, faithful=True).nonlinearity is rectify


def test_a_misspelt_name_gets_a_suggestion():
    with pytest.raises(ValueError, match="no net named 'net21'; did you mean net12"):
        registry.build("net21")


def test_a_taken_name_is_refused():
    with pytest.raises(ValueError, match="the net name 'net12' is taken"):
        registry.register("net12", side=12, classes=2)(lambda *a, **k: None)
