"""Embeddings in tables: which columns are read, and from which formats."""

import os

import numpy as np
import pytest

from vmfmix.storage.inputs import InputError, read_input

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
csv = pytest.importorskip("pyarrow.csv")
feather = pytest.importorskip("pyarrow.feather")

ROWS = np.arange(1.0, 13.0).reshape(3, 4) / 8
SUFFIXES = [".parquet", ".feather", ".arrow", ".csv", ".tsv"]


def write(path, **columns):
    table = pa.table(columns)
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix in (".feather", ".arrow"):
        feather.write_feather(table, str(path))
    else:
        options = csv.WriteOptions(delimiter="," if path.suffix == ".csv" else "\t")
        csv.write_csv(table, path, options)
    return path


def wide(**more):
    return {f"e{i}": ROWS[:, i] for i in range(4)} | more


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_identifiers_and_labels_are_left_out(tmp_path, suffix):
    path = write(
        tmp_path / f"x{suffix}", id=[7, 8, 9], **wide(label=["a", "b", "a"], flag=[True] * 3)
    )
    lines = []
    np.testing.assert_array_equal(read_input(path, report=lines.append).rows, ROWS)
    roles = "labels (only to compare): label; ids: id; left out: flag"
    assert lines == [f"embeddings: 4 float columns e0…e3; {roles}"]
    found = read_input(path, columns=["e1", "id"]).rows
    np.testing.assert_array_equal(found, np.column_stack([ROWS[:, 1], [7, 8, 9]]))
    np.testing.assert_array_equal(read_input(path, columns="e*").rows, ROWS)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_columns_with_several_readings_are_refused(tmp_path, suffix):
    path = write(tmp_path / f"x{suffix}", **wide(score=[0.5, 0.25, 0.75]))
    with pytest.raises(InputError, match=r"4 of|5 of float64 \(e0…e3, score\); choose those"):
        read_input(path)


def test_columns_are_refused_for_files_without_columns(tmp_path):
    np.save(tmp_path / "x.npy", ROWS)
    with pytest.raises(InputError, match="is not a table and has no columns"):
        read_input(tmp_path / "x.npy", columns=["e*"])


def test_columns_of_lists_and_tensors_are_read(tmp_path):
    columns = {
        "lists": pa.array(ROWS.tolist()),
        "large": pa.array(ROWS.tolist(), pa.large_list(pa.float32())),
        "fixed": pa.array(list(ROWS.astype(np.float16)), pa.list_(pa.float16(), 4)),
        "tensors": pa.FixedShapeTensorArray.from_numpy_ndarray(ROWS),
    }
    for suffix in (".parquet", ".feather"):
        for name, column in columns.items():
            lines = []
            path = write(tmp_path / f"x{suffix}", id=[1, 2, 3], **{name: column})
            np.testing.assert_array_equal(read_input(path, report=lines.append).rows, ROWS)
            assert lines == [f"embeddings: column {name}, 4 numbers; ids: id"]


@pytest.mark.parametrize(
    "columns",
    [
        {"e": pa.array([[1.0, 2.0], None, [3.0, 4.0]])},
        pytest.param(
            {"e": pa.array([[1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float32(), 2))},
            marks=pytest.mark.skipif(
                pa.__version__ < "26", reason="older pyarrow writes no nulls among fixed lists"
            ),
        ),
        {"e": pa.array([[1.0, 2.0], [None, 1.0], [3.0, 4.0]])},
        {"e": [1.0, None, 2.0], "f": [1.0, 2.0, 3.0]},
    ],
    ids=range(4),
)
def test_nulls_are_named_with_their_rows(tmp_path, columns):
    path = write(tmp_path / "x.parquet", **columns)
    with pytest.raises(ValueError, match=r"Column 'e' of .*null values in 1 of its 3 rows, .* 1 "):
        read_input(path)


def test_empty_cells_of_text_files_are_nulls(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n0.5,1.5\n,2.5\n0.5,1.5\n")
    with pytest.raises(ValueError, match=r"Column 'a' of .*null values in 1 of its 3 rows"):
        read_input(tmp_path / "x.csv")


def test_text_files_need_no_line_of_names(tmp_path):
    np.savetxt(tmp_path / "x.csv", ROWS, delimiter=",")
    np.testing.assert_array_equal(read_input(tmp_path / "x.csv").rows, ROWS)
    (tmp_path / "x.csv").write_text("0,1\n0.5,1.5\n")
    np.testing.assert_array_equal(read_input(tmp_path / "x.csv").rows, [[0.5, 1.5]])
    (tmp_path / "x.csv").write_text("first,0.5,1.5\nsecond,2.5,3.5\n")
    with pytest.raises(ValueError, match=r"has the number 0\.5 in its first line.*line of names"):
        read_input(tmp_path / "x.csv")


def test_texts_without_vectors_are_refused(tmp_path):
    (tmp_path / "x.csv").write_text('text,embedding\na,"array([0.5, 1.5])"\n')
    with pytest.raises(InputError, match=r"no column of numbers .* but text, embedding"):
        read_input(tmp_path / "x.csv")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_tables_are_refused(tmp_path, suffix):
    (tmp_path / f"x{suffix}").write_bytes(b"\xff\x00a,b\n1\n2,3,4\n")
    with pytest.raises(ValueError, match=f"is not a complete {suffix} file"):
        read_input(tmp_path / f"x{suffix}")


@pytest.mark.skipif(os.name != "posix", reason="names of POSIX are bytes")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_names_of_files_need_not_be_in_utf8(tmp_path, suffix):
    write(tmp_path / f"x{suffix}", **wide())
    path = tmp_path / os.fsdecode(b"\xff" + suffix.encode())
    (tmp_path / f"x{suffix}").rename(path)
    np.testing.assert_array_equal(read_input(path).rows, ROWS)


def test_repeated_names_are_refused(tmp_path):
    (tmp_path / "x.csv").write_text("a,a\n0.5,1.5\n")
    with pytest.raises(ValueError, match="has 2 columns named 'a'; rename them"):
        read_input(tmp_path / "x.csv")
