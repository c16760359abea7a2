"""FDDB's text format: what is written comes back, and what is none is refused by line."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from scripts.fddb_text import ResultsError, read_results, write_results

NUMBERS = st.floats(-1e6, 1e6, width=32)


@st.composite
def results(draw: st.DrawFn) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    columns = draw(st.sampled_from([4, 5]))
    count = st.integers(0, 3)
    found = {}
    for number in range(draw(st.integers(0, 4))):
        n = draw(count)
        found[f"2002/07/19/big/img {number}"] = (
            draw(arrays(np.float32, (n, columns), elements=NUMBERS)),
            draw(arrays(np.float32, n, elements=NUMBERS)),
        )
    return found


@settings(max_examples=60, deadline=None)
@given(results())
def test_what_is_written_is_read(found: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    import tempfile

    text = io.StringIO()
    for name, (boxes, scores) in found.items():
        write_results(text, name, boxes, scores)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "detector.txt"
        path.write_text(text.getvalue(), encoding="utf-8")
        back = read_results(path)
    assert list(back) == list(found)
    for name, (boxes, scores) in found.items():
        assert len(back[name][0]) == len(boxes)
        np.testing.assert_array_equal(back[name][0].ravel(), boxes.ravel())
        np.testing.assert_array_equal(back[name][1], scores)


def test_the_format_is_fddbs() -> None:
    text = io.StringIO()
    write_results(text, "a/img_1", np.float32([[1.5, 2, 30, 40]]), [0.25])
    write_results(text, "a/img_2", [], [])
    assert text.getvalue() == "a/img_1\n1\n1.5 2.0 30.0 40.0 0.25\na/img_2\n0\n"


def test_other_programs_spacing(tmp_path: Path) -> None:
    path = tmp_path / "spaced.txt"
    path.write_text("a/img_1\r\n 1\r\n  1\t2 3  4 .5 \r\n\r\na/img_2\n0", encoding="utf-8")
    found = read_results(path)
    assert found["a/img_1"][0].tolist() == [[1, 2, 3, 4]]
    assert found["a/img_2"][0].shape == (0, 4)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a\nb\n", "line 2: the number of detections must follow the name 'a'; got 'b'"),
        ("a\n", "must follow the name 'a'; got ''"),
        ("a\n1\n1 2 3 4\n", "line 3: a detection of 'a' is 5 or 6 finite numbers"),
        ("a\n1\n1 2 3 4 nan\n", "line 3: .* got '1 2 3 4 nan'"),
        ("a\n2\n1 2 3 4 5\n", "ends within the detections of 'a'"),
        ("a\n0\na\n0\n", "line 3: the photograph 'a' is there twice"),
        ("a\n1\n1 2 3 4 5\nb\n1\n1 2 3 4 5 6\n", "'b' mixes rectangles .* and ellipses"),
    ],
)
def test_no_results(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "wrong.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ResultsError, match=sentence) as error:
        read_results(path)
    assert str(path) in str(error.value)


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(ResultsError, match="not a file of detections"):
        read_results(path)


@pytest.mark.parametrize("name", ["", " ", "a\nb"])
def test_names_are_one_line(name: str) -> None:
    with pytest.raises(ValueError, match="is one line of text; got"):
        write_results(io.StringIO(), name, [], [])


def test_one_score_for_each_box() -> None:
    with pytest.raises(ValueError, match="zip"):
        write_results(io.StringIO(), "a", [[1, 2, 3, 4]], [])
