"""Private state of an estimator: what a later fit or `partial_fit` continues from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from vmfmix.fitting.novelty import NO_NOVELTY, Novelty, Tails
from vmfmix.fitting.start import MergedStart
from vmfmix.fitting.streaming import Stream
from vmfmix.model.statistics import ConcentrationPrior, MixtureParameters


@dataclass(frozen=True)
class LastFit:
    """State of the last fit, from which `warm_start` and `partial_fit` continue.

    Parameters
    ----------
    parameters : MixtureParameters
        Of the last M step, including components that own no rows.
    options : dict
        Parameters of the estimator that are compared with those of the next fit:
        ``n_components``, ``concentration`` and ``center``. Only ``concentration`` may change.
    prior : ConcentrationPrior or None
    isotropy : float or None
        Of a "pooled" fit.
    weight : float
        Total weight of the rows; 0 if it is unknown.
    copies : float
        Number of copies of a row that a weight of 1 represents.
    n_components : int
        Number of components that EM started with.
    novelty : Novelty
        With which the rows of a stream are compared.
    merged, iterations
        Those of an interrupted fit; see `vmfmix.fitting.best.Fit`.
    """

    parameters: MixtureParameters
    options: dict[str, Any]
    prior: ConcentrationPrior | None = None
    isotropy: float | None = None
    weight: float = 0.0
    copies: float = 1.0
    n_components: int = 0
    novelty: Novelty = NO_NOVELTY
    merged: MergedStart | None = None
    iterations: list[tuple[int, float, float]] = field(default_factory=list)

    def validate_continuation(self, estimator: Any, n_features: int) -> None:
        """Raise ValueError unless a fit with these parameters can continue from this one."""
        fitted = (
            self.options["n_components"],
            self.parameters.has_background,
            self.options["center"],
            self.parameters.means.shape[1],
        )
        wanted = (estimator.n_components, estimator.background, estimator.center, n_features)
        if fitted != wanted:
            raise ValueError(
                "warm_start=True cannot continue the last fit, which had a different "
                "n_components, background, center or number of features; pass warm_start=False."
            )


@dataclass(frozen=True)
class EstimatorState:
    """The private attribute ``_state`` of a `VMFMixture`.

    Parameters
    ----------
    last : LastFit or None
        The last complete fit, or the last step of `partial_fit`.
    stream : Stream or None
        Rows and sums of `partial_fit`.
    interrupted : LastFit or None
        State after the last iteration of an interrupted fit with ``warm_start=True``.
    """

    last: LastFit | None = None
    stream: Stream | None = None
    interrupted: LastFit | None = None


def shared_options(estimator: Any) -> dict[str, Any]:
    """Return the parameters of the estimator that the next fit is compared with."""
    return {name: getattr(estimator, name) for name in ("n_components", "concentration", "center")}


def stored_state(state: EstimatorState) -> dict[str, Any]:
    """Return what a file holds of the state: what `update` and `partial_fit` continue from."""
    last = state.last
    if last is None:
        return {}
    values: dict[str, Any] = {"weight": last.weight, "copies": last.copies}
    if last.prior is not None:
        values["prior"] = np.array([last.prior.mean_resultant_length, last.prior.count])
    novelty = state.stream.novelty if state.stream else last.novelty
    if novelty.earlier is None:
        values |= {
            "n_earlier": novelty.n_earlier,
            "n_unlike": np.array(novelty.n_unlike),
            "thresholds": np.array(novelty.thresholds),
        }
        if novelty.tails is not None:
            values |= {f"tails.{name}": each for name, each in novelty.tails._asdict().items()}
    return values


def restored_state(last: LastFit, values: Mapping[str, Any]) -> EstimatorState:
    """Return the state of a loaded model.

    Parameters
    ----------
    last : LastFit
        As rebuilt from the fitted attributes.
    values : dict
        What the file holds.

    Raises
    ------
    ValueError
        If the values are inconsistent.
    """
    numbers = [values["weight"], values["copies"], *np.ravel(values.get("prior", ()))]
    is_consistent = np.isfinite(numbers).all() and min(numbers) >= 0
    is_consistent &= np.shape(values.get("prior", (0, 0))) == (2,)
    if "prior" in values:
        prior = ConcentrationPrior(*map(float, values["prior"]))
        is_consistent &= prior.mean_resultant_length < 1
        last = replace(last, prior=prior)
    if "thresholds" in values:
        novelty = _restored_novelty(values)
        is_consistent &= novelty.is_consistent(len(last.parameters.weights))
        last = replace(last, novelty=novelty)
    if not is_consistent or values["copies"] == 0:
        raise ValueError("The state of the last fit is inconsistent.")
    last = replace(last, weight=float(values["weight"]), copies=float(values["copies"]))
    return EstimatorState(last)


def _restored_novelty(values: Mapping[str, Any]) -> Novelty:
    tails = None
    if "tails.thresholds" in values:
        tails = Tails(*(values[f"tails.{name}"] for name in Tails._fields))
    return Novelty(
        n_earlier=int(values["n_earlier"]),
        n_unlike=tuple(values["n_unlike"].tolist()),
        thresholds=tuple(values["thresholds"].tolist()),
        earlier=None,
        tails=tails,
    )
