"""Whatever stands in a list or an annotation: it is read, passed over or refused, in sentences."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from augment.datasets import boxes, fddb, smileys, voc, yolo
from augment.datasets.lfw_lists import read_pairs, read_people
from augment.datasets.registry import recognise
from augment.errors import DataError

WORDS = [
    *("0", "1", "2", "-1", "0.5", "1e999", "nan", "²", "9" * 5000, "a.jpg", "2002/a", "\x00"),
    *(",", "\t", "\n", "\r", '"', "\ufeff", "Ä", "[" * 2000, "{}", "file", "x,y,width,height"),
    *('{"file": "a.jpg", "faces": [{"x": 1', "<annotation>", "<object>", "</object>", "&a;"),
    *("d0/1.jpg,d0,1,7,:-|,24,24,80", "file,x,y,width,height\n", "a.jpg,1,2,1e300,4\n"),
    *("file,person,frame,label_id,smiley,x,y,side\n", "x" * 140_000, "A_B 1 2\n", "A_B 3\n"),
    *('{"file": "a.jpg", "faces": [{"x": 1e400, "y": 1, "width": 9, "height": 9}]}\n',),
    '{"file": "a.jpg", "faces": [{"x": %s, "y": 1, "width": 9, "height": 9}]}\n' % ("9" * 400),
    "<annotation><filename>a.jpg</filename>",
    "<object><bndbox><xmin>inf</xmin><ymin>1</ymin><xmax>inf</xmax><ymax>1e300</ymax></bndbox>",
    "</object></annotation>",
]
HEADER = "file,person,frame,label_id,smiley,x,y,side\n"
texts = st.lists(st.sampled_from(WORDS) | st.text(max_size=3), max_size=12).map("".join)
contents = st.binary(max_size=40) | texts.map(lambda text: text.encode("utf-8", "surrogatepass"))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("reading")
    for folder in ("list", "voc", "yolo/images", "fddb/originalPics/2002", "smileys/d0"):
        (root / folder).mkdir(parents=True)
    for folder in ("list", "voc", "yolo/images", "fddb/originalPics/2002"):
        Image.new("RGB", (50, 40)).save(root / folder / "a.jpg")
    Image.new("RGB", (50, 40)).save(root / "smileys/d0/1.jpg")
    return root


READERS = {
    "list/a.csv": lambda path: boxes.load(path).problems,
    "list/a.jsonl": lambda path: boxes.load(path).problems,
    "voc/a.xml": lambda path: voc.load(path).problems,
    "yolo/labels/a.txt": lambda path: yolo.load(path.parents[1]).problems,
    "yolo/data.yaml": lambda path: list(yolo.class_names(path.parent).values()),
    "fddb/FDDB-folds/FDDB-fold-01-ellipseList.txt": lambda path: (
        fddb.load(path.parents[1]).problems
    ),
    "smileys/labels.csv": lambda path: smileys.load(path.parent).problems,
    "list/people.txt": lambda path: read_people(path).problems,
    "list/pairs.txt": lambda path: read_pairs(path).problems,
}


@pytest.mark.parametrize("name", READERS)
@settings(deadline=None, max_examples=40)
@example(content=b"file,x,y,width,height\n" + b"x" * 140_000)
@example(content=b"file,person,frame,label_id,smiley,x,y,side\n" + b"x" * 140_000)
@example(content="2002/a\n²\n".encode())
@example(content=b"9" * 5000)
@example(content=b"2002/" + b"a" * 5000 + b"\n0\n")
@example(content=f"{HEADER}{'a' * 5000},d0,1,7,:-|,24,24,80\n".encode())
@example(content=f"<annotation><filename>{'a' * 5000}</filename></annotation>".encode())
@example(content=f"file,x,y,width,height\n{'a' * 5000},1,2,3,4\n".encode())
@example(content="".join(WORDS[-3:]).encode())
@example(content=b"[" * 100_000)
@given(content=contents)
def test_no_content_is_a_fault_of_the_program(root, name, content):
    path = root / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    try:
        problems = READERS[name](path)
    except DataError:
        problems = []
    assert all(isinstance(problem, str) for problem in problems)
    recognise(path)
    recognise(path.parent)
    path.unlink()


def test_folders_called_like_lists_are_no_lists(tmp_path):
    for name in ("a.csv", "b.xml", "c.jsonl", "Annotations/d.xml"):
        (tmp_path / name).mkdir(parents=True)
    assert recognise(tmp_path) == []
