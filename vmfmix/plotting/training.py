"""A picture of a training of `vmfmix.deep`, epoch by epoch."""

from vmfmix.plotting.axes import COLORS, GRAY, axes_for, logarithmic, name_axes


def plot_training(history, axes=None):
    """How a training went: its loss, its clusters, and what tells whether embeddings collapse.

    Dotted lines mark the epochs before which the mixture was fitted anew.

    Parameters
    ----------
    history : list of dict
        Of a `vmfmix.deep.train.TrainResult`.
    axes : sequence of three matplotlib.axes.Axes, default=None
        Where to draw; None: a new figure.

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
    axes = axes_for(axes, "plot_training", (12.0, 3.6), n_axes=3)
    lines = (
        ("loss", {"loss": "loss"}),
        (
            "number of clusters",
            {"n_components": "clusters", "usage": "used as equal ones would be"},
        ),
        (
            "share",
            {"spread": "spread (healthy: 1)", "knn": "neighbors of the same class", "share": "λ"},
        ),
    )
    refits = [row["epoch"] + 0.5 for row in history if row.get("refit_seconds", 0.0) > 0.0]
    for ax, (title, names) in zip(axes, lines):
        for color, (name, meaning) in zip(COLORS, names.items()):
            known = [(row["epoch"] + 1, row[name]) for row in history if name in row]
            if known:
                marker = "o" if len(known) == 1 else None
                ax.plot(*zip(*known), color=color, label=meaning, marker=marker)
        for epoch in refits:
            ax.axvline(epoch, color=GRAY, ls="dotted", lw=0.8, zorder=0)
        ax.set_xlim(0.5, len(history) + 0.5)
        ax.xaxis.get_major_locator().set_params(integer=True)
        name_axes(ax, "epoch", title)
        if len(ax.get_legend_handles_labels()[0]) > 1:
            ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0))  # above
    numbers = [row[name] for row in history for name in ("n_components", "usage") if name in row]
    if numbers:
        logarithmic(axes[1], "y", max(min(numbers) / 1.25, 0.8), max(numbers) * 1.25)
    else:
        axes[1].text(0.5, 0.5, "no clusters", transform=axes[1].transAxes, ha="center")
        axes[1].set_yticks([])
    return axes
