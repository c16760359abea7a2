"""How pixels become a net's input; stored with the weights that were trained on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Scaling"]


@dataclass(frozen=True)
class Scaling:
    """``(pixel - mean) * scale``; the default maps 0 .. 255 to -1 .. 1.

    Attributes
    ----------
    mean, scale : float
    """

    mean: float = 127.5
    scale: float = 1 / 127.5

    def apply(self, pixels: Any) -> Any:
        """Scale an array or a symbolic tensor of pixels 0 .. 255 to float32."""
        return (pixels.astype("float32") - np.float32(self.mean)) * np.float32(self.scale)
