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


def make_run(number, ari=0.5, seconds=1.0):
    history = [20, 20, 5, 1, number, number]
    return {"K": number, "AMI": 0.6, "ARI": ari, "ACC": 0.7, "seconds": seconds, "history": history}


def test_mean_error_factor_does_not_cancel_over_and_underestimates():
    runs = [make_run(5), make_run(20)]
    assert number_of_clusters.mean_error_factor(runs, 10) == pytest.approx(2.0)


@pytest.fixture
def runs():
    def run_set(k, found, found_from_2k):
        starts = {
            "auto": [make_run(number) for number in found],
            "2 K*": [make_run(number) for number in found_from_2k],
        }
        return {"rows": 100, "features": 8, "K*": k, "starts": starts}

    def run_alternatives(k, number):
        run = {**make_run(number), "noise": 0.25}
        methods = dict.fromkeys(number_of_clusters.ALTERNATIVES, run)
        return {"rows": 90, "K*": k, "methods": methods}

    labeled = {
        "snips7": run_set(8, [8, 8], [8]),
        "b": run_set(10, [20, 20], [5]),
        "c": run_set(4, [6, 6], [6]),
    }
    return {
        "labeled": labeled,
        "alternatives": {"snips7": run_alternatives(8, 8), "b": run_alternatives(10, 2)},
        "planted": {("plain", 20, 64, 8, n): run_set(8, [8, 9], [7]) for n in (2000, 6000)},
        "unclustered": {},
    }


def test_summary_table_of_error_factors(runs):
    own, *others = number_of_clusters.tables(runs)["summary"]
    assert own["error factor, median"] == 1.5  # of 1, 2 and 1.5
    assert (own["error factor, worst"], own["worst set"]) == (2.0, "b")
    assert own["largest / smallest K over starts, median"] == 1.0  # of 1, 4 and 1
    assert own["largest / smallest K over starts, worst"] == 4.0
    for other in others:
        assert other["sets"] == 2
        assert other["error factor, median"] == 3.0  # of 1 and 5
        assert (other["error factor, worst"], other["worst set"]) == (5.0, "b")


def test_tables_of_estimated_numbers(runs):
    tables = number_of_clusters.tables(runs)
    assert "unclustered" not in tables  # nothing was measured
    labeled = {row["set"]: row for row in tables["labeled"]}
    b = labeled["b"]
    assert (b["K / K*"], b["range"], b["K from 2 K*"]) == (2.0, "20", 5)
    assert b["K from 8 K*"] is None
    assert tables["alternatives"][1]["HDBSCAN(5): K (ARI)"] == "2 (0.50, 25% noise)"
    (row,) = tables["planted"]
    assert (row["K*"], row["sizes"]) == (8, "20:1")
    assert row["K found in 2000 rows"] == row["K found in 6000 rows"] == "8–9"
    assert tables["histories"] == {
        "snips7": {"K*": 8, "auto": [20, 20, 5, 1, 8, 8], "2 K*": [20, 20, 5, 1, 8, 8]}
    }


def test_grid_contains_true_number():
    for k in (4, 10, 152):
        grid = number_of_clusters.grid(k)
        assert grid[0] == 2
        assert grid[-1] == 3 * k
        assert k in grid
        assert (np.diff(grid) > 0).all()


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
