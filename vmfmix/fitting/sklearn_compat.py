"""Interfaces of scikit-learn that are private, or missing from older versions.

Only this module imports them, so that a change in scikit-learn affects one file.
``pyproject.toml`` has an upper bound on the version for the same reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:  # scikit-learn before 1.9

    class _NoContext:
        """A callback context that does nothing."""

        def subcontext(self, **kwargs: Any) -> _NoContext:
            return self

        def call_on_fit_task_begin(self, **kwargs: Any) -> _NoContext:
            return self

        def call_on_fit_task_end(self, **kwargs: Any) -> bool:
            return False

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Gives estimators a callback context that does nothing."""

        def _init_callback_context(self, **kwargs: Any) -> _NoContext:
            return _NoContext()

    def _with_callbacks(method: Any) -> Any:
        return method


__all__ = [
    "CallbackSupportMixin",
    "Interval",
    "StrOptions",
    "validate_parameters_before",
    "validate_weights",
    "with_callbacks",
]

Method = TypeVar("Method", bound=Callable[..., Any])


def with_callbacks(method: Method) -> Method:
    """Decorate `fit` so that callbacks are closed when it ends."""
    decorated: Method = _with_callbacks(method)
    return decorated


def validate_parameters_before(method: Method) -> Method:
    """Decorate a method so that the parameters of the estimator are validated first."""
    decorated: Method = _fit_context(prefer_skip_nested_validation=True)(method)
    return decorated


def validate_weights(sample_weight: Any, X: Any, *, copy: bool = False) -> NDArray[np.float64]:
    """Return sample weights as a float64 array; raise ValueError unless they are finite and ≥ 0."""
    weights: NDArray[np.float64] = _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True, copy=copy
    )
    return weights
