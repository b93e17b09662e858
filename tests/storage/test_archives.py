"""Archives of arrays that may come from anyone."""

import io
import zipfile

import numpy as np
import pytest

from vmfmix.storage.archives import read_arrays


def npy_bytes(array):
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def write_archive(path, entries, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_read_arrays_returns_all_arrays_by_name(tmp_path, save):
    arrays = {"a": np.arange(3.0), "b": np.array("text"), "c": np.zeros((0, 4), np.float32)}
    with open(tmp_path / "x.npz", "wb") as file:
        save(file, **arrays)
    with open(tmp_path / "x.npz", "rb") as file:
        found = read_arrays(file)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_read_arrays_refuses_python_objects(tmp_path):
    objects = np.array([{}, None], dtype=object)
    with open(tmp_path / "x.npz", "wb") as file:
        np.savez(file, a=objects)
    with open(tmp_path / "x.npz", "rb") as file, pytest.raises(ValueError, match="allow_pickle"):
        read_arrays(file)


def test_read_arrays_refuses_headers_that_claim_more_than_there_is(tmp_path):
    content = npy_bytes(np.arange(3.0)).replace(b"(3,)", b"(9,)")
    path = write_archive(tmp_path / "x.npz", {"a.npy": content})
    with open(path, "rb") as file, pytest.raises(ValueError, match="size"):
        read_arrays(file)


def test_read_arrays_refuses_other_compression(tmp_path):
    content = npy_bytes(np.arange(3.0))
    path = write_archive(tmp_path / "x.npz", {"a.npy": content}, zipfile.ZIP_BZIP2)
    with open(path, "rb") as file, pytest.raises(ValueError, match="compress"):
        read_arrays(file)


def test_read_arrays_ignores_other_entries(tmp_path):
    content = npy_bytes(np.arange(3.0))
    path = write_archive(tmp_path / "x.npz", {"a.npy": content, "readme.txt": b"text"})
    with open(path, "rb") as file:
        assert list(read_arrays(file)) == ["a"]
