"""Conversions and small tools that the other modules share."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.compile.mode import Mode
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Variable

__all__ = [
    "as_theano_expression",
    "as_tuple",
    "carry_update",
    "cast_like",
    "collect_shared_vars",
    "compute_norms",
    "create_param",
    "floatX",
    "inspect_kwargs",
    "interpreted_mode",
    "norm_axes_of",
    "one_hot",
    "repr_of_call",
    "set_default_update",
    "shared_empty",
    "unique",
    "unroll_scan",
]

T = TypeVar("T")


def floatX(arr: Any) -> np.ndarray:
    """Convert a number or array to an array of the dtype ``pytensor.config.floatX``.

    Parameters are made of this dtype. To build a float32 network whatever the user's setting
    is, build it inside ``with pytensor.config.change_flags(floatX="float32"):``.
    """
    return np.asarray(arr, dtype=pytensor.config.floatX)


def shared_empty(dim: int = 2, dtype: str | None = None) -> SharedVariable:
    """Return a shared variable of `dim` dimensions, to be filled later by ``set_value``.

    Parameters
    ----------
    dim : int
        Number of dimensions, each of a length that may change.
    dtype : str, optional
        ``pytensor.config.floatX`` if not given.
    """
    value = np.zeros((1,) * dim, dtype=dtype or pytensor.config.floatX)
    return pytensor.shared(value, shape=(None,) * dim)


def as_theano_expression(input: Any) -> Variable:
    """Wrap numbers and arrays as constants; return expressions as they are.

    Raises
    ------
    TypeError
        If `input` can be neither.
    """
    if isinstance(input, Variable):
        return input
    try:
        return pt.constant(input)
    except Exception as error:
        raise TypeError(
            f"an expression, number or array is expected, got {type(input).__name__} {input!r}"
        ) from error


def cast_like(value: Any, like: Any) -> Any:
    """Return a number, array or expression as an expression of `like`'s dtype.

    Hyperparameters go through here, so that ``0.1 * x`` stays float32 where ``x`` is, whatever
    ``floatX`` says (PyTensor alone would make it float64 under the default setting).

    >>> x = pt.fvector()
    >>> (cast_like(0.1, x) * x).dtype
    'float32'
    """
    dtype = like.type.dtype
    if isinstance(value, Variable):
        return pt.cast(value, dtype)
    return pt.constant(np.asarray(value, dtype=dtype))


def one_hot(x: Any, m: Any = None) -> Variable:
    """Turn a tensor of class numbers into rows of zeros with a single one.

    Parameters
    ----------
    x : tensor of int, (...)
        Class numbers from 0 to ``m - 1``.
    m : int or scalar expression, optional
        Number of classes; the largest number in `x` plus one if not given.

    Returns
    -------
    tensor of bool, (..., m)

    Examples
    --------
    >>> one_hot([1, 0], 3).eval(mode="FAST_COMPILE").astype(int)
    array([[0, 1, 0],
           [1, 0, 0]])
    """
    x = pt.as_tensor_variable(x)
    if m is None:
        m = pt.max(x) + 1
    # The dtype is given because the default, as small as the limits allow, overflows under JAX.
    return pt.eq(x[..., None], pt.arange(m, dtype="int64"))


def unique(l: Iterable[T]) -> list[T]:
    """Return the elements of `l` once each, in the order of their first appearance.

    >>> unique("tree")
    ['t', 'r', 'e']
    """
    return list(dict.fromkeys(l))


def as_tuple(x: Any, N: int, t: type | None = None) -> tuple:
    """Coerce a value or iterable to a tuple of length `N`.

    Parameters
    ----------
    x : value or iterable
        A single value is repeated.
    N : int
        Length of the tuple.
    t : type, optional
        Required type of all elements. Where it is int, NumPy's integers become ints.

    Raises
    ------
    ValueError
        If `x` is an iterable of another length.
    TypeError
        If an element is not of type `t`.

    Examples
    --------
    >>> as_tuple(3, 2), as_tuple([1, 5], 2)
    ((3, 3), (1, 5))
    """
    try:
        items = tuple(x)
    except TypeError:
        items = (x,) * N
    if t is int:
        items = tuple(int(v) if isinstance(v, np.integer) else v for v in items)
    if t is not None and not all(isinstance(v, t) for v in items):
        raise TypeError(f"expected a single value or an iterable of {t.__name__}, got {x!r}")
    if len(items) != N:
        raise ValueError(f"expected a single value or an iterable with length {N}, got {x!r}")
    return items


def inspect_kwargs(func: Callable) -> list[str]:
    """Return the names of the arguments of `func` that have a default."""
    parameters = inspect.signature(func).parameters.values()
    return [p.name for p in parameters if p.default is not inspect.Parameter.empty]


def repr_of_call(thing: Any, **arguments: Any) -> str:
    """Return the constructor call of an object whose attributes are named like the arguments.

    Arguments that have their default are left out; functions and classes stand by their
    names.

    Parameters
    ----------
    thing : object
    **arguments
        What is told in place of the attribute of this name.

    >>> from lasagnette.init import Constant, GlorotUniform
    >>> GlorotUniform("relu"), Constant(5)
    (GlorotUniform(gain=1.4142135623730951), Constant(val=5))
    """
    given = []
    for name, parameter in inspect.signature(type(thing)).parameters.items():
        value = arguments.get(name, getattr(thing, name, parameter.default))
        text = getattr(value, "__name__", None) or repr(value)
        if text != (getattr(parameter.default, "__name__", None) or repr(parameter.default)):
            given.append(f"{name}={text}")
    return f"{type(thing).__name__}({', '.join(given)})"


def collect_shared_vars(expressions: Variable | Iterable[Variable]) -> list[SharedVariable]:
    """Return all shared variables that one or more expressions depend on.

    Parameters
    ----------
    expressions : expression or iterable of expressions

    Returns
    -------
    list of shared variables
        Each one once, in the order of a depth-first walk, left to right.
    """
    # pytensor.graph's own traversals visit in another order than Theano's did, and the order
    # of parameters is what saved weights rely on.
    stack = [expressions] if isinstance(expressions, Variable) else list(expressions)[::-1]
    seen: set[Variable] = set()
    found = []
    while stack:
        variable = stack.pop()
        if variable in seen:
            continue
        seen.add(variable)
        if isinstance(variable, SharedVariable):
            found.append(variable)
        elif variable.owner is not None:
            stack.extend(reversed(variable.owner.inputs))
    return found


def norm_axes_of(ndim: int) -> tuple[int, ...]:
    """Return the axes of a weight tensor over which the norm of a unit's weights is taken.

    None of a vector (biases), axis 0 of a matrix (dense layers), all but axis 0 of a tensor of
    3 to 5 dimensions (convolutional layers).

    Raises
    ------
    ValueError
        For another number of dimensions.
    """
    if ndim == 1:
        return ()
    if ndim == 2:
        return (0,)
    if 3 <= ndim <= 5:
        return tuple(range(1, ndim))
    raise ValueError(f"Unsupported tensor dimensionality {ndim!r}; give norm_axes")


def compute_norms(array: Any, norm_axes: Iterable[int] | None = None) -> Any:
    """Compute the norm of every unit's incoming weights.

    Parameters
    ----------
    array : numpy array or expression
        Weights.
    norm_axes : iterable of int, optional
        Axes to sum over; see :func:`norm_axes_of` for the default.

    Returns
    -------
    numpy array or expression
        Of the axes that are not summed over.

    Raises
    ------
    RuntimeError
        If `array` is neither.

    Examples
    --------
    >>> compute_norms(np.ones((100, 200))).shape
    (200,)
    >>> compute_norms(np.ones((16, 3, 5, 5))).shape
    (16,)
    """
    if not isinstance(array, Variable | np.ndarray):
        raise RuntimeError(
            f"Unsupported type {type(array).__name__}; compute_norms takes an array or expression"
        )
    ndim: int = array.ndim  # type: ignore[union-attr]
    axes = norm_axes_of(ndim) if norm_axes is None else tuple(norm_axes)
    if isinstance(array, Variable):
        return pt.sqrt(pt.sum(pt.sqr(array), axis=axes))
    return np.sqrt(np.sum(array**2, axis=axes))


def create_param(spec: Any, shape: Iterable[int], name: str | None = None) -> Any:
    """Make a parameter from a value, an initializer, or an existing variable.

    Parameters
    ----------
    spec : number, numpy array, callable, shared variable or expression
        An array must have shape `shape` and becomes a shared variable of its own dtype; a
        number fills the shape in dtype ``floatX``. A callable is called with `shape` and
        returns an array or an expression. Variables are returned as they are.
    shape : iterable of int
        Required shape; known lengths of a given variable are checked against it.
    name : str, optional
        Name of a new shared variable, or of a given one without a name.

    Raises
    ------
    ValueError
        If a length is not positive, or an array or variable has another shape.
    TypeError
        If `spec` is none of the above, such as a class, or a callable does not return what it
        should.
    """
    shape = tuple(shape)
    who = "parameter" if name is None else f"parameter {name!r}"
    if any(d <= 0 for d in shape):
        raise ValueError(f"{who}: all dimensions must be positive, got shape {shape!r}")
    if isinstance(spec, type):
        raise TypeError(
            f"{who}: a number, array, variable or callable that returns one is expected, got the "
            f"class {spec.__name__}; did you mean {spec.__name__}()?"
        )
    if callable(spec) and not isinstance(spec, Variable):
        spec = spec(shape)
    if isinstance(spec, Variable):
        found = getattr(spec.type, "shape", ())
        if len(found) != len(shape) or any(
            f not in (None, d) for f, d in zip(found, shape, strict=True)
        ):
            raise ValueError(f"{who}: shape {shape!r} is needed, the variable has {found!r}")
        spec.name = spec.name or name
        return spec
    if isinstance(spec, int | float | np.number):
        spec = np.full(shape, floatX(spec))
    if not isinstance(spec, np.ndarray) or spec.dtype.kind not in "biufc":
        raise TypeError(
            f"{who}: a number, array, variable or callable that returns one is expected, "
            f"got {spec!r}"
        )
    if spec.shape != shape:
        raise ValueError(f"{who}: shape {shape!r} is needed, the array has {spec.shape!r}")
    # The fixed shape lets updates and rewrites see lengths of 1 and filter sizes.
    return pytensor.shared(spec, name=name, shape=shape)


def unroll_scan(
    fn: Callable,
    sequences: Any,
    outputs_info: Any,
    non_sequences: Any,
    n_steps: int,
    go_backwards: bool = False,
) -> list[Variable]:
    """Apply a function to one element of the sequences after the other, without a loop Op.

    The graph grows with the number of steps; in return, it compiles to plain expressions that
    rewrites can work on. For long or varying sequences use ``pytensor.scan``.

    Parameters
    ----------
    fn : callable
        Called with the elements of `sequences`, the outputs of the step before, and
        `non_sequences`; returns an expression or a list of them.
    sequences : expression or list of expressions
        Iterated over their first axis.
    outputs_info : expression, number, or list of them
        Outputs of the step before the first.
    non_sequences : expression or list of expressions
    n_steps : int
    go_backwards : bool
        Whether to begin with the last element.

    Returns
    -------
    list of expressions
        Every output, stacked over the steps in the order of their computation.

    Examples
    --------
    >>> x = pt.constant([2.0, 3.0, 4.0])
    >>> (product,) = unroll_scan(lambda x, before: x * before, x, 1.0, [], n_steps=3)
    >>> product.eval(mode="FAST_COMPILE")
    array([ 2.,  6., 24.])
    """
    sequences, outputs, non_sequences = (
        list(given) if isinstance(given, list | tuple) else [given]
        for given in (sequences, outputs_info, non_sequences)
    )
    steps = []
    for i in range(n_steps)[:: -1 if go_backwards else 1]:
        result = fn(*(sequence[i] for sequence in sequences), *outputs, *non_sequences)
        outputs = list(result) if isinstance(result, list | tuple) else [result]
        steps.append(outputs)
    return [pt.stack(list(values)) for values in zip(*steps, strict=True)]


def interpreted_mode() -> Mode:
    """Return a mode that runs functions at once, without any compiler.

    The Ops of this library do their work in kernels that are compiled beforehand, so a
    network's output costs little more than in PyTensor's default mode. Not for training, nor
    for graphs with a softmax, which PyTensor compiles in any mode.

    >>> x = pt.dvector()
    >>> float(pytensor.function([x], x.sum(), mode=interpreted_mode())([1, 2]))
    3.0
    """
    # These two rewrites merge sums and products into ones of many terms, which PyTensor
    # then computes element by element in Python instead of calling NumPy for two at a time.
    mode = Mode(linker="py", optimizer="fast_compile")
    return mode.excluding("local_add_canonizer", "local_mul_canonizer")


def set_default_update(variable: SharedVariable, expression: Any) -> None:
    """Let every function that uses `variable` compute `expression` as its next value.

    PyTensor deprecates this road without offering another that works in
    ``pytensor.function([x], get_output(net))``; the warning is of no use to callers here.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        variable.default_update = expression


def carry_update(expression: Any, parameter: Any, update: Variable) -> Any:
    """Return `expression`, changed so that functions computing it also update `parameter`.

    Only graphs that hold the returned expression carry the update; others may use `parameter`
    freely. :func:`lasagnette.layers.get_updates` finds it, too.

    Parameters
    ----------
    expression : tensor
    parameter : shared variable
    update : tensor
        New value of `parameter`, computed from `parameter` itself.

    Raises
    ------
    TypeError
        If `parameter` is not a shared variable.
    """
    if not isinstance(parameter, SharedVariable):
        raise TypeError(
            f"carry_update: only a shared variable can be updated, got {parameter!r}; where "
            "it stands for batch-norm averages, pass batch_norm_update_averages=False"
        )
    # The twin shares the parameter's value. Nothing may be computed from its memory, which
    # a compiled function overwrites in place while the parameter is still to be read;
    # its shape alone ties it to the graph, and rewrites remove even that.
    twin = parameter.clone()
    twin.tag.update_target = parameter
    set_default_update(twin, update)
    return expression + cast_like(0 * twin.size, expression)
