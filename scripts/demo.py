"""The photograph that `make demo` shows: NASA's portrait of Eileen Collins, in scikit-image."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

__all__ = ["photograph"]


def photograph() -> Path:
    """Return the path of scikit-image's `astronaut.png`; the package itself is not imported.

    Raises
    ------
    FileNotFoundError
        scikit-image, the extra `demo`, is not installed or does not carry the picture.
    """
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise FileNotFoundError("scikit-image is not installed; install lasagnette[demo].")
    path = Path(package.origin).parent / "data" / "astronaut.png"
    if not path.is_file():
        raise FileNotFoundError(f"scikit-image carries no picture {str(path)!r}.")
    return path


if __name__ == "__main__":
    print(photograph())
