"""Making items ahead on a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

__all__ = ["prefetch"]

T = TypeVar("T")

_LOOK_SECONDS = 1.0
_CLOSE_SECONDS = 10.0


def prefetch(items: Iterator[T], depth: int = 2) -> Generator[T, None, None]:
    """The same stream, made ahead on a thread: the first article's first try at not waiting.

    OpenCV and NumPy release Python's lock, so the thread works while a training step computes.

    Parameters
    ----------
    items : iterator
        An error that it raises is raised here, at the same place of the stream.
    depth : int
        Items that may wait.
    """
    waiting: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(max(1, depth))
    stopped = threading.Event()

    def offer(entry: tuple[bool, T | BaseException | None]) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(entry, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not offer((True, item)):
                    return
            offer((False, None))
        except BaseException as error:
            offer((False, error))

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            try:
                more, value = waiting.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                if not thread.is_alive() and waiting.empty():
                    raise RuntimeError("the thread that makes items ahead has ended") from None
                continue
            if more:
                yield value  # type: ignore[misc]
            elif value is not None:
                raise value  # type: ignore[misc]
            else:
                return
    finally:
        stopped.set()
        thread.join(_CLOSE_SECONDS)  # a disk that hangs shall not hang more than this
