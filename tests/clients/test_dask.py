"""Tests of dask arrays as input."""

import numpy as np
import pytest

from tests.clients import run

pytestmark = pytest.mark.slow


def test_dask_labels_equal_array_labels():
    pytest.importorskip("dask.array")
    page = run("dask")
    model, from_dask = page["model"], page["from_dask"]
    np.testing.assert_array_equal(from_dask.labels_, model.labels_)
    np.testing.assert_allclose(from_dask.means_, model.means_, atol=1e-6)
    labels = from_dask.predict(page["rows"])
    assert isinstance(labels, np.ndarray)
    np.testing.assert_array_equal(labels, model.labels_)
