"""Images from folders, files and arrays, and batches of them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from vmfmix.deep import data  # noqa: E402
from vmfmix.deep.data import (  # noqa: E402
    Images,
    ShuffledSampler,
    loader,
    read_images,
)

BYTES = np.random.default_rng(0).integers(0, 256, size=(20, 6, 6, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("images", "shape"),
    [
        (BYTES, (20, 3, 6, 6)),
        (BYTES.transpose(0, 3, 1, 2), (20, 3, 6, 6)),
        (BYTES[..., 0], (20, 1, 6, 6)),
        (BYTES[..., :1], (20, 1, 6, 6)),
        (BYTES / 255.0, (20, 3, 6, 6)),
        (BYTES.astype(float), (20, 3, 6, 6)),
        (BYTES.astype(np.int64), (20, 3, 6, 6)),
        (torch.from_numpy(BYTES), (20, 3, 6, 6)),
    ],
)
def test_accepts_arrays_of_any_layout(images, shape):
    found = Images(images).images
    assert tuple(found.shape) == shape
    assert found.dtype == torch.uint8
    first = BYTES.transpose(0, 3, 1, 2)[:, : shape[1]]
    np.testing.assert_array_equal(found.numpy(), first)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((3, 4)), r"shape \(4,\)"),
        (np.zeros((3, 30, 30, 17)), "with 1 to 16 channels"),
        (
            np.zeros((3, 8, 8, 7)),
            "first or the last axis; pass channels='first' or channels='last'",
        ),
        (np.zeros((0, 5, 5)), "There are no images"),
        (np.full((3, 5, 5), 7.0), "values are numbers from 7 to 7, whose range is unknown"),
        (np.full((3, 5, 5), -1), "from 0 to 1"),
        (BYTES / 255.0 - 0.5, r"values are numbers from -0\.5 to"),
        (
            np.where(np.arange(3)[:, None, None] == 1, np.nan, np.zeros((3, 5, 5))),
            "image 1 has NaN",
        ),
        (np.full((3, 5, 5), 1000), "integers from 1000 to 1000"),
    ],
)
def test_refuses_arrays_that_are_not_images(images, message):
    with pytest.raises(ValueError, match=message):
        Images(images)


def test_refuses_wrong_number_of_labels():
    with pytest.raises(ValueError, match="20 images and 3 labels"):
        Images(BYTES, [0, 1, 2])


@pytest.mark.parametrize("in_memory", [True, False])
def test_batches_end_with_indices(in_memory):
    images = Images(BYTES)
    dataset = images if in_memory else [(image, "label") for image in images.images]
    seen = []
    for batch, indices in loader(dataset, 6):
        assert torch.equal(batch, images.images[indices])
        seen.append(indices)
    assert torch.equal(torch.cat(seen), torch.arange(20))


def test_order_depends_on_epoch_alone():
    def order(epoch):
        batches = loader(Images(BYTES), 6, seed=3)
        batches.sampler.set_epoch(epoch)
        return torch.cat([indices for _, indices in batches])

    assert torch.equal(order(1), order(1))
    assert not torch.equal(order(1), order(2))
    assert len(order(1)) == 18  # the last batch is smaller, and left out


@pytest.mark.parametrize("n_processes", [1, 3])
def test_order_is_that_of_distributed_sampler(n_processes, monkeypatch):
    for rank in range(n_processes):
        monkeypatch.setattr(data, "_rank_and_world_size", lambda rank=rank: (rank, n_processes))
        sampler = ShuffledSampler(20, seed=3)
        expected = torch.utils.data.DistributedSampler(
            range(20), n_processes, rank, seed=3 * 100_003, drop_last=True
        )
        for epoch in range(3):
            sampler.set_epoch(epoch)
            expected.set_epoch(epoch)
            assert list(sampler) == list(expected)
            assert len(sampler) == len(expected)


def test_read_folder_of_images(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for name, array in (("cat/1.png", BYTES[0]), ("cat/2.png", BYTES[1]), ("dog/1.png", BYTES[2])):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        image.fromarray(array).save(path)
    found = read_images(tmp_path)
    np.testing.assert_array_equal(found.images.numpy(), BYTES[:3].transpose(0, 3, 1, 2))
    assert found.labels.tolist() == [0, 0, 1]
    assert found.names[2].endswith("1.png")
    assert read_images(tmp_path, size=12).images.shape == (3, 3, 12, 12)
    (tmp_path / "dog/broken.png").write_bytes(b"this is no picture")
    with pytest.raises(ValueError, match=r"broken.png cannot be read"):
        read_images(tmp_path)
    with pytest.warns(UserWarning, match=r"Skipped 1 of 4 images: .*broken\.png"):
        rest = read_images(tmp_path, skip_damaged=True)
    assert torch.equal(rest.images, found.images)
    assert (rest.names, rest.paths) == (found.names, found.paths)
    assert rest.labels.tolist() == [0, 0, 1]


def test_read_folder_skips_hidden_folders_and_outputs(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for name in ("a/1.png", "b/1.png", ".ipynb_checkpoints/1.png", "run/history.png"):
        (tmp_path / name).parent.mkdir()
        image.fromarray(BYTES[0]).save(tmp_path / name)
    with pytest.warns(UserWarning, match=r"hidden: 1 .*; output folder: 1 \(run\)"):
        found = read_images(tmp_path, exclude=tmp_path / "run")
    assert found.classes == ["a", "b"]
    assert found.paths == [tmp_path / "a/1.png", tmp_path / "b/1.png"]


def test_read_folder_lays_transparent_images_on_the_backdrop(tmp_path):
    image = pytest.importorskip("PIL.Image")
    image.new("RGBA", (4, 4)).save(tmp_path / "1.png")
    assert (read_images(tmp_path).images == 255).all()
    assert read_images(tmp_path, backdrop="#102030").images[0, :, 0, 0].tolist() == [16, 32, 48]


@pytest.fixture
def folder_of_all_kinds(tmp_path):
    """Return a folder with images of two classes, of several sizes, and some damaged ones."""
    image = pytest.importorskip("PIL.Image")
    for name, array in (
        ("cat/1.png", BYTES[0, :, :, 0]),
        ("cat/2.png", BYTES[1, :4]),
        ("dog/3.png", BYTES[2, :, :5]),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        image.fromarray(array).save(tmp_path / name)
    image.new("RGBA", (8, 4), (9, 9, 9, 0)).save(tmp_path / "dog/clear.png")
    (tmp_path / "cat/0.png").write_text("text")
    (tmp_path / "dog/x.png").mkdir()
    (tmp_path / "dog/gone.png").symlink_to(tmp_path / "nowhere.png")
    return tmp_path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("size", [None, (5, 7)])
@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_images_read_lazily_are_those_in_memory(folder_of_all_kinds, fit, size):
    options = {"size": size, "fit": fit, "backdrop": "red", "skip_damaged": True}
    expected = read_images(folder_of_all_kinds, **options)
    found = read_images(folder_of_all_kinds, lazy=True, **options)
    assert torch.equal(found.first, expected.first) and len(found) == len(expected) == 4
    for seed in (None, 0):
        for batch, other in zip(loader(found, 3, seed=seed), loader(expected, 3, seed=seed)):
            assert torch.equal(batch[0], other[0]) and torch.equal(batch[1], other[1])
    assert (found.names, found.paths) == (expected.names, expected.paths)
    assert (found.classes, found.labels.tolist()) == (["cat", "dog"], [0, 0, 1, 1])
    assert torch.equal(found[2][0], expected[2][0])


@pytest.mark.parametrize("lazy", [False, True])
def test_all_that_was_skipped_is_listed(folder_of_all_kinds, lazy):
    with pytest.warns(UserWarning, match="Skipped"):
        images = read_images(folder_of_all_kinds, lazy=lazy, skip_damaged=True)
    assert images.skipped == [
        ("cat/0.png", "it is damaged, or of a format that Pillow does not know"),
        ("dog/gone.png", "broken link"),
        ("dog/x.png", "folder with the name of an image"),
    ]
    with (
        pytest.warns(UserWarning, match="broken link"),
        pytest.raises(ValueError, match=r"0\.png cannot be read .*--skip-damaged"),
    ):
        read_images(folder_of_all_kinds, lazy=lazy)


@pytest.mark.filterwarnings("ignore")
def test_processes_read_the_same_images(folder_of_all_kinds):
    options = {"size": 4, "lazy": True, "skip_damaged": True}
    images = read_images(folder_of_all_kinds, n_workers=1, **options)
    batches = list(loader(images, 2, n_workers=1))
    expected = torch.stack([images[index][0] for index in range(4)])
    assert torch.equal(torch.cat([batch for batch, _ in batches]), expected)


@pytest.mark.filterwarnings("ignore")
def test_files_that_are_lost_later_are_named(folder_of_all_kinds):
    images = read_images(folder_of_all_kinds, lazy=True, skip_damaged=True)
    images.paths[1].unlink()
    with pytest.raises(ValueError, match=r"2\.png cannot be read .* restore it and run the same"):
        list(loader(images, 2))
    for path in images.paths:
        path.write_text("text")
    with pytest.raises(ValueError, match="None of 5 images can be read"):
        read_images(folder_of_all_kinds, lazy=True, skip_damaged=True)


@pytest.mark.parametrize("n_channels", [2, 4, 5, 12])
def test_images_may_have_many_channels(n_channels, tmp_path):
    many = np.random.default_rng(1).integers(0, 65536, (4, 20, 18, n_channels), dtype=np.uint16)
    expected = (many >> 8).astype(np.uint8).transpose(0, 3, 1, 2)
    np.savez(tmp_path / "images.npz", images=many)
    for images in (
        Images(many),
        Images(many.transpose(0, 3, 1, 2)),
        data.as_images(torch.from_numpy(many)),
        read_images(tmp_path / "images.npz"),
    ):
        np.testing.assert_array_equal(images.images, expected)
    dataset = data.as_images([(torch.from_numpy(image), 0) for image in many])
    batch, _ = next(iter(loader(dataset, 4)))
    torch.testing.assert_close(batch * 255, torch.from_numpy(expected).float(), atol=1.0, rtol=0)


def test_channels_may_be_given(tmp_path):
    tiny = BYTES[:, :, :, [0, 1, 2, 0, 1, 2]]
    np.savez(tmp_path / "images.npz", images=tiny)
    for given in (tiny, tmp_path / "images.npz", list(torch.from_numpy(tiny))):
        with pytest.raises(ValueError, match="pass channels='first' or channels='last'"):
            data.as_images(given)
        last = data.as_images(given, channels="last")
        first = data.as_images(given, channels="first")
        np.testing.assert_array_equal(last[0][0], tiny[0].transpose(2, 0, 1))
        np.testing.assert_array_equal(first[0][0], tiny[0])


def test_read_npz_of_images(tmp_path):
    np.savez(tmp_path / "images.npz", images=BYTES, y=np.arange(20))
    found = read_images(tmp_path / "images.npz")
    assert found.labels.tolist() == list(range(20))
    np.savez(tmp_path / "other.npz", pictures=BYTES)
    for name, error, message in (
        ("other.npz", ValueError, "no array named images; it has pictures"),
        ("nothing.npz", FileNotFoundError, "There is no folder or file"),
    ):
        with pytest.raises(error, match=message):
            read_images(tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no image in"):
        read_images(tmp_path / "empty")


def test_with_classes_indexes_classes_of_training_part():
    train = Images(BYTES[:4], ["cat", "dog", "owl", "cat"])
    test = Images(BYTES[4:7], ["owl", "emu", "dog"]).with_classes(train.classes)
    assert train.labels.tolist() == [0, 1, 2, 0]
    assert test.classes == ["cat", "dog", "owl", "emu"]
    assert test.labels.tolist() == [2, 3, 1]
    assert Images(BYTES).with_classes(train.classes).labels is None


def test_read_folder_of_mixed_images(tmp_path):
    pytest.importorskip("PIL")
    from PIL import Image

    (tmp_path / "a").mkdir()
    ramp = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    Image.fromarray(ramp).save(tmp_path / "a/deep.png")
    Image.fromarray(BYTES[0, :, :, 0]).convert("LA").save(tmp_path / "a/gray.png")
    images = read_images(tmp_path, size=(8, 8))
    assert images.images.shape == (2, 1, 8, 8)
    np.testing.assert_array_equal(images.images[0, 0].numpy(), ramp // 256)
    Image.fromarray(BYTES[0]).save(tmp_path / "loose.png")
    with pytest.raises(ValueError, match="lies beside subfolders"):
        read_images(tmp_path)
