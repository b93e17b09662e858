"""Approximate scores of a block of rows, by a product in bfloat16 on processors that support it.

For most rows, all but a few components lie so far below the best one that an approximate score is
enough to exclude them. Processors with instructions for bfloat16 compute an approximate product
several times as fast as an exact one, and torch uses these instructions. The components that
approximate scores do not exclude are scored exactly. Approximate scores thus change the speed of a
pass, but its result only within the bound on the lost mass.
"""

import sys
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vmfmix.engines import kernels

_FEWEST_FLOPS_PER_ROW = 40_000  # of the exact product, which is as fast if it takes fewer
_FLOPS_WORTH_AN_IMPORT = 2e10  # of the exact product: importing torch takes about a second
_ROUNDING = 2.0**-8  # of a number in bfloat16, relative
_ROUNDING_OF_SUMS = 2.0**-23  # of a term of a float32 sum, relative


@cache
def _has_instructions() -> bool:
    """Return whether the processor multiplies bfloat16 numbers faster than float32."""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    return any(features.get(name, False) for name in ("amx-bf16", "avx512bf16"))


def is_worthwhile(n_rows: int, n_features: int, n_components: int) -> bool:
    """Return whether approximate scores are expected to make passes of this size faster."""
    flops_per_row = 2.0 * n_features * n_components
    if flops_per_row < _FEWEST_FLOPS_PER_ROW or not _has_instructions():
        return False
    is_large = n_rows * flops_per_row >= _FLOPS_WORTH_AN_IMPORT
    return ("torch" in sys.modules or is_large) and _torch() is not None


@cache
def _torch() -> Any:
    """Return torch, or None if it is not installed or cannot be imported."""
    try:
        import torch
    except Exception:  # a broken installation may raise anything, and the shortcut is optional
        return None
    return torch


def rows_per_block(n_components: int) -> int:
    """Return a number of rows for which the product and its result fit into the caches."""
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
        Largest amount in nats by which the score of a unit row may be too low. With the rounding u
        of a number in bfloat16, |x·η − fl(x̃·η̃)| ≤ ‖x − x̃‖‖η‖ + ‖x̃‖‖η − η̃‖ + rounding of the
        sum and of the result, where ‖x − x̃‖ ≤ u.
    """

    def __init__(
        self, natural: NDArray[np.float64], center: NDArray[np.float64], dtype: np.dtype[Any]
    ) -> None:
        n_components, n_features = natural.shape
        rounded = np.empty(natural.shape, np.uint16)
        no_change = np.ones(n_components), np.zeros(n_components), np.zeros(n_features)
        kernels.write_unit_rows(natural, *no_change, rounded)
        lengths = np.linalg.norm(natural, axis=1)
        as_float32 = (rounded.astype(np.uint32) << 16).view(np.float32)
        lost = np.linalg.norm(natural - as_float32, axis=1)
        rounding_of_sum = n_features * _ROUNDING_OF_SUMS
        self.margins = 1.01 * (lengths * (2 * _ROUNDING + rounding_of_sum) + lost)
        self._columns = self._as_bfloat16(rounded).T
        self._center = center.astype(dtype)

    def write_scores(
        self, block: np.ndarray, factors: kernels.RowFactors, scratch: kernels.Scratch
    ) -> NDArray[np.uint16]:
        """Return approximate scores of a block of rows, as the bits of bfloat16 numbers.

        The result is a view of `scratch`.
        """
        rows = scratch.unit_rows[: len(block)]
        scores = kernels.leading_view(scratch.approximate_scores, (len(block), len(self.margins)))
        kernels.write_unit_rows(block, factors.scale, factors.shift, self._center, rows)
        _torch().mm(self._as_bfloat16(rows), self._columns, out=self._as_bfloat16(scores))
        return scores

    @staticmethod
    def _as_bfloat16(bits: NDArray[np.uint16]) -> Any:
        return _torch().from_numpy(bits.view(np.int16)).view(_torch().bfloat16)
