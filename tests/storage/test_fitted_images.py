"""Image files as arrays of one size."""

import tracemalloc

import numpy as np
import pytest

from vmfmix.storage.fitted_images import read_fitted_image, read_image_array, read_image_stack
from vmfmix.storage.images import UnreadableImageError

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

from tests.storage.test_images import damaged_files  # noqa: E402


@pytest.fixture
def wide(tmp_path):
    """Return an image twice as wide as high: black, with a white square in its middle."""
    values = np.zeros((8, 16), np.uint8)
    values[:, 4:12] = 200
    Image.fromarray(values).save(tmp_path / "wide.png")
    return tmp_path / "wide.png"


def test_stretched_images_show_all_of_the_image(wide):
    found = np.asarray(read_fitted_image(wide, (8, 8)))
    assert found.shape == (8, 8) and found[:, 0].max() < 30 and found[:, 4].min() > 170


def test_cropped_images_show_the_middle(wide):
    found = np.asarray(read_fitted_image(wide, (8, 8), fit="crop"))
    np.testing.assert_array_equal(found, np.full((8, 8), 200))


@pytest.mark.parametrize("backdrop", ["white", "red"])
def test_padded_images_show_the_backdrop(wide, backdrop):
    found = np.asarray(read_fitted_image(wide, (16, 16), fit="pad", backdrop=backdrop))
    color = (255, 0, 0) if backdrop == "red" else 255
    assert found.ndim == (3 if backdrop == "red" else 2)
    assert (found[:4] == color).all() and (found[12:] == color).all()
    middle = found[4:12, :, 0] if found.ndim == 3 else found[4:12]
    np.testing.assert_array_equal(middle, np.asarray(Image.open(wide)))


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_every_fit_gives_the_size_to_images_of_any_proportions(tmp_path, fit):
    for size in ((1, 400), (400, 1), (7, 5), (16, 12)):
        Image.new("RGB", size).save(tmp_path / "x.png")
        assert read_fitted_image(tmp_path / "x.png", (8, 6), fit=fit).size == (8, 6)


def test_unknown_fits_are_refused(wide):
    with pytest.raises(ValueError, match="fit='fill' is unknown; pass one of stretch, crop, pad"):
        read_fitted_image(wide, (8, 8), fit="fill")


def test_images_of_a_shape_have_its_channels(tmp_path, wide):
    assert (
        read_image_array(wide, (3, 8, 8), fit="crop").tolist() == np.full((3, 8, 8), 200).tolist()
    )
    Image.new("RGB", (4, 4)).save(tmp_path / "color.png")
    with pytest.raises(ValueError, match=r"color\.png is in color, but the images of the training"):
        read_image_array(tmp_path / "color.png", (1, 4, 4))


def test_read_image_stack_skips_damaged_files_on_request(tmp_path):
    Image.new("L", (4, 3), 7).save(tmp_path / "good.png")
    names = damaged_files(tmp_path)
    paths = [tmp_path / name for name in [*names, "good.png"]]
    with pytest.raises(UnreadableImageError, match=r"chunk\.png .*--skip-damaged"):
        read_image_stack(paths)
    with pytest.warns(UserWarning, match="Skipped 6 of 7 images") as warned:
        images, errors = read_image_stack(paths, skip_damaged=True)
    assert all(name in str(warned[0].message) for name in names)
    assert images.tolist() == [[[[7] * 4] * 3]]
    assert list(errors) == list(range(len(names))) and all(errors[i].reason for i in errors)
    with pytest.raises(UnreadableImageError, match="None of 6 images can be read"):
        read_image_stack(paths[:6], skip_damaged=True)


@pytest.mark.parametrize("n_gray", [0, 29, 30])
def test_read_image_stack_needs_little_more_memory_than_its_result(tmp_path, n_gray):
    rng = np.random.default_rng(0)
    expected = rng.integers(0, 256, (30, 3, 120, 100), np.uint8)
    expected[:n_gray] = expected[:n_gray, :1]
    paths = [tmp_path / f"{i:02}.png" for i in range(30)]
    for i, path in enumerate(paths):
        pixels = expected[i, 0] if i < n_gray else expected[i].transpose(1, 2, 0)
        Image.fromarray(pixels).save(path)
    read_image_stack(paths[:1])  # imports of Pillow
    tracemalloc.start()
    images, errors = read_image_stack(paths)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not errors
    np.testing.assert_array_equal(images, expected[:, :1] if n_gray == 30 else expected)
    if 0 < n_gray < 30 and np.lib.NumpyVersion(np.__version__) >= "2.5.0":
        peak -= images.nbytes // 3  # counted twice while it is resized, though it is not copied
    assert peak < 1.2 * images.nbytes + 80_000


def test_read_image_stack_resizes_to_the_first_image(tmp_path):
    Image.new("L", (5, 3)).save(tmp_path / "a.png")
    Image.new("L", (50, 30)).save(tmp_path / "b.png")
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    assert read_image_stack(paths)[0].shape == (2, 1, 3, 5)
    assert read_image_stack(paths, size=(8, 4))[0].shape == (2, 1, 4, 8)
