"""Tests of the galleries of images: their order and their labels."""

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib.figure import Figure  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402

from vmfmix import VMFMixture  # noqa: E402
from vmfmix.inspection import label_issues  # noqa: E402
from vmfmix.plotting import cluster_gallery, label_issue_gallery  # noqa: E402

COLORS = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)


@pytest.fixture
def ax():
    return Figure(layout="constrained").subplots()


def test_cluster_gallery(ax):
    digits = load_digits()
    groups = digits.target.copy()
    groups[groups == 9] = -1
    order = np.arange(len(groups))
    cluster_gallery(digits.images / 16.0, groups, order, n_rows=4, n_images=3, ax=ax)
    assert len(ax.images) == 12
    sizes = np.bincount(groups[groups >= 0])
    largest = np.argsort(-sizes, kind="stable")[:4]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == [
        f"{group} ({sizes[group]})" for group in largest
    ]
    last = np.flatnonzero(groups == largest[0])[-1]
    np.testing.assert_array_equal(ax.images[0].get_array(), digits.images[last] / 16.0)
    with pytest.raises(ValueError, match="1797 images and 3 groups"):
        cluster_gallery(digits.images, [0, 1, 2])
    with pytest.raises(ValueError, match="shape"):
        cluster_gallery(digits.data, groups)


def test_cluster_gallery_of_color_images_with_names(ax):
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), dtype=np.uint8)
    cluster_gallery(
        images, ["b", "a", "a", "b", "a", "c"], names={"a": "A", "b": "B", "c": "C"}, ax=ax
    )
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["A (3)", "B (2)", "C (1)"]


def test_label_issue_gallery(ax):
    digits = load_digits()
    y = digits.target.copy()
    y[:3] = 7
    model = VMFMixture(10, random_state=0).fit(digits.data)
    issues = label_issues(model, digits.data, y)
    label_issue_gallery(digits.images / 16.0, issues, n_images=6, n_columns=3, ax=ax)
    assert len(ax.images) == len(ax.texts) == 6
    first = int(np.argmin(np.asarray(issues["rank"])))
    given, suggested = issues["given_label"][first], issues["suggested_label"][first]
    assert ax.texts[0].get_text() == f"{given} → {suggested}"


@pytest.mark.parametrize(
    "images",
    [
        COLORS,
        COLORS.astype(float),
        COLORS.astype(int),
        COLORS / 255.0,
        COLORS.transpose(0, 3, 1, 2),
    ],
    ids=["bytes", "floats to 255", "integers", "floats to 1", "channels first"],
)
def test_cluster_gallery_draws_images_of_any_layout_and_range(ax, images):
    cluster_gallery(images, [0, 0], ax=ax)
    np.testing.assert_allclose(ax.images[1].get_array(), COLORS[1] / 255.0)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.full((2, 8, 8), 7.0), "from 7 to 7, whose range is unknown"),
        (np.zeros((2, 8, 8, 5)), "shape"),
        (np.zeros((2, 8, 8, 2)), "2 channels"),
    ],
)
def test_cluster_gallery_refuses_what_are_no_images(ax, images, message):
    with pytest.raises(ValueError, match=message):
        cluster_gallery(images, [0, 0], ax=ax)
