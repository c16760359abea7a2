"""Parts of a network that training leaves as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lasagnette.layers.base import Layer
from lasagnette.layers.helper import get_all_layers
from lasagnette.layers.recurrent import CustomRecurrentLayer

__all__ = ["freeze", "unfreeze"]


def freeze(
    layer: Layer | Iterable[Layer], treat_as_input: Iterable[Layer] = (), **tags: bool
) -> None:
    """Make the parameters of one or more layers, and of all that feed into them, untrainable.

    Their tag ``trainable`` becomes ``frozen``, so that ``get_all_params(net, trainable=True)``
    leaves them out. Freeze before the updates are made: what a function does is settled then.

    Parameters
    ----------
    layer : Layer or iterable of Layer
        The last layers to freeze.
    treat_as_input : iterable of Layer
        Layers that are left alone, with all that feeds into them.
    **tags
        Which parameters to freeze; see :func:`lasagnette.layers.get_all_params`.

    Notes
    -----
    The running averages of batch normalisation are no trainable parameters. To keep them,
    too, give ``batch_norm_update_averages=False`` to :func:`lasagnette.layers.get_output`.

    Examples
    --------
    A new head on a trained trunk:

    >>> from lasagnette.layers import InputLayer, DenseLayer, get_all_params
    >>> trunk = DenseLayer(InputLayer((None, 20)), num_units=50)
    >>> head = DenseLayer(trunk, num_units=10)
    >>> freeze(trunk)
    >>> get_all_params(head, trainable=True) == [head.W, head.b]
    True

    Later, the whole network but its biases:

    >>> unfreeze(head)
    >>> freeze(head, regularizable=False)
    >>> get_all_params(head, trainable=True) == [trunk.W, head.W]
    True
    """
    for has in _tags(layer, treat_as_input, {**tags, "trainable": True}):
        has.remove("trainable")
        has.add("frozen")


def unfreeze(
    layer: Layer | Iterable[Layer], treat_as_input: Iterable[Layer] = (), **tags: bool
) -> None:
    """Undo :func:`freeze`: make frozen parameters trainable again, and no others.

    Parameters
    ----------
    layer : Layer or iterable of Layer
        The last layers to unfreeze.
    treat_as_input : iterable of Layer
        Layers that are left alone, with all that feeds into them.
    **tags
        Which parameters to unfreeze; see :func:`lasagnette.layers.get_all_params`.
    """
    for has in _tags(layer, treat_as_input, {**tags, "frozen": True}):
        has.remove("frozen")
        has.add("trainable")


def _tags(
    layer: Layer | Iterable[Layer], treat_as_input: Iterable[Layer], tags: dict[str, bool]
) -> Iterator[set[str]]:
    """Give the set of tags of every parameter that has `tags`."""
    spared = set(get_all_layers(treat_as_input))
    for one in get_all_layers(layer):
        if one in spared:
            continue
        if isinstance(one, CustomRecurrentLayer):
            yield from _tags([one.input_to_hidden, one.hidden_to_hidden], (), tags)
        for param in Layer.get_params(one, unwrap_shared=False, **tags):
            yield one.params[param]
