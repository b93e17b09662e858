"""Tests of the output folder: what is written, replaced and refused."""

import os
from pathlib import Path

import numpy as np
import pytest

import vmfmix
from tests.cli.commands import FIT, FIT_FILES, fails, files
from vmfmix import VMFMixture
from vmfmix.cli.main import main


def test_refuses_to_overwrite_by_default(folder, capsys):
    assert main([*FIT, "--out", "a/b/out", "--texts", "texts.txt", "--quiet"]) == 0
    Path("a/b/out/mine.txt").write_text("mine")
    error = fails(capsys, *FIT, "--out", "a/b/out")
    assert "clusters.csv" in error and "--overwrite" in error
    # The table of the first run does not belong to the new result and is removed.
    again = [*FIT, "--out", "a/b/out", "--overwrite", "--random-state", "3"]
    assert main([*again, "--format", "jsonl"]) == 0
    assert not Path("a/b/out/clusters.csv").exists()
    assert main(again) == 0
    assert {path.name for path in Path("a/b/out").iterdir()} == FIT_FILES | {"mine.txt"}
    assert vmfmix.load("a/b/out/model.npz").random_state == 3


def test_fit_keeps_other_files_in_output_folder(folder):
    assert main([*FIT, "--out", "."]) == 0
    inputs = {"rows.npy", "texts.txt", "labels.txt"}
    assert {path.name for path in folder.iterdir()} == FIT_FILES | inputs


def test_predict_keeps_the_model_in_its_folder(folder):
    assert main([*FIT, "--out", "out"]) == 0
    labels = np.load("out/labels.npy")
    assert main(["predict", "out/model.npz", "rows.npy", "--out", "out", "--overwrite"]) == 0
    assert {path.name for path in Path("out").iterdir()} == FIT_FILES
    np.testing.assert_array_equal(np.load("out/labels.npy"), labels)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_outputs_have_default_permissions(folder):
    assert main([*FIT, "--out", "out"]) == 0
    Path("usual").mkdir()
    assert Path("out").stat().st_mode == Path("usual").stat().st_mode
    Path("usual/file").touch()
    modes = {path.stat().st_mode for path in Path("out").iterdir()}
    assert modes == {Path("usual/file").stat().st_mode}


@pytest.mark.parametrize("out", ["rows.npy", "texts.txt", "texts.txt/out", "new.npy"])
def test_refuses_file_as_output_folder(folder, capsys, out):
    assert out in fails(capsys, *FIT, "--out", out)


@pytest.mark.parametrize("out", ["link", "link/out"])
def test_refuses_broken_link_as_output_folder(folder, capsys, out):
    Path("link").symlink_to("nowhere")
    assert "link is a broken symbolic link" in fails(capsys, *FIT, "--out", out)
    Path("nowhere").mkdir()
    assert main([*FIT, "--out", out]) == 0


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
@pytest.mark.parametrize(
    "make",
    [Path.mkdir, lambda path: os.mkfifo(path), lambda path: path.symlink_to("nowhere")],
    ids=["folder", "pipe", "link"],
)
def test_refuses_to_replace_what_is_not_a_file(folder, capsys, monkeypatch, make):
    Path("out").mkdir()
    make(Path("out/labels.npy"))
    monkeypatch.setattr(VMFMixture, "fit", lambda *args, **kwargs: pytest.fail("too late"))
    assert "has labels.npy, which is not a regular file" in fails(
        capsys, *FIT, "--out", "out", "--overwrite"
    )


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_refuses_output_folder_without_permission(folder, capsys):
    Path("locked").mkdir(mode=0o500)
    assert "no permission to write" in fails(capsys, *FIT, "--out", "locked/out")


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize(
    ("error", "code"), [(OSError(28, "No space left on device"), 2), (KeyboardInterrupt(), 130)]
)
def test_fit_leaves_nothing_if_writing_fails(folder, monkeypatch, capsys, error, code, is_new):
    def save(self, path):
        Path(path).write_bytes(b"half")
        raise error

    if not is_new:
        Path("out").mkdir()
    before = files()
    monkeypatch.setattr(VMFMixture, "save", save)
    assert main([*FIT, "--out", "out"]) == code
    assert files() == before
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1


@pytest.mark.parametrize("option", [[], ["--overwrite"]])
def test_an_input_is_never_replaced(folder, capsys, option):
    Path("clusters.jsonl").write_text('{"vector": [1.0, 2.0]}\n' * 20)
    error = fails(capsys, "fit", "clusters.jsonl", "--out", ".", *option)
    assert "--out . would replace clusters.jsonl, which is an input" in error
