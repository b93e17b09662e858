"""Probabilities of known classes for each row, leaving out the label of the row itself."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.linalg.blas import strmm

from vmfmix.inspection.fitted_model import RowsLike
from vmfmix.inspection.rows import blocks_of, take_rows, unit_rows
from vmfmix.inspection.temperature import fit_temperature
from vmfmix.model.matrices import Matrix, as_array, row_lengths
from vmfmix.model.statistics import pooled_concentration

_SHRINKAGE = 0.1  # weight of the isotropic part of the scatter within classes
_MAX_SCATTER_FEATURES = 4096  # above, no matrix of n_features × n_features is made
_LARGEST_LENGTH = 1.0 - 1e-6  # mean resultant length, so that concentrations are finite
_MAX_SAMPLE, _MAX_SAMPLED_SCORES = 2048, 2**20  # rows, and scores, that give the temperature
_SMALLEST = 1e-12  # length, or squared length, of a sum of rows, so that nothing is divided by 0


def class_model(X: RowsLike, codes: NDArray[np.int64], n_classes: int) -> "ClassModel":
    """Return the discriminant of dense rows, or directions of sparse ones and of many features."""
    if sp.issparse(X) or X.shape[1] > _MAX_SCATTER_FEATURES:
        return Directions(X, codes, n_classes)
    return Discriminant(X, codes, n_classes)


class ClassModel(ABC):
    """A model of the rows of each class, estimated in passes over blocks of rows.

    Parameters
    ----------
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
    codes : ndarray of shape (n_samples,), int
        Given class of each row, from 0.
    n_classes : int
    """

    def __init__(self, X: RowsLike, codes: NDArray[np.int64], n_classes: int) -> None:
        self._X, self._codes = X, codes
        self._sizes = np.bincount(codes, minlength=n_classes).astype(np.float64)
        self._sums: Matrix = sum(
            _sums_of_classes(rows, own, n_classes) for _, rows, own in self._blocks()
        )

    def _blocks(self) -> Iterator[tuple[slice, Matrix, NDArray[np.int64]]]:
        """Iterate over (slice of rows, unit rows, their given classes)."""
        for block in blocks_of(self._X, len(self._sizes)):
            yield block, unit_rows(take_rows(self._X, block)), self._codes[block]

    def scores(self) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Iterate over (slice of rows, logs of probabilities, shape (block, n_classes)).

        The probabilities are proportional to the size of the class and to its density, both without
        the row. Their logs are known up to a constant for each row.
        """
        for block, rows, own in self._blocks():
            yield block, self._scores(rows, own)

    def temperature(self) -> float:
        """Return the temperature of the scores, estimated from a sample of the rows.

        The sample is always the same. The only row of a class says nothing about the temperature.
        """
        n_classes = len(self._sizes)
        positions = np.flatnonzero(self._sizes[self._codes] > 1)
        size = max(min(_MAX_SAMPLE, _MAX_SAMPLED_SCORES // n_classes), 1)
        if size < len(positions):
            # Random, since evenly spaced rows may share their place in an order that repeats.
            positions = np.random.RandomState(0).choice(positions, size, replace=False)
            positions.sort()
        scores = np.empty((len(positions), n_classes))
        for block in blocks_of(self._X, n_classes):
            first, last = np.searchsorted(positions, (block.start, block.stop))
            sampled = positions[first:last]
            if len(sampled):
                rows = unit_rows(take_rows(self._X, sampled))
                scores[first:last] = self._scores(rows, self._codes[sampled])
        return fit_temperature(scores, self._codes[positions])

    def _scores(self, rows: Matrix, own: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return logs of probabilities of rows in each class, up to a constant for each row."""
        scores = self._log_densities(rows, own)
        with np.errstate(divide="ignore"):  # log 0 for a class whose only row is the row itself
            scores += np.log(self._sizes)
            scores[np.arange(len(own)), own] += np.log1p(-1.0 / self._sizes[own])
        return scores

    @abstractmethod
    def _log_densities(self, rows: Matrix, own: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return log densities of rows in each class up to a constant, without the row itself."""


class Discriminant(ClassModel):
    """Fisher's discriminant: normal distributions with the scatter within classes in common."""

    def __init__(self, X: RowsLike, codes: NDArray[np.int64], n_classes: int) -> None:
        super().__init__(X, codes, n_classes)
        means = (self._sums / self._sizes[:, None]).astype(np.float32)
        scatter = np.zeros((X.shape[1], X.shape[1]))
        for _, rows, own in self._blocks():
            residuals = rows.astype(np.float32) - means[own]
            scatter += residuals.T @ residuals
        scatter /= len(codes)
        mean_variance = np.trace(scatter) / len(scatter)
        scatter *= 1.0 - _SHRINKAGE
        shrunk = _SHRINKAGE * mean_variance + np.finfo(np.float32).tiny
        scatter[np.diag_indices_from(scatter)] += shrunk
        factor = np.linalg.cholesky(scatter)
        # One inverse of the factor L, then triangular products that skip the half that is zero.
        inverse = solve_triangular(factor, np.eye(len(factor)), lower=True)
        self._inverse = np.asfortranarray(inverse, np.float32)
        self._centers = self._whitened(means)

    def _whitened(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(strmm(1.0, self._inverse, rows.astype(np.float32).T, lower=1).T)

    def _log_densities(self, rows: Matrix, own: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return −½ squared Mahalanobis distances of rows to class means."""
        whitened, centers = self._whitened(rows), self._centers
        lengths = np.einsum("ij,ij->i", whitened, whitened)[:, None]
        squares = lengths - 2.0 * (whitened @ centers.T) + np.einsum("ij,ij->i", centers, centers)
        squares = np.maximum(squares, 0.0).astype(np.float64)
        # Without the row, its difference x − m from the mean becomes n / (n − 1) times as long.
        sizes = self._sizes[own]
        squares[np.arange(len(own)), own] *= (sizes / np.maximum(sizes - 1.0, 1.0)) ** 2
        return np.asarray(-0.5 * squares)


class Directions(ClassModel):
    """Von Mises-Fisher distributions with one concentration in common."""

    def __init__(self, X: RowsLike, codes: NDArray[np.int64], n_classes: int) -> None:
        super().__init__(X, codes, n_classes)
        self._lengths = row_lengths(self._sums)
        self._kappa = pooled_concentration(
            self._sizes, self._lengths, X.shape[1], largest_length=_LARGEST_LENGTH
        )

    def _log_densities(self, rows: Matrix, own: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return κ times the cosines of rows and class directions."""
        every_row = np.arange(len(own))
        products = np.asarray(as_array(rows @ self._sums.T), np.float64)
        of_own = products[every_row, own]
        # ‖S − x‖² = ‖S‖² − 2 S·x + 1 for the sum S of the class without its row x.
        own_lengths = np.sqrt(np.maximum(self._lengths[own] ** 2 - 2.0 * of_own + 1.0, _SMALLEST))
        cosines = products / np.maximum(self._lengths, _SMALLEST)
        cosines[every_row, own] = (of_own - 1.0) / own_lengths
        return np.asarray(self._kappa * cosines)


def _sums_of_classes(rows: Matrix, own: NDArray[np.int64], n_classes: int) -> Matrix:
    """Return the sum of the rows of each class, in float64."""
    ones = np.ones(len(own))
    return sp.csr_array((ones, (own, np.arange(len(own)))), (n_classes, len(own))) @ rows
