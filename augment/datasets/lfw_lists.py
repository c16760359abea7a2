"""LFW's official lists of people and of pairs.

``people.txt`` has ten sets of people, ``peopleDevTrain.txt`` and ``peopleDevTest.txt`` have one;
before each set stands its length, and before the ten how many they are. ``lfw-names.txt`` has no
such lines. A person is a name and the number of pictures::

    10
    601
    Abdel_Madi_Shabneh	1

``pairs.txt`` has ten sets of 300 pairs of one person followed by 300 of two, ``pairsDevTrain.txt``
and ``pairsDevTest.txt`` have one set; the first line says so. Pictures are given by number::

    10	300
    Abel_Pacheco	1	4
    Abdel_Madi_Shabneh	1	Dean_Barker	1
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from augment.errors import DataError

__all__ = ["Pair", "PairList", "PeopleList", "picture", "read_pairs", "read_people"]


class Pair(NamedTuple):
    """Two pictures, relative to the folder of LFW, and whether they show one person."""

    first: str
    second: str
    same: bool


@dataclass(frozen=True)
class PeopleList:
    """Sets of people.

    Attributes
    ----------
    sets : list of dict
        Per set the number of pictures by person.
    problems : list of str
        One sentence per damaged line or set that is not as long as it says.
    """

    sets: list[dict[str, int]]
    problems: list[str]

    @property
    def people(self) -> list[str]:
        """All names, sorted."""
        return sorted(set().union(*self.sets))


@dataclass(frozen=True)
class PairList:
    """Sets of pairs.

    Attributes
    ----------
    sets : list of list of Pair
        Per set those of one person, then those of two.
    problems : list of str
        One sentence per damaged line or set that is not as long as the list says.
    """

    sets: list[list[Pair]]
    problems: list[str]

    @property
    def people(self) -> list[str]:
        """Names of everybody in a pair, sorted."""
        files = {file for pairs in self.sets for pair in pairs for file in pair[:2]}
        return sorted({file.partition("/")[0] for file in files})


def picture(person: str, number: int) -> str:
    """File of a person's picture: ``'Name/Name_0001.jpg'``.

    Examples
    --------
    >>> picture("Abel_Pacheco", 4)
    'Abel_Pacheco/Abel_Pacheco_0004.jpg'
    """
    return f"{person}/{person}_{number:04d}.jpg"


def read_people(path: str | Path) -> PeopleList:
    """Read a list of people.

    Raises
    ------
    DataError
        If the file cannot be read or names nobody.
    """
    sets: list[dict[str, int]] = [{}]
    problems: list[str] = []
    announced: list[tuple[int, int, int]] = []  # line, how many, in which set
    for number, words in _lines(path):
        if len(words) == 1 and _is_number(words[0]):
            if sets[-1]:
                sets.append({})
            elif announced:
                announced.pop()  # the number of sets, before the length of the first
            announced.append((number, int(words[0]), len(sets) - 1))
        elif len(words) == 2 and _is_number(words[1]):
            sets[-1][words[0]] = int(words[1])
        else:
            problems.append(_damaged(path, number, "a name and a number of pictures", words))
    if not sets[0]:
        raise DataError(f"{path}: no person in this list; it needs lines of a name and a number")
    problems.extend(
        f"{path}, line {number}: announces {count} people and {len(sets[place])} follow"
        for number, count, place in announced
        if count != len(sets[place])
    )
    return PeopleList([people for people in sets if people], problems)


def read_pairs(path: str | Path) -> PairList:
    """Read a list of pairs.

    Raises
    ------
    DataError
        If the file cannot be read or holds no pair.
    """
    sets: list[list[Pair]] = []
    problems: list[str] = []
    announced: list[int] = []
    for number, words in _lines(path):
        pair = _pair(words)
        if pair is not None:
            if not sets or (pair.same and not sets[-1][-1].same):
                sets.append([])
            sets[-1].append(pair)
        elif not sets and len(words) <= 2 and all(map(_is_number, words)):
            announced = [int(word) for word in words]
        else:
            problems.append(_damaged(path, number, "a pair of pictures", words))
    if not sets:
        raise DataError(f"{path}: no pair in this list; it needs lines like 'Name 1 4'")
    if announced:
        count, wanted = announced[-1], announced[0] if len(announced) == 2 else 1
        if len(sets) != wanted:
            problems.append(f"{path}: announces {wanted} sets of pairs and has {len(sets)}")
        for place, pairs in enumerate(sets, start=1):
            same = sum(pair.same for pair in pairs)
            if (same, len(pairs) - same) != (count, count):
                problems.append(
                    f"{path}: set {place} should have {count} pairs of one person and {count} of "
                    f"two; it has {same} and {len(pairs) - same}"
                )
    return PairList(sets, problems)


def _pair(words: list[str]) -> Pair | None:
    numbers = words[1:2] + words[2:3] if len(words) == 3 else words[1:2] + words[3:4]
    if len(words) not in (3, 4) or not all(map(_is_number, numbers)):
        return None
    first, second = (int(number) for number in numbers)
    other = words[0] if len(words) == 3 else words[2]
    return Pair(picture(words[0], first), picture(other, second), len(words) == 3)


def _is_number(word: str) -> bool:
    return word.isdecimal() and len(word) < 10


def _lines(path: str | Path) -> Iterator[tuple[int, list[str]]]:
    """Number and words of every line that has some."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise DataError(f"{path}: the list cannot be read ({error.strerror})") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if words := line.split():
            yield number, words


def _damaged(path: str | Path, number: int, wanted: str, words: list[str]) -> str:
    return f"{path}, line {number}: not {wanted}, passed over: {' '.join(words)[:80]!r}"
