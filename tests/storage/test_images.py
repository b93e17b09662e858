"""Decoding of image files."""

import struct
import zlib

import numpy as np
import pytest

from vmfmix.storage.images import UnreadableImageError, as_viewed, read_image

Image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")

GRAY = np.array([[0, 85, 170, 255]], np.uint8)


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


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[-1.0, 1.0]], np.float32), "from -1 to 1, whose range is unknown"),
        (np.array([[0, 1 << 30]], np.int32), "whose range is unknown"),
        (np.array([[0.0, np.nan]], np.float32), "there are NaN or infinite values"),
    ],
)
def test_read_image_refuses_pixels_of_unknown_range(tmp_path, values, message):
    Image.fromarray(values).save(tmp_path / "x.tif")
    with pytest.raises(UnreadableImageError, match=rf"x\.tif cannot be read .*{message}"):
        read_image(tmp_path / "x.tif")


def test_read_image_refuses_other_files(tmp_path):
    (tmp_path / "x.png").write_text("text")
    with pytest.raises(ValueError, match=r"x\.png cannot be read as an image"):
        read_image(tmp_path / "x.png")


def transparent(mode):
    """Return a black image that is opaque in its left half only."""
    image = Image.new("LA", (4, 3))
    image.paste((0, 255), (0, 0, 2, 3))
    rgba = image.convert("RGBA")
    if mode in ("La", "PA"):
        return image.convert("La") if mode == "La" else rgba.convert("P").convert("PA")
    return rgba.quantize(4) if mode == "P" else rgba.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_read_image_lays_transparent_parts_on_the_backdrop(tmp_path, mode):
    transparent(mode).save(tmp_path / "x.png")
    expected = np.tile(np.array([0, 0, 255, 255], np.uint8), (3, 1))
    np.testing.assert_array_equal(read_image(tmp_path / "x.png").convert("L"), expected)
    red = read_image(tmp_path / "x.png", backdrop="#ff0000")
    assert red.getpixel((0, 0)) == (0, 0, 0) and red.getpixel((3, 0)) == (255, 0, 0)
    with pytest.raises(ValueError, match="backdrop='transparent' is not a color"):
        read_image(tmp_path / "x.png", backdrop="transparent")


@pytest.mark.parametrize("mode", ["La", "PA", "RGBa"])
def test_as_viewed_lays_images_of_any_transparent_mode_on_white(mode):
    shown = np.asarray(as_viewed(transparent(mode)).convert("L"))
    np.testing.assert_array_equal(shown, np.tile(np.array([0, 0, 255, 255], np.uint8), (3, 1)))


def test_read_image_lays_single_transparent_values_on_white(tmp_path):
    Image.fromarray(GRAY).save(tmp_path / "gray.png", transparency=85)
    np.testing.assert_array_equal(read_image(tmp_path / "gray.png"), [[0, 255, 170, 255]])
    deep = np.array([[0, 256, 65535]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png", transparency=256)
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png"), [[0, 255, 255]])
    pixels = np.array([[0, 0, 0, 65535, 40000, 257]], ">u2").tobytes()
    key = np.array([65535, 40000, 257], ">u2").tobytes()
    write_png(tmp_path / "color.png", (2, 1, 16, 2), pixels, tRNS=key)
    found = np.asarray(read_image(tmp_path / "color.png"))
    np.testing.assert_array_equal(found, [[[0, 0, 0], [255, 255, 255]]])


def write_png(path, header, pixels, **chunks):
    """Write a PNG of one line; `header` is width, height, depth and type of color."""

    def chunk(name, content):
        return (
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", zlib.crc32(name + content))
        )

    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0))]
    parts += [chunk(name.encode(), content) for name, content in chunks.items()]
    parts += [chunk(b"IDAT", zlib.compress(b"\0" + pixels)), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def write_tiff(path, bits, photometric, data):
    """Write a gray TIFF of one line of four pixels."""
    sizes = {256: 4, 257: 1, 258: bits, 259: 1, 262: photometric, 277: 1, 278: 1}
    offset = 8 + 2 + 12 * (len(sizes) + 2) + 4
    tags = {**sizes, 273: offset, 279: len(data)}
    entries = [struct.pack("<HHIHH", tag, 3, 1, tags[tag], 0) for tag in sorted(tags)]
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    path.write_bytes(head + b"".join(entries) + struct.pack("<I", 0) + data)


@pytest.mark.parametrize("maximum", [1023, 4095, 65535])
def test_read_image_scales_netpbm_of_any_depth(tmp_path, maximum):
    values = (GRAY * (maximum / 255.0)).round().astype(">u2")
    (tmp_path / "x.pgm").write_bytes(b"P5 4 1 %d\n" % maximum + values.tobytes())
    np.testing.assert_array_equal(read_image(tmp_path / "x.pgm"), GRAY)


def test_read_image_scales_tiff_of_any_depth(tmp_path):
    twelve_bits = bytes.fromhex("000555aaafff")
    sixteen_bits = (GRAY.astype("<u2") * 257).tobytes()
    for bits, data in (12, twelve_bits), (16, sixteen_bits):
        write_tiff(tmp_path / "x.tif", bits, 1, data)
        np.testing.assert_array_equal(read_image(tmp_path / "x.tif"), GRAY)
    write_tiff(tmp_path / "x.tif", 16, 0, sixteen_bits)  # 0 is white
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif"), 255 - GRAY)


@pytest.mark.parametrize(
    "values",
    [
        GRAY.astype(np.float32),
        (GRAY / 255.0).astype(np.float32),
        GRAY.astype(np.int32),
        GRAY.astype(np.int32) * 257,
    ],
    ids=["float 0..255", "float 0..1", "int32 0..255", "int32 0..65535"],
)
def test_read_image_recognizes_the_range_of_wide_pixels(tmp_path, values):
    Image.fromarray(values).save(tmp_path / "x.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif"), GRAY)


def test_read_image_converts_cmyk(tmp_path):
    Image.new("RGB", (2, 2), (255, 0, 85)).convert("CMYK").save(tmp_path / "x.tif")
    assert read_image(tmp_path / "x.tif").getpixel((0, 0)) == (255, 0, 85)


@pytest.mark.parametrize("suffix", ["gif", "png", "tif"])
def test_read_image_takes_the_first_frame(tmp_path, suffix):
    frames = [Image.new("RGB", (4, 3), color) for color in ("red", "blue")]
    frames[0].save(tmp_path / f"x.{suffix}", save_all=True, append_images=frames[1:])
    assert read_image(tmp_path / f"x.{suffix}").getpixel((0, 0)) == (255, 0, 0)


def test_read_image_reduces_large_jpeg_files_while_decoding(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (1600, 800)).save(tmp_path / "x.jpg", exif=exif)
    assert read_image(tmp_path / "x.jpg").size == (800, 1600)
    assert read_image(tmp_path / "x.jpg", size=(100, 200)).size == (200, 400)


def damaged_files(folder):
    """Write image files that cannot be read, and return their names."""
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8))
    picture.save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:-300])
    picture.save(folder / "chunk.png")
    content = bytearray((folder / "chunk.png").read_bytes())
    content[35] = 0  # the length of a chunk: Pillow raises SyntaxError
    (folder / "chunk.png").write_bytes(content)
    write_png(folder / "large.png", (20000, 20000, 1, 0), b"")
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("text")
    (folder / "no pixels.gif").write_bytes(b"GIF89a\0\0\0\0\0\0\0,\0\0\0\0\0\0\0\0\0\2\0;")
    return ["chunk.png", "cut.jpg", "empty.png", "large.png", "no pixels.gif", "text.png"]


def test_read_image_names_damaged_and_large_files_in_one_line(tmp_path):
    for name in damaged_files(tmp_path):
        with pytest.raises(UnreadableImageError, match=f"{name} cannot be read as") as error:
            read_image(tmp_path / name)
        assert "\n" not in str(error.value)
    with pytest.raises(UnreadableImageError, match="more pixels than Pillow allows"):
        read_image(tmp_path / "large.png")
