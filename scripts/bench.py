"""`lasagnette bench`: the benchmarks, one subcommand each."""

from __future__ import annotations

import click

from scripts.bench_augment import augment
from scripts.bench_detect import detect
from scripts.bench_monitor import monitor
from scripts.bench_nets import nets

__all__ = ["bench"]


class _NetsFirst(click.Group):
    """Takes words that begin with no subcommand as those of `nets`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {*self.commands, *ctx.help_option_names}
        if not ctx.resilient_parsing and (not args or args[0] not in known):
            args = ["nets", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_NetsFirst)
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
