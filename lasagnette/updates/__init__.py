"""Update rules for training.

A rule takes a loss (or gradients) and parameters, and returns a dictionary from shared
variables to their next values, for ``pytensor.function(..., updates=...)``:
:func:`sgd`, :func:`momentum`, :func:`nesterov_momentum`, :func:`adagrad`, :func:`rmsprop`,
:func:`adadelta`, :func:`adam`, :func:`adamw`, :func:`adamax`, :func:`amsgrad`.

:func:`apply_momentum` and :func:`apply_nesterov_momentum` add momentum to any of them;
:func:`norm_constraint` and :func:`total_norm_constraint` limit the norms of weights or
gradients. :func:`cosine_schedule`, :func:`exponential_schedule` and :func:`step_schedule` make
learning rates that change by themselves.

>>> import lasagnette as lasagne
>>> import pytensor, pytensor.tensor as pt
>>> from lasagnette.layers import InputLayer, DenseLayer, get_all_params, get_output
>>> y = pt.ivector("y")
>>> net = DenseLayer(InputLayer((None, 20)), num_units=3, nonlinearity=None)
>>> losses = lasagne.objectives.categorical_crossentropy_logits(get_output(net), y)
>>> params = get_all_params(net, trainable=True)
>>> eta = pytensor.shared(lasagne.utils.floatX(0.01))
>>> updates = nesterov_momentum(losses.mean(), params, learning_rate=eta, momentum=0.9)

Hyperparameters are numbers, or expressions such as the shared variable ``eta``, which may be
set between the steps. Either is cast to the dtype of the parameter it works on, so a float32
network stays float32. The state that a rule keeps lies in shared variables of its own, found
among the dictionary's keys and named after the parameters.
"""

from lasagnette.updates.adaptive import adadelta, adagrad, adam, adamax, adamw, amsgrad, rmsprop
from lasagnette.updates.common import get_or_compute_grads
from lasagnette.updates.descent import (
    apply_momentum,
    apply_nesterov_momentum,
    momentum,
    nesterov_momentum,
    sgd,
)
from lasagnette.updates.norms import norm_constraint, total_norm_constraint
from lasagnette.updates.schedules import cosine_schedule, exponential_schedule, step_schedule

__all__ = [
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "amsgrad",
    "apply_momentum",
    "apply_nesterov_momentum",
    "cosine_schedule",
    "exponential_schedule",
    "get_or_compute_grads",
    "momentum",
    "nesterov_momentum",
    "norm_constraint",
    "rmsprop",
    "sgd",
    "step_schedule",
    "total_norm_constraint",
]
