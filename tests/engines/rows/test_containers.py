"""Rows in tables, columns, lists and masked arrays, and messages about other containers."""

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix import VMFMixture
from vmfmix.engines.rows.containers import unwrapped

X = np.arange(1.0, 13.0).reshape(3, 4)
NAMES = [f"e{i}" for i in range(4)]
NULLS = r"has null values in 1 of its 3 rows, first row 1 \(counted from 0\)"


def rows_of(library, kind):
    """Return a container with the rows of X, in a kind that the library has."""
    module = pytest.importorskip(library)
    if library == "pandas":
        frame = module.DataFrame({"e": list(X.astype(np.float32))})
        return {"series": frame["e"], "frame": frame}[kind]
    if library == "pyarrow":
        numbers = module.array(X.ravel().astype(np.float32))
        fixed = module.FixedSizeListArray.from_arrays(numbers, 4)
        lists = module.array(X.tolist(), module.large_list(module.float32()))
        return {
            "fixed": fixed,
            "slice": module.FixedSizeListArray.from_arrays(numbers, 4)[0:],
            "lists": lists,
            "chunks": module.chunked_array([lists[:1], lists[1:1], lists[1:]]),
            "table": module.table({"e": fixed}),
            "tensors": module.FixedShapeTensorArray.from_numpy_ndarray(X.astype(np.float32)),
            "pandas": pytest.importorskip("pandas").Series(
                X.tolist(), dtype=pytest.importorskip("pandas").ArrowDtype(lists.type)
            ),
        }[kind]
    if library == "polars":
        series = module.Series("e", X.tolist(), dtype=module.List(module.Float32))
        return {
            "lists": series,
            "arrays": series.cast(module.Array(module.Float32, 4)),
            "frame": series.to_frame(),
        }[kind]
    tensor = module.tensor(X, dtype=module.float32)
    kinds = {"bfloat16": tensor.bfloat16(), "gradients": tensor.clone().requires_grad_()}
    return list(kinds[kind])


@pytest.mark.parametrize(
    ("library", "kind"),
    [("pandas", kind) for kind in ("series", "frame")]
    + [
        ("pyarrow", kind)
        for kind in ("fixed", "slice", "lists", "chunks", "table", "tensors", "pandas")
    ]
    + [("polars", kind) for kind in ("lists", "arrays", "frame")]
    + [("torch", kind) for kind in ("bfloat16", "gradients")],
)
def test_columns_and_lists_of_vectors_become_rows(library, kind):
    rows = unwrapped(rows_of(library, kind))
    assert rows.shape == (3, 4)
    if library == "torch":
        assert not rows.requires_grad
        rows = rows.float().numpy()
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, X)


def test_numpy_containers_of_vectors_become_rows():
    column = np.empty(3, object)
    column[:] = list(X)
    for rows in (column, list(X), tuple(X), X.tolist(), np.ma.array(X)):
        found = unwrapped(rows)
        assert type(found) is np.ndarray
        np.testing.assert_array_equal(found, X)


@pytest.mark.parametrize("dtype", ["float32", "int64", "Float32", "float32[pyarrow]"])
def test_frames_of_one_type_are_fitted_with_their_names(dtype):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame(np.vstack([X, -X]), columns=NAMES).astype(dtype)
    model = VMFMixture(1, random_state=0).fit(frame)
    assert model.feature_names_in_.tolist() == NAMES


@pytest.mark.parametrize(
    ("values", "type"),
    [
        ([7, 8, 9], "int64"),
        ([0.5, 0.5, 0.5], "float64"),
        ([True, False, True], "bool"),
        (["a", "b", "c"], "object|str"),
    ],
)
@pytest.mark.parametrize("library", ["pandas", "pyarrow"])
def test_frames_of_several_types_are_refused(library, values, type):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X.astype(np.float32), columns=NAMES)
    model = VMFMixture(1, random_state=0).fit(frame)
    frame["more"] = values
    if library == "pyarrow":
        frame = pytest.importorskip("pyarrow").Table.from_pandas(frame)
        type = {"object|str": ".*string", "bool": "bool"}.get(type, type)
    for method in (model.fit, model.predict, model.partial_fit):
        with pytest.raises(ValueError, match=rf"4 of float32 \(e0…e3\) and 1 of ({type}) \(more\)"):
            method(frame)


def test_a_column_of_vectors_among_others_must_be_passed_alone():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"id": range(3), "embedding": list(X)})
    with pytest.raises(ValueError, match=r"pass one column, such as X\['embedding'\]"):
        unwrapped(frame)


def test_blocks_of_tables_are_checked_like_tables():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=NAMES)
    model = VMFMixture(1, random_state=0).fit(lambda: iter([frame, -frame]))
    assert len(model.labels_) == 6
    with pytest.raises(ValueError, match=r"Block 1 of X.*1 of int64 \(id\)"):
        model.fit(lambda: iter([frame, frame.assign(id=[1, 2, 3])]))


def null_rows():
    pa, pd = pytest.importorskip("pyarrow"), pytest.importorskip("pandas")
    lists = X.tolist()
    lists[1] = None
    inner = X.tolist()
    inner[1][2] = None
    wide = pd.DataFrame(X, columns=NAMES).astype("Float64")
    wide.iloc[1, 2] = pd.NA
    return [
        lists,
        inner,
        np.array(inner, dtype=object),
        pd.Series(lists),
        pd.DataFrame({"e": lists}),
        pd.Series([X[0], pd.NA, X[1]]),
        pd.Series([X[0], np.nan, X[1]]),
        pa.array(lists),
        pa.array(inner),
        pa.array(lists, pa.list_(pa.float32(), 4)),
        pa.table({"e": lists}),
        wide,
        pa.Table.from_pandas(wide),
    ]


def test_null_rows_and_values_are_named():
    for rows in null_rows():
        with pytest.raises(ValueError, match=NULLS):
            VMFMixture(1).fit(rows)


def test_masked_values_are_refused_wherever_rows_come_from():
    masked = np.ma.array(X, mask=X == 6)
    message = r"masked values in 1 of its 3 rows, first row 1 \(counted from 0\)"
    for rows in (masked, list(masked), lambda: iter([masked])):
        with pytest.raises(ValueError, match=message):
            VMFMixture(1).fit(rows)
    with pytest.raises(ValueError, match="sample_weight has masked values"):
        VMFMixture(1).fit(X, sample_weight=np.ma.array([1.0, 2.0, 3.0], mask=[1, 0, 0]))


def test_nan_and_infinity_are_named_with_their_rows():
    for value, name in ((np.nan, "NaN"), (np.inf, "infinity")):
        rows = np.ones((9, 3))
        rows[[4, 7], 1] = value
        for container in (rows, rows.astype(np.float16), sp.csr_array(rows), rows.tolist()):
            with pytest.raises(ValueError, match=f"{name} in 2 of its 9 rows, first row 4"):
                VMFMixture(1).fit(container)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("embeddings.npy", r"path or text, 'embeddings.npy'; pass rows, for example numpy\.load"),
        (Path("x.parquet"), r"path or text, 'x.parquet'.*read_input"),
        ([Path("a.npy"), Path("b.npy")], r"has paths, such as 'a\.npy'; read the files"),
        (["a text", "another"], r"has texts, such as 'a text'.*pass the embeddings of texts"),
        (["[0.5, 1.0]", "[1.0, 2.0]"], r"such as '\[0\.5, 1\.0\]'.*parse .* with json\.loads"),
        ({"embedding": X}, r"is a dict of embedding.*X\['embedding'\]"),
        ([{"embedding": [1.0, 2.0]}], "has dicts with the keys embedding"),
        ([X[:2], X[2:]], r"sequence of 2 matrices.*\(2, 4\); pass numpy\.concatenate\(X\)"),
        ([sp.csr_array(X)] * 2, r"2 sparse matrices; pass scipy\.sparse\.vstack"),
        ([[1.0, 2.0], [1.0]], "different lengths: 2 in row 0, 1 in row 1"),
        ([np.ones(2), np.ones(2), np.ones(3)], "different lengths: 2 in row 0, 3 in row 2"),
        (np.zeros(2, dtype=[("id", int), ("v", float, 3)]), r"structured .* id, v; .* X\['v'\]"),
    ],
    ids=range(12),
)
def test_other_containers_are_refused_with_a_remedy(rows, message):
    with pytest.raises(ValueError, match=message):
        VMFMixture(1).fit(rows)


def test_groups_of_arrays_in_files_are_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["rows"] = X
        with pytest.raises(ValueError, match=r"is a File of rows, .* pass the rows"):
            VMFMixture(1).fit(file)


def test_tensors_of_different_lengths_are_refused():
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match="different lengths: 2 in row 0, 3 in row 1"):
        unwrapped([torch.ones(2), torch.ones(3)])
    with pytest.raises(ValueError, match=r"2 matrices.*pass torch\.cat"):
        unwrapped([torch.ones(2, 3)] * 2)
