"""Images of the rows of a report."""

from pathlib import Path

import numpy as np
import pytest

from vmfmix.report.images import find_images, pictures_of_rows
from vmfmix.report.thumbnails import thumbnails_of_rows

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

GRAY = np.random.default_rng(0).integers(0, 200, (6, 8, 7), np.uint8)
COLOR = np.random.default_rng(1).integers(0, 200, (6, 8, 7, 3), np.uint8)


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (GRAY, GRAY),
        (GRAY[:, None], GRAY),
        (GRAY[..., None], GRAY),
        (GRAY.astype(float), GRAY),
        (GRAY.astype(int), GRAY),
        (GRAY / 255.0, GRAY),
        (GRAY.astype(np.uint16) * 257, GRAY),
        (GRAY.tolist(), GRAY),
        (list(GRAY), GRAY),
        ([Image.fromarray(image) for image in GRAY], GRAY),
        (COLOR, COLOR),
        (COLOR.transpose(0, 3, 1, 2), COLOR),
        (COLOR.transpose(0, 3, 1, 2) / 255.0, COLOR),
    ],
)
def test_pictures_look_as_in_a_viewer(images, expected):
    picture = pictures_of_rows(images, 6)
    for row in range(6):
        np.testing.assert_array_equal(picture(row), expected[row])


def test_the_range_of_images_is_that_of_all():
    images = GRAY.astype(float)
    images[2] = 1.0  # almost black, and not white
    np.testing.assert_array_equal(pictures_of_rows(images, 6)(2), np.ones((8, 7)))
    np.testing.assert_array_equal(pictures_of_rows(list(images), 6)(2), np.ones((8, 7)))


def test_opacity_of_arrays_is_laid_on_the_backdrop():
    alpha = np.zeros((6, 8, 7, 1), np.uint8)
    alpha[:, :4] = 255
    with_alpha = np.concatenate([COLOR, alpha], axis=3)
    for images in (with_alpha, with_alpha / 255.0):
        shown = np.asarray(pictures_of_rows(images, 6, backdrop="red")(0))
        np.testing.assert_array_equal(shown[:4], COLOR[0, :4])
        assert (shown[4:] == (255, 0, 0)).all()
    shown = np.asarray(pictures_of_rows(np.concatenate([GRAY[..., None], alpha], axis=3), 6)(0))
    assert (shown[4:] == 255).all() and shown.ndim == 2


def test_the_first_three_of_many_channels_are_shown():
    many = np.random.default_rng(2).integers(0, 200, (6, 20, 24, 12), np.uint8)
    for images in (many, many.transpose(0, 3, 1, 2), many.astype(np.uint16) * 257):
        np.testing.assert_array_equal(pictures_of_rows(images, 6)(1), many[1, :, :, :3])


def test_tensors_are_images():
    torch = pytest.importorskip("torch")
    images = torch.from_numpy(GRAY)[:, None]
    for given in (images, list(images), (images / 255.0).requires_grad_()):
        np.testing.assert_array_equal(pictures_of_rows(given, 6)(3), GRAY[3])
    assert pictures_of_rows((images / 255.0).bfloat16(), 6)(3).size == (7, 8)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((6, 8, 8, 5)), r"shape \(8, 8, 5\), whose channels could be .*; pass three of"),
        (np.zeros((6, 30, 30, 17)), r"shape \(30, 30, 17\), .* with 1 to 16 channels"),
        (np.zeros((6, 64)), r"shape \(64,\)"),
        (GRAY / 100.0 - 1.0, "whose range is unknown"),
        (np.where(np.arange(6)[:, None, None] == 4, np.nan, GRAY), "image 4 has NaN"),
        (GRAY[:3], "3 images and 6 rows"),
        (5, "The images are of type int; pass an array or a sequence"),
        (["nowhere.png"] * 6, "image of row 0 is nowhere.png, which is not a file"),
        ([None] * 6, "image of row 0 is None"),
        ("nowhere", "There is no file nowhere"),
    ],
)
def test_images_that_cannot_be_shown_are_refused_at_once(images, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        pictures_of_rows(images, 6)
    with pytest.raises(ValueError, match="backdrop='nothing' is not a color"):
        pictures_of_rows(GRAY, 6, backdrop="nothing")


@pytest.fixture
def folder(tmp_path):
    """Create twelve images whose shade is the number in their name."""
    for i in range(12):
        Image.new("L", (2, 2), i).save(tmp_path / f"img{i}.png")
    return tmp_path


def shades(images):
    picture = pictures_of_rows(images, 12)
    return [picture(row).getpixel((0, 0)) for row in range(12)]


def test_a_folder_is_paired_with_rows_only_in_an_order_that_is_known(folder):
    with pytest.raises(ValueError, match="--image-order"):
        pictures_of_rows(folder, 12)
    assert shades(find_images(folder, 12, "natural")) == list(range(12))
    assert shades(find_images(folder, 12, "string")) == [0, 1, 10, 11, *range(2, 10)]
    with pytest.raises(ValueError, match="has 12 images and the embeddings have 5 rows"):
        find_images(folder, 5, "natural")


def test_paths_are_taken_from_lists_tables_and_columns(folder):
    pd = pytest.importorskip("pandas")
    paths = [str(folder / f"img{i}.png") for i in range(12)][::-1]
    series = pd.Series(paths, index=np.arange(12) + 7)
    (folder / "list.txt").write_text("\n".join(Path(path).name for path in paths))
    given = [paths, [Path(path) for path in paths], np.array(paths), np.array(paths)[:, None]]
    given += [series, series.to_frame("path"), folder / "list.txt", str(folder / "list.txt")]
    for images in given:
        assert shades(images) == list(range(12))[::-1]
    with pytest.raises(ValueError, match="a table of 2 columns"):
        pictures_of_rows(pd.DataFrame({"a": paths, "b": paths}), 12)


def test_paths_are_taken_from_arrow_columns(folder):
    pa = pytest.importorskip("pyarrow")
    paths = [str(folder / f"img{i}.png") for i in range(12)]
    assert shades(pa.chunked_array([paths])) == list(range(12))


def test_thumbnails_skip_damaged_images_on_request(folder):
    (folder / "img3.png").write_bytes(b"damaged")
    picture = pictures_of_rows(find_images(folder, 12, "natural"), 12)
    with pytest.raises(ValueError, match=r"img3\.png cannot be read .*--skip-damaged"):
        thumbnails_of_rows(picture, np.arange(12))
    with pytest.warns(UserWarning, match=r"Skipped 1 of 3 images: .*img3\.png"):
        thumbnails = thumbnails_of_rows(picture, np.array([2, 3, 3, 4]), skip_damaged=True)
    assert set(thumbnails) == {2, 4}


def test_thumbnails_do_not_change_images_of_pillow():
    images = [Image.new("RGB", (300, 200)) for _ in range(6)]
    thumbnails_of_rows(pictures_of_rows(images, 6), np.arange(6))
    assert images[0].size == (300, 200)
