"""Tests of Hugging Face datasets as input, in each of their formats."""

import numpy as np
import pytest

from tests.clients import run
from vmfmix import VMFMixture


@pytest.fixture(scope="module")
def page():
    pytest.importorskip("datasets")
    return run("Hugging Face datasets")


def test_dataset_labels_equal_array_labels(page):
    labels = page["model"].labels_
    np.testing.assert_array_equal(page["from_data"].labels_, labels)
    assert page["data"]["cluster"][:10] == labels[:10].tolist()


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_dataset_format_does_not_change_labels(page, name):
    pytest.importorskip(name)
    data = page["data"].select_columns(["text", "embedding"]).with_format(name)
    np.testing.assert_array_equal(page["from_data"].predict(data), page["model"].labels_)
    labels = VMFMixture(random_state=0).fit(data).labels_
    np.testing.assert_array_equal(labels, page["model"].labels_)


def test_dataset_on_disk_keeps_its_order(page, tmp_path):
    from datasets import load_from_disk

    page["data"].shuffle(seed=0).save_to_disk(tmp_path / "data")
    data = load_from_disk(tmp_path / "data")
    np.testing.assert_array_equal(page["model"].predict(data), data["cluster"][:])


def test_iterable_dataset_labels_equal_array_labels(page):
    data = page["data"].select_columns(["text", "embedding"]).to_iterable_dataset()
    labels = VMFMixture(random_state=0).fit(data).labels_
    np.testing.assert_array_equal(labels, page["model"].labels_)
