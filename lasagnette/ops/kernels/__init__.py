"""Kernels of the Ops, on NumPy arrays: compiled where possible, NumPy elsewhere."""

from lasagnette.ops.kernels.reference import (
    average_pool,
    average_pool_grad,
    conv2d,
    conv2d_grad_input,
    conv2d_grad_weights,
    dropout_mask,
    max_pool,
    max_pool_grad,
)

def set_threads(n): pass
def get_threads(): return 1
def describe(): return dict(name="numpy", threads=1, available=["numpy"], reason="")
