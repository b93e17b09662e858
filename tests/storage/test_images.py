"""Reading of images."""

import numpy as np
import pytest

from vmfmix.storage.images import image_paths, read_image, read_image_file

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")


def test_image_paths_lists_images_of_all_subfolders(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("b/2.JPG", "1.png", "notes.txt", "b/3.webp"):
        (tmp_path / name).touch()
    expected = [tmp_path / name for name in ("1.png", "b/2.JPG", "b/3.webp")]
    assert image_paths(tmp_path) == expected


def test_image_paths_refuses_folders_without_images(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match=r"There is no image in .*\.png"):
        image_paths(tmp_path)


@pytest.mark.parametrize(
    ("mode", "expected"), [("RGB", "RGB"), ("RGBA", "RGB"), ("P", "RGB"), ("L", "L"), ("1", "L")]
)
def test_read_image_converts_to_gray_or_rgb(tmp_path, mode, expected):
    Image.new(mode, (4, 3)).save(tmp_path / "x.png")
    image = read_image(tmp_path / "x.png")
    assert (image.mode, image.size) == (expected, (4, 3))


def test_read_image_scales_16_bits_to_8(tmp_path):
    pixels = np.array([[0, 256, 65535]], dtype=np.uint16)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    np.testing.assert_array_equal(read_image(tmp_path / "x.png"), [[0, 1, 255]])


def test_read_image_follows_the_exif_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    Image.new("RGB", (4, 3)).save(tmp_path / "x.jpg", exif=exif)
    assert read_image(tmp_path / "x.jpg").size == (3, 4)


def test_read_image_refuses_pixels_of_unknown_range(tmp_path):
    Image.fromarray(np.ones((3, 4), np.float32)).save(tmp_path / "x.tif")
    with pytest.raises(ValueError, match="the range of its pixel values is unknown"):
        read_image(tmp_path / "x.tif")


def test_read_image_refuses_other_files(tmp_path):
    (tmp_path / "x.png").write_text("text")
    with pytest.raises(ValueError, match=r"x\.png cannot be read as an image"):
        read_image(tmp_path / "x.png")


def test_read_image_file_returns_images_and_labels(tmp_path):
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.savez(tmp_path / "x.npz", images=images, y=[0, 1], other=np.array([{}], dtype=object))
    found, labels = read_image_file(tmp_path / "x.npz")
    np.testing.assert_array_equal(found, images)
    np.testing.assert_array_equal(labels, [0, 1])
    np.savez(tmp_path / "x.npz", images=images)
    assert read_image_file(tmp_path / "x.npz")[1] is None


def test_read_image_file_refuses_files_without_images(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.zeros(3), b=np.zeros(3))
    with pytest.raises(ValueError, match="has no array named images; it has a, b"):
        read_image_file(tmp_path / "x.npz")
    (tmp_path / "x.npz").write_text("text")
    with pytest.raises(ValueError, match=r"is not a complete \.npz file"):
        read_image_file(tmp_path / "x.npz")
