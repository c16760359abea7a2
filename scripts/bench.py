"""`lasagnette bench`: the benchmarks, one subcommand each."""

from __future__ import annotations

import click

from scripts.bench_augment import augment
from scripts.bench_detect import detect
from scripts.bench_monitor import monitor
from scripts.bench_nets import nets
from scripts.groups import GroupWithDefault

__all__ = ["bench"]


@click.group(cls=GroupWithDefault, default="nets", no_args_is_help=False)
def bench() -> None:
    """Time this installation against its rivals; without a COMMAND, `nets`.

    \b
    lasagnette bench nets       the nets of the articles against PyTorch
    lasagnette bench augment    the augmentation server against PyTorch's DataLoader
    lasagnette bench detect     the detector against OpenCV's YuNet and Haar
    lasagnette bench monitor    the run log and the monitor beside TensorBoard
    """


for command in (nets, augment, detect, monitor):
    bench.add_command(command)
