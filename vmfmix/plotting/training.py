"""Plot of a training of `vmfmix.deep`, epoch by epoch."""

from collections.abc import Sequence
from typing import Any

from vmfmix.plotting.axes import COLORS, GRAY, axes_for, logarithmic, name_axes

# Label of each vertical axis, and the columns of the history that are plotted against it.
_PANELS = (
    ("loss", {"loss": "loss"}),
    ("number of clusters", {"n_components": "clusters", "usage": "effective number"}),
    (
        "share",
        {"spread": "spread (healthy: 1)", "knn": "neighbors of the same class", "share": "λ"},
    ),
)


def plot_training(
    history: list[dict[str, Any]], axes: Sequence[Any] | None = None
) -> Sequence[Any]:
    """Plot the loss of a training, its clusters, and signs of collapse, over the epochs.

    Dotted lines mark where the mixture was refitted.

    Parameters
    ----------
    history : list of dict
        The history of a `vmfmix.deep.train.TrainResult`.
    axes : sequence of three matplotlib.axes.Axes, default=None
        Axes to draw on. If None, a new figure is created.

    Returns
    -------
    sequence of matplotlib.axes.Axes

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from vmfmix.plotting import plot_training
    >>> history = [{"epoch": 0, "loss": -0.2, "spread": 0.8}]
    >>> axes = plot_training(history, Figure().subplots(1, 3))
    >>> axes[0].get_ylabel()
    'loss'
    """
    axes_list: Sequence[Any] = axes_for(axes, "plot_training", (12.0, 3.6), n_axes=3)
    refits = [row["epoch"] + 0.5 for row in history if row.get("refit_seconds", 0.0) > 0.0]
    for ax, (title, columns) in zip(axes_list, _PANELS):
        for color, (name, label) in zip(COLORS, columns.items()):
            points = [(row["epoch"] + 1, row[name]) for row in history if name in row]
            if points:
                marker = "o" if len(points) == 1 else None
                ax.plot(*zip(*points), color=color, label=label, marker=marker)
        for epoch in refits:
            ax.axvline(epoch, color=GRAY, ls="dotted", lw=0.8, zorder=0)
        ax.set_xlim(0.5, len(history) + 0.5)
        ax.xaxis.get_major_locator().set_params(integer=True)
        name_axes(ax, "epoch", title)
        if len(ax.get_legend_handles_labels()[0]) > 1:
            ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0))  # above
    numbers = [row[name] for row in history for name in ("n_components", "usage") if name in row]
    clusters_ax = axes_list[1]
    if numbers:
        logarithmic(clusters_ax, "y", max(min(numbers) / 1.25, 0.8), max(numbers) * 1.25)
    else:
        clusters_ax.text(0.5, 0.5, "no clusters", transform=clusters_ax.transAxes, ha="center")
        clusters_ax.set_yticks([])
    return axes_list
