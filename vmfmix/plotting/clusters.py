"""Plots of the clusters of a fitted model, for up to a few hundred clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.linalg import null_space
from sklearn.utils.validation import check_is_fitted

from vmfmix.inspection import principal_plane
from vmfmix.inspection.cluster_names import names_or_numbers
from vmfmix.inspection.labels import encode_labels
from vmfmix.inspection.rows import as_rows, evenly_spaced, take_rows, unit_rows
from vmfmix.plotting.axes import BLUE, COLORS, GRAY, axes_for, logarithmic, name_axes

_MAX_LABELED = 40  # with more clusters or classes than this, none are labeled
_MAX_CELLS = 150  # with more cells than this, a table shows colors without numbers
_TEXT_BOX = {"boxstyle": "round,pad=0.15", "facecolor": "#FFFFFFCC", "edgecolor": "none"}
_BACKGROUND_COLOR = "#999999"
_MIN_SIZE = 0.5  # where a cluster without rows is drawn on a logarithmic axis


def plot_sizes(model: Any, ax: Any = None) -> Any:
    """Plot the concentration of each cluster against its number of rows.

    Parameters
    ----------
    model : VMFMixture
        A fitted model with the attribute ``labels_``.
    ax : matplotlib.axes.Axes, default=None
        Axes to draw on. If None, a new figure is created.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.datasets import make_vmf_mixture
    >>> from vmfmix.plotting import plot_sizes
    >>> X, _ = make_vmf_mixture(500, n_features=8, n_components=4, random_state=0)
    >>> ax = plot_sizes(VMFMixture(random_state=0).fit(X), Figure().subplots())
    >>> len(ax.texts)  # one label for each cluster
    4
    """
    check_is_fitted(model, "labels_")
    ax = axes_for(ax, "plot_sizes", (6.0, 4.2))
    sizes = np.bincount(model.labels_[model.labels_ >= 0], minlength=model.n_components_)
    concentrations = np.asarray(model.concentrations_, dtype=float)
    is_labeled = len(sizes) <= _MAX_LABELED
    ax.plot(
        np.maximum(sizes, _MIN_SIZE),
        concentrations,
        "o",
        color=BLUE,
        alpha=0.9 if is_labeled else 0.5,
        markersize=6.0 if is_labeled else 4.0,
    )
    if is_labeled:
        points = zip(np.maximum(sizes, _MIN_SIZE), concentrations)
        for name, point in zip(_names(model), points):
            ax.annotate(name, point, xytext=(5.0, 4.0), textcoords="offset points", fontsize=8.0)
    smallest, largest = np.maximum([sizes.min(), sizes.max()], _MIN_SIZE)
    logarithmic(ax, "x", smallest / 1.5, largest * 1.5)
    margin = max((concentrations.max() / concentrations.min()) ** 0.15, 1.01)
    logarithmic(ax, "y", concentrations.min() / margin, concentrations.max() * margin)
    name_axes(ax, "rows in the cluster", "concentration κ")
    return ax


def plot_similarity(model: Any, ax: Any = None) -> Any:
    """Plot the cosines of the mean directions as a matrix, with similar clusters side by side.

    Parameters
    ----------
    model : VMFMixture
    ax : matplotlib.axes.Axes, default=None
        Axes to draw on. If None, a new figure is created.

    Returns
    -------
    matplotlib.axes.Axes
    """
    check_is_fitted(model)
    ax = axes_for(ax, "plot_similarity", (5.6, 4.8))
    cosines = np.asarray(model.means_ @ model.means_.T, dtype=float)
    order = _similarity_order(cosines)
    lowest = min(float(cosines.min()), 0.0)
    matrix = ax.imshow(cosines[np.ix_(order, order)], vmin=lowest, vmax=1.0, cmap="cividis")
    ax.figure.colorbar(matrix, ax=ax, label="cosine of mean directions")
    names = _names(model)
    _label_ticks(ax, "x", [names[cluster] for cluster in order])
    _label_ticks(ax, "y", [names[cluster] for cluster in order])
    ax.set_xlabel("cluster")
    ax.set_ylabel("cluster")
    return ax


def plot_labels(model: Any, X: Any, y: Any, ax: Any = None) -> Any:
    """Plot the share of each known class in each cluster.

    Parameters
    ----------
    model : VMFMixture
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Known classes.
    ax : matplotlib.axes.Axes, default=None
        Axes to draw on. If None, a new figure is created.

    Returns
    -------
    matplotlib.axes.Axes

    See Also
    --------
    vmfmix.inspection.compare : The same numbers as a table.
    """
    check_is_fitted(model)
    names, classes = encode_labels(X, y)
    clusters, columns = np.unique(model.predict(X), return_inverse=True)
    counts = np.zeros((len(names), len(clusters)))
    np.add.at(counts, (classes, columns), 1)
    shares = counts / counts.sum(axis=1, keepdims=True)
    order = np.lexsort((-shares.max(axis=0), shares.argmax(axis=0)))  # along the diagonal
    ax = axes_for(ax, "plot_labels", (6.4, 4.8))
    highest = shares.max()
    matrix = ax.imshow(shares[:, order], vmin=0.0, vmax=highest, cmap="cividis", aspect="auto")
    ax.figure.colorbar(matrix, ax=ax, label="share of the class")
    if shares.size <= _MAX_CELLS:
        for (row, column), share in np.ndenumerate(shares[:, order]):
            if share >= 0.005:
                color = "white" if share < 0.5 * highest else "black"
                text = f"{share:.0%}"
                ax.text(column, row, text, ha="center", va="center", color=color, fontsize=8.0)
    cluster_names = [*_names(model), "-1"]  # the background, -1, is the last
    _label_ticks(ax, "x", [cluster_names[cluster] for cluster in clusters[order]])
    _label_ticks(ax, "y", names)
    ax.set_xlabel("cluster")
    ax.set_ylabel("class")
    return ax


def plot_map(model: Any, X: Any, projection: Any = None, n_rows: int = 5000, ax: Any = None) -> Any:
    """Plot rows in a plane, colored by cluster.

    Parameters
    ----------
    model : VMFMixture
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
    projection : array-like of shape (n_samples, 2), default=None
        Coordinates in the plane, such as those of UMAP. If None, the first two principal components
        of the unit rows.
    n_rows : int, default=5000
        Maximum number of rows to draw; an evenly spaced sample is drawn if there are more.
    ax : matplotlib.axes.Axes, default=None
        Axes to draw on. If None, a new figure is created.

    Returns
    -------
    matplotlib.axes.Axes
        Each cluster has one of six colors. Up to 40 clusters are labeled with their names or
        numbers, at the median of their rows.

    Raises
    ------
    ValueError
        If `projection` has the wrong shape.
    """
    check_is_fitted(model)
    X = as_rows(X)
    n_samples = X.shape[0]
    rows = evenly_spaced(n_samples, n_rows)
    shown = take_rows(X, rows)
    labels = model.predict(shown)
    axis_name = "coordinate of the projection"
    if projection is None:
        axis_name = "principal component"
        projection = principal_plane(shown)
    else:
        projection = np.asarray(projection, dtype=float)
        if projection.shape != (n_samples, 2):
            raise ValueError(
                f"projection has the shape {projection.shape}; pass ({n_samples}, 2), one point "
                "for each row."
            )
        projection = projection[rows]
    ax = axes_for(ax, "plot_map", (6.4, 5.2))
    colors = np.array(COLORS)[labels % len(COLORS)]
    colors[labels < 0] = _BACKGROUND_COLOR
    size = float(np.clip(20_000 / max(len(rows), 1), 2.0, 20.0))
    ax.scatter(*projection.T, s=size, c=colors, alpha=0.6, linewidths=0.0)
    clusters, names = np.unique(labels[labels >= 0]), _names(model)
    if len(clusters) <= _MAX_LABELED:
        for cluster in clusters:
            median = np.median(projection[labels == cluster], axis=0)
            name = names[cluster]
            ax.text(*median, name, ha="center", va="center", fontsize=9.0, bbox=_TEXT_BOX)
    name_axes(ax, f"first {axis_name}", f"second {axis_name}")
    return ax


def plot_sphere(
    model: Any, X: Any, n_rows: int = 2000, shares: Sequence[float] = (), ax: Any = None
) -> Any:
    """Plot rows with three features on the sphere, with mean directions, colored by cluster.

    Parameters
    ----------
    model : VMFMixture
        Fitted to rows with three features.
    X : array-like of shape (n_samples, 3)
    n_rows : int, default=2000
        Maximum number of rows to draw; an evenly spaced sample is drawn if there are more.
    shares : sequence of float, default=()
        Shares between 0 and 1. For each, draw a circle around each mean direction that contains
        this share of the component's distribution.
    ax : mpl_toolkits.mplot3d.axes3d.Axes3D, default=None
        Axes to draw on. If None, a new figure is created.

    Returns
    -------
    mpl_toolkits.mplot3d.axes3d.Axes3D

    Raises
    ------
    ValueError
        If the model does not have three dimensions, or a share is not between 0 and 1.
    """
    check_is_fitted(model)
    if model.n_features_in_ != 3:
        raise ValueError(
            f"The rows have {model.n_features_in_} features, but plot_sphere needs 3; use plot_map "
            "instead."
        )
    if model.means_.shape[1] != 3:
        raise ValueError(
            f"The smoothed rows have {model.means_.shape[1]} dimensions, but plot_sphere needs 3; "
            "use plot_map instead."
        )
    if not all(0.0 < share < 1.0 for share in shares):
        raise ValueError(f"shares={shares} is not allowed; pass numbers between 0 and 1.")
    if ax is None:
        from matplotlib import pyplot

        axes_for(False, "plot_sphere", None)  # raises if matplotlib is missing
        figure = pyplot.figure(figsize=(5.6, 5.2), layout="constrained")
        ax = figure.add_subplot(projection="3d")
    X = as_rows(X)
    shown = take_rows(X, evenly_spaced(X.shape[0], n_rows))
    labels = model.predict(shown)
    colors = np.array(COLORS)[labels % len(COLORS)]
    colors[labels < 0] = _BACKGROUND_COLOR
    azimuth, polar = np.mgrid[0 : 2 * np.pi : 37j, 0 : np.pi : 19j]
    sphere = np.cos(azimuth) * np.sin(polar), np.sin(azimuth) * np.sin(polar), np.cos(polar)
    ax.plot_wireframe(*sphere, color="#DDDDDD", lw=0.4)
    ax.scatter(*unit_rows(shown).T, s=10.0, c=colors, alpha=0.7, linewidths=0.0)
    names = _names(model)
    for cluster, mean in enumerate(model.means_):
        ax.plot(*np.array([np.zeros(3), 1.15 * mean]).T, color=GRAY, lw=1.0)
        position = 1.25 * mean
        name = names[cluster]
        ax.text(*position, name, ha="center", va="center", fontsize=9.0, bbox=_TEXT_BOX)
        for share in shares:
            circle = _circle(mean, model.concentrations_[cluster], share)
            ax.plot(*circle, color="black", lw=1.2, zorder=3)
    ax.set(xlim=(-1.0, 1.0), ylim=(-1.0, 1.0), zlim=(-1.0, 1.0))
    ax.set_box_aspect((1, 1, 1), zoom=1.5)  # use the space of the hidden box
    ax.set_axis_off()
    return ax


def _names(model: Any) -> list[str]:
    """Return the label of each cluster; "$" does not start a formula."""
    return [name.replace("$", r"\$") for name in names_or_numbers(model)]


def _circle(mean: np.ndarray, concentration: float, share: float) -> np.ndarray:
    """Return the circle around the mean that contains a share of the distribution.

    In three dimensions u = 1 − μ·x has the distribution function (1 − exp(−κ u)) / (1 − exp(−2 κ)).

    Returns
    -------
    ndarray of shape (3, n_points)
    """
    u = -np.log1p(share * np.expm1(-2.0 * concentration)) / concentration
    first, second = null_space(mean[None]).T
    angle = np.linspace(0.0, 2.0 * np.pi, 181)[:, None]
    unit_circle = np.cos(angle) * first + np.sin(angle) * second
    points: np.ndarray = (1.0 - u) * mean + np.sqrt(u * (2.0 - u)) * unit_circle
    return points.T


def _similarity_order(cosines: np.ndarray) -> np.ndarray:
    """Return an order of the clusters in which similar ones are next to each other."""
    if len(cosines) < 3:
        return np.arange(len(cosines))
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distances = np.clip(1.0 - 0.5 * (cosines + cosines.T), 0.0, None)
    np.fill_diagonal(distances, 0.0)
    tree = linkage(squareform(distances, checks=False), "average", optimal_ordering=True)
    order: np.ndarray = leaves_list(tree)
    return order


def _label_ticks(ax: Any, which: str, names: Sequence[Any] | np.ndarray) -> None:
    """Label the positions 0, 1, ... of the axis `which` with names, unless there are too many."""
    axis = getattr(ax, f"{which}axis")
    if len(names) > _MAX_LABELED:
        axis.set_ticks([])
        return
    axis.set_ticks(range(len(names)), [str(name) for name in names])
    size = 9.0 if len(names) <= 20 else 7.0
    longest = max((len(str(name)) for name in names), default=0)
    is_rotated = which == "x" and (len(names) > 20 or longest > 4)
    ax.tick_params(axis=which, labelsize=size, rotation=90.0 if is_rotated else 0.0, length=0.0)
