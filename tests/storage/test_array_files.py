"""Reading of embeddings; the tests of the command line read many more files."""

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix.storage.inputs import InputError, read_input


@pytest.fixture
def rows():
    return np.random.default_rng(0).standard_normal((6, 4))


def test_npy_files_are_memory_mapped(tmp_path, rows):
    np.save(tmp_path / "x.npy", rows)
    found = read_input(tmp_path / "x.npy").rows
    assert isinstance(found, np.memmap)
    np.testing.assert_array_equal(found, rows)


def test_npz_needs_a_name_if_there_are_several_matrices(tmp_path, rows):
    np.savez(tmp_path / "x.npz", a=rows, b=2 * rows, labels=np.arange(6))
    np.testing.assert_array_equal(read_input(tmp_path / "x.npz", array="b").rows, 2 * rows)
    with pytest.raises(InputError, match="has 2 two-dimensional arrays; choose one of a, b"):
        read_input(tmp_path / "x.npz")
    with pytest.raises(InputError, match="has no array named 'c'; choose one of a, b, labels"):
        read_input(tmp_path / "x.npz", array="c")


def test_npz_with_one_matrix_needs_no_name(tmp_path, rows):
    np.savez(tmp_path / "x.npz", labels=np.arange(6), a=rows)
    np.testing.assert_array_equal(read_input(tmp_path / "x.npz").rows, rows)


def test_sparse_npz_is_read_as_csr(tmp_path, rows):
    sp.save_npz(tmp_path / "x.npz", sp.csc_array(rows))
    found = read_input(tmp_path / "x.npz").rows
    assert found.format == "csr"
    np.testing.assert_array_equal(found.toarray(), rows)


def test_parquet_reads_a_column_of_lists(tmp_path, rows):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.table({"embedding": list(rows), "label": list(range(6))})
    pq.write_table(table, tmp_path / "x.parquet")
    np.testing.assert_array_equal(read_input(tmp_path / "x.parquet").rows, rows)
    with pytest.raises(InputError, match="has no column of lists of numbers named 'label'"):
        read_input(tmp_path / "x.parquet", array="label")


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rows_that_are_not_finite_are_counted(tmp_path, rows, is_sparse, value):
    rows[3, 1] = rows[5, 2] = rows[5, 3] = value
    if is_sparse:
        sp.save_npz(tmp_path / "x.npz", sp.csr_array(rows))
    else:
        np.savez(tmp_path / "x.npz", rows)
    message = r"2 of the 6 rows of .* have NaN or infinite values, first row 3 "
    with pytest.raises(ValueError, match=message):
        read_input(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(3), r"holds an array of shape \(3,\)"),
        (np.zeros((0, 3)), "holds 0 rows of 3 numbers"),
        (np.zeros((3, 1)), "holds 3 rows of 1 numbers"),
        (np.array([["a", "b"]]), "real numbers are needed"),
        (np.ones((3, 2), complex), "real numbers are needed"),
        (np.array([[{}, {}]], dtype=object), "holds Python objects"),
    ],
)
def test_arrays_that_are_not_embeddings_are_refused(tmp_path, array, message):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(ValueError, match=message):
        read_input(tmp_path / "x.npy")


def test_unknown_suffixes_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"is not named \.npy, \.npz, .* or \.ndjson"):
        read_input(tmp_path / "x.xlsx")
