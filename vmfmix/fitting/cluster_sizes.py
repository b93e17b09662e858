"""Limits on the sizes of clusters: after EM, large clusters are split and small ones merged."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from vmfmix.engines.base import Engine
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.best import Fit, final_stage
from vmfmix.fitting.checkpoints import Checkpoint
from vmfmix.fitting.outcome import drop_empty_components
from vmfmix.fitting.seeding import distinct_rows
from vmfmix.fitting.start import merge_sample_size, merged_start
from vmfmix.merging.isotropy import own_share
from vmfmix.merging.pairs import costs_of_merging
from vmfmix.model import em
from vmfmix.model.matrices import stacked
from vmfmix.model.statistics import MixtureParameters

_MAX_ROUNDS_OF_SPLITS = 20  # each of which should halve the largest cluster


@dataclass(frozen=True)
class SizeLimits:
    """Smallest and largest number of rows of a cluster.

    Parameters
    ----------
    smallest : int
    largest : float
    """

    smallest: int
    largest: float

    @classmethod
    def of(cls, estimator: Any, n_rows: int, *, is_steered: bool = False) -> SizeLimits | None:
        """Return the limits of an estimator for a number of rows; None if there are none.

        Parameters
        ----------
        estimator : VMFMixture
        n_rows : int
        is_steered : bool, default=False
            Whether the fit has known labels or groups, which limits could contradict.

        Returns
        -------
        SizeLimits or None

        Raises
        ------
        ValueError
            If no cluster of these rows can be within the limits, or if the fit is steered.
        """
        smallest, share = int(estimator.min_cluster_size), float(estimator.max_cluster_share)
        if smallest == 1 and share == 1:
            return None
        if is_steered:
            raise ValueError(
                "min_cluster_size and max_cluster_share cannot be combined with known_labels or "
                "groups, which they could contradict; leave out one of them."
            )
        if smallest > n_rows:
            raise ValueError(
                f"min_cluster_size={smallest} is more than the {n_rows} rows of X; pass at most "
                f"{n_rows}."
            )
        if smallest > share * n_rows:
            raise ValueError(
                f"max_cluster_share={share:g} allows at most {share * n_rows:g} of the {n_rows} "
                f"rows in a cluster, and min_cluster_size={smallest} requires more; pass a larger "
                "share, or a smaller size."
            )
        return cls(smallest, share * n_rows)

    def enforced(
        self,
        estimator: Any,
        engine: Engine,
        fit: Fit,
        checkpoint: Checkpoint | None = None,
        report: Callable[[str], Any] | None = None,
    ) -> Fit:
        """Return the fit with clusters within the limits.

        While clusters are too large, all of them are split in two and EM runs again. After that,
        while clusters are too small, they are merged and EM runs again.

        Parameters
        ----------
        estimator : VMFMixture
            Only its parameters are read.
        engine : Engine
        fit : Fit
            Returned unchanged if its clusters are within the limits, or if a callback stopped it.
        checkpoint : Checkpoint, default=None
            Stores the progress of EM.
        report : callable, default=None
            Called with a description of each EM iteration.

        Returns
        -------
        Fit

        Warns
        -----
        UserWarning
            If clusters exceed the limits in the end.
        """
        if fit.result.stopped:
            return fit
        rng = engine.broadcast(check_random_state(estimator.random_state))
        for n_splits in range(_MAX_ROUNDS_OF_SPLITS):
            parameters, _, counts = drop_empty_components(engine, fit.result.parameters)
            split = self._split(estimator, engine, parameters, counts, rng)
            if split is None:
                break
            fit = _refitted(estimator, engine, fit, split, checkpoint, f"split {n_splits}", report)
        n_merges = 0
        while True:
            parameters, _, counts = drop_empty_components(engine, fit.result.parameters)
            if len(counts) < 2 or counts.min() >= self.smallest:
                break
            merged = self._merged(estimator, engine, fit, parameters, counts)
            fit = _refitted(estimator, engine, fit, merged, checkpoint, f"merge {n_merges}", report)
            n_merges += 1
        self._warn(counts)
        return fit

    def _split(
        self,
        estimator: Any,
        engine: Engine,
        parameters: MixtureParameters,
        counts: NDArray[Any],
        rng: np.random.RandomState,
    ) -> MixtureParameters | None:
        """Return initial parameters with large clusters split in two; None if none can be."""
        too_large = np.flatnonzero(counts > self.largest)
        if len(too_large) == 0:
            return None
        n_parts = int(np.ceil(counts.sum() / self.largest))
        rows, weights = engine.sample(merge_sample_size(2 * n_parts), rng)
        labels = choose_engine(rows).assign(parameters).labels
        means, component_weights, concentrations = [], [], []
        replaced = []
        for cluster in too_large:
            own = np.flatnonzero(labels == cluster)
            if not self._can_be_split(rows[own], counts[cluster]):
                continue
            sample = choose_engine(rows[own], sample_weight=weights[own])
            parts = merged_start(sample, 2, cost=estimator.merge or "likelihood", rng=rng)
            statistics = parts.statistics
            if len(statistics.counts) < 2:  # nearly copies
                continue
            replaced.append(cluster)
            means.append(statistics.directions)
            shares = statistics.counts / statistics.counts.sum()
            component_weights.append(parameters.weights[cluster] * shares)
            concentrations.append(np.repeat(parameters.concentrations[cluster], len(shares)))
        if not replaced:
            return engine.broadcast(None)  # type: ignore[no-any-return]
        # The background stays the last component.
        kept = np.setdiff1d(np.arange(len(parameters.weights)), replaced)
        split = MixtureParameters(
            np.concatenate([*component_weights, parameters.weights[kept]]),
            stacked([*means, parameters.means[kept]]),
            np.concatenate([*concentrations, parameters.concentrations[kept]]),
            parameters.has_background,
        )
        return engine.broadcast(split)  # type: ignore[no-any-return]

    def _can_be_split(self, rows: Any, size: float) -> bool:
        """Return whether copies of one row alone do not make a cluster of this size too large."""
        if rows.shape[0] == 0:
            return False
        _, copies, _ = distinct_rows(rows, np.ones(rows.shape[0]))
        return bool(copies.max() / copies.sum() * size <= self.largest)

    def _merged(
        self,
        estimator: Any,
        engine: Engine,
        fit: Fit,
        parameters: MixtureParameters,
        counts: NDArray[Any],
    ) -> MixtureParameters:
        """Return initial parameters with small clusters merged, the smallest first."""
        own = parameters.own
        statistics = engine.accumulate(parameters, hard=True).selected(own)
        isotropy, n_features = fit.start.isotropy, engine.n_features
        dim = None if isotropy is None else isotropy * (n_features - 1)
        weights: Any = parameters.weights[own]
        concentrations: Any = parameters.concentrations[own]
        sizes: Any = counts
        while len(sizes) > 1 and sizes.min() < self.smallest:
            smallest = int(sizes.argmin())
            cost = estimator.merge or "likelihood"
            costs = costs_of_merging(statistics, smallest, cost=cost, dim=dim)
            fits = sizes + sizes[smallest] <= self.largest
            fits[smallest] = False
            if fits.any():
                costs[~fits] = np.inf
            partner = int(costs.argmin())
            groups = np.arange(len(sizes))
            groups[max(smallest, partner)] = min(smallest, partner)
            groups = np.unique(groups, return_inverse=True)[1]
            statistics, sizes = statistics.merged(groups), np.bincount(groups, sizes)
            concentrations = np.bincount(groups, weights * concentrations)
            weights = np.bincount(groups, weights)
            concentrations = concentrations / weights  # of the union: the mean
        means = statistics.directions
        if parameters.has_background:
            weights = np.append(weights, parameters.weights[-1])
            means = stacked([means, parameters.means[-1:]])
            concentrations = np.append(concentrations, 0.0)
        return engine.broadcast(  # type: ignore[no-any-return]
            MixtureParameters(weights, means, concentrations, parameters.has_background)
        )

    def _warn(self, counts: NDArray[Any]) -> None:
        """Warn about the clusters that are beyond the limits."""
        if (counts > self.largest).any():
            warnings.warn(
                f"{(counts > self.largest).sum()} of the {len(counts)} clusters have more than the "
                f"{self.largest:g} rows that max_cluster_share allows, up to {counts.max():g}: "
                "their rows are copies, EM joins their parts again, or min_cluster_size requires "
                "it; pass a larger max_cluster_share.",
                UserWarning,
                stacklevel=4,
            )
        if len(counts) and counts.min() < self.smallest:
            warnings.warn(
                f"The only cluster has {counts.min():g} rows, fewer than "
                f"min_cluster_size={self.smallest}, and all others belong to the background; pass "
                "background=False, or a smaller min_cluster_size.",
                UserWarning,
                stacklevel=4,
            )


def _refitted(
    estimator: Any,
    engine: Engine,
    fit: Fit,
    parameters: MixtureParameters,
    checkpoint: Checkpoint | None,
    name: str,
    report: Callable[[str], Any] | None,
) -> Fit:
    """Return the fit after EM from these parameters."""
    start, iterations = time.perf_counter(), list(fit.iterations)
    seconds_before = iterations[-1][-1] if iterations else 0.0

    def record(iteration: int, bound: float, n_components: int) -> None:
        seconds = seconds_before + time.perf_counter() - start
        iterations.append((n_components, bound, seconds))
        if report is not None:
            report(f"{name}, pass {iteration + 1}, {n_components:,} clusters, bound {bound:.6f}")

    result = em.fit(
        engine,
        parameters,
        final_stage(estimator),
        own_share=own_share(fit.start.isotropy),
        on_iteration=record,
        store=checkpoint.stage(name) if checkpoint else None,
    )
    n_components = len(parameters.weights[parameters.own])
    return Fit(replace(fit.start, n_components=n_components), result, iterations)
