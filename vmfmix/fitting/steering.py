"""What the user knows about the rows: labels of some of them, and groups that stay together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vmfmix.engines.base import Assignment, Engine, MakeEngine, SharedRowSource
from vmfmix.engines.known_rows import KnownRowsEngine
from vmfmix.engines.row_sums import sums_by_number
from vmfmix.engines.rows.values import python_values
from vmfmix.fitting.known_weight import N_FITS, weight_of_known_rows
from vmfmix.fitting.progress import Progress
from vmfmix.fitting.row_values import validate_groups, validate_known_labels
from vmfmix.fitting.state import LastFit
from vmfmix.model.statistics import FloatArray, MixtureParameters


@dataclass(frozen=True)
class Steering:
    """Known labels and groups of the rows of a fit.

    Parameters
    ----------
    known_labels : ndarray of shape (n_rows,), int, or None
        From 0 without gaps; -1: unknown. With groups, all rows of a group have the same.
    groups : ndarray of shape (n_rows,), int, or None
        Numbers of the groups, from 0 without gaps.
    """

    known_labels: NDArray[np.intp] | None = None
    groups: NDArray[np.intp] | None = None

    @property
    def is_given(self) -> bool:
        """Whether there are known labels or groups."""
        return self.known_labels is not None or self.groups is not None

    @classmethod
    def validated(
        cls,
        X: Any,
        n_components: int | str,
        known_labels: ArrayLike | None,
        groups: ArrayLike | None,
    ) -> Steering:
        """Return the validated arguments of a fit.

        Parameters
        ----------
        X : object
            Validated rows.
        n_components : int or "auto"
        known_labels, groups : array-like of shape (n_rows,), default=None

        Returns
        -------
        Steering

        Raises
        ------
        ValueError
            If values cannot be used, if rows of a group have different known labels, or if the
            rows are those of one of several processes.
        """
        for name, values in (("known_labels", known_labels), ("groups", groups)):
            if values is not None and isinstance(X, SharedRowSource):
                raise ValueError(
                    f"{name} needs all rows in one process, and X is a share of them; fit without "
                    f"{name}, or fit to a sample of the rows in one process."
                )
        labels = numbers = None
        if groups is not None:
            numbers = validate_groups(groups, X.shape[0])
        if known_labels is not None:
            labels = validate_known_labels(known_labels, X.shape[0], n_components)
            if numbers is not None:
                labels = _labels_of_groups(labels, numbers, groups)[numbers]
            if labels.max(initial=-1) < 0:
                labels = None
        return cls(labels, numbers)

    def engine(
        self,
        engine: Engine,
        make_engine: MakeEngine,
        X: Any,
        progress: Progress | None = None,
        **options: Any,
    ) -> Engine:
        """Return the engine for what the mixture is fitted to: rows, or directions of groups.

        Parameters
        ----------
        engine : Engine
            Of the rows.
        make_engine : callable
            Creates an engine, with the parameters of `vmfmix.engines.choice.choose_engine`.
        X : object
            Validated rows.
        progress : Progress, default=None
            To which the choice of the weight of known rows is reported.
        **options
            With which `engine` was created from `X`.

        Returns
        -------
        Engine
            A `KnownRowsEngine` if there are known labels.
        """
        labels = self.known_labels
        if self.groups is not None:
            sums = sums_by_number(engine, self.groups, int(self.groups.max()) + 1)
            X = sums.resultants.astype(engine.dtype)
            options |= {"sample_weight": sums.counts, "center": None}
            engine = make_engine(X, **options)
            labels = None if labels is None else _labels_of_groups(labels, self.groups)
        if labels is None:
            return engine
        sums = sums_by_number(engine, labels, int(labels.max()) + 1)
        if not sums.counts.all():
            raise ValueError(
                f"No row with the known label {int(sums.counts.argmin())} has a direction and a "
                "positive weight; label another row, or leave out this class and number the others "
                "without gaps."
            )
        weights = options.get("sample_weight")
        weights = np.ones(engine.n_rows) if weights is None else weights
        options["sample_weight"] = np.where(labels < 0, weights, 0.0)
        others = make_engine(X, **options)
        title = "Choosing the weight of known labels"
        with (progress or Progress()).stage("known labels", title, total=N_FITS) as stage:
            weight = weight_of_known_rows(engine, others, labels, sums, stage.reach)
        return KnownRowsEngine(engine, others, labels, sums.scaled(weight))

    def continuation(self, last: LastFit, estimator: Any) -> LastFit:
        """Return the fit to continue, with a component for each known label.

        Parameters
        ----------
        last : LastFit
        estimator : VMFMixture

        Returns
        -------
        LastFit
            With known labels, components without rows are left out: labels are those of the fitted
            attributes.

        Raises
        ------
        ValueError
            If the fit has too few components.
        """
        if self.known_labels is None:
            return last
        parameters = last.parameters
        if estimator._private_state.interrupted is None:
            parameters = estimator._parameters()
        n_labels = int(self.known_labels.max()) + 1
        n_components = len(parameters.weights) - parameters.has_background
        if n_labels > n_components:
            raise ValueError(
                f"known_labels has {n_labels} different labels, and warm_start=True continues a "
                f"fit with {n_components} clusters; pass warm_start=False."
            )
        return replace(last, parameters=parameters)

    def of_rows(
        self, assignment: Assignment, engine: Engine, parameters: MixtureParameters
    ) -> Assignment:
        """Return the assignment of the rows from that of what the mixture was fitted to."""
        if self.groups is None:
            return assignment
        return Assignment(
            assignment.labels[self.groups],
            assignment.probabilities[self.groups],
            engine.assign(parameters).log_densities,
        )

    def sure_of_known(self, probabilities: FloatArray) -> FloatArray:
        """Return the probabilities of labels, 1 where the label is known."""
        if self.known_labels is None:
            return probabilities
        return np.where(self.known_labels >= 0, 1.0, probabilities)


def _labels_of_groups(
    labels: NDArray[np.intp], numbers: NDArray[np.intp], groups: Any = None
) -> NDArray[np.intp]:
    """Return the known label of each group, -1 if no row has one.

    Raises
    ------
    ValueError
        If rows of a group have different known labels; `groups` has its name.
    """
    known = np.flatnonzero(labels >= 0)
    of_groups = np.full(int(numbers.max(initial=-1)) + 1, -1, np.intp)
    of_groups[numbers[known]] = labels[known]
    differs = known[labels[known] != of_groups[numbers[known]]]
    if len(differs) > 0:
        one, other = labels[differs[0]], of_groups[numbers[differs[0]]]
        name = python_values(groups)[differs[0]]
        raise ValueError(
            f"The group {name!r} has rows with the known labels {min(one, other)} and "
            f"{max(one, other)}; give all rows of a group the same label, or -1, or divide the "
            "group."
        )
    return of_groups
