"""Tests of the commands `fit`, `cut` and `predict`, of warnings, progress and exit codes."""

import io
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

import vmfmix
from tests.cli.commands import FIT, FIT_FILES, PREDICT_FILES, ROOT, fails, files, read_table
from tests.limits import HANG
from vmfmix import VMFMixture
from vmfmix._console import _warnings_in_one_line
from vmfmix.cli.main import main
from vmfmix.merging.costs import COSTS
from vmfmix.merging.selection import RULES


def test_fit_writes_results_of_the_estimator(folder, rows, capsys):
    assert main([*FIT, "--out", "out", "--concentration", "free", "--n-init", "2"]) == 0
    model = VMFMixture(3, concentration="free", smooth=True, n_init=2, random_state=0).fit(rows[0])
    model = model.renumber_by_size()
    assert {path.name for path in Path("out").iterdir()} == FIT_FILES
    labels = np.load("out/labels.npy")
    assert labels.dtype.kind == "i"
    np.testing.assert_array_equal(labels, model.labels_)
    np.testing.assert_array_equal(np.load("out/probabilities.npy"), model.probabilities_)
    again = vmfmix.load("out/model.npz")
    assert again.get_params() == model.get_params()
    np.testing.assert_array_equal(again.means_, model.means_)
    assert capsys.readouterr().err == ""


def test_rows_are_smoothed_by_default_but_not_if_there_are_many(folder, capsys, monkeypatch):
    flat = np.random.RandomState(0).standard_normal((300, 3)) @ np.eye(3, 12) + np.arange(12.0)
    np.save("flat.npy", flat)
    fit = ["fit", "flat.npy", "--n-components", "3", "--out", "out", "--overwrite"]
    assert main(fit) == 0
    assert "of 12 numbers, averaged with 15 neighbors" in " ".join(capsys.readouterr().out.split())
    with monkeypatch.context() as patch:
        patch.setattr("vmfmix.cli.main.LARGEST_SMOOTHED", 299)
        for options, is_smoothed in (([], False), (["--smooth"], True)):
            assert main([*fit, *options]) == 0
            assert hasattr(vmfmix.load("out/model.npz"), "smoother_") == is_smoothed
    sp.save_npz("sparse.npz", sp.csr_matrix(np.maximum(flat, 0)))
    assert main(["fit", "sparse.npz", *fit[2:]]) == 0
    assert not hasattr(vmfmix.load("out/model.npz"), "smoother_")
    for option in ("--no-smooth", "--center"):
        assert main([*fit, option]) == 0
        assert not hasattr(vmfmix.load("out/model.npz"), "smoother_")


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


def test_resolution_reaches_the_estimator(folder, groups):
    np.save("rows.npy", groups)
    assert main(["fit", "rows.npy", "--resolution", "0.2", "--out", "out"]) == 0
    model = vmfmix.load("out/model.npz")
    assert model.resolution == 0.2
    expected = VMFMixture(smooth=True, resolution=0.2, random_state=0).fit(groups)
    assert model.n_components_ == expected.n_components_ < 12


def test_min_cluster_size_reaches_the_estimator(folder, rows):
    command = ["fit", "rows.npy", "--n-components", "9", "--min-cluster-size", "40"]
    assert main([*command, "--out", "out"]) == 0
    model = vmfmix.load("out/model.npz")
    assert model.min_cluster_size == 40
    assert np.bincount(model.labels_).min() >= 40


@pytest.mark.slow
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
    assert model.get_params() == VMFMixture(smooth=True, random_state=0).get_params()
    expected = VMFMixture(random_state=0).fit(rows[0])  # these rows need no smoothing
    expected = expected.renumber_by_size()
    np.testing.assert_array_equal(np.load("out/labels.npy"), expected.labels_)
    assert captured.out.startswith("3 clusters (number estimated) in 300 rows of 12 numbers")
    assert main([*fit, "--n-components", "3", "--n-components-init", "20"]) == 0
    assert capsys.readouterr().out.startswith("3 clusters in 300 rows ")


def test_fit_warns_about_noise(folder, capsys):
    np.save("rows.npy", np.random.default_rng(0).standard_normal((300, 12)))
    assert main(["fit", "rows.npy", "--out", "out"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("1 cluster (number estimated) in 300 rows ")
    assert captured.err.startswith("vmfmix: warning: No clusters were found")
    assert captured.err.count("\n") == 1


def test_fit_of_identical_rows(folder, capsys):
    np.save("rows.npy", np.ones((20, 12)))
    assert main(["fit", "rows.npy", "--out", "out"]) == 0
    assert capsys.readouterr().out.startswith(
        "1 cluster (number estimated) in 20 rows of 12 numbers"
    )


def test_fit_with_all_rows_in_background(folder, capsys):
    np.save("rows.npy", np.random.default_rng(0).standard_normal((300, 12)))
    options = ["--background", "--concentration", "200", "--texts", "texts.txt"]
    assert main(["fit", "rows.npy", "--out", "out", *options]) == 0
    assert set(np.load("out/labels.npy")) == {-1}
    (row,) = read_table("out/summary.csv")
    assert row["cluster"] == "-1" and row["size"] == "300"
    captured = capsys.readouterr()
    assert captured.out.startswith("0 clusters ") and "background" in captured.out
    assert captured.err.startswith("vmfmix: warning: All rows belong to the background")


def test_fit_is_reproducible(folder):
    assert main([*FIT, "--out", "one"]) == 0
    assert main([*FIT, "--out", "two"]) == 0
    for name in FIT_FILES - {"model.npz"}:
        assert Path("one", name).read_bytes() == Path("two", name).read_bytes()


def test_deprecations_in_other_libraries_are_not_shown(capsys):
    class OfALibrary(UserWarning, DeprecationWarning):
        pass

    with _warnings_in_one_line("vmfmix", str):
        warnings.warn("call another function", OfALibrary, stacklevel=1)
        warnings.warn("few rows", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "vmfmix: warning: few rows\n"


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


@pytest.mark.slow
@pytest.mark.parametrize("n_components", ["3", "auto"])
@pytest.mark.parametrize("missing", ["nothing", "rich"])
def test_progress_on_a_terminal_goes_to_stderr(folder, monkeypatch, rows, missing, n_components):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    pytest.importorskip("rich")
    if missing == "rich":
        monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("vmfmix.cli.progress._SECONDS_BETWEEN_REFRESHES", 0.0)
    out, err = io.StringIO(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    fit = ["fit", "rows.npy", "--n-components", n_components, "--out", "out", "--overwrite"]
    assert main(fit) == 0
    assert ("Fitting clusters" in err.getvalue()) == (missing == "nothing")
    assert out.getvalue().startswith("3 clusters")
    assert vmfmix.load("out/model.npz").verbose == 0
    err.truncate(0)
    assert main([*fit, "--quiet"]) == 0
    assert err.getvalue().strip("\0") == ""
    np.save("rows.npy", np.vstack([rows[0], np.zeros(12)]))
    assert main(fit) == 0
    assert "vmfmix: warning: 1 of the 301 rows of X have no direction" in err.getvalue()


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


def test_cut_writes_the_results_of_merge_to(folder, groups, capsys):
    np.save("rows.npy", groups)
    Path("texts.txt").write_text("".join(f"text {i}\n" for i in range(480)))
    Path("labels.txt").write_text("".join(f"group {i // 160}\n" for i in range(480)))
    assert main(["fit", "rows.npy", "--out", "out", "--quiet"]) == 0
    options = ["--out", "cut", "--texts", "texts.txt", "--labels", "labels.txt"]
    assert main(["cut", "out/model.npz", "rows.npy", "-n", "3", *options]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    expected = vmfmix.load("out/model.npz").merge_to(3, groups).renumber_by_size()
    labels = np.load("cut/labels.npy")
    np.testing.assert_array_equal(labels, expected.labels_)
    np.testing.assert_array_equal(np.load("cut/probabilities.npy"), expected.probabilities_)
    assert {path.name for path in Path("cut").iterdir()} == FIT_FILES
    assert [row["text"] for row in read_table("cut/clusters.csv")] == [
        f"text {i}" for i in range(480)
    ]
    sizes = [int(row["size"]) for row in read_table("cut/summary.csv")]
    assert sizes == np.bincount(labels).tolist()
    n_start = expected.merge_history_.n_components_init
    title, _, rest = captured.out.partition("\n\n")
    assert " ".join(title.split()) == (
        f"3 clusters (cut from {n_start} components) in 480 rows of 12 numbers Other natural "
        "numbers of clusters, for 'vmfmix cut': 12"
    )
    assert "text " in rest and "accuracy 1.000" in rest and rest.endswith(" to cut\n")
    again = vmfmix.load("cut/model.npz")
    assert again.n_components_ == 3
    np.testing.assert_array_equal(again.means_, expected.means_)
    # A cut can be cut again, also at more clusters.
    assert main(["cut", "cut/model.npz", "rows.npy", "-n", "12", "--out", "finer", "--quiet"]) == 0
    finer = vmfmix.load("out/model.npz").merge_to(12, groups).renumber_by_size()
    np.testing.assert_array_equal(np.load("finer/labels.npy"), finer.labels_)


def test_cut_without_a_number_prints_natural_numbers(folder, groups, capsys):
    np.save("rows.npy", groups)
    assert main(["fit", "rows.npy", "--out", "out", "--quiet"]) == 0
    model = vmfmix.load("out/model.npz")
    assert [level.n_components for level in model.levels_] == [12, 3]
    before = files()
    assert main(["cut", "out/model.npz", "rows.npy", "--out", "cut"]) == 2
    assert "--out cut needs a number of clusters; give -n N" in capsys.readouterr().err
    for embeddings in ([], ["rows.npy"]):
        assert main(["cut", "out/model.npz", *embeddings]) == 0
        assert files() == before
        captured = capsys.readouterr()
        assert captured.err == ""
        table, _, advice = captured.out.partition("\n\n")
        head, *lines = (line.split(maxsplit=2) for line in table.splitlines())
        assert head == ["clusters", "strength"]
        assert [line[:2] for line in lines] == [
            [str(level.n_components), f"{level.strength:.0%}"] for level in model.levels_
        ]
        assert [line[2:] for line in lines] == [["chosen by the fit"], []]
        assert f"up to {model.merge_history_.n_components_init}:" in advice
        assert advice.endswith("\nvmfmix cut out/model.npz EMBEDDINGS -n 3 --out FOLDER\n")


def test_cut_of_few_rows_has_clusters_without_rows(folder, rows, capsys):
    assert main(["fit", "rows.npy", "--out", "out", "--quiet"]) == 0
    np.save("few.npy", rows[0][:2])
    Path("few.txt").write_text("one\ntwo\n")
    options = ["-n", "5", "--out", "cut", "--texts", "few.txt"]
    assert main(["cut", "out/model.npz", "few.npy", *options]) == 0
    captured = capsys.readouterr()
    assert captured.err == "" and "nan" not in captured.out
    table = read_table("cut/summary.csv")
    assert len(table) == 5 and sum(int(row["size"]) for row in table) == 2
    for row in table:
        assert (row["similarity"] == "") == (row["size"] == "0")


@pytest.mark.parametrize(
    ("fit", "cut", "message"),
    [
        ([], ["rows.npy", "-n", "99"], "n_components=99 is not on the merge path, which goes from"),
        ([], ["new.npy", "-n", "2"], "new.npy has rows of 5 numbers, but out/model.npz was fitted"),
        ([], ["rows.npy", "-n", "2", "--texts", "few.txt"], "few.txt"),
        ([], ["rows.npy", "-n", "2", "--out", "out"], "out already has clusters.csv"),
        (
            ["--n-components", "3"],
            ["rows.npy", "-n", "2"],
            "down to 3; pass a number in this range",
        ),
        (["--n-components", "3"], [], "no natural numbers of clusters: their number was given"),
        (
            ["--n-components", "3", "--merge", "none"],
            ["rows.npy", "-n", "2"],
            "merged no components, or was saved with history=False, so it has no other numbers",
        ),
    ],
)
def test_cut_refuses(folder, capsys, fit, cut, message):
    np.save("new.npy", np.eye(5))
    Path("few.txt").write_text("one\n")
    assert main(["fit", "rows.npy", "--out", "out", "--quiet", *fit]) == 0
    embeddings, options = cut[:1], cut[1:]
    out = [] if not cut or "--out" in cut else ["--out", "cut"]
    assert message in fails(capsys, "cut", "out/model.npz", *embeddings, *options, *out)


def test_predict_after_fit_gives_the_same_labels(folder, capsys):
    assert main([*FIT, "--out", "out", "--center", "--quiet"]) == 0
    labels = np.load("out/labels.npy")
    assert main(["predict", "out/model.npz", "rows.npy", "--out", "again"]) == 0
    assert {path.name for path in Path("again").iterdir()} == PREDICT_FILES
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
    from vmfmix.inspection import rows

    assert main([*FIT, "--out", "out"]) == 0
    assert main(["predict", "out/model.npz", "rows.npy", "--out", "whole"]) == 0
    monkeypatch.setattr(rows, "_NUMBERS_PER_BLOCK", 7 * 12)
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


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_closed_pipe_is_not_an_error(tmp_path):
    rows = np.repeat(np.eye(4, dtype=np.float32), 20000, axis=0)  # more lines than a pipe holds
    VMFMixture(4, random_state=0).fit(rows[::1000]).save(tmp_path / "model.npz")
    np.save(tmp_path / "rows.npy", rows)
    command = [sys.executable, "-m", "vmfmix", "predict", "--quiet"]
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


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="a shell of POSIX")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(folder, closed):
    command = f"{sys.executable} -m vmfmix"
    for argv in (
        "--help",
        "fit rows.npy --n-components 3 --out out --quiet",
        "predict out/model.npz rows.npy --quiet",
    ):
        done = subprocess.run(
            f"{command} {argv} {closed}",
            shell=True,
            capture_output=True,
            text=True,
            timeout=HANG,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == 0 and done.stderr == ""
    assert {path.name for path in Path("out").iterdir()} == FIT_FILES
