"""The engine for arrays against the oracle, and with other blocks and numbers of threads."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from threadpoolctl import threadpool_info, threadpool_limits

from tests import oracle
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines import cpu
from vmfmix.engines.choice import choose_engine
from vmfmix.model.matrices import as_array
from vmfmix.model.statistics import MixtureParameters

TOLERANCE = {np.float64: 1e-10, np.float32: 1e-5}


def overlapping_mixture(n_components=6, n_features=20, has_background=False, seed=0):
    """Return rows, and parameters under which many of them belong to several components."""
    X, _, truth = make_vmf_mixture(
        3000,
        n_features,
        n_components,
        concentration=np.linspace(4.0, 25.0, n_components),
        weights=np.arange(1.0, n_components + 1),
        random_state=seed,
        return_parameters=True,
    )
    weights, means, concentrations = truth.weights, truth.means, truth.concentrations
    if has_background:
        weights = np.append(0.9 * weights, 0.1)
        means = np.vstack([means, np.eye(1, n_features)])
        concentrations = np.append(concentrations, 0.0)
    lengths = np.random.default_rng(seed).uniform(0.1, 10.0, size=(len(X), 1))
    return X * lengths, MixtureParameters(
        weights, means, concentrations, has_background=has_background
    )


def use_general_kernels(monkeypatch):
    """Use the kernels for many components for any pass."""
    monkeypatch.setattr(cpu, "_FEW_COMPONENTS", 0)
    monkeypatch.setattr(cpu, "_FEW_PRODUCTS", 0)


def assert_same_statistics(found, expected, tolerance):
    scale = expected.weight
    np.testing.assert_allclose(found.counts, expected.counts, atol=tolerance * scale, rtol=0)
    resultants = as_array(found.resultants), as_array(expected.resultants)
    np.testing.assert_allclose(*resultants, atol=tolerance * scale, rtol=0)
    assert found.log_likelihood == pytest.approx(expected.log_likelihood, rel=tolerance)
    assert found.weight == pytest.approx(expected.weight, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("container", ["dense", "dense, as with many components", "csr"])
@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("variant", ["plain", "weighted", "background", "zeros"])
def test_statistics_equal_the_oracle(dtype, container, hard, variant, monkeypatch):
    if container == "dense, as with many components":
        use_general_kernels(monkeypatch)
    X, parameters = overlapping_mixture(has_background=variant == "background")
    X = X.astype(dtype)
    weight = np.random.default_rng(1).uniform(0, 3, len(X)) if variant == "weighted" else None
    if variant == "zeros":
        X[::7] = 0
    expected = oracle.statistics(X, parameters, sample_weight=weight, hard=hard)
    rows = sp.csr_array(X) if container == "csr" else X
    engine = choose_engine(rows, sample_weight=weight)
    assert_same_statistics(engine.accumulate(parameters, hard=hard), expected, TOLERANCE[dtype])
    assert engine.n_zero_rows == (len(X[::7]) if variant == "zeros" else 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_statistics_of_centered_rows_equal_the_oracle(dtype):
    X, parameters = overlapping_mixture()
    X = X.astype(dtype)
    center = oracle.unit_rows(X).mean(axis=0)
    expected = oracle.statistics(X, parameters, center=center)
    found = choose_engine(X, center=center).accumulate(parameters)
    assert_same_statistics(found, expected, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("spread", ["sharp", "flat"])
def test_dense_and_scattered_sums_agree(dtype, spread):
    """Flat responsibilities are summed by a matrix product, sharp ones one by one."""
    X, parameters = overlapping_mixture(n_components=40)
    factor = 100.0 if spread == "sharp" else 0.05
    parameters = MixtureParameters(
        parameters.weights, parameters.means, factor * parameters.concentrations
    )
    X = X.astype(dtype)
    found = choose_engine(X).accumulate(parameters)
    assert_same_statistics(found, oracle.statistics(X, parameters), TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_for_each_row_equal_the_oracle(dtype):
    X, parameters = overlapping_mixture()
    X = X.astype(dtype)
    engine = choose_engine(X)
    assignment = engine.assign(parameters)
    r = oracle.responsibilities(X, parameters)
    tolerance = 10 * TOLERANCE[dtype]
    near_tie = np.partition(r, -2, axis=1)[:, -1] - np.partition(r, -2, axis=1)[:, -2] < tolerance
    assert (assignment.labels == r.argmax(axis=1))[~near_tie].all()
    np.testing.assert_allclose(assignment.probabilities, r.max(axis=1), atol=tolerance)
    np.testing.assert_allclose(
        assignment.log_densities, oracle.log_density(X, parameters), atol=tolerance
    )
    joint = np.concatenate([block for _, block in engine.log_joint(parameters)])
    shift = oracle.log_joint(X, parameters) - joint  # relative to uniform, not to surface measure
    np.testing.assert_allclose(shift, shift[0, 0], atol=tolerance)
    cosines = np.concatenate([block for _, block in engine.cosines(parameters.means)])
    np.testing.assert_allclose(
        cosines, oracle.unit_rows(X) @ parameters.means.T, atol=TOLERANCE[dtype]
    )


def test_cutoff_loses_no_more_than_the_stated_mass():
    """The bound is on the log density: at most −log(1 − 1e-6) in float32, 1e-12 in float64."""
    X, parameters = overlapping_mixture(n_components=50)
    exact = oracle.log_density(X, parameters)
    kept = choose_engine(X).assign(parameters).log_densities
    assert np.abs(exact - kept).max() <= 1e-12 + 1e-12 * np.abs(exact).max()
    exact = oracle.log_density(X.astype(np.float32), parameters)
    kept = choose_engine(X.astype(np.float32)).assign(parameters).log_densities
    assert (exact - kept).max() <= 1e-6 + 1e-6 * np.abs(exact).max()


@pytest.mark.parametrize("container", ["dense", "csr"])
@pytest.mark.parametrize("block_size", [1, 7, 1000, 10**9])
def test_block_size_changes_only_rounding(container, block_size):
    X, parameters = overlapping_mixture()
    X = sp.csr_array(X) if container == "csr" else X
    expected, found = choose_engine(X), choose_engine(X, block_size=block_size)
    assert_same_statistics(found.accumulate(parameters), expected.accumulate(parameters), 1e-14)
    assert (found.assign(parameters).labels == expected.assign(parameters).labels).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_do_not_depend_on_the_number_of_threads(dtype):
    X, parameters = overlapping_mixture()
    engine = choose_engine(X.astype(dtype))
    with threadpool_limits(1):
        one = engine.accumulate(parameters), engine.assign(parameters)
    with threadpool_limits(2):
        two = engine.accumulate(parameters), engine.assign(parameters)
    for left, right in zip(one[0].__dict__.values(), two[0].__dict__.values(), strict=True):
        np.testing.assert_array_equal(left, right)
    for left, right in zip(one[1], two[1], strict=True):
        np.testing.assert_array_equal(left, right)


def blas_threads():
    return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]


@pytest.mark.parametrize("container", ["dense", "csr"])
def test_scores_come_in_order_with_any_number_of_threads(container):
    X, parameters = overlapping_mixture()
    X = sp.csr_array(X) if container == "csr" else X
    engine = choose_engine(X, block_size=7)
    found = []
    for n_threads in (1, 2, 5):
        with threadpool_limits(n_threads):
            parts = [(rows.start, block.copy()) for rows, block in engine.log_joint(parameters)]
        assert [start for start, _ in parts] == sorted(start for start, _ in parts)
        found.append(np.concatenate([block for _, block in parts]))
        assert len(found[-1]) == X.shape[0]
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])


def test_scores_may_be_abandoned_or_fail(monkeypatch):
    X, parameters = overlapping_mixture()
    engine = choose_engine(X, block_size=7)
    with threadpool_limits(2):
        before = blas_threads()
        some = engine.log_joint(parameters)
        next(some)
        some.close()
        assert blas_threads() == before

        def fail(*args):
            raise MemoryError("nothing left")

        monkeypatch.setattr(engine._rows, "write_scores", fail)
        with pytest.raises(MemoryError, match="nothing left"):
            list(engine.log_joint(parameters))
        assert blas_threads() == before


def test_number_of_blas_threads_is_restored_after_an_error():
    X, parameters = overlapping_mixture()
    wrong = MixtureParameters(parameters.weights, parameters.means[:, :5], np.ones(6))
    with threadpool_limits(2):
        before = blas_threads()
        choose_engine(X).accumulate(parameters)
        assert blas_threads() == before
        with pytest.raises(ValueError):
            choose_engine(X).accumulate(wrong)
        assert blas_threads() == before


@pytest.mark.parametrize("container", ["dense", "csr"])
@pytest.mark.parametrize(
    ("dtype", "factor"),
    [(np.float32, 1e-30), (np.float32, 1e30), (np.float64, 1e-200), (np.float64, 1e200)],
)
def test_rows_of_extreme_length_keep_their_direction(container, dtype, factor):
    X, parameters = overlapping_mixture()
    expected = oracle.statistics(X, parameters)
    extreme = (X * np.where(np.arange(len(X)) % 2, factor, 1.0)[:, np.newaxis]).astype(dtype)
    extreme[0] = 0
    X[0] = 0
    expected = oracle.statistics(X, parameters)
    rows = sp.csr_array(extreme) if container == "csr" else extreme
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        engine = choose_engine(rows)
        assert_same_statistics(engine.accumulate(parameters), expected, TOLERANCE[dtype])
    assert engine.n_zero_rows == 1


@pytest.mark.parametrize("kappa", [1e4, 1e6, 1e8])
def test_high_concentrations_are_computed_in_float64(kappa):
    X, _, truth = make_vmf_mixture(
        500, 3, 5, concentration=kappa, random_state=0, return_parameters=True
    )
    X = X.astype(np.float32)
    parameters = MixtureParameters(truth.weights, truth.means, truth.concentrations)
    expected = oracle.statistics(X, parameters)
    engine = choose_engine(X)
    assert_same_statistics(engine.accumulate(parameters), expected, 2e-3)
    assert engine.accumulate(parameters).log_likelihood == pytest.approx(
        expected.log_likelihood, abs=2e-3 * len(X)
    )
    r = oracle.responsibilities(X, parameters)
    np.testing.assert_array_equal(engine.assign(parameters).labels, r.argmax(axis=1))
    joint = np.concatenate([block for _, block in engine.log_joint(parameters)])
    np.testing.assert_array_equal(joint.argmax(axis=1), r.argmax(axis=1))


@pytest.mark.parametrize("container", [np.asarray, sp.csr_array])
def test_row_of_zeros_does_not_divide_the_pass_into_blocks(container):
    X, _ = overlapping_mixture()
    X[7] = 0
    rows = choose_engine(container(X.astype(np.float32)))._rows
    assert rows.n_consecutive(100, np.float32) == 3000


def test_kernels_are_compiled_once_for_each_precision(monkeypatch):
    from vmfmix.engines import few_components, kernels

    X, parameters = overlapping_mixture()
    one = parameters.selected([0])
    center = np.full(20, 0.01)
    wide = sp.csr_array(X)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    for rows in (X, X.astype(np.float32), sp.csr_array(X), sp.csr_array(X, dtype=np.float32), wide):
        for mixture in (parameters, one):
            engine = choose_engine(rows)
            engine.accumulate(mixture)
            engine.assign(mixture)
            if rows is not wide and not sp.issparse(rows):
                with monkeypatch.context() as many:
                    use_general_kernels(many)
                    engine.accumulate(mixture)
    choose_engine(X, center=center).accumulate(parameters)
    assert len(few_components.process_rows.signatures) == 2
    assert len(kernels.accumulate.signatures) == 2
    assert len(kernels.accumulate_csr.signatures) == 2


def test_interrupted_pass_starts_no_more_lanes(monkeypatch):
    """An error in one thread takes the remaining lanes from the others."""
    from vmfmix.engines import cpu

    X, parameters = overlapping_mixture()
    engine = choose_engine(np.repeat(X, 30, axis=0))
    calls = []

    def fail(*args):
        calls.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(cpu.DenseRows, "accumulate", fail)
    with pytest.raises(KeyboardInterrupt):
        engine.accumulate(parameters)
    assert len(calls) <= 2


def test_row_at_the_center_has_no_direction():
    X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    engine = choose_engine(X, center=np.array([0.0, 1.0]))
    assert engine.n_zero_rows == 1


@pytest.mark.parametrize("container", ["dense", "csr"])
def test_sample_gives_unit_rows_of_positive_weight(container):
    X, _ = overlapping_mixture()
    X[5] = 0
    weight = np.ones(len(X))
    weight[:3] = 0
    engine = choose_engine(sp.csr_array(X) if container == "csr" else X, sample_weight=weight)
    everything, weights = engine.sample(len(X), np.random.RandomState(0))
    kept = np.setdiff1d(np.arange(len(X)), [0, 1, 2, 5])
    dense = everything.toarray() if container == "csr" else everything
    np.testing.assert_allclose(dense, oracle.unit_rows(X)[kept], atol=1e-14)
    assert (weights == 1).all()
    some, _ = engine.sample(10, np.random.RandomState(0))
    assert some.shape == (10, X.shape[1])
