"""What the benchmarks are made of: sets with known truth, and the arithmetic of their tables."""

import io
import json
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from benchmarks import figures, number_of_clusters, planted_sets, quality, tables
from benchmarks.labeled_sets import all_sets, text_sets

# --- planted mixtures ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", planted_sets.KINDS)
@pytest.mark.parametrize("imbalance", planted_sets.IMBALANCES)
def test_planted_mixtures_are_what_they_claim(kind, imbalance):
    n, d, k = 3000, 64, 6
    X, y = planted_sets.planted(kind, n, d, k, imbalance, seed=1)
    assert X.shape == (n, d)
    assert X.dtype == np.float32
    assert_allclose(np.linalg.norm(X, axis=1), 1, atol=1e-6)
    counts = np.bincount(y)
    assert len(counts) == k
    assert counts.max() / counts.min() == pytest.approx(imbalance, rel=0.02)
    assert np.count_nonzero(np.diff(y)) > n / 3  # rows come in random order
    mean = X[y == 0].mean(axis=0)
    assert np.linalg.norm(mean) == pytest.approx(planted_sets.LENGTH[kind], abs=0.03)
    assert_array_equal(X, planted_sets.planted(kind, n, d, k, imbalance, seed=1)[0])


@pytest.mark.parametrize("n", planted_sets.SIZES)
@pytest.mark.parametrize("k", planted_sets.NUMBERS)
def test_planted_sizes(n, k):
    equal = planted_sets.planted_sizes(n, k, 1)
    assert equal.sum() == n
    assert equal.max() - equal.min() <= 1
    falling = planted_sets.planted_sizes(n, k, 20)
    assert falling.sum() == n
    assert falling[0] / falling[-1] == pytest.approx(20, rel=0.1)
    assert (np.diff(falling) <= 0).all()


def test_children_lie_around_their_super_cluster():
    rng = np.random.default_rng(0)
    means = planted_sets.planted_means("hierarchical", 9, 384, rng)
    cosines = means @ means.T
    siblings = np.equal.outer(np.arange(9) % 3, np.arange(9) % 3) & ~np.eye(9, dtype=bool)
    assert_allclose(np.diag(cosines), 1)
    # Two means at cosine c with a third, in directions at right angles: c² with each other.
    assert_allclose(cosines[siblings], planted_sets.COSINE**2, atol=0.06)
    assert abs(cosines[np.subtract.outer(np.arange(9), np.arange(9)) % 3 > 0]).max() < 0.25


def test_anisotropic_components_scatter_in_few_directions():
    X, y = planted_sets.planted("anisotropic", 600, 64, 3, 1, seed=0)
    for component in range(3):
        values = np.linalg.svd(X[y == component], compute_uv=False)
        assert np.count_nonzero(values > 1e-3) == 64 // planted_sets.DIRECTIONS + 1


@pytest.mark.parametrize(
    ("law", "length"), [("uniform", 0.0), ("one vMF", planted_sets.LENGTH["plain"])]
)
def test_nulls_have_one_component(law, length):
    X, y = planted_sets.null(law, 4000, 3, seed=0)
    assert X.dtype == np.float32
    assert_allclose(np.linalg.norm(X, axis=1), 1, atol=1e-6)
    assert set(y) == {0}
    assert np.linalg.norm(X.mean(axis=0)) == pytest.approx(length, abs=0.04)


# --- labeled sets -------------------------------------------------------------------------------


def test_without_a_folder_there_are_the_bundled_sets(monkeypatch):
    monkeypatch.delenv("VMFMIX_DATA", raising=False)
    assert [name for name, _, _ in text_sets()] == ["snips7"]
    shapes = {}
    for name, X, y in all_sets():
        shapes[name] = X.shape, len(np.unique(y))
        assert X.dtype == np.float32
        assert_allclose(np.linalg.norm(X, axis=1), 1, atol=1e-6)
    assert shapes == {"digits": ((1797, 64), 10), "snips7": ((3500, 384), 7)}
    assert [name for name, _, _ in all_sets(["digits"])] == ["digits"]


def test_sets_of_every_kind(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((12, 5)).astype(np.float16), np.repeat([0, 1, 2], 4)
    images = rng.integers(0, 256, (12, 4, 3), dtype=np.uint8)
    images[0] = 0  # a black picture has no direction, and stays one
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


def test_jpeg_files_are_read(tmp_path, monkeypatch):
    colors = np.array([(200, 40, 40), (40, 200, 40), (40, 40, 200)])
    write_jpegs(tmp_path / "colors2.npz", map(tuple, colors.tolist()))
    monkeypatch.setenv("VMFMIX_DATA", str(tmp_path))
    ((_, X, y),) = all_sets(["colors2"])
    assert_array_equal(y, [0, 1, 0])
    unit = colors / np.linalg.norm(colors, axis=1, keepdims=True) / 8
    assert_allclose(X.reshape(3, 64, 3), np.repeat(unit[:, None], 64, axis=1), atol=0.002)


def test_jpeg_files_are_left_out_without_pillow(tmp_path, monkeypatch, capsys):
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
    assert "colors2 is left out" in capsys.readouterr().out


# --- tables --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "true", "factor"), [(7, 7, 1.0), (14, 7, 2.0), (5, 10, 2.0), (0, 8, 8.0), (1, 8, 8.0)]
)
def test_factor(found, true, factor):
    assert number_of_clusters.factor(found, true) == pytest.approx(factor)


def a_run(number, ari=0.5, seconds=1.0):
    history = [20, 20, 5, 1, number, number]
    return {"K": number, "AMI": 0.6, "ARI": ari, "ACC": 0.7, "seconds": seconds, "history": history}


def test_too_many_and_too_few_do_not_cancel():
    runs = [a_run(5), a_run(20)]
    assert number_of_clusters.mean_factor(runs, 10) == pytest.approx(2.0)


@pytest.fixture
def results():
    def of_set(k, found, from_more):
        starts = {"auto": [a_run(k) for k in found], "2 K*": [a_run(k) for k in from_more]}
        return {"rows": 100, "features": 8, "K*": k, "starts": starts}

    def peers(k, number):
        one = {**a_run(number), "noise": 0.25}
        return {"rows": 90, "K*": k, "peers": dict.fromkeys(number_of_clusters.PEERS, one)}

    real = {
        "snips7": of_set(8, [8, 8], [8]),
        "b": of_set(10, [20, 20], [5]),
        "c": of_set(4, [6, 6], [6]),
    }
    return {
        "real": real,
        "peers": {"snips7": peers(8, 8), "b": peers(10, 2)},
        "planted": {("plain", 20, 64, 8, n): of_set(8, [8, 9], [7]) for n in (2000, 6000)},
        "nulls": {},
    }


def test_summary_of_factors(results):
    own, *others = number_of_clusters.tables(results)["summary"]
    assert own["factor off, median"] == 1.5  # of 1, 2 and 1.5
    assert (own["factor off, worst"], own["worst set"]) == (2.0, "b")
    assert own["largest / smallest K over starts, median"] == 1.0  # of 1, 4 and 1
    assert own["the same, worst"] == 4.0
    for other in others:
        assert other["sets"] == 2
        assert other["factor off, median"] == 3.0  # of 1 and 5
        assert (other["factor off, worst"], other["worst set"]) == (5.0, "b")


def test_tables_of_numbers(results):
    tables = number_of_clusters.tables(results)
    assert "nulls" not in tables  # nothing was measured
    found = {row["set"]: row for row in tables["found"]}
    assert (found["b"]["K / K*"], found["b"]["range"], found["b"]["K from 2 K*"]) == (2.0, "20", 5)
    assert found["b"]["K from 8 K*"] is None
    assert tables["peers"][1]["HDBSCAN(5): K (ARI)"] == "2 (0.50, 25% noise)"
    (row,) = tables["planted"]
    assert (row["K*"], row["sizes"]) == (8, "20:1")
    assert row["K found in 2000 rows"] == row["K found in 6000 rows"] == "8–9"
    assert tables["histories"] == {
        "snips7": {"K*": 8, "auto": [20, 20, 5, 1, 8, 8], "2 K*": [20, 20, 5, 1, 8, 8]}
    }


def test_a_grid_holds_the_truth():
    for k in (4, 10, 152):
        grid = number_of_clusters.grid(k)
        assert grid[0] == 2
        assert grid[-1] == 3 * k
        assert k in grid
        assert (np.diff(grid) > 0).all()


def test_quality_tables():
    def of_method(ari, seconds):
        run = {"ACC": ari, "NMI": ari, "ARI": ari, "seconds": seconds}
        return [{**run, "ARI": ari - 0.1}, {**run, "ARI": ari + 0.1}]

    runs = {
        name: {method: of_method(0.5, 2.0) for method in quality.METHODS} for name in ("a", "b")
    }
    runs["a"]["vmfmix"] = of_method(0.75, 1.0)
    runs["a"]["KMeans n_init=1"] = of_method(0.5, 0.5)
    made = quality.tables(runs)
    row = made["a"][0]
    assert (row["method"], row["ARI"], row["seconds"]) == ("vmfmix", "0.750 ± 0.100", 1.0)
    assert row["ARI − KMeans n_init=10"] == 0.25
    overall = made["mean_over_sets"][0]
    assert overall["ARI"] == 0.625
    assert overall["time / KMeans n_init=10"] == 0.75  # of 0.5 and 1
    assert overall["time / KMeans n_init=1"] == 1.5  # of 2 and 1
    lines = quality.readme_table(made).splitlines()
    assert lines[0] == (
        "| method | ACC | NMI | ARI | time / KMeans n_init=10 | time / KMeans n_init=1 |"
    )
    assert lines[2] == "| vmfmix | 0.625 | 0.625 | 0.625 | 0.75 | 1.50 |"


# --- pictures ------------------------------------------------------------------------------------


def test_parts_of_a_history():
    assert figures.parts_of([20, 20, 9, 5, 1, 6, 6]) == ([20, 20, 9], [5, 1], [6, 6])
    assert figures.parts_of([20, 9, 6, 1, 6]) == ([20, 9, 6], [1], [6])
    assert figures.parts_of([3, 2, 1, 1]) == ([3, 2, 1, 1], [], [])


def engine_results():
    """Two shapes, two fits of which one was left out, and two numbers of components."""
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


def test_a_results_file_keeps_what_is_not_measured_again(tmp_path):
    path = tmp_path / "results" / "engines.json"
    tables.save(path, {"threads": 1}, {"b": [1, 2]}, ("a", "b"))
    tables.save(path, {"threads": 2}, {"a": [3]}, ("a", "b"))
    assert list(json.loads(path.read_text()).items()) == [("threads", 2), ("a", [3]), ("b", [1, 2])]


def test_means_of_trainings():
    pytest.importorskip("lightning")
    pytest.importorskip("kornia")
    from benchmarks.deep_runs import means_of

    rows = [
        {"run": "one", "seed": 0, "AMI": 0.5, "n": 9},
        {"run": "two", "seed": 0, "AMI": 0.4},
        {"run": "one", "seed": 1, "AMI": 0.7, "n": 11},
    ]
    assert means_of(rows, {"score": "AMI", "clusters": "n"}) == [
        {"run": "one", "seeds": 2, "score": "0.600 ± 0.100", "clusters": "10.0 ± 1.0"},
        {"run": "two", "seeds": 1, "score": "0.400 ± 0.000", "clusters": None},
    ]


def test_pictures_are_drawn_from_results(results, tmp_path, capsys):
    pytest.importorskip("matplotlib")

    assert figures.draw(tmp_path, tmp_path / "pictures") == []
    assert "python -m benchmarks.quality" in capsys.readouterr().out
    found = number_of_clusters.tables(results)
    (tmp_path / "number_of_clusters.json").write_text(json.dumps(found), encoding="utf-8")
    rows = [{"method": method, "ARI": "0.500 ± 0.100"} for method in quality.METHODS]
    text = json.dumps({"seeds": 5, "mean_over_sets": rows, "a": rows})
    (tmp_path / "quality.json").write_text(text, encoding="utf-8")
    (tmp_path / "engines.json").write_text(json.dumps(engine_results()), encoding="utf-8")
    times = {"machines": 1, "read s": 9.0, "compute s": 5.0}
    rows = [{"a machine has": name} | times for name in ("2 cores", "a GPU")]
    (tmp_path / "large_data.json").write_text(json.dumps({"billion": rows}), encoding="utf-8")
    rows = [
        {
            "run": f"SiamMM, from {start}",
            "seed": seed,
            "clusters in each epoch": [0, start, 9 + seed],
        }
        for start in (30, 100)
        for seed in range(2)
    ]
    text = json.dumps({"epochs": 3, "numbers": rows})
    (tmp_path / "deep_siammm.json").write_text(text, encoding="utf-8")
    drawn = figures.draw(tmp_path, tmp_path / "pictures")
    assert [path.stem for path in drawn] == list(figures.FIGURES)
    for path in drawn:
        first = path.read_bytes()
        assert first.startswith(b"<?xml")
        figures.draw(tmp_path, tmp_path / "pictures")
        assert path.read_bytes() == first
