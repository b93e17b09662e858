"""Data sets of Hugging Face's `datasets`, in each of its formats."""

import numpy as np
import pytest

from tests.clients import run
from vmfmix import VMFMixture


@pytest.fixture(scope="module")
def page():
    pytest.importorskip("datasets")
    return run("datasets")


def test_labels_are_those_of_the_array(page):
    labels = page["model"].labels_
    np.testing.assert_array_equal(page["from_data"].labels_, labels)
    assert page["data"]["cluster"][:10] == labels[:10].tolist()


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_the_format_makes_no_difference(page, name):
    pytest.importorskip(name)
    data = page["data"].select_columns(["text", "embedding"]).with_format(name)
    np.testing.assert_array_equal(page["from_data"].predict(data), page["model"].labels_)
    labels = VMFMixture(random_state=0).fit(data).labels_
    np.testing.assert_array_equal(labels, page["model"].labels_)


def test_a_data_set_on_disk_is_read_in_its_order(page, tmp_path):
    from datasets import load_from_disk

    page["data"].shuffle(seed=0).save_to_disk(tmp_path / "data")
    data = load_from_disk(tmp_path / "data")
    np.testing.assert_array_equal(page["model"].predict(data), data["cluster"][:])


def test_an_iterable_data_set_is_read_too(page):
    data = page["data"].select_columns(["text", "embedding"]).to_iterable_dataset()
    labels = VMFMixture(random_state=0).fit(data).labels_
    np.testing.assert_array_equal(labels, page["model"].labels_)
