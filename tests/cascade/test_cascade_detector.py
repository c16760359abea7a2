"""The whole cascade on synthetic pictures, with nets of random weights."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from cascade_nets import answering, contrast, picture, random_net

from augment.boxes import iou_matrix
from augment.calibration import encode
from augment.functional import crop_many
from cascade import bundle
from cascade.bundle import Cascade, Stage, WeightsError
from cascade.detector import Detection, Detector
from cascade.nms import filter_frames
from cascade.windows import count_windows, offsets, pyramid
from lasagnette.ops.kernels.pools import threads

ROOT = Path(__file__).resolve().parents[2]
FIRST = Stage(random_net("net12", 4), 0.5)
CASCADE = Cascade((FIRST, Stage(answering("net48", 48, 2, contrast), 0.5)), factor=1.2)
STAGE_NAMES = [
    *("net12", "net12_cal", "net12 in size"),
    *("net24", "net24 in size", "all sizes", "net24_cal", "at last"),
]


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(CASCADE, min_face=24, batch_size=16)


@pytest.fixture(scope="module")
def calibrated() -> Cascade:
    """Four folded nets of random weights, on two stages."""
    stages = (
        Stage(random_net("net12", 4), 0.5, random_net("net12_cal", 5, gain=4), 0.5),
        Stage(random_net("net24", 10), 0.5, random_net("net24_cal", 7, gain=4), 0.5),
    )
    return Cascade(stages, stride=4, factor=1.2, overlap=0.3)


def assert_close(found: Detection, expected: Detection) -> None:
    assert len(found.boxes) == len(expected.boxes)
    np.testing.assert_allclose(found.boxes, expected.boxes, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)


def test_detection_is_float32_filtered_and_by_falling_score(detector):
    found = detector.detect(picture(0))
    assert len(found.boxes) > 1
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert found.boxes.shape == (len(found.scores), 4)
    assert (np.diff(found.scores) <= 0).all()
    assert (found.scores >= 0.5).all()
    assert (found.boxes[:, :2] >= 0).all()
    assert (found.boxes[:, :2] + found.boxes[:, 2:] <= np.array([120, 90]) + 1e-3).all()
    assert found.trace is None


def test_the_best_frames_overlap_no_more_than_allowed():
    found = Detector(replace(CASCADE, overlap=0.2), min_face=24).detect(picture(0), trace=True)
    (step,) = (step for step in found.trace.steps if step.stage == "all sizes")
    kept = filter_frames(step.frames, step.scores, 0.2)
    assert kept.tolist() == list(range(len(step.frames)))
    kept = filter_frames(found.boxes, found.scores, 0.6, overlap="min")
    assert kept.tolist() == list(range(len(found.boxes)))


def test_trace_narrows_step_by_step(detector):
    found = detector.detect(picture(0), trace=True)
    levels = pyramid(90, 120, side=12, min_face=24, factor=1.2)
    assert found.trace.windows == count_windows(levels, 4)
    assert [step.stage for step in found.trace.steps] == [
        *("net12", "net12 in size", "net48", "net48 in size", "all sizes", "at last")
    ]
    counts = [found.trace.windows] + [len(step.frames) for step in found.trace.steps]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[1] > counts[-1] > 0
    np.testing.assert_array_equal(found.trace.steps[-1].frames, found.boxes)


def test_the_trace_of_calibration_holds_the_same_frames_moved(calibrated):
    found = Detector(calibrated, min_face=24).detect(picture(0), trace=True)
    assert [step.stage for step in found.trace.steps] == STAGE_NAMES
    for before, after in ((0, 1), (5, 6)):
        fired, moved = (found.trace.steps[n] for n in (before, after))
        np.testing.assert_array_equal(fired.scores, moved.scores)
        assert len(fired.frames) > 0
        assert (fired.frames != moved.frames).any(axis=1).mean() > 0.9
        # as far as the classes reach
        ratio = moved.frames[:, 2:] / fired.frames[:, 2:]
        assert (ratio > 1 / 1.22).all()
        assert (ratio < 1 / 0.82).all()
        away = np.abs(moved.frames[:, :2] - fired.frames[:, :2]) / fired.frames[:, 2:]
        assert away.max() <= 0.17 / 0.83 + 1e-3


def test_a_calibration_net_sees_what_its_detection_net_saw(calibrated):
    seen = {}

    def watching(name, side, classes):
        def watch(batch):
            seen.setdefault(name, []).extend(batch.copy())
            return contrast(batch) if classes == 2 else np.zeros((len(batch), 45))

        return answering(name, side, classes, watch)

    second = Stage(watching("two", 24, 2), 0.5, watching("cal", 24, 45))
    detector = Detector(Cascade((calibrated.stages[0], second)), min_face=24)
    (item,) = detector.candidates([("a", picture(0))], trace=True)
    (step,) = (step for step in item.steps if step.stage == "two")
    expected = [crop for crop in seen["two"] if np.diff(contrast([crop])) >= 0]
    assert 0 < len(step.frames) == len(seen["cal"]) < len(seen["two"])
    np.testing.assert_array_equal(seen["cal"], expected)
    # The last calibration of a detection sees what the filtering among all sizes left.
    seen.clear()
    found = detector.detect(picture(0), trace=True)
    (step,) = (step for step in found.trace.steps if step.stage == "all sizes")
    kept = second.detection.scaling.apply(crop_many(picture(0), step.frames, 24))
    assert 0 < len(kept) < len(expected)
    np.testing.assert_array_equal(seen["cal"], kept)


def test_calibration_moves_frames_onto_the_square_that_they_miss():
    """One dark square; a calibration net that reads its place off the crop's bright margins."""
    square = np.array([[50, 30, 40, 40]], np.float32)
    image = np.full((100, 140, 3), 250, np.uint8)
    image[30:70, 50:90] = 20
    templates = crop_many(image, encode(np.repeat(square, 45, axis=0), np.arange(45)), 12)
    scaled = (templates.astype("f") - 127.5) / 127.5

    def nearest(batch):
        away = np.square(batch[:, None] - scaled[None]).sum(axis=(2, 3, 4))
        return -30 * away

    def dark(batch):
        face = 3 - 15 * np.abs(batch.mean(axis=(1, 2, 3)) + 0.48)
        return np.stack([-face, face], axis=1)

    # The first net lets all windows through, and has no calibration net.
    everything = Stage(FIRST.detection, 0.0, None, 1.0)
    second = Stage(answering("dark", 12, 2, dark), 0.01, answering("near", 12, 45, nearest), 0.5)
    detector = Detector(Cascade((everything, second), stride=2, factor=1.2), min_face=40)
    (item,) = detector.candidates([("a", image)], trace=True)
    fired, moved = (step.frames for step in item.steps if step.stage in ("dark", "near"))
    before, after = (iou_matrix(frames, square)[:, 0] for frames in (fired, moved))
    assert len(fired) > 6
    assert before.mean() < 0.7
    assert after.mean() > 0.8


def test_many_photographs_give_what_each_gives_alone(detector):
    photos = [(f"p{seed}", picture(seed, 60 + 7 * seed, 100)) for seed in range(5)]
    photos.insert(2, ("tiny", picture(9, 1, 50)))
    found = list(detector.detect_many(iter(photos)))
    assert [key for key, _ in found] == [key for key, _ in photos]
    for (_, together), (_, image) in zip(found, photos, strict=True):
        alone = detector.detect(image)
        np.testing.assert_array_equal(together.boxes, alone.boxes)
        np.testing.assert_array_equal(together.scores, alone.scores)


@pytest.mark.parametrize("batch_size", [1, 5, 1000])
def test_the_same_faces_at_any_batch_size(calibrated, batch_size):
    photos = [(seed, picture(seed, 60, 80)) for seed in range(4)]
    usual = dict(Detector(calibrated, min_face=24).detect_many(photos))
    assert sum(len(one.boxes) for one in usual.values()) > 8
    other = dict(Detector(calibrated, min_face=24, batch_size=batch_size).detect_many(photos))
    for key, image in photos:
        assert_close(other[key], usual[key])
        assert_close(Detector(calibrated, min_face=24).detect(image), usual[key])


@pytest.mark.parametrize("count", [2, 3])
def test_the_same_faces_with_any_number_of_threads(calibrated, count):
    image = picture(3, 120, 200)
    detector = Detector(calibrated, min_face=24)
    with threads(1, compiled=False):
        alone = detector.detect(image)
    with threads(count, compiled=False):
        together = detector.detect(image)
    assert len(alone.boxes) > 8
    assert_close(together, alone)


def test_a_photograph_that_fails_is_returned_in_its_turn(detector):
    unreadable = OSError("no such photograph")
    photos = [
        ("good", picture(0)),
        ("unreadable", unreadable),
        ("grey", picture(1)[:, :, 0]),
        ("float", picture(1).astype(np.float32)),
        ("none", None),
        ("empty", np.zeros((0, 40, 3), np.uint8)),
        ("good again", picture(0)),
    ]
    found = dict(detector.detect_many(photos, trace=True))
    assert list(found) == [key for key, _ in photos]
    assert found["unreadable"] is unreadable
    for key in ("grey", "float", "none"):
        assert isinstance(found[key], ValueError)
        assert "RGB array (rows, columns, 3) of uint8; got" in str(found[key])
    assert isinstance(found["empty"], ValueError)
    assert "sides are 1 to" in str(found["empty"])
    np.testing.assert_array_equal(found["good"].boxes, found["good again"].boxes)


def test_detect_raises_what_went_wrong(detector):
    with pytest.raises(ValueError, match=r"of uint8; got \(dtype\('uint8'\), \(90, 120\)\)"):
        detector.detect(picture(0)[:, :, 0])


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (11, 11), (23, 300)])
def test_a_picture_too_small_for_a_face_has_none(detector, shape):
    found = detector.detect(np.zeros((*shape, 3), np.uint8))
    assert found.boxes.shape == (0, 4)
    assert found.scores.shape == (0,)


def test_a_part_of_a_picture_is_a_picture(detector):
    """Rows and columns that do not lie one after another in memory."""
    image = picture(0, 90, 120)
    larger = np.zeros((180, 130, 3), np.uint8)
    larger[::2, 5:125] = image
    np.testing.assert_array_equal(
        detector.detect(larger[::2, 5:125]).boxes, detector.detect(image).boxes
    )


def test_without_later_nets_the_first_decides():
    found = Detector(Cascade((FIRST,)), min_face=24).detect(picture(0), trace=True)
    names = [step.stage for step in found.trace.steps]
    assert names == ["net12", "net12 in size", "all sizes", "at last"]
    assert len(found.boxes)


@pytest.mark.parametrize(("overlap_of", "left"), [("min", 1), ("iou", 2)])
def test_a_frame_inside_another_goes_unless_the_union_counts(overlap_of, left):
    def fires_on_two_sizes(batch):
        """The best score for the first of two frames, one around the other."""
        face = np.linspace(9, 8, len(batch))
        return np.stack([-face, face], axis=1).astype(np.float32)

    class TwoWindows:
        side = 12

        def logits(self, image, stride):
            rows, columns = (len(offsets(n, 12, stride)) for n in image.shape[1:])
            fired = np.tile(np.array([[9, -9]], np.float32), (rows * columns, 1))
            if image.shape[1] in (12, 24):
                fired[0] = -9, 9
            return fired

    last = Stage(answering("last", 24, 2, fires_on_two_sizes), 0.5, None)
    detector = Detector(
        Cascade((FIRST, last)), min_face=40, factor=2, overlap_of=overlap_of, stride=4
    )
    detector.sweep = TwoWindows()
    assert len(detector.detect(picture(0, 90, 120)).boxes) == left


def test_what_the_last_filtering_divides_by_is_checked():
    with pytest.raises(ValueError, match="overlap_of must be 'min' or 'iou'; got 'max'"):
        Detector(Cascade((FIRST,)), overlap_of="max")


def test_candidates_stop_after_the_wanted_stages(detector):
    (first,) = detector.candidates([("a", picture(0))], depth=1)
    (both,) = detector.candidates([("a", picture(0))])
    assert len(first.frames) > len(both.frames) > 0
    assert first.photo is not None
    assert both.photo is None


def test_the_threshold_is_the_last_stages(detector):
    assert Detector(CASCADE, threshold=0.75).cascade.thresholds == [0.5, 0.75]
    assert CASCADE.thresholds == [0.5, 0.5]
    few = Detector(CASCADE, threshold=0.75, min_face=24).detect(picture(0))
    assert 0 < len(few.boxes) < len(detector.detect(picture(0)).boxes)
    assert (few.scores >= 0.75).all()


def test_settings_are_the_cascades_unless_given():
    cascade = replace(CASCADE, stride=2, factor=1.3)
    usual, other = Detector(cascade), Detector(cascade, stride=6, factor=1.5)
    assert (usual.stride, usual.factor, usual.min_face) == (2, 1.3, 40)
    assert (other.stride, other.factor) == (6, 1.5)


@pytest.mark.parametrize(
    "setting",
    [
        *({"stride": 3}, {"stride": 0}, {"factor": 1.0}, {"batch_size": 0}),
        *({"min_face": 0}, {"min_face": 0.5}, {"min_face": float("nan")}),
    ],
)
def test_settings_out_of_range_are_refused_at_once(setting):
    with pytest.raises(ValueError, match=rf"Detector's.*{next(iter(setting))}"):
        Detector(CASCADE, **setting)


def test_a_first_net_that_cannot_sweep_is_refused():
    with pytest.raises(ValueError, match="a sweep evaluates a convolution"):
        Detector(Cascade((Stage(random_net("net24", 0), 0.5),)))


def test_a_cascade_file(tmp_path, calibrated):
    path = tmp_path / "cascade.h5"
    bundle.save(path, calibrated, dtype="float32")
    from_file = Detector(path, min_face=24).detect(picture(0))
    assert_close(from_file, Detector(calibrated, min_face=24).detect(picture(0)))
    with pytest.raises(WeightsError, match="there is no such cascade file"):
        Detector(str(tmp_path / "none.h5"))


def test_the_packaged_cascade_finds_nothing_in_plain_colour():
    found = Detector().detect(np.full((120, 160, 3), 128, np.uint8))
    assert len(found.boxes) == 0


def test_turning_a_picture_upside_down_is_noticed(detector):
    """The stages see pixels, not only how they are spread."""
    image = picture(0)
    boxes = detector.detect(image).boxes
    assert not np.array_equal(boxes, detector.detect(cv2.flip(image, 0)).boxes)


def test_a_detector_imports_neither_pytensor_nor_scipy_nor_numba():
    program = (
        "import sys, numpy as np\n"
        "from cascade import Detector\n"
        "heavy = {'pytensor', 'scipy', 'numba', 'jax'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "image = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)\n"
        "Detector(threshold=0).detect(image, trace=True)\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
