"""How much, how large and how often: what keeps the folder and the server within bounds."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Limits", "Rate"]

_KEYS = 4096


@dataclass(frozen=True)
class Limits:
    """The limits of a server.

    Attributes
    ----------
    upload_bytes : int
        Largest picture that is received.
    pixels : int
        Largest picture that is decoded.
    side : int
        Pixels of the longer side of what is stored.
    smallest : int
        Pixels of the shorter side below which a picture is refused.
    pictures_per_session : int
        Pictures of one session that are kept.
    folder_bytes : int
        Size of all pictures together.
    uploads : (int, int)
        In a minute: of one session, of all together. Of a session refused ones count, too; of all
        together only what begins like a picture, and was not refused for anything else before.
    withdrawals : int
        In a minute, of one session. All together have no limit: it would keep out the right code,
        which is one of 2 ** 52.
    hashing : int
        Codes whose hashes are computed at the same time; more wait.
    waiting : int
        Pictures that are decoded and searched, or wait for it, at the same time.
    """

    upload_bytes: int = 4 * 1024 * 1024
    pixels: int = 24_000_000
    side: int = 1024
    smallest: int = 96
    pictures_per_session: int = 200
    folder_bytes: int = 2 * 1024**3
    uploads: tuple[int, int] = (15, 120)
    withdrawals: int = 6
    hashing: int = 2
    waiting: int = 8


class Rate:
    """At most so many events in a span of time, for each key.

    Parameters
    ----------
    most : int
        Events in the span.
    seconds : float
        The span.
    clock : callable
        Seconds that never go back.
    """

    def __init__(
        self, most: int, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str = "") -> bool:
        """Count an event and return True, or return False if there were too many already."""
        now = self._clock()
        with self._lock:
            times = self._seen.setdefault(key, deque())
            self._seen.move_to_end(key)
            if len(self._seen) > _KEYS:  # the one that was heard of last the longest ago
                self._seen.popitem(last=False)
            while times and times[0] <= now - self._seconds:
                times.popleft()
            if len(times) >= self._most:
                return False
            times.append(now)
            return True
