"""The engine for rows some of which have known labels, around an engine for the others."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vmfmix import distribution
from vmfmix.engines.base import Assignment, Engine, Matrix, ScoreBlocks
from vmfmix.model.matrices import as_array, row_products, stacked
from vmfmix.model.statistics import FloatArray, MixtureParameters, SufficientStatistics


class KnownRowsEngine(Engine):
    """All rows, where those with a known label belong to the component of this number.

    The sums over the rows with known labels do not depend on the parameters, and are added to those
    of the other rows in each pass.

    Parameters
    ----------
    engine : Engine
        Of all rows.
    others : Engine
        Of the same rows, where those with known labels have the weight 0.
    labels : ndarray of shape (n_rows,), int
        Known labels, from 0 without gaps; -1: unknown.
    sums : SufficientStatistics
        Of the rows with known labels, one component for each label; see
        `vmfmix.engines.row_sums.sums_by_number`.

    Attributes
    ----------
    all_rows : Engine
        The parameter `engine`.
    labels, sums
        The parameters of the same names.
    """

    def __init__(
        self,
        engine: Engine,
        others: Engine,
        labels: NDArray[np.intp],
        sums: SufficientStatistics,
    ) -> None:
        self.all_rows, self.labels, self.sums = engine, labels, sums
        self._others = others
        self.n_rows, self.n_features, self.dtype = engine.n_rows, engine.n_features, engine.dtype
        self.n_zero_rows, self.n_used_rows = engine.n_zero_rows, engine.n_used_rows
        self.is_first = engine.is_first

    @property
    def n_labels(self) -> int:
        """Number of different known labels."""
        return len(self.sums.counts)

    @property
    def used_rows(self) -> NDArray[np.intp]:
        """Positions of the rows with a direction and a positive weight, in ascending order."""
        return self.all_rows.used_rows

    def accumulate(
        self, parameters: MixtureParameters, *, hard: bool = False
    ) -> SufficientStatistics:
        """Return the sufficient statistics of all rows under a mixture, in one pass.

        Parameters
        ----------
        parameters : MixtureParameters
            With a component for each known label.
        hard : bool, default=False
            See `Engine.accumulate`. It makes no difference for rows with known labels.

        Returns
        -------
        SufficientStatistics
        """
        others = self._others.accumulate(parameters, hard=hard)
        n_more = len(parameters.weights) - self.n_labels
        counts, resultants = self.sums.counts, self.sums.resultants
        if sp.issparse(others.resultants):
            padding = sp.csr_array((n_more, self.n_features))
        else:
            resultants, padding = as_array(resultants), np.zeros((n_more, self.n_features))
        known = SufficientStatistics(
            np.append(counts, np.zeros(n_more)),
            stacked([resultants, padding]),
            self._log_likelihood(parameters),
            self.sums.weight,
        )
        return others + known

    def _log_likelihood(self, parameters: MixtureParameters) -> float:
        """Return Σ_i w_i log(π_k f_k(x_i)) over the rows with a known label k."""
        counts, resultants = self.sums.counts, self.sums.resultants
        known = slice(None, len(counts))
        means, concentrations = parameters.means[known], parameters.concentrations[known]
        log_constants = distribution.log_normalizer(concentrations, self.n_features)
        pair = (means, resultants) if sp.issparse(means) else (resultants, means)
        scores = counts * (np.log(parameters.weights[known]) + log_constants)
        return float((scores + concentrations * row_products(*pair)).sum())

    def assign(self, parameters: MixtureParameters) -> Assignment:
        """Return the known label of each row that has one, with probability 1.

        For the other rows, return the most probable component. Log densities of all rows are those
        of the mixture.
        """
        assignment = self.all_rows.assign(parameters)
        is_known = self.labels >= 0
        labels = np.where(is_known, self.labels, assignment.labels).astype(np.int32)
        probabilities = np.where(is_known, 1.0, assignment.probabilities)
        return Assignment(labels, probabilities, assignment.log_densities)

    def log_joint(self, parameters: MixtureParameters) -> ScoreBlocks:
        """Iterate over (slice of rows, log π_k f_k(x_i) − log C(0)), as if no label was known."""
        return self.all_rows.log_joint(parameters)

    def cosines(self, directions: Matrix) -> ScoreBlocks:
        """Iterate over (slice of rows, x_i·m_k of shape (block, K)) for unit rows m_k."""
        return self.all_rows.cosines(directions)

    def take(self, positions: NDArray[np.intp]) -> tuple[Matrix, FloatArray]:
        """Return the unit rows at some positions, in ascending order, and their weights."""
        return self.all_rows.take(positions)
