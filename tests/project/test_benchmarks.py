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
    number_of_clusters_tables,
    planted_sets,
    quality,
    smoothing,
    steering,
    tables,
)
from benchmarks.labeled_sets import HARD, all_sets, encoder_of, text_sets
from tests.project.benchmark_runs import number_runs, quality_runs

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


def test_figures_are_drawn_from_results(tmp_path, capsys):
    pytest.importorskip("matplotlib")

    assert figures.draw(tmp_path, tmp_path / "figures") == []
    assert "python -m benchmarks.quality" in capsys.readouterr().out
    tables = number_of_clusters_tables.tables(number_runs())
    (tmp_path / "number_of_clusters.json").write_text(json.dumps(tables), encoding="utf-8")
    text = json.dumps(quality.tables(quality_runs()))
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


# --- steering ------------------------------------------------------------------------------------


def test_known_labels_are_a_share_of_each_class_and_at_least_one_row():
    y = np.repeat([0, 1, 2], [100, 40, 3])
    known = steering.draw_known(y, np.random.default_rng(0))
    assert np.bincount(known[known >= 0]).tolist() == [5, 2, 1]
    assert (known[known >= 0] == y[known >= 0]).all()


def test_constrained_kmeans_keeps_known_labels_and_seeded_kmeans_does_not():
    X = np.array([[0.0, 0], [0.1, 0], [0.2, 0], [4.0, 0], [4.1, 0], [4.2, 0]])
    known = np.array([0, -1, 1, -1, 1, -1])
    assert steering.kmeans(X, known, is_constrained=True).tolist() == [0, 0, 1, 1, 1, 1]
    assert steering.kmeans(X, known, is_constrained=False).tolist() == [0, 0, 0, 1, 1, 1]


def test_the_tables_of_steering_have_means_over_the_sets_that_are_not_hard():
    accuracy = dict.fromkeys(steering.METHODS, 0.5)
    without_rbf = {name: 0.7 for name in steering.METHODS if name != steering.RBF}
    sets = {
        name: {"accuracy": scores, "seconds": scores}
        for name, scores in {"snips7": accuracy, "trec6": without_rbf, "atis16": accuracy}.items()
    }
    tables = steering.tables(sets)
    means = {row["encoder"]: row for row in tables["means"]}
    assert list(means) == ["MiniLM", "all", "all with rbf"]
    assert means["all"]["sets"] == 2 and means["all"]["VMFMixture"] == 0.6
    assert steering.RBF not in means["all"] and means["all with rbf"][steering.RBF] == 0.5
    assert [row["set"] for row in tables["sets"]] == list(sets)
