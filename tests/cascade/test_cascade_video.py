"""Videos: what is one, reading, writing, cameras and windows that are absent."""

import sys

import cv2
import numpy as np
import pytest
from PIL import Image

import cascade.video
from cascade.video import (
    VideoError,
    VideoWriter,
    is_video,
    keep_pace,
    open_camera,
    open_video,
    why_no_windows,
)


def grey(level, shape=(32, 48)):
    return np.full((*shape, 3), level, np.uint8)


def clip(path, levels=(0, 40, 80, 120, 160), rate=10.0, shape=(32, 48)):
    with VideoWriter(path, rate) as writer:
        for level in levels:
            writer.write(grey(level, shape))
    return path


def foreign(path, fourcc):
    """A video in another container."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*fourcc), 10, (48, 32))
    for level in (0, 100):
        writer.write(grey(level))
    writer.release()
    return path


@pytest.mark.parametrize(
    ("ending", "fourcc"),
    [("mp4", "mp4v"), ("mov", "mp4v"), ("avi", "MJPG"), ("mkv", "XVID"), ("webm", "VP80")],
)
def test_every_usual_container_is_known_by_its_content(tmp_path, ending, fourcc):
    path = foreign(tmp_path / f"a.{ending}", fourcc).rename(tmp_path / "a.jpg")
    assert is_video(path)
    with open_video(path) as video:
        found = [(number, round(seconds, 3)) for number, seconds, _ in video.frames()]
    assert found == [(0, 0), (1, 0.1)]


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "gif", "tif", "bmp", "avif"])
def test_pictures_are_no_videos(tmp_path, ending):
    path = tmp_path / "picture.mp4"
    try:
        Image.fromarray(grey(9)).save(path, {"jpg": "jpeg", "tif": "tiff"}.get(ending, ending))
    except (KeyError, OSError):
        pytest.skip(f"this Pillow writes no {ending}")
    assert not is_video(path)


def test_what_cannot_be_read_is_no_video(tmp_path):
    (tmp_path / "empty.mp4").touch()
    assert not is_video(tmp_path / "empty.mp4")
    assert not is_video(tmp_path / "absent.mp4")
    assert not is_video(tmp_path)


def test_what_was_written_is_read(tmp_path):
    with open_video(clip(tmp_path / "a.mp4")) as video:
        assert (video.rate, video.count) == (10, 5)
        frames = list(video.frames())
    assert [number for number, _, _ in frames] == [0, 1, 2, 3, 4]
    np.testing.assert_allclose([seconds for _, seconds, _ in frames], [0, 0.1, 0.2, 0.3, 0.4])
    for level, (_, _, pixels) in zip((0, 40, 80, 120, 160), frames, strict=True):
        assert pixels.shape == (32, 48, 3)
        assert pixels.dtype == np.uint8
        assert abs(pixels.mean() - level) < 6


def test_colours_are_rgb_both_ways(tmp_path):
    red = np.zeros((32, 48, 3), np.uint8)
    red[..., 0] = 200
    with VideoWriter(tmp_path / "a.mp4", 10) as writer:
        writer.write(red)
    with open_video(tmp_path / "a.mp4") as video:
        ((_, _, pixels),) = video.frames()
    assert pixels[..., 0].mean() > 150
    assert pixels[..., 2].mean() < 50


@pytest.mark.parametrize(
    ("every", "first", "numbers"), [(2, 0, [0, 2, 4]), (3, 1, [3]), (1, 4, [4]), (9, 1, [])]
)
def test_frames_are_passed_over(tmp_path, every, first, numbers):
    with open_video(clip(tmp_path / "a.mp4")) as video:
        found = [(n, round(p.mean() / 40)) for n, _, p in video.frames(every=every, first=first)]
    assert found == [(number, number) for number in numbers]


def test_odd_sides_grow_by_one_and_other_sizes_are_resized(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 10) as writer:
        writer.write(grey(50, (33, 47)))
        writer.write(grey(50, (66, 94)))
    with open_video(tmp_path / "a.mp4") as video:
        frames = [pixels for _, _, pixels in video.frames()]
    assert [pixels.shape for pixels in frames] == [(34, 48, 3)] * 2
    assert abs(frames[1].mean() - 50) < 6


def test_an_error_leaves_a_whole_file(tmp_path):
    def interrupted():
        with VideoWriter(tmp_path / "a.mp4", 10) as writer:
            writer.write(grey(50))
            assert not (tmp_path / "a.mp4").exists(), "it has its name before it is complete"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    with open_video(tmp_path / "a.mp4") as video:
        assert len(list(video.frames())) == 1


def test_no_frame_makes_no_file(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 10):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_cannot_be_written(tmp_path):
    writer = VideoWriter(tmp_path / "absent" / "a.mp4", 10)
    with pytest.raises(VideoError, match=r"a\.mp4: the video cannot be written"):
        writer.write(grey(50))
    writer.close()


def test_damage_is_told_after_what_can_be_read(tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (48, 32))
    rng = np.random.default_rng(0)
    for _ in range(10):
        writer.write(rng.integers(0, 256, (32, 48, 3), dtype=np.uint8))
    writer.release()
    whole = (tmp_path / "a.avi").read_bytes()
    (tmp_path / "b.avi").write_bytes(whole[: len(whole) // 2])
    with open_video(tmp_path / "b.avi") as video:
        frames = video.frames()
        assert next(frames)[0] == 0
        with pytest.raises(VideoError, match=r"b\.avi: damaged, only \d of its 10 frames"):
            list(frames)
    (tmp_path / "c.mp4").write_bytes(clip(tmp_path / "d.mp4").read_bytes()[:60])
    with pytest.raises(VideoError, match=r"c\.mp4: a video that cannot be read"):
        open_video(tmp_path / "c.mp4")


def test_a_camera_that_is_absent(capfd):
    with pytest.raises(VideoError, match="camera 77: there is none"):
        open_camera(77)
    captured = capfd.readouterr()
    assert captured.err == "", "OpenCV's own lines are on stderr"


def paced(times, rate):
    """How often each frame is written."""
    counts = []
    for seconds in times:
        counts.append(keep_pace(seconds, rate, sum(counts)))
    return counts


def test_frames_are_repeated_or_left_out_to_keep_pace():
    assert paced([n / 25 for n in range(6)], 25) == [1] * 6
    assert paced([n / 12.5 for n in range(5)], 25) == [1, 2, 2, 2, 2]
    assert paced([n / 20 for n in range(5)], 30) == [1, 1, 2, 1, 2]
    assert paced([n / 30 for n in range(14)], 25) == [1] * 6 + [0] + [1] * 5 + [0, 1]
    assert paced([0, 0, 0, 4, 4, 4.5], 2) == [1, 0, 0, 8, 0, 1]


def test_late_and_early_frames_are_all_written():
    early = np.random.default_rng(0).uniform(-0.45, 0.45, 200)
    assert paced((np.arange(200) + early - early[0]) / 25, 25) == [1] * 200


@pytest.mark.parametrize("rate", [5, 12.5, 25, 29.97, 60])
def test_a_paced_video_is_never_a_frame_ahead_or_behind(rate):
    times = np.random.default_rng(1).exponential(1 / 14, 300).cumsum()
    times -= times[0]
    ends = np.cumsum(paced(times, rate))
    assert np.abs(ends - 1 - times * rate).max() < 1 + 1e-9


def test_windows_need_a_display_and_a_build_with_them(monkeypatch):
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "\n  GUI:   NONE\n")
    assert "headless build" in why_no_windows()
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: "\n  GUI:   QT5\n")
    monkeypatch.setattr(cascade.video.sys, "platform", "linux")
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    assert "no display" in why_no_windows()
    monkeypatch.setenv("DISPLAY", ":0")
    assert why_no_windows() == ""
    assert cascade.video.sys is sys
