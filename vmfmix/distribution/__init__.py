"""The von Mises-Fisher distribution as functions of arrays.

`density` contains the normalizing constant and the density, `moments` the mean resultant length
A(κ) and its inverse, `divergence` the entropy and divergences, `sampling` the sampler. All use the
scalar functions of `expansion`.
"""

from vmfmix.distribution.density import log_normalizer, log_prob
from vmfmix.distribution.divergence import entropy, kl_divergence, kl_from_uniform
from vmfmix.distribution.moments import (
    concentration,
    mean_resultant_length,
    mean_resultant_length_derivative,
)
from vmfmix.distribution.sampling import sample

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
