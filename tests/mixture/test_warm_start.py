"""Continued and interrupted fits of `VMFMixture`."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from vmfmix import VMFMixture, load
from vmfmix.datasets import make_vmf_mixture
from vmfmix.fitting.reporter import Reporter


@pytest.mark.filterwarnings("ignore:Number of clusters found")
@pytest.mark.parametrize("concentration", ["tied", "free"])
def test_warm_start_continues_and_lower_bound_never_decreases(planted, concentration):
    X = planted[0]
    model = VMFMixture(
        6,
        concentration=concentration,
        max_iter=1,
        warm_start=True,
        init_params="random",
        random_state=0,
    )
    bounds = [model.fit(X).lower_bound_ for _ in range(30)]
    assert np.diff(bounds).min() >= -1e-10
    assert bounds[-1] > bounds[0] + 1e-3
    straight = VMFMixture(
        6, concentration=concentration, max_iter=30, tol=0, init_params="random", random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        straight.fit(X)
    n = len(straight.lower_bounds_)
    np.testing.assert_allclose(bounds[:n], straight.lower_bounds_, rtol=1e-9)


@pytest.fixture
def interrupt_fit(monkeypatch):
    """Return a function that fits a model and interrupts it in an EM iteration."""

    def fit(model, X, iteration):
        def interrupt(reporter, now, bound, n_components):
            if now == iteration:
                raise KeyboardInterrupt
            return report(reporter, now, bound, n_components)

        report = Reporter.iteration
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Reporter, "iteration", interrupt)
            model.fit(X)
        return model

    return fit


@pytest.mark.parametrize("options", [{}, {"merge": None}, {"concentration": "tied"}])
def test_warm_start_resumes_interrupted_fit(interrupt_fit, options):
    X, _ = make_vmf_mixture(900, 16, 4, concentration=20.0, random_state=0)
    fresh = VMFMixture(4, tol=1e-9, random_state=0, warm_start=True, **options)
    whole = clone(fresh).fit(X)
    model = interrupt_fit(clone(fresh), X, 3)
    assert not any(name.endswith("_") for name in vars(model))
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.fit(X)
    assert model.lower_bounds_[0] > whole.lower_bounds_[1]
    assert model.n_iter_ < whole.n_iter_
    np.testing.assert_array_equal(model.labels_, whole.labels_)
    np.testing.assert_allclose(model.concentrations_, whole.concentrations_, rtol=1e-3)
    assert hasattr(model, "merge_history_") == hasattr(whole, "merge_history_")
    if hasattr(model, "merge_history_"):
        np.testing.assert_array_equal(model.merge_history_.children, whole.merge_history_.children)
    assert model.fit(X).n_iter_ <= 2


def test_interrupted_warm_start_keeps_attributes_and_resumes(interrupt_fit):
    X, _ = make_vmf_mixture(900, 16, 4, concentration=20.0, random_state=0)
    model = VMFMixture(4, tol=0.0, max_iter=2, random_state=0, warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        before = vars(model.fit(X)).copy()
        interrupt_fit(model.set_params(max_iter=4), X, 2)
        for name in before:
            if name.endswith("_"):
                assert vars(model)[name] is before[name]
        assert model.fit(X).lower_bounds_[0] > before["lower_bound_"]


def test_interrupted_fit_without_warm_start_is_forgotten(interrupt_fit):
    X, _ = make_vmf_mixture(900, 16, 4, concentration=20.0, random_state=0)
    fresh = VMFMixture(4, random_state=0)
    model = interrupt_fit(clone(fresh), X, 1)
    assert vars(model).keys() == vars(fresh).keys()
    np.testing.assert_array_equal(model.fit(X).lower_bounds_, fresh.fit(X).lower_bounds_)


def test_resumed_fit_continues_best_of_several_starts():
    X, _ = make_vmf_mixture(900, 16, 10, concentration=60.0, random_state=0)
    options = {"merge": None, "init_params": "random", "concentration": "tied", "tol": 1e-9}
    first = VMFMixture(10, random_state=0, **options)
    model = VMFMixture(10, n_init=4, random_state=0, warm_start=True, **options)
    better = first.fit(X).lower_bound_
    calls = []

    def interrupt(reporter, now, bound, n_components):
        calls.append(reporter)
        if len(set(calls)) == 2:
            raise KeyboardInterrupt
        return report(reporter, now, bound, n_components)

    report = Reporter.iteration
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Reporter, "iteration", interrupt)
        model.fit(X)
    assert model.fit(X).lower_bound_ >= better - 1e-6


@pytest.mark.parametrize(
    "changed",
    [{"n_components": 5}, {"n_components": 3}, {"background": True}, {"center": True}, "features"],
)
def test_warm_start_rejects_fit_of_another_kind(planted, changed):
    X = planted[0]
    model = VMFMixture(4, random_state=0, warm_start=True).fit(X)
    if changed == "features":
        X = X[:, :10]
    else:
        model.set_params(**changed)
    with pytest.raises(ValueError, match="warm_start=True cannot continue the last fit"):
        model.fit(X)
    model.set_params(n_components=4, background=False, center=False).fit(planted[0])


def test_warm_start_accepts_another_concentration(planted):
    X, _, truth = planted
    for first, second in [("free", "tied"), ("tied", "free"), ("free", 40.0), (40.0, "tied")]:
        warm = VMFMixture(4, means_init=truth.means, concentration=first, warm_start=True).fit(X)
        warm.set_params(concentration=second).fit(X)
        cold = VMFMixture(4, means_init=truth.means, concentration=second).fit(X)
        assert warm.lower_bound_ == pytest.approx(cold.lower_bound_, abs=1e-3)
        np.testing.assert_allclose(warm.concentrations_, cold.concentrations_, rtol=1e-2)


def test_warm_start_keeps_number_found_by_auto(planted, tmp_path):
    X = planted[0]
    model = VMFMixture(random_state=0, warm_start=True).fit(X)
    isotropy, bound = model.isotropy_, model.lower_bound_
    model.fit(X)
    assert model.n_components_ == 4
    assert model.isotropy_ == isotropy
    assert model.lower_bound_ >= bound - 1e-3
    assert model.merge_to(7).n_components_ == 7
    model.save(tmp_path / "model.npz")
    continued = load(tmp_path / "model.npz").fit(X)
    assert continued.n_components_ == 4
    assert continued.isotropy_ == isotropy
    np.testing.assert_allclose(continued.concentrations_, model.concentrations_, rtol=0.05)


def test_warm_start_with_another_concentration_estimates_new_prior(planted):
    X = planted[0]
    X = np.hstack([X, np.zeros((len(X), 60))])  # the clusters scatter in few directions
    cold = {
        kind: VMFMixture(**{"n_components": 4, "concentration": kind, "random_state": 0}).fit(X)
        for kind in ("pooled", "free", "tied")
    }
    assert np.ptp(cold["pooled"].concentrations_) < 0.5 * np.ptp(cold["free"].concentrations_)
    for first, then in (("pooled", "free"), ("tied", "pooled"), ("free", "pooled")):
        model = VMFMixture(4, concentration=first, random_state=0, warm_start=True).fit(X)
        model.set_params(concentration=then).fit(X)
        np.testing.assert_allclose(
            np.sort(model.concentrations_), np.sort(cold[then].concentrations_), rtol=0.03
        )
        assert hasattr(model, "isotropy_") == (then == "pooled")


def test_warm_start_rejects_auto_after_fixed_number(planted):
    model = VMFMixture(2, merge=None, random_state=0, warm_start=True).fit(planted[0])
    with pytest.raises(ValueError, match="warm_start=True cannot continue the last fit"):
        model.set_params(n_components="auto", merge="likelihood").fit(planted[0])
