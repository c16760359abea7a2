"""Sorting the rows of ``events`` into curves."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from monitor.layout import TABLES
from monitor.records import Series

__all__ = ["split"]

_BLOCK = 1 << 14  # rows that fit a processor's cache
_HIGHEST = (1 << 16) - 1


def split(rows: np.ndarray, keep: np.ndarray, numbers: Collection[int]) -> dict[int, Series]:
    """Return the points of each curve, in the order of the rows.

    Parameters
    ----------
    rows : numpy.ndarray
        ``(n,)`` rows of the table ``events``.
    keep : numpy.ndarray
        ``(n,)`` bool: which rows count.
    numbers : collection of int
        Numbers of the tags that are curves; those from 65,535 on are passed over.

    Returns
    -------
    dict
        `Series` by number, in the order of first use; none without points.
    """
    wanted = np.zeros(_HIGHEST + 1, bool)
    wanted[[number for number in numbers if 0 < number < _HIGHEST]] = True
    tags = np.where(keep, np.minimum(rows["tag"], _HIGHEST), 0).astype(np.uint16)
    tags[~wanted[tags]] = 0
    counts = np.bincount(tags)
    counts[:1] = 0
    # One array for all curves: the system hands out large pieces of memory much faster.
    ends = np.cumsum(counts)
    fields = TABLES["events"][0]
    columns = [np.empty(ends[-1] if len(ends) else 0, fields[name]) for name in Series._fields]
    found = {
        int(number): Series(
            *(column[ends[number] - counts[number] : ends[number]] for column in columns)
        )
        for number in np.flatnonzero(counts)
    }
    filled = dict.fromkeys(found, 0)
    for start in range(0, len(rows), _BLOCK):
        block, own = rows[start : start + _BLOCK], tags[start : start + _BLOCK]
        # Numbers of 16 bits are sorted by counting. Whole columns are copied before rows are picked
        # from them, because fields of packed rows are not aligned.
        order = np.argsort(own, kind="stable")
        sorted_columns = [block[name].copy().take(order) for name in Series._fields]
        own = own[order]
        begins = np.flatnonzero(np.r_[True, own[1:] != own[:-1]])
        for begin, end in zip(begins.tolist(), [*begins[1:].tolist(), len(own)], strict=True):
            number = int(own[begin])
            if number:
                place = slice(filled[number], filled[number] + end - begin)
                for whole, column in zip(found[number], sorted_columns, strict=True):
                    whole[place] = column[begin:end]
                filled[number] += end - begin
    return found
