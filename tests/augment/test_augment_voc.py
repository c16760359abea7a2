"""Pascal VOC's XML: pixels from 1, classes, pictures in other folders, hostile documents."""

from __future__ import annotations

import re

import pytest
from PIL import Image

from augment.datasets import voc
from augment.errors import DataError


def thing(name: str, *corners: object) -> str:
    tags = ("xmin", "ymin", "xmax", "ymax")
    box = "".join(f"<{tag}>{value}</{tag}>" for tag, value in zip(tags, corners, strict=False))
    return f"<object><name>{name}</name><bndbox>{box}</bndbox></object>"


def annotation(filename: str, *objects: str, size: tuple[int, int] | None = (100, 80)) -> str:
    sides = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>" if size else ""
    return f"<annotation><filename>{filename}</filename>{sides}{''.join(objects)}</annotation>"


@pytest.fixture
def folder(tmp_path):
    """JPEGImages with two pictures of 100 x 80 and an empty Annotations."""
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "JPEGImages").mkdir()
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (100, 80)).save(tmp_path / "JPEGImages" / name)
    return tmp_path


@pytest.fixture
def write(folder):
    def write(name: str, text: str | bytes):
        data = text if isinstance(text, bytes) else text.encode()
        (folder / "Annotations" / name).write_bytes(data)
        return folder

    return write


def test_pixels_are_counted_from_one_and_both_ends_belong_to_the_box(write):
    write("a.xml", annotation("a.jpg", thing("face", 1, 1, 80, 80), thing("face", 11, 21, 20, 30)))
    dataset = voc.load(write("b.xml", annotation("b.jpg")))
    assert dataset.problems == []
    assert [record.path for record in dataset] == ["JPEGImages/a.jpg", "JPEGImages/b.jpg"]
    assert dataset.records[0].boxes.tolist() == [[0, 0, 80, 80], [10, 20, 10, 10]]
    assert dataset.records[1].boxes.shape == (0, 4)


def test_boxes_become_squares_of_their_area(write):
    dataset = voc.load(write("a.xml", annotation("a.jpg", thing("face", "11.0", 21, 50, 30))))
    assert dataset.records[0].boxes.tolist() == [[20, 15, 20, 20]]


def test_classes_are_chosen_by_name(write):
    root = write("a.xml", annotation("a.jpg", thing("cat", 1, 1, 9, 9), thing("face", 1, 1, 5, 5)))
    write("b.xml", annotation("b.jpg", thing("cat", 1, 1, 9, 9)))
    assert [len(record.boxes) for record in voc.load(root)] == [2, 1]
    assert [len(record.boxes) for record in voc.load(root, ["face"])] == [1, 0]
    with pytest.raises(DataError, match=r"no object is called \['dog'\]; there are \['cat', 'face"):
        voc.load(root, ["face", "dog"])


def test_boxes_of_parts_are_not_taken_for_objects(write):
    part = "<part><name>hand</name><bndbox><xmin>1</xmin></bndbox></part>"
    whole = thing("person", 1, 1, 9, 9).replace("</object>", f"{part}</object>")
    dataset = voc.load(write("a.xml", annotation("a.jpg", whole)))
    assert dataset.records[0].boxes.tolist() == [[0, 0, 9, 9]]


def test_one_file_and_pictures_beside_it(tmp_path, monkeypatch):
    Image.new("RGB", (100, 80)).save(tmp_path / "a.jpg")
    (tmp_path / "a.xml").write_text(annotation("a.jpg", thing("face", 1, 1, 9, 9), size=None))
    monkeypatch.chdir(tmp_path)
    for place in (tmp_path / "a.xml", tmp_path, "a.xml", "."):
        dataset = voc.load(place)
        assert dataset.root == tmp_path
        assert [record.path for record in dataset] == ["a.jpg"]


def test_annotations_given_as_a_folder_or_a_file(write):
    root = write("a.xml", annotation("a.jpg", thing("face", 1, 1, 9, 9)))
    for place in ("Annotations", "Annotations/a.xml"):
        dataset = voc.load(root / place)
        assert (dataset.root / dataset.records[0].path) == root / "JPEGImages/a.jpg"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_encodings(write, encoding):
    text = f"<?xml version='1.0' encoding='{encoding.removesuffix('-sig')}'?>"
    text += annotation("a.jpg", thing("tête", 1, 1, 9, 9))
    assert len(voc.load(write("a.xml", text.encode(encoding)), ["tête"])) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<annotation><filename>", "no element found|unclosed"),
        ("", "no element found"),
        ("<html/>", "the outer element is 'html', not 'annotation'"),
        ("<annotation/>", "it names no picture"),
        (annotation("c.jpg"), "there is no picture 'c.jpg'"),
        (annotation("b.jpg", size=(200, 160)), "100 x 80 pixels and the annotation is of 200 x 1"),
        (b"<annotation>\xff\xfe</annotation>", "not well-formed"),
    ],
)
def test_a_damaged_annotation_costs_one_sentence(write, text, reason):
    write("a.xml", annotation("a.jpg", thing("face", 1, 1, 9, 9)))
    dataset = voc.load(write("b.xml", text))
    assert [record.path for record in dataset] == ["JPEGImages/a.jpg"]
    (problem,) = dataset.problems
    assert "b.xml: " in problem
    assert "; the annotation is passed over" in problem
    assert re.search(reason, problem), problem


def test_entities_do_not_expand(write):
    bomb = "<!DOCTYPE a [<!ENTITY b '0123456789'>" + "".join(
        f"<!ENTITY {chr(99 + n)} '{f'&{chr(98 + n)};' * 10}'>" for n in range(9)
    )
    write("b.xml", f"{bomb}]><annotation><filename>&k;</filename></annotation>")
    dataset = voc.load(write("a.xml", annotation("a.jpg")))
    assert len(dataset) == 1
    assert "b.xml: it has a document type" in dataset.problems[0]


def test_a_damaged_box_costs_one_sentence(write):
    good = thing("face", 1, 1, 9, 9)
    bad = (thing("face", 1, "x", 9, 9), thing("face", 1, 1), thing("face", 300, 1, 310, 9))
    dataset = voc.load(write("a.xml", annotation("a.jpg", good, *bad)))
    assert len(dataset.records[0].boxes) == 1
    assert len(dataset.problems) == 3
    assert "a.xml, object 2: bndbox needs ('xmin', 'ymin', 'xmax', 'ymax')" in dataset.problems[0]
    assert "a.xml, object 3: bndbox" in dataset.problems[1]
    assert "is 100 x 80 pixels and the box [299.0, " in dataset.problems[2]


def test_nothing_that_can_be_used(folder, write):
    with pytest.raises(DataError, match=r"there is no annotation; expected there: Annotations/"):
        voc.load(folder)
    with pytest.raises(DataError, match="there is no annotation"):
        voc.load(folder / "absent.xml")
    with pytest.raises(DataError, match=r"no annotation can be used; .*is no picture 'c\.jpg"):
        voc.load(write("a.xml", annotation("c.jpg")))
