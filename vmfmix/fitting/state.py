"""Private state of an estimator: what a later fit or `partial_fit` continues from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vmfmix.fitting.novelty import NO_NOVELTY, Novelty
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
