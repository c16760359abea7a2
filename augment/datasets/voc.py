"""One's own photographs, with objects in Pascal VOC's XML: one annotation file per picture.

M. Everingham, L. Van Gool, C. Williams, J. Winn, A. Zisserman, "The Pascal Visual Object Classes
(VOC) Challenge", IJCV 88, 2010::

    <annotation>
      <filename>party_0001.jpg</filename>
      <size><width>640</width><height>480</height><depth>3</depth></size>
      <object>
        <name>face</name>
        <bndbox><xmin>121</xmin><ymin>65</ymin><xmax>208</xmax><ymax>152</ymax></bndbox>
      </object>
    </annotation>

Pixels are counted from 1 and both ends belong to the box: the one above is x 120, y 64, 88 wide and
88 high. Boxes become squares of the same area and centre, as all one's own boxes do.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from augment.datasets.base import Dataset, Record, Source
from augment.datasets.own import record
from augment.errors import DataError
from augment.images import image_size

__all__ = ["SOURCE", "load"]

SOURCE = Source(
    key="voc",
    name="own boxes, Pascal VOC XML",
    url="",
    terms="those of your photographs",
    layout="Annotations/name.xml and JPEGImages/name.jpg, or .xml files beside the pictures",
)

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def _annotations(place: Path) -> list[Path]:
    """The annotation files of a folder (its ``Annotations``, if it has them), or the one file."""
    if not place.is_dir():
        return [place]
    inside = place / "Annotations"
    return sorted((inside if inside.is_dir() else place).rglob("*.xml"))


def load(path: str | Path, classes: Collection[str] | None = None) -> Dataset[Record]:
    """Read annotations and check the boxes against the pictures' sizes.

    A picture is looked for under the name that its annotation gives: beside the annotation, then
    in ``JPEGImages`` and ``images`` beside the annotation's folder, then in the folder above.

    Parameters
    ----------
    path : str or Path
        An ``.xml`` file, or a folder of them.
    classes : collection of str, optional
        Names of the objects that are faces; by default every object is one. A picture with other
        objects only is a picture without faces.

    Returns
    -------
    Dataset of Record
        In the order of the annotation files; ``group`` is the picture. ``problems`` names damaged
        annotations and boxes, pictures that cannot be read, and pictures whose size is not the
        annotated one, which are left out.

    Raises
    ------
    DataError
        If there is no annotation, no picture is left, or a name of `classes` never occurs.
    """
    place = Path(os.path.abspath(path))
    files = _annotations(place)
    if not files or not files[0].is_file():
        raise DataError(f"{place}: there is no annotation; expected there: {SOURCE.layout}")
    problems: list[str] = []
    absent: list[str] = []
    found: list[tuple[Path, Path, tuple[int, int], list[_Object]]] = []
    for file in files:
        try:
            name, size, objects = _parse(file, problems)
            picture = _find(file, name)
            if picture is None:
                absent.append(name)
                raise DataError(f"there is no picture {name!r}")
            found.append((file, picture, _size(picture, size), objects))
        except (OSError, expat.ExpatError, ValueError, LookupError) as error:
            problems.append(f"{file}: {error}; the annotation is passed over")
    if not found:
        raise DataError(f"{place}: no annotation can be used; {problems[0]}")
    seen = {kind for _, _, _, objects in found for kind, _ in objects}
    if unknown := sorted(set(classes or ()) - seen):
        raise DataError(f"{place}: no object is called {unknown!r}; there are {sorted(seen)!r}")
    root = Path(os.path.commonpath([picture.parent for _, picture, _, _ in found]))
    if root.is_relative_to(place):
        root = place
    records = []
    for file, picture, pixels, objects in found:
        rows = [row for kind, row in objects if classes is None or kind in classes]
        name = picture.relative_to(root).as_posix()
        records.append(record(name, pixels, rows, str(file), problems))
    return Dataset(SOURCE, root, records, problems, absent)


_Object = tuple[str, list[float]]


def _parse(file: Path, problems: list[str]) -> tuple[str, tuple[int, int] | None, list[_Object]]:
    """Picture name, annotated size if there is one, and the objects of an annotation."""
    root = _read(file)
    if root.tag != "annotation":
        raise ValueError(f"the outer element is {root.tag!r}, not 'annotation'")
    name = (root.findtext("filename") or "").strip().replace("\\", "/")
    if not name:
        raise ValueError("it names no picture")
    objects = []
    for number, thing in enumerate(root.findall("object"), start=1):
        kind = (thing.findtext("name") or "").strip()
        words = [thing.findtext(f"bndbox/{corner}") or "" for corner in _CORNERS]
        try:
            left, top, right, bottom = (float(word) for word in words)
        except ValueError:
            problems.append(
                f"{file}, object {number}: bndbox needs {_CORNERS!r}, passed over: {words!r}"
            )
            continue
        objects.append((kind, [left - 1, top - 1, right - left + 1, bottom - top + 1]))
    sides = [(root.findtext(f"size/{side}") or "").strip() for side in ("width", "height")]
    known = all(side.isdecimal() and int(side) > 0 for side in sides)  # some tools write 0
    return name, (int(sides[0]), int(sides[1])) if known else None, objects


def _read(file: Path) -> Element:
    """The outer element; a document that declares entities, which can grow without end, is refused.

    ElementTree's own parser expands them. Annotations have no document type.
    """

    def refuse(*_: object) -> None:
        raise ValueError("it has a document type, which annotations have not")

    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.Parse(file.read_bytes(), True)
    return builder.close()


def _find(file: Path, name: str) -> Path | None:
    """The picture of an annotation."""
    above = file.parent.parent
    folders = (file.parent, above / "JPEGImages", above / "images", above)
    return next((folder / name for folder in folders if os.path.isfile(folder / name)), None)


def _size(picture: Path, annotated: tuple[int, int] | None) -> tuple[int, int]:
    """The picture's size, which must be the annotated one: somebody may have made it smaller."""
    size = image_size(picture)
    if annotated is not None and annotated != size:
        raise DataError(
            f"the picture is {size[0]} x {size[1]} pixels and the annotation is of "
            f"{annotated[0]} x {annotated[1]}"
        )
    return size
