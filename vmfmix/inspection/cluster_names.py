"""Names of the clusters of a fitted model, notes and noise, for tables, plots and reports."""

import numpy as np
from numpy.typing import NDArray

from vmfmix.inspection.fitted_model import FittedMixture


def given_names(model: FittedMixture) -> list[str] | None:
    """Return the names of all clusters, "" where a cluster has none; None if none has a name."""
    names = getattr(model, "names_", None)
    return None if names is None else [str(name) for name in names]


def given_notes(model: FittedMixture) -> list[str] | None:
    """Return the notes on all clusters, "" where a cluster has none; None if none has a note."""
    notes = getattr(model, "notes_", None)
    return None if notes is None else [str(note) for note in notes]


def given_noise(model: FittedMixture) -> NDArray[np.bool_] | None:
    """Return whether each cluster is noise; None if none is."""
    noise: NDArray[np.bool_] | None = getattr(model, "noise_", None)
    return noise


def names_or_numbers(model: FittedMixture) -> list[str]:
    """Return the name of each cluster, or its number if it has none.

    Parameters
    ----------
    model : VMFMixture

    Returns
    -------
    list of str
    """
    names = given_names(model) or [""] * model.n_components_
    return [name or str(cluster) for cluster, name in enumerate(names)]
