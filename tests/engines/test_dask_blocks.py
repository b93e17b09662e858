"""Dask arrays, in threads and on a cluster of two workers."""

import os

import numpy as np
import pytest

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture

pytestmark = pytest.mark.slow

da = pytest.importorskip("dask.array")


@pytest.fixture(scope="module")
def X():
    return make_vmf_mixture(3000, 16, 5, concentration=30.0, dtype=np.float32, random_state=0)[0]


@pytest.fixture
def cluster():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_two_workers_give_the_labels_of_one_process(X, cluster):
    rows = da.from_array(X, chunks=(400, 16)).persist()
    model = VMFMixture(random_state=0).fit(rows)
    np.testing.assert_array_equal(model.labels_, VMFMixture(random_state=0).fit(X).labels_)
    np.testing.assert_array_equal(model.predict(rows), model.labels_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_blocks_stay_with_their_workers(cluster):
    distributed = pytest.importorskip("distributed")
    rows = da.random.default_rng(0).normal(size=(80_000, 64), chunks=(20_000, 64)).persist()
    distributed.wait(rows)
    before = cluster.who_has(rows)
    VMFMixture(5, merge=None, max_iter=3, tol=0.0, random_state=0).fit(rows)
    assert cluster.who_has(rows) == before


def die(block):
    os._exit(1)


def test_error_if_a_worker_dies(X, cluster):
    import dask

    first_half = da.from_array(X[:1500], chunks=(500, 16))
    rows = da.concatenate([first_half, first_half.map_blocks(die, dtype=X.dtype, meta=X[:0])])
    model = VMFMixture(3)
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        pytest.raises(RuntimeError, match="Workers of the cluster died"),
    ):
        cluster.run_on_scheduler(
            lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 0)
        )
        model.fit(rows)
    assert not hasattr(model, "means_")


@pytest.mark.parametrize(
    "kind", ["float64", "int32", "unknown chunks", "many chunks", "empty chunks"]
)
def test_dtypes_and_chunks(X, kind):
    rows = da.from_array(X, chunks=(700, 9))
    expected = VMFMixture(5, random_state=0).fit(X)
    if kind == "float64":
        rows = rows.astype(np.float64)
    if kind == "int32":
        rows = (rows * 1e6).astype(np.int32)
    if kind == "unknown chunks":
        rows = rows[da.from_array(np.ones(len(X), bool), chunks=700)]
    if kind == "empty chunks":
        rows = da.concatenate([rows[:0], rows[:1000], rows[:0], rows[1000:]])
    if kind == "many chunks":
        rows = rows.rechunk((30, 16))
    model = VMFMixture(5, random_state=0).fit(rows)
    np.testing.assert_array_equal(model.labels_, expected.labels_)


def test_refuses_invalid_arrays(X):
    broken = X.copy()
    broken[1000, 3] = np.nan
    for bad, message in (
        (da.from_array(broken, chunks=(700, 16)), "rows 700 to 1399 cannot be used. .*NaN"),
        (da.from_array(X[0], chunks=8), "1 dimensions"),
        (da.from_array(X[:, :1], chunks=(700, 1)), "two features"),
        (da.from_array(X[:0], chunks=(700, 16)), "one row"),
        (da.from_array(X + 1j, chunks=(700, 16)), "[Cc]omplex"),
    ):
        model = VMFMixture(3)
        with pytest.raises(ValueError, match=message):
            model.fit(bad)
        assert not hasattr(model, "means_")
        assert not hasattr(model, "n_features_in_")
