"""`lasagnette smile --video`: videos in and out, lines per frame, cameras."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from smile_command import clip, photo
from smile_nets import SquareDetector, faces_on_black, smile_file

import cascade.detector
import cascade.video
from cascade.draw_smiles import COLOUR
from cascade.video import open_video
from scripts.smile_sources import slow_down

Run = Callable[..., Any]


@pytest.fixture
def run(lasagnette: Run, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any) -> Run:
    """Call `lasagnette smile` with the net and the detector of grey faces."""
    monkeypatch.setattr(cascade.detector, "Detector", SquareDetector)
    net = smile_file(tmp_path_factory.mktemp("net"))
    return lambda *words: lasagnette("smile", "--net", net, *words)


def plates(pixels: np.ndarray) -> int:
    """How many pixels are as yellow as a plate."""
    return int((np.abs(pixels.astype(int) - COLOUR).max(axis=2) < 60).sum())


SMILEYS = [":-D"] * 8 + [":-O"] + [":-D"] * 3 + [":-O"] * 10


def test_a_video_is_written_with_its_smileys(run: Run, tmp_path: Path) -> None:
    source, target = clip(tmp_path / "in.mp4", SMILEYS), tmp_path / "out.mp4"
    outcome = run("--video", source, "--out", target)
    assert outcome.code == 0
    assert outcome.stdout == "0:00.00  :-D\n0:01.20  :-O\n"  # a frame at 0:00.80 is no change
    assert outcome.stderr.strip().endswith(f"framed and their smileys drawn: {target}")
    with open_video(target) as video:
        frames = list(video.frames())
        assert video.rate == 10
    assert [number for number, _, _ in frames] == list(range(22))
    assert all(pixels.shape == (120, 200, 3) for _, _, pixels in frames)
    assert all(plates(pixels) > 60 for _, _, pixels in frames)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


def test_without_hold_and_spread_every_frame_counts(run: Run, tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", SMILEYS)
    outcome = run("--video", source, "--hold", 0, "--spread", 1)
    assert [line.split()[1] for line in outcome.stdout.splitlines()] == [":-D", ":-O"] * 2


def test_a_line_of_json_per_frame(run: Run, tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", [":-D"] * 4 + [""] * 6 + [":-D"])
    outcome = run("--json", "--every", 2, "--video", source)
    lines = outcome.lines()
    assert [(line["frame"], line["time"]) for line in lines] == [(n, n / 10) for n in range(11)]
    assert list(lines[0]) == ["file", "frame", "time", "width", "height", "faces"]
    (face,) = lines[0]["faces"]
    assert (face["track"], face["found"], face["smiley"]) == (1, True, ":-D")
    assert len(face["probabilities"]) == 17
    found = [[one["found"] for one in line["faces"]] for line in lines]
    assert found == [[True]] * 4 + [[False]] * 2 + [[]] * 4 + [[True]]
    assert lines[-1]["faces"][0]["track"] == 2


def test_a_video_slowed(run: Run, tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", [":-D"] * 6, rate=20)
    assert run("--video", source, "--slow", 4, "--out", tmp_path / "out").code == 0
    with open_video(tmp_path / "out" / "in.mp4") as video:
        assert (video.rate, video.count) == (10, 12)  # 5 per second, each of them twice


@pytest.mark.parametrize(
    ("rate", "slow", "expected"),
    [
        (25, 1, (25, 1)),
        (25, 2, (12.5, 1)),
        (25, 4, (12.5, 2)),
        (30, 3, (10, 1)),
        (30, 10, (12, 4)),
        (5, 1, (5, 1)),
    ],
)
def test_slowing_down_keeps_enough_frames(
    rate: float, slow: float, expected: tuple[float, int]
) -> None:
    assert slow_down(rate, slow) == pytest.approx(expected)
    written, repeats = slow_down(rate, slow)
    assert repeats / written == pytest.approx(slow / rate), "a frame's time on the screen"


def test_videos_and_photographs_together(run: Run, tmp_path: Path) -> None:
    me = photo(tmp_path / "me.png", ":-P")
    first = clip(tmp_path / "a.mp4", [":-D"] * 3)
    second = clip(tmp_path / "b.mp4", [""] * 3)
    outcome = run("--video", first, me, second, "--out", tmp_path / "out")
    assert outcome.code == 0
    assert outcome.stdout.splitlines() == [
        f"{first}: 0:00.00  :-D",
        f"{me}: :-P",
        f"{second}: 0:00.00  no face",
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("a.mp4", "b.mp4", "me.jpg")
    ]


def test_quiet_prints_the_changes_alone(run: Run, tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mp4", [":-D"] * 4 + [""] * 6)
    assert run("-q", "--video", source).stdout == ":-D\n\n"


def test_what_is_no_video_is_told_and_the_rest_goes_on(run: Run, tmp_path: Path) -> None:
    me = photo(tmp_path / "me.png", ":-P")
    absent, headless = tmp_path / "absent.mp4", tmp_path / "headless.mp4"
    headless.write_bytes(clip(tmp_path / "x.mp4", [":-D"]).read_bytes()[:100])
    words = [word for path in (me, absent, headless) for word in ("--video", path)]
    outcome = run(*words, "--slow", 2, "--out", tmp_path / "out", "--json", me)
    assert outcome.code == 1
    no_video, missing, unreadable, photograph = outcome.lines()
    assert no_video["error"] == f"{me}: not a video (MP4, MOV, AVI, MKV or WebM)"
    assert missing["error"] == f"{absent}: there is no such file"
    assert "a video that cannot be read" in unreadable["error"]
    assert photograph["faces"][0]["smiley"] == ":-P"
    for line in (no_video, missing, unreadable):
        assert line["error"] in outcome.stderr


def test_a_damaged_video_gives_what_can_be_read_and_an_error(run: Run, tmp_path: Path) -> None:
    whole = tmp_path / "whole.avi"
    writer = cv2.VideoWriter(str(whole), cv2.VideoWriter.fourcc(*"MJPG"), 10, (200, 120))
    rng = np.random.default_rng(0)
    for _ in range(12):
        noise = rng.integers(0, 20, (120, 200, 3), dtype=np.uint8)
        writer.write(np.maximum(noise, faces_on_black([(70, 30, ":-D")])))
    writer.release()
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    outcome = run("--json", "--video", cut, "--out", tmp_path / "out.mp4")
    assert outcome.code == 1
    *frames, broken = outcome.lines()
    assert 1 <= len(frames) < 11
    assert all(line["faces"][0]["smiley"] == ":-D" for line in frames)
    assert f"damaged, only {len(frames)} of its 12 frames" in broken["error"]
    with open_video(tmp_path / "out.mp4") as video:
        assert len(list(video.frames())) == len(frames)


def test_a_video_without_a_face(run: Run, tmp_path: Path) -> None:
    outcome = run("--video", clip(tmp_path / "in.mp4", [""] * 5), "--out", tmp_path / "out.mp4")
    assert (outcome.code, outcome.stdout) == (0, "0:00.00  no face\n")
    with open_video(tmp_path / "out.mp4") as video:
        assert [plates(pixels) for _, _, pixels in video.frames()] == [0] * 5


def test_ctrl_c_leaves_a_whole_video(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = []
    real = SquareDetector._find

    def interrupted(self: Any, image: np.ndarray) -> Any:
        searched.append(1)
        if len(searched) == 3:
            raise KeyboardInterrupt
        return real(self, image)

    monkeypatch.setattr(SquareDetector, "_find", interrupted)
    source = clip(tmp_path / "in.mp4", [":-D"] * 9)
    outcome = run("--json", "--every", 2, "--video", source, "--out", tmp_path / "out.mp4")
    assert outcome.code == 130
    assert [line["frame"] for line in outcome.lines()] == [0, 1, 2, 3]
    with open_video(tmp_path / "out.mp4") as video:
        assert len(list(video.frames())) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


def test_a_bar_counts_the_frames(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[Any] = []

    class Noting:
        def __init__(self, total: int, description: str, **options: int) -> None:
            counted.append((total, description))

        def __enter__(self) -> Noting:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def advance(self) -> None:
            counted.append(1)

        def line(self, text: str) -> None:
            pass

        note = line

    monkeypatch.setattr("scripts.smile.Progress", Noting)
    run(clip(tmp_path / "a.mp4", [":-D"] * 5), photo(tmp_path / "me.png"), tmp_path / "absent.png")
    assert counted == [(7, "frames")] + [1] * 7


class Camera:
    """Gives frames at these seconds, then the user's Ctrl-C; the clock that tells so, too."""

    def __init__(self, *seconds: float) -> None:
        self.seconds = seconds
        self.frames = 0

    def monotonic(self) -> float:
        return 1000 + self.seconds[max(0, self.frames - 2)]

    def isOpened(self) -> bool:
        return True

    def get(self, what: int) -> float:
        return 0

    def grab(self) -> bool:
        self.frames += 1
        if self.frames > len(self.seconds) + 1:  # the first one shows that it works
            raise KeyboardInterrupt
        return True

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, faces_on_black([(70, 30, ":-*")])

    def release(self) -> None:
        pass


def test_a_camera_without_a_window(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = Camera(0, 0.04, 0.08)
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: camera)
    monkeypatch.setattr(cascade.video, "time", camera)
    monkeypatch.setattr(cascade.video, "why_no_windows", lambda: "no display here")
    outcome = run("--camera", 0, "--json", "--out", tmp_path / "out.mp4")
    assert outcome.code == 130
    assert [(line["frame"], line["faces"][0]["smiley"]) for line in outcome.lines()] == [
        (number, ":-*") for number in range(3)
    ]
    monkeypatch.undo()
    with open_video(tmp_path / "out.mp4") as video:
        assert len(list(video.frames())) == 3


@pytest.mark.parametrize(("slow", "rate", "repeats"), [(1, 25, 1), (4, 12.5, 2)])
def test_a_cameras_video_plays_as_fast_as_it_happened(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    slow: float,
    rate: float,
    repeats: int,
) -> None:
    # It announces 25 frames per second; the fourth and fifth come at once after the third.
    camera = Camera(0.1, 0.3, 0.7, 0.71, 0.72, 1.3)
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: camera)
    monkeypatch.setattr(cascade.video, "time", camera)
    monkeypatch.setattr(cascade.video, "why_no_windows", lambda: "no display here")
    outcome = run("--camera", 0, "--json", "--slow", slow, "--out", tmp_path / "out.mp4")
    assert [line["time"] for line in outcome.lines()] == [0, 0.2, 0.6, 0.61, 0.62, 1.2]
    monkeypatch.undo()
    with open_video(tmp_path / "out.mp4") as video:
        assert video.rate == rate
        count = len(list(video.frames()))
    assert count == (1 + 5 + 10 + 1 + 0 + 14) * repeats
    assert count / rate == pytest.approx(slow * (1.2 + 1 / 25)), "seconds"


def test_a_cameras_window_is_closed_by_a_key(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[int] = []
    keys = iter([-1, ord("q")])
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: Camera(0, 0, 0))
    monkeypatch.setattr(cascade.video, "why_no_windows", lambda: "")
    monkeypatch.setattr(
        cv2, "imshow", lambda title, pixels: shown.append(plates(pixels[..., ::-1]))
    )
    monkeypatch.setattr(cv2, "waitKey", lambda wait: next(keys))
    monkeypatch.setattr(cv2, "getWindowProperty", lambda title, what: 1.0)
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: shown.append(-1))
    outcome = run("--camera", 0)
    assert outcome.code == 0
    assert outcome.stdout.split()[1:] == [":-*"]
    assert len(shown) == 3
    assert min(shown[:2]) > 60
    assert shown[2] == -1


def test_a_camera_that_is_absent(run: Run) -> None:
    outcome = run("--camera", 77, "--json")
    assert outcome.code == 1
    assert outcome.stderr.splitlines()[-1].startswith("camera 77: there is none")
