"""Atomic writing of files and folders."""

import errno
import os

import numpy as np
import pytest

from vmfmix.storage.writing import atomic_file, atomic_folder, validate_writable, write_csv

needs_posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes need POSIX")


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_atomic_file_appears_when_it_is_complete(tmp_path):
    with atomic_file(tmp_path / "x") as file:
        file.write(b"new")
        assert not (tmp_path / "x").exists()
    assert (tmp_path / "x").read_bytes() == b"new"
    assert names_in(tmp_path) == ["x"]


def test_atomic_file_replaces_an_existing_file(tmp_path):
    (tmp_path / "x").write_bytes(b"old and longer")
    with atomic_file(tmp_path / "x") as file:
        file.write(b"new")
    assert (tmp_path / "x").read_bytes() == b"new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_atomic_file_keeps_the_old_file_on_failure(tmp_path, error):
    (tmp_path / "x").write_bytes(b"old")
    with pytest.raises(error), atomic_file(tmp_path / "x") as file:
        file.write(b"new")
        raise error
    assert (tmp_path / "x").read_bytes() == b"old"
    assert names_in(tmp_path) == ["x"]


def test_atomic_file_names_the_file_if_writing_fails(tmp_path):
    with pytest.raises(OSError) as caught, atomic_file(tmp_path / "x"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(tmp_path / "x")


def test_validate_writable_returns_the_target_of_a_link(tmp_path):
    (tmp_path / "link").symlink_to("target")
    found = validate_writable(tmp_path / "link")
    assert found == (tmp_path / "target").resolve()
    assert validate_writable(str(tmp_path / "x")) == (tmp_path / "x").resolve()


def test_validate_writable_refuses_missing_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*missing"):
        validate_writable(tmp_path / "missing" / "x")


@needs_posix
def test_validate_writable_refuses_folders_and_pipes(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is a pipe or a device, not a file"):
        validate_writable(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is a folder; give the name of a file"):
        validate_writable(tmp_path)


def test_validate_writable_refuses_folders_without_permission(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(PermissionError, match="no permission to write in this folder"):
        validate_writable(tmp_path / "x")


def test_atomic_folder_creates_a_new_folder_at_the_end(tmp_path):
    folder = tmp_path / "a" / "b"
    with atomic_folder(folder, ["x"]) as temporary:
        (temporary / "x").write_text("new")
        assert not folder.exists()
    assert (folder / "x").read_text() == "new"
    assert names_in(tmp_path / "a") == ["b"]


def test_atomic_folder_replaces_and_removes_known_files_alone(tmp_path):
    for name in ("x", "y", "own file"):
        (tmp_path / name).write_text("old")
    with atomic_folder(tmp_path, ["x", "y", "z"]) as temporary:
        (temporary / "x").write_text("new")
    assert names_in(tmp_path) == ["own file", "x"]
    assert (tmp_path / "x").read_text() == "new"
    assert (tmp_path / "own file").read_text() == "old"


@pytest.mark.parametrize("exists", [False, True])
def test_atomic_folder_changes_nothing_on_failure(tmp_path, exists):
    folder = tmp_path / "folder"
    if exists:
        folder.mkdir()
        (folder / "x").write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_folder(folder, ["x"]) as temporary:
        (temporary / "x").write_text("new")
        raise KeyboardInterrupt
    assert folder.exists() == exists
    if exists:
        assert names_in(folder) == ["x"]
        assert (folder / "x").read_text() == "old"
    assert names_in(tmp_path) == (["folder"] if exists else [])


def test_write_csv_rounds_floats_and_leaves_other_cells(tmp_path):
    rows = [[1, 1 / 3, "a,b"], [2, np.float32(0.1), None]]
    write_csv(tmp_path / "x.csv", ["n", "share", "text"], rows)
    expected = ["n,share,text", '1,0.333333,"a,b"', "2,0.1,"]
    assert (tmp_path / "x.csv").read_text(encoding="utf-8").splitlines() == expected
