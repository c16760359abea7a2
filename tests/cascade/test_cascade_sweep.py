"""The sweep against the windows' road: cut every window, run the net on the batch."""

import numpy as np
import pytest

import cascade.sweep
from cascade.folding import read_first_net
from cascade.sweep import Sweep
from cascade.windows import offsets
from lasagnette import nonlinearities
from lasagnette.layers import (
    BatchNormLayer,
    Conv2DLayer,
    DenseLayer,
    InputLayer,
    MaxPool2DLayer,
    batch_norm,
    dropout,
    get_all_layers,
)
from nets import registry
from nets.inference import forward
from nets.scaling import Scaling

STRIDES = (2, 4, 6, 12)
SHAPES = ((12, 12), (13, 41), (38, 27), (50, 64))


def randomised(layer, seed=0):
    """Parameters of any sign and batch normalisation's averages off their defaults."""
    rng = np.random.default_rng(seed)
    for one in get_all_layers(layer):
        for parameter in one.get_params():
            value = parameter.get_value()
            fan_in = value[0].size if value.ndim > 2 else max(1, len(value))
            noise = rng.normal(size=value.shape) * (fan_in**-0.5 if value.ndim > 1 else 0.3)
            parameter.set_value((noise + (parameter.name or "").endswith("inv_std")).astype("f"))
    return layer


def other_net(side=24, filter_size=5):
    net = InputLayer((None, 3, side, side))
    net = Conv2DLayer(net, 6, filter_size, pad="same", flip_filters=False)
    net = dropout(MaxPool2DLayer(batch_norm(net), 2), p=0.2)
    net = batch_norm(DenseLayer(net, 9))
    net = DenseLayer(net, 7)
    return DenseLayer(net, 3, nonlinearity=nonlinearities.linear)


def picture(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def by_windows(run, image, stride, side):
    rows, columns = (offsets(length, side, stride) for length in image.shape[:2])
    windows = np.stack([image[y : y + side, x : x + side] for y in rows for x in columns])
    return run(Scaling().apply(windows).transpose(0, 3, 1, 2))


@pytest.fixture
def always_sweep(monkeypatch):
    monkeypatch.setattr(cascade.sweep, "_FEW", 0)


@pytest.fixture(scope="module")
def net12():
    return randomised(registry.build("net12"))


@pytest.mark.usefixtures("always_sweep")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("stride", STRIDES)
def test_net12_equals_its_windows(net12, stride, shape):
    image = picture(shape)
    found = Sweep(net12, Scaling()).logits(image, stride)
    np.testing.assert_allclose(found, by_windows(forward(net12), image, stride, 12), atol=1e-5)


@pytest.mark.usefixtures("always_sweep")
@pytest.mark.parametrize(
    "layer",
    [
        registry.build("net12", batch_norm=True),
        registry.build("net12", faithful=True),
        other_net(24, 5),
        other_net(16, 7),
        other_net(12, 1),
    ],
    ids=["batch-norm", "faithful", "5x5", "7x7", "1x1"],
)
def test_other_nets_equal_their_windows(layer):
    layer = randomised(layer, seed=1)
    side = get_all_layers(layer)[0].output_shape[2]
    run = forward(layer)
    for stride in (2, 4, 6):
        image = picture((side + 7, side + 9))
        found = Sweep(layer, Scaling()).logits(image, stride)
        np.testing.assert_allclose(found, by_windows(run, image, stride, side), atol=2e-5)


@pytest.mark.parametrize("few", [0, 10**6])
def test_bands_and_small_levels_give_the_same(net12, monkeypatch, few):
    """A level cut into bands of one row of windows, and a level whose windows are all cut."""
    image = picture((61, 83))
    whole = Sweep(net12, Scaling()).logits(image, 4)
    monkeypatch.setattr(cascade.sweep, "_FEW", few)
    monkeypatch.setattr(cascade.sweep, "_BAND", 1)
    np.testing.assert_allclose(Sweep(net12, Scaling()).logits(image, 4), whole, atol=1e-5)


@pytest.mark.usefixtures("always_sweep")
@pytest.mark.parametrize("shape", [(11, 40), (40, 11), (1, 1)])
def test_a_level_below_the_windows_side_has_none(net12, shape):
    assert Sweep(net12, Scaling()).logits(picture(shape), 4).shape == (0, 2)


@pytest.mark.parametrize("stride", [0, 3, -2])
def test_an_odd_stride_is_refused(net12, stride):
    with pytest.raises(ValueError, match=f"positive even number; got {stride}"):
        Sweep(net12, Scaling()).logits(picture((20, 20)), stride)


def conv(**options):
    return Conv2DLayer(InputLayer((None, 3, 12, 12)), 4, **{"filter_size": 3, **options})


def headed(layer):
    return DenseLayer(MaxPool2DLayer(layer, 2), 2)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: registry.build("net48"), "MaxPool2DLayer|Conv2DLayer 'conv2' does not belong"),
        (lambda: headed(conv(pad=0)), r"Conv2DLayer has pad \(0, 0\)"),
        (lambda: headed(conv(pad="same", filter_size=7)), "filters 7x7, more than half"),
        (lambda: headed(conv(pad="same", untie_biases=True)), "untied biases"),
        (
            lambda: headed(conv(pad="same", nonlinearity=nonlinearities.tanh)),
            "rectify or linear is needed",
        ),
        (
            lambda: DenseLayer(MaxPool2DLayer(conv(pad="same"), 3), 2),
            r"has size \(3, 3\).*2x2 without padding is needed",
        ),
        (lambda: headed(BatchNormLayer(conv(pad="same"))), "BatchNormLayer does not belong"),
        (lambda: MaxPool2DLayer(conv(pad="same"), 2), "no dense layer after"),
        (lambda: DenseLayer(InputLayer((None, 3, 12, 12)), 2), "DenseLayer does not belong"),
        (lambda: DenseLayer(InputLayer((None, 3, 12, 14)), 2), "square, of an even side"),
    ],
)
def test_other_architectures_are_refused(build, message):
    with pytest.raises(ValueError, match="a sweep cannot evaluate this net: .*" + message):
        read_first_net(build())
