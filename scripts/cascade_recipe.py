"""The recipe of the cascade that comes with the package: which steps, with which settings.

Read from top to bottom it is the road of Li et al. (CVPR 2015, section 3): train a stage, choose
its threshold, collect what it lets through where no face is, train the next stage on that.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["RECIPE", "Assemble", "Mine", "Recipe", "Train", "Tune", "quick"]


@dataclass(frozen=True)
class Train:
    """Train a net in a run of its own.

    Attributes
    ----------
    run : str
        Name of the run, and of the step.
    settings : dict
        Those of `scripts.runner.Settings`.
    mined : str or None
        Step of `Mine` that gives hard negatives.
    initial : str or None
        Step of `Train` whose weights it starts from.
    """

    run: str
    settings: dict[str, Any]
    mined: str | None = None
    initial: str | None = None


@dataclass(frozen=True)
class Assemble:
    """Put the nets of two runs into a stage, and set its threshold.

    Attributes
    ----------
    stage : int
        From 1 on; a stage that is there already is replaced.
    detection, calibration : str
        Steps of `Train`.
    recall : float
        Share of the tuning side's faces that all stages up to this one keep.
    overlap : float
        Intersection over union of the filtering inside each window size.
    """

    stage: int
    detection: str
    calibration: str
    recall: float
    overlap: float = 0.4


@dataclass(frozen=True)
class Mine:
    """Collect what the stages so far let through on the training side's photographs.

    Attributes
    ----------
    name : str
        Of the step.
    depth : int
        Number of stages a frame must pass.
    min_faces : tuple of float
        Smallest windows of the searches, pixels: each other one shifts the window sizes.
    limit : int
        Most frames of each band (`cascade.mining.BANDS`).
    threshold : float or None
        That of the last stage; by default its own.
    suspect : float
        Frames that score more in photographs with faces are left out.
    before : str or None
        Step of `Mine` whose frames are added.
    before_share : float
        Which part of what a net will see is made of those, below 1.
    """

    name: str
    depth: int
    min_faces: tuple[float, ...] = (20, 24)
    limit: int = 200_000
    threshold: float | None = None
    suspect: float = 1.0
    before: str | None = None
    before_share: float = 0.4


@dataclass(frozen=True)
class Tune:
    """Set the last threshold, which is the default score of a face.

    Attributes
    ----------
    false_positives : float
        Most detections per face-free photograph of the tuning side, and most false positives per
        photograph of FDDB's fold 04.
    """

    false_positives: float


Step = Train | Assemble | Mine | Tune


@dataclass(frozen=True)
class Recipe:
    """Steps in their order.

    Attributes
    ----------
    steps : tuple of Step
    every : int
        Searches and tuning take one photograph in so many; above 1 for a first look.
    """

    steps: tuple[Step, ...] = field(default_factory=tuple)
    every: int = 1


# What a camera, a file and a passer-by do to a face; blur grows with the crop's side.
_LIGHT = {"brightness": 50.0, "contrast": 1.5, "noise": 8.0, "grey": 0.15}
_SEEN_AT_12 = {**_LIGHT, "blur": 0.6, "occlusion": 0.1}
_SEEN_AT_24 = {**_LIGHT, "blur": 1.2, "jpeg": 40, "occlusion": 0.15}
_SEEN_AT_48 = {**_LIGHT, "blur": 2.0, "jpeg": 40, "occlusion": 0.15}
# How far the frames that a stage sees are off the face: a window of the lattice by half a step of 4
# pixels of 12 and half a factor of 1.42; a calibrated frame by less.
_OFF_WINDOW = {"move": 0.17, "scale": (0.83, 1.21), "stretch": 1.15, "rotation": 15.0}
_OFF_ONCE_MOVED = {"move": 0.11, "scale": (0.86, 1.16), "stretch": 1.12, "rotation": 20.0}
_OFF_TWICE_MOVED = {"move": 0.09, "scale": (0.88, 1.14), "stretch": 1.12, "rotation": 20.0}
_COMMON = {"fddb_repeats": 6, "batch_norm": True}

_NET12 = {
    **_COMMON,
    **{"net": "net12", "batch_size": 512, "learning_rate": 4e-3},
    "intervals": {**_OFF_WINDOW, **_SEEN_AT_12},
}
_NET24 = {
    **_COMMON,
    **{"net": "net24", "batch_size": 256, "dropout": 0.5, "epoch_samples": 80_000},
    **{"backgrounds_per_face": 2.0, "hard_share": 0.8},
    "intervals": {**_OFF_ONCE_MOVED, **_SEEN_AT_24},
}
_NET48 = {
    **_COMMON,
    **{"net": "net48_large", "batch_size": 128, "epoch_samples": 60_000},
    **{"backgrounds_per_face": 2.0, "hard_share": 0.8},
    "intervals": {**_OFF_TWICE_MOVED, **_SEEN_AT_48},
}
_SHIFTED = (20, 20.9, 21.8, 22.8, 23.8, 24.9, 26, 27.1)

RECIPE = Recipe(
    (
        # Stage 1: three rounds, each on what the round before took for faces.
        Train("net12_1", {**_NET12, "epochs": 30, "dropout": 0.1, "backgrounds_per_face": 3.0}),
        Train(
            "net12_cal",
            {
                **_COMMON,
                **{"net": "net12_cal", "epochs": 12, "batch_size": 256, "learning_rate": 3e-3},
                **{"dropout": 0.2, "epoch_samples": 250_000},
                "intervals": _SEEN_AT_12,
            },
        ),
        Assemble(1, "net12_1", "net12_cal", recall=0.99),
        Mine("mined1", depth=1),
        Train(
            "net12_2",
            {**_NET12, "epochs": 40, "dropout": 0.05, "backgrounds_per_face": 4.0},
            mined="mined1",
        ),
        Assemble(1, "net12_2", "net12_cal", recall=0.99),
        Mine("mined2", depth=1, threshold=0.04, before="mined1"),
        Train(
            "net12_3",
            {
                **{**_NET12, "epochs": 60, "dropout": 0.05, "backgrounds_per_face": 4.0},
                "hard_share": 0.7,
            },
            mined="mined2",
        ),
        Assemble(1, "net12_3", "net12_cal", recall=0.996),
        # Stage 2: two rounds.
        Train("net24_1", {**_NET24, "epochs": 24, "learning_rate": 2e-3}, mined="mined1"),
        Train(
            "net24_cal",
            {
                **_COMMON,
                **{"net": "net24_cal", "epochs": 8, "batch_size": 256, "learning_rate": 2e-3},
                **{"dropout": 0.5, "epoch_samples": 250_000},
                "intervals": _SEEN_AT_24,
            },
        ),
        Assemble(2, "net24_1", "net24_cal", recall=0.995),
        Mine("mined3", 2, _SHIFTED, threshold=0.01, before="mined1", before_share=0.3),
        Train(
            "net24_2",
            {**_NET24, "epochs": 14, "learning_rate": 1e-3},
            mined="mined3",
            initial="net24_1",
        ),
        Assemble(2, "net24_2", "net24_cal", recall=0.995),
        # Stage 3: two rounds.
        Train("net48_1", {**_NET48, "epochs": 14, "learning_rate": 1.5e-3}, mined="mined3"),
        Train(
            "net48_cal",
            {
                **_COMMON,
                **{"net": "net48_cal", "epochs": 6, "batch_size": 128, "learning_rate": 1e-3},
                **{"dropout": 0.7, "epoch_samples": 60_000},
                "intervals": _SEEN_AT_48,
            },
        ),
        Assemble(3, "net48_1", "net48_cal", recall=0.99, overlap=0.5),
        Mine(
            "mined4",
            depth=3,
            min_faces=_SHIFTED,
            threshold=0.01,
            suspect=0.9,
            before="mined3",
            before_share=0.5,
        ),
        Train(
            "net48_2",
            {**_NET48, "epochs": 8, "learning_rate": 7e-4},
            mined="mined4",
            initial="net48_1",
        ),
        Assemble(3, "net48_2", "net48_cal", recall=0.99, overlap=0.5),
        Tune(false_positives=0.01),
    )
)


def quick(recipe: Recipe) -> Recipe:
    """The same steps with a few samples each: a few minutes, for a first look and for tests."""
    steps: list[Step] = []
    for step in recipe.steps:
        if isinstance(step, Train):
            little = {"epochs": 1, "epoch_samples": 2_000}
            step = replace(step, settings={**step.settings, **little})
        elif isinstance(step, Mine):
            step = replace(step, min_faces=step.min_faces[:1], limit=1_000)
        steps.append(step)
    return Recipe(tuple(steps), every=50)
