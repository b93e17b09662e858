"""What a pass may take over from the last one, so that it need not score all components again.

After a pass, each row keeps its candidates, the components whose log joints came near its largest,
and a bound on all others. When the mixture has changed a little, the bound is raised by how far
components have moved:

    log joint = u·η + o,  u·(η' − ρη) + (o' − ρo) ≤ ‖η' − ρη‖ + (o' − ρo)  for a unit row u,

for every component and any ρ > 0, here the common change of the concentrations. Where the raised
bound still lies below the cut-off, the candidates are all that matters, exactly as if all
components had been scored; the other rows are scored anew. The few components that have moved most
are scored for every row, so that the bound need not allow for them. The idea is Hamerly's and
Elkan's for k-means [1]_ [2]_, with mass in the place of the nearest mean.

References
----------
.. [1] C. Elkan (2003). Using the triangle inequality to accelerate k-means. ICML.
.. [2] G. Hamerly (2010). Making k-means even faster. SDM.
"""

import numpy as np

from vmfmix.engines import kernels

_CANDIDATES = 6  # of a row, at most
_FEW = 4.0  # log joints evaluated of a row, from which on candidates are worth keeping
_SPARE = 12.0  # nats
_SAMPLE = 4096  # rows that a plan is made from
_FEWEST_COMPONENTS = 64
_FEWEST_PRODUCTS_OF_A_ROW = 20_000
_LEAST_CONCENTRATION = 4 * _SPARE  # below, all log joints are nearly the same
_SHARES_OF_MOVERS = (0.0, 1 / 128, 1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4)
# Of a pass without recall: what one may cost by plan, and the cost of a row whose candidates hold
# times the number of components. A first look makes the pass cheaper, but not these.
_MOST_COST, _COST_OF_A_ROW = 0.75, 30.0
_MOST_COST_WITH_A_LOOK, _COST_OF_A_ROW_WITH_A_LOOK = 0.5, 150.0


def _memory(n_rows, spare):
    return kernels.CandidateLists(
        candidates=np.empty((n_rows, _CANDIDATES), np.int32),
        candidate_bounds=np.empty((n_rows, _CANDIDATES), np.float32),
        bounds=np.empty(n_rows, np.float32),
        spare=spare,
    )


NOTHING = _memory(0, 0.0)


def is_worthwhile(n_components, n_features, concentration):
    """Whether passes of this size and up to this concentration should keep a memory."""
    return (
        n_components >= _FEWEST_COMPONENTS
        and n_components * n_features >= _FEWEST_PRODUCTS_OF_A_ROW
        and concentration >= _LEAST_CONCENTRATION
    )


class CandidateCache:
    """Candidates and bounds of rows from one pass to the next.

    Parameters
    ----------
    n_rows : int
    """

    def __init__(self, n_rows):
        self._n_rows = n_rows
        self._memory = NOTHING
        self._last = None
        self._pays = False
        self._rest = 0  # passes to sit out before candidates are kept again
        self._next_rest = 1

    def memory(self):
        """What a pass should write to: nothing while too many components matter to each row."""
        if not self._pays:
            return NOTHING
        if self._memory is NOTHING:
            self._memory = _memory(self._n_rows, _SPARE)
        return self._memory

    def keep(self, natural, offsets, n_evaluated):
        """A pass with these parameters is complete: its memory may be relied on.

        `n_evaluated` is how many log joints had to be evaluated of a row.
        """
        self._last = (natural, offsets) if self._pays else None
        if self._pays and n_evaluated > _CANDIDATES:
            self._pays = False
            self._rest, self._next_rest = self._next_rest, 2 * self._next_rest
        elif self._rest:
            self._rest -= 1
        elif not self._pays:
            self._pays = n_evaluated <= _FEW

    def plan(self, natural, offsets, cutoff, looks):
        """The kernels.Drift since the last pass if that saves work, or None.

        What is remembered is no longer relied on until `keep` is called, as the pass may fail.
        """
        last, self._last = self._last, None
        if last is None or not self._pays or last[0].shape != natural.shape:
            return None
        n_components = len(natural)
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

        every = max(self._n_rows // _SAMPLE, 1)
        highest = self._memory.candidate_bounds[::every, 0]
        bounds = self._memory.bounds[::every]
        margins = ratio * (highest.astype(np.float64) - bounds) - cutoff + np.median(raised)
        order = np.argsort(-moved)
        most = _MOST_COST_WITH_A_LOOK if looks else _MOST_COST
        of_a_row = _COST_OF_A_ROW_WITH_A_LOOK if looks else _COST_OF_A_ROW
        best = most, 0
        for share in _SHARES_OF_MOVERS:
            n_movers = int(share * n_components)
            still = moved[order[n_movers]]
            cost = share + np.mean(margins <= still + kernels.SLACK)
            cost += of_a_row / n_components
            best = min(best, (cost, n_movers + 1))
        n_movers = best[1] - 1
        if n_movers < 0:
            return None
        movers = np.sort(order[:n_movers]).astype(np.int32)
        is_mover = np.zeros(n_components, bool)
        is_mover[movers] = True
        return kernels.Drift(ratio, moved, float(moved[order[n_movers]]), movers, is_mover)
