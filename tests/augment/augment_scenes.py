"""Pictures drawn for the tests: no photograph is needed, and none is committed."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw


def draw_scene(seed: int, width: int, height: int, ellipses=()) -> Image.Image:
    """A smooth picture of random colours with filled ellipses (major, minor, angle, x, y)."""
    rng = np.random.default_rng(seed)
    noise = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    picture = noise.resize((width, height), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    for major, minor, _, x, y in ellipses:
        pen.ellipse((x - minor, y - major, x + minor, y + major), fill=(230, 190, 160))
    return picture
