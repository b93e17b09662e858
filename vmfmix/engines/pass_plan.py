"""Plan of one pass over rows in memory: the mixture in kernel form and the permitted shortcuts."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vmfmix.engines import kernels
from vmfmix.engines.bfloat16 import ApproximateScorer

# Mass of the responsibilities that a row may lose to the cut-off, by precision.
LOST_MASS = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-12}


class PassPlan(NamedTuple):
    """A mixture in the form that a pass needs, and the shortcuts that the pass takes.

    Parameters
    ----------
    mixture : kernels.Mixture
    scorer : ApproximateScorer or None
        For approximate scores of all components before the exact ones.
    candidates : kernels.CandidateLists
        Lists to read (with a `drift` only) and to write; empty if none are kept.
    natural : ndarray of shape (K, d), float64, or None
        η_k, with which the next pass measures the movement of the components; None if the pass
        never keeps candidates.
    drift : kernels.Drift or None
        Movement of the components since the last pass if its candidates are reused.
    movers : kernels.Mixture or None
        The components that have moved most, which are scored for every row.
    mover_scorer : ApproximateScorer or None
        For approximate scores of the movers.
    has_few_components : bool
        Whether the kernel for few components does the pass, which takes no shortcuts.
    """

    mixture: kernels.Mixture
    scorer: ApproximateScorer | None
    candidates: kernels.CandidateLists
    natural: NDArray[np.float64] | None = None
    drift: kernels.Drift | None = None
    movers: Any = None
    mover_scorer: ApproximateScorer | None = None
    has_few_components: bool = False

    @property
    def n_components(self) -> int:
        """Number of components of the mixture."""
        return len(self.mixture.offsets)


def kernel_mixture(
    natural: np.ndarray,
    center_scores: NDArray[np.float64],
    offsets: NDArray[np.float64],
    *,
    scorer: ApproximateScorer | None,
    cutoff: float,
    hard: bool,
) -> kernels.Mixture:
    """Return a mixture in kernel form; margins of approximate scores enter its upper bounds.

    Parameters
    ----------
    natural : ndarray
        In the layout and the precision of the pass.
    center_scores, offsets : ndarray of shape (K,)
    scorer : ApproximateScorer or None
    cutoff : float
        See `kernels.Mixture`.
    hard : bool

    Returns
    -------
    kernels.Mixture
    """
    bound_offsets, window, bound_dtype = offsets, cutoff + kernels.SLACK, natural.dtype
    if scorer is not None:
        bound_offsets, bound_dtype = offsets + scorer.margins, np.dtype(np.float32)
        largest = np.abs(bound_offsets[np.isfinite(offsets)]).max(initial=0.0)
        rounding = np.finfo(np.float32).eps * largest
        window += 2.0 * (scorer.margins.max(initial=0.0) + rounding)
    return kernels.Mixture(
        natural=natural,
        center_scores=center_scores,
        offsets=offsets,
        bound_center_scores=center_scores.astype(bound_dtype),
        bound_offsets=bound_offsets.astype(bound_dtype),
        window=window,
        cutoff=cutoff,
        lost_mass=LOST_MASS[natural.dtype],
        hard=bool(hard),
    )
