"""Reading pictures: whatever the file, an upright uint8 RGB array comes back.

Pillow decodes everything. OpenCV's decoder is about twice as fast on small JPEGs (same pixels), but
it turns a truncated file into half a grey picture without an error, and training keeps its
photographs decoded anyway.
"""

from __future__ import annotations

import glob
import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from augment.errors import ImageError

__all__ = ["MAX_PIXELS", "MAX_SIDE", "SUFFIXES", "find_images", "image_size", "read_image"]

MAX_PIXELS = 200_000_000
"""Largest picture that is read: 200 megapixels, 600 MB as an RGB array."""

MAX_SIDE = 20_000
"""Longest side that is read, in pixels; OpenCV's resampling ends at 32,766."""

_USUAL = {".jpg", ".jpeg", ".jpe", ".png", ".webp", ".tif", ".tiff", ".bmp", ".dib", ".gif"}
SUFFIXES = frozenset(_USUAL | {".pbm", ".pgm", ".pnm", ".ppm"})
"""Endings that make a file in a folder a picture; a file named directly may have any."""

_WHITE = 255
_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)  # EXIF orientations whose upright picture swaps width and height

_OPENING = threading.Lock()


def read_image(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a picture as it is meant to be seen.

    Grey is repeated into three channels, CMYK and other colour spaces are converted, 16 bits are
    cut to the upper 8, and the EXIF orientation is applied. Transparent pixels are laid on white:
    that is what a page or a viewer shows behind a cut-out portrait, and black would give it a
    frame that looks like an edge. Of an animation the first picture is read.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    numpy.ndarray
        uint8 ``(rows, columns, 3)``, RGB, contiguous.

    Raises
    ------
    ImageError
        If the file is missing, empty, truncated, no picture, or larger than `MAX_PIXELS` or
        `MAX_SIDE` allow.
    """
    with _opened(path) as picture:
        try:
            picture.load()
            turned = picture.getexif().get(_ORIENTATION, 1) != 1
            upright = ImageOps.exif_transpose(picture) if turned else picture
            return np.ascontiguousarray(_to_rgb(upright))
        except _DECODING_ERRORS as error:
            raise ImageError(f"{os.fspath(path)}: the picture is damaged ({error})") from error


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Width and height of the upright picture in pixels, from the header alone.

    Raises
    ------
    ImageError
        As `read_image`, except that damage behind the header goes unnoticed.
    """
    with _opened(path) as picture:
        width, height = picture.size
        return (
            (height, width) if picture.getexif().get(_ORIENTATION) in _TURNED else (width, height)
        )


# A decoder meets damaged bytes in many ways; each of these was seen from Pillow's plugins.
_DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
)


def _opened(path: str | os.PathLike[str]) -> Image.Image:
    """Open a file and check its header against the limits; no pixel is decoded yet."""
    name = os.fspath(path)
    try:
        if os.path.isfile(name) and os.path.getsize(name) == 0:
            raise ImageError(f"{name}: the file is empty")
        with _OPENING:
            # Pillow's own limit lies under ours, and a warning is no way to tell a caller.
            limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            try:
                picture = Image.open(name)
            finally:
                Image.MAX_IMAGE_PIXELS = limit
    except FileNotFoundError as error:
        raise ImageError(f"{name}: there is no such file") from error
    except IsADirectoryError as error:
        raise ImageError(f"{name}: this is a folder, not a picture") from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: not a picture, or of a kind that cannot be read") from error
    except ImageError:
        raise
    except _DECODING_ERRORS as error:
        raise ImageError(f"{name}: cannot be opened ({error})") from error
    width, height = picture.size
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        picture.close()
        raise ImageError(
            f"{name}: {width} x {height} pixels are too many; at most {MAX_SIDE:,} on a side and "
            f"{MAX_PIXELS // 10**6} megapixels are read"
        )
    return picture


def _to_rgb(picture: Image.Image) -> np.ndarray:
    """Pixels of any Pillow mode as uint8 RGB."""
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return np.asarray(picture)
    if picture.mode.startswith("I"):  # I;16, I;16B, I;16L and 32-bit integers
        pixels = np.asarray(picture)
        if pixels.min() < 0 or pixels.max() > 0xFFFF:
            raise ValueError("more than 16 bits per channel")
        grey = (pixels.astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if picture.mode == "F":
        raise ValueError("floating-point pixels have no fixed white")
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        ground = Image.new("RGBA", rgba.size, (_WHITE, _WHITE, _WHITE, 255))
        return np.asarray(Image.alpha_composite(ground, rgba).convert("RGB"))
    return np.asarray(picture.convert("RGB"))


def find_images(
    arguments: Iterable[str | os.PathLike[str]],
    report: Callable[[str, str], None] | None = None,
) -> list[Path]:
    """Picture files that files, folders and glob patterns name.

    Parameters
    ----------
    arguments : iterable of str or path
        A file (kept whatever its ending), a folder (searched through all its subfolders for the
        endings in `SUFFIXES`, in sorted order, hidden files left out) or a pattern with ``* ? [ ]``
        (``**`` for any number of folders), which finds folders too.
    report : callable, optional
        Called as ``report(argument, reason)`` for each argument that gives nothing; the others are
        still read. By default a warning is issued.

    Returns
    -------
    list of Path
        In the order of the arguments, every file once.
    """
    if report is None:

        def report(argument: str, reason: str) -> None:
            warnings.warn(f"{argument}: {reason}", stacklevel=3)

    found: dict[Path, None] = {}
    for argument in arguments:
        text = os.fspath(argument)
        path = Path(text)
        if path.is_dir():
            files = list(_pictures_below(path))
            reason = "there is no picture in this folder"
        elif os.path.lexists(path):
            files, reason = [path], ""
        elif glob.has_magic(text):
            files = []
            for match in sorted(glob.glob(text, recursive=True)):
                place = Path(match)
                files.extend(_pictures_below(place) if place.is_dir() else [place])
            reason = "no file matches this pattern"
        else:
            files, reason = [], "there is no such file or folder"
        if not files:
            report(text, reason)
        found.update(dict.fromkeys(files))
    return list(found)


def _pictures_below(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:
                yield Path(place, name)
