"""The sweep against the windows' road: cut every window, run the plan on the batch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade import kernels as cascade_kernels
from cascade.sweep import Sweep
from cascade.windows import offsets
from lasagnette.ops import kernels
from nets import registry
from nets.folding import fold
from nets.plan import INPUT, Plan, Step
from nets.scaling import Scaling

SETTINGS = settings(deadline=None, max_examples=25)
SCALING = Scaling(mean=100.0, scale=1 / 90)
COMPILED = [name for name in kernels.describe()["available"] if name != "numpy"]


@pytest.fixture(autouse=True)
def restored():
    before = kernels.get_threads()
    yield
    kernels.load()
    kernels.set_threads(before)


def plan_of(side, taps, filters, units=(16, 2), seed=0):
    """A convolution with relu and pooling, then dense layers, all but the last with relu."""
    rng = np.random.default_rng(seed)
    steps, arrays = [Step("conv", [INPUT], "conv", relu=True, pool=True)], {}
    arrays["conv.W"] = rng.normal(size=(filters, 3, taps, taps)) / (3 * taps**2) ** 0.5
    arrays["conv.b"] = rng.normal(size=filters) / 3
    inputs = filters * (side // 2) ** 2
    for number, count in enumerate(units):
        name = f"dense{number}"
        last = number == len(units) - 1
        steps.append(Step("dense", [steps[-1].name], name, relu=not last))
        arrays[f"{name}.W"] = rng.normal(size=(inputs, count)) / inputs**0.5
        arrays[f"{name}.b"] = rng.normal(size=count) / 3
        inputs = count
    return Plan(side, steps, arrays)


def picture(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (3, *shape), dtype=np.uint8)


def by_windows(plan, image, stride):
    side = plan.side
    rows, columns = (offsets(length, side, stride) for length in image.shape[1:])
    windows = [image[:, y : y + side, x : x + side] for y in rows for x in columns]
    return plan(SCALING.apply(np.stack(windows)))


def check(plan, image, stride):
    expected = by_windows(plan, image, stride)
    found = Sweep(plan, SCALING).logits(image, stride)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_the_compiled_kernel_is_what_is_tested_here():
    if not COMPILED:
        pytest.skip("the kernels are not compiled here")
    assert cascade_kernels.describe()["sweep"] == "compiled"


@pytest.mark.parametrize("name", [*COMPILED, "numpy"])
@SETTINGS
@given(st.integers(0, 70), st.integers(0, 90), st.sampled_from([2, 4, 6, 8, 12, 14, 26]))
def test_net12_equals_its_windows(name, below, right, stride):
    kernels.load(name)
    check(plan_of(12, 3, 16), picture((12 + below, 12 + right)), stride)


@SETTINGS
@given(
    side=st.sampled_from([6, 10, 12, 16, 24]),
    taps=st.sampled_from([1, 3, 5, 7]),
    filters=st.sampled_from([1, 6, 16, 24]),
    units=st.sampled_from([(3,), (16, 2), (20, 33, 45)]),
    more=st.tuples(st.integers(0, 30), st.integers(0, 30)),
    stride=st.sampled_from([2, 4, 6, 10]),
)
def test_other_nets_equal_their_windows(side, taps, filters, units, more, stride):
    plan = plan_of(side, min(taps, side // 2 - 1 + side // 2 % 2), filters, units)
    check(plan, picture((side + more[0], side + more[1])), stride)


def test_a_trained_nets_plan_is_swept():
    plan = fold(registry.build("net12", batch_norm=True))
    check(plan, picture((41, 50)), 4)


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("shape", [(121, 151), (90, 200)])
@pytest.mark.parametrize("taps", [3, 5])
def test_any_number_of_threads_gives_the_same_bits(name, shape, taps):
    """The level is cut into bands, one for each thread."""
    kernels.load(name)
    sweep, image = Sweep(plan_of(12, taps, 16), SCALING), picture(shape)
    found = []
    for count in (1, 2, 3):
        kernels.set_threads(count)
        found.append(sweep.logits(image, 4))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_a_view_of_a_larger_picture_is_read_in_its_place():
    sweep, image = Sweep(plan_of(12, 3, 16), SCALING), picture((80, 90))
    part = image[:, 5:60, 7:83]
    np.testing.assert_array_equal(sweep.logits(part, 4), sweep.logits(part.copy(), 4))
    turned = np.ascontiguousarray(part.transpose(1, 2, 0)).transpose(2, 0, 1)
    np.testing.assert_array_equal(sweep.logits(turned, 4), sweep.logits(part, 4))


@pytest.mark.parametrize("name", [*COMPILED[:1], "numpy"])
@pytest.mark.parametrize("shape", [(11, 40), (40, 11), (1, 1)])
def test_a_level_below_the_windows_side_has_none(name, shape):
    kernels.load(name)
    assert Sweep(plan_of(12, 3, 16), SCALING).logits(picture(shape), 4).shape == (0, 2)


@pytest.mark.parametrize("stride", [0, 3, -2])
def test_an_odd_stride_is_refused(stride):
    with pytest.raises(ValueError, match=f"positive even number; got {stride}"):
        Sweep(plan_of(12, 3, 16), SCALING).logits(picture((20, 20)), stride)


def changed(**facts):
    plan = plan_of(12, 3, 16)
    for name, value in facts.items():
        setattr(plan.steps[0], name, value)
    return plan


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: fold(registry.build("net24")), "then dense layers; got .*side 24"),
        (lambda: changed(relu=False), "a convolution with relu and 2x2 pooling"),
        (lambda: plan_of(7, 3, 16), "on an even side.* on side 7"),
        (lambda: plan_of(12, 7, 16), "at most half of the input's 12 pixels; got 7"),
    ],
)
def test_other_nets_are_refused(build, message):
    with pytest.raises(ValueError, match="(?s)a sweep.*" + message):
        Sweep(build(), SCALING)
