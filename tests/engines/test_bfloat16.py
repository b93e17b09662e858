"""Approximate scores change the speed of a pass only, on any processor."""

import numpy as np
import pytest

from tests.engines.test_cpu import TOLERANCE, assert_same_statistics, use_general_kernels
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines import bfloat16, cpu, kernels
from vmfmix.engines.choice import choose_engine
from vmfmix.model.statistics import MixtureParameters

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def general_kernels(monkeypatch):
    """Use approximate scores for passes of any size."""
    use_general_kernels(monkeypatch)


def mixture(n_rows=3000, n_features=32, n_components=200, concentration=60.0):
    X, _, truth = make_vmf_mixture(
        n_rows,
        n_features,
        n_components,
        concentration=concentration,
        random_state=0,
        return_parameters=True,
    )
    lengths = np.random.default_rng(0).uniform(0.1, 10.0, size=(n_rows, 1))
    return X * lengths, MixtureParameters(truth.weights, truth.means, truth.concentrations)


@pytest.mark.parametrize("n_features", [3, 64, 768])
@pytest.mark.parametrize("centered", [False, True])
def test_error_of_approximate_scores_is_within_margin(n_features, centered):
    X, parameters = mixture(500, n_features)
    X = X.astype(np.float32)
    center = 0.3 * parameters.means[0] if centered else np.zeros(n_features)
    engine = choose_engine(X, center=center if centered else None)
    scorer = bfloat16.ApproximateScorer(parameters.natural, center, engine.dtype)
    exact = engine._plan_pass(parameters, may_approximate=False).mixture
    scratch = kernels.Scratch.allocate(len(X), len(exact.offsets), n_features, X.dtype)
    scores = scorer.write_scores(X, engine._row_factors(slice(0, len(X))), scratch)
    scores = torch.from_numpy(scores.view(np.int16)).view(torch.bfloat16).to(torch.float64).numpy()
    unit, _ = engine.sample(len(X), None)
    errors = unit.astype(np.float64) @ parameters.natural.T - scores
    assert (np.abs(errors) <= scorer.margins).all()
    assert np.abs(errors).max() > 0.05 * scorer.margins.max()  # the margin is not needlessly large


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("concentration", [10.0, 60.0, 1e5])
@pytest.mark.parametrize("kind", ["soft", "hard", "centered", "weighted"])
def test_results_equal_those_without_approximate_scores(monkeypatch, dtype, concentration, kind):
    X, parameters = mixture(concentration=concentration)
    X = X.astype(dtype)
    X[::50] = 0
    options = {
        "center": 0.2 * parameters.means[0] if kind == "centered" else None,
        "sample_weight": np.arange(len(X)) % 3.0 if kind == "weighted" else None,
    }
    found = {}
    for is_approximate in (True, False):
        monkeypatch.setattr(bfloat16, "is_worthwhile", lambda *size, answer=is_approximate: answer)
        engine = choose_engine(X, **options)
        found[is_approximate] = (
            engine.accumulate(parameters, hard=kind == "hard"),
            engine.assign(parameters),
        )
    tolerance = TOLERANCE[np.float64 if dtype == np.float64 else np.float32]
    assert_same_statistics(found[True][0], found[False][0], tolerance)
    labels, probabilities, log_densities = found[True][1]
    assert (labels != found[False][1].labels).mean() < 1e-3  # ties within rounding
    tolerance *= max(concentration / 100, 1)
    np.testing.assert_allclose(probabilities, found[False][1].probabilities, atol=10 * tolerance)
    np.testing.assert_allclose(log_densities, found[False][1].log_densities, atol=10 * tolerance)


def test_next_pass_is_exact_after_too_little_was_excluded(monkeypatch):
    monkeypatch.setattr(bfloat16, "is_worthwhile", lambda *size: True)
    X, parameters = mixture(concentration=2.0)
    engine = choose_engine(X)
    calls = []
    original = bfloat16.ApproximateScorer.__init__

    def counted(self, *arguments):
        calls.append(True)
        original(self, *arguments)

    monkeypatch.setattr(bfloat16.ApproximateScorer, "__init__", counted)
    for _ in range(4):
        engine.accumulate(parameters)
    assert len(calls) == 2


def test_number_of_torch_threads_is_restored(monkeypatch):
    monkeypatch.setattr(bfloat16, "is_worthwhile", lambda *size: True)
    before = torch.get_num_threads()
    X, parameters = mixture(concentration=1e3)
    engine = choose_engine(X)
    engine.accumulate(parameters)
    assert torch.get_num_threads() == before

    def fail(*arguments):
        raise RuntimeError("stop")

    monkeypatch.setattr(cpu.kernels, "accumulate_approximate", fail)
    with pytest.raises(RuntimeError, match="stop"):
        engine.accumulate(parameters)
    assert torch.get_num_threads() == before


def test_is_worthwhile(monkeypatch):
    monkeypatch.setattr(bfloat16, "_has_instructions", lambda: True)
    assert bfloat16.is_worthwhile(1000, 384, 150)  # torch has been imported
    assert not bfloat16.is_worthwhile(10**6, 64, 20)
    monkeypatch.delitem(bfloat16.sys.modules, "torch")
    assert not bfloat16.is_worthwhile(1000, 384, 150)
    assert bfloat16.is_worthwhile(100_000, 384, 1000)
    monkeypatch.setattr(bfloat16, "_has_instructions", lambda: False)
    assert not bfloat16.is_worthwhile(100_000, 384, 1000)
