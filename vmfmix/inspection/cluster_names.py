"""Names of the clusters of a fitted model, for tables, plots and reports."""

from vmfmix.inspection.fitted_model import FittedMixture


def given_names(model: FittedMixture) -> list[str] | None:
    """Return the names of all clusters, "" where a cluster has none; None if none has a name."""
    names = getattr(model, "names_", None)
    return None if names is None else [str(name) for name in names]


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
