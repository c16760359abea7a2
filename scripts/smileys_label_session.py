"""Labelling a clip: where one stands, and what each key does.

No window and no browser here: both press keys and show the view.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from augment.datasets.frames import UNLABELLED
from augment.datasets.smileys import SMILEYS
from augment.errors import DataError
from scripts.smileys_label_keys import meaning
from scripts.smileys_label_tape import Change, Labels, Squares, Tape

__all__ = ["Session", "View"]

_TEN = 10
_STEP = 0.02  # of the square's side, by which a key moves it
_GROWTH = 1.04
_SMALLEST = 8.0  # pixels
_LARGEST = 4.0  # of the clip's longer side


@dataclass(frozen=True)
class View:
    """What there is to show.

    Attributes
    ----------
    frame, count : int
        The frame shown, from 0, and how many there are.
    label : int
        Of the frame, -1 for none.
    square : tuple of float or None
        x, y, side of the frame's face square in pixels of the clip.
    searching : bool
        Whether the square may still be found.
    begin : int or None
        Where the range begins that is being marked.
    playing : bool
        Whether time passes.
    runs : list of (first, last, label)
        The labelled ranges of the clip, in order.
    labelled : int
        Number of labelled frames.
    undo, redo : int
        How many changes can be taken back and made again.
    said : str
        What the last key did, as a name among the texts; empty for nothing.
    values : dict
        What is filled into that text.
    """

    frame: int
    count: int
    label: int
    square: tuple[float, float, float] | None
    searching: bool
    begin: int | None
    playing: bool
    runs: list[tuple[int, int, int]]
    labelled: int
    undo: int
    redo: int
    said: str
    values: dict[str, Any]


class Session:
    """The labelling of one clip; threads may share it.

    Parameters
    ----------
    labels : int32 array (n,)
        As they stand; -1 for none.
    squares : float32 array (n, 3)
        x, y, side; NaN where unknown.
    size : (width, height)
        Of the clip in pixels.
    rate : float
        Frames per second at which it plays.
    save : callable
        Told labels and squares after every change. If it raises an OSError or a DataError, the
        view says so and the next key tries again.
    find : callable
        Returns the detector's square of a frame, float ``(3,)``, or None.
    """

    def __init__(
        self,
        labels: Labels,
        squares: Squares,
        *,
        size: tuple[int, int],
        rate: float,
        save: Callable[[Labels, Squares], None],
        find: Callable[[int], NDArray[Any] | None],
    ) -> None:
        self._tape = Tape(labels, squares)
        self._size, self._rate = size, rate
        self._save, self._find = save, find
        self._lock = threading.RLock()
        labelled = np.flatnonzero(self._tape.labels != UNLABELLED)
        behind = int(labelled[-1]) + 1 if len(labelled) else 0
        self._frame = min(behind, len(self._tape) - 1)
        self._begin: int | None = None
        self._playing, self._clock = False, 0.0
        self._said = ""
        self._values: dict[str, Any] = {}

    def press(self, key: str) -> bool:
        """Do what a key means; False if it means nothing."""
        what = meaning(key)
        if what is None:
            return False
        with self._lock:
            self._said, self._values = "", {}
            if isinstance(what, int):
                self._label(what)
            else:
                getattr(self, f"_{what}")()
            self.flush()
        return True

    def seek(self, frame: int) -> None:
        """Show a frame, the nearest that there is."""
        with self._lock:
            self._frame = max(0, min(frame, len(self._tape) - 1))

    def tick(self, seconds: float) -> None:
        """Let time pass: if the clip plays, it moves on, and it stops at its end."""
        with self._lock:
            if self._playing:
                self._clock += seconds * self._rate
                steps = int(self._clock)
                self._clock -= steps
                self.seek(self._frame + steps)
                self._playing = self._frame < len(self._tape) - 1

    def view(self) -> View:
        """Return what there is to show now."""
        with self._lock:
            tape = self._tape
            x, y, side = tape.squares[self._frame].tolist()
            return View(
                frame=self._frame,
                count=len(tape),
                label=int(tape.labels[self._frame]),
                square=(x, y, side) if np.isfinite([x, y, side]).all() else None,
                searching=not tape.searched(self._frame),
                begin=self._begin,
                playing=self._playing,
                runs=tape.runs(),
                labelled=tape.labelled(),
                undo=len(tape.done),
                redo=len(tape.undone),
                said=self._said,
                values=self._values,
            )

    def state(self) -> dict[str, Any]:
        """Return the view as JSON holds it."""
        return asdict(self.view())

    def unsearched(self) -> int | None:
        """Return the next frame, from the one shown on, in which no face was looked for yet."""
        with self._lock:
            return self._tape.unsearched_from(self._frame)

    def labelled_unsearched(self) -> list[int]:
        """Return the labelled frames in which no face was looked for yet."""
        with self._lock:
            return self._tape.labelled_unsearched()

    def found(self, frame: int, square: NDArray[Any] | None) -> None:
        """Take the square that was found in a frame, unless it has one; None: there is no face."""
        with self._lock:
            self._tape.found(frame, square)

    def flush(self) -> None:
        """Save what is not saved; if it cannot be, the view says why."""
        with self._lock:
            if self._tape.saved:
                return
            try:
                self._save(self._tape.labels.copy(), self._tape.squares.copy())
            except (OSError, DataError) as error:
                reason = error.strerror if isinstance(error, OSError) else None
                self._say("not_saved", reason=reason or str(error))
            else:
                self._tape.saved = True

    # what keys do: the names are those of `smileys_label_keys.COMMANDS`

    def _play(self) -> None:
        self._playing, self._clock = not self._playing, 0.0
        if self._playing and self._frame == len(self._tape) - 1:
            self._frame = 0

    def _back(self) -> None:
        self.seek(self._frame - 1)

    def _on(self) -> None:
        self.seek(self._frame + 1)

    def _back_ten(self) -> None:
        self.seek(self._frame - _TEN)

    def _on_ten(self) -> None:
        self.seek(self._frame + _TEN)

    def _first(self) -> None:
        self.seek(0)

    def _last(self) -> None:
        self.seek(len(self._tape) - 1)

    def _unlabelled(self) -> None:
        frame = self._tape.unlabelled_from(self._frame)
        if frame is None:
            self._say("all_labelled")
        else:
            self.seek(frame)

    def _mark(self) -> None:
        self._begin = self._frame if self._begin is None else None

    def _clear(self) -> None:
        self._label(UNLABELLED)

    def _label(self, number: int) -> None:
        """Label the frame, or the range that is marked, and go on to the frame behind it."""
        first, last = self._range()
        after = np.full(last - first + 1, number, np.int32)
        self._change(first, self._tape.labels, after, frame=last + 1)
        if number == UNLABELLED:
            self._say("cleared", first=first, last=last)
        else:
            self._say("labelled", first=first, last=last, smiley=SMILEYS[number])

    def _undo(self) -> None:
        change = self._tape.undo()
        if change is None:
            self._say("nothing_to_undo")
        else:
            self.seek(change.came_from)
            self._begin = change.begin
            self._say("undone")

    def _redo(self) -> None:
        change = self._tape.redo()
        if change is None:
            self._say("nothing_to_redo")
        else:
            self.seek(change.went_to)
            self._begin = None if change.of_labels else change.begin
            self._say("redone")

    def _box_left(self) -> None:
        self._move(-1, 0)

    def _box_right(self) -> None:
        self._move(1, 0)

    def _box_up(self) -> None:
        self._move(0, -1)

    def _box_down(self) -> None:
        self._move(0, 1)

    def _box_larger(self) -> None:
        self._resize(_GROWTH)

    def _box_smaller(self) -> None:
        self._resize(1 / _GROWTH)

    def _box_again(self) -> None:
        """Put the detector's square back; where it finds no face, the nearest frame's."""
        square = self._find(self._frame)
        if square is None:
            square = self._tape.nearest_square(self._frame)
        if square is None:
            wide, high = self._size
            side = min(self._size) / 2
            square = np.array([(wide - side) / 2, (high - side) / 2, side])
        self._set_squares(self._frame, np.array(square, np.float64)[None])

    # how they do it

    def _range(self) -> tuple[int, int]:
        begin = self._frame if self._begin is None else self._begin
        return min(begin, self._frame), max(begin, self._frame)

    def _move(self, x: int, y: int) -> None:
        first, squares = self._marked_squares()
        step = np.maximum(1, _STEP * squares[:, 2])
        squares[:, 0] += x * step
        squares[:, 1] += y * step
        self._set_squares(first, squares)

    def _resize(self, factor: float) -> None:
        first, squares = self._marked_squares()
        side = np.clip(squares[:, 2] * factor, _SMALLEST, _LARGEST * max(self._size))
        squares[:, :2] += (squares[:, 2:] - side[:, None]) / 2
        squares[:, 2] = side
        self._set_squares(first, squares)

    def _marked_squares(self) -> tuple[int, NDArray[np.float64]]:
        """First frame and squares, float64 ``(n, 3)``, of the range; n is 0 if one is unknown."""
        first, last = self._range()
        squares = self._tape.squares[first : last + 1].astype(np.float64)
        if not np.isfinite(squares).all():
            self._say("no_box")
            squares = squares[:0]
        return first, squares

    def _set_squares(self, first: int, squares: NDArray[np.float64]) -> None:
        half = squares[:, 2:] / 2  # the centre stays in the picture
        squares[:, :2] = np.clip(squares[:, :2], -half, np.array(self._size) - half)
        after = np.round(squares, 1).astype(np.float32)
        self._change(first, self._tape.squares, after, frame=self._frame)

    def _change(self, first: int, kept: NDArray[Any], after: NDArray[Any], *, frame: int) -> None:
        """Change what is kept from frame `first` on, and show `frame`."""
        came_from, begin = self._frame, self._begin
        before = kept[first : first + len(after)].copy()
        self.seek(frame)
        change = Change(first, before, after, came_from, self._frame, begin)
        if change.of_labels:
            self._begin = None
        self._tape.make(change)

    def _say(self, what: str, **values: Any) -> None:
        self._said, self._values = what, values
