"""The FDDB protocol against its text, step by step on whole masks."""

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.evaluation import Annotation, overlaps, rate_at, roc

SETTINGS = settings(deadline=None, max_examples=40)


def ellipse_mask(ellipse, rows, columns):
    major, minor, angle, x, y = ellipse
    mask = np.zeros((rows, columns), np.uint8)
    centre = round(x), round(y)
    cv2.ellipse(mask, centre, (int(major), int(minor)), angle * 180 / np.pi, 0, 360, 255, -1)
    return mask > 0


def box_mask(box, rows, columns):
    x, y, width, height = (float(v) for v in box)
    mask = np.zeros((rows, columns), np.uint8)
    cv2.rectangle(mask, (round(x), round(y)), (round(x + width), round(y + height)), 255, -1)
    return mask > 0


def iou(a, b):
    union = (a | b).sum()
    return (a & b).sum() / union if union else 0.0


def best_matching(pairs):
    """Every one-to-one matching, the one with the largest sum."""
    faces, boxes = pairs.shape
    few, many = min(faces, boxes), max(faces, boxes)
    table = pairs if faces <= boxes else pairs.T
    choices = itertools.permutations(range(many), few)
    return max(
        ([table[i, j] for i, j in enumerate(choice) if table[i, j] > 0] for choice in choices),
        key=sum,
        default=[],
    )


def slow_roc(annotations, detections):
    points = []
    every = np.concatenate([scores for _, scores in detections])
    faces = sum(len(one.ellipses) for one in annotations)
    for threshold in np.unique(every)[::-1]:
        kept_count = true = overlap = 0
        for one, (boxes, scores) in zip(annotations, detections, strict=True):
            kept = boxes[scores >= threshold]
            size = one.rows, one.columns
            pairs = np.array(
                [
                    [iou(ellipse_mask(e, *size), box_mask(b, *size)) for b in kept]
                    for e in one.ellipses
                ]
            ).reshape(len(one.ellipses), len(kept))
            matched = best_matching(pairs)
            kept_count += len(kept)
            true += sum(value > 0.5 for value in matched)
            overlap += sum(matched)
        points.append((threshold, kept_count - true, true / faces, overlap / faces))
    return np.array(points)


@st.composite
def photographs(draw):
    """Faces at and over the border, boxes near them and anywhere, scores that repeat."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    annotations, detections = [], []
    for number in range(draw(st.integers(1, 3))):
        rows, columns = rng.integers(20, 60, 2)
        k, m = rng.integers(1 if number == 0 else 0, 4), rng.integers(0, 5)
        minor = rng.uniform(3, 12, k)
        ellipses = np.column_stack(
            [
                minor * rng.uniform(1, 1.6, k),
                minor,
                rng.uniform(-np.pi, np.pi, k),
                rng.uniform(-5, columns + 5, k),
                rng.uniform(-5, rows + 5, k),
            ]
        )
        boxes = np.column_stack([rng.uniform(-10, 50, (m, 2)), rng.uniform(1, 40, (m, 2))])
        for i in range(min(k, m)):
            side = 1.8 * minor[i]
            boxes[i] = *(ellipses[i, 3:] - side / 2 + rng.uniform(-3, 3, 2)), side, side * 1.2
        annotations.append(Annotation(ellipses, int(rows), int(columns)))
        detections.append((np.round(boxes * 2) / 2, rng.integers(0, 4, m) / 4))
    return annotations, detections


@SETTINGS
@given(photographs())
def test_equals_the_protocol_on_whole_masks(data):
    annotations, detections = data
    for one, (boxes, _) in zip(annotations, detections, strict=True):
        found = overlaps(one, boxes)
        for (i, ellipse), (j, box) in itertools.product(enumerate(one.ellipses), enumerate(boxes)):
            masks = (
                m(v, one.rows, one.columns) for m, v in ((ellipse_mask, ellipse), (box_mask, box))
            )
            assert found[i, j] == iou(*masks)
    curve = roc(annotations, detections)
    expected = slow_roc(annotations, detections).reshape(-1, 4)
    np.testing.assert_array_equal(curve.thresholds, expected[:, 0])
    np.testing.assert_array_equal(curve.false_positives, expected[:, 1])
    np.testing.assert_allclose(curve.discrete, expected[:, 2])
    np.testing.assert_allclose(curve.continuous, expected[:, 3])


CIRCLE = (20, 20, 0, 50, 50)


def test_a_square_on_a_circle():
    """Of a circle of radius 20, inside a box of 41 x 41 pixels, nearly pi / 4 of the box."""
    found = overlaps(Annotation([CIRCLE], 100, 100), [[30, 30, 40, 40]])
    assert found.shape == (1, 1)
    assert found[0, 0] == pytest.approx(np.pi * 20.5**2 / 41**2, abs=0.01)


def test_masks_end_at_the_border():
    half = Annotation([(20, 20, 0, 0, 50)], 100, 100)
    whole_side = overlaps(half, [[-20, 30, 40, 40], [0, 30, 20, 40], [-90, 30, 50, 40]])
    assert whole_side[0, 0] == whole_side[0, 1] > 0.7
    assert whole_side[0, 2] == 0


def test_the_junk_row_of_the_lists_stays_in_the_count():
    junk = Annotation([(1, 1, 0, 0, 0), CIRCLE], 100, 100)
    curve = roc([junk], [([[30, 30, 40, 40]], [0.9])])
    assert curve.faces == 2
    assert curve.discrete.tolist() == [0.5]


def test_one_face_is_found_once_and_duplicates_are_false():
    square = [30, 30, 40, 40]
    curve = roc(
        [Annotation([CIRCLE], 100, 100)], [([square, square, [0, 0, 9, 9]], [0.9, 0.5, 0.7])]
    )
    assert curve.thresholds.tolist() == [0.9, 0.7, 0.5]
    assert curve.false_positives.tolist() == [0, 1, 2]
    assert curve.discrete.tolist() == [1, 1, 1]


def test_matching_is_redone_at_every_score():
    """A better box at a lower score takes the face over."""
    curve = roc(
        [Annotation([CIRCLE], 100, 100)], [([[45, 30, 40, 40], [30, 30, 40, 40]], [0.9, 0.5])]
    )
    assert curve.discrete.tolist() == [0, 1]
    assert curve.false_positives.tolist() == [1, 1]
    assert curve.continuous[0] < 0.5 < curve.continuous[1]


def test_photographs_without_faces_count_for_false_positives():
    empty = Annotation([], 100, 100)
    square = [30, 30, 40, 40]
    curve = roc(
        [Annotation([CIRCLE], 100, 100), empty],
        [([square], [0.5]), ([square, square], [0.9, 0.1])],
    )
    assert curve.images == 2
    assert rate_at(curve, 0) == 0
    assert rate_at(curve, 0.5) == 1
    assert rate_at(curve, 0.5, kind="continuous") == pytest.approx(0.78, abs=0.02)


def test_no_detection_gives_an_empty_curve():
    curve = roc([Annotation([CIRCLE], 100, 100)], [(np.empty((0, 4)), [])])
    assert len(curve.thresholds) == len(curve.discrete) == 0
    assert rate_at(curve, 1) == 0


def test_the_stretch_keeps_the_centre():
    tall = Annotation([(28, 19, np.pi / 2, 50, 50)], 100, 100)
    square = [[30, 30, 40, 40]]
    stretched = overlaps(tall, square, vertical_stretch=1.2)
    np.testing.assert_array_equal(stretched, overlaps(tall, [[30, 26, 40, 48]]))
    assert stretched[0, 0] > overlaps(tall, square)[0, 0]


def test_wrong_input_is_refused():
    face = Annotation([CIRCLE], 100, 100)
    with pytest.raises(ValueError, match="each of the 1 photographs; got 0"):
        roc([face], [])
    with pytest.raises(ValueError, match="at least one annotated face"):
        roc([Annotation([], 10, 10)], [([], [])])
    with pytest.raises(ValueError, match="'discrete' or 'continuous'; got 'mean'"):
        rate_at(roc([face], [([], [])]), 1, kind="mean")
