"""Folded nets on the kernels give what PyTensor's graphs of their layers give."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from nets_random import randomised

from lasagnette.layers import (
    BatchNormLayer,
    ConcatLayer,
    Conv2DLayer,
    DenseLayer,
    ElemwiseSumLayer,
    FlattenLayer,
    InputLayer,
    LocalResponseNormalization2DLayer,
    MaxPool2DLayer,
    NonlinearityLayer,
    Pool2DLayer,
    batch_norm,
    dropout,
    get_all_params,
)
from lasagnette.nonlinearities import linear, rectify, softmax, tanh
from nets import registry
from nets.folding import fold
from nets.inference import forward
from nets.plan import INPUT, Plan, PlanError, Step, face_probability
from nets.plan import softmax as probabilities

# Inception's poolings are padded.
FOLDABLE = [name for name in registry.names() if not name.startswith("net64_inception")]


def batch_for(side, count=3, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (count, 3, side, side)).astype("f")


def assert_same(plan, layer):
    """The logits of a plan and of PyTensor's graph, up to 1e-5 of the largest."""
    batch = batch_for(plan.side)
    expected = forward(layer)(batch)
    assert np.ptp(expected, axis=0).min() > 1e-3  # they do depend on the input
    np.testing.assert_allclose(plan(batch), expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("normalised", [False, True], ids=["plain", "batch-norm"])
@pytest.mark.parametrize("faithful", [False, True], ids=["ours", "printed"])
@pytest.mark.parametrize("name", FOLDABLE)
def test_a_plan_equals_the_graph(name, faithful, normalised):
    layer = registry.build(name, faithful=faithful, batch_norm=normalised)
    randomised(layer)
    if layer.nonlinearity is rectify:  # else it cuts most logits off
        layer.b.set_value(np.full(2, 5, "f"))
    plan = fold(layer)
    assert (plan.side, plan.classes) == (registry.spec(name).side, registry.spec(name).classes)
    assert_same(plan, layer)


@pytest.mark.parametrize("name", [name for name in FOLDABLE if name != "net_smiles"])
def test_folded_parameters_fill_the_net_built_without_batch_normalisation(name):
    layer = randomised(registry.build(name, batch_norm=True))
    plan = fold(layer)
    plain = registry.build(name)
    parameters = {parameter.name: parameter for parameter in get_all_params(plain)}
    assert set(parameters) == set(plan.arrays)
    for key, parameter in parameters.items():
        assert parameter.get_value().shape == plan.arrays[key].shape
        parameter.set_value(plan.arrays[key])
    assert_same(plan, plain)


@pytest.mark.parametrize("name", ["net12", "net24_multi"])
def test_a_plan_survives_json(name):
    plan = fold(randomised(registry.build(name, batch_norm=True)))
    steps = [Step(**step) for step in json.loads(json.dumps(plan.steps_as_dicts()))]
    again = Plan(plan.side, steps, plan.arrays)
    batch = batch_for(plan.side)
    np.testing.assert_array_equal(again(batch), plan(batch))


def test_an_empty_batch_and_a_batch_of_any_size():
    plan = fold(randomised(registry.build("net12")))
    batch = batch_for(12, 40)
    assert plan(batch[:0]).shape == (0, 2)
    together = plan(batch)
    assert together.dtype == np.float32
    parts = np.concatenate([plan(batch[:1]), plan(batch[1:20]), plan(batch[20:])])
    np.testing.assert_allclose(parts, together, atol=1e-5)


def inputs(side=8):
    return InputLayer((None, 3, side, side))


def conv(before=None, filters=4, **options):
    options = {"filter_size": 3, "pad": "same", **options}
    return Conv2DLayer(inputs() if before is None else before, filters, **options)


def logits(before, units=2, **options):
    return DenseLayer(before, units, **{"nonlinearity": linear, **options})


def chain_without_biases():
    net = conv(b=None, nonlinearity=linear, flip_filters=True)
    net = NonlinearityLayer(BatchNormLayer(net, beta=None, gamma=None), rectify)
    return logits(FlattenLayer(dropout(MaxPool2DLayer(dropout(net), 2))), b=None)


def two_heads_joined():
    """Dense results are joined as maps are; maps of odd sides are pooled."""
    source = inputs(9)
    small = Pool2DLayer(source, 2, mode="average_exc_pad")
    one = DenseLayer(MaxPool2DLayer(conv(source), 2), 5)
    other = batch_norm(DenseLayer(conv(small, nonlinearity=linear), 3))
    return logits(ConcatLayer([one, other]), 7)


@pytest.mark.parametrize("build", [chain_without_biases, two_heads_joined])
def test_layers_that_no_net_of_the_articles_has(build):
    layer = randomised(build())
    assert_same(fold(layer), layer)


def fork(change):
    """A result that `change` would alter in place is read a second time."""
    net = conv(nonlinearity=linear if change is not MaxPool2DLayer else rectify, name="c")
    changed = {
        MaxPool2DLayer: lambda: MaxPool2DLayer(dropout(net), 2),
        BatchNormLayer: lambda: BatchNormLayer(net),
        NonlinearityLayer: lambda: NonlinearityLayer(net, rectify),
    }[change]()
    return logits(ConcatLayer([FlattenLayer(changed), FlattenLayer(net)]))


ODD = Conv2DLayer(InputLayer((None, 3, 9, 9)), 4, 3, pad="same")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: logits(InputLayer((None, 3, 8, 9))),
            r"InputLayer has the shape \(None, 3, 8, 9\)",
        ),
        (lambda: logits(InputLayer((None, 1, 8, 8))), r"\(None, 3, side, side\) is needed"),
        (lambda: logits(InputLayer((None, 3))), r"InputLayer has the shape \(None, 3\)"),
        (lambda: logits(conv(pad=0)), r"has pad \(0, 0\).*'same', 1 and square filters"),
        (lambda: logits(conv(stride=2)), r"stride \(2, 2\)"),
        (lambda: logits(conv(filter_size=(3, 5))), "filters 3x5"),
        (lambda: logits(conv(filter_size=4)), "filters 4x4"),
        (lambda: logits(conv(untie_biases=True)), "one bias per filter"),
        (lambda: logits(conv(filters=6, num_groups=3)), "without groups"),
        (lambda: logits(conv(nonlinearity=tanh)), "rectify or linear is needed"),
        (lambda: logits(conv(), nonlinearity=softmax), "DenseLayer has the nonlinearity"),
        (lambda: logits(MaxPool2DLayer(conv(), 3)), r"has size \(3, 3\).*2x2 without padding"),
        (lambda: logits(MaxPool2DLayer(conv(), 2, pad=1)), r"pad \(1, 1\)"),
        (lambda: logits(MaxPool2DLayer(conv(), 2, stride=1)), r"stride \(1, 1\)"),
        (lambda: logits(MaxPool2DLayer(ODD, 2, ignore_border=False)), "ignore_border False"),
        (lambda: logits(MaxPool2DLayer(inputs(), 2)), "must follow a convolution with relu"),
        (lambda: logits(MaxPool2DLayer(conv(nonlinearity=linear), 2)), "convolution with relu"),
        (lambda: logits(BatchNormLayer(conv())), "BatchNormLayer must follow .* without relu"),
        (lambda: logits(BatchNormLayer(inputs())), "BatchNormLayer must follow"),
        (
            lambda: logits(BatchNormLayer(conv(filters=8, nonlinearity=linear), axes=(0, 1, 2))),
            r"normalises over the axes \(0, 1, 2\); all but 1 are needed",
        ),
        (
            lambda: logits(ConcatLayer([before := inputs(), before], axis=2)),
            "joins along axis 2; 1 is needed",
        ),
        (lambda: logits(ConcatLayer([conv(), conv()])), "InputLayer is none that a plan knows"),
        (
            lambda: DenseLayer(conv(), 2, num_leading_axes=2, nonlinearity=linear),
            "has 2 leading axes; 1 is needed",
        ),
        (lambda: logits(conv(conv(name="c"), name="c")), "'c' has a name that another layer has"),
        (lambda: logits(conv(name=INPUT)), "'input' has a name that another layer has"),
        (lambda: fork(MaxPool2DLayer), "MaxPool2DLayer must be the only layer that reads"),
        (lambda: fork(BatchNormLayer), "BatchNormLayer must be the only layer that reads"),
        (lambda: fork(NonlinearityLayer), "NonlinearityLayer must be the only layer that"),
        (lambda: conv(), "must end in a dense step, whose results are the logits"),
        (lambda: registry.build("net64_inception"), "MaxPool2DLayer.* has size"),
    ],
)
def test_other_nets_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        fold(build())


def test_a_layer_that_a_plan_does_not_know_is_named():
    source = inputs()
    both = ElemwiseSumLayer([conv(source), conv(source)], name="sum")
    with pytest.raises(ValueError, match="folded: ElemwiseSumLayer 'sum' is none that a plan"):
        fold(logits(both))
    with pytest.raises(ValueError, match=r"folded: LocalResponse\w+ is none that a plan knows"):
        fold(logits(LocalResponseNormalization2DLayer(conv())))


CONV = Step("conv", [INPUT], "c", relu=True)
END = Step("dense", ["c"], "d")
ARRAYS = {
    "c.W": np.zeros((4, 3, 3, 3)),
    "c.b": np.zeros(4),
    "d.W": np.zeros((4 * 64, 2)),
    "d.b": np.zeros(2),
}


@pytest.mark.parametrize(
    ("steps", "arrays", "message"),
    [
        ([], {}, "must end in a dense step"),
        ([CONV], {}, "must end in a dense step"),
        ([Step("lstm", [INPUT], "c"), END], {}, r"steps are \('conv', .*got Step\(.*'lstm'"),
        ([END], {}, r"where \['c'\] are not"),
        ([Step("concat", [], "c"), END], {}, "of earlier results"),
        ([CONV, CONV, END], {}, "two results of a plan have the name 'c'"),
        ([Step("mean", [INPUT], INPUT)], {}, "two results of a plan have the name 'input'"),
        ([CONV, END], {"d.b": None}, "step 'd' of a plan lacks the array 'd.b'"),
        ([CONV, END], {"c.b": np.zeros(5)}, r"'c' have the shapes \(4, 3, 3, 3\) and \(5,\)"),
        ([CONV, END], {"c.W": np.zeros((4, 1, 3, 3))}, r"not fit an input of the shape \(3, 8, 8"),
        ([CONV, END], {"c.W": np.zeros((4, 3, 2, 2))}, "do not fit"),
        ([CONV, END], {"d.W": np.zeros((5, 2))}, "'d' have the shapes"),
        ([CONV, END, Step("mean", ["d"], "m")], {}, r"'m' of a plan averages maps; got .*\(2,\)"),
        (
            [CONV, Step("mean", ["c"], "m"), Step("concat", ["c", "m"], "both"), END],
            {},
            r"'both' of a plan joins results of one size; got \[\(4, 8, 8\), \(4, 4, 4\)\]",
        ),
    ],
)
def test_plans_that_cannot_run_are_refused(steps, arrays, message):
    merged = {key: value for key, value in {**ARRAYS, **arrays}.items() if value is not None}
    with pytest.raises(PlanError, match=message):
        Plan(8, steps, merged)


def test_face_probability_is_the_softmax_of_class_1():
    given = np.array([[0.0, 0.0], [1.0, 3.0], [1000.0, -1000.0], [-1000.0, 1000.0]])
    expected = [0.5, 1 / (1 + np.exp(-2)), 0, 1]
    np.testing.assert_allclose(face_probability(given), expected, atol=1e-7)
    np.testing.assert_allclose(probabilities(given)[:, 1], expected, atol=1e-7)
    assert face_probability(given.astype("f")).dtype == np.float32


def test_probabilities_of_many_classes():
    given = np.random.default_rng(0).normal(size=(4, 45)).astype("f") * 30
    found = probabilities(given)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    expected = np.exp(given.astype("d")) / np.exp(given.astype("d")).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


def test_a_plan_runs_without_the_layer_library():
    code = (
        "import sys, numpy as np\n"
        "from nets.plan import Plan, Step\n"
        "steps = [Step('conv', ['input'], 'c', relu=True, pool=True), Step('dense', ['c'], 'd')]\n"
        "arrays = {'c.W': np.ones((4, 3, 3, 3)), 'c.b': np.ones(4)}\n"
        "arrays |= {'d.W': np.ones((64, 2)), 'd.b': np.ones(2)}\n"
        "assert Plan(8, steps, arrays)(np.ones((2, 3, 8, 8), 'f')).shape == (2, 2)\n"
        "assert not {'pytensor', 'scipy', 'numba', 'h5py', 'cv2'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
