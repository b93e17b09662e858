"""Layout and range of arrays of images, and .npz files of images."""

import numpy as np
import pytest

from vmfmix.storage.image_arrays import (
    AmbiguousChannelsError,
    channel_axis,
    read_image_file,
    to_bytes,
    white_value,
)

BYTES = np.array([[[0, 1, 128, 255]]], np.uint8)


@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((8, 8), None),
        ((8, 8, 1), 2),
        ((8, 8, 3), 2),
        ((8, 8, 4), 2),
        ((3, 8, 8), 0),
        ((1, 8, 8), 0),
        ((4, 8, 8), 0),
        ((4, 4, 3), 2),  # closer to a square than (4, 3) pixels with 4 channels
        ((1, 8, 3), 0),
        ((64, 64, 12), 2),
        ((16, 64, 64), 0),
        ((12, 8, 3), 2),  # up to 4 channels are more likely than 12
        ((5, 6, 2), 2),
    ],
)
def test_channel_axis_is_the_first_or_the_last(shape, axis):
    assert channel_axis(shape) == axis


@pytest.mark.parametrize(
    "shape", [(), (8,), (17, 17, 17), (20, 8, 30), (0, 8), (2, 3, 8, 8)], ids=str
)
def test_channel_axis_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match="an image has the shape"):
        channel_axis(shape)


@pytest.mark.parametrize("shape", [(8, 8, 8), (5, 64, 16), (4, 4, 4), (3, 8, 3)], ids=str)
def test_channels_that_could_be_either_axis_are_given(shape):
    with pytest.raises(AmbiguousChannelsError, match="could be the first or the last axis"):
        channel_axis(shape)
    assert [channel_axis(shape, channels) for channels in ("first", "last")] == [0, 2]
    assert channel_axis(shape[:2], "last") is None
    with pytest.raises(ValueError, match="channels='middle' is unknown"):
        channel_axis(shape, "middle")


@pytest.mark.parametrize(
    ("values", "white"),
    [
        (BYTES, 255),
        (BYTES.astype(np.int64), 255),
        (BYTES.astype(np.uint16), 255),
        (BYTES.astype(np.float16), 255),
        (BYTES / 255.0, 1),
        (BYTES / 255.0 * (1 + 1e-6), 1),
        (BYTES.astype(np.int32) * 257, 65535),
        (BYTES.astype(np.uint16) * 257, 65535),
    ],
)
def test_values_of_any_range_become_bytes(values, white):
    assert white_value([(0, values)]) == white
    np.testing.assert_array_equal(to_bytes(values, white), BYTES)


def test_booleans_and_black_images_become_bytes():
    mask = np.array([False, True])
    assert to_bytes(mask, white_value([(0, mask)])).tolist() == [0, 255]
    for dtype in (np.float32, np.int64):
        black = np.zeros((2, 2, 2), dtype)
        assert not to_bytes(black, white_value([(0, black)])).any()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (BYTES / 127.5 - 1.0, "from -1 to 1, whose range is unknown"),
        (np.array([[0.0, 16.0]]), "from 0 to 16, whose range is unknown"),
        (np.array([[0.0, 65535.0]]), "range is unknown"),
        (np.array([[0, 1]]), "integers from 0 to 1, whose range is unknown"),
        (np.array([[0, 1023]], np.uint16), "range is unknown"),
        (np.array([[-1, 255]]), "range is unknown"),
        (np.array([[0, 1 << 20]]), "range is unknown"),
        (np.array([["a"]]), "not a number"),
    ],
)
def test_values_of_unknown_range_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        white_value([(0, values)])


def test_range_is_that_of_all_blocks_and_nan_is_located():
    assert white_value([(0, np.zeros((1, 2))), (1, np.full((1, 2), 200.0))]) == 255
    block = np.zeros((3, 2, 2))
    block[1, 0, 0] = np.nan
    with pytest.raises(ValueError, match="image 8 has NaN"):
        white_value([(0, np.zeros((7, 2, 2))), (7, block)])


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
