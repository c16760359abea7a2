"""Pictures of what `lasagnette bench augment` found, without a plotting library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from scripts.plot import COLOURS, FINER, GRID, INK, PAPER

__all__ = ["draw_acts", "draw_memory"]

WIDTH, ROW, TEXT = 800, 26, 15
LEFT, RIGHT, TOP = 310, 90, 50
HEIGHT, BOTTOM = 420, 60


def draw_acts(path: Path, nets: Mapping[str, Mapping[str, Any]], title: str) -> None:
    """Draw each act's median time as a bar, the waiting in another colour, and write a PNG.

    Parameters
    ----------
    path
        File to write.
    nets
        The numbers of the part "acts".
    title
        Line above the bars.
    """
    from statistics import median

    bars = []
    for net, numbers in nets.items():
        found = [
            (act, median(t["seconds"] for t in turns), median(t["waited"] for t in turns))
            for act, turns in numbers["turns"].items()
        ]
        longest = max(seconds for _, seconds, _ in found)
        bars += [(f"{net}: {act}", seconds, waited, longest) for act, seconds, waited in found]
    height = TOP + ROW * len(bars) + 40
    picture, draw, font = _paper(height)
    draw.text((FINER * WIDTH / 2, FINER * TOP / 2), title, INK, font, "mm")
    for place, (name, seconds, waited, longest) in enumerate(bars):
        y = TOP + ROW * place
        end = LEFT + (WIDTH - LEFT - RIGHT) * seconds / longest
        waiting = end - (end - LEFT) * min(1.0, waited / seconds)
        _box(draw, (LEFT, y + 4, end, y + ROW - 4), COLOURS[0])
        _box(draw, (waiting, y + 4, end, y + ROW - 4), COLOURS[1])
        middle = FINER * (y + ROW / 2)
        draw.text((FINER * (LEFT - 8), middle), name, INK, font, "rm")
        draw.text((FINER * (end + 8), middle), f"{seconds:.2f} s", INK, font, "lm")
    y = FINER * (height - 20)
    draw.text((FINER * LEFT, y), "training", COLOURS[0], font, "lm")
    draw.text((FINER * (LEFT + 90), y), "waiting for data", COLOURS[1], font, "lm")
    _save(picture, height, path)


def draw_memory(
    path: Path, seconds: Sequence[float], megabytes: Mapping[str, Sequence[float]], title: str
) -> None:
    """Draw the memory of processes over time as lines, and write a PNG.

    Parameters
    ----------
    path
        File to write.
    seconds
        When it was looked at.
    megabytes
        By process.
    title
        Line above the plot.
    """
    picture, draw, font = _paper(HEIGHT)
    left, right, bottom = 80, WIDTH - 130, HEIGHT - BOTTOM
    longest = max(seconds[-1], 1e-9)
    most = 1.1 * max(max(values) for values in megabytes.values())

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            FINER * (left + (right - left) * x / longest),
            FINER * (bottom - (bottom - TOP) * y / most),
        )

    for part in range(6):
        x, y = longest * part / 5, most * part / 5
        draw.line([at(0, y), at(longest, y)], GRID, FINER)
        draw.text((at(0, y)[0] - 8 * FINER, at(0, y)[1]), f"{y:.0f}", INK, font, "rm")
        draw.text((at(x, 0)[0], at(x, 0)[1] + 8 * FINER), f"{x / 60:.2g}", INK, font, "mt")
    for place, (name, values) in enumerate(megabytes.items()):
        colour = (*COLOURS, INK)[place % (len(COLOURS) + 1)]
        draw.line([at(*point) for point in zip(seconds, values, strict=True)], colour, 2 * FINER)
        draw.text((FINER * (right + 10), FINER * (TOP + ROW * place)), name, colour, font, "lm")
    draw.text((FINER * WIDTH / 2, FINER * TOP / 2), title, INK, font, "mm")
    caption = "minutes (upwards: MB, shared pages in parts)"
    draw.text((FINER * (left + right) / 2, FINER * (HEIGHT - 18)), caption, INK, font, "mm")
    _save(picture, HEIGHT, path)


def _paper(height: int) -> tuple[Image.Image, ImageDraw.ImageDraw, Any]:
    picture = Image.new("RGB", (WIDTH * FINER, height * FINER), PAPER)
    return picture, ImageDraw.Draw(picture), ImageFont.load_default(TEXT * FINER)


def _box(
    draw: ImageDraw.ImageDraw, corners: tuple[float, float, float, float], colour: str
) -> None:
    draw.rectangle([FINER * corner for corner in corners], colour)


def _save(picture: Image.Image, height: int, path: Path) -> None:
    picture.resize((WIDTH, height), Image.Resampling.LANCZOS).save(path, "PNG")
