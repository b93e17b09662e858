"""Tests of pandas and polars DataFrames as input and output."""

import numpy as np
import pytest

from tests.clients import run


@pytest.fixture(scope="module")
def page():
    pytest.importorskip("pandas")
    pytest.importorskip("polars")
    return run("pandas and polars")


def test_dataframe_labels_equal_array_labels(page):
    np.testing.assert_array_equal(page["mixture"].labels_, page["model"].labels_)
    assert list(page["mixture"].feature_names_in_) == page["names"]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_transform_returns_dataframe(page, library):
    frame = pytest.importorskip(library).DataFrame
    mixture = page["mixture"].set_output(transform=library)
    cosines = mixture.transform(page["wide"])
    assert isinstance(cosines, frame)
    assert list(cosines.columns) == [f"vmfmixture{k}" for k in range(mixture.n_components_)]
    np.testing.assert_allclose(cosines.to_numpy(), page["model"].transform(page["X"]), atol=1e-6)


def test_polars_column_of_vectors_can_be_predicted(page):
    labels = page["model"].predict(page["table"]["embedding"].to_numpy())
    np.testing.assert_array_equal(labels, page["model"].labels_)
