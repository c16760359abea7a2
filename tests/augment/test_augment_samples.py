from __future__ import annotations

import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from augment import index as tables
from augment.boxes import iou_matrix
from augment.cache import PhotoCache
from augment.calibration import encode
from augment.datasets import fddb, lfw, negatives
from augment.errors import DataError, ImageError
from augment.fixed import calibration_set, fix_backgrounds, fixed_set
from augment.functional import crop
from augment.images import read_image
from augment.index import BACKGROUND, FACE, Index
from augment.order import epoch_order, steps_per_epoch
from augment.prefetch import prefetch
from augment.recipe import Recipe
from augment.stream import InProcess
from augment.transforms import Intervals

STILL = Intervals(move=0, scale=(1, 1), stretch=1, mirror=0)


def batches(index, recipe, *, seed, epoch, start=0, **options):
    return InProcess(index, recipe, seed, **options).epoch(epoch, start)


def whole_index(root) -> Index:
    photographs = fddb.load(root / "fddb")
    return tables.concat(
        [
            tables.faces(photographs, root),
            tables.backgrounds(photographs, root),
            tables.faces(lfw.load(root / "lfw"), root),
            tables.backgrounds(negatives.load(root / "negatives"), root),
        ]
    )


@pytest.fixture(scope="module")
def table(fake_data) -> Index:
    return whole_index(fake_data)


def test_shapes_and_ratio(table):
    images, labels = next(batches(table, Recipe(12, 20), seed=0, epoch=0))
    assert images.shape == (20, 3, 12, 12)
    assert images.dtype == np.uint8
    assert images.flags.c_contiguous
    assert labels.dtype == np.int32
    assert labels.tolist() == [1] * 10 + [0] * 10
    recipe = Recipe(12, 20, backgrounds_per_face=3)
    labels = next(batches(table, recipe, seed=0, epoch=0)).labels
    assert labels.tolist() == [1] * 5 + [0] * 15
    recipe = Recipe(12, 20, backgrounds_per_face=0)
    labels = next(batches(table, recipe, seed=0, epoch=0)).labels
    assert labels.tolist() == [1] * 20


def test_the_same_bytes_from_the_same_key(table):
    recipe = Recipe(12, 16)
    one = list(batches(table, recipe, seed=5, epoch=2))
    assert len(one) == steps_per_epoch(table, recipe) == -(-72 // 8)
    cache = PhotoCache()
    for _ in range(2):  # a filled cache changes nothing
        for a, b in zip(one, batches(table, recipe, seed=5, epoch=2, cache=cache), strict=True):
            np.testing.assert_array_equal(a.images, b.images)
            np.testing.assert_array_equal(a.labels, b.labels)


def test_an_epoch_is_resumed_at_any_step(table):
    whole = list(batches(table, Recipe(12, 16), seed=5, epoch=1))
    for start in (1, 4, len(whole)):
        rest = list(batches(table, Recipe(12, 16), seed=5, epoch=1, start=start))
        assert len(rest) == len(whole) - start
        for a, b in zip(whole[start:], rest, strict=True):
            np.testing.assert_array_equal(a.images, b.images)


def test_seeds_and_epochs_differ(table):
    keys = [(5, 0), (5, 1), (6, 0)]
    recipe = Recipe(12, 16)
    first = [next(batches(table, recipe, seed=seed, epoch=epoch)).images for seed, epoch in keys]
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], first[2])


def test_still_faces_are_plain_crops(table):
    recipe = Recipe(24, 10, intervals=STILL)
    rows = epoch_order(table, recipe, seed=3, epoch=0).rows
    images, _ = next(batches(table, recipe, seed=3, epoch=0))
    for image, row in zip(images[:5], rows[0, :5], strict=True):
        wanted = crop(read_image(table.file(row)), table.frames[row], 24)
        np.testing.assert_array_equal(image, wanted.transpose(2, 0, 1))


def test_mirroring_alone(table):
    options = {"seed": 3, "epoch": 0}
    plain = next(batches(table, Recipe(12, 40, intervals=STILL), **options)).images
    flip = Recipe(12, 40, intervals=replace(STILL, mirror=1))
    mirrored = next(batches(table, flip, **options)).images
    np.testing.assert_array_equal(mirrored, plain[..., ::-1])


@pytest.mark.parametrize("task", ["detection", "calibration"])
def test_occlusion_changes_its_share_of_the_samples_and_no_other_byte(table, task):
    recipes = {
        chance: Recipe(24, 200, task=task, intervals=Intervals(occlusion=chance))
        for chance in (0.0, 0.3)
    }
    plain, hidden, again = (
        next(batches(table, recipes[chance], seed=3, epoch=1)) for chance in (0.0, 0.3, 0.3)
    )
    np.testing.assert_array_equal(hidden.images, again.images)
    np.testing.assert_array_equal(hidden.labels, plain.labels)
    touched = (hidden.images != plain.images).any(axis=(1, 2, 3))
    assert 0.2 < touched.mean() < 0.4


def test_fixed_hard_negatives_are_cut_where_they_are(table, fake_data):
    hard = tables.make(
        fake_data, ["negatives/rooms/01.png"], [[10, 10, 30, 30]], BACKGROUND, "mined", ["x"]
    )
    only = tables.concat([table.select(table.labels == FACE), hard])
    images, labels = next(batches(only, Recipe(12, 10, intervals=STILL), seed=0, epoch=0))
    wanted = crop(read_image(hard.file(0)), hard.frames[0], 12).transpose(2, 0, 1)
    for image in images[labels == BACKGROUND]:
        np.testing.assert_array_equal(image, wanted)
    jittered = next(batches(only, Recipe(12, 10), seed=0, epoch=0)).images[labels == BACKGROUND]
    assert len(np.unique(jittered.reshape(5, -1), axis=0)) > 1


def test_plain_batches_need_fixed_squares(table):
    with pytest.raises(DataError, match="44 rows whose square is still to be drawn"):
        next(batches(table, Recipe(12, 10, intervals=None), seed=0, epoch=0))
    fixed = fix_backgrounds(table, 72, seed=1)
    assert len(fixed) == 72 + 72
    plain = Recipe(12, 16, intervals=None)
    one, other = (
        np.concatenate([b.images for b in batches(fixed, plain, seed=0, epoch=e)]) for e in (0, 1)
    )
    assert not np.array_equal(one, other)  # another order
    np.testing.assert_array_equal(  # of the same crops
        np.unique(one.reshape(len(one), -1), axis=0),
        np.unique(other.reshape(len(other), -1), axis=0),
    )


def test_fixed_squares_keep_away_from_faces(table):
    fixed = fix_backgrounds(table, 500, seed=1)
    squares = fixed.labels == BACKGROUND
    assert squares.sum() == 500
    assert not fixed.undrawn.any()
    for path, frame in zip(fixed.paths[squares], fixed.frames[squares], strict=True):
        known = fixed.face_frames[fixed.face_paths == path]
        assert (iou_matrix(frame[None], known) < 0.3).all()
    counts = np.unique(fixed.paths[squares], return_counts=True)[1]
    assert len(counts) == 44
    assert counts.max() - counts.min() <= 1
    again = fix_backgrounds(table, 500, seed=1)
    np.testing.assert_array_equal(fixed.frames, again.frames)
    with pytest.raises(DataError, match="no row whose square is to be drawn"):
        fix_backgrounds(fixed, 5, seed=1)


def test_drawn_squares_keep_away_from_faces(tmp_path):
    """A white face on black, and squares too large to lie inside it: none is mostly white."""
    pixels = np.zeros((200, 200, 3), np.uint8)
    pixels[20:80, 20:80] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    face = np.array([[20, 20, 60, 60]], np.float32)
    table = tables.concat(
        [
            tables.make(tmp_path, ["a.png"], face, FACE, "t", ["g"]),
            tables.make(
                tmp_path, ["a.png"], [[np.nan] * 4], BACKGROUND, "t", ["g"], [("a.png", face)]
            ),
        ]
    )
    images, labels = next(batches(table, Recipe(12, 400, smallest=50), seed=0, epoch=0))
    whole = (images.reshape(400, -1) > 128).mean(axis=1)
    assert whole[labels == FACE].min() > 0.6
    assert whole[labels == BACKGROUND].max() < 0.6


def test_fixed_set_is_everything_in_order(table):
    faces = table.select(table.labels == FACE)
    images, labels = fixed_set(faces, 12)
    assert images.shape == (72, 3, 12, 12)
    assert labels.tolist() == [1] * 72
    for row in (0, 30, 71):
        wanted = crop(read_image(faces.file(row)), faces.frames[row], 12)
        np.testing.assert_array_equal(images[row], wanted.transpose(2, 0, 1))
    with pytest.raises(DataError, match="44 rows have none"):
        fixed_set(table, 12)
    assert fixed_set(faces.select(np.zeros(72, bool)), 12).images.shape == (0, 3, 12, 12)


@pytest.fixture
def damaged(fake_data, tmp_path) -> Index:
    shutil.copytree(fake_data, tmp_path / "data")
    table = whole_index(tmp_path / "data")
    for row in (np.flatnonzero(table.source == "lfw")[3], np.flatnonzero(table.undrawn)[-2]):
        with open(table.file(row), "r+b") as file:
            file.truncate(700)
    return table


def test_damaged_pictures_are_told_once_and_replaced(damaged):
    told: list[str] = []
    cache = PhotoCache()
    one, other = (
        list(batches(damaged, Recipe(12, 16), seed=0, epoch=0, cache=cache, report=told.append))
        for _ in range(2)
    )
    assert len(told) == 2
    assert "Person_B_0002.jpg: the picture cannot be read" in "".join(told)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.images, b.images)
    assert all(batch.images.shape == (16, 3, 12, 12) for batch in one)
    with pytest.warns(UserWarning, match="cannot be read"):
        list(batches(damaged, Recipe(12, 16), seed=0, epoch=0))


def test_a_damaged_row_is_replaced_by_the_next(damaged):
    bad = int(np.flatnonzero(damaged.source == "lfw")[3])
    recipe = Recipe(12, 16, intervals=STILL)
    rows = epoch_order(damaged, recipe, seed=0, epoch=0).rows
    step, place = np.argwhere(rows[:, :8] == bad)[0]
    made = list(batches(damaged, recipe, seed=0, epoch=0, report=lambda _: None))
    wanted = crop(read_image(damaged.file(bad + 1)), damaged.frames[bad + 1], 12)
    np.testing.assert_array_equal(made[step].images[place], wanted.transpose(2, 0, 1))


def test_fixed_set_leaves_damaged_pictures_out(damaged):
    told: list[str] = []
    faces = damaged.select(damaged.labels == FACE)
    images, labels = fixed_set(faces, 12, report=told.append)
    assert len(images) == len(labels) == 71
    assert len(told) == 1


def test_calibration_set_is_every_face_in_every_class(damaged):
    told: list[str] = []
    faces = damaged.select(damaged.labels == FACE)
    images, labels = calibration_set(damaged, 12, report=told.append)
    assert labels.tolist() == list(range(45)) * 71
    assert images.shape == (71 * 45, 3, 12, 12)
    assert len(told) == 1  # the background is not looked at
    row = 2
    around = encode(faces.frames[[row]], np.array([7]))[0]
    wanted = crop(read_image(faces.file(row)), around, 12).transpose(2, 0, 1)
    np.testing.assert_array_equal(images[row * 45 + 7], wanted)


def test_no_readable_picture_at_all(damaged):
    for row in np.flatnonzero(damaged.labels == FACE):
        with open(damaged.file(row), "wb"):
            pass
    with pytest.raises(DataError, match="a class of the index has no picture that can be read"):
        next(batches(damaged, Recipe(12, 16), seed=0, epoch=0, report=lambda _: None))


def test_what_cannot_be_batched(table):
    faces = table.select(table.labels == FACE)
    with pytest.raises(DataError, match="the index has no background among its 72 rows"):
        next(batches(faces, Recipe(12, 10), seed=0, epoch=0))
    with pytest.raises(DataError, match="no face of any weight among its 44 rows"):
        next(batches(table.select(table.undrawn), Recipe(12, 10), seed=0, epoch=0))


def test_cache_is_bounded_and_forgets_the_oldest(fake_data):
    paths = sorted((fake_data / "lfw").glob("*/*.jpg"))[:4]
    each = 3 * sum(side * side for side in (112, 56, 28, 14, 7, 4, 2, 1))
    cache = PhotoCache(limit=each * 2)
    first = cache.get(paths[0])
    cache.get(paths[1])
    assert cache.get(paths[0]) is first
    cache.get(paths[2])  # paths[1] was used least recently
    assert cache.nbytes == each * 2
    assert cache.get(paths[0]) is first
    tiny = PhotoCache(limit=1)
    assert tiny.get(paths[3]) is tiny.get(paths[3])


def test_cache_remembers_what_failed(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_text("no")
    cache = PhotoCache()
    for _ in range(2):
        with pytest.raises(ImageError, match=r"a\.jpg: not a picture"):
            cache.get(path)
        Image.new("RGB", (5, 5)).save(path)
    assert PhotoCache().get(path).size == (5, 5)


def test_small_cache_changes_nothing_but_speed(table):
    one = list(batches(table, Recipe(12, 16), seed=0, epoch=0, cache=PhotoCache(1)))
    other = list(batches(table, Recipe(12, 16), seed=0, epoch=0))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.images, b.images)


def test_prefetch_gives_the_same_stream(table):
    plain = list(batches(table, Recipe(12, 16), seed=0, epoch=0))
    ahead = list(prefetch(batches(table, Recipe(12, 16), seed=0, epoch=0)))
    assert len(plain) == len(ahead)
    for a, b in zip(plain, ahead, strict=True):
        np.testing.assert_array_equal(a.images, b.images)


def test_prefetch_raises_where_the_stream_raises():
    def stream():
        yield 1
        raise DataError("broken")

    ahead = prefetch(stream())
    assert next(ahead) == 1
    with pytest.raises(DataError, match="broken"):
        next(ahead)


def test_prefetch_works_ahead_no_further_than_its_depth():
    made: list[int] = []
    three = threading.Event()

    def stream():
        for number in range(100):
            made.append(number)
            if number == 3:
                three.set()
            yield number

    ahead = prefetch(stream(), depth=2)
    assert next(ahead) == 0
    assert three.wait(10)  # one taken, two waiting, one in hand
    ahead.close()
    assert len(made) == 4


def test_prefetch_ends_with_its_consumer():
    def endless():
        while True:
            yield 0

    before = threading.active_count()
    ahead = prefetch(endless())
    next(ahead)
    assert threading.active_count() == before + 1
    ahead.close()
    assert threading.active_count() == before
