"""Labelling: what keys do, what is kept, whatever happens; the window around it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cascade.detector
import cascade.video
import monitor.labelling
from augment.datasets import frames
from cascade.detector import Detection
from cascade.video import VideoWriter
from monitor.labelling.words import words
from scripts.demo import photograph
from scripts.main import cli
from scripts.smileys_label_boxes import (
    FaceSquares,
    best_face,
    search_in_background,
    search_labelled,
)
from scripts.smileys_label_clip import clip_pictures
from scripts.smileys_label_draw import draw_view
from scripts.smileys_label_keys import ALIASES, COLOURS, COMMANDS, SMILEY_KEYS, meaning
from scripts.smileys_label_list import known, saver
from scripts.smileys_label_session import Session
from scripts.smileys_label_window import key_name, show_window

Run = Callable[..., Any]
COUNT = 30
SIZE = (320, 240)
SQUARE = (100.0, 60.0, 80.0)


class Kept:
    """What a session saved."""

    def __init__(self) -> None:
        self.labels: list[int] = []
        self.squares = np.empty((0, 3))
        self.times = 0
        self.error: Exception | None = None

    def __call__(self, labels: np.ndarray, squares: np.ndarray) -> None:
        if self.error is not None:
            raise self.error
        self.labels, self.squares = labels.tolist(), squares
        self.times += 1


def begin(
    labels: Any = None, squares: Any = None, find: Any = lambda frame: None, **options: Any
) -> tuple[Session, Kept]:
    kept = Kept()
    labels = np.full(COUNT, -1) if labels is None else np.array(labels)
    squares = np.tile(SQUARE, (len(labels), 1)) if squares is None else np.array(squares)
    options = {"size": SIZE, "rate": 10.0, **options}
    return Session(labels, squares, save=kept, find=find, **options), kept


def press(session: Session, keys: str) -> None:
    for key in keys.split():
        assert session.press(key), key


def where(session: Session) -> int:
    return session.view().frame


def test_every_smiley_and_command_has_one_key() -> None:
    keys = [*SMILEY_KEYS, *COMMANDS]
    assert len(set(keys)) == len(keys) == 17 + len(COMMANDS)
    assert [meaning(key) for key in SMILEY_KEYS] == list(range(17))
    assert len(set(COLOURS)) == 17
    assert not set(ALIASES) & set(keys)
    assert set(ALIASES.values()) <= set(keys)
    session, _ = begin()
    assert all(session.press(key) for key in [*keys, *ALIASES])
    assert not any(session.press(key) for key in ["", "~", "ctrl", "W", "flush", "press", "é"])
    for language in ("en", "ru"):
        assert {f"command.{name}" for name in COMMANDS.values()} <= set(words(language))


@pytest.mark.parametrize(
    ("keys", "frame"),
    [
        ("right", 1),
        ("left", 0),
        ("down", 10),
        ("pagedown pagedown left", 19),
        ("shift+right shift+left", 0),
        ("end", COUNT - 1),
        ("end right down", COUNT - 1),
        ("end up home", 0),
        ("down up up", 0),
    ],
)
def test_stepping_ends_at_the_ends(keys: str, frame: int) -> None:
    session, kept = begin()
    press(session, keys)
    assert where(session) == frame
    assert kept.times == 0, "nothing has changed"


def test_a_smiley_labels_the_frame_and_goes_on() -> None:
    session, kept = begin()
    press(session, "w w right d")
    assert kept.labels[:5] == [3, 3, -1, 2, -1]
    assert where(session) == 4
    assert session.view().said == "labelled"
    assert session.view().values == {"first": 3, "last": 3, "smiley": ":-D"}
    assert session.view().labelled == 3
    press(session, "end a")
    assert (kept.labels[-1], where(session)) == (9, COUNT - 1)


@pytest.mark.parametrize("way", ["right right v down w", "right right down v up w"])
def test_a_range_is_labelled_from_either_end(way: str) -> None:
    session, kept = begin()
    press(session, way)
    assert [frame for frame, label in enumerate(kept.labels) if label == 3] == list(range(2, 13))
    assert (where(session), session.view().begin) == (13, None)
    assert session.view().runs == [(2, 12, 3)]
    assert kept.times == 1


def test_a_mark_is_dropped_by_its_key_and_labels_are_cleared() -> None:
    session, kept = begin([7] * COUNT)
    press(session, "home v")
    assert session.view().begin == 0
    press(session, "v right l")
    assert session.view().begin is None
    assert kept.labels[:3] == [7, -1, 7]
    press(session, "home v right right delete")
    assert kept.labels[:4] == [-1, -1, -1, 7]
    assert session.view().said == "cleared"


def test_the_next_unlabelled_stretch() -> None:
    labels = np.full(COUNT, 7)
    labels[[3, 4, 5, 9, 10, 29]] = -1
    session, _ = begin(labels)
    seen = []
    session.seek(0)
    for _ in range(4):
        press(session, "j")
        seen.append(where(session))
    assert seen == [3, 9, 29, 3]
    session, _ = begin([7, 7])
    press(session, "j")
    assert session.view().said == "all_labelled"


def test_it_begins_behind_the_last_label() -> None:
    labels = np.full(COUNT, -1)
    assert where(begin(labels)[0]) == 0
    labels[4:8] = 0
    assert where(begin(labels)[0]) == 8
    labels[-1] = 0
    assert where(begin(labels)[0]) == COUNT - 1


def test_playing_follows_the_clock_and_stops_at_the_end() -> None:
    session, _ = begin()
    session.tick(5)
    assert where(session) == 0, "it does not play yet"
    press(session, "space")
    session.tick(0.05)
    assert where(session) == 0
    session.tick(0.26)
    assert where(session) == 3
    press(session, "w")  # labels what is shown, and plays on
    assert (session.view().playing, where(session)) == (True, 4)
    session.tick(60)
    assert (session.view().playing, where(session)) == (False, COUNT - 1)
    press(session, "space")
    assert (session.view().playing, where(session)) == (True, 0)
    press(session, "space")
    session.tick(1)
    assert where(session) == 0


def test_undo_and_redo_go_back_to_where_it_was() -> None:
    session, kept = begin()
    press(session, "right v down w 6 + a")
    done = session.view()
    press(session, "u u u u")
    assert kept.labels == [-1] * COUNT
    assert (where(session), session.view().begin) == (11, 1), "the range is marked again"
    assert (session.view().undo, session.view().redo) == (0, 4)
    press(session, "u")
    assert session.view().said == "nothing_to_undo"
    press(session, "r r r r r")
    assert session.view().said == "nothing_to_redo"
    assert session.view().runs == done.runs == [(1, 11, 3), (12, 12, 9)]
    assert (where(session), session.view().begin) == (done.frame, done.begin) == (13, None)
    press(session, "u d r")
    assert session.view().said == "nothing_to_redo", "a new change ends what was taken back"


def test_the_same_label_again_is_no_change() -> None:
    session, kept = begin()
    press(session, "w left w")
    assert (kept.times, session.view().undo, where(session)) == (1, 1, 1)


ANY = st.sampled_from([*SMILEY_KEYS, *COMMANDS, *ALIASES])


@settings(deadline=None)  # other work may share the machine
@given(
    keys=st.lists(ANY, max_size=60),
    unknown=st.sets(st.integers(0, COUNT - 1), max_size=8),
    labels=st.lists(st.integers(-1, 16), min_size=COUNT, max_size=COUNT),
)
def test_as_many_undos_as_keys_give_the_beginning(
    keys: list[str], unknown: set[int], labels: list[int]
) -> None:
    squares = np.tile(np.float32(SQUARE), (COUNT, 1))
    squares[sorted(unknown)] = np.nan
    session, kept = begin(labels, squares, lambda frame: np.array([1.0, 2.0, 30.0 + frame]))
    for key in keys:
        session.press(key)
        view = session.view()
        assert 0 <= view.frame < COUNT
        if kept.times:  # saved at every key: nothing waits for a better moment
            runs = [(a, b, label) for a, b, label in view.runs for _ in range(a, b + 1)]
            assert [label for _, _, label in runs] == [one for one in kept.labels if one >= 0]
    after = session.view(), np.array(kept.squares)
    for _ in keys:
        session.press("u")
    if kept.times:
        assert kept.labels == labels
        np.testing.assert_array_equal(kept.squares, squares)
    for _ in range(after[0].undo):
        session.press("r")
    assert session.view().runs == after[0].runs
    np.testing.assert_array_equal(kept.squares, after[1])


def test_the_box_is_moved_and_resized_for_all_of_a_range() -> None:
    session, kept = begin()
    press(session, "6")
    np.testing.assert_allclose(kept.squares[:2], [[101.6, 60, 80], SQUARE], rtol=1e-6)
    press(session, "4 8 2 2")
    np.testing.assert_allclose(kept.squares[0], [100, 61.6, 80], rtol=1e-6)
    press(session, "u u u u u v right right +")
    np.testing.assert_allclose(kept.squares[:3], [[98.4, 58.4, 83.2]] * 3, rtol=1e-6)
    np.testing.assert_allclose(kept.squares[3], SQUARE)
    assert session.view().begin == 0, "the range stays, to be labelled"
    press(session, "u")
    np.testing.assert_allclose(kept.squares, np.tile(SQUARE, (COUNT, 1)))


def test_the_box_keeps_its_centre_in_the_picture_and_a_size() -> None:
    session, _ = begin()
    for keys, reached in (("4 8", (0, 0)), ("6 2", SIZE)):
        press(session, f"{keys} " * 300)
        x, y, side = session.view().square or (0, 0, 0)
        np.testing.assert_allclose((x + side / 2, y + side / 2), reached, atol=0.06)
    press(session, "- " * 200)
    assert (session.view().square or ())[2] == 8
    press(session, "+ " * 300)
    assert (session.view().square or ())[2] == 4 * SIZE[0]


def test_a_box_that_is_not_known_yet() -> None:
    squares = np.full((3, 3), np.nan)
    session, kept = begin([-1] * 3, squares)
    press(session, "6")
    assert (session.view().said, session.view().square, kept.times) == ("no_box", None, 0)
    press(session, "5")  # nobody knows of a face: the middle
    assert session.view().square == (100, 60, 120)
    press(session, "4 end 5")  # the nearest that is known
    assert session.view().square == pytest.approx((97.6, 60, 120))
    press(session, "u u u")
    assert np.isnan(kept.squares).all()
    session, _ = begin([-1] * 3, squares, lambda frame: np.array([1.04, 2, 30 + frame]))
    press(session, "right 5")
    assert session.view().square == pytest.approx((1, 2, 31))


def test_what_cannot_be_saved_is_saved_by_the_next_key() -> None:
    session, kept = begin()
    kept.error = OSError(28, "No space left on device")
    press(session, "w")
    assert session.view().said == "not_saved"
    assert session.view().values == {"reason": "No space left on device"}
    assert session.view().runs == [(0, 0, 3)]
    kept.error = None
    press(session, "right")
    assert (session.view().said, kept.labels[0]) == ("", 3)


def test_boxes_are_smoothed_as_the_smiley_frames_are() -> None:
    rng = np.random.default_rng(0)
    raw = np.c_[rng.normal(100, 5, (40, 2)), rng.normal(80, 5, 40)]
    raw[[0, 7, 8]] = np.nan
    asked: list[int] = []

    def find(frame: int) -> np.ndarray:
        asked.append(frame)
        return raw[frame]

    squares = FaceSquares(40, find)
    assert squares.square(20) is not None
    assert sorted(asked) == list(range(16, 25)), "no more than it needs"
    for frame in range(40):
        near = range(max(0, frame - 2), min(40, frame + 3))
        wide = range(max(0, frame - 4), min(40, frame + 5))
        centre = np.nanmedian([raw[one, :2] + raw[one, 2] / 2 for one in near], axis=0)
        side = np.nanmedian([raw[one, 2] for one in wide])
        np.testing.assert_allclose(squares.square(frame), [*(centre - side / 2), side])
    assert sorted(asked) == list(range(40)), "every frame once"
    assert FaceSquares(3, lambda frame: np.full(3, np.nan)).square(1) is None


def test_faces_are_looked_for_in_the_background_from_the_frame_shown_on() -> None:
    squares = np.full((COUNT, 3), np.nan)
    squares[25:] = SQUARE
    session, kept = begin(None, squares)
    session.seek(20)
    order: list[int] = []

    class Found(FaceSquares):
        def square(self, frame: int) -> Any:
            order.append(frame)
            return None if frame == 3 else super().square(frame)

    before = threading.active_count()  # other tests' threads
    end = search_in_background(session, Found(COUNT, lambda frame: np.array([frame, 1.0, 20.0])))
    deadline = time.monotonic() + 20
    while session.unsearched() is not None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    end()
    assert order == [*range(20, 25), *range(20)]
    assert threading.active_count() <= before + 1
    assert np.isnan(kept.squares[3]).all()
    np.testing.assert_allclose(kept.squares[10], [10, 1, 20])
    np.testing.assert_allclose(kept.squares[25:], np.tile(SQUARE, (5, 1)))
    assert session.view().undo == 0


def test_labelled_frames_get_their_boxes_at_the_end() -> None:
    labels, squares = np.full(COUNT, -1), np.full((COUNT, 3), np.nan)
    labels[[4, 9, 12]] = 7
    squares[9] = SQUARE
    session, kept = begin(labels, squares)
    faces = FaceSquares(COUNT, lambda frame: np.full(3, np.nan if frame < 8 else 20.0))
    assert session.labelled_unsearched() == [4, 12]
    session.seek(12)
    assert (session.view().square, session.view().searching) == (None, True)
    search_labelled(session, faces)
    assert session.labelled_unsearched() == []
    assert (session.view().square, session.view().searching) == ((20, 20, 20), False)
    session.seek(4)
    assert (session.view().square, session.view().searching) == (None, False)
    assert np.flatnonzero(np.isfinite(kept.squares[:, 0])).tolist() == [9, 12]


def test_the_detectors_box_holds_the_face() -> None:
    """Of the astronaut, whose eyes and mouth lie at known places."""
    path = photograph()
    if not Path(path).is_file():
        pytest.skip("scikit-image's photograph is not there")
    image = np.asarray(cv2.imread(str(path))[..., ::-1], np.uint8)
    x, y, side = best_face(lambda frame: image, 2.0)(0)
    eyes, chin = (450, 210), (450, 345)
    assert x < eyes[0] - 100 < eyes[0] + 100 < x + side
    assert y < eyes[1] - 40
    assert chin[1] < y + side < chin[1] + 80


def grey(level: int, shape: tuple[int, int] = (48, 64)) -> np.ndarray:
    return np.full((*shape, 3), level, np.uint8)


def film(path: Path, count: int = 12, shape: tuple[int, int] = (48, 64)) -> Path:
    """A clip whose frames grow brighter: 20 per frame."""
    with VideoWriter(path, 10) as writer:
        for number in range(count):
            writer.write(grey(20 * number, shape))
    return path


def test_a_clips_pictures_have_their_numbers(tmp_path: Path) -> None:
    read = 0

    def advance() -> None:
        nonlocal read
        read += 1

    with clip_pictures(film(tmp_path / "a.mp4"), advance) as pictures:
        assert (len(pictures), read, pictures.rate, pictures.damage) == (12, 12, 10, "")
        assert (pictures.size, pictures.scale) == ((64, 48), 1)
        for number in (11, 0, 5, 6, 1):
            assert abs(pictures.image(number).mean() - 20 * number) < 6
            assert pictures.jpeg(number).startswith(b"\xff\xd8")
    with clip_pictures(film(tmp_path / "b.mp4", 1, (960, 2560))) as pictures:
        assert (pictures.size, pictures.scale) == ((2560, 960), 2)
        assert pictures.image(0).shape == (480, 1280, 3)


def test_of_a_damaged_clip_the_readable_frames_are_shown(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    rng = np.random.default_rng(0)
    for _ in range(10):
        writer.write(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
    writer.release()
    whole = (tmp_path / "a.avi").read_bytes()
    (tmp_path / "b.avi").write_bytes(whole[: len(whole) // 2])
    with clip_pictures(tmp_path / "b.avi") as pictures:
        assert 0 < len(pictures) < 10
        assert "damaged, only" in pictures.damage
    (tmp_path / "c.avi").write_bytes(b"RIFF")
    with pytest.raises(cascade.video.VideoError), clip_pictures(tmp_path / "c.avi"):
        pass


def test_the_picture_shows_box_label_and_strip() -> None:
    session, _ = begin([7] * 10 + [-1] * 20)
    session.seek(20)
    image = grey(128, (240, 320))
    plain = draw_view(session.view(), image, 1.0)
    rows, columns = np.nonzero((plain[:720, :900] == 231).any(axis=2))
    assert columns.min() == pytest.approx(100 * 2.8125, abs=4)
    assert rows.max() == pytest.approx(22 + 140 * 2.8125, abs=4)
    session.seek(3)
    labelled = draw_view(session.view(), image, 1.0)
    assert labelled.shape == plain.shape
    magenta = (0xF0, 0x32, 0xE6)
    strip = (plain[720:754] == magenta).all(axis=2)
    assert strip.any(axis=0).sum() == pytest.approx(plain.shape[1] / 3, abs=12)
    assert (labelled[:720, :900] == magenta).all(axis=2).sum() > 300, "the box and the smiley"
    half = draw_view(session.view(), image[::2, ::2], 2.0)
    assert abs(half.astype(int) - labelled).mean() < 2


def test_the_legend_shows_every_smiley_differently() -> None:
    session, _ = begin()
    picture = draw_view(session.view(), grey(0, (240, 320)), 1.0)
    lines = [picture[21 * n + 4 : 21 * n + 26, 900 + 60 : 900 + 125].tobytes() for n in range(17)]
    assert len(set(lines)) == 17
    assert all(max(line) > 200 for line in lines)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (-1, ""),
        (ord("w"), "w"),
        (ord("W"), "w"),
        (ord("W") | 1 << 16, "w"),
        (ord("5"), "5"),
        (65461, "5"),
        (32, "space"),
        (27, "escape"),
        (65361, "left"),
        (65361 | 1 << 16, "shift+left"),
        (0x270000, "right"),
        (63233, "down"),
        (65366, "pagedown"),
        (65366 | 1 << 16, "pagedown"),
        (8, "backspace"),
        (65535, "delete"),
        (65451, "+"),
        (0x6C3, "w"),
        (0x6E3, "w"),
        (0x6CF, "j"),
        (65505, ""),
        (0xE9, ""),
    ],
)
def test_keys_have_the_same_names_everywhere(code: int, name: str) -> None:
    assert key_name(code) == name


class Gui:
    """OpenCV's windows, with somebody at the keys."""

    def __init__(self, codes: list[int], closed_after: int = 10**9) -> None:
        self.codes, self.left, self.shown = codes, closed_after, []
        self.ended = False

    def namedWindow(self, title: str, flags: int) -> None:
        self.title = title

    def resizeWindow(self, title: str, width: int, height: int) -> None:
        self.size = width, height

    def imshow(self, title: str, picture: np.ndarray) -> None:
        self.shown.append(picture)

    def waitKeyEx(self, milliseconds: int) -> int:
        self.left -= 1
        return self.codes.pop(0) if self.codes else -1

    def getWindowProperty(self, title: str, what: int) -> float:
        return 1.0 if self.left > 0 else -1.0

    def destroyAllWindows(self) -> None:
        self.ended = True


def test_the_window_passes_keys_on_and_ends(tmp_path: Path) -> None:
    session, kept = begin([-1] * 12, size=(64, 48))
    moments = iter(np.arange(0, 100, 0.1))
    with clip_pictures(film(tmp_path / "a.mp4")) as pictures:
        gui = Gui([ord("w"), -1, -1, 65363, 32, -1, ord("q"), ord("a")])
        show_window(session, pictures, "a", gui=gui, clock=lambda: float(next(moments)))
        assert kept.labels[:3] == [3, -1, -1]
        assert where(session) == 4, "it played for two tenths of a second"
        assert gui.ended
        assert len(gui.shown) == 5, "drawn only where something has changed"
        assert gui.shown[0].shape[:2] == gui.size[::-1]
        gui = Gui([], closed_after=3)
        show_window(session, pictures, "a", gui=gui)
        assert gui.ended


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find one face, of 20 x 20 pixels, in any photograph."""

    class Fake:
        def __init__(self, **options: Any) -> None:
            pass

        def detect(self, image: np.ndarray) -> Detection:
            boxes = np.array([[10, 10, 20, 20], [0, 0, 9, 9]], np.float32)
            return Detection(boxes, np.array([0.9, 0.8], np.float32))

    monkeypatch.setattr(cascade.detector, "Detector", Fake)


def at_the_keys(monkeypatch: pytest.MonkeyPatch, keys: str, ports: list[int] | None = None) -> None:
    """Let the web's server be a browser that presses keys, then Ctrl-C."""
    tokens: list[str] = []

    def serve(
        app: Any, *, token: str, port: int, open_browser: bool, say: Callable[[str], None]
    ) -> None:
        http = app.test_client()
        assert http.get("/").status_code == 401
        assert len(token) >= 32
        assert token not in tokens
        tokens.append(token)
        page = http.get("/", query_string={"token": token}, follow_redirects=True).text
        csrf = re.findall(r'csrf-token" content="([\w-]+)"', page)[0]
        sent = {"Origin": "http://localhost", "X-CSRF-Token": csrf}
        for key in keys.split():
            answer = http.post("/api/key", json={"key": key}, headers=sent)
            assert answer.status_code == 200, answer.text
        clip = answer.get_json()["clip"]
        assert http.get(f"/api/frames/{clip}/0").data.startswith(b"\xff\xd8")
        if ports is not None:
            ports.append(port)

    monkeypatch.setattr(monitor.labelling, "serve", serve)


@pytest.mark.usefixtures("detector")
def test_several_clips_share_a_list_and_are_gone_on_with(
    lasagnette: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports: list[int] = []
    at_the_keys(monkeypatch, "v right right w n", ports)
    for name in ("a", "b"):
        outcome = lasagnette(
            *("smileys", "label", film(tmp_path / f"{name}.mp4"), "--web", "--port", "77")
        )
        assert outcome.code == 0
        assert f"frames.csv: 4 of 12 frames of {name} labelled" in outcome.stderr
    at_the_keys(monkeypatch, "d 5 6")
    assert lasagnette("smileys", "label", tmp_path / "a.mp4", "--web").code == 0
    assert ports == [77, 77]
    found = frames.load(tmp_path / "frames.csv")
    assert found.problems == []
    assert found.clips["b"].labels.tolist() == [3, 3, 3, 7] + [-1] * 8
    assert found.clips["a"].labels.tolist() == [3, 3, 3, 7, 2] + [-1] * 7
    assert found.clips["a"].frames.tolist() == list(range(12))
    expected = (10 - 1.3, 10 - 1.3 + 1.85, 22.6)  # smoothed, brows to chin
    for name, end in (("a", 6), ("b", 4)):
        assert np.isfinite(found.clips[name].squares[:end]).all(), "labelled, and without a box"
    np.testing.assert_allclose(found.clips["a"].squares[0], expected, atol=0.06)
    moved = found.clips["a"].squares[5] - found.clips["a"].squares[0]
    np.testing.assert_allclose(moved, [1, 0, 0], atol=0.06)


@pytest.mark.usefixtures("detector")
def test_a_list_elsewhere_and_what_is_wrong_with_it(
    lasagnette: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_keys(monkeypatch, "w")
    clip, path = film(tmp_path / "a.mp4"), tmp_path / "other.csv"
    path.write_text("clip,frame,label,x,y,side\nb,0,99,,,\na,2,7,,,\n")
    outcome = lasagnette("smileys", "label", clip, "--web", "--frames", path)
    assert outcome.code == 0
    assert "other.csv, line 2: damaged, passed over: 'b,0,99,,,'" in outcome.stderr
    assert frames.load(path).clips["a"].labels.tolist() == [-1, -1, 7, 3] + [-1] * 8
    assert not (tmp_path / "frames.csv").exists()
    path.write_text("clip,frame,label,x,y,side\na,12,7,,,\n")
    outcome = lasagnette("smileys", "label", clip, "--web", "--frames", path)
    assert outcome.code == 1
    assert "has frame 12 of 'a', and the video has 12: it is another video" in outcome.stderr
    outcome = lasagnette("smileys", "label", clip, "--web", "--frames", tmp_path / "no" / "x.csv")
    assert (outcome.code, "the list cannot be written" in outcome.stderr) == (1, True)
    for name in ("absent.mp4", "other.csv"):
        outcome = lasagnette("smileys", "label", tmp_path / name, "--web")
        assert (outcome.code, "cannot be read" in outcome.stderr) == (1, True)


def test_without_a_screen_it_names_the_way_out(
    lasagnette: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(cascade.video.sys, "platform", "linux")
    outcome = lasagnette("smileys", "label", film(tmp_path / "a.mp4"))
    assert outcome.code == 1
    assert outcome.stderr.startswith("Error: No window can be opened: ")
    assert outcome.stderr.endswith(". Use --web to label in a browser.\n")
    assert not (tmp_path / "frames.csv").exists()


def test_the_commands_help() -> None:
    group = cli.commands["smileys"]
    assert isinstance(group, click.Group)
    names = group.list_commands(None)  # type: ignore[arg-type]
    assert names[:2] == ["label", "extract"]
    for name in names:
        command = group.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        assert command.help
        options = [one for one in command.params if isinstance(one, click.Option)]
        assert all(option.help for option in options)
    assert group.get_command(None, "label_window") is None  # type: ignore[arg-type]


def test_a_killed_process_loses_no_key(tmp_path: Path) -> None:
    """Killed while keys are being pressed: what was answered is there, in a whole file."""
    path = tmp_path / "frames.csv"
    other = np.array([[1, 2, 3]] * 2000, np.float32)
    saver(path, "other")(np.full(2000, 5, np.int32), other)
    before = path.read_bytes()
    program = (
        "import sys; from pathlib import Path\n"
        "from scripts.smileys_label_list import known, saver\n"
        "from scripts.smileys_label_session import Session\n"
        "path = Path(sys.argv[1])\n"
        "labels, squares, _ = known(path, 'a', 3000)\n"
        "session = Session(labels, squares, size=(9, 9), rate=9, save=saver(path, 'a'),\n"
        "                  find=lambda frame: None)\n"
        "print('ready', flush=True)\n"
        "while True: session.press('w'); print(session.view().frame, flush=True)\n"
    )
    root = Path(frames.__file__).parents[2]
    first = 0
    for lines in (3, 17):
        with subprocess.Popen(
            [sys.executable, "-c", program, str(path)],
            cwd=root,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            for _ in range(lines):
                answered = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            whole_lines = process.stdout.read().rpartition("\n")[0].split()
        answered = max([answered, *map(int, whole_lines)])
        found = frames.load(path)
        assert found.problems == []
        labels = found.clips["a"].labels
        assert (labels[:answered] == 3).all(), "a key that was answered is lost"
        assert answered >= first + lines
        assert len(labels) == 3000
        assert path.read_bytes().startswith(before)
        first = answered
    assert set(os.listdir(tmp_path)) <= {"frames.csv", ".frames.csv.part"}
    labels, _, problems = known(path, "a", 3000)
    assert problems == []
    session = Session(labels, other[:1].repeat(3000, 0), size=(9, 9), rate=9,
                      save=saver(path, "a"), find=lambda frame: None)  # fmt: skip
    assert where(session) >= first
    session.press("w")
    assert os.listdir(tmp_path) == ["frames.csv"], "what the killed one left is gone"
