"""JAX dispatch of the convolutions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from lasagnette.ops.dispatch.jax.pool import pool_pairs, spread_winners
from lasagnette.ops.shapes import check_conv, conv_output_shape

__all__ = [
    "conv2d",
    "conv2d_grad_input",
    "conv2d_grad_weights",
    "conv2d_pool",
    "conv2d_pool_grad_input",
    "conv2d_pool_grad_weights",
]


def _correlation(op):
    """Return the bare correlation of an Op of convolution: linear in x and in w."""
    top, bottom, left, right = op.pad

    def correlate(x, w):
        return lax.conv_general_dilated(
            x,
            w,
            op.stride,
            [(top, bottom), (left, right)],
            rhs_dilation=op.dilation,
            feature_group_count=op.groups,
        )

    return correlate


def conv2d(op, node, **kwargs):
    """Correlate, add the bias, cut at zero."""
    correlate = _correlation(op)

    def convolve(x, w, bias=None):
        bias_shape = None if bias is None else bias.shape
        check_conv(x.shape, w.shape, bias_shape, pad=op.pad, groups=op.groups)
        y = correlate(x, w)
        if bias is not None:
            y += bias[:, None, None]
        return jnp.maximum(y, 0) if op.relu else y

    return convolve


def conv2d_grad_input(op, node, **kwargs):
    """Transpose the correlation with respect to its input."""
    correlate = _correlation(op)

    def gradient(x, w, g):
        return jax.linear_transpose(lambda x: correlate(x, w), x)(g)[0]

    return gradient


def conv2d_grad_weights(op, node, **kwargs):
    """Transpose the correlation with respect to its filters, and sum for the bias."""
    correlate = _correlation(op)

    def gradients(x, w, g):
        (gw,) = jax.linear_transpose(lambda w: correlate(x, w), w)(g)
        return gw, g.sum((0, 2, 3))

    return gradients


def conv2d_pool(op, node, **kwargs):
    """Correlate and pool; XLA decides what is stored in between."""
    convolve = conv2d(op.conv, node)

    def convolve_and_pool(*inputs):
        return pool_pairs(convolve(*inputs), op.conv.relu, op.winners)

    return convolve_and_pool


def _of_pooled(dispatch):
    """Make the dispatch of a convolution's gradient that of the convolution with pooling."""

    def funcify(op, node, **kwargs):
        """Spread the gradient over the map, and go on as without pooling."""
        gradient = dispatch(op, node)

        def of_pooled(x, w, g, winners):
            shape = conv_output_shape(x.shape, w.shape, op.pad, op.stride, op.dilation)
            return gradient(x, w, spread_winners(g, winners, shape))

        return of_pooled

    return funcify


conv2d_pool_grad_input = _of_pooled(conv2d_grad_input)
conv2d_pool_grad_weights = _of_pooled(conv2d_grad_weights)
