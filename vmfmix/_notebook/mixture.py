"""The HTML representation of a fitted mixture: its fit in a few lines, and its largest clusters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from vmfmix._notebook import html
from vmfmix.inspection.cluster_names import given_names
from vmfmix.inspection.fitted_model import smoother_of

_MAX_CLUSTERS = 20


def mixture_html(model: Any, parameters: str) -> str:
    """Return the HTML of a fitted mixture.

    Parameters
    ----------
    model : VMFMixture
        Fitted model.
    parameters : str
        The HTML of its parameters.

    Returns
    -------
    str
    """
    return html.document(
        type(model).__name__,
        html.facts(_facts(model)),
        _clusters(model),
        html.collapsed("Parameters", parameters),
    )


def _facts(model: Any) -> Iterator[tuple[str, str]]:
    yield "Clusters", f"{model.n_components_:,}{_origin_of_number(model)}"
    yield "Rows", _rows(model)
    levels = [
        f"{level.n_components:,} (strength {level.strength:.0%})"
        for level in getattr(model, "levels_", [])
    ]
    if levels:
        yield "Natural numbers", ", ".join(levels)
    yield "EM", _outcome(model)
    if model.n_components_ > 0:
        yield "Concentration", _range(model.concentrations_)
    isotropy = getattr(model, "isotropy_", np.nan)
    if np.isfinite(isotropy):
        yield "Isotropy", f"{isotropy:.2f} (the model assumes 1)"
    if hasattr(model, "background_weight_"):
        yield "Background", _background(model)


def _origin_of_number(model: Any) -> str:
    """Return how the number of clusters was found, as a continuation of the number."""
    history = getattr(model, "merge_history_", None)
    if hasattr(model, "changes_"):
        n_new = sum(change.status == "new" for change in model.changes_)
        return f", of which {n_new:,} new in the last update" if n_new else ", after an update"
    if model.n_iter_ == 0:
        if history is None:
            return ", changed after the fit"
        if len(history.n_components) == 0:
            return ", edited"
        n_start = html.counted(history.n_components_init, "component")
        return f", cut from the merge path of {n_start}"
    if model.n_components == "auto":
        merged = ""
        if history is not None and history.n_components_init > model.n_components_:
            merged = f" by merging {html.counted(history.n_components_init, 'component')}"
        return f", number estimated{merged}"
    if model.n_components == model.n_components_:
        return ", number given"
    return f", n_components={model.n_components:,} was given"


def _rows(model: Any) -> str:
    parts = [f"{model.n_samples_seen_:,} with {html.counted(model.n_features_in_, 'feature')}"]
    if (smoother := smoother_of(model)) is not None:
        parts.append(f"averaged with {html.counted(smoother.n_neighbors_, 'neighbor')}")
    if hasattr(model, "center_"):
        parts.append("centered")
    return ", ".join(parts)


def _outcome(model: Any) -> str:
    """Return whether EM converged."""
    if model.n_iter_ == 0:
        return "not run since the clusters were changed"
    iterations = html.counted(model.n_iter_, "iteration")
    if model.converged_:
        return f"converged after {iterations}"
    return f"did not converge in {iterations}"


def _range(values: np.ndarray) -> str:
    lowest, highest = f"{values.min():.4g}", f"{values.max():.4g}"
    return lowest if lowest == highest else f"{lowest} to {highest}"


def _background(model: Any) -> str:
    weight = f"weight {model.background_weight_:.1%}"
    if not _labels_all_rows(model):
        return weight
    n_rows = html.counted(int((model.labels_ == -1).sum()), "row")
    return f"{n_rows}, {weight}"


def _labels_all_rows(model: Any) -> bool:
    """Return whether `labels_` has every row that the model has seen, not only a batch or none."""
    return len(getattr(model, "labels_", ())) == model.n_samples_seen_


def _clusters(model: Any) -> html.Markup:
    """Return a table of the largest clusters, and a line on the others."""
    names, n_clusters = given_names(model), model.n_components_
    shares, sizes = np.asarray(model.weights_, dtype=float), None
    if _labels_all_rows(model):
        sizes = np.bincount(model.labels_[model.labels_ >= 0], minlength=n_clusters)
        shares = sizes / max(len(model.labels_), 1)
    order = np.argsort(-shares, kind="stable")
    listed, others = order[:_MAX_CLUSTERS], order[_MAX_CLUSTERS:]
    largest = max(shares.max(initial=0.0), np.finfo(float).tiny)
    columns = ["Cluster", *([] if names is None else ["Name"])]
    columns += ["Weight"] if sizes is None else ["Rows", "Share"]
    rows: list[list[html.Cell]] = [
        [
            str(cluster),
            *([] if names is None else [html.name(names[cluster])]),
            *([] if sizes is None else [f"{sizes[cluster]:,}"]),
            f"{shares[cluster]:.1%}",
            html.Bar(shares[cluster] / largest),
        ]
        for cluster in listed.tolist()
    ]
    shown = html.table([*columns, ""], rows) if rows else html.Markup("")
    if len(others) == 0:
        return shown
    smaller = (
        "1 smaller cluster has" if len(others) == 1 else f"{len(others):,} smaller clusters have"
    )
    total = f"{shares[others].sum():.1%} of the weight"
    if sizes is not None:
        total = f"{html.counted(int(sizes[others].sum()), 'row')} ({shares[others].sum():.1%})"
    return html.Markup(shown + html.paragraph(f"{smaller} {total}."))
