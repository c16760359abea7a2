"""LFW's faces as smileys."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from augment.datasets import lfw
from augment.datasets.smileys import SMILEYS
from augment.emotions import EMOTIONS, emotion_set
from augment.errors import DataError

SAID = {
    **{f"Ann_A/Ann_A_{n:04d}.jpg": "neutral" for n in range(1, 13)},
    "Bob_B/Bob_B_0001.jpg": "happiness",
    "Bob_B/Bob_B_0002.jpg": "surprise",
    "Bob_B/Bob_B_0003.jpg": "fear",
}


@pytest.fixture
def data(tmp_path):
    for file in [*SAID, "Eve_E/Eve_E_0001.jpg"]:
        path = tmp_path / "lfw" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (112, 112)).save(path)
    lines = [f"{file},{emotion}\n" for file, emotion in SAID.items()]
    (tmp_path / "lfw" / "emotions.csv").write_text("".join(["file,emotion\n", *lines]))
    return tmp_path


def test_faces_get_the_smiley_of_their_emotion(data):
    index = emotion_set(data)
    assert len(index) == 14  # neither fear nor who has no emotion
    for path, label in zip(index.paths.tolist(), index.labels.tolist(), strict=True):
        assert SMILEYS[label] == EMOTIONS[SAID[path.removeprefix("lfw/")]]
    assert set(index.group) == {"Ann_A", "Bob_B"}


def test_rare_emotions_are_shown_more_often_within_bounds(data):
    index = emotion_set(data)
    neutral = index.labels == SMILEYS.index(":-|")
    assert index.weights.sum() == pytest.approx(len(index), rel=1e-5)
    ratio = index.weights[~neutral] / index.weights[neutral][0]
    assert (ratio == ratio[0]).all()
    assert 3 < ratio[0] < 12  # evenly it would be 12


def test_squares_lie_as_on_smiley_frames(data):
    x, y, side, _ = lfw.FACES[112]
    index = emotion_set(data)
    np.testing.assert_allclose(index.frames[:, 2:], side * 1.14, rtol=1e-5)
    centres = index.frames[:, :2] + index.frames[:, 2:] / 2
    np.testing.assert_allclose(centres[:, 0], x + side / 2, rtol=1e-5)
    np.testing.assert_allclose(centres[:, 1], y + side / 2 + side / 10, rtol=1e-5)


def test_a_missing_list_is_told(data):
    (data / "lfw" / "emotions.csv").write_text("file,emotion\nNobody/Nobody_0001.jpg,neutral\n")
    with pytest.raises(DataError, match=r"emotions\.csv: names none of the pictures of"):
        emotion_set(data)
    (data / "lfw" / "emotions.csv").unlink()
    with pytest.raises(DataError, match=r"the list of LFW's emotions .* cannot be read"):
        emotion_set(data)
