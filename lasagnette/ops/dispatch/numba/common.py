"""What the dispatches share: the version of their code, and the kernels by name."""

from __future__ import annotations

from typing import Any

from numba import types

from lasagnette.ops.kernels.native import ABI, ARGUMENTS, symbol

__all__ = ["CACHE_VERSION", "external"]

# Rises with every change of what a dispatch compiles: the caches know nothing else about it.
CACHE_VERSION = 100 * ABI + 3


def external(function: str, dtype: str) -> Any:
    """Return a kernel, by its name and 'float32' or 'float64', for compiled code to call."""
    arrays, integers = ARGUMENTS[function]
    signature = types.void(*[types.uintp] * arrays, *[types.int64] * integers)
    return types.ExternalFunction(symbol(function, dtype), signature)


# Numba frees an array after its last use in a function, and taking its address is such a use. So a
# copy that ascontiguousarray made must belong to a caller while the kernel works on it: every
# dispatch is a pair, the outer function makes the arrays contiguous, the inner one calls.
