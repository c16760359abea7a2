"""Cases of the layer contract: embedding.

CASES: a name, the shapes that come in (without the batch), and how to build the layer.
ARGUMENTS: what a class needs beside the incoming layer.
"""

from __future__ import annotations

from typing import Any

CASES: dict[str, Any] = {}

ARGUMENTS: dict[type, tuple] = {}
