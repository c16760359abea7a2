"""Settings that the experiments share: data, schedules, and what the first article augments by.

The articles do not say how long they trained, at which rate and in which minibatches; these are
chosen so that every training ends within minutes on one core. Every net starts from random weights
and learns by Adam along a cosine of rates; a minibatch is half faces, half squares without a face.
"""

from __future__ import annotations

from typing import Any

from augment.transforms import Intervals

__all__ = ["ALL", "AUGMENTED", "FDDB", "NET12", "NET24", "NET48", "PLAIN"]

FDDB: dict[str, Any] = {"sources": ["fddb", "negatives"]}
"""The faces of FDDB's training folds (794), and squares away from faces."""

ALL: dict[str, Any] = {"sources": ["fddb", "lfw", "negatives"]}
"""LFW's faces as well: the article's "more data"."""

PLAIN: dict[str, Any] = {"intervals": None}
"""Faces as they are annotated, and one fixed square without a face for each of them."""

AUGMENTED: dict[str, Any] = {"intervals": Intervals().as_dict(), "augment_validation": True}
"""Moved, scaled, stretched and mirrored at random; the curves' validation crops once, as well."""

NET12: dict[str, Any] = {
    **{"net": "net12", "batch_size": 256, "learning_rate": 3e-3},
    **{"epochs": 24, "epoch_samples": 20_000},
}
NET24: dict[str, Any] = {
    **{"net": "net24", "batch_size": 256, "learning_rate": 2e-3},
    **{"epochs": 24, "epoch_samples": 6_000, "validation_every": 3},
}
NET48: dict[str, Any] = {
    **{"net": "net48", "batch_size": 128, "learning_rate": 1e-3},
    **{"epochs": 20, "epoch_samples": 2_000, "validation_every": 8},
}
