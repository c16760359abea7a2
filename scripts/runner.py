"""Glue of a training: minibatches in; records to the run log, checkpoints and the terminal.

A run's folder holds what `monitor.runlog` writes, and beside it `checkpoint.h5` (all that a resumed
training needs), `best.h5` (the weights of the epoch with the best balanced accuracy in validation)
and `last.h5` (those of the last epoch).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import lasagnette.random
from augment import kernels as crop_kernels
from augment.calibration import CLASSES
from augment.datasets.smileys import SMILEYS
from augment.index import Index
from augment.recipe import Recipe, Task
from augment.samples import Batch
from augment.smiley_splits import Split
from augment.splits import SOURCES
from augment.stream import Stream
from augment.streams import open_stream
from augment.transforms import Intervals
from lasagnette import backend as backends
from lasagnette.layers import Layer, get_all_layers
from lasagnette.ops import kernels
from monitor.runlog import RunLog
from nets import registry, weights
from nets.files import write_h5
from nets.scaling import Scaling
from nets.training import Record, Trainer, cosine, fit
from scripts.errors import RunError
from scripts.progress import Progress
from scripts.run_pictures import Looks, log_augmentation
from scripts.training_data import (
    count_samples,
    hash_samples,
    training_index,
    validation_crops,
    watched_faces,
)
from scripts.training_smileys import count_smileys, smiley_crops, smiley_indexes

__all__ = ["RunError", "Settings", "read_settings", "train"]

CHECKPOINT_SECONDS = 60.0
GAUGE_SECONDS = 1.0
MEASURE = "valid/balanced_accuracy"
COMPILING = {
    "numba": " (half a minute the first time, seconds afterwards)",
    "c": " (a minute or more the first time, seconds afterwards)",
    "jax": "",  # the most of it during the first step, every time
    "python": " (a second or two; the steps take longer)",
}


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
    intervals : dict or None
        From where random changes are drawn: an `augment.transforms.Intervals` as JSON can hold it;
        None cuts frames as they stand.
    backgrounds_per_face : float
        Ratio in every minibatch.
    hard_negatives : str or None
        An index of background frames to learn from.
    hard_share : float
        Which part of the backgrounds is taken from it.
    fddb_repeats : int
        How often an epoch shows each face of FDDB: LFW's are all frontal, and many more.
    epoch_samples : int or None
        Samples of an epoch; by default as many as show everything once.
    validation : str or None
        An index of fixed frames that the epochs are measured on; by default the fixed validation
        set of the net's task.
    initial : str or None
        A weights file to start from, of the same net, or for a net of smileys of another one whose
        top is swapped; or the name of one that comes with the package. By default the weights are
        drawn.
    everything : bool
        Also learn from the tuning and the reporting side, or from the held-out frames.
    split : {'frames', 'runs', 'people'}
        What is held out of the smiley frames; see `augment.smiley_splits`.
    emotions : float
        Share of a smiley net's samples that are LFW's faces with their emotions; see
        `augment.emotions`.
    label_smoothing : float
        Share of the target that is spread over all classes.
    sources : list of str
        Data sets of the training side that are used; see `augment.splits.train_set`.
    augment_validation : bool
        Change the validation crops at random, once, by the same intervals: the first article's
        augmented test set.
    validation_every : int
        Measure the epochs on one validation crop in so many, for large nets.
    faithful, batch_norm, dropout
        See `nets.registry.build`.
    """

    net: str
    epochs: int
    batch_size: int
    learning_rate: float
    seed: int = 1
    intervals: dict[str, Any] | None = field(default_factory=Intervals().as_dict)
    backgrounds_per_face: float = 1.0
    hard_negatives: str | None = None
    hard_share: float = 0.5
    fddb_repeats: int = 1
    epoch_samples: int | None = None
    validation: str | None = None
    initial: str | None = None
    everything: bool = False
    split: Split = "runs"
    emotions: float = 0.0
    label_smoothing: float = 0.0
    sources: tuple[str, ...] = SOURCES
    augment_validation: bool = False
    validation_every: int = 1
    faithful: bool = False
    batch_norm: bool = False
    dropout: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(self.sources))  # JSON knows lists alone

    @property
    def options(self) -> dict[str, Any]:
        """What the net is built with."""
        names = ("faithful", "batch_norm", "dropout")
        return {name: getattr(self, name) for name in names}

    @property
    def task(self) -> Task:
        """What the net is to tell: faces from background, calibration classes, or smileys."""
        kinds: dict[int, Task] = {len(CLASSES): "calibration", len(SMILEYS): "classes"}
        return kinds.get(registry.spec(self.net).classes, "detection")

    @property
    def recipe(self) -> Recipe:
        """What is made of the training side."""
        return Recipe(
            side=registry.spec(self.net).side,
            batch_size=self.batch_size,
            task=self.task,
            intervals=None if self.intervals is None else Intervals.from_dict(self.intervals),
            backgrounds_per_face=self.backgrounds_per_face,
        )


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
    except (ValueError, KeyError) as error:
        raise RunError(f"{folder}/run.json: not the run of a training ({error!r})") from error
    except TypeError as error:
        raise RunError(
            f"{folder}/run.json: the run of another version of this program ({error}); start a "
            "new one"
        ) from error
    if not (folder / "checkpoint.h5").is_file():
        raise RunError(
            f"{folder}: the run ended before its first checkpoint; delete the folder, or give a "
            "new run another name"
        )
    return settings


def train(
    settings: Settings,
    data: Path,
    folder: Path,
    *,
    resume: bool,
    say: Callable[[str], None],
    backend: str = "numba",
    workers: int = 0,
    workers_on: str | None = None,
    progress: Callable[[int, str], Progress] = Progress,
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
    workers, workers_on
        Who makes the minibatches; see `augment.streams.open_stream`. It changes no number.
    progress
        Makes what shows how far the training is, from the number of steps and a word.

    Returns
    -------
    dict
        `run`, `weights` (path), `epoch` and validation results of the best epoch, data `counts`
        and `hashes`.

    Raises
    ------
    RunError, BackendError, DataError, RunLogError, ServerError, WeightsError
        What is missing or does not fit, in one sentence.
    """
    if not resume and (folder / "run.json").exists():
        raise RunError(
            f"{folder}: holds a run; resume it, delete it, or give the new one another name"
        )
    mode = backends.mode(backend)
    for facts, what in ((kernels.describe(), "nets"), (crop_kernels.describe(), "crops")):
        if facts["name"] == "numpy":
            say(f"The slower NumPy kernels are used for the {what} ({facts['reason']}).")
    kernels.keep_memory()
    lasagnette.random.set_rng(np.random.default_rng(settings.seed))
    layer = registry.build(settings.net, **settings.options)
    if settings.initial is not None and not resume:
        _start_from(settings.initial, layer, settings.net, swap=settings.task == "classes", say=say)
    say("Reading the data ...")
    index, validation, counts = _data(settings, data, say)
    hashes = hash_samples(index, validation)
    say("Data: " + ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in counts.items()))
    say(f"Compiling the training functions for {backend}{COMPILING[backend]} ...")
    trainer = Trainer(layer, Scaling(), label_smoothing=settings.label_smoothing, mode=mode)
    run = _Run(settings, folder, trainer, counts, hashes)
    if resume:
        run.restore()
    config = {
        "settings": asdict(settings),
        "backend": backend,
        "workers": workers_on or workers,
        "data": str(data),
        "counts": counts,
        "hashes": hashes,
    }
    looks = Looks(
        layer,
        settings.net,
        trainer.scaling,
        watched_faces(data) if settings.task == "detection" else None,
        settings.epochs,
    )
    stream = open_stream(
        index, settings.recipe, settings.seed, workers=workers, workers_on=workers_on, report=say
    )
    with (
        stream,
        RunLog(
            folder,
            config,
            architecture=_architecture(layer),
            resume_step=run.step + 1 if resume else None,
        ) as log,
    ):
        if not resume:
            log_augmentation(log, index, settings.recipe, settings.seed, say)
        _train(settings, trainer, stream, validation, run, looks, log, progress)
    return run.result()


def _start_from(
    path: str, layer: Layer, net: str, *, swap: bool, say: Callable[[str], None]
) -> None:
    """Set the weights to those of a file; of another net's, if `swap`, all but the output's."""
    path = path if Path(path).suffix else str(weights.pretrained(path))
    if swap and weights.load(path).name != net:
        taken = weights.graft(layer, path)
        say(f"Taken from {path}: {', '.join(taken)}")
    else:
        weights.fill(layer, path, net)


def _data(
    settings: Settings, data: Path, say: Callable[[str], None]
) -> tuple[Index, Batch, dict[str, int]]:
    """What is learnt from, the crops that the epochs are measured on, and how many there are."""
    changed = settings.seed if settings.augment_validation else None
    if settings.task == "classes":
        index, held = smiley_indexes(
            data,
            settings.split,
            emotions=settings.emotions,
            everything=settings.everything,
            epoch_samples=settings.epoch_samples,
            say=say,
        )
        validation = smiley_crops(held, settings.recipe, say, changed=changed)
        return index, validation, count_smileys(index, validation)
    index = training_index(
        data,
        hard_negatives=settings.hard_negatives,
        hard_share=settings.hard_share,
        fddb_repeats=settings.fddb_repeats,
        epoch_samples=settings.epoch_samples,
        recipe=settings.recipe,
        everything=settings.everything,
        sources=settings.sources,
        fixed=None if settings.intervals else settings.backgrounds_per_face,
        seed=settings.seed,
        say=say,
    )
    validation = validation_crops(
        data,
        settings.recipe,
        settings.validation,
        say,
        every=settings.validation_every,
        changed=changed,
    )
    return index, validation, count_samples(index, validation)


def _train(
    settings: Settings,
    trainer: Trainer,
    stream: Stream,
    validation: Batch,
    run: _Run,
    looks: Looks,
    log: RunLog,
    progress: Callable[[int, str], Progress],
) -> None:
    """Take all steps, and keep what they tell."""
    steps = stream.steps_per_epoch
    records = fit(
        trainer,
        stream.epoch,
        validation if len(validation.labels) else None,
        epochs=settings.epochs,
        steps_per_epoch=steps,
        rate=cosine(settings.learning_rate, steps * settings.epochs),
        done=run.step,
    )
    gauged = time.monotonic()
    with progress(steps * settings.epochs, settings.net) as bar:
        bar.advance(run.step)
        for record in records:
            for tag, value in record.values.items():
                log.scalar(tag, value, record.step, record.step / steps)
            if time.monotonic() - gauged > GAUGE_SECONDS:
                gauged = time.monotonic()
                for tag, value in stream.gauges().items():
                    log.scalar(tag, value, record.step, record.step / steps)
            run.take(record, log, bar, ends_epoch=record.step % steps == 0)
            if record.kind == "epoch":
                looks.take(log, record.step, record.epoch + 1)


class _Run:
    """What lies in the run's folder beside the log: the checkpoint and the best weights."""

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        trainer: Trainer,
        counts: dict[str, int],
        hashes: dict[str, str],
    ) -> None:
        self.step = 0
        self._settings, self._folder, self._trainer = settings, folder, trainer
        self._counts, self._hashes = counts, hashes
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
            best = f", best {self._best[MEASURE]:.2%}" if MEASURE in self._best else ""
            bar.advance(1, f"{self._settings.net} loss {self._losses[-1]:.3f}{best}")
            # At an epoch's end the checkpoint waits for the validation.
            if not ends_epoch and time.monotonic() - self._saved > CHECKPOINT_SECONDS:
                self._save_checkpoint(log)
            return
        # Without a validation set the last epoch counts as the best one.
        told = record.values
        if not self._best or told.get(MEASURE, 1.0) > self._best.get(MEASURE, 0.0):
            self._best = {"epoch": record.epoch + 1, **told}
            self._save_weights("best.h5")
        self._save_weights("last.h5")
        self._save_checkpoint(log)
        now = time.monotonic()
        measured = ""
        if told:
            measured = (
                f"validation loss {told['valid/loss']:.4f}, "
                f"accuracy {told['valid/accuracy']:.2%}, "
                f"balanced {told['valid/balanced_accuracy']:.2%}, "
            )
        bar.note(
            f"epoch {record.epoch + 1}/{self._settings.epochs}: "
            f"loss {np.mean(self._losses):.4f}, {measured}"
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
            "hashes": self._hashes,
        }

    def _save_checkpoint(self, log: RunLog) -> None:
        log.flush()  # what leads to a checkpoint is in the log before there is the checkpoint
        state = {f"state/{name}": values for name, values in self._trainer.state().items()}
        attributes = {
            "step": self.step,
            "best": json.dumps(self._best),
            "counts": json.dumps(self._counts),
        }
        write_h5(self._folder / "checkpoint.h5", attributes, state)
        log.checkpoint(self.step, "checkpoint.h5")
        self._saved = time.monotonic()

    def _save_weights(self, name: str) -> None:
        settings = asdict(self._settings)
        for file in ("hard_negatives", "validation", "initial"):
            if settings[file] is not None:
                settings[file] = Path(settings[file]).name
        weights.save(
            self._folder / name,
            self._trainer.layer,
            name=self._settings.net,
            options=self._settings.options,
            scaling=self._trainer.scaling,
            facts={"settings": settings, "data": self._counts, "best": self._best},
        )


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
