"""The size of an encoded picture, from its first bytes: nothing is decoded."""

from __future__ import annotations

__all__ = ["picture_size"]

_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers of JPEG that nothing follows
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def picture_size(encoded: bytes) -> tuple[int, int] | None:
    """Return width and height in pixels of a PNG or JPEG file; None if they cannot be read.

    Parameters
    ----------
    encoded : bytes
        The file, or so much of it that the size is there.
    """
    if encoded.startswith(b"\x89PNG\r\n\x1a\n"):
        width, height = encoded[16:20], encoded[20:24]
        if len(height) == 4:
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
    elif encoded.startswith(b"\xff\xd8"):
        return _jpeg_size(encoded)
    return None


def _jpeg_size(encoded: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 9 <= len(encoded) and encoded[place] == 0xFF:
        marker = encoded[place + 1]
        if marker in _FRAMES:
            height, width = encoded[place + 5 : place + 7], encoded[place + 7 : place + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        length = 0 if marker in _BARE else int.from_bytes(encoded[place + 2 : place + 4], "big")
        place += 1 if marker == 0xFF else 2 + length
    return None
