"""Tests of the benchmark of the number of clusters: runs and tables."""

import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from benchmarks import (
    measuring,
    number_of_clusters,
    planted_sets,
    rivals,
)
from benchmarks import number_of_clusters_tables as number_tables
from benchmarks.runs import read_runs
from tests.project.benchmark_runs import make_run, number_runs
from vmfmix.metrics import clustering_report

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("estimate", "true", "factor"),
    [(7, 7, 1.0), (14, 7, 2.0), (5, 10, 2.0), (0, 8, 8.0), (1, 8, 8.0)],
)
def test_error_factor(estimate, true, factor):
    assert number_tables.error_factor(estimate, true) == pytest.approx(factor)


@pytest.mark.parametrize(("estimate", "factor"), [(9, 1.0), (18, 2.0), (35, 2.0), (140, 2.0)])
def test_error_factor_to_the_nearer_of_two_numbers(estimate, factor):
    assert number_tables.error_factor(estimate, 70, 9) == pytest.approx(factor)


def test_mean_error_factor_does_not_cancel_over_and_underestimates():
    runs = [make_run("a", 10, number) for number in (5, 20)]
    assert number_tables.mean_error_factor(runs) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("numbers", "k", "is_near"),
    [
        ([9, 40], 6, True),
        ([4], 6, True),
        ([10, 3], 6, False),
        ([20, 2, 3, 6], 6, False),  # only the first three count
        ([], 6, False),
    ],
)
def test_true_number_is_near_one_of_the_first_levels(numbers, k, is_near):
    run = {"K*": k, "levels": [[number, 0.2] for number in numbers]}
    assert number_tables.has_near_level(run) == is_near


def test_summary_of_estimated_numbers():
    results = number_tables.tables(number_runs())
    assert results["seeds"] == 10
    assert results["hard_sets"] == ["atis16"]
    own, rival, few_rows = results["summary"]
    assert (own["method"], own["sets"]) == ("VMFMixture", 3)
    assert own["error factor, median"] == 2.0  # of 1, 2 and 8
    assert (own["error factor, worst"], own["error factor, worst set"]) == (8.0, "trec50")
    assert own["error factor to the nearer K*, median"] == 1.0  # of 1, 2 and 1
    assert own["error factor to the nearer K*, worst set"] == "digits"
    assert (own["ARI, mean"], own["AMI, mean"]) == (0.5, 0.6)
    assert own["regret ARI, mean"] == 0.2  # of 0.1, 0.1 and 0.4
    assert (own["regret ARI, worst"], own["regret ARI, worst set"]) == (0.4, "digits")
    assert own["K* within a factor 1.5 of a level"] == 0.333  # trec6
    assert own["largest / smallest K over starts, median"] == 1.0  # of 1, 1 and 2
    assert own["largest / smallest K over starts, worst"] == 2.0
    assert own["seconds, median"] == 1.0
    assert few_rows["method"] == "KMeans, silhouette, ≤ 3000 rows"
    assert few_rows["error factor, median"] == 2.0
    assert "regret ARI, mean" not in few_rows
    assert (rival["method"], rival["error factor, median"]) == ("Leiden, modularity", 3.0)
    assert rival["error factor to the nearer K*, worst"] == 3.0  # 144 for 48, 18 for 6
    assert rival["noise, mean"] == 0.25
    assert [row["sets"] for row in results["summary_of_hard_sets"]] == [1, 1, 1]
    assert list(results["encoders"]) == ["MiniLM", "pixels"]
    own, rival, _ = results["encoders"]["MiniLM"]
    assert (own["sets"], own["error factor, median"]) == (2, 4.5)  # of 1 and 8
    assert (own["ARI"], rival["ARI"], rival["AMI"]) == (0.5, 0.25, 0.6)


def test_summary_leaves_out_sets_that_some_methods_lack():
    runs = [each for each in number_runs() if (each["set"], each["part"]) != ("digits", "rivals")]
    results = number_tables.tables(runs)
    assert results["not_in_summary"] == ["digits"]
    assert [row["sets"] for row in results["summary"]] == [2, 2, 2]


def test_tables_of_estimated_numbers():
    tables = number_tables.tables(number_runs())
    labeled = {row["set"]: row for row in tables["labeled"]}
    assert list(labeled) == ["atis16", "digits", "trec50", "trec6"]
    digits = labeled["digits"]
    assert (digits["K found"], digits["range"], digits["K from 2 K*"]) == (20, "20", 10)
    assert digits["K from 8 K*"] is None
    assert (digits["encoder"], digits["hard"]) == ("pixels", False)
    assert digits["levels"] == "20 (0.75), 5 (0.25)"
    assert (digits["regret ARI"], digits["K of best ARI"]) == (0.4, 10)
    trec50 = labeled["trec50"]
    assert (trec50["error factor"], trec50["to the nearer K*"]) == (8.0, 1.0)
    assert tables["rivals"][1]["Leiden, modularity: K (ARI, AMI)"] == "30 (0.25, 0.60, 25% noise)"
    assert tables["alternatives"][1]["KMeans, silhouette: K (ARI, AMI)"] == "20 (0.50, 0.60)"
    (row,) = tables["planted"]
    assert (row["K*"], row["sizes"]) == (8, "20:1")
    assert row["K found in 2000 rows"] == row["K found in 8000 rows"] == "8–9"
    assert row["K from 4 K*"] == "7"
    assert [row["method"] for row in tables["unclustered"]] == list(number_of_clusters.VARIANTS)
    assert [row["K found"] for row in tables["unclustered"]] == ["1", "1"]
    assert [(row["K from 2"], row["K from 4"]) for row in tables["unclustered"]] == [
        (None, "2")
    ] * 2
    assert tables["histories"] == {
        "digits": {"K*": 10, "auto": [20, 20, 5, 1, 20, 20], "2 K*": [20, 20, 5, 1, 10, 10]}
    }


def test_tables_of_no_runs():
    tables = number_tables.tables([])
    assert (tables["seeds"], tables["hard_sets"]) == (0, [])
    assert "summary" not in tables


def test_grid_contains_other_numbers_up_to_the_largest():
    for k in (4, 10, 152):
        grid = number_of_clusters.grid(3 * k, 1.5, k, 3 * k + 1)
        assert (grid[0], grid[-1]) == (2, 3 * k)
        assert k in grid
        assert (np.diff(grid) > 0).all()
    assert number_of_clusters.grid(8, 2.0, 1) == [1, 2, 4, 8]


def test_regret_is_never_negative():
    found = {"K": 4, "ARI": 0.5, "AMI": 0.5}
    on_path = {2: {"ARI": 0.1, "AMI": 0.75}, 4: {"ARI": 0.4, "AMI": 0.4}}
    assert number_of_clusters.regrets(found, on_path) == {
        "regret ARI": 0.0,
        "K of best ARI": 4,
        "regret AMI": 0.25,
        "K of best AMI": 2,
    }


@pytest.mark.parametrize("method", number_of_clusters.VARIANTS)
def test_labels_on_path_are_those_of_merge_to(method):
    X, _ = planted_sets.planted("anisotropic", 600, 64, 5, 1, seed=0)
    model = number_of_clusters.fit(X, method, 0)
    before = model.labels_.copy()
    for number, labels in zip((2, 9), number_of_clusters.labels_on_path(model, X, (2, 9))):
        assert_array_equal(labels, model.merge_to(number, X).labels_)
    assert_array_equal(model.predict(X), before)


def test_number_benchmark_continues_and_scores_one_fit_with_both_classes(
    tmp_path, monkeypatch, capsys
):
    X, y = planted_sets.planted("plain", 400, 64, 4, 1, seed=0)
    sets = [("digits", X[:200], y[:200]), ("trec4", X, y), ("trec2", X, y // 2)]
    calls = []

    def labels(X, k, seed):
        calls.append((len(X), seed))
        if len(calls) == 1:
            raise ValueError("no labels")
        return np.where(np.arange(len(X)) < 100, -1, 0)

    methods = {
        "fake": rivals.Method(labels),
        "fixed": rivals.Method(labels, is_random=False),
        "absent": rivals.Method(labels, package="no_such_package"),
    }
    monkeypatch.setattr(number_of_clusters, "RIVALS", methods)
    all_methods = {**number_of_clusters.ALTERNATIVES, **methods}
    for module in (number_of_clusters, number_tables):
        monkeypatch.setattr(module, "METHODS", all_methods)
    monkeypatch.setattr(measuring, "REST", 0)
    monkeypatch.setattr(number_of_clusters, "warm_up", lambda method: None)
    monkeypatch.setattr(number_of_clusters, "all_sets", lambda names: sets)
    path = tmp_path / "number_of_clusters_runs.jsonl"
    names = ["VMFMixture", *methods]
    number_of_clusters.measure_all(["labeled"], None, names, 1, path)
    number_of_clusters.measure_all(["rivals"], None, names, 2, path)
    printed = capsys.readouterr().out
    assert "Skipping absent" in printed
    assert "Failed: rivals digits fake 0 auto" in printed
    # Two sets of rows and two seeds; the method without a seed runs once.
    assert calls == [(200, 0), (200, 0), (400, 0), (400, 0), (200, 1), (400, 1)]
    number_of_clusters.measure_all(["rivals", "labeled"], None, names, 1, path)
    assert calls[6:] == [(200, 0)]
    runs = read_runs(path, all_methods)
    assert len(set(map(number_of_clusters.key, runs))) == len(runs)
    fine, coarse = (
        next(
            each
            for each in runs
            if number_of_clusters.key(each) == ("labeled", name, "VMFMixture", 0, "auto")
        )
        for name in ("trec4", "trec2")
    )
    assert fine["true numbers"] == coarse["true numbers"] == [2, 4]
    assert (fine["K*"], coarse["K*"]) == (4, 2)
    assert all(fine[each] == coarse[each] for each in ("K", "seconds", "levels", "history"))
    assert fine["K"] == 4 and fine["ARI"] > 0.9 and fine["regret ARI"] < 0.05
    assert coarse["regret ARI"] >= 0 and coarse["ARI"] < fine["ARI"]
    starts = [each["start"] for each in runs if each["set"] == "trec4"]
    assert starts[:4] == ["auto", "2 K*", "4 K*", "8 K*"]
    (rival,) = (
        each
        for each in runs
        if number_of_clusters.key(each) == ("rivals", "trec4", "fixed", 0, "auto")
    )
    assert (rival["K"], rival["noise"]) == (1, 0.25)
    results = number_of_clusters.save_results(
        tmp_path / "number_of_clusters.json", number_tables.tables, all_methods
    )
    assert json.loads((tmp_path / "number_of_clusters.json").read_text()) == results
    assert [row["method"] for row in results["summary"]] == ["VMFMixture", "fake", "fixed"]


def test_alternatives_get_a_sample_of_the_rows(monkeypatch):
    X, y = np.eye(5, dtype=np.float32)[np.arange(50) % 5], np.arange(50) % 5
    monkeypatch.setattr(number_of_clusters, "MAX_ROWS", 40)
    sets = [("trec5", X, y), ("trec3", X, y // 2)]
    monkeypatch.setattr(number_of_clusters, "all_sets", lambda names: sets)
    abouts = [about for (about,), _ in number_of_clusters.alternative_runs(None, 1)]
    assert len(abouts) == 2 * len(number_of_clusters.ALTERNATIVES)
    assert {(each["set"], each["K*"]) for each in abouts} == {("trec5", 5), ("trec3", 3)}
    assert all((each["rows"], each["true numbers"]) == (40, [3, 5]) for each in abouts)


def test_alternatives_estimate_the_number_of_separate_clusters():
    y = np.arange(240) % 4
    X = np.eye(16)[y] + np.random.default_rng(0).normal(scale=0.05, size=(240, 16))
    X = (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)
    for name in ("VMFMixture", "KMeans, silhouette"):
        labels = number_of_clusters.ALTERNATIVES[name].fit(X, 4, 0)
        assert clustering_report(y, labels)["adjusted_rand"] == 1, name
