"""Kernels of the Ops, on NumPy arrays: compiled where possible, NumPy elsewhere.

``LASAGNETTE_KERNELS`` picks a set (``avx512``, ``avx2``, ``plain``, ``numpy``), else the best
that the processor runs; ``LASAGNETTE_THREADS`` the number of threads, else one per core that
the process may use. Results do not depend on the number of threads; between sets they differ by
rounding.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from lasagnette.ops.kernels import reference
from lasagnette.ops.kernels.native import NativeKernels

__all__ = [
    "KernelsError",
    "average_pool",
    "average_pool_grad",
    "batch_norm_grad",
    "batch_norm_pool_grad",
    "batch_statistics",
    "conv2d",
    "conv2d_grad_input",
    "conv2d_grad_weights",
    "conv2d_pool",
    "conv2d_pool_grad_input",
    "conv2d_pool_grad_weights",
    "describe",
    "dropout_mask",
    "get_threads",
    "keep_memory",
    "library",
    "load",
    "max_pool",
    "max_pool_grad",
    "normalize",
    "normalize_pool",
    "set_threads",
]

SETS = ("avx512", "avx2", "plain")
_FLAGS = {"avx512": {"avx512f", "avx512bw", "avx512vl", "avx512dq"}, "avx2": {"avx2", "fma"}}


class KernelsError(ValueError):
    """A setting of the kernels that cannot be followed."""


_native: NativeKernels | None = None
_threads = 1
_reason = ""


def _processor_flags() -> set[str]:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return set(line.split(":", 1)[1].split())
    except OSError:
        pass
    return set()


def _compiled(name: str) -> Path | None:
    """Path of a set's library; of several (builds of other Pythons) the newest."""
    folder = Path(__file__).parent
    found = sorted(folder.glob(f"_{name}.*so"), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else None


def _runnable() -> dict[str, Path]:
    """Compiled sets that this processor runs, best first."""
    flags = _processor_flags()
    paths = {name: _compiled(name) for name in SETS if _FLAGS.get(name, set()) <= flags}
    return {name: path for name, path in paths.items() if path is not None}


def _default_threads() -> int:
    for name in ("LASAGNETTE_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name)
        if value:
            first = value.split(",")[0].strip()  # OpenMP allows a list, one number per level
            if not (first.isascii() and first.isdigit()) or int(first) < 1:
                raise KernelsError(f"{name} must be a number of threads from 1 on, got {value!r}")
            return int(first)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def load(name: str | None = None) -> str:
    """Choose a set of kernels for this process and return its name.

    Functions that PyTensor has compiled keep the set that was chosen when the first was.

    Parameters
    ----------
    name : {'avx512', 'avx2', 'plain', 'numpy'}, optional
        Default: ``LASAGNETTE_KERNELS``, else the best one that runs here.

    Raises
    ------
    KernelsError
        If `name` is unknown, not compiled, or not run by this processor.
    """
    global _native, _reason
    name = name or os.environ.get("LASAGNETTE_KERNELS")
    runnable = _runnable()
    if name is not None and name not in ("numpy", *runnable):
        raise KernelsError(
            f"kernels: {name!r} is not available here; "
            f"choose one of {', '.join([*runnable, 'numpy'])}"
        )
    _native = None
    _reason = (
        "asked for by name"
        if name == "numpy"
        else "no compiled kernels: install with a C++ compiler (g++) to get them"
    )
    for candidate in [name] if name else runnable:
        if candidate == "numpy":
            break
        try:
            _native = NativeKernels(runnable[candidate])
            break
        except (OSError, AttributeError) as error:
            _reason = f"{runnable[candidate].name} cannot be loaded: {error}"
            warnings.warn(
                f"kernels: {runnable[candidate].name} cannot be used ({error}); "
                "reinstall the package to compile it again",
                RuntimeWarning,
                stacklevel=2,
            )
    set_threads(_threads)
    return describe()["name"]


def set_threads(count: int) -> None:
    """Let the compiled kernels use up to `count` threads.

    Raises
    ------
    KernelsError
        If `count` is below 1.
    """
    global _threads
    if count < 1:
        raise KernelsError(f"kernels: the number of threads must be at least 1, got {count!r}")
    _threads = int(count)
    if _native is not None:
        _native.set_threads(_threads)


def get_threads() -> int:
    """Number of threads that the compiled kernels may use."""
    return _threads


def keep_memory() -> None:
    """Keep freed memory in the process (Linux with compiled kernels; elsewhere nothing).

    Arrays of tens of megabytes are otherwise mapped anew at every call, which costs up to a
    third of a training step. It holds for the whole process, so programs call it, not the
    library.
    """
    if _native is not None:
        _native.keep_memory()


def library() -> Path | None:
    """Path of the compiled library in use, or None where NumPy computes."""
    return None if _native is None else _native.path


def describe() -> dict[str, Any]:
    """What computes here: name, threads, available sets, and the reason where it is NumPy."""
    available = [*_runnable(), "numpy"]
    if _native is None:
        return {"name": "numpy", "threads": 1, "available": available, "reason": _reason}
    name = _native.path.name.split(".")[0].removeprefix("_")
    return {"name": name, "threads": _threads, "available": available, "reason": ""}


def conv2d(
    x, w, bias=None, *, pad=(0, 0, 0, 0), stride=(1, 1), dilation=(1, 1), groups=1, relu=False
):
    """Correlate a batch with filters.

    Parameters
    ----------
    x : array, (batch, channels, rows, columns)
    w : array, (filters, channels / groups, filter rows, filter columns)
    bias : array, optional, (filters,)
    pad : (top, bottom, left, right)
    stride : (rows, columns)
    dilation : (rows, columns)
        Steps between the filters' taps.
    groups : int
        The first of so many parts of the filters sees the first part of the channels, and so on.
    relu : bool
        Cut the result at zero.

    Returns
    -------
    array, (batch, filters, rows, columns)

    Raises
    ------
    ValueError
        If the shapes do not fit each other, or one padded image has over 2**31 values.
    """
    return (_native or reference).conv2d(
        x, w, bias, pad=pad, stride=stride, dilation=dilation, groups=groups, relu=relu
    )


def conv2d_grad_input(
    w, g, input_shape, *, pad=(0, 0, 0, 0), stride=(1, 1), dilation=(1, 1), groups=1
):
    """Gradient of :func:`conv2d` for its input, from the gradient `g` of its output."""
    return (_native or reference).conv2d_grad_input(
        w, g, input_shape, pad=pad, stride=stride, dilation=dilation, groups=groups
    )


def conv2d_grad_weights(
    x, g, filter_shape, *, pad=(0, 0, 0, 0), stride=(1, 1), dilation=(1, 1), groups=1
):
    """Gradients of :func:`conv2d` for filters and bias."""
    return (_native or reference).conv2d_grad_weights(
        x, g, filter_shape, pad=pad, stride=stride, dilation=dilation, groups=groups
    )


def conv2d_pool(
    x,
    w,
    bias=None,
    *,
    pad=(0, 0, 0, 0),
    stride=(1, 1),
    dilation=(1, 1),
    groups=1,
    relu=False,
    winners=False,
):
    """Largest value of every 2 x 2 window of :func:`conv2d`'s result, which is never stored.

    Returns
    -------
    pooled : array, (batch, filters, rows // 2, columns // 2)
    winners : uint8 array of the same shape, or None
        With `winners`: bit ``2 * row + column`` is set where that cell of the window equals the
        maximum; none is, where the relu cut the whole window.
    """
    return (_native or reference).conv2d_pool(
        x,
        w,
        bias,
        pad=pad,
        stride=stride,
        dilation=dilation,
        groups=groups,
        relu=relu,
        winners=winners,
    )


def conv2d_pool_grad_input(
    w, g, winners, input_shape, *, pad=(0, 0, 0, 0), stride=(1, 1), dilation=(1, 1), groups=1
):
    """Gradient of :func:`conv2d_pool` for its input, from the gradient `g` of its output."""
    return (_native or reference).conv2d_pool_grad_input(
        w, g, winners, input_shape, pad=pad, stride=stride, dilation=dilation, groups=groups
    )


def conv2d_pool_grad_weights(
    x, g, winners, filter_shape, *, pad=(0, 0, 0, 0), stride=(1, 1), dilation=(1, 1), groups=1
):
    """Gradients of :func:`conv2d_pool` for filters and bias."""
    return (_native or reference).conv2d_pool_grad_weights(
        x, g, winners, filter_shape, pad=pad, stride=stride, dilation=dilation, groups=groups
    )


def max_pool(x, size, stride, pad=(0, 0), ignore_border=True):
    """Largest value of every window of the last two axes."""
    return (_native or reference).max_pool(x, size, stride, pad, ignore_border)


def max_pool_grad(x, y, g, size, stride, pad=(0, 0), ignore_border=True, relu=False):
    """Gradient of :func:`max_pool`; with `relu` also through the relu that made `x`."""
    return (_native or reference).max_pool_grad(x, y, g, size, stride, pad, ignore_border, relu)


def average_pool(x, size, stride, pad=(0, 0), ignore_border=True, include_pad=True):
    """Mean of every window of the last two axes."""
    return (_native or reference).average_pool(x, size, stride, pad, ignore_border, include_pad)


def average_pool_grad(
    input_shape, g, size, stride, pad=(0, 0), ignore_border=True, include_pad=True
):
    """Gradient of :func:`average_pool`."""
    return (_native or reference).average_pool_grad(
        input_shape, g, size, stride, pad, ignore_border, include_pad
    )


def batch_statistics(x):
    """Mean and variance of every channel of ``(batch, channels, ...)``."""
    return (_native or reference).batch_statistics(x)


def normalize(x, mean, scale, shift, *, relu=False):
    """Return ``(x - mean) * scale + shift`` by channels, with `relu` cut at zero."""
    return (_native or reference).normalize(x, mean, scale, shift, relu=relu)


def normalize_pool(x, mean, scale, shift, *, relu=False, winners=False):
    """Largest value of every 2 x 2 window of :func:`normalize`'s result, as :func:`conv2d_pool`."""
    return (_native or reference).normalize_pool(x, mean, scale, shift, relu=relu, winners=winners)


def batch_norm_grad(x, g, mean, scale, shift, inv_std, *, relu=False):
    """Gradients of :func:`normalize` where `mean` and `inv_std` are those of `x` itself.

    Returns
    -------
    gx : array like x
    g_scale : array, (channels,)
        For the factor beside `inv_std` in `scale`.
    g_shift : array, (channels,)
    """
    return (_native or reference).batch_norm_grad(x, g, mean, scale, shift, inv_std, relu=relu)


def batch_norm_pool_grad(x, g, winners, mean, scale, shift, inv_std):
    """Gradients of :func:`normalize_pool`, as :func:`batch_norm_grad`."""
    return (_native or reference).batch_norm_pool_grad(x, g, winners, mean, scale, shift, inv_std)


def dropout_mask(shape, dtype, p, key, counter):
    """Mask of 0 or ``1 / (1 - p)``: the same bits from every kernel and any number of threads."""
    return (_native or reference).dropout_mask(shape, dtype, p, key, counter)


_threads = _default_threads()
load()
if hasattr(os, "register_at_fork"):
    # A forked child has none of OpenMP's threads and would wait for them for ever.
    os.register_at_fork(after_in_child=lambda: set_threads(1))
