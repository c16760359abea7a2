"""Run another detector, in a Python of its own, over photographs: its results as FDDB's text.

    PYTHON -m scripts.evaluate_peer RUN.py PHOTOS OUT.txt [NAME=NUMBER ...]

RUN.py is a file with a function ``detect(path, **options)`` that returns boxes (x, y, width, height
in pixels) and their scores; PHOTOS a folder that is searched through. The numbers go to the
function by their names. Photographs are named by their paths in the folder, without the ending.
Started from the checkout's folder; needs nothing but what RUN.py needs. The exit code is 1 when a
photograph failed; it is then left out, and the others go on.
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.fddb_text import write_results

__all__ = ["main"]

ENDINGS = (".jpg", ".jpeg", ".png")


def main(words: list[str] | None = None) -> int:
    """Detect in all photographs of a folder and write the results.

    Parameters
    ----------
    words : list of str, optional
        The arguments; by default the process's.

    Returns
    -------
    int
        Exit code.
    """
    parser = argparse.ArgumentParser(prog="evaluate_peer", description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, metavar="RUN.py")
    parser.add_argument("photos", type=Path, metavar="PHOTOS")
    parser.add_argument("out", type=Path, metavar="OUT.txt")
    parser.add_argument("options", nargs="*", metavar="NAME=NUMBER", type=_option)
    given = parser.parse_args(words)
    if not given.run.is_file():
        parser.error(f"there is no file {str(given.run)!r}")
    detect: Callable[..., Any] | None = runpy.run_path(str(given.run)).get("detect")
    if detect is None:
        parser.error(f"{given.run} has no function detect(path, ...)")
    paths = sorted(path for path in given.photos.rglob("*") if path.suffix.lower() in ENDINGS)
    if not paths:
        parser.error(f"there is no photograph in {str(given.photos)!r}")
    return _write(detect, given.photos, paths, given.out, dict(given.options))


def _option(text: str) -> tuple[str, float]:
    name, equals, number = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=NUMBER")
    try:
        return name, int(number) if number.lstrip("-").isdecimal() else float(number)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=NUMBER") from error


def _write(
    detect: Callable[..., Any], folder: Path, paths: list[Path], out: Path, options: dict
) -> int:
    code = 0
    draft = out.with_name(f".{out.name}.part")
    with draft.open("w", encoding="utf-8") as stream:
        for number, path in enumerate(paths, start=1):
            try:
                boxes, scores = detect(str(path), **options)
            except Exception as error:  # whatever a foreign detector raises
                print(f"{path}: left out ({error})", file=sys.stderr)
                code = 1
                continue
            name = path.relative_to(folder).with_suffix("").as_posix()
            write_results(stream, name, boxes, scores)
            if number % 100 == 0 or number == len(paths):
                print(f"{number} of {len(paths)} photographs", file=sys.stderr)
    os.replace(draft, out)
    return code


if __name__ == "__main__":
    sys.exit(main())
