"""Tests of the benchmarks: datasets, arithmetic of the tables, and figures."""

import io
import json
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from benchmarks import (
    figures,
    machine,
    number_of_clusters,
    planted_sets,
    quality,
    rivals,
    smoothing,
    tables,
)
from benchmarks.labeled_sets import HARD, all_sets, encoder_of, text_sets

pytestmark = pytest.mark.slow

# --- planted mixtures ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", planted_sets.KINDS)
@pytest.mark.parametrize("imbalance", planted_sets.IMBALANCES)
def test_planted_mixture_has_requested_sizes_and_lengths(kind, imbalance):
    n, d, k = 3000, 64, 6
    X, y = planted_sets.planted(kind, n, d, k, imbalance, seed=1)
    assert X.shape == (n, d)
    assert X.dtype == np.float32
    assert_allclose(np.linalg.norm(X, axis=1), 1, atol=1e-6)
    counts = np.bincount(y)
    assert len(counts) == k
    assert counts.max() / counts.min() == pytest.approx(imbalance, rel=0.02)
    assert np.count_nonzero(np.diff(y)) > n / 3  # rows are in random order
    mean = X[y == 0].mean(axis=0)
    assert np.linalg.norm(mean) == pytest.approx(planted_sets.LENGTH[kind], abs=0.03)
    assert_array_equal(X, planted_sets.planted(kind, n, d, k, imbalance, seed=1)[0])


@pytest.mark.parametrize("n", planted_sets.SIZES)
@pytest.mark.parametrize("k", planted_sets.NUMBERS)
def test_planted_sizes_sum_to_n_and_match_imbalance(n, k):
    equal = planted_sets.planted_sizes(n, k, 1)
    assert equal.sum() == n
    assert equal.max() - equal.min() <= 1
    unequal = planted_sets.planted_sizes(n, k, 20)
    assert unequal.sum() == n
    assert unequal[0] / unequal[-1] == pytest.approx(20, rel=0.1)
    assert (np.diff(unequal) <= 0).all()


def test_hierarchical_means_lie_around_their_super_cluster():
    rng = np.random.default_rng(0)
    means = planted_sets.planted_means("hierarchical", 9, 384, rng)
    cosines = means @ means.T
    siblings = np.equal.outer(np.arange(9) % 3, np.arange(9) % 3) & ~np.eye(9, dtype=bool)
    assert_allclose(np.diag(cosines), 1)
    # Two means with cosine c to their parent, in orthogonal directions, have cosine c².
    assert_allclose(cosines[siblings], planted_sets.COSINE**2, atol=0.06)
    assert abs(cosines[np.subtract.outer(np.arange(9), np.arange(9)) % 3 > 0]).max() < 0.25


def test_anisotropic_components_scatter_in_few_directions():
    X, y = planted_sets.planted("anisotropic", 600, 64, 3, 1, seed=0)
    for component in range(3):
        values = np.linalg.svd(X[y == component], compute_uv=False)
        assert np.count_nonzero(values > 1e-3) == 64 // planted_sets.ANISOTROPY + 1


@pytest.mark.parametrize(
    ("distribution", "length"),
    [("uniform", 0.0), ("single vMF", planted_sets.LENGTH["plain"])],
)
def test_unclustered_sample_has_one_component(distribution, length):
    X, y = planted_sets.unclustered(distribution, 4000, 3, seed=0)
    assert X.dtype == np.float32
    assert_allclose(np.linalg.norm(X, axis=1), 1, atol=1e-6)
    assert set(y) == {0}
    assert np.linalg.norm(X.mean(axis=0)) == pytest.approx(length, abs=0.04)


# --- labeled sets --------------------------------------------------------------------------------


def test_labeled_sets_default_to_bundled_sets(monkeypatch):
    monkeypatch.delenv("VMFMIX_DATA", raising=False)
    assert [name for name, _, _ in text_sets()] == ["snips7"]
    shapes = {}
    for name, X, y in all_sets():
        shapes[name] = X.shape, len(np.unique(y))
        assert X.dtype == np.float32
        assert_allclose(np.linalg.norm(X, axis=1), 1, atol=1e-6)
    assert shapes == {"digits": ((1797, 64), 10), "snips7": ((3500, 384), 7)}
    assert [name for name, _, _ in all_sets(["digits"])] == ["digits"]


def test_labeled_sets_of_every_kind(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((12, 5)).astype(np.float16), np.repeat([0, 1, 2], 4)
    images = rng.integers(0, 256, (12, 4, 3), dtype=np.uint8)
    images[0] = 0  # a black image has length 0 and is left unchanged
    np.savez(tmp_path / "words3.npz", X=X, y=y, kind="embedding", y_coarse=y // 2)
    np.savez(tmp_path / "sound3.npz", X=X.astype(np.float32), y=y, kind="features")
    np.savez(tmp_path / "pixels3.npz", images=images, y=y, kind="image")
    np.savez(tmp_path / "counts3.npz", data=X, y=y, kind="sparse")
    monkeypatch.setenv("VMFMIX_DATA", str(tmp_path))
    sets = {name: (X, y) for name, X, y in all_sets()}
    assert list(sets) == ["digits", "pixels3", "snips7", "sound3", "words2", "words3"]
    assert [name for name, _, _ in text_sets()] == ["snips7", "words3"]
    unit = X / np.linalg.norm(X.astype(float), axis=1, keepdims=True)
    for name in ("words3", "words2", "sound3"):
        assert_allclose(sets[name][0], unit, atol=1e-3)
    assert_array_equal(sets["words2"][1], y // 2)
    assert_array_equal(sets["words3"][1], y)
    pixels = images.reshape(12, -1) / 255
    assert_allclose(sets["pixels3"][0][0], 0)
    assert_allclose(
        sets["pixels3"][0][1:], pixels[1:] / np.linalg.norm(pixels[1:], axis=1)[:, None], atol=1e-6
    )


def test_encoders_of_labeled_sets():
    assert encoder_of("trec6") == encoder_of("trec50") == "MiniLM"
    assert encoder_of("digits") == "pixels"
    assert encoder_of("unknown") == "other"
    assert "other" not in map(encoder_of, HARD)


def write_jpegs(path, colors):
    image = pytest.importorskip("PIL.Image")
    files = []
    for color in colors:
        file = io.BytesIO()
        image.new("RGB", (8, 8), color).save(file, "JPEG", quality=95)
        files.append(file.getvalue())
    np.savez(
        path,
        jpeg=np.frombuffer(b"".join(files), np.uint8),
        offsets=np.cumsum([0, *map(len, files)]),
        y=np.arange(len(files)) % 2,
        kind="image",
    )


def test_labeled_sets_read_jpeg_files(tmp_path, monkeypatch):
    colors = np.array([(200, 40, 40), (40, 200, 40), (40, 40, 200)])
    write_jpegs(tmp_path / "colors2.npz", map(tuple, colors.tolist()))
    monkeypatch.setenv("VMFMIX_DATA", str(tmp_path))
    ((_, X, y),) = all_sets(["colors2"])
    assert_array_equal(y, [0, 1, 0])
    unit = colors / np.linalg.norm(colors, axis=1, keepdims=True) / 8
    assert_allclose(X.reshape(3, 64, 3), np.repeat(unit[:, None], 64, axis=1), atol=0.002)


def test_labeled_sets_skip_jpeg_files_without_pillow(tmp_path, monkeypatch, capsys):
    np.savez(
        tmp_path / "colors2.npz",
        jpeg=np.zeros(0, np.uint8),
        offsets=np.zeros(3, int),
        y=np.arange(2),
        kind="image",
    )
    monkeypatch.setenv("VMFMIX_DATA", str(tmp_path))
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert [name for name, _, _ in all_sets()] == ["digits", "snips7"]
    assert "Skipping colors2" in capsys.readouterr().out


# --- tables --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimate", "true", "factor"),
    [(7, 7, 1.0), (14, 7, 2.0), (5, 10, 2.0), (0, 8, 8.0), (1, 8, 8.0)],
)
def test_error_factor(estimate, true, factor):
    assert number_of_clusters.error_factor(estimate, true) == pytest.approx(factor)


@pytest.mark.parametrize(("estimate", "factor"), [(9, 1.0), (18, 2.0), (35, 2.0), (140, 2.0)])
def test_error_factor_to_the_nearer_of_two_numbers(estimate, factor):
    assert number_of_clusters.error_factor(estimate, 70, 9) == pytest.approx(factor)


def make_run(name, k, number, method="VMFMixture", start="auto", part="labeled", **others):
    about = {"part": part, "set": name, "method": method, "seed": 0, "start": start}
    shape = {"rows": 100, "features": 8, "true numbers": [k], "K*": k}
    history = [20, 20, 5, 1, number, number]
    found = {"K": number, "AMI": 0.6, "ARI": 0.5, "ACC": 0.7, "seconds": 1.0, "history": history}
    path = {"levels": [[number, 0.75], [5, 0.25]]}
    if part != "labeled":
        path = {"noise": 0.25}
    elif start == "auto":
        path |= {"regret ARI": 0.1, "regret AMI": 0.0, "K of best ARI": k, "K of best AMI": number}
    return {**about, **shape, **found, **path, **others}


def test_mean_error_factor_does_not_cancel_over_and_underestimates():
    runs = [make_run("a", 10, number) for number in (5, 20)]
    assert number_of_clusters.mean_error_factor(runs) == pytest.approx(2.0)


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
    assert number_of_clusters.has_near_level(run) == is_near


@pytest.fixture
def runs():
    """Return runs on three usual sets, two of which have the same rows, and on a hard one."""
    trec = {"true numbers": [6, 48]}
    numbers = {"digits": (10, 20), "trec6": (6, 6), "trec50": (48, 6), "atis16": (16, 1)}
    runs = []
    for name, (k, found) in numbers.items():
        others = trec if name.startswith("trec") else {}
        regret = {"regret ARI": 0.4} if name == "digits" else {}
        runs += [
            make_run(name, k, found, **others, **regret),
            make_run(name, k, found, **others, **regret, seed=1),
            make_run(name, k, found // 2 if found > 6 else found, start="2 K*"),
            make_run(name, k, 3 * k, "Leiden, modularity", part="rivals", ARI=0.25, **others),
            make_run(name, k, 2 * k, "KMeans, silhouette", part="alternatives", noise=0, **others),
        ]
    samples = {"part": "planted", "rows": 2000}
    for n in (2000, 8000):
        title = number_of_clusters.planted_title("plain", 20, 64, 8, n)
        runs += [make_run(title, 8, number, **samples, seed=number) for number in (8, 9)]
        runs.append(make_run(title, 8, 7, start="4 K*", **samples))
    title = number_of_clusters.unclustered_title("uniform", 3)
    for method in number_of_clusters.VARIANTS:
        runs.append(make_run(title, 1, 1, method, part="unclustered"))
        runs.append(make_run(title, 1, 2, method, part="unclustered", start="4 K*"))
    return runs


def test_summary_of_estimated_numbers(runs):
    results = number_of_clusters.tables(runs)
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


def test_summary_leaves_out_sets_that_some_methods_lack(runs):
    runs = [each for each in runs if (each["set"], each["part"]) != ("digits", "rivals")]
    results = number_of_clusters.tables(runs)
    assert results["not_in_summary"] == ["digits"]
    assert [row["sets"] for row in results["summary"]] == [2, 2, 2]


def test_tables_of_estimated_numbers(runs):
    tables = number_of_clusters.tables(runs)
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
    tables = number_of_clusters.tables([])
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
    monkeypatch.setattr(
        number_of_clusters, "METHODS", {**number_of_clusters.ALTERNATIVES, **methods}
    )
    monkeypatch.setattr(quality, "REST", 0)
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
    runs = number_of_clusters.read_runs(path)
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
    results = number_of_clusters.save_results(tmp_path / "number_of_clusters.json")
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
        assert quality.clustering_report(y, labels)["adjusted_rand"] == 1, name


def make_quality_runs(name, method, aris, seconds=2.0, **others):
    about = {"set": name, "method": method, "rows": 90, "features": 8, "classes": 3}
    scores = {"ACC": 0.5, "NMI": 0.5, "AMI": 0.5, "clusters": 3, "seconds": seconds, "peak MB": 9.0}
    return [
        {**about, "seed": seed, **scores, "ARI": ari, **others} for seed, ari in enumerate(aris)
    ]


@pytest.fixture
def quality_runs():
    """Return runs of three methods on two usual sets and a hard one."""
    return [
        *make_quality_runs("trec6", "UMAP + KMeans", [0.4], 8.0),
        *make_quality_runs("trec6", "KMeans n_init=10", [0.4, 0.6], 2.0),
        *make_quality_runs("trec6", "VMFMixture", [0.65, 0.85], 1.0, clusters=4),
        *make_quality_runs("digits", "VMFMixture", [0.3], 6.0),
        *make_quality_runs("digits", "KMeans n_init=10", [0.2], 2.0),
        *make_quality_runs("digits", "UMAP + KMeans", [0.6], 8.0),
        *make_quality_runs("atis16", "VMFMixture", [0.1], 1.0),
        *make_quality_runs("atis16", "KMeans n_init=10", [0.0], 4.0),
        *make_quality_runs("atis16", "UMAP + KMeans", [0.0], 2.0),
    ]


def test_quality_tables(quality_runs):
    tables = quality.tables(quality_runs)
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


def test_quality_means_leave_out_sets_that_some_methods_lack(quality_runs):
    runs = [each for each in quality_runs if (each["set"], each["seed"]) != ("digits", 0)]
    runs += make_quality_runs("digits", "VMFMixture", [0.3])
    tables = quality.tables(runs)
    assert tables["not_in_means"] == ["digits"]
    assert tables["mean_over_sets"][0]["ARI"] == 0.75
    assert tables["by_set"]["digits"][0]["ARI − KMeans n_init=10"] is None


def test_quality_tables_without_a_reference():
    (row,) = quality.tables(make_quality_runs("digits", "Ward", [0.3]))["mean_over_sets"]
    assert row["ARI"] == 0.3
    assert row["time / UMAP + KMeans"] is None


def test_quality_tables_of_readme(quality_runs):
    tables = quality.tables(quality_runs)
    lines = quality.readme_table(tables).splitlines()
    assert lines[0] == (
        "| method | ACC | NMI | AMI | ARI | time / KMeans n_init=10 | time / UMAP + KMeans |"
    )
    assert lines[2] == "| VMFMixture | 0.500 | 0.500 | 0.500 | 0.525 | 1.75 | 0.44 |"
    lines = quality.readme_table_of_encoders(tables).splitlines()
    assert lines[0] == "| method | MiniLM | pixels |"
    assert lines[2] == "| VMFMixture | 0.750 | 0.300 |"


def test_quality_runs_survive_a_line_that_was_cut_off(tmp_path, quality_runs):
    path = tmp_path / "quality_runs.jsonl"
    assert quality.read_runs(path) == []
    quality.append(path, {"machine": {"cores": 2}})
    quality.append(path, quality_runs[0])
    path.write_text(path.read_text(encoding="utf-8") + '\n{"set": "tre', encoding="utf-8")
    quality.append(path, quality_runs[1])
    assert quality.read_runs(path) == quality_runs[:2]
    assert quality.read_machines(path) == [{"cores": 2}]


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
    monkeypatch.setattr(quality, "REST", 0)
    monkeypatch.setattr(quality, "warm_up", lambda name: None)
    monkeypatch.setattr(quality, "all_sets", lambda names: [("a", X, y), ("b", X, y)])
    path = tmp_path / "runs.jsonl"
    quality.measure_all(None, list(methods), 2, path)
    printed = capsys.readouterr().out
    assert "Skipping absent" in printed
    assert "Failed: random on b with seed 0" in printed
    assert calls == [(6, 0), (6, 0), (6, 1), (6, 1)]  # all sets with one seed, then the next
    assert len(quality.read_runs(path)) == 5
    quality.measure_all(None, list(methods), 2, path)
    assert calls[4:] == [(6, 0)]  # only the run that failed
    runs = quality.read_runs(path)
    assert sorted(map(quality.key, runs)) == sorted(
        [(name, "random", seed) for name in "ab" for seed in range(2)]
        + [(name, "fixed", 0) for name in "ab"]
    )
    assert {(each["method"], each["ACC"], each["clusters"]) for each in runs} == {
        ("random", 1.0, 3),
        ("fixed", 0.33333, 1),
    }


def test_embedding_is_measured_once_for_the_same_rows_and_seed(monkeypatch):
    monkeypatch.setattr(quality, "REST", 0)
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


@pytest.mark.parametrize(("k", "number"), [(5, 5), (50, 50), (7, 5), (9, 10)])
def test_closest_number_bisects_the_resolution(k, number):
    def communities(resolution):  # 5, 10, 15, ...
        return np.arange(1000) % (5 * max(int(resolution), 1))

    assert len(np.unique(rivals.closest_number(communities, k))) == number


@pytest.mark.filterwarnings("ignore:the number of connected components")  # by Ward
def test_methods_use_the_true_number_and_find_separate_clusters():
    y = np.arange(300) % 3
    X = np.eye(16)[y] + np.random.default_rng(0).normal(scale=0.05, size=(300, 16))
    X = (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)
    for name in ("VMFMixture", "VMFMixture, smoothed", "GaussianMixture spherical", "Ward"):
        labels = quality.fit(name, X, 3, 0)
        assert quality.clustering_report(y, labels)["adjusted_rand"] == 1, name


# --- figures -------------------------------------------------------------------------------------


def test_split_history():
    assert figures.split_history([20, 20, 9, 5, 1, 6, 6]) == ([20, 20, 9], [5, 1], [6, 6])
    assert figures.split_history([20, 9, 6, 1, 6]) == ([20, 9, 6], [1], [6])
    assert figures.split_history([3, 2, 1, 1]) == ([3, 2, 1, 1], [], [])


def engine_results():
    """Return results of two shapes, two fits (one left out), and two numbers of components."""
    about = {"rows": 2000, "features": 16, "threads": 2, "numpy product ms": 1.0}
    times = {"torch product ms": None, "pass ms": 1.5, "KMeans lloyd ms": 3.0}
    shapes = [{"components": 5, "data": "dense"}, {"components": 9, "data": "CSR"}]
    fit = {"data": "mixture", "rows": 2000, "features": 16, "components": 5}
    scores = {"VMFMixture": (0.5, 0.7), "KMeans n_init=1": (None, None)}
    return {
        "soft_pass": [about | shape | times for shape in shapes],
        "fits": [
            fit | {"method": method, "seconds": seconds, "mean cosine": cosine}
            for method, (seconds, cosine) in scores.items()
        ],
        "components": [{"components": k, "product ms": 2.0} for k in (5, 9)],
        "component_passes": [{"components": k, "ms of each pass": [3.0, 1.0]} for k in (5, 9)],
    }


def test_blas_kernels_are_those_of_numpy():
    def library(path, kernels, kind="blas"):
        return {"user_api": kind, "filepath": path, "architecture": kernels}

    others = [library("faiss.libs/a.so", "Prescott"), library("numpy.libs/b.so", "", "openmp")]
    assert machine._blas_kernels(others) == "Prescott"
    assert machine._blas_kernels([*others, library("numpy.libs/c.so", "Zen")]) == "Zen"
    assert machine._blas_kernels([]) == ""


def test_save_keeps_tables_not_measured_again(tmp_path):
    path = tmp_path / "results" / "engines.json"
    tables.save(path, {"threads": 1}, {"b": [1, 2]}, ("a", "b"))
    tables.save(path, {"threads": 2}, {"a": [3]}, ("a", "b"))
    assert list(json.loads(path.read_text()).items()) == [("threads", 2), ("a", [3]), ("b", [1, 2])]


def test_means_over_seeds_of_trainings():
    pytest.importorskip("lightning")
    pytest.importorskip("kornia")
    from benchmarks.deep_runs import means_over_seeds

    rows = [
        {"run": "one", "seed": 0, "AMI": 0.5, "n": 9},
        {"run": "two", "seed": 0, "AMI": 0.4},
        {"run": "one", "seed": 1, "AMI": 0.7, "n": 11},
    ]
    assert means_over_seeds(rows, {"score": "AMI", "clusters": "n"}) == [
        {"run": "one", "seeds": 2, "score": "0.600 ± 0.100", "clusters": "10.0 ± 1.0"},
        {"run": "two", "seeds": 1, "score": "0.400 ± 0.000", "clusters": None},
    ]


def test_figures_are_drawn_from_results(runs, quality_runs, tmp_path, capsys):
    pytest.importorskip("matplotlib")

    assert figures.draw(tmp_path, tmp_path / "figures") == []
    assert "python -m benchmarks.quality" in capsys.readouterr().out
    tables = number_of_clusters.tables(runs)
    (tmp_path / "number_of_clusters.json").write_text(json.dumps(tables), encoding="utf-8")
    text = json.dumps(quality.tables(quality_runs))
    (tmp_path / "quality.json").write_text(text, encoding="utf-8")
    (tmp_path / "engines.json").write_text(json.dumps(engine_results()), encoding="utf-8")
    times = {"machines": 1, "read s": 9.0, "compute s": 5.0}
    rows = [{"hardware per machine": name} | times for name in ("2 cores", "a GPU")]
    (tmp_path / "large_data.json").write_text(json.dumps({"billion": rows}), encoding="utf-8")
    rows = [
        {
            "run": f"SiamMM, initial K = {start}",
            "seed": seed,
            "clusters in each epoch": [0, start, 9 + seed],
        }
        for start in (30, 100)
        for seed in range(2)
    ]
    text = json.dumps({"epochs": 3, "numbers": rows})
    (tmp_path / "deep_siammm.json").write_text(text, encoding="utf-8")
    drawn = figures.draw(tmp_path, tmp_path / "figures")
    assert [path.stem for path in drawn] == list(figures.FIGURES)
    for path in drawn:
        first = path.read_bytes()
        assert first.startswith(b"<?xml")
        figures.draw(tmp_path, tmp_path / "figures")
        assert path.read_bytes() == first


# --- smoothing -----------------------------------------------------------------------------------


def test_left_out_parameters_are_chosen_on_the_other_sets():
    scores = {"a": {"x": 1.0, "y": 0.0}, "b": {"x": 0.0, "y": 0.5}, "c": {"x": 0.0, "y": 0.5}}
    choices = smoothing.left_out(scores)
    assert choices == {"a": ("y", 0.0), "b": ("x", 0.0), "c": ("x", 0.0)}


def test_the_tables_of_smoothing_name_every_variant_and_the_left_out_score():
    scores = {name: dict.fromkeys(smoothing.PARAMETERS, 0.5) for name in ("digits", "snips7")}
    scores["digits"][smoothing.DEFAULT] = 0.75
    results = smoothing.tables(scores)
    means = {row["parameters"]: row["ARI"] for row in results["parameters"]}
    assert list(means)[:-1] == list(smoothing.PARAMETERS)
    assert means[smoothing.DEFAULT] == 0.625 and means["chosen on the other sets"] == 0.5
    assert results["sets"][0]["difference"] == 0.25
