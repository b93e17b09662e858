"""Tests of tables with and without pandas, and of pandas input."""

import sys

import numpy as np
import pytest

from vmfmix.inspection import describe, exemplars, label_issues, outliers


def test_tables_are_dicts_without_pandas(planted, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    table = describe(planted[2], planted[0])
    assert isinstance(table, dict)
    assert isinstance(table["size"], np.ndarray)


def test_data_frame_index_is_ignored(planted):
    pd = pytest.importorskip("pandas")
    X, y, model = planted
    index = np.random.default_rng(0).permutation(len(X)) + 0.5
    rows, known = pd.DataFrame(X, index=index), pd.Series(y, index=index)
    np.testing.assert_array_equal(exemplars(model, rows), exemplars(model, X))
    for one, other in (
        (describe(model, rows), describe(model, X)),
        (outliers(model, rows), outliers(model, X)),
        (label_issues(model, rows, known), label_issues(model, X, y)),
    ):
        pd.testing.assert_frame_equal(one, other)
    known = known.astype("Int64")
    known.iloc[3] = pd.NA
    with pytest.raises(ValueError, match="Row 3 has no label"):
        label_issues(model, rows, known)
