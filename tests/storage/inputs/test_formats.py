"""The same rows, texts and labels arrive from files of every format."""

import numpy as np
import pytest

from tests.storage.inputs.formats import ARRAYS, INEXACT, TABLES, pa, texts_of, write
from vmfmix.datasets import make_vmf_mixture
from vmfmix.storage.inputs import InputError, read_input


@pytest.fixture(scope="module")
def rows():
    return make_vmf_mixture(300, 12, 3, concentration=60.0, dtype=np.float32, random_state=0)


def assert_rows(found, X, name):
    """Assert that rows are equal, up to the printed precision of text."""
    if name in INEXACT:
        atol = 1e-7 if name == "numpy-vectors.csv" else 0  # NumPy prints 8 digits
        np.testing.assert_allclose(found.astype(np.float32), X, rtol=0, atol=atol)
    else:
        np.testing.assert_array_equal(found, X)
        assert found.dtype == X.dtype


@pytest.mark.parametrize("name", TABLES)
def test_tables_give_the_same_rows_texts_and_labels(tmp_path, rows, name):
    X, y = rows
    lines = []
    found = read_input(write(tmp_path, name, X, y), report=lines.append)
    assert_rows(found.rows, X, name)
    assert found.texts == texts_of(300)
    assert found.labels == [str(label) for label in y]
    assert found.ids == [f"{row:05d}" for row in range(300)]
    assert found.images is None
    assert found.format == {"stream": ".arrow", "hugging-face": ".arrow"}.get(
        name, "." + name.split(".")[-1] if name in INEXACT | {"feather", "arrow"} else ".parquet"
    )
    is_wide = name in ("wide", "csv", "tsv")
    used = "12 float columns e0…e11" if is_wide else "column vector, 12 numbers"
    roles = "texts: text; labels (only to compare): label; ids: id; left out: created_at"
    assert lines == found.description
    assert lines[-1] == f"embeddings: {used}; {roles}"
    assert len(lines) == 1 + (name in ("shards", "files", "hugging-face"))


@pytest.mark.parametrize("name", TABLES)
def test_other_columns_are_those_of_the_file(tmp_path, rows, name):
    found = read_input(write(tmp_path, name, *rows)).other_columns()
    assert found.column_names == ["created_at", "id", "text", "label"]
    assert found["id"].to_pylist() == [f"{row:05d}" for row in range(300)]
    assert found["label"].to_pylist() == rows[1].tolist()
    assert found["created_at"].to_pylist() == ["2024-01-31"] * 300
    assert found["text"].to_pylist() == texts_of(300)


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_give_the_same_rows(tmp_path, rows, name):
    X, y = rows
    found = read_input(write(tmp_path, name, X, y))
    assert_rows(found.rows, X, name)
    assert (found.texts, found.labels, found.ids, found.images) == (None, None, None, None)
    assert found.other_columns() is None
    assert isinstance(found.rows, np.memmap) == (name == "npy")
    lines = {
        "npy": [],
        "npz": ["embeddings: array rows, 12 numbers; left out: y"],
        "safetensors": ["embeddings: array rows, 12 numbers; left out: y"],
        "pt": ["embeddings: 300 rows of 12 numbers"],
        "pth": ["embeddings: array rows, 12 numbers; left out: about"],
        "zarr": ["embeddings: array rows, 12 numbers"],
        "npy-shards": [
            "files: 3, in this order: part-1.npy, part-2.npy, part-10.npy",
            "embeddings: 300 rows of 12 numbers",
        ],
    }
    hdf5 = ["embeddings: array group/rows, 12 numbers; left out: texts"]
    assert found.description == lines.get(name, hdf5)


@pytest.mark.parametrize("name", ["parquet", "fixed", "tensor", "wide", "feather", "stream"])
@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "uint8"])
def test_types_of_numbers_are_kept(tmp_path, rows, name, dtype):
    X = (rows[0] * 100).astype(dtype)
    found = read_input(write(tmp_path, name, X, rows[1]))
    np.testing.assert_array_equal(found.rows, X)
    assert found.rows.dtype == dtype


@pytest.mark.parametrize("name", ["safetensors", "pt"])
def test_bfloat16_is_read_as_float32(tmp_path, rows, name):
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(rows[0]).bfloat16()
    if name == "pt":
        torch.save(torch.nn.Parameter(tensor), tmp_path / "x.pt")
    else:
        pytest.importorskip("safetensors.torch").save_file(
            {"a": tensor}, tmp_path / "x.safetensors"
        )
    found = read_input(tmp_path / f"x.{name}").rows
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, tensor.float().numpy())


@pytest.mark.parametrize("name", ["pth", "h5", "zarr", "safetensors"])
def test_arrays_are_chosen_by_name(tmp_path, rows, name):
    path = write(tmp_path, name, *rows)[0]
    array = "group/rows" if name == "h5" else "rows"
    np.testing.assert_array_equal(read_input(path, array=array).rows, rows[0])
    with pytest.raises(InputError, match=f"has no array named 'other'; choose one of .*{array}"):
        read_input(path, array="other")


def test_shards_may_have_several_types_of_numbers(tmp_path, rows):
    np.save(tmp_path / "a.npy", rows[0])
    np.save(tmp_path / "b.npy", rows[0].astype(np.float64))
    found = read_input([tmp_path / "a.npy", tmp_path / "b.npy"]).rows
    assert found.dtype == np.float64 and found.shape == (600, 12)


def test_nulls_of_several_files_are_counted_together(tmp_path):
    import pyarrow.parquet as pq

    for number, vectors in enumerate([[[1.0, 2.0]] * 3, [[1.0, None], [1.0, 2.0], None]]):
        table = pa.table({"e": pa.array(vectors, pa.list_(pa.float32()))})
        pq.write_table(table, tmp_path / f"{number}.parquet")
    with pytest.raises(ValueError, match=r"null values in 1 of its 6 rows, first row 5 "):
        read_input(tmp_path)


def test_rows_of_several_lengths_are_named(tmp_path, rows):
    import pyarrow.parquet as pq

    for number, length in enumerate((2, 3)):
        pq.write_table(pa.table({"e": [[0.5] * length] * 4}), tmp_path / f"{number}.parquet")
        np.save(tmp_path / f"{number}.npy", np.ones((4, length)))
    paths = [tmp_path / f"{number}.parquet" for number in range(2)]
    with pytest.raises(ValueError, match="different lengths: 2 in row 0, 3 in row 4"):
        read_input(paths)
    with pytest.raises(ValueError, match=r"1\.npy has rows of 3 numbers, and .*0\.npy of 2"):
        read_input([path.with_suffix(".npy") for path in paths])
