"""A drawn face for each smiley: an example that shows nobody.

A face is a table row: eyes, brows, mouth, and what else there is; each a piece of SVG in a square
of 200 by 200. The colours are the drawing's own, so that it looks the same on dark and light pages.
"""

from __future__ import annotations

__all__ = ["drawing"]

_HEAD = (
    '<path d="M31 104a13 16 0 1 0 8 22M169 104a13 16 0 1 1-8 22" fill="#f0b96f" stroke="#7a4b1e" '
    'stroke-width="4"/>'
    '<path d="M100 16c44 0 68 32 68 78 0 52-28 92-68 92s-68-40-68-92c0-46 24-78 68-78z" '
    'fill="#f8cd8b" stroke="#7a4b1e" stroke-width="4"/>'
    '<path d="M33 88C28 38 56 12 100 12s72 26 67 76c-6-18-14-30-24-38-24 10-62 10-88-2-10 10-18 '
    '22-22 40z" fill="#5a3a22"/>'
)
_NOSE = '<path d="M102 96c5 10 8 18 6 22-2 3-8 3-12 2" {line}/>'

_STROKE = 'stroke="#4a2c12" stroke-width="5"'
_LINE = f'fill="none" {_STROKE} stroke-linecap="round" stroke-linejoin="round"'
_DARK, _WHITE, _RED = 'fill="#4a2c12"', 'fill="#ffffff"', 'fill="#e0604f"'
_CHEEK = '<circle cx="{x}" cy="128" r="13" fill="#ee9a7c" opacity=".7"/>'


def _eye(x: int, radius: float = 6.5, y: int = 92) -> str:
    white = f'<ellipse cx="{x}" cy="{y}" rx="{radius + 6}" ry="{radius + 4}" {_WHITE}/>'
    return f'{white}<circle cx="{x}" cy="{y}" r="{radius}" {_DARK}/>'


def _line(path: str) -> str:
    return f'<path d="{path}" {_LINE}/>'


def _filled(path: str, fill: str = _DARK) -> str:
    return f'<path d="{path}" {fill}/>'


_OPEN = _eye(72) + _eye(128)
_WIDE = _eye(72, 7.5, 90) + _eye(128, 7.5, 90)
_SHUT = _line("M60 92q12 9 24 0") + _line("M116 92q12 9 24 0")
_MERRY = _line("M60 95q12-14 24 0") + _line("M116 95q12-14 24 0")
_SQUEEZED = _line("M60 82l22 11-22 11") + _line("M140 82l-22 11 22 11")

_LEVEL = _line("M59 74q13-7 26-2") + _line("M115 72q13-5 26 2")
_RAISED = _line("M57 66q14-12 28-4") + _line("M115 62q14-8 28 4")
_SORROW = _line("M58 78q12-10 26-10") + _line("M116 68q14 0 26 10")
_CROSS = _line("M58 66l28 13") + _line("M142 66l-28 13")

_BULGES = "".join(
    f'<ellipse cx="{x}" cy="137" rx="27" ry="24" fill="#f4b87e" stroke="#7a4b1e" stroke-width="3"/>'
    for x in (51, 149)
)
_CHEEKS = _CHEEK.format(x=58) + _CHEEK.format(x=142)
_LAUGH = (
    _filled("M62 132q38 10 76 0-2 40-38 40t-38-40z")
    + _filled("M66 134q34 8 68 0l-3 10q-31 6-62 0z", _WHITE)
    + _filled("M80 164q20-14 40 0-8 8-20 8t-20-8z", _RED)
)
_TEETH = f'<rect x="68" y="136" width="64" height="26" rx="9" {_WHITE} {_STROKE}/>' + _line(
    "M70 149h60M84 138v22M100 138v22M116 138v22"
)

_FACES = {
    "smile": _LEVEL + _OPEN + _line("M68 140q32 26 64 0"),
    "sad": _SORROW + _OPEN + _line("M70 158q30-26 60 0"),
    "laugh": _RAISED + _MERRY + _CHEEKS + _LAUGH,
    "wink": _LEVEL + _eye(72) + _line("M115 93q13-9 27 0") + _line("M68 140q32 26 64 0"),
    "tongue": _LEVEL
    + _OPEN
    + _line("M70 140q30 14 60 0")
    + _filled("M84 146q16 6 32 0v20q-2 14-16 14t-16-14z", _RED)
    + '<path d="M100 150v18" fill="none" stroke="#a83c30" stroke-width="3"/>',
    "surprise": _RAISED + _WIDE + f'<ellipse cx="100" cy="150" rx="17" ry="22" {_DARK}/>',
    "kiss": _LEVEL
    + _SHUT
    + _CHEEKS
    + _filled("M100 134q14-4 14 7 0 5-6 6 8 2 7 9-2 10-15 6-10-4-10-9l6-5-6-5q0-6 10-9z", _RED),
    "neutral": _LEVEL + _OPEN + _line("M74 148h52"),
    "skewed": _LEVEL + _OPEN + _line("M72 154q34 2 60-18"),
    "angry": _CROSS + _OPEN + _line("M72 158q28-20 56 0"),
    "squeezed": _SQUEEZED + _line("M76 150q8-10 16 0t16 0 16 0"),
    "crying": _SORROW
    + _SHUT
    + _line("M72 160q28-22 56 0")
    + _filled("M66 102q11 18 0 26-12-8 0-26zM134 106q11 18 0 26-12-8 0-26z", 'fill="#4aa3df"'),
    "brow": _line("M59 80q13-3 26 3")
    + _line("M114 65q16-14 30 2")
    + _eye(72, 5)
    + _eye(128, 8.5, 90)
    + _line("M78 148q24 4 46-4"),
    "sealed": _LEVEL + _OPEN + _line("M74 148h52M80 141l-6 14M126 141l-6 14M92 142v12M108 142v12"),
    "asleep": _LEVEL + _SHUT + _line("M80 148q20 10 40 0"),
    "grimace": _LEVEL + _WIDE + _TEETH,
    "puffed": _LEVEL + _OPEN + _BULGES + _line("M90 150q10-5 20 0"),
    "other": _LEVEL + _OPEN,
}


def drawing(name: str) -> str | None:
    """Return the drawing for a smiley's name as SVG; None if there is none of that name."""
    face = _FACES.get(name)
    if face is None:
        return None
    nose = _NOSE.format(line=_LINE.replace('"5"', '"4"'))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 200" width="200" height="200">'
        f"{_HEAD}{nose}{face}</svg>"
    )
