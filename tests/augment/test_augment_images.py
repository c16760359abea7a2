from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augment.errors import DataError, ImageError
from augment.images import MAX_PIXELS, find_images, image_size, read_image

QUADRANTS = np.zeros((20, 30, 3), np.uint8)
QUADRANTS[:10, :15] = 250, 10, 10
QUADRANTS[:10, 15:] = 10, 250, 10
QUADRANTS[10:, :15] = 10, 10, 250
QUADRANTS[10:, 15:] = 250, 250, 250


def write(path: Path, mode: str = "RGB", pixels: np.ndarray = QUADRANTS, **options) -> Path:
    Image.fromarray(pixels).convert(mode).save(path, **options)
    return path


def header_only(path: Path, width: int, height: int) -> Path:
    path.write_bytes(b"P6 %d %d 255\n" % (width, height))
    return path


def test_plain_picture_is_rgb_and_contiguous(tmp_path):
    image = read_image(write(tmp_path / "a.png"))
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    np.testing.assert_array_equal(image, QUADRANTS)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
def test_other_colour_spaces(tmp_path, mode):
    image = read_image(write(tmp_path / "a.jpg", mode, quality=95))
    assert np.abs(image[5, 5].astype(int) - QUADRANTS[5, 5]).max() < 30
    assert np.abs(image[15, 25].astype(int) - QUADRANTS[15, 25]).max() < 30


@pytest.mark.parametrize("name", ["grey.jpg", "grey.png"])
def test_grey_is_repeated(tmp_path, name):
    image = read_image(write(tmp_path / name, "L"))
    assert image.shape == (20, 30, 3)
    np.testing.assert_array_equal(image[..., 0], image[..., 1])
    np.testing.assert_array_equal(image[..., 0], image[..., 2])


@pytest.mark.parametrize("name", ["bits.png", "palette.gif", "palette.png"])
def test_few_colours(tmp_path, name):
    image = read_image(write(tmp_path / name, "1" if name.startswith("bits") else "P"))
    assert image.shape == (20, 30, 3)
    assert image[15, 25].min() > 240


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_keep_the_upper_eight(tmp_path, suffix):
    grey = np.arange(0, 65536, 64, dtype=np.uint16).reshape(16, 64)
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray(grey).save(path)
    np.testing.assert_array_equal(read_image(path)[..., 1], grey >> 8)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_laid_on_white(tmp_path, mode):
    picture = Image.new(mode, (4, 4), (0,) * len(mode))  # black, fully transparent
    picture.putpixel((1, 2), (*(0,) * (len(mode) - 1), 255))
    picture.save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image[0, 0].tolist() == [255, 255, 255]
    assert image[2, 1].tolist() == [0, 0, 0]


def test_palette_with_transparency_is_laid_on_white(tmp_path):
    picture = Image.new("P", (4, 4), 0)
    picture.putpalette([0, 0, 0, 9, 9, 9])
    picture.putpixel((3, 3), 1)
    picture.save(tmp_path / "a.png", transparency=0)
    image = read_image(tmp_path / "a.png")
    assert image[0, 0].tolist() == [255, 255, 255]
    assert image[3, 3].tolist() == [9, 9, 9]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, orientation):
    stored = Image.fromarray(QUADRANTS)
    # what has to be stored so that turning it by the tag gives QUADRANTS
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    if orientation in back:
        stored = stored.transpose(back[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in ("a.jpg", "a.png"):
        stored.save(tmp_path / name, exif=exif)
        image = read_image(tmp_path / name)
        assert image.shape == QUADRANTS.shape
        assert np.abs(image[4, 4].astype(int) - QUADRANTS[4, 4]).max() < 40
        assert np.abs(image[4, 26].astype(int) - QUADRANTS[4, 26]).max() < 40
        assert image_size(tmp_path / name) == (30, 20)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (20_000, 1), (1, 20_000), (20_000, 3)])
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_thin_and_long(tmp_path, size, suffix):
    path = tmp_path / f"thin.{suffix}"
    Image.new("RGB", size, (1, 2, 3)).save(path)
    assert read_image(path).shape == (size[1], size[0], 3)
    assert image_size(path) == size


def test_up_to_200_megapixels_whatever_pillows_own_limit(tmp_path):
    path = header_only(tmp_path / "big.ppm", 20_000, 10_000)
    before = Image.MAX_IMAGE_PIXELS
    assert before is not None
    assert before < MAX_PIXELS == 20_000 * 10_000
    assert image_size(path) == (20_000, 10_000)
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("size", [(20_000, 10_001), (20_001, 1), (100_000, 100_000)])
def test_too_large(tmp_path, size):
    path = header_only(tmp_path / "huge.ppm", *size)
    for read in (read_image, image_size):
        with pytest.raises(
            ImageError, match=f"huge.ppm: {size[0]} x {size[1]} pixels are too many"
        ):
            read(path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "tif", "bmp", "webp", "ppm"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_truncated(tmp_path, suffix, part, capfd):
    rng = np.random.default_rng(0)
    whole = write(tmp_path / f"whole.{suffix}", pixels=rng.integers(0, 256, (64, 64, 3), np.uint8))
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * part)])
    with pytest.raises(ImageError, match=f"cut.{suffix}: "):
        read_image(cut)
    assert capfd.readouterr().err == ""


def test_odd_exif_data_is_no_reason_to_complain(tmp_path):
    path = tmp_path / "a.jpg"
    Image.fromarray(QUADRANTS).save(path, exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x05\x00")
    assert read_image(path).shape == QUADRANTS.shape


def test_what_is_no_picture(tmp_path):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("not a picture")
    (tmp_path / "folder.jpg").mkdir()
    Image.new("F", (3, 3), 0.5).save(tmp_path / "float.tif")
    for name, reason in {
        "empty.jpg": "the file is empty",
        "text.jpg": "not a picture",
        "folder.jpg": "a folder, not a picture",
        "absent.jpg": "there is no such file",
        "float.tif": "floating-point pixels have no fixed white",
    }.items():
        with pytest.raises(ImageError, match=f"{name}: .*{reason}") as caught:
            read_image(tmp_path / name)
        assert isinstance(caught.value, DataError)
        assert "\n" not in str(caught.value)


def test_damaged_bytes_give_a_picture_or_one_sentence(tmp_path):
    rng = np.random.default_rng(1)
    outcomes = set()
    for suffix in ("jpg", "png", "gif", "bmp", "webp"):
        whole = np.frombuffer(write(tmp_path / f"a.{suffix}").read_bytes(), np.uint8)
        for _ in range(60):
            damaged = whole.copy()
            damaged[rng.integers(0, len(whole), 5)] = rng.integers(0, 256, 5)
            path = tmp_path / f"b.{suffix}"
            path.write_bytes(damaged.tobytes())
            try:
                outcomes.add(read_image(path).ndim)
            except ImageError as error:
                outcomes.add(str(error).startswith(str(path)))
    assert outcomes == {3, True}


@pytest.fixture
def album(tmp_path) -> Path:
    for name in (
        "b.jpg",
        "a.PNG",
        "sub/c.webp",
        ".hidden.jpg",
        ".cache/d.jpg",
        "notes.txt",
        "x[1].jpg",
    ):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "album"


def names(paths: list[Path], album: Path) -> list[str]:
    return [path.relative_to(album).as_posix() for path in paths]


def test_folder_is_searched_in_order(album):
    assert names(find_images([album]), album) == ["a.PNG", "b.jpg", "x[1].jpg", "sub/c.webp"]


def test_files_globs_and_repetitions(album):
    found = find_images([album / "notes.txt", f"{album}/*.jpg", album / "b.jpg", f"{album}/s*"])
    assert names(found, album) == ["notes.txt", "b.jpg", "x[1].jpg", "sub/c.webp"]


def test_a_name_with_brackets_is_a_file_first(album):
    assert names(find_images([f"{album}/x[1].jpg"]), album) == ["x[1].jpg"]


def test_what_gives_nothing_is_reported_and_the_rest_goes_on(album):
    (album / "empty").mkdir()
    told: list[tuple[str, str]] = []
    found = find_images(
        [album / "absent.jpg", album / "empty", f"{album}/*.tiff", album / "b.jpg"],
        lambda argument, reason: told.append((Path(argument).name, reason)),
    )
    assert names(found, album) == ["b.jpg"]
    assert told == [
        ("absent.jpg", "there is no such file or folder"),
        ("empty", "there is no picture in this folder"),
        ("*.tiff", "no file matches this pattern"),
    ]


def test_by_default_a_warning_tells(album):
    with pytest.warns(UserWarning, match=r"absent\.jpg: there is no such file"):
        assert find_images([album / "absent.jpg"]) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(find_images([album])) == 4
