"""The private state of an estimator, from which later fits continue."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.fitting.state import EstimatorState, LastFit, shared_options
from vmfmix.model.statistics import MixtureParameters


@pytest.fixture(scope="module")
def rows():
    return make_vmf_mixture(300, 8, 3, concentration=40.0, random_state=0)[0]


def last_fit_of(estimator, n_features=8):
    weights = np.full(4, 0.25)
    parameters = MixtureParameters(
        weights, np.eye(4, n_features), np.ones(4), has_background=estimator.background
    )
    return LastFit(parameters, shared_options(estimator))


def test_shared_options_are_read_from_the_estimator():
    estimator = VMFMixture(3, concentration="free", center=True)
    expected = {"n_components": 3, "concentration": "free", "center": True}
    assert shared_options(estimator) == expected


@pytest.mark.parametrize(
    "changed", [{}, {"concentration": 30.0}, {"max_iter": 7}, {"random_state": 1}]
)
def test_validate_continuation_accepts_parameters_that_may_change(changed):
    estimator = VMFMixture(4)
    last = last_fit_of(estimator)
    last.validate_continuation(estimator.set_params(**changed), 8)


@pytest.mark.parametrize(
    ("changed", "n_features"),
    [
        ({"n_components": 5}, 8),
        ({"n_components": "auto"}, 8),
        ({"background": True}, 8),
        ({"center": True}, 8),
        ({}, 9),
    ],
)
def test_validate_continuation_rejects_another_kind_of_fit(changed, n_features):
    estimator = VMFMixture(4)
    last = last_fit_of(estimator)
    with pytest.raises(ValueError, match="warm_start=True cannot continue the last fit"):
        last.validate_continuation(estimator.set_params(**changed), n_features)


def test_state_cannot_be_changed_in_place():
    with pytest.raises(FrozenInstanceError):
        EstimatorState().stream = None


def test_state_after_fit_has_the_last_fit_alone(rows):
    state = VMFMixture(3, random_state=0, warm_start=True).fit(rows)._state
    assert state.stream is None
    assert state.interrupted is None
    assert state.last.weight == len(rows)
    assert state.last.n_components == 3
    assert state.last.merged is None  # needed only to resume an interrupted fit
    assert state.last.iterations == []


def test_state_after_partial_fit_has_a_stream(rows):
    state = VMFMixture(3, random_state=0).partial_fit(rows)._state
    assert state.stream.n_rows == len(rows)
    assert state.last is not None


def test_state_is_not_saved(rows, tmp_path):
    model = VMFMixture(3, random_state=0).fit(rows)
    model.save(tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as stored:
        assert not any("_state" in name.split(".") for name in stored.files)
