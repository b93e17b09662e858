"""Tests of dask arrays as input."""

import numpy as np
import pytest

from tests.clients import run

pytestmark = pytest.mark.slow


def test_dask_labels_equal_array_labels():
    pytest.importorskip("dask.array")
    page = run("dask")
    model, from_dask = page["model"], page["from_dask"]
    # Sums of blocks round differently, and EM may stop at another iteration.
    assert np.mean(from_dask.labels_ == model.labels_) > 0.99
    np.testing.assert_allclose(from_dask.means_, model.means_, atol=0.01)
    labels = from_dask.predict(page["rows"])
    assert isinstance(labels, np.ndarray)
    np.testing.assert_array_equal(labels, from_dask.labels_)
