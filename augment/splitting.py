"""Dividing an index into parts that share no group and no photograph.

A column says what stays together: ``'group'`` is FDDB's fold, LFW's or the smileys' person, the
folder of a face-free picture; ``'source'`` is the data set, ``'paths'`` the photograph. `by_value`
names the values of each part, `by_share` gives each part a share of them by chance.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Collection, Mapping
from typing import Literal

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from augment.index import Index

__all__ = ["Column", "by_share", "by_value"]

Column = Literal["group", "source", "paths"]

_COLUMNS = ("group", "source", "paths")


def by_value(
    index: Index, parts: Mapping[str, Collection[str] | None], by: Column = "group"
) -> dict[str, Index]:
    """Divide by the values of a column.

    A photograph with rows in several parts stays in the last of them alone, so the parts go from
    training to the reported one: what is measured stays whole.

    Parameters
    ----------
    index : Index
        The rows.
    parts : mapping of str to collection of str or None
        The column's values of each part: ``{'train': ('01', '02'), 'tune': ('04',)}``. None, at
        most once, is every value that no other part has; without it those rows are left out.
    by : {'group', 'source', 'paths'}
        The column.

    Returns
    -------
    dict of str to Index
        By part, rows in the order of the index.

    Raises
    ------
    ValueError
        If a value stands in two parts or nowhere in the index, or two parts are None.

    Examples
    --------
    >>> from augment.index import FACE, make
    >>> index = make("/", ["a", "b", "c"], [[0, 0, 9, 9]] * 3, FACE, "fddb", ["01", "02", "03"])
    >>> parts = by_value(index, {"train": None, "report": ["02"]})
    >>> parts["train"].paths.tolist(), parts["report"].paths.tolist()
    (['a', 'c'], ['b'])
    """
    values, rows = np.unique(_column(index, by), return_inverse=True)
    names = list(parts)
    place = {str(value): number for number, value in enumerate(values)}
    side = np.full(len(values), -1)
    for number, (name, wanted) in enumerate(parts.items()):
        if isinstance(wanted, str):
            raise ValueError(f"by_value: part {name!r} needs a list of values; got {wanted!r}")
        for value in wanted or ():
            if value not in place:
                raise ValueError(f"by_value: no row has {by} {value!r}, which part {name!r} names")
            if side[place[value]] >= 0:
                other = names[side[place[value]]]
                raise ValueError(f"by_value: {by} {value!r} is in part {other!r} and in {name!r}")
            side[place[value]] = number
    rest = [number for number, wanted in enumerate(parts.values()) if wanted is None]
    if len(rest) > 1:
        raise ValueError(f"by_value: one part may be None; got {[names[i] for i in rest]!r}")
    if rest:
        side[side < 0] = rest[0]
    chosen = side[rows]
    files = _photographs(index)
    last = np.full(files.max(initial=-1) + 1, -1)
    np.maximum.at(last, files, chosen)
    chosen = np.where(chosen == last[files], chosen, -1)
    return {name: index.select(chosen == number) for number, name in enumerate(names)}


def by_share(
    index: Index, parts: Mapping[str, float], by: Column = "group", salt: str = ""
) -> dict[str, Index]:
    """Divide by chance, by the SHA-256 of what stays together.

    Neither the order of the rows nor what else the index holds has any influence: a group that
    comes later goes where it belongs and moves no other. Groups that have a photograph in common
    count as one, called after the first of their names.

    Parameters
    ----------
    index : Index
        The rows.
    parts : mapping of str to float
        The share of each part among the groups, which sum to 1: ``{'train': .9, 'tune': .1}``. They
        hold on average; groups are of different sizes.
    by : {'group', 'source', 'paths'}
        The column whose values stay together.
    salt : str
        Another word gives another division.

    Returns
    -------
    dict of str to Index
        By part, rows in the order of the index.

    Raises
    ------
    ValueError
        If a share is negative or they do not sum to 1.
    """
    shares = list(parts.values())
    if not shares or min(shares) < 0 or not math.isclose(math.fsum(shares), 1, abs_tol=1e-9):
        raise ValueError(f"by_share: shares must sum to 1, none negative; got {dict(parts)!r}")
    values, rows = np.unique(_column(index, by), return_inverse=True)
    drawn = np.array([_uniform(f"{salt}\0{name}") for name in _linked(index, values, rows)])
    bounds = np.cumsum(shares)[:-1]
    chosen = np.searchsorted(bounds, drawn, side="right")[rows]
    return {name: index.select(chosen == number) for number, name in enumerate(parts)}


def _column(index: Index, by: Column) -> np.ndarray:
    if by not in _COLUMNS:
        raise ValueError(f"by must be one of {_COLUMNS!r}; got {by!r}")
    return getattr(index, by)


def _photographs(index: Index) -> np.ndarray:
    """Number of each row's file; relative and absolute names of one file count as one."""
    paths, rows = np.unique(index.paths, return_inverse=True)
    files = [os.path.normpath(os.path.join(index.root, path)) for path in paths]
    return np.unique(np.array(files, np.str_), return_inverse=True)[1][rows]


def _linked(index: Index, values: np.ndarray, rows: np.ndarray) -> list[str]:
    """For each value the first of those that it shares a photograph with, itself among them."""
    files = _photographs(index)
    nodes = len(values) + files.max(initial=-1) + 1
    links = coo_matrix((np.ones(len(rows)), (rows, len(values) + files)), (nodes, nodes))
    part = connected_components(links, directed=False)[1][: len(values)]
    first = np.unique(part, return_index=True)[1]  # values are sorted
    return [str(values[first[number]]) for number in part]


def _uniform(name: str) -> float:
    """A number from 0 to under 1 that follows from the name."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
