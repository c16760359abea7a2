"""Reading pictures: whatever the file, an upright uint8 RGB array comes back.

Pillow decodes everything. OpenCV's decoder is about twice as fast on small JPEGs (same pixels), but
it turns a truncated file into half a grey picture without an error, and training keeps its
photographs decoded anyway.
"""

from __future__ import annotations

import glob
import io
import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from augment.errors import ImageError

__all__ = [
    "MAX_PIXELS",
    "MAX_SIDE",
    "SUFFIXES",
    "decode_image",
    "find_images",
    "image_size",
    "read_image",
]

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

_PILLOW = threading.Lock()


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
    with _pillow(path) as picture:
        return _upright_pixels(picture)


def decode_image(data: bytes, name: str) -> np.ndarray:
    """Decode a picture that is not in a file of its own, as `read_image` does.

    Parameters
    ----------
    data : bytes
        A whole file's content.
    name : str
        What messages call it.

    Returns
    -------
    numpy.ndarray
        uint8 ``(rows, columns, 3)``, RGB, contiguous.

    Raises
    ------
    ImageError
        As `read_image`.
    """
    with _pillow(name, data) as picture:
        return _upright_pixels(picture)


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Width and height of the upright picture in pixels, from the header alone.

    Raises
    ------
    ImageError
        As `read_image`, except that damage behind the header goes unnoticed.
    """
    with _pillow(path) as picture:
        width, height = picture.size
        turned = picture.getexif().get(_ORIENTATION) in _TURNED
        return (height, width) if turned else (width, height)


def _upright_pixels(picture: Image.Image) -> np.ndarray:
    # Pixels first: some formats keep their EXIF data behind them.
    picture.load()
    turned = picture.getexif().get(_ORIENTATION, 1) != 1
    upright = ImageOps.exif_transpose(picture) if turned else picture
    return np.ascontiguousarray(_to_rgb(upright))


@contextmanager
def _pillow(path: str | os.PathLike[str], data: bytes | None = None) -> Iterator[Image.Image]:
    """Open a file, or its content, and put every failure inside the block into one sentence.

    Pillow's warnings (odd EXIF data, mostly) are kept back: the picture is either read or it is
    not. Its own size limit lies under ours. Both are settings of the whole process, hence the
    lock.
    """
    name = os.fspath(path)
    with _PILLOW, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            with Image.open(name if data is None else io.BytesIO(data)) as picture:
                _check_size(name, picture.size)
                yield picture
        except ImageError:
            raise
        except FileNotFoundError as error:
            raise ImageError(f"{name}: there is no such file") from error
        except IsADirectoryError as error:
            raise ImageError(f"{name}: this is a folder, not a picture") from error
        except UnidentifiedImageError as error:
            kind = "not a picture, or of a kind that cannot be read"
            size = os.path.getsize(name) if data is None else len(data)
            reason = kind if size else "the file is empty"
            raise ImageError(f"{name}: {reason}") from error
        except Exception as error:
            # No list of types covers what decoders raise on damaged bytes.
            reason = str(error) or type(error).__name__
            raise ImageError(f"{name}: the picture cannot be read ({reason})") from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _check_size(name: str, size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_PIXELS or max(size) > MAX_SIDE:
        raise ImageError(
            f"{name}: {width} x {height} pixels are too many; at most {MAX_SIDE:,} on a side and "
            f"{MAX_PIXELS // 10**6} megapixels are read"
        )


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
