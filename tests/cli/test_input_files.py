"""Tests of the files of embeddings, texts and labels that the commands read."""

import importlib.util
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from tests.cli.commands import FIT, fails, files, read_rows
from vmfmix import VMFMixture
from vmfmix.cli.main import main

FORMATS = ["parquet", "fixed", "tensor", "wide", "feather", "arrow", "stream", "shards", "files"]
FORMATS += ["hugging-face", "csv", "text-vectors.csv", "tsv", "jsonl", "npy", "npz", "npy-shards"]
FORMATS += ["safetensors", "pt", "pth", "h5", "zarr"]


def labels_of(*argv):
    assert main(["fit", *argv, "--n-components", "3", "--out", "out", "--overwrite"]) == 0
    return np.load("out/labels.npy")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int32", ">f4"])
def test_npy_of_every_dtype(folder, rows, dtype):
    X = (rows[0] * 100).astype(dtype)
    np.save("rows.npy", X)
    native = X.astype(X.dtype.newbyteorder("="))
    model = VMFMixture(3, random_state=0).fit(native).renumber_by_size()
    np.testing.assert_array_equal(labels_of("rows.npy"), model.labels_)


def test_npy_in_fortran_order(folder, rows):
    expected = labels_of("rows.npy")
    np.save("rows.NPY", np.asfortranarray(rows[0]))
    with open("rows.NPY", "wb") as file:
        np.save(file, np.asfortranarray(rows[0]))
    np.testing.assert_array_equal(labels_of("rows.NPY"), expected)


def test_npz(folder, rows, capsys):
    X, y = rows
    expected = labels_of("rows.npy")
    np.savez("one.npz", X=X)
    np.testing.assert_array_equal(labels_of("one.npz"), expected)
    texts = np.array(["text", None], dtype=object)
    np.savez_compressed("more.npz", X=X, y=y, texts=texts)
    np.testing.assert_array_equal(labels_of("more.npz"), expected)
    np.savez("two.npz", train=X, test=X[:10])
    np.testing.assert_array_equal(labels_of("two.npz", "--array", "train"), expected)
    capsys.readouterr()
    out = ["--n-components", "3", "--out", "new"]
    for options in ([], ["--array", "valid"]):
        assert "train, test" in fails(capsys, "fit", "two.npz", *options, *out)
    assert "Python objects" in fails(capsys, "fit", "more.npz", "--array", "texts", *out)
    assert "shape (300,)" in fails(capsys, "fit", "more.npz", "--array", "y", *out)


def test_sparse_npz(folder, rows, capsys):
    X = np.where(np.abs(rows[0]) > 0.1, rows[0], 0)
    np.save("rows.npy", X)
    expected = labels_of("rows.npy")
    for matrix in (sp.csr_array(X), sp.coo_matrix(X), sp.csc_matrix(X)):
        sp.save_npz("rows.npz", matrix)
        np.testing.assert_array_equal(labels_of("rows.npz"), expected)
    assert main(["predict", "out/model.npz", "rows.npz", "--out", "again"]) == 0
    np.testing.assert_array_equal(np.load("again/labels.npy"), expected)
    capsys.readouterr()
    out = ["--n-components", "3", "--out", "new"]
    assert "sparse" in fails(capsys, "fit", "rows.npz", "--center", *out)
    assert "--array" in fails(capsys, "fit", "rows.npz", "--array", "data", *out)
    bad = sp.csr_array(X)
    bad.data[bad.indptr[17]] = np.nan
    bad.data[bad.indptr[20] - 1] = np.inf
    sp.save_npz("rows.npz", bad)
    error = fails(capsys, "fit", "rows.npz", *out)
    assert "2 of the 300 rows" in error and "row 17 " in error
    bad = sp.csr_array(X)
    bad.indices[3] = 1000  # out of range
    sp.save_npz("rows.npz", bad)
    assert "not a sparse matrix" in fails(capsys, "fit", "rows.npz", *out)


def test_parquet(folder, rows, capsys):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    X, y = rows
    expected = labels_of("rows.npy")

    def write(**columns):
        pq.write_table(pa.table(columns), "rows.parquet", row_group_size=100)
        return "rows.parquet"

    lists = pa.array(list(X), type=pa.list_(pa.float32()))
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 12)
    for column in (lists, fixed):
        path = write(id=y, embedding=column, text=["some"] * 300)
        np.testing.assert_array_equal(labels_of(path), expected)
        np.testing.assert_array_equal(labels_of(path, "--array", "embedding"), expected)
    path = write(text=["some"] * 300, **{f"x{i}": X[:, i] for i in range(12)})
    np.testing.assert_array_equal(labels_of(path), expected)

    capsys.readouterr()
    out = ["--n-components", "3", "--out", "new"]
    assert "it has no column of lists of numbers at all" in fails(
        capsys, "fit", path, "--array", "x0", *out
    )
    path = write(a=lists, b=fixed)
    for options in ([], ["--array", "c"], ["--columns", "c"]):
        assert "a, b" in fails(capsys, "fit", path, *options, *out)
    assert "no column" in fails(capsys, "fit", write(text=["some"]), *out)
    assert "row 1" in fails(capsys, "fit", write(a=[[1.0, 2.0], [1.0]]), *out)
    assert "row 1" in fails(capsys, "fit", write(a=[[1.0, 2.0], None]), *out)
    assert "first row 1 " in fails(capsys, "fit", write(a=[[1.0, 2.0], [1.0, None]]), *out)
    assert "null values in 1 of its 2 rows" in fails(
        capsys, "fit", write(a=[[1.0, 2.0], None]), *out
    )
    if pa.__version__ >= "26":  # older versions do not read nulls among lists of a fixed size
        path = write(a=pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)))
        assert "row 1" in fails(capsys, "fit", path, *out)
    path = write(a=[1.0, 2.0, None], b=[1.0, 2.0, 3.0])
    assert "first row 2 " in fails(capsys, "fit", path, *out)
    path = write(a=[1, 2], b=[1, 2])
    error = fails(capsys, "fit", path, *out)
    assert "argument --columns" in error and "may be identifiers or labels" in error
    assert "0 rows" in fails(capsys, "fit", write(a=lists[:0]), *out)
    Path(path).write_bytes(b"PAR1 cut")
    assert "not a complete .parquet" in fails(capsys, "fit", path, *out)


def test_columns_that_are_used_and_left_out_are_printed(folder, rows, capsys):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    X, y = rows
    expected = labels_of("rows.npy")
    columns = {f"e{i}": X[:, i] for i in range(12)}
    pq.write_table(pa.table({"id": np.arange(300), **columns, "label": y}), "rows.parquet")
    line = "embeddings: 12 float columns e0…e11; labels (only to compare): label; ids: id\n"
    fit = ["fit", "rows.parquet", "--n-components", "3", "--out", "out", "--overwrite"]
    for options in ([], ["--columns", "e*"], ["--columns", ",".join(columns)]):
        assert main([*fit, *options]) == 0
        assert capsys.readouterr().err == line
        np.testing.assert_array_equal(np.load("out/labels.npy"), expected)
    assert main([*fit, "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["predict", "out/model.npz", "rows.parquet"]) == 0
    captured = capsys.readouterr()
    assert captured.err == line and captured.out.split() == [str(label) for label in expected]


@pytest.mark.parametrize("names", [[None], ["id"], ["x0"], ["id", "part"]], ids=str)
def test_parquet_ignores_pandas_index(folder, rows, names):
    pytest.importorskip("pyarrow")
    pd = pytest.importorskip("pandas")
    expected, columns = labels_of("rows.npy"), [f"x{i + 1}" for i in range(12)]
    frame = pd.DataFrame(rows[0], columns=columns)
    frame.to_parquet("rows.parquet")  # a RangeIndex is not stored as a column
    np.testing.assert_array_equal(labels_of("rows.parquet"), expected)
    numbers = [np.arange(300)[::-1] * 1000] * len(names)
    frame.index = pd.MultiIndex.from_arrays(numbers, names=names) if names[1:] else numbers[0]
    frame.index.names = names
    frame.to_parquet("rows.parquet")
    np.testing.assert_array_equal(labels_of("rows.parquet"), expected)


@pytest.mark.parametrize(
    "damaged", [b"{", b"[]", b'{"index_columns": 3}', b"\xff", b"[" * 10**5], ids=range(5)
)
def test_parquet_with_invalid_pandas_metadata(folder, rows, damaged):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    table = pa.table({f"x{i}": rows[0][:, i] for i in range(12)})
    pq.write_table(table.replace_schema_metadata({"pandas": damaged}), "rows.parquet")
    np.testing.assert_array_equal(labels_of("rows.parquet"), labels_of("rows.npy"))


def test_parquet_without_pyarrow(folder, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    Path("rows.parquet").write_bytes(b"PAR1")
    error = fails(capsys, "fit", "rows.parquet", "--out", "out")
    assert "needs pyarrow, which is not installed; run pip install" in error


@pytest.mark.parametrize("name", ["rows.npy", "rows.npz"])
@pytest.mark.parametrize("content", [b"", b"\x93NUMPY\x01\x00", b"PK\x03\x04 cut", b"1.0 2.0\n"])
def test_refuses_wrong_content(folder, capsys, name, content):
    Path(name).write_bytes(content)
    error = fails(capsys, "fit", name, "--n-components", "3", "--out", "out")
    assert f"{name} is not a complete {name[-4:]} file" in error


def test_refuses_truncated_or_misnamed_files(folder, capsys):
    out = ["--n-components", "3", "--out", "out"]
    content = Path("rows.npy").read_bytes()
    Path("rows.npz").write_bytes(content)
    assert "not a complete .npz" in fails(capsys, "fit", "rows.npz", *out)
    Path("rows.npy").write_bytes(content[:-100])
    assert "not a complete .npy" in fails(capsys, "fit", "rows.npy", *out)
    np.savez("good.npz", rows=np.eye(40))
    Path("rows.npy").write_bytes(Path("good.npz").read_bytes())
    assert "not a complete .npy" in fails(capsys, "fit", "rows.npy", *out)
    damaged = bytearray(Path("good.npz").read_bytes())
    damaged[2000] ^= 255
    Path("rows.npz").write_bytes(damaged)
    assert "not a complete .npz" in fails(capsys, "fit", "rows.npz", *out)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones(12), "shape (12,)"),
        (np.ones((3, 4, 5)), "shape (3, 4, 5)"),
        (np.ones((0, 12)), "0 rows"),
        (np.ones((12, 1)), "rows of 1 number"),
        (np.full((3, 3), 1j), "complex128"),
        (np.full((3, 3), "a"), "<U1"),
        (np.array([[1, None]]), "Python objects"),
        (np.ones((2, 3)), "at most 2"),
    ],
)
def test_refuses_arrays_that_are_not_embeddings(folder, capsys, array, message):
    np.save("rows.npy", array, allow_pickle=True)
    assert message in fails(capsys, *FIT, "--out", "out")


def test_refuses_rows_of_zeros(folder, capsys):
    np.save("rows.npy", np.zeros((5, 12)))
    before = files()
    assert "No row of X has a direction" in fails(capsys, *FIT, "--out", "out")
    assert files() == before


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_refuses_nan_and_infinity(folder, capsys, rows, dtype, value):
    X = rows[0].astype(dtype)
    X[[40, 44], [0, 11]] = value
    X[44, 3] = np.nan
    np.save("rows.npy", X)
    error = fails(capsys, *FIT, "--out", "out")
    assert "2 of the 300 rows of rows.npy" in error and "first row 40 " in error
    np.save("rows.npy", rows[0])
    assert main([*FIT, "--out", "out", "--quiet"]) == 0
    np.save("new.npy", X)
    assert "first row 40 " in fails(capsys, "predict", "out/model.npz", "new.npy")


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_refuses_pipe_as_embeddings(folder, capsys):
    for name in ("pipe.npy", "pipe.npz", "pipe.parquet"):
        os.mkfifo(name)
        assert f"{name} is a pipe or a device" in fails(capsys, "fit", name, "--out", "out")


def test_refuses_missing_files_and_wrong_suffixes(folder, capsys):
    out = ["--n-components", "3", "--out", "out"]
    assert "There is no file nowhere.npy" in fails(capsys, "fit", "nowhere.npy", *out)
    assert "texts.txt is not named .parquet, .feather" in fails(capsys, "fit", "texts.txt", *out)
    Path("folder.npy").mkdir()
    assert "is a folder" in fails(capsys, "fit", "folder.npy", *out)
    assert "argument --array: rows.npy holds a single array" in fails(
        capsys, "fit", "rows.npy", "--array", "X", *out
    )


@pytest.mark.parametrize("option", ["--texts", "--labels"])
def test_refuses_wrong_number_of_lines(folder, capsys, option):
    fit = [*FIT, "--out", "out", option]
    assert "There is no file nowhere.txt" in fails(capsys, *fit, "nowhere.txt")
    Path("few.txt").write_text("one\ntwo\n")
    error = fails(capsys, *fit, "few.txt")
    assert "few.txt has 2 lines" in error and "300 rows" in error
    Path("latin.txt").write_bytes("größe\n".encode("latin-1") * 300)
    assert "UTF-8" in fails(capsys, *fit, "latin.txt")


def test_refuses_empty_label(folder, capsys):
    lines = Path("labels.txt").read_text().splitlines()
    lines[6] = ""
    Path("labels.txt").write_text("\n".join(lines))
    assert "line 7 of labels.txt" in fails(capsys, *FIT, "--out", "out", "--labels", "labels.txt")


def test_known_labels_are_read_from_a_file(folder, rows):
    _, y = rows
    known = np.where(np.arange(len(y)) < 30, y, -1)
    lines = ["" if label < 0 else str(label) for label in known]
    Path("known.txt").write_text("".join(f"{line}\n" for line in lines))
    labels = labels_of("rows.npy", "--known-labels", "known.txt")
    np.testing.assert_array_equal(labels[:30], y[:30])


@pytest.mark.parametrize("line", ["class 1", "1.5", "-2", "٣"])
def test_known_labels_that_are_no_numbers_are_refused(folder, capsys, line):
    n_rows = len(Path("labels.txt").read_text().splitlines())
    Path("known.txt").write_text("0\n" + f"{line}\n" + "\n" * (n_rows - 2), encoding="utf-8")
    error = fails(capsys, "fit", "rows.npy", "--out", "new", "--known-labels", "known.txt")
    assert f"line 2 of known.txt is {line!r}; write the number of a cluster" in error


@pytest.mark.parametrize("name", FORMATS)
def test_fits_to_files_of_every_format_are_the_same(folder, rows, capsys, name):
    formats = pytest.importorskip("tests.storage.inputs.formats")
    expected = labels_of("rows.npy")
    paths = [os.path.relpath(path) for path in formats.write(folder, name, *rows)]
    capsys.readouterr()
    np.testing.assert_array_equal(labels_of(*paths), expected)
    captured = capsys.readouterr()
    used = [line for line in captured.err.splitlines() if line.startswith("embeddings: ")]
    assert len(used) == (name != "npy")
    if name in formats.TABLES:
        texts = [row["text"] for row in read_rows("out")]
        assert texts == formats.texts_of(300)
        assert "Compared with column label (3 classes):" in captured.out
        assert "labels (only to compare): label; ids: id; left out: created_at" in used[0]
    assert main(["predict", "out/model.npz", *paths, "--quiet"]) == 0
    assert capsys.readouterr().out.split() == [str(label) for label in expected]


def write_parquet(X, **columns):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    vectors = pa.array(list(X), pa.list_(pa.float32()))
    pq.write_table(pa.table({"a": vectors, "b": vectors, **columns}), "x.parquet")


def test_every_command_takes_the_options_of_columns(folder, rows, capsys):
    X, y = rows
    images = [f"{row}.png" for row in range(300)]
    about = [f"about {row}" for row in range(300)]
    write_parquet(X, about=about, kind=y, key=np.arange(300), image=images)
    options = ["--embedding-column", "b", "--text-column", "about", "--label-column", "kind"]
    options += ["--id-column", "key", "--quiet"]
    fit = ["fit", "x.parquet", *options, "--merge", "likelihood"]
    assert main([*fit, "--n-components", "3", "--n-components-init", "6", "--out", "out"]) == 0
    assert [row["about"] for row in read_rows("out")] == about
    cut = ["cut", "out/model.npz", "x.parquet", "-n", "4", *options, "--out", "cut"]
    assert main(cut) == 0
    assert main(["predict", "out/model.npz", "x.parquet", *options, "--out", "new"]) == 0
    assert main(["report", "out/model.npz", "x.parquet", *options, "-o", "x.html"]) == 0
    assert "about 299" in Path("x.html").read_text(encoding="utf-8")
    command = ["report", "out/model.npz", "x.parquet", *options, "--image-column", "image"]
    error = fails(capsys, *command, "-o", "new.html")
    assert "argument --image-column: '0.png' is not a file" in error


def test_images_are_those_of_a_column(folder, rows, capsys):
    Image = pytest.importorskip("PIL.Image")
    X, _ = rows
    Path("images").mkdir()
    for row in range(4):
        Image.new("RGB", (8, 8), (60 * row, 0, 0)).save(f"images/{row}.png")
    write_parquet(X, path=[f"images/{row % 4}.png" for row in range(300)])
    options = ["x.parquet", "--embedding-column", "a", "--quiet"]
    assert main(["fit", *options, "--n-components", "3", "--out", "out"]) == 0
    report = ["report", "out/model.npz", *options, "-o", "x.html", "--image-column", "path"]
    assert main(report) == 0
    assert "data:image/" in Path("x.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "argument --columns: x.parquet has 2 columns of vectors (a, b)"),
        (["--embedding-column", "c"], "argument --embedding-column: x.parquet has no column 'c'"),
        (["--array", "a", "--text-column", "c"], "argument --text-column: x.parquet has no column"),
        (["--array", "a", "--label-column", "c"], "argument --label-column: x.parquet has no"),
        (["--array", "a", "--id-column", "c"], "argument --id-column: x.parquet has no column"),
        (["--array", "a", "--image-column", "b"], "argument --image-column: Column 'b' of"),
        (
            ["--array", "a", "--text-column", "text", "--texts", "texts.txt"],
            "--text-column and --texts exclude each other",
        ),
        (
            ["--array", "a", "--label-column", "text", "--labels", "labels.txt"],
            "--label-column and --labels exclude each other",
        ),
    ],
)
def test_refuses_columns_that_cannot_be_meant(folder, rows, capsys, options, message):
    write_parquet(rows[0], text=["some"] * 300)
    assert message in fails(capsys, "fit", "x.parquet", *options, "--out", "new")


def test_columns_of_arrays_are_refused(folder, capsys):
    for option in ("--embedding-column", "--text-column", "--label-column", "--columns"):
        error = fails(capsys, "fit", "rows.npy", option, "text", "--out", "new")
        assert f"argument {option}: rows.npy is not a table and has no columns" in error


def test_texts_of_a_file_replace_those_of_a_column(folder, rows, capsys):
    write_parquet(rows[0], text=["some"] * 300, label=rows[1])
    Path("texts.json").write_text(json.dumps([f"line\n{row}" for row in range(300)]))
    fit = ["fit", "x.parquet", "--array", "a", "--n-components", "3", "--out", "out"]
    assert main([*fit, "--texts", "texts.json", "--labels", "labels.txt"]) == 0
    captured = capsys.readouterr()
    assert captured.err == "embeddings: column a, 12 numbers; left out: b, text, label\n"
    assert "Compared with labels.txt (3 classes):" in captured.out
    assert [row["text"] for row in read_rows("out")][7] == "line\n7"


def test_labels_of_some_rows_are_compared_with_these_only(folder, rows, capsys):
    X, y = rows
    known = np.where(np.arange(300) < 40, y, -1)
    write_parquet(X, label=known)
    fit = ["fit", "x.parquet", "--array", "a", "--n-components", "3", "--out", "out"]
    assert main(fit) == 0
    labels = np.load("out/labels.npy")
    assert "Compared with column label (3 classes, 40 of 300 rows):" in capsys.readouterr().out
    write_parquet(X, label=np.full(300, -1))
    assert main([*fit, "--overwrite"]) == 0
    assert "Compared" not in capsys.readouterr().out
    np.testing.assert_array_equal(np.load("out/labels.npy"), labels)
    write_parquet(X, label=known)
    assert main(["report", "out/model.npz", "x.parquet", "--array", "a", "-o", "x.html"]) == 0
    assert "260 of the 300 rows have no label in column label" in capsys.readouterr().err


def test_several_files_are_one_input(folder, rows, capsys):
    expected = labels_of("rows.npy")
    np.save("1.npy", rows[0][:100])
    np.save("2.npy", rows[0][100:])
    np.testing.assert_array_equal(labels_of("1.npy", "2.npy"), expected)
    assert "files: 2, in this order: 1.npy, 2.npy" in capsys.readouterr().err
    assert main(["predict", "out/model.npz", "1.npy", "2.npy", "--out", "new"]) == 0
    np.testing.assert_array_equal(np.load("new/labels.npy"), expected)
    capsys.readouterr()
    error = fails(capsys, "fit", "1.npy", "2.npy", "--n-components", "301", "--out", "x", "--quiet")
    assert "more than the 300 rows of 1.npy and 2.npy" in error


def test_pillow_is_named_before_anything_is_read(folder, capsys, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *_: None if name == "PIL" else find(name)
    )
    for option in (["--images", "pictures"], ["--image-column", "image"]):
        error = fails(capsys, "report", "none.npz", "none.npy", *option, "-o", "page.html")
        assert "Images need Pillow, which is not installed; run pip install pillow" in error
