"""Losses and measures of a network's predictions.

Losses are per element or per item; :func:`aggregate` (or ``.mean()``) makes a scalar to
train on. All of them have finite gradients, also for probabilities of exactly 0 or 1:
where the predictions come straight from a softmax or sigmoid, the cross-entropies are
computed from its input, which keeps their gradient exact; elsewhere probabilities are kept
above the smallest normal number of their dtype. Integer targets take the predictions' dtype,
so a float32 network keeps a float32 loss.

>>> import pytensor.tensor as pt
>>> from lasagnette.layers import InputLayer, DenseLayer, get_output
>>> from lasagnette.nonlinearities import softmax
>>> from lasagnette.objectives import aggregate, categorical_crossentropy
>>> net = DenseLayer(InputLayer((None, 20)), num_units=3, nonlinearity=softmax)
>>> targets = pt.ivector("targets")
>>> loss = aggregate(categorical_crossentropy(get_output(net), targets))
>>> test_prediction = get_output(net, deterministic=True)
>>> test_loss = aggregate(categorical_crossentropy(test_prediction, targets))

A network may have several heads, each with a loss of its own. Here a shared trunk learns from
the classes of images and, half as much, from the positions of a point in them:

>>> import pytensor
>>> from lasagnette.layers import get_all_params
>>> from lasagnette.objectives import squared_error
>>> from lasagnette.updates import adam
>>> trunk = DenseLayer(InputLayer((None, 20)), num_units=50)
>>> kind = DenseLayer(trunk, num_units=3, nonlinearity=softmax)
>>> point = DenseLayer(trunk, num_units=2, nonlinearity=None)
>>> points = pt.matrix("points")
>>> kinds_found, points_found = get_output([kind, point])  # in one call: one dropout mask
>>> kind_loss = aggregate(categorical_crossentropy(kinds_found, targets))
>>> point_loss = aggregate(squared_error(points_found, points))
>>> params = get_all_params([kind, point], trainable=True)
>>> updates = adam(kind_loss + 0.5 * point_loss, params)
>>> params == [trunk.W, trunk.b, kind.W, kind.b, point.W, point.b]
True
>>> inputs = [trunk.input_layer.input_var, targets, points]
>>> train = pytensor.function(inputs, [kind_loss, point_loss], updates=updates)  # doctest: +SKIP
"""

from lasagnette.objectives.center import center_loss
from lasagnette.objectives.crossentropy import (
    binary_crossentropy,
    binary_crossentropy_logits,
    categorical_crossentropy,
    categorical_crossentropy_logits,
    distillation_loss,
)
from lasagnette.objectives.margins import (
    binary_hinge_loss,
    huber_loss,
    multiclass_hinge_loss,
    squared_error,
)
from lasagnette.objectives.measures import aggregate, binary_accuracy, categorical_accuracy

__all__ = [
    "aggregate",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_crossentropy_logits",
    "binary_hinge_loss",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_crossentropy_logits",
    "center_loss",
    "distillation_loss",
    "huber_loss",
    "multiclass_hinge_loss",
    "squared_error",
]
