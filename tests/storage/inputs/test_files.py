"""Which files belong to an input, in which order, and which are refused."""

import importlib.util
import json

import numpy as np
import pytest

from tests.storage.inputs.formats import table_of, write_dataset
from vmfmix.storage.inputs import read_input

X = np.arange(24, dtype=np.float32).reshape(6, 4) + 1
y = np.zeros(6, int)


def save(path, rows=X):
    path.parent.mkdir(exist_ok=True)
    np.save(path, rows)
    return path


def test_shards_are_read_in_natural_order(tmp_path):
    for number in (1, 2, 10):
        save(tmp_path / f"part-{number}.npy", X * number)
    for name in (".hidden.npy", "_temporary.npy"):
        save(tmp_path / name)
    (tmp_path / "README.md").touch()
    found = read_input(tmp_path)
    np.testing.assert_array_equal(found.rows, np.concatenate([X, 2 * X, 10 * X]))
    assert found.source == str(tmp_path) and found.format == ".npy"


def test_files_are_read_in_the_order_in_which_they_are_given(tmp_path):
    paths = [save(tmp_path / f"{number}.npy", X * number) for number in (3, 1, 2)]
    found = read_input(paths)
    np.testing.assert_array_equal(found.rows, np.concatenate([3 * X, X, 2 * X]))
    assert found.source == f"{paths[0]} and 2 other files"


def test_sparse_shards_are_stacked(tmp_path):
    import scipy.sparse as sp

    for number in (1, 2):
        sp.save_npz(tmp_path / f"{number}.npz", sp.csc_array(X * number))
    found = read_input(tmp_path).rows
    assert found.format == "csr"
    np.testing.assert_array_equal(found.toarray(), np.concatenate([X, 2 * X]))
    np.savez(tmp_path / "3.npz", X)
    with pytest.raises(ValueError, match="sparse and dense rows"):
        read_input(tmp_path)


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    one = save(tmp_path / "a.npy")
    np.savez(tmp_path / "b.npz", X)
    with pytest.raises(ValueError, match=r"files of several formats: \.npy, \.npz"):
        read_input([one, tmp_path / "b.npz"])
    with pytest.raises(ValueError, match=r"files of several formats: \.npy, \.npz"):
        read_input(tmp_path)
    with pytest.raises(ValueError, match=r"a\.npy is given twice"):
        read_input([one, one])


def test_tables_must_have_the_same_columns(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(table_of(X, y), tmp_path / "a.parquet")
    pq.write_table(table_of(X, y).drop_columns(["label"]), tmp_path / "b.parquet")
    with pytest.raises(ValueError, match=r"b\.parquet has no column 'label', which .*a\.parquet"):
        read_input(tmp_path)
    table = table_of(X, y).drop_columns(["vector"]).append_column("vector", [list("abcdef")])
    pq.write_table(table, tmp_path / "b.parquet")
    with pytest.raises(ValueError, match=r"Column 'vector' has vectors in some files"):
        read_input(tmp_path)


def test_columns_of_several_types_are_joined_as_strings(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "1.csv").write_text("e0,e1,score,kind\n0.5,1.5,1,7\n")
    (tmp_path / "2.csv").write_text("e0,e1,score,kind\n1,2,0.5,seven\n")
    found = read_input(tmp_path, columns="e*")
    np.testing.assert_array_equal(found.rows, [[0.5, 1.5], [1.0, 2.0]])
    table = found.other_columns()
    assert table.to_pydict() == {"score": [1.0, 0.5], "kind": ["7", "seven"]}


def test_folders_without_embeddings_are_refused(tmp_path):
    with pytest.raises(ValueError, match="is a folder without files of embeddings"):
        read_input(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"There is no file or folder .*nowhere"):
        read_input(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"There is no file .*nowhere\.npy"):
        read_input([save(tmp_path / "a.npy"), tmp_path / "nowhere.npy"])


def test_folders_of_splits_are_refused(tmp_path):
    pytest.importorskip("pyarrow")
    write_dataset(tmp_path / "train", table_of(X, y))
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train"]}')
    with pytest.raises(ValueError, match=r"several splits \(train\); give .*train"):
        read_input(tmp_path)
    np.testing.assert_array_equal(read_input(tmp_path / "train").rows, X)


@pytest.mark.parametrize(
    "state",
    [
        "",
        "[]",
        "{}",
        '{"_data_files": [{"filename": "../x.arrow"}]}',
        '{"_data_files": [{"filename": "/etc/passwd"}]}',
        '{"_data_files": [{"filename": 3}]}',
        "[" * 100_000,
    ],
    ids=range(7),
)
def test_damaged_datasets_are_refused(tmp_path, state):
    pytest.importorskip("pyarrow")
    folder = write_dataset(tmp_path / "dataset", table_of(X, y))
    (folder / "state.json").write_text(state)
    with pytest.raises(ValueError, match="does not list the files of a dataset"):
        read_input(folder)


def test_datasets_are_read_in_the_order_that_they_state(tmp_path):
    pytest.importorskip("pyarrow")
    folder = write_dataset(tmp_path / "dataset", table_of(X, y))
    state = json.loads((folder / "state.json").read_text())
    state["_data_files"].reverse()
    (folder / "state.json").write_text(json.dumps(state))
    np.testing.assert_array_equal(read_input(folder).rows, np.concatenate([X[3:], X[:3]]))


@pytest.mark.parametrize(
    ("suffix", "package"),
    [
        (".parquet", "pyarrow"),
        (".csv", "pyarrow"),
        (".jsonl", "pyarrow"),
        (".safetensors", "safetensors"),
        (".pt", "torch"),
        (".h5", "h5py"),
        (".zarr", "zarr"),
    ],
)
def test_missing_packages_are_named_before_anything_is_read(tmp_path, monkeypatch, suffix, package):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else find(name)
    )
    path = tmp_path / f"x{suffix}"
    path.write_text("damaged")
    message = rf"Reading .* needs {package}, which is not installed; run pip install"
    with pytest.raises(ValueError, match=message):
        read_input([path, tmp_path / f"missing{suffix}"])
