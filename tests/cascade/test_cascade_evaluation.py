"""The FDDB protocol against a slow transcription of its text, and on cases made by hand."""

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.evaluation import Annotation, overlaps, rate_at, roc

SETTINGS = settings(deadline=None, max_examples=120)
TIE = 1e-12  # sums of overlaps that differ by less are equal but for rounding


# The protocol as its text says it: whole masks, every matching, anew at every score.


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


def region_mask(region, rows, columns):
    return (box_mask if len(region) == 4 else ellipse_mask)(region, rows, columns)


def iou(a, b):
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 0.0


def matchings(faces, count):
    """Every set of pairs (face, detection) that has none of them twice, and cannot be enlarged."""
    few = min(faces, count)
    for chosen in itertools.permutations(range(max(faces, count)), few):
        pairs = list(enumerate(chosen))
        yield pairs if faces <= count else [(face, detection) for detection, face in pairs]


def best_matchings(values):
    """Largest sum of overlaps, and how many matches above one half it can have: least and most."""
    sums = []
    for pairs in matchings(*values.shape):
        matched = [values[pair] for pair in pairs if values[pair] > 0]
        sums.append((sum(matched), sum(value > 0.5 for value in matched)))
    best = max((total for total, _ in sums), default=0.0)
    true = [count for total, count in sums if total >= best - TIE] or [0]
    return best, min(true), max(true)


def slow_roc(annotations, detections):
    """Rows: score, kept detections, sum of overlaps, least and most true positives."""
    points = []
    every = np.concatenate([scores for _, scores in detections])
    for threshold in sorted(set(every.tolist()), reverse=True):
        row = np.zeros(4)
        for one, (regions, scores) in zip(annotations, detections, strict=True):
            size = one.rows, one.columns
            kept = [r for r, score in zip(regions, scores, strict=True) if score >= threshold]
            values = np.array(
                [
                    [iou(ellipse_mask(e, *size), region_mask(r, *size)) for r in kept]
                    for e in one.ellipses
                ]
            ).reshape(len(one.ellipses), len(kept))
            row += [len(kept), *best_matchings(values)]
        points.append([threshold, *row])
    return np.array(points).reshape(-1, 5)


HALVES = st.integers(-40, 160).map(lambda value: value / 2)  # rounding of halves is part of it


@st.composite
def ellipse(draw):
    """Partly outside, tiny, or the junk row of the lists."""
    if draw(st.integers(0, 9)) == 0:
        return 1.0, 1.0, 0.0, 0.0, 0.0
    minor = draw(st.floats(0.2, 12))
    major = minor * draw(st.floats(1, 1.6))
    return major, minor, draw(st.floats(-np.pi, np.pi)), draw(HALVES), draw(HALVES)


@st.composite
def box(draw, ellipses):
    """Around a face, more or less, or anywhere: across the border, outside, without an area."""
    if ellipses and draw(st.booleans()):
        major, minor, _, x, y = draw(st.sampled_from(ellipses))
        off = st.floats(-0.4, 0.4)
        width, height = 1.8 * minor, 1.8 * major
        left, top = x - width / 2 + minor * draw(off), y - height / 2 + minor * draw(off)
        return left, top, width, height
    sides = st.floats(0, 40) | st.integers(0, 40).map(float)
    return draw(HALVES), draw(HALVES), draw(sides), draw(sides)


@st.composite
def photographs(draw):
    """Up to three photographs with few faces and detections, whose scores are often equal."""
    as_ellipses = draw(st.booleans())
    annotations, detections = [], []
    for number in range(draw(st.integers(1, 3))):
        rows, columns = draw(st.integers(1, 60)), draw(st.integers(1, 60))
        least = 1 if number == 0 else 0
        faces = draw(st.lists(ellipse(), min_size=least, max_size=3))
        found = draw(st.lists(ellipse() if as_ellipses else box(faces), max_size=4))
        scores = draw(st.lists(st.integers(0, 3), min_size=len(found), max_size=len(found)))
        regions = np.array(found, np.float64).reshape(len(found), 5 if as_ellipses else 4)
        annotations.append(Annotation(faces, rows, columns))
        detections.append((regions, np.array(scores) / 4))
    return annotations, detections


@SETTINGS
@given(photographs())
def test_equals_the_protocol_on_whole_masks(data):
    annotations, detections = data
    for one, (regions, _) in zip(annotations, detections, strict=True):
        found = overlaps(one, regions)
        size = one.rows, one.columns
        for (i, face), (j, region) in itertools.product(
            enumerate(one.ellipses), enumerate(regions)
        ):
            assert found[i, j] == iou(ellipse_mask(face, *size), region_mask(region, *size))
    faces = sum(len(one.ellipses) for one in annotations)
    curve = roc(annotations, detections)
    assert (curve.images, curve.faces) == (len(annotations), faces)
    thresholds, kept, total, least, most = slow_roc(annotations, detections).T
    assert curve.thresholds.tolist() == thresholds.tolist()
    true = kept - curve.false_positives
    # Where two matchings are equally good the text leaves open which of them counts.
    assert ((least <= true) & (true <= most)).all()
    assert curve.discrete.tolist() == (true / faces).tolist()
    np.testing.assert_allclose(curve.continuous * faces, total, rtol=0, atol=1e-12)


@SETTINGS
@given(photographs())
def test_the_pooled_counts_are_the_sums_of_the_parts(data):
    annotations, detections = data
    whole = roc(annotations, detections)
    parts = [
        roc([one], [found])
        for one, found in zip(annotations, detections, strict=True)
        if len(one.ellipses)
    ]
    bare = [
        scores
        for one, (_, scores) in zip(annotations, detections, strict=True)
        if not len(one.ellipses)
    ]
    for number, threshold in enumerate(whole.thresholds):
        true = errors = 0
        for part in parts:
            at = np.flatnonzero(part.thresholds >= threshold)
            if len(at):
                true += round(part.discrete[at[-1]] * part.faces)
                errors += part.false_positives[at[-1]]
        errors += sum((scores >= threshold).sum() for scores in bare)
        assert whole.false_positives[number] == errors
        assert round(whole.discrete[number] * whole.faces) == true


CIRCLE = (20, 20, 0, 50, 50)


def test_a_square_on_a_circle():
    """Of a circle of radius 20, inside a box of 41 x 41 pixels, nearly pi / 4 of the box."""
    found = overlaps(Annotation([CIRCLE], 100, 100), [[30, 30, 40, 40]])
    assert found.shape == (1, 1)
    assert found[0, 0] == pytest.approx(np.pi * 20.5**2 / 41**2, abs=0.01)


def test_an_ellipse_on_itself_and_on_one_beside_it():
    face = Annotation([CIRCLE, (20, 10, 1.0, 50, 50)], 100, 100)
    found = overlaps(face, [CIRCLE, (20, 20, 0, 91, 50)])
    assert found[0].tolist() == [1, 0]
    assert 0.4 < found[1, 0] < 0.6
    stretched = overlaps(face, [CIRCLE], vertical_stretch=2)
    assert stretched[0, 0] == 1, "only boxes are stretched"


def test_masks_end_at_the_border():
    half = Annotation([(20, 20, 0, 0, 50)], 100, 100)
    whole_side = overlaps(half, [[-20, 30, 40, 40], [0, 30, 20, 40], [-90, 30, 50, 40]])
    assert whole_side[0, 0] == whole_side[0, 1] > 0.7
    assert whole_side[0, 2] == 0


def test_half_an_overlap_is_no_true_positive():
    """Strictly above one half: a box of 2 x 1 pixels on a face of one of them."""
    face = Annotation([(0, 0, 0, 5, 5)], 10, 10)
    assert overlaps(face, [[5, 5, 1, 0]])[0, 0] == 0.5
    curve = roc([face], [([[5, 5, 1, 0]], [0.9])])
    assert (curve.discrete.tolist(), curve.continuous.tolist()) == ([0], [0.5])
    assert curve.false_positives.tolist() == [1]


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


def test_the_sum_of_overlaps_decides_and_not_the_first_come():
    """The box that suits both faces goes to the one that has no other."""
    faces = Annotation([(20, 20, 0, 40, 50), (20, 20, 0, 52, 50)], 100, 100)
    between, left = [26, 30, 40, 40], [15, 30, 40, 40]
    curve = roc([faces], [([between, left], [0.9, 0.9])])
    assert curve.discrete.tolist() == [1]


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
    with pytest.raises(ValueError, match=r"four numbers .* or five .* got shape \(1, 3\)"):
        overlaps(face, [[1, 2, 3]])
    with pytest.raises(ValueError, match="'discrete' or 'continuous'; got 'mean'"):
        rate_at(roc([face], [([], [])]), 1, kind="mean")
