"""The random changes of samples as options, for every command that augments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from augment.transforms import Intervals

__all__ = ["INTERVALS", "interval_options", "intervals_from"]

_HELP: dict[str, tuple[Any, str, str]] = {
    "move": (float, "SHARE", "Move the frame by at most this share of its sides."),
    "scale": ((float, float), "LOW HIGH", "Smallest and largest factor of the frame's size."),
    "stretch": (float, "FACTOR", "Largest factor of its width alone or its height alone."),
    "mirror": (float, "CHANCE", "Probability of swapping left and right."),
    "rotation": (float, "DEGREES", "Largest angle by which the crop is turned; 0 is off."),
    "brightness": (float, "LEVELS", "Most grey levels, of 255, added or taken away; 0 is off."),
    "contrast": (
        float,
        "FACTOR",
        "Largest factor of contrast, the smallest is 1/FACTOR; 1 is off.",
    ),
    "blur": (float, "PIXELS", "Largest standard deviation of a blur of the crop; 0 is off."),
    "noise": (float, "LEVELS", "Largest standard deviation of noise, in grey levels; 0 is off."),
    "jpeg": (int, "QUALITY", "Lowest JPEG quality, from 1; 100 is off."),
    "grey": (float, "CHANCE", "Probability of greyscale."),
    "occlusion": (float, "CHANCE", "Probability that a rectangle hides a part of the crop."),
    "unchanged": (
        float,
        "CHANCE",
        "Probability that a sample is spared all of these changes but the mirroring.",
    ),
}

INTERVALS = tuple(_HELP)
"""Names of the options' values, which are the fields of `augment.transforms.Intervals`."""


class _IntervalOption(click.Option):
    """Asks `Intervals` for its default when it is needed: NumPy is slow to import."""

    def get_default(self, ctx: click.Context, call: bool = True) -> Any:
        from augment.transforms import Intervals

        assert self.name is not None
        return getattr(Intervals(), self.name)

    def get_help_extra(self, ctx: click.Context) -> Any:
        default = self.get_default(ctx)
        values = default if isinstance(default, tuple) else (default,)
        return {"default": " ".join(f"{value:.3g}" for value in values)}


def interval_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command an option for every field of `augment.transforms.Intervals`."""
    for name in reversed(INTERVALS):
        kind, unit, text = _HELP[name]
        command = click.option(
            f"--{name}", cls=_IntervalOption, type=kind, metavar=unit, help=text
        )(command)
    return command


def intervals_from(values: Mapping[str, Any]) -> Intervals:
    """Make the intervals of a command's values; what else is among these is left alone.

    Raises
    ------
    click.UsageError
        If a value lies outside its range.
    """
    from augment.transforms import Intervals

    try:
        return Intervals(**{name: values[name] for name in INTERVALS})
    except ValueError as error:
        raise click.UsageError(f"{str(error).replace('Intervals.', '--', 1)}.") from error
