"""Tests of the command `vmfmix`: files, printed output, and errors, which leave no files."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

import vmfmix
from vmfmix import VMFMixture
from vmfmix.cli.arguments import CONCENTRATIONS, MERGE_COSTS, SELECTION_RULES
from vmfmix.cli.main import main
from vmfmix.cli.outputs import FIT_OUTPUTS, PREDICT_OUTPUTS
from vmfmix.datasets import make_vmf_mixture
from vmfmix.merging.costs import COSTS
from vmfmix.merging.selection import RULES
from vmfmix.metrics import clustering_report

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def rows():
    X, y = make_vmf_mixture(300, 12, 3, concentration=60.0, dtype=np.float32, random_state=0)
    return X, y


@pytest.fixture
def folder(tmp_path, monkeypatch, rows):
    """Create a working folder with rows.npy, texts.txt and labels.txt."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    X, y = rows
    np.save("rows.npy", X)
    Path("texts.txt").write_text("".join(f"text {i}, Größe {i}\n" for i in range(len(X))), "utf-8")
    Path("labels.txt").write_text("".join(f"class {label}\n" for label in y))
    return tmp_path


FIT = ["fit", "rows.npy", "--n-components", "3"]
COMMON = {"labels.npy", "probabilities.npy", "model.npz", "summary.csv"}


def files():
    """Return all paths below the working folder, with size and time of each file."""
    return {
        path: (path.stat().st_size, path.stat().st_mtime_ns) if path.is_file() else None
        for path in Path().rglob("*")
    }


def fails(capsys, *argv):
    """Run a command that must fail, and return its error: one line, and no file is changed."""
    before = files()
    assert main([str(word) for word in argv]) == 2
    assert files() == before
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("vmfmix: error: ")
    assert captured.err.count("\n") == 1 and captured.err.endswith("\n")
    return captured.err


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# vmfmix fit


def test_fit_writes_results_of_the_estimator(folder, rows, capsys):
    assert main([*FIT, "--out", "out", "--concentration", "free", "--n-init", "2"]) == 0
    model = VMFMixture(3, concentration="free", n_init=2, random_state=0).fit(rows[0])
    assert {path.name for path in Path("out").iterdir()} == COMMON
    labels = np.load("out/labels.npy")
    assert labels.dtype.kind == "i"
    np.testing.assert_array_equal(labels, model.labels_)
    np.testing.assert_array_equal(np.load("out/probabilities.npy"), model.probabilities_)
    again = vmfmix.load("out/model.npz")
    assert again.get_params() == model.get_params()
    np.testing.assert_array_equal(again.means_, model.means_)
    assert capsys.readouterr().err == ""


def test_every_option_reaches_the_estimator(folder, capsys):
    options = "--concentration 20 --background --center --assignment hard --n-init 2 --max-iter 50"
    options += " --tol 0.01 --random-state 7 --n-components-init 9 --merge icl --selection bic"
    options += " --quiet"
    assert main([*FIT, "--out", "out", *options.split()]) == 0
    default = VMFMixture().get_params()
    given = vmfmix.load("out/model.npz").get_params()
    assert {name: value for name, value in given.items() if value != default[name]} == {
        "n_components": 3,
        "n_components_init": 9,
        "merge": "icl",
        "selection": "bic",
        "concentration": 20.0,
        "background": True,
        "center": True,
        "assignment": "hard",
        "n_init": 2,
        "max_iter": 50,
        "tol": 0.01,
        "random_state": 7,
    }
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("merge", [*COSTS, "none"]),
        ("selection", list(RULES)),
        ("concentration", ["pooled", "tied", "free"]),
    ],
)
def test_fit_accepts_names_of_the_estimator(folder, option, values):
    for value in values:
        options = ["--n-components", "3" if value == "none" else "auto", f"--{option}", value]
        assert main(["fit", "rows.npy", *options, "--out", "out", "--overwrite"]) == 0
        given = vmfmix.load("out/model.npz").get_params()[option]
        assert given == (None if value == "none" else value)


def test_fit_estimates_number_of_clusters_by_default(folder, rows, capsys):
    fit = ["fit", "rows.npy", "--out", "out", "--overwrite"]
    assert main(fit) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    model = vmfmix.load("out/model.npz")
    assert model.get_params() == VMFMixture(random_state=0).get_params()
    expected = VMFMixture(random_state=0).fit(rows[0])
    np.testing.assert_array_equal(np.load("out/labels.npy"), expected.labels_)
    n_start = expected.merge_history_.n_components_init
    origin = f"number estimated by merging {n_start} components"
    assert captured.out.startswith(f"3 clusters ({origin}) in 300 rows of 12 ")
    assert main([*fit, "--n-components-init", "20"]) == 0
    assert capsys.readouterr().out.startswith(
        "3 clusters (number estimated by merging 20 components) in 300 rows "
    )
    assert main([*fit, "--n-components", "3", "--n-components-init", "20"]) == 0
    assert capsys.readouterr().out.startswith("3 clusters in 300 rows ")


def test_fit_warns_about_noise(folder, capsys):
    np.save("rows.npy", np.random.default_rng(0).standard_normal((300, 12)))
    assert main(["fit", "rows.npy", "--out", "out"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("1 cluster (number estimated by merging ")
    assert captured.err.startswith("vmfmix: warning: No clusters were found")
    assert captured.err.count("\n") == 1


def test_fit_of_identical_rows(folder, capsys):
    np.save("rows.npy", np.ones((20, 12)))
    assert main(["fit", "rows.npy", "--out", "out"]) == 0
    assert capsys.readouterr().out.startswith(
        "1 cluster (number estimated) in 20 rows of 12 numbers, "
    )


def test_fit_with_all_rows_in_background(folder, capsys):
    np.save("rows.npy", np.random.default_rng(0).standard_normal((300, 12)))
    options = ["--background", "--concentration", "200", "--texts", "texts.txt"]
    assert main(["fit", "rows.npy", "--out", "out", *options]) == 0
    assert set(np.load("out/labels.npy")) == {-1}
    (row,) = table("out/summary.csv")
    assert row["cluster"] == "-1" and row["size"] == "300"
    captured = capsys.readouterr()
    assert captured.out.startswith("0 clusters ") and "background" in captured.out
    assert captured.err.startswith("vmfmix: warning: All rows belong to the background")


def test_fit_is_reproducible(folder):
    assert main([*FIT, "--out", "one"]) == 0
    assert main([*FIT, "--out", "two"]) == 0
    for name in COMMON - {"model.npz"}:
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()


def test_summary_csv_values(folder, rows):
    X, _ = rows
    assert main([*FIT, "--out", "out", "--concentration", "free"]) == 0
    model = vmfmix.load("out/model.npz")
    summary = table("out/summary.csv")
    assert [int(row["cluster"]) for row in summary] == [0, 1, 2]
    for k, row in enumerate(summary):
        cosines = X[model.labels_ == k].astype(float) @ model.means_[k]
        between = np.delete(model.means_ @ model.means_[k], k)
        assert int(row["size"]) == len(cosines)
        assert int(row["nearest_cluster"]) == np.delete(np.arange(3), k)[between.argmax()]
        expected = {
            "share": len(cosines) / len(X),
            "weight": model.weights_[k],
            "concentration": model.concentrations_[k],
            "mean_angle_degrees": np.degrees(np.arccos(cosines)).mean(),
            "mean_cosine": cosines.mean(),
            "nearest_cosine": between.max(),
        }
        for name, value in expected.items():
            assert float(row[name]) == pytest.approx(value, rel=1e-5)


def test_summary_csv_has_line_for_background(folder, capsys):
    X, _ = make_vmf_mixture(400, 12, 2, concentration=200.0, background=0.3, random_state=1)
    np.save("rows.npy", X)
    assert main(["fit", "rows.npy", "--n-components", "2", "--background", "--out", "out"]) == 0
    labels = np.load("out/labels.npy")
    last = table("out/summary.csv")[-1]
    assert last["cluster"] == "-1" and last["mean_cosine"] == "" and last["concentration"] == "0"
    assert int(last["size"]) == (labels == -1).sum() > 0
    assert "background" in capsys.readouterr().out
    assert main(["predict", "out/model.npz", "rows.npy", "--out", "again"]) == 0
    np.testing.assert_array_equal(np.load("again/labels.npy"), labels)
    np.testing.assert_allclose(
        np.load("again/probabilities.npy"), np.load("out/probabilities.npy"), atol=1e-6
    )


def test_summary_csv_without_nearest_cluster(folder):
    assert main(["fit", "rows.npy", "--n-components", "1", "--out", "out"]) == 0
    (row,) = table("out/summary.csv")
    assert row["nearest_cluster"] == row["nearest_cosine"] == ""


def test_texts_csv_and_typical_texts(folder, rows, capsys):
    assert main([*FIT, "--out", "out", "--texts", "texts.txt"]) == 0
    model = vmfmix.load("out/model.npz")
    listed = table("out/texts.csv")
    assert [row["text"] for row in listed] == Path("texts.txt").read_text("utf-8").splitlines()
    assert [int(row["row"]) for row in listed] == list(range(300))
    assert [int(row["cluster"]) for row in listed] == model.labels_.tolist()
    shown = capsys.readouterr().out
    cosines = model.transform(rows[0])
    for k in range(3):
        own = np.where(model.labels_ == k, cosines[:, k], -2)
        first, second, third, fourth = np.argsort(-own)[:4]
        places = [shown.index(f"text {i}, Größe {i}\n") for i in (first, second, third)]
        assert places == sorted(places)
        assert f"text {fourth}, " not in shown
    assert all(len(line) <= 100 for line in shown.splitlines())


def test_typical_texts_are_distinct_and_short(folder, capsys):
    texts = ["the same words"] * 150 + [f"\x1b[2J{'long ' * 50}{i}" for i in range(150)]
    Path("texts.txt").write_text("\n".join(texts))  # without a final newline
    assert main([*FIT, "--out", "out", "--texts", "texts.txt"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("the same words") <= 3
    assert "\x1b" not in shown and "…" in shown
    assert all(len(line) <= 100 for line in shown.splitlines())


def test_fit_prints_scores_of_known_labels(folder, rows, capsys):
    assert main([*FIT, "--out", "out", "--labels", "labels.txt"]) == 0
    shown = capsys.readouterr().out
    report = clustering_report(rows[1], np.load("out/labels.npy"))
    assert f"accuracy {report['accuracy']:.3f}, " in shown
    assert f"ARI {report['adjusted_rand']:.3f}, " in shown
    assert "3 classes" in shown


def test_table_is_sorted_by_size_with_tied_concentration_in_title(folder, rows, capsys):
    assert main([*FIT, "--out", "out", "--concentration", "tied"]) == 0
    shown = capsys.readouterr().out
    title, _, head, *lines = shown.splitlines()
    kappa = vmfmix.load("out/model.npz").concentrations_[0]
    assert title.startswith(f"3 clusters in 300 rows of 12 numbers, concentration {kappa:.1f}, ")
    assert "concentration" not in head
    sizes = [int(line.split()[1]) for line in lines[:3]]
    assert sizes == sorted(sizes, reverse=True) and sum(sizes) == 300


@pytest.mark.parametrize("kind", ["pooled", "free"])
def test_table_has_column_for_different_concentrations(folder, capsys, kind):
    fit = [*FIT, "--overwrite", "--out", "out", "--concentration", kind]
    assert main(fit) == 0  # planted with equal concentrations
    title, _, head, *_ = capsys.readouterr().out.splitlines()
    values = vmfmix.load("out/model.npz").concentrations_
    assert 1.0 < values.max() / values.min() < 1.05
    assert f", concentration {values.min():.1f} to {values.max():.1f}, " in title
    assert "concentration" not in head
    X, _ = make_vmf_mixture(300, 12, 3, concentration=[40.0, 80.0, 160.0], random_state=0)
    np.save("rows.npy", X)
    assert main(fit) == 0
    title, _, head, *lines = capsys.readouterr().out.splitlines()
    assert "concentration" in head and "concentration" not in title
    model = vmfmix.load("out/model.npz")
    shown = {int(line.split()[0]): line.split()[3] for line in lines[:3]}
    assert shown == {k: f"{value:.1f}" for k, value in enumerate(model.concentrations_)}


def test_table_fits_narrow_terminal(folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["fit", "rows.npy", "--out", "out", "--texts", "texts.txt"]) == 0
    shown, _, _ = capsys.readouterr().out.rpartition("\n\n")
    assert max(map(len, shown.splitlines())) <= 60
    title = " ".join(shown.partition("\n\n")[0].split())
    assert title.startswith("3 clusters (number estimated by merging ")
    assert title.endswith(" iterations")


def test_warnings_are_one_line_each(folder, rows, capsys):
    X = rows[0].copy()
    X[5] = 0
    np.save("rows.npy", X)
    options = ["--merge", "none", "--concentration", "tied", "--max-iter", "2", "--quiet"]
    assert main([*FIT, "--out", "out", *options]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 2 and all(line.startswith("vmfmix: warning: ") for line in lines)
    assert "no direction" in lines[0] and "did not converge" in lines[1]


@pytest.mark.parametrize("n_components", ["3", "auto"])
@pytest.mark.parametrize("missing", ["nothing", "rich"])
def test_progress_on_a_terminal_goes_to_stderr(folder, monkeypatch, rows, missing, n_components):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    pytest.importorskip("rich")
    pytest.importorskip("sklearn.callback")
    import rich

    monkeypatch.setattr(rich, "_console", None)  # restored after the test
    if missing == "rich":
        monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    out, err = io.StringIO(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    fit = ["fit", "rows.npy", "--n-components", n_components, "--out", "out", "--overwrite"]
    assert main(fit) == 0
    assert "nitialization" in err.getvalue()
    assert out.getvalue().startswith("3 clusters")
    assert vmfmix.load("out/model.npz").verbose == 0
    err.truncate(0)
    assert main([*fit, "--quiet"]) == 0
    assert err.getvalue().strip("\0") == ""
    np.save("rows.npy", np.vstack([rows[0], np.zeros(12)]))
    assert main(fit) == 0
    assert "vmfmix: warning: 1 of the 301 rows of X have no direction" in err.getvalue()


# Output folder


def test_refuses_to_overwrite_by_default(folder, capsys):
    assert main([*FIT, "--out", "a/b/out", "--texts", "texts.txt", "--quiet"]) == 0
    Path("a/b/out/mine.txt").write_text("mine")
    error = fails(capsys, *FIT, "--out", "a/b/out")
    assert "labels.npy" in error and "--overwrite" in error
    assert main([*FIT, "--out", "a/b/out", "--overwrite", "--random-state", "3"]) == 0
    # The texts.csv of the first run does not belong to the new result and is removed.
    assert {path.name for path in Path("a/b/out").iterdir()} == COMMON | {"mine.txt"}
    assert vmfmix.load("a/b/out/model.npz").random_state == 3


def test_fit_keeps_other_files_in_output_folder(folder):
    assert main([*FIT, "--out", "."]) == 0
    inputs = {"rows.npy", "texts.txt", "labels.txt"}
    assert {path.name for path in folder.iterdir()} == COMMON | inputs


def test_predict_keeps_the_model_in_its_folder(folder):
    assert main([*FIT, "--out", "out"]) == 0
    labels = np.load("out/labels.npy")
    assert main(["predict", "out/model.npz", "rows.npy", "--out", "out", "--overwrite"]) == 0
    assert {path.name for path in Path("out").iterdir()} == COMMON
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


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_refuses_pipe_as_embeddings(folder, capsys):
    for name in ("pipe.npy", "pipe.npz", "pipe.parquet"):
        os.mkfifo(name)
        assert f"{name} is a pipe or a device" in fails(capsys, "fit", name, "--out", "out")


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


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError("Unable to allocate 9 TiB"), 2, "error: not enough memory"),
    ],
)
def test_fit_writes_nothing_if_interrupted(folder, monkeypatch, capsys, error, code, message):
    def fit(self, X, **options):
        raise error

    before = files()
    monkeypatch.setattr(VMFMixture, "fit", fit)
    assert main([*FIT, "--out", "out"]) == code
    assert files() == before
    assert capsys.readouterr().err.startswith(f"vmfmix: {message}")


# vmfmix predict


def test_predict_after_fit_gives_the_same_labels(folder, capsys):
    assert main([*FIT, "--out", "out", "--center", "--quiet"]) == 0
    labels = np.load("out/labels.npy")
    assert main(["predict", "out/model.npz", "rows.npy", "--out", "again"]) == 0
    assert {path.name for path in Path("again").iterdir()} == {"labels.npy", "probabilities.npy"}
    again = np.load("again/labels.npy")
    np.testing.assert_array_equal(again, labels)
    assert again.dtype == labels.dtype
    np.testing.assert_allclose(
        np.load("again/probabilities.npy"), np.load("out/probabilities.npy"), atol=1e-6
    )
    capsys.readouterr()
    assert main(["predict", "out/model.npz", "rows.npy"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.split() == [str(label) for label in labels]
    error = fails(capsys, "predict", "out/model.npz", "rows.npy", "--out", "again")
    assert "--overwrite" in error


def test_predict_in_several_blocks(folder, monkeypatch):
    from vmfmix.inspection import clusters

    assert main([*FIT, "--out", "out"]) == 0
    assert main(["predict", "out/model.npz", "rows.npy", "--out", "whole"]) == 0
    monkeypatch.setattr(clusters, "_ROWS_PER_BLOCK", 7)
    assert main(["predict", "out/model.npz", "rows.npy", "--out", "blocks"]) == 0
    whole, blocks = (np.load(f"{name}/probabilities.npy") for name in ("whole", "blocks"))
    np.testing.assert_allclose(blocks, whole, atol=1e-6)


def test_predict_refuses_wrong_number_of_features(folder, capsys):
    assert main([*FIT, "--out", "out", "--quiet"]) == 0
    np.save("new.npy", np.eye(5))
    error = fails(capsys, "predict", "out/model.npz", "new.npy", "--out", "new")
    assert "rows of 5 numbers" in error and "rows of 12" in error


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"text", "npy", "npz", "sparse", "3"])
def test_predict_refuses_files_that_are_not_models(folder, capsys, rows, content):
    with open("model.npz", "wb") as file:
        if content == "npy":
            np.save(file, rows[0])
        elif content == "npz":
            np.savez(file, rows=rows[0])
        elif content == "sparse":
            sp.save_npz(file, sp.csr_array(rows[0]))
        elif content == "3":
            np.savez(file, format=3)
        else:
            file.write(content)
    assert "model.npz" in fails(capsys, "predict", "model.npz", "rows.npy")


def test_predict_refuses_a_damaged_model(folder, capsys):
    assert main([*FIT, "--out", "out", "--quiet"]) == 0
    content = bytearray(Path("out/model.npz").read_bytes())
    for start in range(0, len(content), len(content) // 20):
        damaged = content.copy()
        damaged[start : start + 50] = bytes(50)
        Path("model.npz").write_bytes(damaged)
        code = main(["predict", "model.npz", "rows.npy"])
        shown = capsys.readouterr().err
        assert (code, shown.count("\n")) in {(0, 0), (2, 1)}


def test_predict_without_a_model(folder, capsys):
    assert "nowhere.npz" in fails(capsys, "predict", "nowhere.npz", "rows.npy")
    assert "a folder" in fails(capsys, "predict", ".", "rows.npy")


# Reading embeddings and text files


def labels_of(*argv):
    assert main(["fit", *argv, "--n-components", "3", "--out", "out", "--overwrite"]) == 0
    return np.load("out/labels.npy")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int32", ">f4"])
def test_npy_of_every_dtype(folder, rows, dtype):
    X = (rows[0] * 100).astype(dtype)
    np.save("rows.npy", X)
    native = X.astype(X.dtype.newbyteorder("="))
    model = VMFMixture(3, random_state=0).fit(native)
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
    for options in ([], ["--array", "c"]):
        assert "a, b" in fails(capsys, "fit", path, *options, *out)
    assert "no column" in fails(capsys, "fit", write(text=["some"]), *out)
    assert "row 1" in fails(capsys, "fit", write(a=[[1.0, 2.0], [1.0]]), *out)
    assert "row 1" in fails(capsys, "fit", write(a=[[1.0, 2.0], None]), *out)
    assert "first row 1 " in fails(capsys, "fit", write(a=[[1.0, 2.0], [1.0, None]]), *out)
    path = write(a=pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)))
    assert "row 1" in fails(capsys, "fit", path, *out)
    assert "first row 2 " in fails(capsys, "fit", write(a=[1, 2, None], b=[1, 2, 3]), *out)
    assert "0 rows" in fails(capsys, "fit", write(a=lists[:0]), *out)
    Path(path).write_bytes(b"PAR1 cut")
    assert "not a complete .parquet" in fails(capsys, "fit", path, *out)


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
    assert "pip install pyarrow" in error


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


def test_refuses_missing_files_and_wrong_suffixes(folder, capsys):
    out = ["--n-components", "3", "--out", "out"]
    assert "there is no file nowhere.npy" in fails(capsys, "fit", "nowhere.npy", *out)
    assert "named .npy, .npz or .parquet" in fails(capsys, "fit", "texts.txt", *out)
    Path("folder.npy").mkdir()
    assert "is a folder" in fails(capsys, "fit", "folder.npy", *out)
    assert "argument --array: rows.npy holds a single array" in fails(
        capsys, "fit", "rows.npy", "--array", "X", *out
    )


@pytest.mark.parametrize("option", ["--texts", "--labels"])
def test_refuses_wrong_number_of_lines(folder, capsys, option):
    fit = [*FIT, "--out", "out", option]
    assert "there is no file nowhere.txt" in fails(capsys, *fit, "nowhere.txt")
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


# Arguments and help


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "COMMAND"),
        (["rapport"], "'rapport'"),
        (["fit"], "EMBEDDINGS"),
        (["fit", "rows.npy"], "--out"),
        ([*FIT, "--out", "out", "--n-components", "0"], "'0' is not an integer of at least 1"),
        ([*FIT, "--out", "out", "--n-components", "many"], "or 'auto'"),
        ([*FIT, "--out", "out", "--concentration", "loose"], "'tied', 'free' or a number"),
        ([*FIT, "--out", "out", "--concentration", "-1"], "'-1' is not"),
        ([*FIT, "--out", "out", "--concentration", "nan"], "'nan' is not"),
        ([*FIT, "--out", "out", "--tol", "-0.1"], "'-0.1' is not a number"),
        ([*FIT, "--out", "out", "--max-iter", "1.5"], "'1.5' is not an integer"),
        ([*FIT, "--out", "out", "--n-init", "0"], "'0' is not an integer"),
        ([*FIT, "--out", "out", "--random-state", "4294967296"], "from 0 to 4294967295"),
        ([*FIT, "--out", "out", "--assignment", "firm"], "'firm'"),
        ([*FIT, "--out", "out", "--over"], "--over"),
        ([*FIT, "--out", "out", "--n-components", "301"], "at most 300"),
        ([*FIT, "--out", "out", "--n-components-init", "0"], "'0' is not an integer of at least 1"),
        ([*FIT, "--out", "out", "--n-components-init", "2"], "=2 is less than n_components=3"),
        ([*FIT, "--out", "out", "--n-components-init", "301"], "=301 is more than the 300 rows"),
        ([*FIT, "--out", "out", "--n-components-init", "9", "--merge", "none"], "where merging"),
        (["fit", "rows.npy", "--out", "out", "--merge", "none"], "finds the number of clusters"),
        ([*FIT, "--out", "out", "--merge", "ward"], "'ward' is not one of likelihood, icl, "),
        ([*FIT, "--out", "out", "--selection", "best"], "'best'"),
    ],
)
def test_refuses_invalid_arguments(folder, capsys, argv, message):
    assert message in fails(capsys, *argv)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"vmfmix {vmfmix.__version__}\n"


@pytest.mark.parametrize("command", [[], ["fit"], ["predict"], ["report"]])
def test_help_of_commands(capsys, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "examples:" in shown
    assert all(len(line) <= 80 for line in shown.splitlines())


@pytest.mark.parametrize(
    ("command", "outputs"), [("fit", FIT_OUTPUTS), ("predict", PREDICT_OUTPUTS)]
)
def test_help_lists_outputs(capsys, command, outputs):
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr().out
    for output in outputs:
        assert f"\n  {output.name} " in shown


def test_names_in_help_are_those_of_the_estimator(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert list(MERGE_COSTS) == list(COSTS)
    assert list(SELECTION_RULES) == list(RULES)
    constraint = VMFMixture._parameter_constraints["concentration"][0]
    assert set(CONCENTRATIONS) == constraint.options
    assert main(["fit", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for name in (*MERGE_COSTS, *SELECTION_RULES, *CONCENTRATIONS):
        assert f"'{name}'" in shown


def run_module(*argv, **settings):
    return subprocess.run(
        [sys.executable, *argv], cwd=ROOT, capture_output=True, text=True, timeout=60, **settings
    )


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from vmfmix.cli.main import main; main(['fit', '--help']); "
        "print(*{'numpy', 'scipy', 'sklearn', 'numba'} & set(sys.modules), file=sys.stderr)"
    )
    done = run_module("-c", code)
    assert done.stderr.split() == []
    done = run_module("-m", "vmfmix", "--help")
    assert done.returncode == 0 and done.stderr == ""
    assert "fit" in done.stdout and "predict" in done.stdout and "examples:" in done.stdout


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_closed_pipe_is_not_an_error(tmp_path):
    rows = np.repeat(np.eye(4, dtype=np.float32), 20000, axis=0)  # more lines than a pipe holds
    VMFMixture(4, random_state=0).fit(rows[::1000]).save(tmp_path / "model.npz")
    np.save(tmp_path / "rows.npy", rows)
    command = [sys.executable, "-m", "vmfmix", "predict"]
    with subprocess.Popen(
        [*command, str(tmp_path / "model.npz"), str(tmp_path / "rows.npy")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.skipif(os.name != "posix", reason="a shell of POSIX")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(folder, closed):
    command = f"{sys.executable} -m vmfmix"
    for argv in (
        "--help",
        "fit rows.npy --n-components 3 --out out",
        "predict out/model.npz rows.npy",
    ):
        done = subprocess.run(
            f"{command} {argv} {closed}",
            shell=True,
            capture_output=True,
            text=True,
            timeout=100,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == 0 and done.stderr == ""
    assert {path.name for path in Path("out").iterdir()} == COMMON
