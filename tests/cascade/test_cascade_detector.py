"""The whole cascade on synthetic pictures, with nets of random weights."""

import cv2
import numpy as np
import pytest

from cascade.detector import THRESHOLDS, Detector, load_pretrained
from cascade.nms import filter_frames
from cascade.stages import Net
from cascade.sweep import Sweep
from cascade.windows import count_windows, pyramid
from lasagnette.layers import get_all_params
from nets import registry, weights
from nets.inference import forward
from nets.scaling import Scaling


def seeded(name, seed):
    layer = registry.build(name)
    rng = np.random.default_rng(seed)
    for parameter in get_all_params(layer):
        value = parameter.get_value()
        fan_in = value[0].size if value.ndim > 2 else len(value)
        parameter.set_value((rng.normal(size=value.shape) * (2 / fan_in) ** 0.5).astype("f"))
    return layer


def picture(seed, rows=90, columns=120):
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8), (columns, rows))


def contrast(batch):
    """Logits that depend on each crop alone, bit by bit the same in any batch."""
    face = np.array([crop.std(dtype=np.float64) * 8 - 2 for crop in batch])
    return np.stack([-face, face], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def sweep():
    return Sweep(seeded("net12", 4), Scaling())


@pytest.fixture(scope="module")
def detector(sweep):
    net = Net("net48", 48, Scaling(), contrast)
    return Detector(sweep, [net], (0.5, 0.5), min_face=24, batch_size=16)


def test_detection_is_float32_filtered_and_by_falling_score(detector):
    image = picture(0)
    found = detector.detect(image)
    assert len(found.boxes) > 1
    assert found.boxes.dtype == found.scores.dtype == np.float32
    assert found.boxes.shape == (len(found.scores), 4)
    assert (np.diff(found.scores) <= 0).all()
    assert (found.scores >= 0.5).all()
    assert (found.boxes[:, :2] >= 0).all()
    assert (found.boxes[:, :2] + found.boxes[:, 2:] <= np.array([120, 90]) + 1e-3).all()
    assert found.trace is None


def test_the_best_frames_overlap_no_more_than_allowed_and_their_means_are_as_many(sweep):
    net = Net("net48", 48, Scaling(), contrast)
    best, mean = (
        Detector(sweep, [net], (0.5, 0.5), min_face=24, merge=merge).detect(picture(0))
        for merge in (False, True)
    )
    kept = filter_frames(best.boxes, best.scores, 0.2)
    assert kept.tolist() == list(range(len(best.boxes)))
    np.testing.assert_array_equal(mean.scores, best.scores)
    assert (mean.boxes != best.boxes).any()


def test_trace_narrows_step_by_step(detector):
    found = detector.detect(picture(0), trace=True)
    levels = pyramid(90, 120, side=12, min_face=24, factor=1.2)
    assert found.trace.windows == count_windows(levels, 4)
    assert [step.stage for step in found.trace.steps] == [
        "net12",
        "net12 in size",
        "net48",
        "net48 in size",
        "at last",
    ]
    counts = [found.trace.windows] + [len(step.frames) for step in found.trace.steps]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[1] > counts[-1] > 0
    np.testing.assert_array_equal(found.trace.steps[-1].frames, found.boxes)


def test_many_photographs_give_what_each_gives_alone(detector):
    photos = [(f"p{seed}", picture(seed, 60 + 7 * seed, 100)) for seed in range(5)]
    photos.insert(2, ("tiny", picture(9, 1, 50)))
    found = list(detector.detect_many(iter(photos)))
    assert [key for key, _ in found] == [key for key, _ in photos]
    for (_, together), (_, image) in zip(found, photos, strict=True):
        alone = detector.detect(image)
        np.testing.assert_array_equal(together.boxes, alone.boxes)
        np.testing.assert_array_equal(together.scores, alone.scores)


def test_with_a_real_net48_photographs_do_not_disturb_each_other(sweep):
    layer = seeded("net48", 5)
    net = Net("net48", 48, Scaling(), forward(layer))
    detector = Detector(sweep, [net], (0.5, 0), min_face=40, batch_size=16)
    photos = [(seed, picture(seed, 60, 80)) for seed in range(3)]
    found = dict(detector.detect_many(photos))
    assert any(len(one.boxes) for one in found.values())
    for key, image in photos:
        alone = detector.detect(image)
        np.testing.assert_allclose(found[key].boxes, alone.boxes, atol=1e-3)
        np.testing.assert_allclose(found[key].scores, alone.scores, atol=1e-5)


def test_a_photograph_that_fails_is_returned_in_its_turn(detector):
    unreadable = OSError("no such photograph")
    photos = [
        ("good", picture(0)),
        ("unreadable", unreadable),
        ("grey", picture(1)[:, :, 0]),
        ("float", picture(1).astype(np.float32)),
        ("none", None),
        ("good again", picture(0)),
    ]
    found = dict(detector.detect_many(photos))
    assert list(found) == [key for key, _ in photos]
    assert found["unreadable"] is unreadable
    for key in ("grey", "float", "none"):
        assert isinstance(found[key], ValueError)
        assert "RGB array (rows, columns, 3) of uint8; got" in str(found[key])
    np.testing.assert_array_equal(found["good"].boxes, found["good again"].boxes)


def test_detect_raises_what_went_wrong(detector):
    with pytest.raises(ValueError, match=r"of uint8; got \(dtype\('uint8'\), \(90, 120\)\)"):
        detector.detect(picture(0)[:, :, 0])


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (11, 11), (23, 300)])
def test_a_picture_too_small_for_a_face_has_none(detector, shape):
    found = detector.detect(np.zeros((*shape, 3), np.uint8))
    assert found.boxes.shape == (0, 4)
    assert found.scores.shape == (0,)


def test_without_later_nets_the_first_decides(sweep):
    alone = Detector(sweep, [], [0.5], min_face=24, size_overlaps=[0.5])
    found = alone.detect(picture(0), trace=True)
    assert [step.stage for step in found.trace.steps] == ["net12", "net12 in size", "at last"]
    assert len(found.boxes)


def test_candidates_stop_after_the_wanted_nets(detector):
    (first,) = detector.candidates([("a", picture(0))], depth=1)
    (both,) = detector.candidates([("a", picture(0))])
    assert len(first.frames) > len(both.frames) > 0


def test_one_threshold_per_net_is_needed(sweep):
    with pytest.raises(ValueError, match=r"thresholds for each of its 1 nets; got \[0.5, 0.5\]"):
        Detector(sweep, [], [0.5, 0.5], size_overlaps=[0.5])
    with pytest.raises(ValueError, match="size_overlaps for each of its 1 nets"):
        Detector(sweep, [], [0.5])


@pytest.mark.parametrize("setting", [{"stride": 3}, {"factor": 1.0}, {"min_face": 0}])
def test_settings_out_of_range_are_refused_at_once(sweep, setting):
    with pytest.raises(ValueError, match=f"Detector's.*{next(iter(setting))}"):
        Detector(sweep, [], [0.5], size_overlaps=[0.5], **setting)


def test_weights_from_a_folder(tmp_path):
    for seed, name in enumerate(("net12", "net48")):
        weights.save(tmp_path / f"{name}.h5", seeded(name, seed), name=name)
    loaded = load_pretrained(weights=tmp_path, threshold=0.75, min_face=30)
    assert loaded.thresholds == [THRESHOLDS[0], 0.75]
    assert loaded.min_face == 30
    assert [net.name for net in loaded.nets] == ["net48"]
    loaded.detect(picture(0, 40, 40))


def test_weights_of_another_net_are_refused(tmp_path):
    layer = seeded("net12", 0)
    for name in ("net12", "net48"):
        weights.save(tmp_path / f"{name}.h5", layer, name="net12")
    with pytest.raises(weights.WeightsError, match="weights of 'net12', but 'net48' is needed"):
        load_pretrained(weights=tmp_path)
