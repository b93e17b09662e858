"""Interfaces of scikit-learn that are private, or missing from older versions."""

import numpy as np
import pytest

from vmfmix import VMFMixture
from vmfmix.fitting.sklearn_compat import (
    CallbackSupportMixin,
    validate_parameters_before,
    validate_weights,
)


def test_validate_weights_returns_float64():
    weights = validate_weights([1, 2, 3], np.eye(3))
    assert weights.dtype == np.float64
    np.testing.assert_array_equal(weights, [1, 2, 3])


def test_validate_weights_copies_on_request():
    weights = np.ones(3)
    assert np.shares_memory(validate_weights(weights, np.eye(3)), weights)
    assert not np.shares_memory(validate_weights(weights, np.eye(3), copy=True), weights)


@pytest.mark.parametrize(
    ("weights", "message"),
    [([1, -1, 1], "Negative values"), ([1, np.inf, 1], "infinity"), ([1, 1], "sample_weight")],
)
def test_validate_weights_rejects_unusable_weights(weights, message):
    with pytest.raises(ValueError, match=message):
        validate_weights(weights, np.eye(3))


def test_validate_parameters_before_rejects_invalid_parameters():
    class Estimator(VMFMixture):
        @validate_parameters_before
        def fit(self, X, y=None):
            return self

    assert isinstance(Estimator(3).fit(None), Estimator)
    with pytest.raises(ValueError, match="'n_components' parameter of Estimator must be"):
        Estimator(0).fit(None)


def test_callback_context_works_in_any_version_of_sklearn():
    assert issubclass(VMFMixture, CallbackSupportMixin)
    context = VMFMixture()._init_callback_context(max_subtasks=1)
    assert not context.subcontext(task_name="iteration").call_on_fit_task_end(
        estimator=VMFMixture()
    )
