"""Back ends of the Ops beyond ``perform``: Numba, PyTensor's default mode, and JAX.

Either takes over half a second to import, so a dispatch is registered only when PyTensor
compiles for it: a graph rewrite that carries the back end's tag runs at the start of every such
compilation and imports the registrations.
"""

from __future__ import annotations

from importlib import import_module

from pytensor.compile import optdb
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.rewriting.basic import GraphRewriter

__all__: list[str] = []


class _RegisterDispatch(GraphRewriter):
    """Import one dispatch module; the graph stays as it is."""

    def __init__(self, module: str) -> None:
        self.module = module

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        pass

    def apply(self, fgraph: FunctionGraph) -> None:
        import_module(self.module)


for _backend in ("jax", "numba"):
    optdb.register(
        f"lasagnette_{_backend}_dispatch",
        _RegisterDispatch(f"lasagnette.ops.dispatch.{_backend}"),
        _backend,
        position=0,
    )
