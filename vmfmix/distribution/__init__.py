"""The von Mises-Fisher distribution as functions of arrays."""

from vmfmix.distribution.functions import (
    concentration,
    entropy,
    kl_divergence,
    kl_from_uniform,
    log_normalizer,
    log_prob,
    mean_resultant_length,
    mean_resultant_length_derivative,
    sample,
)

__all__ = [
    "concentration",
    "entropy",
    "kl_divergence",
    "kl_from_uniform",
    "log_normalizer",
    "log_prob",
    "mean_resultant_length",
    "mean_resultant_length_derivative",
    "sample",
]
