"""The engine for torch devices, on the CPU: what it says is what the CPU engine says."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from tests import oracle
from tests.test_engines import assert_same_statistics, overlapping_mixture
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines import choose_engine

torch = pytest.importorskip("torch")

TOLERANCE = {np.float64: 1e-10, np.float32: 1e-6}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("kind", ["plain", "weighted", "background", "zeros", "centred", "extreme"])
def test_statistics_equal_the_oracle_and_those_of_the_other_engine(dtype, hard, kind):
    X, parameters = overlapping_mixture(has_background=kind == "background")
    X = X.astype(dtype)
    weight = np.random.default_rng(1).uniform(0, 3, len(X)) if kind == "weighted" else None
    center = oracle.unit_rows(X).mean(axis=0) if kind == "centred" else None
    if kind == "zeros":
        X[::7] = 0
    if kind == "extreme":
        X[3] *= np.finfo(dtype).max / 100
        X[4] *= 100 * np.finfo(dtype).tiny
    given = {"sample_weight": weight, "center": center}
    engine = choose_engine(X, device="cpu", block_size=170, **given)
    other = choose_engine(X, **given)
    assert type(engine) is not type(other)
    found = engine.accumulate(parameters, hard=hard)
    assert_same_statistics(found, other.accumulate(parameters, hard=hard), TOLERANCE[dtype])
    if kind != "extreme":
        expected = oracle.statistics(X, parameters, hard=hard, **given)
        assert_same_statistics(found, expected, TOLERANCE[dtype])
    assert engine.n_zero_rows == other.n_zero_rows
    assert engine.n_used_rows == other.n_used_rows
    assert engine.dtype == other.dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("centred", [False, True])
def test_what_is_said_of_each_row_is_what_the_other_engine_says(dtype, centred):
    X, parameters = overlapping_mixture()
    X = X.astype(dtype)
    center = oracle.unit_rows(X).mean(axis=0) if centred else None
    engine = choose_engine(X, device="cpu", center=center, block_size=170)
    other = choose_engine(X, center=center)
    found, expected = engine.assign(parameters), other.assign(parameters)
    tolerance = 20 * TOLERANCE[dtype]
    assert (found.labels == expected.labels).mean() > 0.999
    assert found.labels.dtype == np.int32
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=tolerance)
    np.testing.assert_allclose(found.log_densities, expected.log_densities, atol=10 * tolerance)
    for name, argument in (("log_joint", parameters), ("cosines", parameters.means)):
        mine, theirs = (
            np.concatenate([part for _, part in getattr(each, name)(argument)])
            for each in (engine, other)
        )
        np.testing.assert_allclose(mine, theirs, atol=10 * tolerance)
    for size in (50, 10**6):
        mine, theirs = (each.sample(size, np.random.RandomState(0)) for each in (engine, other))
        np.testing.assert_allclose(mine[0], theirs[0], atol=tolerance)
        np.testing.assert_array_equal(mine[1], theirs[1])


def test_high_concentrations_are_computed_in_float64():
    X, parameters = overlapping_mixture()
    X = X.astype(np.float32)
    sharp = parameters.with_concentration(1e6)
    found = choose_engine(X, device="cpu").accumulate(sharp)
    assert_same_statistics(found, choose_engine(X).accumulate(sharp), 1e-10)


@pytest.fixture(scope="module")
def planted():
    return make_vmf_mixture(2000, 24, 6, concentration=40.0, dtype=np.float32, random_state=0)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_components": 6},
        {"n_components": 6, "merge": None, "concentration": "free"},
        {"n_components": 6, "background": True, "concentration": 30.0},
        {"n_components": 6, "assignment": "hard", "concentration": "tied"},
        {"n_components": 6, "center": True},
        {"merge": "icl", "selection": "bic"},
    ],
)
def test_a_fit_is_that_of_the_other_engine(planted, options):
    X, _ = planted
    weight = np.arange(len(X)) % 3.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = VMFMixture(device="cpu", random_state=0, **options).fit(X, sample_weight=weight)
        other = VMFMixture(random_state=0, **options).fit(X, sample_weight=weight)
    assert model.n_components_ == other.n_components_
    np.testing.assert_array_equal(model.labels_, other.labels_)
    np.testing.assert_allclose(model.means_, other.means_, atol=1e-4)
    np.testing.assert_allclose(model.concentrations_, other.concentrations_, rtol=1e-4)
    for name in ("labels_", "probabilities_", "means_", "weights_", "concentrations_"):
        assert type(getattr(model, name)) is np.ndarray
    np.testing.assert_array_equal(model.predict(X[:50]), model.labels_[:50])
    np.testing.assert_allclose(model.transform(X[:50]), other.transform(X[:50]), atol=1e-4)
    assert model.score(X) == pytest.approx(other.score(X), abs=1e-4)


@pytest.mark.parametrize("device", [None, "cpu"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "int8", "int64"])
def test_tensors_of_any_type(planted, device, dtype):
    X, _ = planted
    scaled = 100 * X if "int" in dtype else X
    tensor = torch.from_numpy(scaled).to(getattr(torch, dtype))
    if tensor.is_floating_point():
        tensor.requires_grad_()
    before = tensor.detach().clone()
    model = VMFMixture(6, device=device, random_state=0).fit(tensor)
    reference = VMFMixture(6, random_state=0).fit(before.double().numpy())
    assert (model.labels_ == reference.labels_).mean() > 0.995
    np.testing.assert_array_equal(model.predict(tensor), model.labels_)
    assert model.predict_proba(tensor[:5]).shape == (5, 6)
    assert torch.equal(tensor.detach(), before)
    assert model.n_features_in_ == 24


@pytest.mark.parametrize("device", [None, "cpu"])
def test_bad_tensors_are_refused_in_words(planted, device):
    X = torch.from_numpy(planted[0])
    model = VMFMixture(3, device=device)
    broken = X.clone()
    broken[5, 3] = torch.nan
    for bad, message in (
        (broken, "NaN"),
        (X[0], "1D array|shape"),
        (X[:, :1], "feature"),
        (X[:0], "sample|shape"),
        (X.to_sparse(), "layout"),
        (X.to(torch.complex64), "[Cc]omplex"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(bad)
    model.fit(X)
    with pytest.raises(ValueError, match="24 features"):
        model.predict(X[:, :20])


def test_devices_that_are_not_there_are_refused_in_words(planted):
    X, _ = planted
    for device in ("nonsense", "cuda:77", 5.5):
        with pytest.raises(ValueError, match="cannot be used"):
            VMFMixture(3, device=device).fit(X)
    with pytest.raises(ValueError, match="sparse"):
        VMFMixture(3, device="cpu").fit(sp.csr_array(X))


def test_read_only_rows_are_left_alone(planted):
    X = planted[0].copy()
    X[7] *= 1e30  # so that a row must be divided
    X.flags.writeable = False
    before = X.copy()
    VMFMixture(3, device="cpu", random_state=0).fit(X)
    np.testing.assert_array_equal(X, before)
