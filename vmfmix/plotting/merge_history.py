"""Plots of a merge history: number of components, selection scores, and the tree of merges."""

from __future__ import annotations

from typing import Any

import numpy as np

from vmfmix.plotting.axes import BLUE, COLORS, GRAY, ORANGE, axes_for, logarithmic, name_axes

_MERGING = "vmfmix-merging"  # group id of the lines and texts that `plot_merging` draws
_NUMBER_WIDTH, _NUMBER_HEIGHT = 30.0, 12.0  # of the number at the end of a line, in points
_MAX_MARKERS = 60  # with more points than this, `plot_scores` draws a line without markers
_LEAF_SIZE, _MIN_LEAF_SIZE = 9.0, 5.0  # font size of the labels of leaves, in points
_LOG_RATIO = 10.0  # costs are on a logarithmic axis if they differ by more than this factor
_TOP_MARGIN = 0.14  # fraction of the height that is left free for a line of text at the top


def plot_merging(history: Any, ax: Any = None, label: str | None = None) -> Any:
    """Plot the number of components in each EM iteration.

    If the number of components was estimated, merging continues down to one component; from there a
    dotted line leads up to the number that was chosen, with which EM continues (or to the initial
    number, if the selection rule compares several merge paths). The final number is written at the
    end of the line. Call the function again on the same axes to compare fits that started with
    different numbers of components.

    Parameters
    ----------
    history : MergeHistory
        The ``merge_history_`` of a fitted model.
    ax : matplotlib.axes.Axes, default=None
        Axes to draw on. If None, a new figure is created.
    label : str, default=None
        Label of the line in the legend. If None, there is no legend.

    Returns
    -------
    matplotlib.axes.Axes

    See Also
    --------
    plot_scores : Scores that decided on the number of components.

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
    >>> [text.get_text() for text in ax.texts]  # both fits end with
    ['4']
    """
    ax = axes_for(ax, "plot_merging", (7.0, 4.2))
    numbers = np.asarray(history.n_components, dtype=float)
    iterations = np.arange(1.0, len(numbers) + 1)
    rises = np.flatnonzero(np.diff(numbers) > 0) + 1
    color = COLORS[len(_merging_lines(ax)) % len(COLORS)]
    ax.plot(
        np.insert(iterations, rises, iterations[rises]),
        np.insert(numbers, rises, np.nan),  # a gap, since merging never increases the number
        drawstyle="steps-post",
        color=color,
        marker="o",
        markevery=[len(numbers) + len(rises) - 1],
        label=label,
        gid=_MERGING,
    )
    ax.vlines(iterations[rises], numbers[rises - 1], numbers[rises], color=color, ls="dotted")
    drawn = np.column_stack([line.get_xydata().T for line in _merging_lines(ax)])
    ax.set_xlim(0.0, 1.08 * drawn[0].max(), auto=None)  # None: later lines may widen the limits
    logarithmic(ax, "y", np.nanmin(drawn[1]) / 1.25, np.nanmax(drawn[1]) * 1.25)
    ax.xaxis.get_major_locator().set_params(integer=True)
    _label_ends(ax)
    name_axes(ax, "EM iteration", "number of components")
    if label is not None:
        ax.legend(frameon=False)
    return ax


def _merging_lines(ax: Any) -> list[Any]:
    return [line for line in ax.lines if line.get_gid() == _MERGING]


def _label_ends(ax: Any) -> None:
    """Write the number at the end of each line; once if several lines end with the same number."""
    for text in [text for text in ax.texts if text.get_gid() == _MERGING]:
        text.remove()
    ends: dict[float, float] = {}
    for line in _merging_lines(ax):
        iteration, number = line.get_xydata()[-1]
        ends[number] = max(iteration, ends.get(number, 0.0))
    to_points = 72.0 / ax.figure.dpi
    positions: list[tuple[float, float]] = []
    for number, iteration in sorted(ends.items()):
        x, y = to_points * ax.transData.transform((iteration, number))
        near = [other_y for other_x, other_y in positions if abs(other_x - x) < _NUMBER_WIDTH]
        label_y = max([y, *(other_y + _NUMBER_HEIGHT for other_y in near)])
        ax.annotate(
            f"{number:.0f}",
            (iteration, number),
            xytext=(8.0, label_y - y),
            textcoords="offset points",
            va="center",
            gid=_MERGING,
        )
        positions.append((x, label_y))


def plot_scores(history: Any, ax: Any = None) -> Any:
    """Plot the selection score of each number of components that was compared.

    A dashed line marks the chosen number. The numbers around it that score almost as well are
    shaded: they miss the best score by at most 3 % of its difference from the worst. An axis at the
    top shows the natural numbers of components, the chosen one in orange.

    Parameters
    ----------
    history : MergeHistory
        The ``merge_history_`` of a model fitted with ``n_components="auto"``.
    ax : matplotlib.axes.Axes, default=None
        Axes to draw on. If None, a new figure is created.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the history has no scores because the number of components was given.

    See Also
    --------
    plot_merging : Number of components in each EM iteration.
    vmfmix.merging.history.MergeHistory.range_of_similar_scores : The shaded range.

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
    smallest, largest = history.range_of_similar_scores()
    chosen = chosen_number(history)
    ax = axes_for(ax, "plot_scores", (7.0, 4.2))
    candidates, scores = np.asarray(history.candidates), np.asarray(history.scores)
    score = scores[candidates == chosen][0]
    marker = "." if len(candidates) <= _MAX_MARKERS else ""
    ax.plot(candidates, scores, color=BLUE, marker=marker)
    ax.axvline(chosen, color=ORANGE, ls="dashed", lw=1.0, zorder=1)
    ax.plot(chosen, score, color=ORANGE, marker="o", ls="none")
    if smallest < largest:
        label = "within 3% of the best score"
        ax.axvspan(smallest, largest, color=ORANGE, alpha=0.15, lw=0.0, zorder=0.5, label=label)
    numbers = np.concatenate([candidates, history.levels])
    logarithmic(ax, "x", numbers.min() / 1.25, numbers.max() * 1.25)
    bottom, top = ax.get_ylim()
    # The best score is annotated above its point, where no other score can be.
    ax.set_ylim(bottom, top + _TOP_MARGIN * (top - bottom))
    left, right = np.log(ax.get_xlim())
    is_right = (np.log(chosen) - left) / (right - left) > 0.6
    ax.annotate(
        f"{chosen} (score {score:.3g})",
        (chosen, score),
        xytext=(-6.0 if is_right else 6.0, 6.0),
        textcoords="offset points",
        ha="right" if is_right else "left",
        va="bottom",
    )
    name_axes(ax, "number of components", "selection score (greater is better)")
    if smallest < largest:
        ax.legend(frameon=False)
    if len(history.levels):
        _add_axis_of_levels(ax, history.levels)
    return ax


def _add_axis_of_levels(ax: Any, levels: Any) -> None:
    """Show the natural numbers of components at the top, the chosen one in orange."""
    axis = ax.secondary_xaxis("top")
    axis.set_xticks(levels, [str(number) for number in levels])
    axis.minorticks_off()
    axis.set_xlabel("natural numbers of components")
    axis.spines["top"].set_visible(False)
    axis.get_xticklabels()[0].set_color(ORANGE)


def plot_dendrogram(history: Any, n_components: int = 30, ax: Any = None) -> Any:
    """Plot the last merges as a tree.

    The leaves are the components at the point of the merge path with `n_components` components.
    They are labeled with their numbers of rows if space permits; with many rows, or duplicate rows,
    these are numbers of distinct rows in the sample that was merged. The height of a node is the
    greatest cost of the merges below it, on a logarithmic axis if costs differ by more than a
    factor of 10. Merges within the chosen components are blue, and merges between them are gray. A
    dashed line separates the two if all of the gray ones are higher.

    Parameters
    ----------
    history : MergeHistory
        The ``merge_history_`` of a model fitted with ``n_components="auto"``.
    n_components : int, default=30
        Number of leaves, at most the number of components that merging started from. A cut into
        more components than leaves is not visible.
    ax : matplotlib.axes.Axes, default=None
        Axes to draw on. If None, a new figure is created.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If `n_components` is not an integer of at least 2, or if the merge path does not end with
        one component, or starts with one.

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
    n_initial = history.n_components_init
    if n_initial < 2:
        raise ValueError(
            "This history starts with one component, so nothing was merged; fit with a larger "
            "n_components_init."
        )
    tree = history.linkage()
    heights = tree[:, 2].copy()
    tree[-1, 2] = max(heights[-1], 1e-12)  # the axis needs a height even if all costs are 0
    ax = axes_for(ax, "plot_dendrogram", (8.0, 4.6))
    from scipy.cluster.hierarchy import dendrogram

    n_leaves = min(n_components, n_initial)
    chosen = chosen_number(history)
    rows = {node: f"{n_rows:.0f}" for node, n_rows in _rows_of_leaves(history, n_leaves).items()}
    leaf_width = 72.0 * ax.bbox.width / ax.figure.dpi / n_leaves  # in points
    is_horizontal = leaf_width > 0.8 * _LEAF_SIZE * max(map(len, rows.values()))
    has_labels = leaf_width >= _MIN_LEAF_SIZE
    dendrogram(
        tree,
        p=n_leaves,
        truncate_mode="lastp",
        leaf_label_func=rows.get,
        leaf_rotation=0.0 if is_horizontal else 90.0,
        leaf_font_size=min(_LEAF_SIZE, leaf_width),
        no_labels=not has_labels,
        link_color_func=lambda node: GRAY if node >= 2 * n_initial - chosen else BLUE,
        ax=ax,
    )
    _draw_cut(ax, heights, chosen, n_leaves)
    ax.tick_params(axis="x", length=0.0)
    name_axes(ax, "rows in each component" if has_labels else "components", "cost of the merge")
    return ax


def _rows_of_leaves(history: Any, n_leaves: int) -> dict[int, float]:
    """Return the number of rows of each node at the point of the path with `n_leaves` components.

    Rows are recorded after each round of merges: start from the last round with at least `n_leaves`
    components, and add up the merges that are missing.
    """
    rounds = np.asarray(history.rounds)
    last = np.flatnonzero(rounds >= n_leaves)[-1]
    entries = slice(rounds[:last].sum(), rounds[: last + 1].sum())
    rows = dict(zip(history.nodes[entries].tolist(), history.counts[entries]))
    n_initial = history.n_components_init
    for merge in range(n_initial - rounds[last], n_initial - n_leaves):
        rows[n_initial + merge] = sum(rows.pop(child) for child in history.children[merge].tolist())
    return rows


def _draw_cut(ax: Any, heights: np.ndarray, chosen: int, n_leaves: int) -> None:
    """Draw and label the cut into the chosen components, and set the limits of the y-axis."""
    visible = heights[len(heights) - n_leaves + 1 :]
    is_log = 0.0 < _LOG_RATIO * visible.min() < visible.max()
    scale, inverse = (np.log, np.exp) if is_log else (np.positive, np.positive)
    low, high = scale(visible.min()), scale(visible.max())
    margin = 0.1 * ((high - low) or high or 1.0)
    first_above = len(heights) - chosen + 1
    below = heights[:first_above].max(initial=0.0)
    above = heights[first_above:].min(initial=np.inf)
    if chosen > n_leaves:
        ax.plot([], [], ls="none", label=f"cut into {_counted(chosen)} below the leaves")
    elif below < above:
        interval = max(below, inverse(low - margin)), min(above, inverse(high + margin))
        middle = inverse(scale(interval).mean())
        ax.axhline(middle, color=ORANGE, ls="dashed", label=f"cut into {_counted(chosen)}")
    else:  # merges were not in the order of their costs, so no height separates them
        ax.plot([], [], color=BLUE, label=f"within the {_counted(chosen)} chosen")
    bottom = low - margin if is_log else 0.0
    top = high + margin + _TOP_MARGIN * (high - bottom)
    if is_log:
        logarithmic(ax, "y", inverse(bottom), inverse(top))
    else:
        ax.set_ylim(bottom, top)
    ax.legend(loc="upper right", frameon=False)


def chosen_number(history: Any) -> int:
    """Return the number with the best score, the smallest of equal ones; 1 without scores."""
    scores = zip(history.scores.tolist(), history.candidates.tolist())
    valid = ((-score, number) for score, number in scores if not np.isnan(score))
    return min(valid, default=(0.0, 1))[1]


def _counted(number: int) -> str:
    return "1 component" if number == 1 else f"{number} components"
