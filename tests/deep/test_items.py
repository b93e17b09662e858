"""Items and labels of Datasets: which are recognized, and which are refused in words."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import (  # noqa: E402
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)

from vmfmix.deep.data import as_images, loader  # noqa: E402
from vmfmix.deep.items import DatasetImages  # noqa: E402
from vmfmix.deep.labels import label_values  # noqa: E402

PIXELS = torch.rand(12, 3, 6, 6, generator=torch.Generator().manual_seed(0))
BYTES = (PIXELS * 255).round().to(torch.uint8)


class Pictures(Dataset):
    def __init__(self, targets, images=PIXELS, classes=None):
        self.targets, self.images = targets, images
        if classes is not None:
            self.classes = classes

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index], "ignored"


NUMBERS = [0, 1, 2] * 4
NAMES = ["cat", "dog", "owl"] * 4


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        (Pictures(NUMBERS), NUMBERS),
        (Pictures(np.array(NUMBERS)), NUMBERS),
        (Pictures(torch.tensor(NUMBERS)[:, None]), NUMBERS),
        (Pictures([torch.tensor(each) for each in NUMBERS]), NUMBERS),
        (Pictures([float(each) for each in NUMBERS]), NUMBERS),
        (Pictures(NAMES), NAMES),
        (Pictures(np.array(NAMES)), NAMES),
        (Pictures(None), None),
        (Pictures([None] * 12), None),
        (Pictures(np.full(12, np.nan)), None),
        (Pictures(torch.full((12,), -1)), None),
        (TensorDataset(PIXELS, torch.tensor(NUMBERS)), NUMBERS),
        (TensorDataset(PIXELS), None),
        (Subset(Pictures(NAMES), [4, 3]), ["dog", "cat"]),
        (Subset(Subset(TensorDataset(PIXELS, torch.tensor(NUMBERS)), [5, 4, 3]), [0, 2]), [2, 0]),
        (Subset(Pictures(None), [1]), None),
        (ConcatDataset([Pictures(NUMBERS), Subset(Pictures(NUMBERS), [2])]), [*NUMBERS, 2]),
        (ConcatDataset([Pictures(None), Pictures(None)]), None),
        ([(image, label) for image, label in zip(PIXELS, NAMES)], NAMES),
        (list(PIXELS), None),
    ],
)
def test_labels_are_found(dataset, expected):
    assert label_values(dataset, len(dataset)) == expected
    images = DatasetImages(dataset)
    assert images.unusable_labels is None
    if expected is not None:
        assert [images.classes[label] for label in images.labels] == expected


def test_labels_of_a_random_split():
    parts = random_split(Pictures(NAMES), [8, 4])
    for part in parts:
        assert label_values(part, len(part)) == [NAMES[index] for index in part.indices]


def test_joined_datasets_that_number_classes_differently_are_labeled_by_name():
    one = Pictures([0, 1] * 6, classes=["cat", "dog"])
    other = Pictures([0, 1] * 6, classes=["dog", "owl"])
    joined = label_values(ConcatDataset([one, Subset(other, [0, 1])]), 14)
    assert joined[-4:] == ["cat", "dog", "dog", "owl"]
    assert label_values(ConcatDataset([one, one]), 24) == [0, 1] * 12


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (Pictures([[1, 2], [3]] * 6), "that of image 0 is [1, 2], no text or integer"),
        (Pictures([None, *NUMBERS[1:]]), "that of image 0 is missing"),
        (Pictures(["cat", float("nan")] * 6), "that of image 1 is missing"),
        (Pictures([0.5] * 12), "that of image 0 is 0.5"),
        (Pictures(torch.zeros(12, 4)), "that of image 0 is [0.0, 0.0, 0.0, 0.0]"),
        (Pictures([0, 1]), "there are 12 images, but 2 labels"),
        (Pictures([0, -1] * 6), "that of image 1 is missing"),
        (Subset(Pictures([0, 1]), [5]), "fewer labels than images"),
        (ConcatDataset([Pictures(NAMES), Pictures(None)]), "some parts of the ConcatDataset"),
    ],
)
def test_labels_that_cannot_be_used_are_ignored_with_a_warning(dataset, message):
    images = DatasetImages(dataset)
    assert images.labels is None
    with pytest.warns(UserWarning, match="The labels of the images are ignored") as warned:
        images.warn_about_labels()
    assert message in str(warned[0].message)


@pytest.mark.parametrize(
    "given",
    [
        PIXELS,
        PIXELS.double(),
        PIXELS * 255,
        BYTES,
        BYTES.int(),
        PIXELS.permute(0, 2, 3, 1).contiguous(),
        BYTES.permute(0, 2, 3, 1).contiguous(),
    ],
)
def test_layout_and_range_are_recognized(given):
    for batch, indices in loader(Pictures(None, given), 5):
        floats = batch.float() / 255 if batch.dtype == torch.uint8 else batch
        assert floats.dtype == torch.float32
        torch.testing.assert_close(floats, PIXELS[indices], atol=2.1e-3, rtol=0)


def test_gray_images_may_lack_the_axis_of_channels():
    images = DatasetImages(Pictures(None, PIXELS[:, 0]))
    assert images.first.shape == (1, 1, 6, 6)


def test_values_slightly_beyond_the_range_are_clipped():
    images = PIXELS.clone()
    images[3, 0, 0, :2] = torch.tensor([1.05, -0.05])  # as after resizing
    item, _ = DatasetImages(Pictures(None, images))[3]
    assert item[0, 0, :2].tolist() == [1.0, 0.0]


def changed(index, value):
    images = PIXELS.clone()
    images[index, 1, 2, 3] = value
    return images


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (changed(7, torch.nan), "image 7 has NaN or infinite values"),
        (changed(0, torch.inf), "image 0 has NaN or infinite values"),
        ((PIXELS - 0.45) / 0.22, r"values are numbers from -.* without subtracting a mean"),
        (PIXELS * 16, r"values are numbers from .* to 1[56]"),
        ([*PIXELS[:11], torch.rand(3, 6, 7)], r"Image 11 has the shape \(3, 6, 7\), but image 0"),
        ([torch.rand(4), torch.rand(4)], r"Image 0 has the shape \(4,\)"),
        ([PIXELS[0], BYTES[1]], "Image 1 has values of type torch.uint8, unlike image 0"),
    ],
)
def test_refuses_images_and_names_them(images, message):
    with pytest.raises(ValueError, match=message):
        list(loader(Pictures(None, images), 4))


def test_refuses_a_later_image_of_another_range():
    images = [image / 4 for image in PIXELS.repeat(10, 1, 1, 1)]
    images[101] = images[101] * 255  # beyond the images from which the range is recognized
    with pytest.raises(
        ValueError, match=r"Image 101 has values .* suggest that all are from 0 to 1"
    ):
        list(loader(Pictures(None, images), 8))


def test_own_views_may_have_any_values():
    views = [([image * 9 - 4, image], 0) for image in PIXELS]
    batch, _ = next(iter(loader(views, 12)))
    torch.testing.assert_close(batch[0], PIXELS * 9 - 4)
    views[5][0][1].fill_(torch.nan)
    with pytest.raises(ValueError, match=r"Image 5 has values that are NaN"):
        list(loader(views, 12))
    normalized = as_images(PIXELS * 9 - 4, any_range=True)
    torch.testing.assert_close(normalized[1][0], PIXELS[1] * 9 - 4)


class Stream(IterableDataset):
    def __iter__(self):
        return iter(PIXELS)


@pytest.mark.parametrize("dataset", [Stream(), [], 5, Subset(Pictures(None), [])])
def test_refuses_what_has_no_numbered_items(dataset):
    with pytest.raises(ValueError, match=r"is not a Dataset with a length|There are no images"):
        as_images(dataset)
