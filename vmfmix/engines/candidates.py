"""Candidate components of each row, kept between passes so that a pass need not score all of them.

After a pass, each row keeps its candidates, the components whose log joints came near its largest
one, and an upper bound on the log joints of all others. When the mixture has changed a little, the
bound is raised by how far the components have moved:

    log joint = u·η + o,  u·(η' − ρη) + (o' − ρo) ≤ ‖η' − ρη‖ + (o' − ρo)  for a unit row u,

for every component and any ρ > 0, here the common change of the concentrations. Where the raised
bound is still below the cut-off, scoring the candidates gives the same result as scoring all
components. All components are scored for the other rows. The few components that have moved most
are scored for every row, so that the bound need not allow for their movement. The bounds are those
of Elkan and Hamerly for k-means [1]_ [2]_, with probability mass in place of the nearest mean.

References
----------
.. [1] C. Elkan (2003). Using the triangle inequality to accelerate k-means. ICML.
.. [2] G. Hamerly (2010). Making k-means even faster. SDM.
"""

import numpy as np
from numpy.typing import NDArray

from vmfmix.engines import kernels

_CANDIDATES = 6  # of a row, at most
_FEW_EVALUATIONS = 4.0  # log joints per row at or below which keeping candidates is worthwhile
_MARGIN = 12.0  # nats below the cut-off within which a component is still a candidate
_SAMPLED_ROWS = 4096  # from which the cost of a pass is predicted
_FEWEST_COMPONENTS = 64
_FEWEST_PRODUCTS_PER_ROW = 20_000
_LEAST_CONCENTRATION = 4 * _MARGIN  # below it, all log joints are nearly the same
_SHARES_OF_MOVERS = (0.0, 1 / 128, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4)
# Relative to the cost of a pass without candidates: the largest predicted cost at which they are
# used, and the cost of a row with sufficient candidates times the number of components. Approximate
# scores make the whole pass cheaper, but not such a row.
_LARGEST_COST, _COST_PER_ROW = 0.75, 30.0
_LARGEST_COST_WITH_APPROXIMATE_SCORES, _COST_PER_ROW_WITH_APPROXIMATE_SCORES = 0.5, 150.0


def _allocate(n_rows: int, margin: float) -> kernels.CandidateLists:
    return kernels.CandidateLists(
        components=np.empty((n_rows, _CANDIDATES), np.int32),
        bounds=np.empty((n_rows, _CANDIDATES), np.float32),
        other_bounds=np.empty(n_rows, np.float32),
        margin=margin,
    )


NO_CANDIDATES = _allocate(0, 0.0)


def is_worthwhile(n_components: int, n_features: int, largest_concentration: float) -> bool:
    """Return whether candidates may make passes of this size and concentration faster."""
    return (
        n_components >= _FEWEST_COMPONENTS
        and n_components * n_features >= _FEWEST_PRODUCTS_PER_ROW
        and largest_concentration >= _LEAST_CONCENTRATION
    )


class CandidateCache:
    """The candidates of all rows of an engine, and the decision whether a pass uses them.

    Parameters
    ----------
    n_rows : int
    """

    def __init__(self, n_rows: int) -> None:
        self._n_rows = n_rows
        self._lists = NO_CANDIDATES
        # Natural parameters and offsets of the pass that wrote the candidates.
        self._last_parameters: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        self._is_active = False
        self._passes_to_wait = 0  # before candidates are kept again
        self._next_wait = 1

    def lists(self) -> kernels.CandidateLists:
        """Return the lists that a pass writes to, empty while too many components matter."""
        if not self._is_active:
            return NO_CANDIDATES
        if self._lists is NO_CANDIDATES:
            self._lists = _allocate(self._n_rows, _MARGIN)
        return self._lists

    def record_pass(
        self, natural: NDArray[np.float64], offsets: NDArray[np.float64], n_evaluated: float
    ) -> None:
        """Record that a pass is complete, so that the candidates that it wrote are valid.

        Parameters
        ----------
        natural : ndarray of shape (K, d)
        offsets : ndarray of shape (K,)
        n_evaluated : float
            Number of log joints that were evaluated exactly, per row.
        """
        self._last_parameters = (natural, offsets) if self._is_active else None
        if self._is_active and n_evaluated > _CANDIDATES:
            self._is_active = False
            self._passes_to_wait, self._next_wait = self._next_wait, 2 * self._next_wait
        elif self._passes_to_wait:
            self._passes_to_wait -= 1
        elif not self._is_active:
            self._is_active = n_evaluated <= _FEW_EVALUATIONS

    def plan(
        self,
        natural: NDArray[np.float64],
        offsets: NDArray[np.float64],
        cutoff: float,
        *,
        is_approximate: bool,
    ) -> kernels.Drift | None:
        """Return the movement since the last pass if reusing its candidates saves work, or None.

        Invalidates the candidates until `record_pass` is called, since the pass may fail.

        Parameters
        ----------
        natural : ndarray of shape (K, d)
        offsets : ndarray of shape (K,)
        cutoff : float
            See `kernels.Mixture`.
        is_approximate : bool
            Whether the pass computes approximate scores before the exact ones.

        Returns
        -------
        kernels.Drift or None
        """
        last, self._last_parameters = self._last_parameters, None
        if last is None or not self._is_active or last[0].shape != natural.shape:
            return None
        lengths, before = np.linalg.norm(natural, axis=1), np.linalg.norm(last[0], axis=1)
        if not (before > 0).any():
            return None
        ratio = float(np.median(lengths[before > 0] / before[before > 0]))
        if ratio <= 0:
            return None
        with np.errstate(invalid="ignore"):
            raised = offsets - ratio * last[1]
        raised = np.where(offsets == -np.inf, -np.inf, raised)
        moved = np.linalg.norm(natural - ratio * last[0], axis=1) + raised
        order = np.argsort(-moved)
        # For a typical row, assume that its best component moves like the median component.
        gaps = self._sampled_gaps(ratio) - cutoff + np.median(raised)
        n_movers = _cheapest_number_of_movers(gaps, moved[order], is_approximate)
        if n_movers is None:
            return None
        movers = np.sort(order[:n_movers]).astype(np.int32)
        is_mover = np.zeros(len(natural), bool)
        is_mover[movers] = True
        return kernels.Drift(ratio, moved, float(moved[order[n_movers]]), movers, is_mover)

    def _sampled_gaps(self, ratio: float) -> NDArray[np.float64]:
        """Return best candidate minus bound on the others for a sample of rows, times `ratio`."""
        step = max(self._n_rows // _SAMPLED_ROWS, 1)
        best = self._lists.bounds[::step, 0]
        gaps: NDArray[np.float64] = best.astype(np.float64) - self._lists.other_bounds[::step]
        return ratio * gaps


def _cheapest_number_of_movers(
    gaps: NDArray[np.float64], moved: NDArray[np.float64], is_approximate: bool
) -> int | None:
    """Return the number of movers with the least predicted cost, or None if all cost too much.

    Parameters
    ----------
    gaps : ndarray of shape (n_rows,)
        Least movement of the other components that makes the candidates of a row insufficient.
    moved : ndarray of shape (K,)
        Movement of the components, in descending order.
    is_approximate : bool
    """
    n_components = len(moved)
    least_cost, cost_per_row = _LARGEST_COST, _COST_PER_ROW
    if is_approximate:
        least_cost = _LARGEST_COST_WITH_APPROXIMATE_SCORES
        cost_per_row = _COST_PER_ROW_WITH_APPROXIMATE_SCORES
    cheapest = None
    for share in _SHARES_OF_MOVERS:
        n_movers = int(share * n_components)
        cost = share + np.mean(gaps <= moved[n_movers] + kernels.SLACK)
        cost += cost_per_row / n_components
        if cost < least_cost:
            least_cost, cheapest = cost, n_movers
    return cheapest
