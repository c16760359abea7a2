"""The table of stages beside the paper's: windows per photograph and recall after every step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cascade.bundle import Cascade
from cascade.detector import Detector
from cascade.tuning import stage_table
from scripts.cascade_photos import SMALLEST, tuning_photos

__all__ = ["PAPER", "measure_stages", "table_lines"]

PAPER = {
    "windows": (5341.8, 0.959),
    "detect 1": (426.9, 0.939),
    "calibrate 1": (388.7, 0.948),
    "detect 2": (60.5, 0.888),
    "calibrate 2": (53.6, 0.890),
    "detect 3": (33.3, 0.858),
    "filter all": (3.6, 0.821),
    "calibrate 3": (3.6, 0.851),
}
"""Li et al., CVPR 2015, on the whole of FDDB; the paper counts after its own filtering."""


def measure_stages(cascade: Cascade, data: Path, every: int = 1) -> dict[str, Any]:
    """What every step leaves over on one in `every` photographs of FDDB's fold 04, for JSON."""
    rows = stage_table(Detector(cascade, min_face=SMALLEST), tuning_photos(data, every=every))
    roles = {"windows": "windows", "all sizes": "filter all", "at last": "at last"}
    for number, stage in enumerate(cascade.stages, start=1):
        roles[stage.detection.name] = f"detect {number}"
        roles[f"{stage.detection.name} in size"] = f"filter {number}"
        if stage.calibration is not None:
            roles[stage.calibration.name] = f"calibrate {number}"
    return {
        "stages": [
            {
                "step": row.step,
                "role": roles[row.step],
                "frames": _rounded(row.frames, 1),
                "recall": _rounded(row.recall, 4),
                "overlap": _rounded(row.overlap, 4),
            }
            for row in rows
        ]
    }


def table_lines(stages: Sequence[Mapping[str, Any]]) -> list[str]:
    """The table in Markdown, with the paper's figures."""
    lines = [
        "| step | net | frames per photo | recall | overlap with face | paper: frames | recall |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in stages:
        windows, recall = PAPER.get(row["role"], (None, None))
        cells = [
            row["role"],
            row["step"] if row["step"] != row["role"] else "",
            *(_shown(row[name]) for name in ("frames", "recall", "overlap")),
            *(_shown(value) for value in (windows, recall)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _rounded(value: float, digits: int) -> float | None:
    return None if value != value else round(float(value), digits)


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
