"""Classification of directions with a margin between the classes."""

from __future__ import annotations

import math
from typing import Any

import pytensor.tensor as pt
from pytensor.gradient import disconnected_grad
from pytensor.graph.basic import Variable

from lasagnette import init
from lasagnette.layers.base import Layer, Shape
from lasagnette.utils import as_theano_expression, cast_like, one_hot

__all__ = ["ArcFaceLayer"]


class ArcFaceLayer(Layer):
    """Logits from the angles between features and one direction per class.

    ``scale * cos(angle)``, and for a sample's own class ``scale * cos(angle + margin)`` while
    training: features must come nearer to their class than without the margin, which leaves
    the classes apart and compact. Train on
    :func:`lasagnette.objectives.categorical_crossentropy_logits`; afterwards the features
    themselves, compared by their cosine, tell faces of people apart that were never seen.

    Parameters
    ----------
    incoming : Layer or tuple
        Features ``(batch, features)``, of any length (but not zero).
    num_classes : int
    targets : tensor of int, (batch,)
        The classes of the samples, from 0 to ``num_classes - 1``.
    margin : float
        Angle in radians, from 0 to below pi.
    scale : float
        Positive; the largest logit.
    W : number, array, callable, shared variable or expression
        Directions ``(features, num_classes)``; their lengths do not matter.
    name : str, optional

    Raises
    ------
    ValueError
        If the input is no matrix of known width, `targets` no vector of integers, or `margin`
        or `scale` out of range.

    Notes
    -----
    ``get_output(..., deterministic=True)`` leaves the margin out and does not need `targets`.

    Beyond ``angle = pi - margin`` the cosine would rise again; it goes on as the straight line
    ``cos(angle) - margin * sin(margin)`` there, as in the authors' code. Gradients are finite
    at all angles, and for features of zeros.

    References
    ----------
    J. Deng, J. Guo, N. Xue, S. Zafeiriou: ArcFace: additive angular margin loss for deep face
    recognition. CVPR 2019.

    Examples
    --------
    >>> from lasagnette.layers import InputLayer, DenseLayer, get_output
    >>> from lasagnette.objectives import aggregate, categorical_crossentropy_logits
    >>> people = pt.ivector("people")
    >>> features = DenseLayer(InputLayer((None, 128)), num_units=64, nonlinearity=None)
    >>> net = ArcFaceLayer(features, num_classes=1000, targets=people)
    >>> loss = aggregate(categorical_crossentropy_logits(get_output(net), people))
    """

    def __init__(
        self,
        incoming: Any,
        num_classes: int,
        targets: Any,
        margin: float = 0.5,
        scale: float = 64.0,
        W: Any = init.GlorotUniform(),  # noqa: B008 (initializers have no state)
        **kwargs: Any,
    ) -> None:
        super().__init__(incoming, **kwargs)
        if len(self.input_shape) != 2 or self.input_shape[1] is None:
            raise ValueError(
                "ArcFaceLayer: the input must be (batch, features) with a known number of "
                f"features, got {self.input_shape!r}; flatten it before"
            )
        targets = as_theano_expression(targets)
        if targets.type.ndim != 1 or targets.type.dtype.startswith("float"):
            raise ValueError(
                f"ArcFaceLayer: targets must be a vector of integers, got {targets.type!r}"
            )
        if not 0 <= margin < math.pi:
            raise ValueError(f"ArcFaceLayer: margin must be from 0 to below pi, got {margin!r}")
        if not scale > 0:
            raise ValueError(f"ArcFaceLayer: scale must be positive, got {scale!r}")
        self.num_classes = num_classes
        self.targets = targets
        self.margin = margin
        self.scale = scale
        self.W = self.add_param(W, (self.input_shape[1], num_classes), name="W")

    def get_output_shape_for(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.num_classes)

    def get_output_for(self, input: Any, deterministic: bool = False, **kwargs: Any) -> Variable:
        cosine: Any = pt.dot(_unit(input, axis=1), _unit(self.W, axis=0))
        scale = cast_like(self.scale, cosine)
        if deterministic or self.margin == 0:
            return scale * cosine
        own = one_hot(self.targets, self.num_classes)
        return scale * pt.switch(own, _with_margin(cosine, self.margin), cosine)


def _unit(x: Any, axis: int) -> Any:
    """Return `x` divided by its lengths along an axis; zeros stay zeros."""
    squares = pt.sqr(x).sum(axis=axis, keepdims=True)
    return x / pt.sqrt(pt.maximum(squares, cast_like(1e-12, x)))


def _with_margin(cosine: Any, margin: float) -> Any:
    """Return ``cos(angle + margin)`` of a cosine, falling with the angle up to pi."""
    # The sine's slope in the cosine is infinite at angles 0 and pi; the bound, beyond what
    # float32 can tell from 1, keeps it finite.
    sine = pt.sqrt(pt.maximum(1 - pt.sqr(cosine), cast_like(1e-6, cosine)))
    shifted = cosine * cast_like(math.cos(margin), cosine) - sine * cast_like(
        math.sin(margin), cosine
    )
    line = cosine - cast_like(margin * math.sin(margin), cosine)
    # Without a gradient, or the comparison would give it zeros of dtype floatX.
    near = pt.ge(disconnected_grad(cosine), cast_like(-math.cos(margin), cosine))
    return pt.switch(near, shifted, line)
