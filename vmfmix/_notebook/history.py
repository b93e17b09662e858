"""The HTML representations of a merge history and of natural numbers of clusters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from vmfmix._notebook import html
from vmfmix._notebook.curve import curve
from vmfmix.plotting.merge_history import chosen_number


def history_html(history: Any) -> str:
    """Return the HTML of a merge history.

    Parameters
    ----------
    history : MergeHistory

    Returns
    -------
    str
        Its numbers of clusters, the natural ones, and a chart of the scores or, if the number was
        given, of the costs.
    """
    levels = list(zip(history.levels.tolist(), history.strengths.tolist()))
    return html.document(
        "MergeHistory",
        html.facts(_facts(history)),
        _table_of_levels(levels) if levels else html.Markup(""),
        _chart(history),
    )


def levels_html(levels: Sequence[tuple[int, float]]) -> str:
    """Return the HTML of a list of natural numbers of clusters and their strengths."""
    return html.document("Natural numbers of clusters", _table_of_levels(levels))


def _facts(history: Any) -> Iterator[tuple[str, str]]:
    start = html.counted(history.n_components_init, "component")
    n_rounds = len(history.rounds) - 1
    yield (
        "Merged",
        f"{start} down to {history.rounds[-1]:,} in {html.counted(n_rounds, 'round')}"
        if n_rounds
        else f"nothing; the path starts and ends with {start}",
    )
    final = _final_number(history)
    if final is not None:
        yield "Clusters", f"{final:,}, number {'estimated' if len(history.scores) else 'given'}"
    if len(history.scores) and np.isfinite(history.scores).any():
        smallest, largest = history.range_of_similar_scores()
        if smallest < largest:
            yield "Similar scores", f"{smallest:,} to {largest:,}, within 3% of the best"


def _table_of_levels(levels: Sequence[tuple[int, float]]) -> html.Markup:
    rows = [(f"{number:,}", f"{strength:.0%}", html.Bar(strength)) for number, strength in levels]
    return html.table(["Natural number", "Strength", ""], rows)


def _final_number(history: Any) -> int | None:
    """Return the number of clusters of the fit; None if no EM followed, as after an edit."""
    if len(history.scores):
        return chosen_number(history)
    return int(history.rounds[-1]) if len(history.n_components) else None


def _chart(history: Any) -> html.Markup:
    marked = _final_number(history)
    if len(history.scores):
        label = "Score of each number of clusters (greater is better)"
        return curve(history.candidates, history.scores, marked, label, may_be_log=False)
    after = history.n_components_init - 1 - np.arange(len(history.costs))
    label = "Cost of the merge that leads to each number of clusters"
    return curve(after, history.costs, marked, label, may_be_log=True)
