"""Glue of a training: minibatches in; records to the run log, checkpoints and the terminal.

A run's folder holds what `monitor.runlog` writes, and beside it `checkpoint.h5` (all that a resumed
training needs) and `best.h5` (the weights of the epoch with the best validation accuracy).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import lasagnette.random
from augment import index as indexes
from augment.batches import Batch, batches, fix_backgrounds, fixed_set, steps_per_epoch
from augment.cache import PhotoCache
from augment.index import BACKGROUND, FACE, Index
from augment.prefetch import prefetch
from augment.splits import train_set, validation_set
from augment.transforms import Intervals
from lasagnette import backend as backends
from lasagnette.layers import Layer, get_all_layers
from lasagnette.ops import kernels
from monitor.runlog import RunLog
from nets import registry, weights
from nets.scaling import Scaling
from nets.training import Record, Trainer, cosine, fit
from scripts.progress import Progress

__all__ = ["RunError", "Settings", "read_settings", "train"]

CHECKPOINT_SECONDS = 60.0
MEASURE = "valid/accuracy"
COMPILING = {
    "numba": " (half a minute the first time, seconds afterwards)",
    "c": " (a minute or more the first time, seconds afterwards)",
    "jax": "",  # the most of it during the first step, every time
}


class RunError(ValueError):
    """A run that cannot be started or resumed."""


@dataclass(frozen=True)
class Settings:
    """All that a training depends on besides the data; kept in the run's `run.json`.

    Attributes
    ----------
    net : str
        Name in the registry.
    epochs, batch_size : int
    learning_rate : float
        Its highest value; it falls along a cosine.
    seed : int
        Key of initial weights, dropout and augmentation.
    augment : bool
        Whether frames are moved, scaled, stretched and mirrored at random.
    backgrounds_per_face : float
        Ratio in every minibatch.
    hard_negatives : str or None
        An index of background frames to learn from; half of the backgrounds are taken from it.
    fddb_repeats : int
        How often an epoch shows each face of FDDB: LFW's are all frontal, and many more.
    faithful, batch_norm : bool
        See `nets.registry.build`.
    """

    net: str
    epochs: int
    batch_size: int
    learning_rate: float
    seed: int = 1
    augment: bool = True
    backgrounds_per_face: float = 1.0
    hard_negatives: str | None = None
    fddb_repeats: int = 1
    faithful: bool = False
    batch_norm: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """What the net is built with."""
        return {"faithful": self.faithful, "batch_norm": self.batch_norm}


def read_settings(folder: Path) -> Settings:
    """Return the settings that the run in `folder` was started with.

    Raises
    ------
    RunError
        If there is no such run, or nothing to resume it from.
    """
    try:
        config = json.loads((folder / "run.json").read_text(encoding="utf-8"))["config"]
        settings = Settings(**config["settings"])
    except FileNotFoundError as error:
        raise RunError(f"{folder}: there is no run to resume") from error
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{folder}/run.json: not the run of a training ({error!r})") from error
    if not (folder / "checkpoint.h5").is_file():
        raise RunError(f"{folder}: the run ended before its first checkpoint; start a new one")
    return settings


def train(
    settings: Settings,
    data: Path,
    folder: Path,
    *,
    resume: bool,
    say: Callable[[str], None],
    backend: str = "numba",
) -> dict[str, Any]:
    """Train a net and keep everything about it in `folder`.

    Parameters
    ----------
    settings
        What to train; on resuming, those of the run.
    data
        Folder of fddb/, lfw/ and negatives/.
    folder
        The run's folder.
    resume
        Whether to go on from the folder's checkpoint.
    say
        Takes one line for the terminal.
    backend
        What computes; see `lasagnette.backend`. A run may be resumed with another one, its
        numbers then differ by rounding.

    Returns
    -------
    dict
        `run`, `weights` (path), `epoch` and validation results of the best epoch, data counts.

    Raises
    ------
    RunError, BackendError, DataError, RunLogError, WeightsError
        What is missing or does not fit, in one sentence.
    """
    if not resume and (folder / "run.json").exists():
        raise RunError(f"{folder}: holds a run; resume it, or give the new one another name")
    mode = backends.mode(backend)
    kernels.keep_memory()
    lasagnette.random.set_rng(np.random.default_rng(settings.seed))
    layer = registry.build(settings.net, **settings.options)
    say("Reading the data ...")
    cache = PhotoCache()
    index = _training_index(settings, data, cache, say)
    validation = fixed_set(
        validation_set(data, say), registry.spec(settings.net).side, cache=cache, report=say
    )
    counts = _counts(index, validation)
    say("Data: " + ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in counts.items()))
    say(f"Compiling the training functions for {backend}{COMPILING[backend]} ...")
    steps = steps_per_epoch(index, settings.batch_size, settings.backgrounds_per_face)
    if not steps:
        raise RunError(f"{data}: the training side has no face")
    trainer = Trainer(layer, Scaling(), mode=mode)
    progress = _Run(settings, folder, trainer, counts)
    if resume:
        progress.restore()
    records = fit(
        trainer,
        _stream(settings, index, cache, say),
        validation,
        epochs=settings.epochs,
        steps_per_epoch=steps,
        rate=cosine(settings.learning_rate, steps * settings.epochs),
        done=progress.step,
    )
    log = RunLog(
        folder,
        {
            "settings": asdict(settings),
            "backend": backend,
            "data": str(data),
            "counts": counts,
        },
        architecture=_architecture(layer),
        resume_step=progress.step + 1 if resume else None,
    )
    with log, Progress(steps * settings.epochs, settings.net) as bar:
        bar.advance(progress.step)
        for record in records:
            for tag, value in record.values.items():
                log.scalar(tag, value, record.step, record.step / steps)
            progress.take(record, log, bar, ends_epoch=record.step % steps == 0)
    return progress.result()


class _Run:
    """What lies in the run's folder beside the log: the checkpoint and the best weights."""

    def __init__(
        self, settings: Settings, folder: Path, trainer: Trainer, counts: dict[str, int]
    ) -> None:
        self.step = 0
        self._settings, self._folder, self._trainer = settings, folder, trainer
        self._counts = counts
        self._best: dict[str, float] = {}
        self._saved = self._epoch_began = time.monotonic()
        self._losses: list[float] = []

    def restore(self) -> None:
        """Go back to the folder's checkpoint."""
        path = self._folder / "checkpoint.h5"
        try:
            with h5py.File(path, "r") as file:
                self.step = int(file.attrs["step"])
                counts = json.loads(file.attrs["counts"])
                self._best = json.loads(file.attrs["best"])
                state = {name: values[()] for name, values in file["state"].items()}
            self._trainer.restore(state)
        except (OSError, KeyError, ValueError) as error:
            raise RunError(f"{path}: the run cannot be resumed from it ({error})") from error
        if counts != self._counts:
            raise RunError(
                f"{path}: the run was started with other data ({counts}, now {self._counts}); "
                "give it the same data, or start a new run"
            )

    def take(self, record: Record, log: RunLog, bar: Progress, *, ends_epoch: bool) -> None:
        """Keep what a record is worth keeping, and show it."""
        self.step = record.step
        if record.kind == "step":
            self._losses.append(record.values["train/loss"])
            best = f", best {self._best[MEASURE]:.2%}" if self._best else ""
            bar.advance(1, f"{self._settings.net} loss {self._losses[-1]:.3f}{best}")
            # At an epoch's end the checkpoint waits for the validation.
            if not ends_epoch and time.monotonic() - self._saved > CHECKPOINT_SECONDS:
                self._save_checkpoint(log)
            return
        if not self._best or record.values[MEASURE] > self._best[MEASURE]:
            self._best = {"epoch": record.epoch + 1, **record.values}
            self._save_weights()
        self._save_checkpoint(log)
        now = time.monotonic()
        bar.note(
            f"epoch {record.epoch + 1}/{self._settings.epochs}: "
            f"loss {np.mean(self._losses):.4f}, validation loss {record.values['valid/loss']:.4f}, "
            f"accuracy {record.values['valid/accuracy']:.2%}, "
            f"balanced {record.values['valid/balanced_accuracy']:.2%}, "
            f"{now - self._epoch_began:.1f} s"
        )
        self._losses, self._epoch_began = [], now

    def result(self) -> dict[str, Any]:
        """Return what the training reached."""
        return {
            "run": str(self._folder),
            "weights": str(self._folder / "best.h5"),
            **self._best,
            "counts": self._counts,
        }

    def _save_checkpoint(self, log: RunLog) -> None:
        log.flush()  # what leads to a checkpoint is in the log before there is the checkpoint
        state = {f"state/{name}": values for name, values in self._trainer.state().items()}
        attributes = {
            "step": self.step,
            "best": json.dumps(self._best),
            "counts": json.dumps(self._counts),
        }
        weights.write_h5(self._folder / "checkpoint.h5", attributes, state)
        log.checkpoint(self.step, "checkpoint.h5")
        self._saved = time.monotonic()

    def _save_weights(self) -> None:
        settings = asdict(self._settings)
        if self._settings.hard_negatives is not None:
            settings["hard_negatives"] = Path(self._settings.hard_negatives).name
        weights.save(
            self._folder / "best.h5",
            self._trainer.layer,
            name=self._settings.net,
            options=self._settings.options,
            scaling=self._trainer.scaling,
            facts={"settings": settings, "data": self._counts, "best": self._best},
        )


def _training_index(
    settings: Settings, data: Path, cache: PhotoCache, say: Callable[[str], None]
) -> Index:
    index = train_set(data, report=say)
    faces = np.flatnonzero(index.labels == FACE)
    fddb = faces[index.source[faces] == "fddb"]
    drawn = np.flatnonzero(index.undrawn)
    hard = None
    if settings.hard_negatives is not None:
        hard = indexes.load(settings.hard_negatives, data)
        if (hard.labels != BACKGROUND).any():
            raise RunError(f"{settings.hard_negatives}: holds faces, not only background frames")
        if not len(hard):
            raise RunError(f"{settings.hard_negatives}: holds no frame; mine more pictures")
        # Rows of one class take turns: as many drawn squares as mined ones are each half of them.
        count = max(len(hard), len(drawn))
        drawn = np.resize(drawn, count)
        hard = hard.select(np.resize(np.arange(len(hard)), count))
    rows = np.concatenate([faces, np.tile(fddb, settings.fddb_repeats - 1), drawn])
    index = index.select(rows)
    if hard is not None:
        index = indexes.concat([index, hard])
    if not settings.augment:
        wanted = round(len(faces) * settings.backgrounds_per_face)
        index = fix_backgrounds(index, wanted, seed=settings.seed, cache=cache, report=say)
    return index


def _stream(
    settings: Settings, index: Index, cache: PhotoCache, say: Callable[[str], None]
) -> Callable[[int, int], Iterator[Batch]]:
    """Return what gives an epoch's minibatches from a given one on."""
    side = registry.spec(settings.net).side
    intervals = Intervals() if settings.augment else None

    def stream(epoch: int, first: int) -> Iterator[Batch]:
        return prefetch(
            batches(
                index,
                side,
                settings.batch_size,
                seed=settings.seed,
                epoch=epoch,
                start=first,
                intervals=intervals,
                backgrounds_per_face=settings.backgrounds_per_face,
                cache=cache,
                report=say,
            )
        )

    return stream


def _counts(index: Index, validation: Batch) -> dict[str, int]:
    """Return how many different samples there are; pictures give squares without end."""

    def frames(rows: np.ndarray) -> int:
        return len(set(zip(index.paths[rows], map(tuple, index.frames[rows]), strict=True)))

    drawn = index.undrawn
    return {
        "train_faces": frames(index.labels == FACE),
        "train_background_pictures": len(np.unique(index.paths[drawn])),
        "train_background_frames": frames((index.labels == BACKGROUND) & ~drawn),
        "validation_faces": int(np.count_nonzero(validation.labels == FACE)),
        "validation_backgrounds": int(np.count_nonzero(validation.labels == BACKGROUND)),
    }


def _architecture(layer: Layer) -> list[dict[str, Any]]:
    return [
        {
            "layer": type(one).__name__,
            "name": one.name,
            "shape": list(one.output_shape),
            "parameters": sum(math.prod(p.type.shape) for p in one.params),
        }
        for one in get_all_layers(layer)
    ]
