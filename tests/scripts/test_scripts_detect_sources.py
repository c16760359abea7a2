"""Where `lasagnette detect` takes its pictures from."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import cascade.video
from cascade.video import VideoWriter, open_video

Run = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("fake_detector")


def photo(path: Path, size: tuple[int, int] = (8, 6)) -> Path:
    Image.new("RGB", size, (200, 100, 50)).save(path)
    return path


def clip(path: Path, frames: int = 5) -> Path:
    with VideoWriter(path, rate=10) as writer:
        for number in range(frames):
            writer.write(np.full((32, 48, 3), 20 * number, np.uint8))
    return path


@pytest.fixture
def send(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Put bytes on standard input."""

    def send(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return send


def test_a_photograph_on_standard_input(
    lasagnette: Run, send: Callable[[bytes], None], tmp_path: Path
) -> None:
    send(photo(tmp_path / "a.png").read_bytes())
    outcome = lasagnette("detect", "--out", tmp_path / "out", "-", photo(tmp_path / "b.png"))
    assert outcome.code == 0
    assert [(line["file"], line["width"]) for line in outcome.lines()] == [
        ("-", 8),
        (str(tmp_path / "b.png"), 8),
    ]
    assert (tmp_path / "out" / "stdin.jpg").is_file()


@pytest.mark.parametrize(
    ("data", "reason"), [(b"", "nothing came"), (b"no picture", "not a picture")]
)
def test_standard_input_without_a_photograph(
    lasagnette: Run, send: Callable[[bytes], None], data: bytes, reason: str
) -> None:
    send(data)
    outcome = lasagnette("detect", "-")
    assert outcome.code == 1
    (line,) = outcome.lines()
    assert line["file"] == "-"
    assert reason in line["error"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\0"])
def test_names_in_a_list(
    lasagnette: Run,
    send: Callable[[bytes], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["b c.png", "-", "ü.png"]
    for name in names:
        photo(Path(name) if name != "-" else Path("-.png")).rename(name)
    send((end.join(names) + end).encode())
    outcome = lasagnette("detect", "--files-from", "-")
    assert outcome.code == 0
    assert [line["file"] for line in outcome.lines()] == ["b c.png", "-", "ü.png"]
    Path("list").write_bytes((end.join(names) + end).encode())
    again = lasagnette("detect", "--files-from", "list", "ü.png")
    assert [line["file"] for line in again.lines()] == ["ü.png", "b c.png", "-"]


def test_a_video_has_a_line_per_frame_whatever_its_name(lasagnette: Run, tmp_path: Path) -> None:
    video = clip(tmp_path / "clip.mp4").rename(tmp_path / "clip.jpg")
    before, after = photo(tmp_path / "a.png"), photo(tmp_path / "z.png")
    outcome = lasagnette("detect", "--every", 2, before, video, after)
    assert outcome.code == 0
    first, *frames, last = outcome.lines()
    assert [first["file"], last["file"]] == [str(before), str(after)]
    assert [(line["frame"], line["time"]) for line in frames] == [(0, 0), (2, 0.2), (4, 0.4)]
    assert list(frames[0]) == ["file", "frame", "time", "width", "height", "faces"]
    assert (frames[0]["width"], frames[0]["height"]) == (48, 32)
    assert len(frames[0]["faces"]) == 2


def test_a_video_in_csv(lasagnette: Run, tmp_path: Path) -> None:
    inputs = [photo(tmp_path / "a.png"), clip(tmp_path / "b.mp4", 1)]
    outcome = lasagnette("detect", "--format", "csv", "--max-faces", 1, *inputs)
    assert outcome.stdout.splitlines() == [
        "file,frame,time,x,y,width,height,score",
        f"{inputs[0]},,,0.12,-1.0,8.0,6.0,0.75",
        f"{inputs[1]},0,0.0,0.12,-1.0,48.0,32.0,0.75",
    ]


def test_videos_are_written_again_with_their_faces_framed_and_hidden(
    lasagnette: Run, tmp_path: Path
) -> None:
    videos = [clip(tmp_path / "a.mp4"), clip(tmp_path / "b.mp4", 3)]
    options = ("--out", tmp_path / "out", "--blur", tmp_path / "hidden", "--crop", tmp_path / "c")
    outcome = lasagnette("detect", *options, *videos)
    assert outcome.code == 0
    for folder in ("out", "hidden"):
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == ["a.mp4", "b.mp4"]
        with open_video(tmp_path / folder / "a.mp4") as video:
            assert [number for number, _, _ in video.frames()] == [0, 1, 2, 3, 4]
            assert video.rate == 10
    assert (tmp_path / "c" / "a-000004-face2.jpg").is_file()
    assert f"2 videos with their faces framed: {tmp_path / 'out'}" in outcome.stderr


def test_ctrl_c_leaves_a_whole_video(
    lasagnette: Run, tmp_path: Path, fake_detector: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Any, items: Any, **options: Any) -> Any:
        for number, (key, image) in enumerate(items):
            if number == 3:
                raise KeyboardInterrupt
            yield key, self.faces(image, trace=False)

    monkeypatch.setattr(fake_detector, "detect_many", interrupted)
    outcome = lasagnette("detect", "--out", tmp_path / "out", clip(tmp_path / "a.mp4"))
    assert outcome.code == 130
    assert [line["frame"] for line in outcome.lines()] == [0, 1, 2]
    with open_video(tmp_path / "out" / "a.mp4") as video:
        assert len(list(video.frames())) == 3
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.mp4"]


def test_a_damaged_video_gives_what_can_be_read_and_an_error(
    lasagnette: Run, tmp_path: Path
) -> None:
    whole = tmp_path / "whole.avi"
    writer = cv2.VideoWriter(str(whole), cv2.VideoWriter.fourcc(*"MJPG"), 10, (48, 32))
    rng = np.random.default_rng(0)
    for _ in range(10):
        writer.write(rng.integers(0, 256, (32, 48, 3), dtype=np.uint8))
    writer.release()
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    headless = tmp_path / "headless.mp4"
    headless.write_bytes(clip(tmp_path / "x.mp4").read_bytes()[:100])
    outcome = lasagnette("detect", cut, headless, photo(tmp_path / "a.png"))
    assert outcome.code == 1
    *frames, broken, unreadable, last = outcome.lines()
    assert [line["frame"] for line in frames] == list(range(len(frames)))
    assert 1 <= len(frames) < 9
    assert f"only {len(frames)} of its 10 frames" in broken["error"]
    assert "a video that cannot be read" in unreadable["error"]
    assert last["file"] == str(tmp_path / "a.png")


def test_a_camera_that_is_absent(lasagnette: Run) -> None:
    outcome = lasagnette("detect", "--camera", 77)
    assert outcome.code == 1
    assert [line["file"] for line in outcome.lines()] == ["camera 77"]
    assert outcome.stderr.splitlines()[-1].startswith("camera 77: there is none")


class Camera:
    """Three frames within a second, then the user's Ctrl-C; the clock that tells so, too."""

    seconds = (0, 0.2, 1)

    def __init__(self) -> None:
        self.frames = 0

    def isOpened(self) -> bool:
        return True

    def get(self, what: int) -> float:
        return 0

    def monotonic(self) -> float:
        return self.seconds[max(0, self.frames - 2)]

    def grab(self) -> bool:
        self.frames += 1
        if self.frames > 4:  # the first one shows that it works
            raise KeyboardInterrupt
        return True

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, np.full((32, 48, 3), 50, np.uint8)

    def release(self) -> None:
        pass


def test_a_camera_until_ctrl_c(
    lasagnette: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = Camera()
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: camera)
    monkeypatch.setattr(cascade.video, "time", camera)
    outcome = lasagnette("detect", "--camera", 0, "--out", tmp_path / "out")
    assert outcome.code == 130
    assert [(line["file"], line["frame"]) for line in outcome.lines()] == [
        ("camera 0", number) for number in range(3)
    ]
    monkeypatch.undo()
    with open_video(tmp_path / "out" / "camera-0.mp4") as video:
        assert video.rate == 25
        assert len(list(video.frames())) == 1 + 5 + 20, "as many as 25 per second have in 1 second"


def test_a_window_is_closed_by_a_key(
    lasagnette: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[int, ...]] = []
    keys = iter([-1, -1, ord("q")])
    monkeypatch.setattr(cascade.video, "why_no_windows", lambda: "")
    monkeypatch.setattr(cv2, "imshow", lambda title, pixels: shown.append(pixels.shape))
    monkeypatch.setattr(cv2, "waitKey", lambda wait: next(keys))
    monkeypatch.setattr(cv2, "getWindowProperty", lambda title, what: 1.0)
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: shown.append(()))
    outcome = lasagnette("detect", "--show", clip(tmp_path / "a.mp4"))
    assert outcome.code == 0
    assert shown == [(32, 48, 3)] * 3 + [()]


def test_without_windows_a_sentence_says_so(
    lasagnette: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:      NONE\n")
    outcome = lasagnette("detect", "--show", clip(tmp_path / "a.mp4"))
    assert outcome.code == 2
    assert "headless build" in " ".join(outcome.stderr.split())
