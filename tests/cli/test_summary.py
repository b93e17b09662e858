"""Tests of the printed summary, summary.csv and texts.csv."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import vmfmix
from tests.cli.commands import FIT, read_table
from vmfmix.cli.main import main
from vmfmix.cli.summary import summarize, table
from vmfmix.datasets import make_vmf_mixture
from vmfmix.metrics import clustering_report


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
    last = read_table("out/summary.csv")[-1]
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
    (row,) = read_table("out/summary.csv")
    assert row["nearest_cluster"] == row["nearest_cosine"] == ""


def test_texts_csv_and_typical_texts(folder, rows, capsys):
    assert main([*FIT, "--out", "out", "--texts", "texts.txt"]) == 0
    model = vmfmix.load("out/model.npz")
    listed = read_table("out/texts.csv")
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


def sentences_of(shown):
    """Return the sentences above the table, each in one line."""
    title = " ".join(shown.partition("\n\n")[0].split())
    first, iterations, second = title.partition(" iterations")
    return first + iterations, second.strip()


def test_title_names_other_numbers_of_clusters(folder, groups, capsys):
    np.save("rows.npy", groups)
    assert main(["fit", "rows.npy", "--out", "out"]) == 0
    model = vmfmix.load("out/model.npz")
    smallest, largest = model.merge_history_.range_of_similar_scores()
    assert smallest <= 12 <= largest and smallest < largest
    title, alternatives = sentences_of(capsys.readouterr().out)
    assert title.startswith("12 clusters (number estimated by merging 60 components) in 480 rows ")
    assert alternatives == (
        f"{smallest} to {largest} clusters score within 3% of the best; "
        "other natural numbers of clusters: 3"
    )


@pytest.mark.parametrize(
    ("levels", "scores", "expected"),
    [
        ([4, 37, 2], [0.0, 1.0, 0.5], "Other natural numbers of clusters: 37, 2"),
        ([4], [0.99, 1.0, 0.0], "3 to 4 clusters score within 3% of the best"),
        ([4], [0.0, 1.0, 0.0], ""),
    ],
)
def test_title_leaves_out_what_says_nothing(levels, scores, expected):
    X, _ = make_vmf_mixture(200, 8, 4, concentration=80.0, random_state=0)
    model = vmfmix.VMFMixture(random_state=0).fit(X)
    model.merge_history_ = replace(
        model.merge_history_,
        candidates=np.array([3, 4, 5]),
        scores=np.array(scores),
        levels=np.array(levels),
        strengths=np.ones(len(levels)),
    )
    clusters = summarize(model, np.ones(200))
    assert sentences_of(table(model, clusters))[1] == expected


def test_table_fits_narrow_terminal(folder, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["fit", "rows.npy", "--out", "out", "--texts", "texts.txt"]) == 0
    shown, _, _ = capsys.readouterr().out.rpartition("\n\n")
    assert max(map(len, shown.splitlines())) <= 60
    title = " ".join(shown.partition("\n\n")[0].split())
    assert title.startswith("3 clusters (number estimated by merging ")
    assert " iterations " in title and title.endswith(" clusters score within 3% of the best")


def test_names_are_in_the_summary_and_in_its_tables(folder, capsys):
    assert main([*FIT, "--out", "out"]) == 0
    model = vmfmix.load("out/model.npz").rename({0: "re\x1bfunds", 2: "a long name " * 9})
    model.save("named.npz")
    command = ["cut", "named.npz", "rows.npy", "-n", "3", "--texts", "texts.txt", "--out", "named"]
    capsys.readouterr()
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert (
        " name " in shown and " re funds " in shown and " a long name a long name a lon…" in shown
    )
    assert all(len(line) <= 100 for line in shown.splitlines())
    summary, texts = read_table("named/summary.csv"), read_table("named/texts.csv")
    names = {row["cluster"]: row["name"] for row in summary}
    assert names == {"0": "re\x1bfunds", "1": "", "2": "a long name " * 9}
    assert all(row["name"] == names[row["cluster"]] for row in texts)
    assert "name" not in read_table("out/summary.csv")[0]


def test_names_leave_the_background_without_one(folder):
    X, _ = make_vmf_mixture(400, 12, 2, concentration=200.0, background=0.3, random_state=1)
    model = vmfmix.VMFMixture(2, background=True, random_state=0).fit(X).rename({1: "one"})
    clusters = summarize(model, np.ones(len(X)))
    assert [row["name"] for row in clusters] == ["", "one", None]
    assert "background (rows in no cluster)" in table(model, clusters)
