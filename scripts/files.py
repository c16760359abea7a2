"""Where commands write: checked before the work begins, and never half written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import numpy as np

__all__ = ["save_picture", "writable_folder", "writable_picture"]


def writable_folder(folder: str | os.PathLike[str], option: str) -> Path:
    """Make the folder and see that a file can be written there.

    Raises
    ------
    click.BadParameter
        If not; the message names the option, the folder and the reason.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise click.BadParameter(
            f"cannot write into {str(path)!r}: {error.strerror}.", param_hint=option
        ) from error
    return path


def writable_picture(
    file: str | os.PathLike[str], option: str, inputs: Iterable[str | os.PathLike[str]] = ()
) -> Path:
    """See that a JPEG can be written there, and that it is none of the inputs.

    Raises
    ------
    click.BadParameter
        If not; the message names the option, the file and the reason.
    """
    path = Path(file)
    if path.suffix.lower() not in (".jpg", ".jpeg"):
        raise click.BadParameter(
            f"a JPEG is written, so the name ends in .jpg; got {str(path)!r}.", param_hint=option
        )
    for one in inputs:
        if path.exists() and os.path.exists(one) and path.samefile(one):
            raise click.BadParameter(
                f"{str(path)!r} is what is read; give another name.", param_hint=option
            )
    writable_folder(path.parent, option)
    return path


def save_picture(image: np.ndarray, path: Path) -> None:
    """Write uint8 RGB as a JPEG, under a temporary name first.

    Raises
    ------
    OSError
        If it cannot be written; what lay at `path` is then still there.
    """
    from PIL import Image

    draft = path.with_name(f".{path.name}.part")
    try:
        Image.fromarray(image).save(draft, "JPEG", quality=92)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
