"""One test body for all engines: each gives the results of the CPU engine for the same rows."""

import itertools
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from tests import oracle
from tests.engines.test_cpu import assert_same_statistics, overlapping_mixture
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.choice import choose_engine, prepare_rows

TOLERANCE = {np.float64: 1e-10, np.float32: 1e-6, np.float16: 1e-6}
KINDS = ["blocks", "blocks for torch", "dask", "shard", "shard of blocks", "torch", "gpu"]
EDGES = [0, 700, 701, 1500, 1500, 3000]  # of blocks, one of which is empty


class EngineCase(NamedTuple):
    """An engine, and how a test gets it.

    Parameters
    ----------
    kind : str
    device : str or None
    convert : callable
        From an array to the input for which the engine is chosen.
    """

    kind: str
    device: str | None
    convert: Callable[[Any], Any]


@pytest.fixture(scope="session")
def group(tmp_path_factory):
    """Create a process group of one process."""
    pytest.importorskip("torch")
    dist = pytest.importorskip("torch.distributed")
    store = dist.FileStore(str(tmp_path_factory.mktemp("group") / "store"), 1)
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.fixture(params=KINDS)
def case(request):
    """Return the case of each engine, where its libraries and device are available."""
    kind = request.param
    device = {"torch": "cpu", "blocks for torch": "cpu", "gpu": "cuda"}.get(kind)
    if device is not None:
        torch = pytest.importorskip("torch")
        if kind == "gpu" and not torch.cuda.is_available():
            pytest.skip("there is no GPU")
    if "shard" in kind:
        request.getfixturevalue("group")
    if kind == "dask":
        pytest.importorskip("dask.array")
    return EngineCase(kind, device, lambda X: converted(X, kind))


def converted(X, kind):
    def blocks():
        return (X[start:stop] for start, stop in itertools.pairwise(EDGES))

    if kind.startswith("blocks"):
        return blocks
    if kind == "dask":
        import dask.array as da

        return da.from_array(X, chunks=(tuple(np.diff([0, 700, 1500, 3000])), 7))
    if kind.startswith("shard"):
        from vmfmix.engines.collective import Shard

        return Shard(blocks if kind.endswith("blocks") else X)
    return X


def engine_for(case, X, **options):
    rows = case.convert(X)
    rows = rows.validated(prepare_rows) if hasattr(rows, "validated") else prepare_rows(rows)
    return choose_engine(rows, device=case.device, **options)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize(
    "kind", ["plain", "weighted", "background", "zeros", "centered", "extreme"]
)
def test_statistics_equal_those_of_the_cpu_engine(case, dtype, hard, kind):
    X, parameters = overlapping_mixture(has_background=kind == "background")
    X = X.astype(dtype)
    weight = np.random.default_rng(1).uniform(0, 3, len(X)) if kind == "weighted" else None
    center = oracle.unit_rows(X).mean(axis=0) if kind == "centered" else None
    if kind == "zeros":
        X[::7] = 0
        X[1500:1600] = 0
    if kind == "extreme":
        X[3] *= np.finfo(dtype).max / 100
        X[4] *= 100 * np.finfo(dtype).tiny
    options = {"sample_weight": weight, "center": center}
    engine, other = engine_for(case, X, **options), choose_engine(X, **options)
    assert type(engine) is not type(other)
    found = engine.accumulate(parameters, hard=hard)
    assert_same_statistics(found, other.accumulate(parameters, hard=hard), TOLERANCE[dtype])
    if kind != "extreme":
        expected = oracle.statistics(X, parameters, hard=hard, **options)
        assert_same_statistics(found, expected, TOLERANCE[dtype])
    for name in ("n_rows", "n_features", "n_zero_rows", "n_used_rows", "dtype"):
        assert getattr(engine, name) == getattr(other, name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("centered", [False, True])
def test_results_for_each_row_equal_those_of_the_cpu_engine(case, dtype, centered):
    X, parameters = overlapping_mixture()
    X = X.astype(dtype)
    X[::50] = 0
    center = oracle.unit_rows(X).mean(axis=0) if centered else None
    engine, other = engine_for(case, X, center=center), choose_engine(X, center=center)
    found, expected = engine.assign(parameters), other.assign(parameters)
    tolerance = 20 * TOLERANCE[dtype]
    assert (found.labels == expected.labels).mean() > 0.999
    assert found.labels.dtype == np.int32
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=tolerance)
    np.testing.assert_allclose(found.log_densities, expected.log_densities, atol=10 * tolerance)
    for name, argument in (("log_joint", parameters), ("cosines", parameters.means)):
        mine, theirs = (
            np.concatenate([part.copy() for _, part in getattr(each, name)(argument)])
            for each in (engine, other)
        )
        np.testing.assert_allclose(mine, theirs, atol=10 * tolerance)
    for size in (50, 10**6):
        mine, theirs = (each.sample(size, np.random.RandomState(0)) for each in (engine, other))
        np.testing.assert_allclose(mine[0], theirs[0], atol=tolerance)
        np.testing.assert_array_equal(mine[1], theirs[1])


@pytest.mark.parametrize("hard", [False, True])
def test_sparse_rows(case, hard):
    if case.device is not None or case.kind == "dask":
        pytest.skip("supports dense rows only")
    X, parameters = overlapping_mixture()
    rows = sp.csr_array(X)
    found = engine_for(case, rows).accumulate(parameters, hard=hard)
    assert_same_statistics(found, oracle.statistics(X, parameters, hard=hard), 1e-10)


@pytest.fixture(scope="module")
def planted():
    return make_vmf_mixture(3000, 24, 6, concentration=40.0, dtype=np.float32, random_state=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_components": 6},
        {"n_components": 6, "merge": None, "concentration": "free"},
        {"n_components": 6, "merge": None, "concentration": "tied", "init_params": "random"},
        {"n_components": 6, "background": True, "concentration": 30.0},
        {"n_components": 6, "assignment": "hard", "concentration": "tied"},
        {"n_components": 6, "center": True},
        {"merge": "icl", "selection": "bic"},
    ],
)
def test_fit_equals_that_of_the_cpu_engine(case, planted, options):
    X, _ = planted
    weight = np.arange(len(X)) % 3.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = VMFMixture(device=case.device, random_state=0, **options)
        model.fit(case.convert(X), sample_weight=weight)
        other = VMFMixture(random_state=0, **options).fit(X, sample_weight=weight)
    assert model.n_components_ == other.n_components_
    assert model.n_samples_seen_ == other.n_samples_seen_
    # Which of two merges that are equally good comes first depends on rounding, and so do numbers.
    number = np.array([other.labels_[model.labels_ == k][0] for k in range(model.n_components_)])
    np.testing.assert_array_equal(number[model.labels_], other.labels_)
    np.testing.assert_allclose(model.means_, other.means_[number], atol=1e-4)
    np.testing.assert_allclose(model.concentrations_, other.concentrations_[number], rtol=1e-4)
    for name in ("labels_", "probabilities_", "means_", "weights_", "concentrations_"):
        assert type(getattr(model, name)) is np.ndarray
    np.testing.assert_array_equal(model.predict(case.convert(X)), model.labels_)
    np.testing.assert_array_equal(model.predict(X[:50]), model.labels_[:50])
    similarities = other.transform(X)[:, number]
    np.testing.assert_allclose(model.transform(case.convert(X)), similarities, atol=1e-4)
    assert model.score(case.convert(X)) == pytest.approx(other.score(X), abs=1e-4)


def test_refuses_invalid_weights(case, planted):
    X, _ = planted
    for weight, message in ((np.ones(5), "sample_weight"), (-np.ones(len(X)), "Negative")):
        with pytest.raises(ValueError, match=message):
            VMFMixture(3, device=case.device).fit(case.convert(X), sample_weight=weight)


def test_refuses_rows_of_zeros_only(case):
    with pytest.raises(ValueError, match="No row of X has a direction"):
        VMFMixture(3, device=case.device).fit(case.convert(np.zeros((3000, 8))))
