"""Options that the evaluations share."""

from __future__ import annotations

import re

import click

__all__ = ["CASCADE_OPTION", "FOLDS_OPTION", "MIN_FACE_OPTION"]


def _or_split(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None or ctx.resilient_parsing:
        return value
    from cascade.bundle import pretrained

    return str(pretrained("cascade-split"))


CASCADE_OPTION = click.option(
    "--cascade",
    type=click.Path(exists=True, dir_okay=False),
    callback=_or_split,
    metavar="FILE",
    help="Cascade file  [default: the packaged one that never saw the reporting side]",
)
"""Figures are those of nets that were not trained on what they are measured on."""

MIN_FACE_OPTION = click.option(
    "--min-face",
    type=click.FloatRange(min=1),
    default=20,
    show_default=True,
    metavar="PIXELS",
    help="Smallest face looked for.",
)


def _parse_folds(ctx: click.Context, parameter: click.Parameter, value: str) -> list[int]:
    if not re.fullmatch(r"\d+(,\d+)*", value):
        raise click.BadParameter(f"{value!r} is no list of numbers such as 06,07,08.")
    return sorted({int(number) for number in value.split(",")})


FOLDS_OPTION = click.option(
    "--folds",
    default="06,07,08",
    show_default=True,
    callback=_parse_folds,
    metavar="LIST",
    help="Folds of FDDB; 06, 07 and 08 were never trained or tuned on.",
)
