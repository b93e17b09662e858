"""Arrays in files: which array is read, and what is refused."""

import pickle
import warnings
from pathlib import Path

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
    with pytest.raises(ValueError, match=r"is not named \.parquet, .* or \.zarr"):
        read_input(tmp_path / "x.xlsx")


class Harmful:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def write_harm(folder, suffix):
    """Write a file that creates the file "harm" if it is unpickled."""
    path, harm = folder / f"x{suffix}", Harmful(folder / "harm")
    if suffix == ".pt":
        pytest.importorskip("torch").save({"rows": harm}, path)
    elif suffix == ".pth":
        pytest.importorskip("torch")
        path.write_bytes(pickle.dumps(harm))
    elif suffix == ".npy":
        np.save(path, np.array([[harm, harm]]), allow_pickle=True)
    elif suffix == ".npz":
        np.savez(path, np.array([[harm, harm]]))  # pickles by default
    else:
        zarr = pytest.importorskip("zarr")
        pickled = pytest.importorskip("numcodecs").Pickle()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            options = {"zarr_format": 2, "filters": [pickled], "compressors": None}
            zarr.create_array(path, shape=(4, 4), chunks=(4, 4), dtype="f4", **options)
        (path / "0.0").write_bytes(pickle.dumps(harm) + bytes(64))
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".pt", ".pth", ".zarr"])
def test_nothing_is_unpickled(tmp_path, suffix):
    path = write_harm(tmp_path, suffix)
    with pytest.raises(ValueError, match=r"run (any )?code|is not a complete|Python objects"):
        read_input(path)
    assert not (tmp_path / "harm").exists()


def write_false_size(folder, suffix):
    """Write a file that claims to hold a billion rows."""
    path, shape = folder / f"x{suffix}", (10**9, 4)
    if suffix == ".h5":
        with pytest.importorskip("h5py").File(path, "w") as file:
            file.create_dataset("rows", shape=shape, chunks=(1000, 4), dtype="f4")
    elif suffix == ".zarr":
        zarr = pytest.importorskip("zarr")
        zarr.create_array(path, shape=shape, chunks=(1000, 4), dtype="f4")
    elif suffix == ".pt":
        torch = pytest.importorskip("torch")
        torch.save(torch.zeros(1, 1).expand(shape), path)
    elif suffix == ".safetensors":
        header = b'{"rows":{"dtype":"F32","shape":[1000000000,4],"data_offsets":[0,16000000000]}}'
        path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(64))
    else:
        header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 4), }"
        header = header.ljust(117) + b"\n"
        size = len(header).to_bytes(2, "little")
        path.write_bytes(b"\x93NUMPY\x01\x00" + size + header + bytes(64))
    return path


@pytest.mark.parametrize("suffix", [".npy", ".h5", ".zarr", ".pt", ".safetensors"])
def test_files_that_claim_to_be_larger_are_refused(tmp_path, suffix):
    with pytest.raises(ValueError, match="is not a complete"):
        read_input(write_false_size(tmp_path, suffix))


def test_links_to_other_files_are_not_followed(tmp_path, rows):
    h5py = pytest.importorskip("h5py")
    rows.tofile(tmp_path / "raw")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["rows"] = rows
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["link"] = h5py.ExternalLink(str(tmp_path / "a.h5"), "rows")
    with pytest.raises(InputError, match="has 0 two-dimensional arrays"):
        read_input(tmp_path / "x.h5")
    with h5py.File(tmp_path / "y.h5", "w") as file:
        external = [(str(tmp_path / "raw"), 0, rows.nbytes)]
        file.create_dataset("rows", shape=rows.shape, dtype=rows.dtype, external=external)
    with pytest.raises(ValueError, match="whose arrays are stored in it"):
        read_input(tmp_path / "y.h5")


@pytest.mark.parametrize(
    "content", [[1.0, 2.0], {"a": "b"}, "text", 3], ids=["list", "dict", "text", "number"]
)
def test_files_of_torch_without_tensors_are_refused(tmp_path, content):
    pytest.importorskip("torch").save(content, tmp_path / "x.pt")
    with pytest.raises(ValueError, match="holds no tensor of numbers; save a tensor"):
        read_input(tmp_path / "x.pt")


def test_sparse_and_complex_tensors_are_refused(tmp_path, rows):
    torch = pytest.importorskip("torch")
    torch.save(torch.from_numpy(rows).to_sparse(), tmp_path / "x.pt")
    with pytest.raises(ValueError, match="holds no tensor of numbers"):
        read_input(tmp_path / "x.pt")
    torch.save(torch.from_numpy(rows).to(torch.complex64), tmp_path / "x.pt")
    with pytest.raises(ValueError, match="real numbers are needed"):
        read_input(tmp_path / "x.pt")


SUFFIXES = ["parquet", "feather", "arrow", "npy", "npz", "safetensors", "pt", "h5"]


@pytest.mark.parametrize("name", SUFFIXES)
def test_files_with_the_suffix_of_another_format_are_refused(tmp_path, rows, name):
    formats = pytest.importorskip("tests.storage.inputs.formats")
    (path,) = formats.write(tmp_path, name, rows, np.arange(6))
    for suffix in {*SUFFIXES, "csv", "jsonl"} - {name}:
        if {suffix, name} == {"feather", "arrow"}:  # the same format
            continue
        other = tmp_path / f"y.{suffix}"
        other.write_bytes(path.read_bytes())
        with pytest.raises(ValueError) as error:
            read_input(other)
        assert str(other) in str(error.value) and "\n" not in str(error.value)


def test_unknown_codecs_of_zarr_are_refused(tmp_path, rows, monkeypatch):
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(tmp_path / "x.zarr", mode="w")
    for name, chunks, shards in (("plain", (2, 4), None), ("sharded", (2, 4), (4, 4))):
        options = {"shape": rows.shape, "chunks": chunks, "shards": shards, "dtype": rows.dtype}
        group.create_array(name, **options)[:] = rows
        np.testing.assert_array_equal(read_input(tmp_path / "x.zarr", array=name).rows, rows)
    monkeypatch.setattr("vmfmix.storage.chunked_files._CODECS", {"bytes", "sharding_indexed"})
    for name in ("plain", "sharded"):
        with pytest.raises(ValueError, match="is not a complete folder of zarr"):
            read_input(tmp_path / "x.zarr", array=name)
