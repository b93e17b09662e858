"""Tests of the printed summary, of summary.csv, and of the result as JSON."""

import json
from pathlib import Path

import numpy as np
import pytest

import vmfmix
from tests.cli.commands import FIT, read_rows, read_table
from vmfmix.cli.main import main
from vmfmix.cli.summary import summarize, table
from vmfmix.datasets import load_snips, make_vmf_mixture
from vmfmix.inspection.cluster_columns import columns_of_clusters
from vmfmix.metrics import clustering_report


def summary_of(model, X):
    columns = columns_of_clusters(model, X, model.labels_, model.probabilities_)
    return summarize(model, columns)


def test_summary_csv_values(folder, rows):
    X, _ = rows
    assert main([*FIT, "--out", "out", "--concentration", "free"]) == 0
    model = vmfmix.load("out/model.npz")
    summary = read_table("out/summary.csv")
    assert [int(row["cluster"]) for row in summary] == [0, 1, 2]
    for k, row in enumerate(summary):
        cosines = X[model.labels_ == k].astype(float) @ model.means_[k]
        between = np.delete(model.means_ @ model.means_[k], k)
        assert int(row["size"]) == len(cosines)
        assert int(row["nearest_cluster"]) == np.delete(np.arange(3), k)[between.argmax()]
        expected = {
            "share": len(cosines) / len(X),
            "similarity": cosines.mean(),
            "nearest_similarity": between.max(),
            "weight": model.weights_[k],
            "concentration": model.concentrations_[k],
        }
        for name, value in expected.items():
            assert float(row[name]) == pytest.approx(value, rel=1e-5)


def test_clusters_are_numbered_by_size(folder, capsys):
    assert main([*FIT, "--out", "out"]) == 0
    sizes = [int(row["size"]) for row in read_table("out/summary.csv")]
    assert sizes == sorted(sizes, reverse=True) and sum(sizes) == 300
    assert np.bincount(np.load("out/labels.npy")).tolist() == sizes
    Path("known.txt").write_text("2\n0\n1\n" + "\n" * 297)
    assert main([*FIT, "--out", "known", "--known-labels", "known.txt"]) == 0
    assert np.load("known/labels.npy")[:3].tolist() == [2, 0, 1]


def test_summary_csv_has_line_for_background(folder, capsys):
    X, _ = make_vmf_mixture(400, 12, 2, concentration=200.0, background=0.3, random_state=1)
    np.save("rows.npy", X)
    assert main(["fit", "rows.npy", "--n-components", "2", "--background", "--out", "out"]) == 0
    labels = np.load("out/labels.npy")
    last = read_table("out/summary.csv")[-1]
    assert last["cluster"] == "-1" and last["similarity"] == "" and last["concentration"] == "0"
    assert last["cluster_name"] == "background"
    assert int(last["size"]) == (labels == -1).sum() > 0
    assert "background (rows in no cluster)" in capsys.readouterr().out
    without = next(row for row in read_rows("out") if row["cluster"] == "-1")
    assert without["cluster_name"] == without["similarity"] == without["margin"] == ""
    assert main(["predict", "out/model.npz", "rows.npy", "--out", "again"]) == 0
    np.testing.assert_array_equal(np.load("again/labels.npy"), labels)
    np.testing.assert_allclose(
        np.load("again/probabilities.npy"), np.load("out/probabilities.npy"), atol=1e-6
    )


def test_summary_csv_without_nearest_cluster(folder):
    assert main(["fit", "rows.npy", "--n-components", "1", "--out", "out"]) == 0
    (row,) = read_table("out/summary.csv")
    assert row["nearest_cluster"] == row["nearest_similarity"] == ""
    assert {row["margin"] for row in read_rows("out")} == {""}


def test_texts_give_names_words_and_examples(folder, capsys):
    snips = load_snips()
    np.save("rows.npy", snips.data[::5])
    Path("texts.json").write_text(json.dumps([str(text) for text in snips.texts[::5]]))
    options = ["--n-components", "7", "--texts", "texts.json"]
    assert main(["fit", "rows.npy", *options, "--out", "out"]) == 0
    summary = read_table("out/summary.csv")
    names = [row["cluster_name"] for row in summary]
    assert len(set(names)) == 7 and all(names)
    assert vmfmix.load("out/model.npz").names_.tolist() == names
    weather = next(row for row in summary if "weather" in row["cluster_name"])
    assert "forecast" in weather["words"]
    listed = read_rows("out")
    assert [row["text"] for row in listed] == [str(text) for text in snips.texts[::5]]
    assert all(row["cluster_name"] == names[int(row["cluster"])] for row in listed)
    own = [row for row in listed if row["cluster"] == weather["cluster"]]
    first = max(own, key=lambda row: float(row["similarity"]))
    assert weather["example_1"] == first["text"]
    examples = {weather["example_1"], weather["example_2"], weather["example_3"]}
    assert len(examples) == 3
    shown = capsys.readouterr().out
    assert all(name[:20] in shown for name in names)
    assert max(map(len, shown.splitlines())) <= 100
    # Names stay when new rows are labeled.
    assert main(["predict", "out/model.npz", "rows.npy", "--out", "new", "--quiet"]) == 0
    assert {row["cluster_name"] for row in read_rows("new")} == set(names)


def test_examples_are_distinct_and_printed_in_one_line(folder, capsys):
    texts = ["the same words"] * 150 + [f"\x1b[2J{'long ' * 50}{i}" for i in range(150)]
    Path("texts.txt").write_text("\n".join(texts))  # without a final newline
    assert main([*FIT, "--out", "out", "--texts", "texts.txt"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "…" in shown
    assert all(len(line) <= 100 for line in shown.splitlines())
    for row in read_table("out/summary.csv"):
        examples = [row[f"example_{number}"] for number in (1, 2, 3)]
        assert examples.count("the same words") <= 1


def test_fit_prints_scores_of_known_labels(folder, rows, capsys):
    assert main([*FIT, "--out", "out", "--labels", "labels.txt"]) == 0
    shown = capsys.readouterr().out
    report = clustering_report(rows[1], np.load("out/labels.npy"))
    assert f"accuracy {report['accuracy']:.3f}, " in shown
    assert f"ARI {report['adjusted_rand']:.3f}, " in shown
    assert "3 classes" in shown


def test_the_largest_clusters_are_printed_and_a_line_on_the_rest(folder, capsys, groups):
    np.save("rows.npy", groups)
    command = ["fit", "rows.npy", "--n-components", "30", "--no-smooth", "--out", "out"]
    assert main(command) == 0
    shown = capsys.readouterr().out
    sizes = [int(row["size"]) for row in read_table("out/summary.csv")]
    n_others = len(sizes) - 20
    lines = shown.partition("\n\n")[2].splitlines()
    assert [int(line.split()[1]) for line in lines[1:21]] == sizes[:20]
    assert lines[21].startswith(f"and {n_others} smaller clusters with {sum(sizes[20:])} rows")
    assert main([*command, "--overwrite", "--all"]) == 0
    lines = capsys.readouterr().out.partition("\n\n")[2].splitlines()
    assert [int(line.split()[1]) for line in lines[1 : len(sizes) + 1]] == sizes


def test_title_names_other_numbers_of_clusters(folder, groups, capsys):
    np.save("rows.npy", groups)
    assert main(["fit", "rows.npy", "--out", "out"]) == 0
    title = " ".join(capsys.readouterr().out.partition("\n\n")[0].split())
    assert title.startswith("12 clusters (number estimated) in 480 rows of 12 numbers")
    assert title.endswith("Other natural numbers of clusters, for 'vmfmix cut': 3")


@pytest.mark.parametrize("columns", ["60", "80", None])
def test_summary_fits_the_terminal_or_80_columns(folder, capsys, monkeypatch, columns):
    texts = ["これは日本語の文章です" * 3, "a rather long sentence " * 5] * 150
    Path("texts.txt").write_text("\n".join(texts), encoding="utf-8")
    if columns is None:
        monkeypatch.delenv("COLUMNS")
    else:
        monkeypatch.setenv("COLUMNS", columns)
    command = ["fit", "rows.npy", "--out", "out", "--texts", "texts.txt", "--stop-words", "none"]
    assert main(command) == 0
    shown = capsys.readouterr().out.rpartition("\n\n")[0]
    widths = [len(line) + sum(ord(c) > 0x2E80 for c in line) for line in shown.splitlines()]
    assert max(widths) <= int(columns or 80)


def test_names_are_in_the_summary_and_in_its_tables(folder, capsys):
    assert main([*FIT, "--out", "out"]) == 0
    model = vmfmix.load("out/model.npz").rename({0: "re\x1bfunds", 2: "a long name " * 9})
    model.save("named.npz")
    command = ["cut", "named.npz", "rows.npy", "-n", "3", "--out", "named"]
    capsys.readouterr()
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert "name  " in shown and "re funds " in shown and "a long name a long name a lon…" in shown
    assert all(len(line) <= 100 for line in shown.splitlines())
    names = {row["cluster"]: row["cluster_name"] for row in read_table("named/summary.csv")}
    assert set(names.values()) == {"re\x1bfunds", "", "a long name " * 9}
    for row in read_rows("named"):
        assert row["cluster_name"] == (names[row["cluster"]] or row["cluster"])
    # Names from words leave those that were given as they are.
    assert main([*command[:-1], "texts", "--texts", "texts.txt"]) == 0
    names = {row["cluster_name"] for row in read_table("texts/summary.csv")}
    assert {"re\x1bfunds", "a long name " * 9} < names and "" not in names


def test_names_leave_the_background_without_one(folder):
    X, _ = make_vmf_mixture(400, 12, 2, concentration=200.0, background=0.3, random_state=1)
    model = vmfmix.VMFMixture(2, background=True, random_state=0).fit(X).rename({1: "one"})
    clusters = summary_of(model, X)
    assert [row["cluster_name"] for row in clusters] == ["", "one", "background"]
    assert "background (rows in no cluster)" in table(model, clusters)


def test_the_result_as_json(folder, rows, capsys):
    assert main([*FIT, "--out", "out", "--labels", "labels.txt", "--json"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert captured.err == ""
    assert result["n_rows"] == 300 and result["n_clusters"] == 3
    assert [cluster["cluster"] for cluster in result["clusters"]] == [0, 1, 2]
    assert result["scores"]["accuracy"] == pytest.approx(1.0)
    assert sorted(result["files"]) == sorted(path.name for path in Path("out").iterdir())
    assert main(["predict", "out/model.npz", "rows.npy", "--json"]) == 0
    predicted = json.loads(capsys.readouterr().out)
    sizes = [cluster["size"] for cluster in result["clusters"]]
    assert [cluster["size"] for cluster in predicted["clusters"]] == sizes
    assert predicted["n_without_cluster"] == 0 and predicted["files"] == []
