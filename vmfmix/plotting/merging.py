"""Pictures of a fit: how components merged, what spoke for their number, and the tree of merges.

Each function draws on the axes it is given, or on a figure of its own, shows nothing, and returns
the axes.
"""

import numpy as np

from vmfmix.plotting.axes import BLUE, COLORS, GRAY, ORANGE, axes_for, logarithmic, name_axes

_MERGING = "vmfmix-merging"  # marks what `plot_merging` has drawn on an axes
_TEXT = 30.0, 12.0  # width and height that a number needs, in points
_MOST_DOTS = 60
_LABEL, _SMALLEST = 9.0, 5.0  # size of the labels of leaves, in points
_WIDE = 10.0  # ratio of costs from which on their axis is logarithmic
_ROOM = 0.14  # share of the height, for a line of text above


def plot_merging(history, ax=None, label=None):
    """Number of components in each EM iteration.

    Where the number was to be found, merging goes down to one component; a dotted line leads from
    there to the number that was chosen, with which EM goes on (or back to the beginning, where
    `selection` looks at several paths). The number at the end is written beside the line. Call it
    again on the same axes to compare fits that began with other numbers.

    Parameters
    ----------
    history : MergeHistory
        Of a fitted model, its ``merge_history_``.
    ax : matplotlib.axes.Axes, default=None
        Where to draw; None: a new figure.
    label : str, default=None
        Name of the line in the legend; None: it has none.

    Returns
    -------
    matplotlib.axes.Axes

    See Also
    --------
    plot_scores : What spoke for the number that was chosen.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.datasets import make_vmf_mixture
    >>> from vmfmix.plotting import plot_merging
    >>> X, _ = make_vmf_mixture(500, n_features=8, n_components=4, random_state=0)
    >>> ax = Figure().subplots()
    >>> for start in (10, 25):
    ...     model = VMFMixture(n_components_init=start, random_state=0).fit(X)
    ...     ax = plot_merging(model.merge_history_, ax=ax, label=f"from {start}")
    >>> [text.get_text() for text in ax.texts]  # both end with
    ['4']
    """
    ax = axes_for(ax, "plot_merging", (7.0, 4.2))
    numbers = np.asarray(history.n_components, dtype=float)
    iterations = np.arange(1.0, len(numbers) + 1)
    rises = np.flatnonzero(np.diff(numbers) > 0) + 1
    color = COLORS[len(_merging_lines(ax)) % len(COLORS)]
    ax.plot(
        np.insert(iterations, rises, iterations[rises]),
        np.insert(numbers, rises, np.nan),  # nothing merges backwards: the line is interrupted
        drawstyle="steps-post",
        color=color,
        marker="o",
        markevery=[len(numbers) + len(rises) - 1],
        label=label,
        gid=_MERGING,
    )
    ax.vlines(iterations[rises], numbers[rises - 1], numbers[rises], color=color, ls="dotted")
    drawn = np.column_stack([line.get_xydata().T for line in _merging_lines(ax)])
    ax.set_xlim(0.0, 1.08 * drawn[0].max(), auto=None)  # None: the next line may widen them
    logarithmic(ax, "y", np.nanmin(drawn[1]) / 1.25, np.nanmax(drawn[1]) * 1.25)
    ax.xaxis.get_major_locator().set_params(integer=True)
    _write_ends(ax)
    name_axes(ax, "EM iteration", "number of components")
    if label is not None:
        ax.legend(frameon=False)
    return ax


def _merging_lines(ax):
    return [line for line in ax.lines if line.get_gid() == _MERGING]


def _write_ends(ax):
    """The number at the end of the lines, once where several end with the same one."""
    for text in [text for text in ax.texts if text.get_gid() == _MERGING]:
        text.remove()
    ends: dict = {}
    for line in _merging_lines(ax):
        iteration, number = line.get_xydata()[-1]
        ends[number] = max(iteration, ends.get(number, 0.0))
    to_points = 72.0 / ax.figure.dpi
    written: list = []
    for number, iteration in sorted(ends.items()):
        x, y = to_points * ax.transData.transform((iteration, number))
        near = [above for beside, above in written if abs(beside - x) < _TEXT[0]]
        place = max([y, *(above + _TEXT[1] for above in near)])
        ax.annotate(
            f"{number:.0f}",
            (iteration, number),
            xytext=(8.0, place - y),
            textcoords="offset points",
            va="center",
            gid=_MERGING,
        )
        written.append((x, place))


def plot_scores(history, ax=None):
    """Selection score of each number of components that was compared.

    Parameters
    ----------
    history : MergeHistory
        Of a model fitted with ``n_components="auto"``, its ``merge_history_``.
    ax : matplotlib.axes.Axes, default=None
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If no numbers were compared, because the number of components was given.

    See Also
    --------
    plot_merging : The way from many components to few.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.datasets import make_vmf_mixture
    >>> from vmfmix.plotting import plot_scores
    >>> X, _ = make_vmf_mixture(500, n_features=8, n_components=4, random_state=0)
    >>> history = VMFMixture(random_state=0).fit(X).merge_history_
    >>> ax = plot_scores(history, ax=Figure().subplots())
    >>> ax.texts[0].get_text().startswith("4 (score")
    True
    """
    chosen = _chosen(history)
    if chosen is None:
        raise ValueError(
            "This history has no scores, because the number of components was given; fit with "
            'n_components="auto".'
        )
    ax = axes_for(ax, "plot_scores", (7.0, 4.2))
    candidates, scores = np.asarray(history.candidates), np.asarray(history.scores)
    score = scores[candidates == chosen][0]
    dots = "." if len(candidates) <= _MOST_DOTS else ""
    ax.plot(candidates, scores, color=BLUE, marker=dots)
    ax.axvline(chosen, color=ORANGE, ls="dashed", lw=1.0, zorder=1)
    ax.plot(chosen, score, color=ORANGE, marker="o", ls="none")
    logarithmic(ax, "x", candidates.min() / 1.25, candidates.max() * 1.25)
    bottom, top = ax.get_ylim()
    ax.set_ylim(bottom, top + _ROOM * (top - bottom))
    # No score is greater than this one, so that above it there is room.
    left, right = np.log(ax.get_xlim())
    on_the_right = (np.log(chosen) - left) / (right - left) > 0.6
    ax.annotate(
        f"{chosen} (score {score:.3g})",
        (chosen, score),
        xytext=(-6.0 if on_the_right else 6.0, 6.0),
        textcoords="offset points",
        ha="right" if on_the_right else "left",
        va="bottom",
    )
    name_axes(ax, "number of components", "selection score (greater is better)")
    return ax


def plot_dendrogram(history, n_components=30, ax=None):
    """The last merges as a tree.

    The leaves are the components at that place of the path, with their numbers of rows if there is
    room; where rows are many or come in copies, of distinct rows in the sample that was merged. The
    height of a union is the greatest cost of the merges that made it, on a logarithmic axis where
    costs differ much. Merges within the chosen components are blue, merges of these are gray, and a
    line is drawn between the two if there is a height between them.

    Parameters
    ----------
    history : MergeHistory
        Of a model fitted with ``n_components="auto"``, its ``merge_history_``.
    n_components : int, default=30
        Number of leaves, or all where fewer were started from. A cut into more components is not
        seen.
    ax : matplotlib.axes.Axes, default=None
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the path does not go down to one component, or began there.

    See Also
    --------
    vmfmix.merging.history.MergeHistory.linkage : The whole tree for `scipy.cluster.hierarchy`.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.datasets import make_vmf_mixture
    >>> from vmfmix.plotting import plot_dendrogram
    >>> X, _ = make_vmf_mixture(500, n_features=8, n_components=4, random_state=0)
    >>> history = VMFMixture(random_state=0).fit(X).merge_history_
    >>> ax = plot_dendrogram(history, n_components=12, ax=Figure().subplots())
    >>> sum(int(label.get_text()) for label in ax.get_xticklabels())
    500
    """
    if not isinstance(n_components, (int, np.integer)) or n_components < 2:
        raise ValueError(
            f"n_components={n_components!r} is not allowed; pass an integer of at least 2."
        )
    most = history.n_components_init
    if most < 2:
        raise ValueError(
            "This history began with one component, and nothing was merged; fit with a greater "
            "n_components_init."
        )
    tree = history.linkage()
    heights = tree[:, 2].copy()
    tree[-1, 2] = max(heights[-1], 1e-12)  # an axis needs a height even if nothing had a cost
    ax = axes_for(ax, "plot_dendrogram", (8.0, 4.6))
    from scipy.cluster.hierarchy import dendrogram

    leaves = min(n_components, most)
    chosen = _chosen(history) or 1
    rows = {node: f"{n_rows:.0f}" for node, n_rows in _rows_of_nodes(history, leaves).items()}
    room = 72.0 * ax.bbox.width / ax.figure.dpi / leaves
    upright = room > 0.8 * _LABEL * max(map(len, rows.values()))
    dendrogram(
        tree,
        p=leaves,
        truncate_mode="lastp",
        leaf_label_func=rows.get,
        leaf_rotation=0.0 if upright else 90.0,
        leaf_font_size=min(_LABEL, room),
        no_labels=room < _SMALLEST,
        link_color_func=lambda node: GRAY if node >= 2 * most - chosen else BLUE,
        ax=ax,
    )
    _cut(ax, heights, chosen, leaves)
    ax.tick_params(axis="x", length=0.0)
    name_axes(
        ax, "components" if room < _SMALLEST else "rows in each component", "cost of the merge"
    )
    return ax


def _rows_of_nodes(history, n_components):
    """Numbers of rows of the components where the path has so many, by node."""
    rounds = np.asarray(history.rounds)
    position = np.flatnonzero(rounds >= n_components)[-1]
    here = slice(rounds[:position].sum(), rounds[: position + 1].sum())
    rows = dict(zip(history.nodes[here].tolist(), history.counts[here]))
    most = history.n_components_init
    for merge in range(most - rounds[position], most - n_components):
        rows[most + merge] = sum(rows.pop(child) for child in history.children[merge].tolist())
    return rows


def _cut(ax, heights, chosen, leaves):
    """Draw the cut between the merges, say what it is, and fit the height of the axes."""
    shown = heights[len(heights) - leaves + 1 :]
    wide = 0.0 < _WIDE * shown.min() < shown.max()
    scale, back = (np.log, np.exp) if wide else (np.positive, np.positive)
    low, high = scale(shown.min()), scale(shown.max())
    pad = 0.1 * ((high - low) or high or 1.0)
    first_above = len(heights) - chosen + 1
    below = heights[:first_above].max(initial=0.0)
    above = heights[first_above:].min(initial=np.inf)
    if chosen > leaves:
        ax.plot([], [], ls="none", label=f"cut into {_counted(chosen)} further down")
    elif below < above:
        between = max(below, back(low - pad)), min(above, back(high + pad))
        place = back(scale(between).mean())
        ax.axhline(place, color=ORANGE, ls="dashed", label=f"cut into {_counted(chosen)}")
    else:  # merged in another order than that of costs
        ax.plot([], [], color=BLUE, label=f"within the {_counted(chosen)} chosen")
    bottom = low - pad if wide else 0.0
    top = high + pad + _ROOM * (high - bottom)
    if wide:
        logarithmic(ax, "y", back(bottom), back(top))
    else:
        ax.set_ylim(bottom, top)
    ax.legend(loc="upper right", frameon=False)


def _chosen(history):
    """Number of components with the best score, the smaller of equal ones; None without scores."""
    pairs = zip(history.scores.tolist(), history.candidates.tolist())
    return min(((-score, number) for score, number in pairs), default=(None, None))[1]


def _counted(number):
    return f"{number} component{'' if number == 1 else 's'}"
