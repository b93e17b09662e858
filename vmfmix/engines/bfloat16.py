"""First looks: scores of a block from a product in bfloat16, where the processor has one.

A row leaves all but a few components so far behind that an inexact score tells it. Processors with
instructions for bfloat16 make an inexact product several times as fast as an exact one; torch knows
how to use them. What a look leaves in doubt is evaluated exactly, so a look changes the speed of a
pass, and its result within the stated bound alone.
"""

import sys
from functools import cache

import numpy as np

from vmfmix.engines import kernels

_FEWEST_FLOPS_OF_A_ROW = 40_000  # of its product, that a look pays for
_FLOPS_WORTH_AN_IMPORT = 2e10  # of a product: torch takes about a second to import
_ROUNDING = 2.0**-8  # of a number in bfloat16, relative
_ROUNDING_OF_SUMS = 2.0**-23  # of a term of a float32 sum, relative


@cache
def _has_instructions():
    """Whether the processor multiplies bfloat16 numbers faster than float32."""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    return any(features.get(name, False) for name in ("amx-bf16", "avx512bf16"))


def is_worthwhile(n_rows, n_features, n_components):
    """Whether passes of this size should take a first look."""
    flops_of_a_row = 2.0 * n_features * n_components
    if flops_of_a_row < _FEWEST_FLOPS_OF_A_ROW or not _has_instructions():
        return False
    large = n_rows * flops_of_a_row >= _FLOPS_WORTH_AN_IMPORT
    return ("torch" in sys.modules or large) and _torch() is not None


@cache
def _torch():
    """torch, or None where it is not installed or cannot be imported."""
    try:
        import torch
    except Exception:  # whatever a broken installation raises: a look is no more than a shortcut
        return None
    return torch


def rows_per_block(n_components):
    """Rows of a block that suit the product and its results in the caches."""
    return min(max(2**19 // n_components, 512), 2048)


class ApproximateScorer:
    """The natural parameters of a mixture in bfloat16, to be multiplied with unit rows.

    Parameters
    ----------
    natural : ndarray of shape (K, d), float64
    center : ndarray of shape (d,)
    dtype : numpy dtype
        Of the rows.

    Attributes
    ----------
    margins : ndarray of shape (K,)
        What the score of a unit row may be too low by, in nats: with the rounding u of a number in
        bfloat16, |x·η − fl(x̃·η̃)| ≤ ‖x − x̃‖‖η‖ + ‖x̃‖‖η − η̃‖ + rounding of the sum and of the
        result, where ‖x − x̃‖ ≤ u.
    """

    def __init__(self, natural, center, dtype):
        n_components, n_features = natural.shape
        rounded = np.empty(natural.shape, np.uint16)
        as_they_are = np.ones(n_components), np.zeros(n_components), np.zeros(n_features)
        kernels.write_unit_rows(natural, *as_they_are, rounded)
        lengths = np.linalg.norm(natural, axis=1)
        lost = np.linalg.norm(natural - (rounded.astype(np.uint32) << 16).view(np.float32), axis=1)
        of_sums = n_features * _ROUNDING_OF_SUMS
        self.margins = 1.01 * (lengths * (2 * _ROUNDING + of_sums) + lost)
        self._columns = self._seen(rounded).T
        self._center = center.astype(dtype)

    def write_scores(self, block, about, scratch):
        """Scores of a block of rows as a view of scratch, to be seen as bfloat16 by the kernels."""
        rows = scratch.unit_rows[: len(block)]
        scores = kernels.first_of(scratch.looks, (len(block), len(self.margins)))
        kernels.write_unit_rows(block, about.scale, about.shift, self._center, rows)
        _torch().mm(self._seen(rows), self._columns, out=self._seen(scores))
        return scores

    @staticmethod
    def _seen(bits):
        return _torch().from_numpy(bits.view(np.int16)).view(_torch().bfloat16)
