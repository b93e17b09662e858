"""How many other rows a row with a known label counts as, chosen by cross-validation.

If clusters were exactly what the model describes, all rows would count the same. In real data, a
mixture moves to where rows are dense, which is not always where the classes are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vmfmix.engines.base import Engine
from vmfmix.engines.choice import choose_engine
from vmfmix.engines.known_rows import KnownRowsEngine
from vmfmix.engines.row_sums import sums_by_number
from vmfmix.fitting.start import initial_parameters
from vmfmix.model import em
from vmfmix.model.statistics import MixtureParameters, SufficientStatistics

_WEIGHTS = (1.0, 10.0, 100.0, 1000.0, 10_000.0)  # from all rows alike to hardly any other rows
_N_FOLDS = 5
N_FITS = _N_FOLDS * len(_WEIGHTS)
_SAMPLE_ROWS = 12_000
_TOLERANCE = 1e-4


def weight_of_known_rows(
    engine: Engine,
    others: Engine,
    labels: NDArray[np.intp],
    sums: SufficientStatistics,
    report: Callable[[int, int], Any] | None = None,
) -> float:
    """Return the weight with which most known rows are assigned to their class if left out.

    In each of five folds, a mixture with one component for each label is fitted to a sample of the
    rows with each weight, and the known rows of the fold, which are left out, are assigned. A class
    with one known row is never left out. If weights are equally good, the smallest one wins.

    Parameters
    ----------
    engine : Engine
        Of all rows.
    others : Engine
        Of the rows without known labels.
    labels : ndarray of shape (n_rows,), int
        Known labels; -1: unknown.
    sums : SufficientStatistics
        Of the rows with known labels.
    report : callable, default=None
        Called with (number of fits done, number of all fits) before each fit, and at the end.

    Returns
    -------
    float
        At least 1; 1 if there is nothing to compare.
    """
    if others.n_used_rows == 0 or len(sums.counts) == 1:
        return 1.0
    rng = np.random.RandomState(0)
    known = engine.used_rows[labels[engine.used_rows] >= 0]
    folds = _folds(labels[known], rng)
    rows, weights = others.sample(_SAMPLE_ROWS, rng)
    share = rows.shape[0] / others.n_used_rows  # as many known rows for each of the others
    sample = choose_engine(rows, sample_weight=weights)
    n_right = np.zeros(len(_WEIGHTS))
    for fold in range(_N_FOLDS):
        left_out = known[folds == fold]
        if len(left_out) == 0:
            continue
        rest = sums + _sums_of(engine, labels, left_out, len(sums.counts)).scaled(-1.0)
        if len(left_out) > _SAMPLE_ROWS:
            left_out = np.sort(rng.choice(left_out, _SAMPLE_ROWS, replace=False))
        test_rows, test_weights = engine.take(left_out)
        test = choose_engine(test_rows)
        for number, weight in enumerate(_WEIGHTS):
            if report is not None:
                report(fold * len(_WEIGHTS) + number, N_FITS)
            found = test.assign(_fitted(sample, rest.scaled(share * weight))).labels
            n_right[number] += test_weights @ (found == labels[left_out])
    if report is not None:
        report(N_FITS, N_FITS)
    return _WEIGHTS[int(n_right.argmax())]


def _folds(labels: NDArray[np.intp], rng: np.random.RandomState) -> NDArray[np.intp]:
    """Divide the rows of each label evenly among the folds; -1 for the only row of a label."""
    folds = np.full(len(labels), -1)
    for rows in np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels))[:-1]):
        if len(rows) > 1:
            folds[rng.permutation(rows)] = (np.arange(len(rows)) + rng.randint(_N_FOLDS)) % _N_FOLDS
    return folds


def _sums_of(
    engine: Engine, labels: NDArray[np.intp], positions: NDArray[np.intp], n_labels: int
) -> SufficientStatistics:
    """Return the sums by label of the rows at some positions."""
    chosen = np.full(engine.n_rows, -1)
    chosen[positions] = labels[positions]
    return sums_by_number(engine, chosen, n_labels)


def _fitted(sample: Engine, sums: SufficientStatistics) -> MixtureParameters:
    """Return the mixture with one component for each label after a few iterations."""
    engine = KnownRowsEngine(sample, sample, np.full(sample.n_rows, -1), sums)
    start = initial_parameters(engine, sums.directions)
    stage = em.tied_first(hard=False, max_iter=100, tol=_TOLERANCE)
    return em.fit(engine, start, stage).parameters
