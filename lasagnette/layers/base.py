"""The contract of a layer: a rule for shapes and an expression for values."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from pytensor.graph.basic import Variable

from lasagnette import nonlinearities, utils

__all__ = ["Layer", "MergeLayer", "Shape", "as_nonlinearity"]

Shape = tuple[int | None, ...]


def as_nonlinearity(who: Any, nonlinearity: Any) -> Callable[[Any], Any]:
    """Return the nonlinearity that was given to a constructor, the identity for None.

    Raises
    ------
    TypeError
        If it is a name or a number.
    """
    if nonlinearity is None:
        return nonlinearities.identity
    # Other objects pass, as in Lasagne: they may be stand-ins that are never called.
    if isinstance(nonlinearity, (str, int, float)):
        name = nonlinearity if str(nonlinearity) in nonlinearities.__all__ else "rectify"
        raise TypeError(
            f"{type(who).__name__}: nonlinearity must be None or a callable, got "
            f"{nonlinearity!r}; use lasagnette.nonlinearities.{name}"
        )
    return nonlinearity


def _shape_of(who: Any, incoming: Any) -> Shape:
    """Return the shape that comes in from a layer, or the shape itself."""
    if isinstance(incoming, tuple):
        return incoming
    if not hasattr(incoming, "output_shape"):
        raise TypeError(
            f"{type(who).__name__}: incoming must be a Layer or a tuple giving a shape, "
            f"got {incoming!r}"
        )
    return incoming.output_shape


def _reject_unknown(who: Any, unknown: dict[str, Any]) -> None:
    """Raise if a constructor got keywords that no class of the layer knows."""
    if not unknown:
        return
    known = sorted(
        {
            name
            for cls in type(who).__mro__
            if "__init__" in vars(cls)
            for name, parameter in inspect.signature(cls).parameters.items()
            if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        }
    )
    name = next(iter(unknown))
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(known)}"
    raise TypeError(f"{type(who).__name__} got an unexpected keyword argument {name!r}; {hint}")


class Layer:
    """One layer of a network; subclasses say what it computes.

    A layer keeps its incoming layer, so the output layer stands for the whole network.
    Subclasses define :meth:`get_output_for` and, if the shape changes,
    :meth:`get_output_shape_for`; the constructor validates and calls :meth:`add_param`.

    Parameters
    ----------
    incoming : Layer or tuple
        The layer that feeds into this one, or the shape of the expected input.
    name : str, optional
        Prefix of the parameters' names.

    Attributes
    ----------
    input_layer : Layer or None
    input_shape : tuple
    params : dict from parameter to set of str
        The tags of every parameter.
    get_output_kwargs : list of str
        Keywords of :func:`get_output` that the layer reads beside those in the signature of
        :meth:`get_output_for`.

    Raises
    ------
    TypeError
        If `incoming` is something else, or a keyword is unknown.
    ValueError
        If a length of the input is not positive.

    Examples
    --------
    A layer of one's own:

    >>> class Halve(Layer):
    ...     def get_output_for(self, input, **kwargs):
    ...         return input / 2
    >>> Halve((None, 3)).output_shape
    (None, 3)
    """

    def __init__(self, incoming: Any, name: str | None = None, **unknown: Any) -> None:
        _reject_unknown(self, unknown)
        self.input_shape = _shape_of(self, incoming)
        self.input_layer = None if isinstance(incoming, tuple) else incoming
        self.name = name
        self.params: dict[Variable, set[str]] = {}
        self.get_output_kwargs: list[str] = []
        if any(d is not None and d <= 0 for d in self.input_shape):
            raise ValueError(
                f"{type(self).__name__} (name {name!r}): the lengths of the input must be "
                f"positive, got {self.input_shape!r}; the layers before make it too small"
            )

    @property
    def output_shape(self) -> Shape:
        """Shape of the output for :attr:`input_shape`."""
        return self._checked(self.get_output_shape_for(self.input_shape))

    def _checked(self, shape: Shape) -> Shape:
        if any(isinstance(s, Variable) for s in shape):
            raise ValueError(
                f"{type(self).__name__}.get_output_shape_for() returned a symbolic output shape, "
                f"{shape!r}; it must return integers and None"
            )
        return shape

    def get_params(self, unwrap_shared: bool = True, **tags: bool) -> list[Any]:
        """Return the parameters of this layer, in the order of their registration.

        Parameters
        ----------
        unwrap_shared : bool
            Whether a parameter that is an expression is replaced by the shared variables in
            it.
        **tags
            ``tag=True`` keeps the parameters that have the tag, ``tag=False`` those that
            have not. Usual tags are ``trainable`` and ``regularizable``.

        Returns
        -------
        list of shared variables or expressions
        """
        wanted = {tag for tag, value in tags.items() if value}
        unwanted = set(tags) - wanted
        result = [
            param for param, has in self.params.items() if wanted <= has and not (unwanted & has)
        ]
        return utils.collect_shared_vars(result) if unwrap_shared else result

    def get_output_shape_for(self, input_shape: Any) -> Shape:
        """Return the output's shape for an input of the given shape.

        Parameters
        ----------
        input_shape : tuple of int and None
            None stands for a length that is not known before the network runs.

        Returns
        -------
        tuple of int and None
            The same shape, unless a subclass says otherwise.
        """
        return input_shape

    def get_output_for(self, input: Any, **kwargs: Any) -> Variable:
        """Return the expression for this layer's output.

        Parameters
        ----------
        input : expression
        **kwargs
            What :func:`get_output` was called with, such as ``deterministic=True``.

        Returns
        -------
        expression
        """
        raise NotImplementedError(f"{type(self).__name__} does not define get_output_for()")

    def add_param(
        self, spec: Any, shape: Sequence[int | None], name: str | None = None, **tags: bool
    ) -> Any:
        """Register a parameter, to be called in a subclass's constructor.

        Parameters
        ----------
        spec : number, numpy array, callable, shared variable or expression
            See :func:`lasagnette.utils.create_param`.
        shape : sequence of int
        name : str, optional
            Name of the new shared variable, after the layer's name and a dot.
        **tags
            Tags to set (True) or to leave out (False). ``trainable`` and ``regularizable``
            are set unless they are False.

        Returns
        -------
        shared variable or expression

        Raises
        ------
        ValueError
            If a length is None or not positive, or `spec` has another shape.
        """
        if name is not None and self.name is not None:
            name = f"{self.name}.{name}"
        if None in shape:
            raise ValueError(
                f"{type(self).__name__}: parameter {name!r} needs known lengths, got "
                f"{tuple(shape)!r}; give the incoming layer's shape without None there"
            )
        param = utils.create_param(spec, shape, name)  # type: ignore[arg-type]
        tags = {"trainable": True, "regularizable": True, **tags}
        self.params[param] = {tag for tag, value in tags.items() if value}
        return param


class MergeLayer(Layer):
    """A layer that several layers feed into.

    Subclasses define :meth:`get_output_for` and :meth:`get_output_shape_for` for a list of
    inputs and of shapes.

    Parameters
    ----------
    incomings : list of Layer or tuple
        The layers that feed into this one, or the shapes of the expected inputs.
    name : str, optional
        Prefix of the parameters' names.

    Attributes
    ----------
    input_layers : list of Layer or None
    input_shapes : list of tuple

    Raises
    ------
    TypeError
        If `incomings` is a single layer or something else, or a keyword is unknown.
    """

    def __init__(self, incomings: Sequence[Any], name: str | None = None, **unknown: Any) -> None:
        _reject_unknown(self, unknown)
        if not isinstance(incomings, Iterable):
            raise TypeError(
                f"{type(self).__name__}: incomings must be a list of Layers or shapes, "
                f"got {incomings!r}; put a single one in a list, too"
            )
        self.input_shapes = [_shape_of(self, incoming) for incoming in incomings]
        self.input_layers = [None if isinstance(i, tuple) else i for i in incomings]
        self.name = name
        self.params = {}
        self.get_output_kwargs = []

    @property
    def output_shape(self) -> Shape:
        """Shape of the output for :attr:`input_shapes`."""
        return self._checked(self.get_output_shape_for(self.input_shapes))

    def get_output_shape_for(self, input_shapes: Any) -> Shape:
        """Return the output's shape for inputs of the given shapes (a list of tuples)."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_output_shape_for()")
