"""What a report needs to edit clusters: which model the edits belong to, notes and noise."""

from typing import Any

from vmfmix.inspection.cluster_names import given_noise, given_notes
from vmfmix.inspection.fitted_model import FittedMixture
from vmfmix.storage.fingerprints import fingerprint


def editing_contents(model: FittedMixture) -> dict[str, Any]:
    """Return the annotations of the clusters, and the model that a file of edits states.

    Parameters
    ----------
    model : VMFMixture
        Fitted model.

    Returns
    -------
    dict
        ``n_components`` and ``fingerprint``, which is None if the model has no method `apply`, so
        that its clusters cannot be edited; and, if a cluster has one, ``notes`` and ``noise``, one
        value for each cluster.
    """
    notes, noise = given_notes(model), given_noise(model)
    return {
        "n_components": model.n_components_,
        "fingerprint": fingerprint(model) if hasattr(model, "apply") else None,
        **({} if notes is None else {"notes": notes}),
        **({} if noise is None else {"noise": noise.tolist()}),
    }
