"""The codes that take a picture back: typed by people, known to nobody else.

A code is twelve letters in three groups. Letters that look or sound alike are left out, which
leaves 52 bits. Only a salted hash of it is kept, by scrypt, so that a guess costs something even to
somebody who has the folder.
"""

from __future__ import annotations

import hashlib
import secrets

__all__ = ["ALPHABET", "digest", "make_code", "plain_code"]

ALPHABET = "ABCDEFGHJKLMNPRSTWXY"
"""No I, O, Q, U, V, Z: they are taken for J, D, W, S or digits."""

_GROUPS, _LENGTH = 3, 4
# Somebody with a Cyrillic keyboard types what looks the same.
_CYRILLIC = str.maketrans("АВЕКМНРСТХУ", "ABEKMHPCTXY")


def make_code() -> str:
    """Return a new code, as ``'KRTA-MEXD-PLWN'``."""
    letters = [secrets.choice(ALPHABET) for _ in range(_GROUPS * _LENGTH)]
    return "-".join(
        "".join(letters[start : start + _LENGTH]) for start in range(0, len(letters), _LENGTH)
    )


def plain_code(typed: str) -> str | None:
    """Return what somebody typed as the letters of a code; None if it can be none.

    >>> plain_code(" krta mexd-PLWN"), plain_code("KRTA")
    ('KRTAMEXDPLWN', None)
    """
    if len(typed) > 100:
        return None
    letters = "".join(char for char in typed.upper() if char.isalnum()).translate(_CYRILLIC)
    whole = len(letters) == _GROUPS * _LENGTH and all(letter in ALPHABET for letter in letters)
    return letters if whole else None


def digest(code: str, salt: bytes) -> str:
    """Return the hash of a code that `plain_code` has read, in hexadecimal digits."""
    return hashlib.scrypt(code.encode(), salt=salt, n=1 << 12, r=8, p=1, dklen=24).hex()
