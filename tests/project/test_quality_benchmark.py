"""Tests of the benchmark of quality: runs, tables and rivals."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from benchmarks import measuring, quality, rivals
from benchmarks.runs import append, read_machines, read_runs
from tests.project.benchmark_runs import make_quality_runs, quality_runs
from vmfmix.metrics import clustering_report

pytestmark = pytest.mark.slow


def test_quality_tables():
    tables = quality.tables(quality_runs())
    assert tables["seeds"] == 2
    assert tables["not_in_means"] == []
    row = tables["by_set"]["trec6"][0]
    assert (row["method"], row["ARI"], row["seconds"]) == ("VMFMixture", "0.750 ± 0.100", 1.0)
    assert row["ARI − KMeans n_init=10"] == 0.25
    assert row["clusters"] == 4
    overall = tables["mean_over_sets"][0]
    assert overall["ARI"] == 0.525  # of 0.75 and 0.3
    assert overall["time / KMeans n_init=10"] == 1.75  # of 0.5 and 3
    assert overall["time / UMAP + KMeans"] == 0.438  # of 1/8 and 6/8
    assert [row["ARI"] for row in tables["mean_over_hard_sets"]] == [0.1, 0.0, 0.0]
    assert {encoder: rows[0]["ARI"] for encoder, rows in tables["by_encoder"].items()} == {
        "MiniLM": 0.75,
        "pixels": 0.3,
    }
    hard, *usual = tables["sets"]
    assert (hard["set"], hard["encoder"], hard["hard"]) == ("atis16", "e5", True)
    assert not any(row["hard"] for row in usual)


def test_quality_means_leave_out_sets_that_some_methods_lack():
    runs = [each for each in quality_runs() if (each["set"], each["seed"]) != ("digits", 0)]
    runs += make_quality_runs("digits", "VMFMixture", [0.3])
    tables = quality.tables(runs)
    assert tables["not_in_means"] == ["digits"]
    assert tables["mean_over_sets"][0]["ARI"] == 0.75
    assert tables["by_set"]["digits"][0]["ARI − KMeans n_init=10"] is None


def test_quality_tables_without_a_reference():
    (row,) = quality.tables(make_quality_runs("digits", "Ward", [0.3]))["mean_over_sets"]
    assert row["ARI"] == 0.3
    assert row["time / UMAP + KMeans"] is None


def test_quality_tables_of_readme():
    tables = quality.tables(quality_runs())
    lines = quality.readme_table(tables).splitlines()
    assert lines[0] == (
        "| method | ACC | NMI | AMI | ARI | time / KMeans n_init=10 | time / UMAP + KMeans |"
    )
    assert lines[2] == "| VMFMixture | 0.500 | 0.500 | 0.500 | 0.525 | 1.75 | 0.44 |"
    lines = quality.readme_table_of_encoders(tables).splitlines()
    assert lines[0] == "| method | MiniLM | pixels |"
    assert lines[2] == "| VMFMixture | 0.750 | 0.300 |"


def test_quality_runs_survive_a_line_that_was_cut_off(tmp_path):
    runs = quality_runs()
    path = tmp_path / "quality_runs.jsonl"
    assert read_runs(path, quality.METHODS) == []
    append(path, {"machine": {"cores": 2}})
    append(path, runs[0])
    path.write_text(path.read_text(encoding="utf-8") + '\n{"set": "tre', encoding="utf-8")
    append(path, runs[1])
    assert read_runs(path, quality.METHODS) == runs[:2]
    assert read_machines(path) == [{"cores": 2}]


def test_quality_benchmark_continues_from_finished_runs(tmp_path, monkeypatch, capsys):
    calls = []

    def labels(X, k, seed):
        calls.append((len(X), seed))
        if len(calls) == 2:
            raise ValueError("no labels")
        return np.arange(len(X)) % k

    X, y = np.ones((6, 2), np.float32), np.arange(6) % 3
    methods = {
        "random": rivals.Method(labels),
        "fixed": rivals.Method(lambda X, k, seed: np.zeros(len(X), int), is_random=False),
        "absent": rivals.Method(labels, package="no_such_package"),
    }
    monkeypatch.setattr(quality, "METHODS", methods)
    monkeypatch.setattr(measuring, "REST", 0)
    monkeypatch.setattr(quality, "warm_up", lambda name: None)
    monkeypatch.setattr(quality, "all_sets", lambda names: [("a", X, y), ("b", X, y)])
    path = tmp_path / "runs.jsonl"
    quality.measure_all(None, list(methods), 2, path)
    printed = capsys.readouterr().out
    assert "Skipping absent" in printed
    assert "Failed: random on b with seed 0" in printed
    assert calls == [(6, 0), (6, 0), (6, 1), (6, 1)]  # all sets with one seed, then the next
    assert len(read_runs(path, quality.METHODS)) == 5
    quality.measure_all(None, list(methods), 2, path)
    assert calls[4:] == [(6, 0)]  # only the run that failed
    runs = read_runs(path, quality.METHODS)
    assert sorted(map(quality.key, runs)) == sorted(
        [(name, "random", seed) for name in "ab" for seed in range(2)]
        + [(name, "fixed", 0) for name in "ab"]
    )
    assert {(each["method"], each["ACC"], each["clusters"]) for each in runs} == {
        ("random", 1.0, 3),
        ("fixed", 0.33333, 1),
    }


def test_embedding_is_measured_once_for_the_same_rows_and_seed(monkeypatch):
    monkeypatch.setattr(measuring, "REST", 0)
    seeds = []

    def embed(X, seed):
        seeds.append(seed)
        return X + seed

    embedding, X = quality.LastEmbedding(), np.ones((3, 2))
    rows, seconds, _ = embedding(embed, X, 1)
    assert_array_equal(rows, X + 1)
    assert embedding(embed, X.copy(), 1)[1] == seconds
    embedding(embed, X, 2)
    embedding(embed, 2 * X, 2)
    assert seeds == [1, 2, 2]


@pytest.mark.filterwarnings("ignore:the number of connected components")  # by Ward
def test_methods_use_the_true_number_and_find_separate_clusters():
    y = np.arange(300) % 3
    X = np.eye(16)[y] + np.random.default_rng(0).normal(scale=0.05, size=(300, 16))
    X = (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)
    for name in ("VMFMixture", "VMFMixture, smoothed", "GaussianMixture spherical", "Ward"):
        labels = quality.fit(name, X, 3, 0)
        assert clustering_report(y, labels)["adjusted_rand"] == 1, name


@pytest.mark.parametrize(("k", "number"), [(5, 5), (50, 50), (7, 5), (9, 10)])
def test_closest_number_bisects_the_resolution(k, number):
    def communities(resolution):  # 5, 10, 15, ...
        return np.arange(1000) % (5 * max(int(resolution), 1))

    assert len(np.unique(rivals.closest_number(communities, k))) == number
