"""Loops of recurrent layers without a compiler, in functions that use none.

PyTensor compiles the inside of a scan with a C compiler wherever the function around it is
interpreted. Modes with the ``fast_compile`` rewrites, :func:`lasagnette.utils.interpreted_mode`
among them, interpret the inside of this library's loops, too.
"""

from __future__ import annotations

from pytensor.compile.mode import optdb
from pytensor.graph.rewriting.basic import in2out, node_rewriter
from pytensor.scan.op import Scan

__all__ = ["LOOP"]

LOOP = "recurrence"  # name of the loops; PyTensor puts "grad_of_" before it for gradients


@node_rewriter([Scan])
def _interpret_loop(fgraph, node):
    op = node.op
    if op.mode is not None or not (op.name or "").endswith(LOOP):
        return None
    interpreted = op.clone()
    interpreted.mode = "FAST_COMPILE"
    return interpreted(*node.inputs, return_list=True)


optdb.register("interpret_recurrence", in2out(_interpret_loop), "fast_compile", position=0.01)
