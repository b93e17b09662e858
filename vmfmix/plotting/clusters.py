"""Pictures of the clusters of a fitted model, from five of them to some hundred."""

import numpy as np
from scipy.linalg import null_space
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_is_fitted

from vmfmix.inspection import principal_plane
from vmfmix.plotting.axes import BLUE, COLORS, GRAY, axes_for, logarithmic, name_axes

_MOST_NUMBERED = 40  # clusters, up to which each is named at its place
_MOST_CELLS = 150  # of a table, up to which each holds its number
_BEHIND = {"boxstyle": "round,pad=0.15", "facecolor": "#FFFFFFCC", "edgecolor": "none"}
_NOWHERE = "#999999"  # color of rows of the background
_TINY = 0.5  # smallest number on a logarithmic axis of sizes


def plot_sizes(model, ax=None):
    """Concentration of each cluster against its number of rows.

    Parameters
    ----------
    model : VMFMixture
        Fitted, with labels.
    ax : matplotlib.axes.Axes, default=None
        Where to draw; None: a new figure.

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
    >>> len(ax.texts)  # each cluster has its number
    4
    """
    check_is_fitted(model, "labels_")
    ax = axes_for(ax, "plot_sizes", (6.0, 4.2))
    sizes = np.bincount(model.labels_[model.labels_ >= 0], minlength=model.n_components_)
    concentrations = np.asarray(model.concentrations_, dtype=float)
    numbered = len(sizes) <= _MOST_NUMBERED
    ax.plot(
        np.maximum(sizes, _TINY),
        concentrations,
        "o",
        color=BLUE,
        alpha=0.9 if numbered else 0.5,
        markersize=6.0 if numbered else 4.0,
    )
    if numbered:
        for cluster, place in enumerate(zip(np.maximum(sizes, _TINY), concentrations)):
            ax.annotate(
                str(cluster), place, xytext=(5.0, 4.0), textcoords="offset points", fontsize=8.0
            )
    logarithmic(ax, "x", max(sizes.min(), _TINY) / 1.5, sizes.max() * 1.5)
    room = max((concentrations.max() / concentrations.min()) ** 0.15, 1.01)
    logarithmic(ax, "y", concentrations.min() / room, concentrations.max() * room)
    name_axes(ax, "rows in the cluster", "concentration κ")
    return ax


def plot_similarity(model, ax=None):
    """Cosines of the mean directions, with like clusters side by side.

    Parameters
    ----------
    model : VMFMixture
    ax : matplotlib.axes.Axes, default=None
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    check_is_fitted(model)
    ax = axes_for(ax, "plot_similarity", (5.6, 4.8))
    cosines = np.asarray(model.means_ @ model.means_.T, dtype=float)
    order = _side_by_side(cosines)
    least = min(float(cosines.min()), 0.0)
    picture = ax.imshow(cosines[np.ix_(order, order)], vmin=least, vmax=1.0, cmap="cividis")
    ax.figure.colorbar(picture, ax=ax, label="cosine of mean directions")
    _name_places(ax, "x", order)
    _name_places(ax, "y", order)
    ax.set_xlabel("cluster")
    ax.set_ylabel("cluster")
    return ax


def plot_labels(model, X, y, ax=None):
    """Which share of each class is in which cluster.

    Parameters
    ----------
    model : VMFMixture
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Known classes.
    ax : matplotlib.axes.Axes, default=None
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    See Also
    --------
    vmfmix.inspection.compare : The same as a table.
    """
    check_is_fitted(model)
    names, classes = np.unique(np.asarray(y), return_inverse=True)
    clusters, places = np.unique(model.predict(X), return_inverse=True)
    counts = np.zeros((len(names), len(clusters)))
    np.add.at(counts, (classes, places), 1)
    shares = counts / counts.sum(axis=1, keepdims=True)
    order = np.lexsort((-shares.max(axis=0), shares.argmax(axis=0)))  # as the classes come
    ax = axes_for(ax, "plot_labels", (6.4, 4.8))
    most = shares.max()
    picture = ax.imshow(shares[:, order], vmin=0.0, vmax=most, cmap="cividis", aspect="auto")
    ax.figure.colorbar(picture, ax=ax, label="share of the class")
    if shares.size <= _MOST_CELLS:
        for (row, column), share in np.ndenumerate(shares[:, order]):
            if share >= 0.005:
                color = "white" if share < 0.5 * most else "black"
                text = f"{share:.0%}"
                ax.text(column, row, text, ha="center", va="center", color=color, fontsize=8.0)
    _name_places(ax, "x", clusters[order])
    _name_places(ax, "y", names)
    ax.set_xlabel("cluster")
    ax.set_ylabel("class")
    return ax


def plot_map(model, X, projection=None, n_rows=5000, ax=None):
    """Rows in a plane, colored by cluster.

    Parameters
    ----------
    model : VMFMixture
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
    projection : array-like of shape (n_samples, 2), default=None
        Places in the plane, such as those of UMAP; None: the first two principal components of the
        unit rows.
    n_rows : int, default=5000
        So many rows are drawn, evenly chosen.
    ax : matplotlib.axes.Axes, default=None
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        Clusters have one of six colors, and their number at the median of their rows where there
        are at most 40.
    """
    check_is_fitted(model)
    n_samples = X.shape[0]
    rows = np.unique(np.linspace(0, n_samples - 1, min(n_rows, n_samples)).astype(int))
    labels = model.predict(X[rows])
    title = "of the projection"
    if projection is None:
        title = "principal component"
        projection = principal_plane(X[rows])
    else:
        projection = np.asarray(projection, dtype=float)
        if projection.shape != (n_samples, 2):
            raise ValueError(
                f"projection has the shape {projection.shape}; pass ({n_samples}, 2), one place "
                "for each row."
            )
        projection = projection[rows]
    ax = axes_for(ax, "plot_map", (6.4, 5.2))
    colors = np.array(COLORS)[labels % len(COLORS)]
    colors[labels < 0] = _NOWHERE
    size = float(np.clip(20_000 / max(len(rows), 1), 2.0, 20.0))
    ax.scatter(*projection.T, s=size, c=colors, alpha=0.6, linewidths=0.0)
    found = np.unique(labels[labels >= 0])
    if len(found) <= _MOST_NUMBERED:
        for cluster in found:
            place = np.median(projection[labels == cluster], axis=0)
            ax.text(*place, str(cluster), ha="center", va="center", fontsize=9.0, bbox=_BEHIND)
    name_axes(ax, f"first {title}", f"second {title}")
    return ax


def plot_sphere(model, X, n_rows=2000, shares=(), ax=None):
    """Rows with three features on the sphere, colored by cluster, with the mean directions.

    Parameters
    ----------
    model : VMFMixture
        Fitted to rows with three features.
    X : array-like of shape (n_samples, 3)
    n_rows : int, default=2000
        So many rows are drawn, evenly chosen.
    shares : sequence of float, default=()
        For each of them, circles around the mean directions that hold this share of a component.
    ax : mpl_toolkits.mplot3d.axes3d.Axes3D, default=None
        Where to draw; None: a new figure.

    Returns
    -------
    mpl_toolkits.mplot3d.axes3d.Axes3D
    """
    check_is_fitted(model)
    if model.n_features_in_ != 3:
        raise ValueError(
            f"The rows have {model.n_features_in_} features, and a sphere is drawn for 3; "
            "plot_map draws others."
        )
    if not all(0.0 < share < 1.0 for share in shares):
        raise ValueError(f"shares={shares} is not allowed; pass numbers between 0 and 1.")
    if ax is None:
        from matplotlib import pyplot

        axes_for(False, "plot_sphere", None)  # whether matplotlib is there
        figure = pyplot.figure(figsize=(5.6, 5.2), layout="constrained")
        ax = figure.add_subplot(projection="3d")
    X = np.asarray(X)
    some = np.unique(np.linspace(0, len(X) - 1, min(n_rows, len(X))).astype(int))
    labels = model.predict(X[some])
    colors = np.array(COLORS)[labels % len(COLORS)]
    colors[labels < 0] = _NOWHERE
    around, up = np.mgrid[0 : 2 * np.pi : 37j, 0 : np.pi : 19j]
    ball = np.cos(around) * np.sin(up), np.sin(around) * np.sin(up), np.cos(up)
    ax.plot_wireframe(*ball, color="#DDDDDD", lw=0.4)
    ax.scatter(*normalize(X[some]).T, s=10.0, c=colors, alpha=0.7, linewidths=0.0)
    for cluster, mean in enumerate(model.means_):
        ax.plot(*np.array([np.zeros(3), 1.15 * mean]).T, color=GRAY, lw=1.0)
        place = 1.25 * mean
        ax.text(*place, str(cluster), ha="center", va="center", fontsize=9.0, bbox=_BEHIND)
        for share in shares:
            circle = _circle(mean, model.concentrations_[cluster], share)
            ax.plot(*circle, color="black", lw=1.2, zorder=3)
    ax.set(xlim=(-1.0, 1.0), ylim=(-1.0, 1.0), zlim=(-1.0, 1.0))
    ax.set_box_aspect((1, 1, 1), zoom=1.5)  # the box is not drawn, and its corners are empty
    ax.set_axis_off()
    return ax


def _circle(mean, concentration, share):
    """The circle on the sphere, with three coordinates, that holds this share of the law.

    In three dimensions u = 1 − μ·x has the distribution function (1 − exp(−κ u)) / (1 − exp(−2 κ)).
    """
    away = -np.log1p(share * np.expm1(-2.0 * concentration)) / concentration
    one, other = null_space(mean[None]).T
    around = np.linspace(0.0, 2.0 * np.pi, 181)[:, None]
    ring = np.cos(around) * one + np.sin(around) * other
    return ((1.0 - away) * mean + np.sqrt(away * (2.0 - away)) * ring).T


def _side_by_side(cosines):
    """An order in which like clusters are next to each other."""
    if len(cosines) < 3:
        return np.arange(len(cosines))
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distances = np.clip(1.0 - 0.5 * (cosines + cosines.T), 0.0, None)
    np.fill_diagonal(distances, 0.0)
    return leaves_list(linkage(squareform(distances, checks=False), "average", True))


def _name_places(ax, which, names):
    """A name at each place where there is room, and none where there are too many."""
    axis = getattr(ax, f"{which}axis")
    if len(names) > _MOST_NUMBERED:
        axis.set_ticks([])
        return
    axis.set_ticks(range(len(names)), [str(name) for name in names])
    size = 9.0 if len(names) <= 20 else 7.0
    longest = max((len(str(name)) for name in names), default=0)
    turned = which == "x" and (len(names) > 20 or longest > 4)
    ax.tick_params(axis=which, labelsize=size, rotation=90.0 if turned else 0.0, length=0.0)
