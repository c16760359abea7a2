"""The compiled kernel and the NumPy one give the same bytes, whatever they are asked."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from augment import kernels
from augment.functional import Levels, crop_photos
from augment.kernels import native, reference

SOURCE = Path(kernels.__file__).parent / "crop.cpp"
SETTINGS = settings(deadline=None, max_examples=50)
NOISE = np.random.default_rng(0).integers(0, 256, (70_000, 3), np.uint8)


@pytest.fixture(autouse=True)
def restored():
    yield
    kernels.load()


@pytest.fixture(scope="module")
def compiled() -> native.NativeCrop:
    path = kernels._compiled()
    if path is None:
        pytest.skip("the kernel is not compiled here")
    return native.NativeCrop(path)


def addresses(*images: np.ndarray) -> np.ndarray:
    return np.array([[image.ctypes.data, *image.shape[:2]] for image in images], np.int64)


def both(compiled, photos, which, frames, side, mirror=None, angle=None) -> list[np.ndarray]:
    crops = []
    for name in ("compiled", "numpy"):
        kernels.load(name)
        kernels._native = compiled if name == "compiled" else None
        crops.append(crop_photos([photos[i] for i in which], frames, side, mirror, angle))
    return crops


@SETTINGS
@given(data=st.data())
def test_the_same_bytes(compiled, data):
    rows, columns = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 700))
    photo = Levels(NOISE[: rows * columns].reshape(rows, columns, 3))
    count = data.draw(st.integers(1, 4))
    place = st.floats(-200, 800, width=32) | st.floats(-(2.0**120), 2.0**120, width=32)
    length = st.floats(0.125, 900, width=32) | st.floats(2.0**-100, 2.0**120, width=32)
    frame = st.tuples(place, place, length, length)
    frames = np.array(data.draw(st.lists(frame, min_size=count, max_size=count)), np.float32)
    side = data.draw(st.integers(1, 50))
    angle = st.just(0.0) | st.floats(-10, 10) | st.floats(allow_nan=False, allow_infinity=False)
    angles = np.array(data.draw(st.lists(angle, min_size=count, max_size=count)))
    mirror = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    fast, slow = both(compiled, [photo], np.zeros(count, int), frames, side, mirror, angles)
    np.testing.assert_array_equal(fast, slow)


@SETTINGS
@given(data=st.data())
def test_the_same_bytes_for_any_map(compiled, data):
    number = st.floats(-1e3, 1e3) | st.floats(allow_nan=False, allow_infinity=False)
    maps = np.array([data.draw(st.lists(number, min_size=6, max_size=6))])
    rows, columns = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    picture = addresses(NOISE[: rows * columns].reshape(rows, columns, 3))
    side = data.draw(st.integers(1, 20))
    with np.errstate(all="ignore"):
        if not np.isfinite(np.abs(maps).sum()):
            return  # crop_photos makes no map that overflows
    fast, slow = np.empty((2, 1, 3, side, side), np.uint8)
    compiled.cut(picture, maps, side, fast)
    reference.cut(picture, maps, side, slow)
    np.testing.assert_array_equal(fast, slow)


def test_crops_are_written_where_they_are_wanted():
    photos, frames = [Levels(NOISE[: 40 * 30].reshape(30, 40, 3))], np.array([[2, 3, 20, 20]])
    place = np.zeros((2, 3, 12, 12), np.uint8)
    found = crop_photos(photos, frames, 12, out=place[1:])
    assert np.shares_memory(found, place)
    np.testing.assert_array_equal(place[1:], crop_photos(photos, frames, 12))
    assert not place[0].any()
    for wrong in (place, place[1:].astype(float), place[1:, :, :, ::-1]):
        with pytest.raises(ValueError, match=r"out must be contiguous uint8 of shape \(1, 3, 12"):
            crop_photos(photos, frames, 12, out=wrong)


def test_a_turn_of_nothing_is_no_turn():
    """The two ways through the kernel meet: one is for frames that are not turned."""
    image = NOISE[: 200 * 300].reshape(200, 300, 3)
    rng = np.random.default_rng(1)
    maps = np.zeros((50, 6))
    maps[:, [0, 3]] = rng.uniform(0, 200, (50, 2))
    maps[:, [1, 5]] = rng.uniform(1, 200, (50, 2))
    turned = maps.copy()
    turned[:, 2] = 1e-300  # too little to move a sample, too much to be none
    pictures = addresses(image) * np.ones((50, 1), np.int64)
    level, tilted = np.empty((2, 50, 3, 24, 24), np.uint8)
    for module in (kernels, reference):
        module.cut(pictures, maps, 24, level)
        module.cut(pictures, turned, 24, tilted)
        np.testing.assert_array_equal(level, tilted)


def test_pixels_are_exact_but_for_places():
    """Frames whose samples lie at 128ths of a pixel show nothing but the last rounding."""
    image = NOISE[: 64 * 64].reshape(64, 64, 3)
    frame = np.array([[5 + 1 / 64, 7 + 3 / 64, 32, 32]], np.float32)
    (crop,) = crop_photos([Levels(image)], frame, 16)
    # samples lie one pixel apart: the mean of four is a weighted mean of nine pixels
    weights = [np.array([1 - f, 1, f]) / 2 for f in (3 / 64, 1 / 64)]
    pixels = np.array(
        [
            [
                np.einsum("rcs,r,c", image[7 + 2 * i :, 5 + 2 * j :][:3, :3], *weights)
                for j in range(16)
            ]
            for i in range(16)
        ]
    )
    np.testing.assert_array_equal(crop, np.floor(pixels + 0.5).transpose(2, 0, 1))


def test_long_frames_and_pictures(compiled):
    wide = NOISE[:20_000].reshape(1, 20_000, 3)
    tall = NOISE[:40_000].reshape(20_000, 2, 3)
    frames = np.array([[-5, -5, 30_000, 9], [100, 0, 19_000, 1], [0, 0, 2, 20_000]], np.float32)
    for image in (wide, tall):
        results = both(compiled, [Levels(image)], np.zeros(3, int), frames, 12)
        np.testing.assert_array_equal(*results)


def test_the_variable_forces_numpy(monkeypatch, compiled):
    monkeypatch.setenv("LASAGNETTE_KERNELS", "numpy")
    assert kernels.load() == "numpy"
    assert kernels.describe()["reason"] == "asked for by name"
    monkeypatch.setenv("LASAGNETTE_KERNELS", "plain")
    assert kernels.load() == "compiled"
    assert kernels.describe()["reason"] == ""


def test_without_a_library_numpy_computes(monkeypatch):
    monkeypatch.delenv("LASAGNETTE_KERNELS", raising=False)
    monkeypatch.setattr(kernels, "_compiled", lambda: None)
    assert kernels.load() == "numpy"
    assert "install with a C" in kernels.describe()["reason"]


def test_a_damaged_library_is_told_and_replaced(monkeypatch, tmp_path):
    broken = tmp_path / "_crop.so"
    broken.write_bytes(b"no library")
    monkeypatch.delenv("LASAGNETTE_KERNELS", raising=False)
    monkeypatch.setattr(kernels, "_compiled", lambda: broken)
    with pytest.warns(RuntimeWarning, match=r"crops: _crop\.so cannot be used .* reinstall"):
        assert kernels.load() == "numpy"
    with warnings.catch_warnings():
        assert "cannot be loaded" in kernels.describe()["reason"]


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_compiles_without_warnings(compiler, tmp_path):
    path = shutil.which(compiler)
    if path is None:
        pytest.skip(f"{compiler} is not installed here")
    flags = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]
    done = subprocess.run(
        [path, *flags, str(SOURCE), "-o", str(tmp_path / "crop.so")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"augment{native.ABI}_crop" in SOURCE.read_text(encoding="utf-8")
