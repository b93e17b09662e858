"""The estimator `VMFMixture`: `fit` in `estimator`, and its other methods by kind of use."""

from vmfmix.mixture.estimator import VMFMixture

__all__ = ["VMFMixture"]
