"""The registry and the nets in it."""

import numpy as np
import pytest

from lasagnette.layers import (
    BatchNormLayer,
    ConcatLayer,
    count_params,
    get_all_layers,
    get_all_params,
)
from lasagnette.nonlinearities import linear, rectify
from nets import registry

# Classes, parameters (counted by hand) and the sides of the maps, in the order of the layers.
NETS = {
    "net12": (2, 9_714, [12, 6]),
    "net12_cal": (45, 80_109, [12, 6]),
    "net24": (2, 134_802, [24, 12, 6]),
    "net24_cal": (45, 163_533, [24, 12, 6]),
    "net24_multi": (2, 209_426, [24, 12, 6]),
    "net48": (2, 329_410, [48, 24, 12, 6, 3]),
    "net48_cal": (45, 2_478_445, [48, 24, 12]),
    "net48_large": (2, 481_186, [48, 24, 12, 6, 3]),
    "net64_inception": (2, 4_849_450, [64, 33, 17, 9]),
    "net64_inception4": (2, 2_181_274, [64, 33, 17, 9, 5]),
    "net64_inception4_pool": (2, 2_524_034, [64, 33, 17, 9, 5]),
    "net64_inception_pool": (2, 5_529_570, [64, 33, 17, 9]),
    "net_smiles": (17, 334_801, [48, 24, 12, 6, 3]),
}
DROPOUT = {
    "net12": [0.1, 0.5, 0.5],
    "net12_cal": [0.1, 0.5, 0.5],
    "net24": [0.1, 0.3, 0.3],
    "net24_cal": [0.1, 0.3, 0.3],
    "net24_multi": [0.1, 0.1, 0.1, 0.3, 0.3],
    "net48": [0.1, 0.5, 0.5],
    "net48_cal": [0.1, 0.3, 0.3],
    "net48_large": [0.1, 0.3, 0.3],
    **{f"net64_inception{kind}": [0.1, 0.5, 0.5] for kind in ("", "4", "4_pool", "_pool")},
    "net_smiles": [0.1, 0.3, 0.3],
}


def sides(net):
    maps = [one.output_shape for one in get_all_layers(net) if len(one.output_shape) == 4]
    return list(dict.fromkeys(shape[2] for shape in maps))


def test_all_nets_are_there():
    assert registry.names() == sorted(NETS)


@pytest.mark.parametrize("name", NETS)
def test_size_of_the_net(name):
    classes, parameters, maps = NETS[name]
    net = registry.build(name)
    spec = registry.spec(name)
    assert net.output_shape == (None, spec.classes) == (None, classes)
    assert get_all_layers(net)[0].shape == (None, 3, spec.side, spec.side)
    assert count_params(net) == parameters
    assert sides(net) == maps
    assert [one.p for one in get_all_layers(net) if hasattr(one, "p")] == DROPOUT[name]


def test_net12_is_the_printed_net():
    kinds = [type(one).__name__ for one in get_all_layers(registry.build("net12"))]
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


def test_the_printed_net48_cal_pools_once():
    net = registry.build("net48_cal", faithful=True)
    assert count_params(net) == 9_556_333
    assert sides(net) == [48, 24]


def test_inception_joins_three_branches_in_each_module():
    net = registry.build("net64_inception")
    joined = [one for one in get_all_layers(net) if isinstance(one, ConcatLayer)]
    assert [one.output_shape for one in joined] == [
        (None, 32 + 64 + 16, 64, 64),
        (None, 64 + 96 + 48, 33, 33),
        (None, 96 + 104 + 24, 17, 17),
    ]


@pytest.mark.parametrize("name", NETS)
def test_batch_normalisation_after_every_layer_with_weights_but_the_last(name):
    def kinds(**options):
        every = get_all_layers(registry.build(name, **options))
        weighted = [one for one in every if hasattr(one, "W")]
        return len(weighted), sum(isinstance(one, BatchNormLayer) for one in every)

    weighted, normalised = kinds(batch_norm=True)
    assert normalised == weighted - 1
    assert kinds()[1] == (normalised if name == "net_smiles" else 0)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_parameters_have_names_of_their_own_and_are_float32(name, batch_norm):
    parameters = get_all_params(registry.build(name, batch_norm=batch_norm))
    names = [p.name for p in parameters]
    assert len(set(names)) == len(names)
    assert {p.get_value().dtype for p in parameters} == {np.dtype("float32")}


@pytest.mark.parametrize("name", NETS)
def test_only_the_faithful_detection_nets_end_in_a_relu(name):
    assert registry.build(name).nonlinearity is linear
    printed = linear if registry.spec(name).classes > 2 or "64" in name else rectify
    assert registry.build(name, faithful=True).nonlinearity is printed


def probabilities(name, factor):
    return [
        one.p for one in get_all_layers(registry.build(name, dropout=factor)) if hasattr(one, "p")
    ]


@pytest.mark.parametrize("name", NETS)
def test_dropout_is_a_factor_of_all_probabilities(name):
    assert probabilities(name, 0.5) == [p / 2 for p in DROPOUT[name]]
    assert not any(probabilities(name, 0))


@pytest.mark.parametrize("factor", [-0.1, 2, float("nan")])
def test_a_dropout_factor_out_of_range_is_refused(factor):
    with pytest.raises(ValueError, match=f"a factor from 0 to below 2; got {factor}"):
        registry.build("net12", dropout=factor)


def test_the_multi_resolution_net_joins_the_maps_of_three_sizes():
    every = get_all_layers(registry.build("net24_multi"))
    (joined,) = [one for one in every if isinstance(one, ConcatLayer)]
    assert joined.input_shapes == [(None, filters, 6, 6) for filters in (48, 16, 16)]
    means = [one for one in every if getattr(one, "mode", "max") != "max"]
    assert [one.output_shape for one in means] == [(None, 3, 12, 12), (None, 3, 6, 6)]


def test_a_misspelt_name_gets_a_suggestion():
    with pytest.raises(ValueError, match=r"no net named 'net21'; did you mean .*net12"):
        registry.build("net21")


def test_a_taken_name_is_refused():
    with pytest.raises(ValueError, match="the net name 'net12' is taken"):
        registry.register("net12", side=12, classes=2)(lambda *a, **k: None)
