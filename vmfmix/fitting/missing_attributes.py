"""Errors that say why a model lacks a fitted attribute, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sklearn.exceptions import NotFittedError


class ExplainsMissingAttributes:
    """Base of estimators whose missing fitted attributes raise an AttributeError with a remedy."""

    _fitted_attribute: ClassVar[str]
    """An attribute that every fitted model has."""
    _missing_attributes: ClassVar[Mapping[str, str]] = {}
    """For each attribute that a fitted model may lack, why it does and what to do."""

    def __getattr__(self, name: str) -> Any:
        """Raise an AttributeError; Python calls this for attributes that do not exist."""
        if name.endswith("_") and not name.startswith("_"):
            if self._fitted_attribute not in vars(self):
                raise NotFittedError(
                    f"This {type(self).__name__} is not fitted, so it has no {name}; call fit "
                    "first."
                )
            if name in self._missing_attributes:
                reason = self._missing_attributes[name].format_map(vars(self))
                # With `name`, Python does not suggest another attribute.
                raise AttributeError(f"This model has no {name}, {reason}", name=name)
        # Properties and conditional methods raise their own errors again.
        return object.__getattribute__(self, name)
