"""The run log: what a training writes and the monitor shows.

Three lines log a training::

    with RunLog("runs/net12") as log:
        for step, loss in enumerate(losses):
            log.scalar("train/loss", loss, step)

and two read it, while it is being written or afterwards::

    run = open_run("runs/net12")
    run.status, run.scalars("train/loss").value

The calls of the training only append to a list. A thread hands the list over to a process of its
own every half second (`monitor.writer`), which puts it on disk in the format of `monitor.layout`.
What was flushed survives the death of either process.
"""

from __future__ import annotations

import atexit
import math
import os
from collections.abc import Sequence
from operator import index
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from monitor import checks, facts
from monitor.checks import Boxes
from monitor.clock import ahead_of_ticks, ticks
from monitor.feeder import Feeder, packed_rows
from monitor.layout import (
    NO_RESUME,
    SEGMENT_BYTES,
    STEP_LIMIT,
    RunLogError,
    segment_number,
    segment_paths,
    to_json,
)
from monitor.pipe import WriterGone, WriterProcess
from monitor.reader import Run, list_runs, open_run
from monitor.status import living_writer
from monitor.wire import pack

__all__ = ["Boxes", "Run", "RunLog", "RunLogError", "list_runs", "open_run"]

_PATIENCE_SECONDS = 30.0


class RunLog:
    """Writes a run; use it as a context manager.

    A block that ends normally makes the run "finished"; one that ends by an exception, or a log
    that nobody closed, leaves it "crashed". If the writing process dies or the disk is full, the
    training goes on: a warning is logged once, and what comes after is dropped.

    Parameters
    ----------
    folder : path-like
        The run's folder; made if it is missing.
    config : dict, optional
        Settings, kept as JSON in ``run.json`` and in every segment.
    command : sequence of str, optional
        Command line for ``run.json``; this process's own by default.
    architecture : list of dict, optional
        Layers for ``architecture.json``.
    resume_step : int, optional
        Go on with the run in `folder` at this step; its rows from this step on are superseded.
    segment_bytes : int
        Size at which a new segment begins.

    Raises
    ------
    RunLogError
        If the folder cannot be written, holds a run and `resume_step` is not given, or holds a run
        that another process is writing.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        config: dict[str, Any] | None = None,
        command: Sequence[str] | None = None,
        architecture: list[dict[str, Any]] | None = None,
        resume_step: int | None = None,
        *,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self.folder = Path(folder)
        self._pid = os.getpid()
        self._ahead = ahead_of_ticks(self.folder)
        config = config or {}
        layers = to_json("RunLog", "architecture", architecture)
        settings = to_json("RunLog", "config", config)
        writer = _start(self.folder, settings, resume_step, segment_bytes)
        try:
            about = to_json("RunLog", "facts", facts.gather(config, command))  # the writer starts
            writer.wait_until_ready()
            facts.write_once(self.folder / "run.json", about)
            if architecture is not None:
                facts.write_once(self.folder / "architecture.json", layers)
        except (OSError, WriterGone) as error:
            writer.end(_PATIENCE_SECONDS)
            raise RunLogError(
                f"RunLog cannot write the run {str(folder)!r}: {error}; choose another folder."
            ) from error
        except BaseException:
            writer.end(_PATIENCE_SECONDS)
            raise
        self._feeder = Feeder(writer, self.folder)
        self._events = self._feeder.events
        self._scalars = self._feeder.tags["scalar"]
        atexit.register(self._end)

    def scalar(self, tag: str, value: float, step: int, epoch: float | None = None) -> None:
        """Log one number.

        Parameters
        ----------
        tag : str
            Name of the curve, 1 to 128 bytes, for example ``"train/loss"``.
        value : float
            May be NaN or infinite.
        step : int
            Training step, from 0.
        epoch : float, optional
            Epochs done, with fractions.

        Raises
        ------
        RunLogError
            If an argument is not as said.
        """
        try:
            row = (
                self._scalars[tag],
                index(step),
                math.nan if epoch is None else float(epoch),
                ticks() + self._ahead,
                float(value),
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise self._refusal(error, tag, value, step, epoch) from None
        if not 0 <= row[1] < STEP_LIMIT:
            checks.whole("RunLog.scalar", "step", step)
        self._events.append(row)

    def picture(
        self,
        tag: str,
        image: np.ndarray | bytes,
        step: int,
        metadata: dict[str, Any] | None = None,
        boxes: Boxes | Sequence[Boxes] | None = None,
    ) -> None:
        """Log a picture, with boxes to be drawn over it.

        Parameters
        ----------
        tag : str
            Name of the series of pictures.
        image : numpy.ndarray or bytes
            uint8 pixels ``(rows, columns, 3)`` in RGB or ``(rows, columns)``, stored as PNG up to
            65,536 pixels and as JPEG above; or the bytes of a PNG or JPEG file, stored as they are.
        step : int
            Training step, from 0.
        metadata : dict, optional
            What JSON can hold, for example the parameters of the augmentation.
        boxes : Boxes or sequence of Boxes, optional
            Groups of boxes.

        Raises
        ------
        RunLogError
            If an argument is not as said.
        """
        who = "RunLog.picture"
        if isinstance(image, bytes | bytearray | memoryview):
            content, shape = bytes(image), None
            media = checks.media_kind(who, content)
        else:
            array = checks.pixels(who, image)
            content, shape, media = array.tobytes(), array.shape, None
        rows = checks.box_rows(who, boxes)
        header = {
            "kind": "picture",
            "step": checks.whole(who, "step", step),
            "time": self._now(),
            "tag": self._feeder.tags["picture"][tag],
            "shape": shape,
            "media": media,
            "bytes": len(content),
            "metadata": to_json(who, "metadata", metadata) if metadata else "",
        }
        self._feeder.messages.append(pack(header, content + rows.tobytes()))

    def histogram(self, tag: str, values: Any, step: int) -> None:
        """Log how real numbers are spread: 64 equal bins between the lowest and the highest.

        NaN and infinite values are left out.

        Raises
        ------
        RunLogError
            If an argument is not as said.
        """
        who = "RunLog.histogram"
        spread = checks.histogram(who, values)
        row = (
            self._feeder.tags["histogram"][tag],
            checks.whole(who, "step", step),
            self._now(),
            *spread,
        )
        self._feeder.messages.append(packed_rows("hist", [row]))

    def funnel(
        self, step: int, stage: str, windows_in: int, windows_out: int, faces_kept: int
    ) -> None:
        """Log how many windows a cascade stage received and let pass, and how many true faces.

        Raises
        ------
        RunLogError
            If an argument is not as said.
        """
        who = "RunLog.funnel"
        counts = (
            checks.whole(who, "windows_in", windows_in),
            checks.whole(who, "windows_out", windows_out),
            checks.whole(who, "faces_kept", faces_kept),
        )
        row = (
            self._feeder.tags["stage"][stage],
            checks.whole(who, "step", step),
            self._now(),
            *counts,
        )
        self._feeder.messages.append(packed_rows("funnel", [row]))

    def text(self, text: str, step: int) -> None:
        """Log a note.

        Raises
        ------
        RunLogError
            If an argument is not as said.
        """
        if not isinstance(text, str):
            raise RunLogError(f"RunLog.text takes a text, not {text!r}.")
        self._feeder.require_open()
        step = checks.whole("RunLog.text", "step", step)
        content = text.encode("utf-8", "backslashreplace")
        self._feeder.messages.append(
            pack({"kind": "text", "step": step, "time": self._now()}, content)
        )

    def checkpoint(self, step: int, name: str) -> None:
        """Mark that a checkpoint called `name` was saved at `step`.

        Raises
        ------
        RunLogError
            If an argument is not as said.
        """
        self._mark("checkpoint", name, checks.whole("RunLog.checkpoint", "step", step))

    def flush(self) -> bool:
        """Wait until everything logged so far is in the file; False if that has failed."""
        return self._feeder.flush()

    def close(self) -> None:
        """Write what is left, mark the run as finished and end the writing process."""
        if not self._feeder.closed:
            self._mark("finished", "finished", 0)
        self._end()

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        elif not self._feeder.closed:
            self.flush()
            self.text(f"Stopped by {kind.__name__}: {error}", self._feeder.last_step)
            self._end()

    def _end(self) -> None:
        """Write what is left and end the writing process; the run counts as crashed."""
        if not self._feeder.closed and os.getpid() == self._pid:
            self._feeder.end()
            atexit.unregister(self._end)

    def _mark(self, kind: str, name: str, step: int) -> None:
        self._events.append((self._feeder.tags[kind][name], step, math.nan, self._now(), 0.0))

    def _now(self) -> float:
        return ticks() + self._ahead

    def _refusal(
        self, error: Exception, tag: object, value: object, step: object, epoch: object
    ) -> Exception:
        """Return the error that says which argument of `scalar` is wrong."""
        if isinstance(error, RunLogError):
            return error
        try:
            checks.encoded_tag("RunLog.scalar", tag)
            checks.whole("RunLog.scalar", "step", step)
        except RunLogError as refusal:
            return refusal
        return RunLogError(
            f"RunLog.scalar takes a number for {tag!r}, not {value!r} (epoch {epoch!r})."
        )


def _start(folder: Path, config: str, resume_step: int | None, segment_bytes: int) -> WriterProcess:
    """Check that the run may be written here and start its writer."""
    if resume_step is not None:
        resume_step = checks.whole("RunLog", "resume_step", resume_step)
    writer = living_writer(folder)
    if writer is not None:
        raise RunLogError(
            f"RunLog writes a run from one process, but {str(folder)!r} is being written by "
            f"process {writer.pid} on {writer.host}; stop that one or choose another folder."
        )
    paths = segment_paths(folder)
    if paths and resume_step is None:
        raise RunLogError(
            f"RunLog begins a run in an empty folder, but {str(folder)!r} holds one; give "
            f"resume_step to go on with it, or choose another folder."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return WriterProcess(
            os.getpid(),
            folder=os.fspath(folder.absolute()),
            number=segment_number(paths[-1].name) + 1 if paths else 0,
            config=config,
            start_step=NO_RESUME if resume_step is None else resume_step,
            segment_bytes=segment_bytes,
        )
    except OSError as error:
        raise RunLogError(f"RunLog cannot begin the run {str(folder)!r}: {error}.") from error
