"""Tests of tables with and without pandas, and of rows in every form."""

import sys
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix.inspection import (
    compare,
    describe,
    exemplars,
    label_issues,
    outliers,
    principal_plane,
)


@pytest.fixture
def without_pandas(monkeypatch):
    """Make the import of pandas fail; scikit-learn 1.6 fails if ``sys.modules`` has None for it."""

    class Finder:
        @staticmethod
        def find_spec(name, *_):
            if name == "pandas":
                raise ModuleNotFoundError(name)

    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])


def test_tables_are_dicts_without_pandas(planted, without_pandas):
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


TENSORS = {
    "bfloat16": lambda torch, X: torch.from_numpy(X).bfloat16(),
    "float16": lambda torch, X: torch.from_numpy(X).half(),
    "with gradients": lambda torch, X: torch.from_numpy(X).requires_grad_(),
}


@pytest.mark.parametrize("form", TENSORS)
def test_tensors_are_accepted_as_by_fit(planted, form):
    torch = pytest.importorskip("torch")
    X, y, model = planted
    tensor = TENSORS[form](torch, X)
    rows = tensor.detach().float().numpy()
    np.testing.assert_array_equal(exemplars(model, tensor), exemplars(model, rows))
    np.testing.assert_allclose(principal_plane(tensor), principal_plane(rows), atol=1e-5)
    for one, other in (
        (describe(model, tensor), describe(model, rows)),
        (outliers(model, tensor), outliers(model, rows)),
        (compare(model, tensor, y), compare(model, rows, y)),
        (label_issues(model, tensor, y), label_issues(model, rows, y)),
    ):
        for column in other:
            np.testing.assert_array_equal(one[column], other[column])


def test_results_do_not_depend_on_the_size_of_blocks(planted, monkeypatch):
    X, y, model = planted
    rows = sp.csr_array(X * (X > 0))
    before = [label_issues(model, each, y) for each in (X, rows)]
    planes = [principal_plane(X), outliers(model, X)]
    monkeypatch.setattr("vmfmix.inspection.rows._NUMBERS_PER_BLOCK", 24 * 300)
    for each, one in zip((X, rows), before, strict=True):
        other = label_issues(model, each, y)
        for column in ("given_label_probability", "suggested_label_probability", "margin"):
            np.testing.assert_allclose(one[column], other[column], atol=1e-4, rtol=1e-4)
    np.testing.assert_allclose(principal_plane(X), planes[0], atol=1e-6)
    np.testing.assert_array_equal(outliers(model, X)["row"], planes[1]["row"])


def test_a_plane_is_estimated_from_some_of_many_rows(planted, monkeypatch):
    X = planted[0]
    exact = principal_plane(X)
    monkeypatch.setattr("vmfmix.inspection.clusters._NUMBERS_OF_PLANE", 0)
    monkeypatch.setattr("vmfmix.inspection.clusters._MIN_ROWS_OF_PLANE", 1000)
    estimated = principal_plane(X)
    assert (np.abs(np.corrcoef(exact.T, estimated.T)[[0, 1], [2, 3]]) > 0.99).all()


@pytest.mark.parametrize("function", [compare, describe, label_issues, outliers])
def test_tables_of_a_mapped_file_need_memory_for_blocks_only(
    planted, tmp_path, monkeypatch, without_pandas, function
):
    X, y, model = planted
    np.save(tmp_path / "rows.npy", np.tile(X, (40, 1)))
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    needs_labels = function in (compare, label_issues)
    monkeypatch.setattr("vmfmix.inspection.rows._NUMBERS_PER_BLOCK", 2**16)
    function(model, X, *[y] * needs_labels)  # compiles
    labels = [np.tile(y, 40)] * needs_labels
    tracemalloc.start()
    table = function(model, mapped, *labels)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(table) > 0
    # Some numbers for each row; a copy of the rows in float64 would take 192 bytes for each.
    assert peak - kept < 90 * len(mapped) + 2**20
