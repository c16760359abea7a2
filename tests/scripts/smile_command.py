"""What the tests of `lasagnette smile` share: pictures and clips of grey faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from smile_nets import faces_on_black

from cascade.video import VideoWriter

__all__ = ["clip", "photo"]


def photo(path: Path, *smileys: str) -> Path:
    """A picture with faces that make these smileys, side by side."""
    path.parent.mkdir(parents=True, exist_ok=True)
    faces = [(10 + 70 * n, 30, smiley) for n, smiley in enumerate(smileys)]
    Image.fromarray(faces_on_black(faces, (120, 230))).save(path)
    return path


def clip(path: Path, smileys: Sequence[str], rate: float = 10.0) -> Path:
    """A video with one face, which makes these smileys; '' for a frame without it."""
    with VideoWriter(path, rate) as writer:
        for smiley in smileys:
            writer.write(faces_on_black([(70, 30, smiley)] if smiley else []))
    return path
