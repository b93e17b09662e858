"""Results of the commands as JSON, for other programs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["print_json", "result_of", "sizes_of"]


def result_of(
    model: Any,
    clusters: Sequence[Mapping[str, Any]],
    files: Sequence[str],
    scores: Mapping[str, float],
) -> dict[str, Any]:
    """Return the result of a fit or a cut.

    Parameters
    ----------
    model : VMFMixture
    clusters : sequence of dict
        From `vmfmix.cli.summary.summarize`.
    files : sequence of str
        Names of the files that were written.
    scores : dict of float
        Of the comparison with known labels; may be empty.

    Returns
    -------
    dict
    """
    levels = getattr(model, "levels_", [])
    result = {
        "n_rows": len(model.labels_),
        "n_features": model.n_features_in_,
        "n_clusters": model.n_components_,
        "converged": bool(model.converged_) if model.n_iter_ else None,
        "natural_numbers": [
            {"n_clusters": int(level.n_components), "strength": float(level.strength)}
            for level in levels
        ],
        "clusters": list(clusters),
        "files": list(files),
    }
    if scores:
        result["scores"] = dict(scores)
    return result


def sizes_of(model: Any, labels: Any, files: Sequence[str]) -> dict[str, Any]:
    """Return the result of a prediction.

    Parameters
    ----------
    model : VMFMixture
    labels : ndarray of shape (n_samples,)
    files : sequence of str
        Names of the files that were written.

    Returns
    -------
    dict
    """
    from vmfmix.inspection.cluster_names import given_names

    names = given_names(model) or [""] * model.n_components_
    clusters: list[dict[str, Any]] = [
        {"cluster": cluster, "cluster_name": name, "size": int((labels == cluster).sum())}
        for cluster, name in enumerate(names)
    ]
    return {
        "n_rows": len(labels),
        "n_without_cluster": int((labels == -1).sum()),
        "clusters": clusters,
        "files": list(files),
    }


def print_json(result: Mapping[str, Any]) -> None:
    """Print a result; NaN becomes null."""
    print(json.dumps(_plain(result), ensure_ascii=False, indent=1))


def _plain(value: Any) -> Any:
    """Return a value of the types that JSON has."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if hasattr(value, "item"):  # a number of NumPy
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
