"""A small line chart over numbers of clusters, as inline SVG in the color of the text."""

from __future__ import annotations

import numpy as np

from vmfmix._notebook import html

_WIDTH, _HEIGHT = 360.0, 120.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 12.0, 12.0, 20.0, 24.0  # margins
_TICK_DISTANCE = 40.0  # between labels of the axis
_LABEL_WIDTH = 90.0  # of the label of the marked number, which stays within the chart
_LOG_RATIO = 10.0  # values are on a logarithmic axis if they differ by more than this factor


def curve(
    numbers: np.ndarray,
    values: np.ndarray,
    marked: int | None,
    description: str,
    *,
    may_be_log: bool,
) -> html.Markup:
    """Return a chart of a value for each number of clusters, which are on a logarithmic axis.

    Parameters
    ----------
    numbers : ndarray of shape (n_points,), int
        From 1.
    values : ndarray of shape (n_points,)
        Points whose value is not finite are left out.
    marked : int or None
        Number that a vertical line marks.
    description : str
        Written below the chart; "(logarithmic)" is added if the values are.
    may_be_log : bool
        Whether values that differ by orders of magnitude are on a logarithmic axis.

    Returns
    -------
    Markup
        Empty if no value is finite.
    """
    is_drawn = np.isfinite(values)
    is_log = False
    if may_be_log and (values[is_drawn] > 0).any():
        positive = values[is_drawn & (values > 0)]
        is_log = bool(positive.max() > _LOG_RATIO * positive.min())
        is_drawn &= (values > 0) | (not is_log)
    if not is_drawn.any():
        return html.Markup("")
    order = np.argsort(numbers[is_drawn])
    numbers, heights = numbers[is_drawn][order], values[is_drawn][order]
    if is_log:
        heights, description = np.log(heights), f"{description} (logarithmic)"
    x = _places(np.log(numbers), _LEFT, _WIDTH - _RIGHT)
    y = _places(heights, _HEIGHT - _BOTTOM, _TOP)
    label = html.escaped(description)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{label}" '
        'fill="none" stroke="currentColor" font-size="12">',
        _axis(numbers, x),
        _line(x, y),
        _mark(numbers, x, marked),
        "</svg>",
        html.paragraph(description),
    ]
    return html.Markup("".join(parts))


def _places(values: np.ndarray, start: float, end: float) -> np.ndarray:
    """Return values on a scale from start to end; in the middle if all are equal."""
    low, high = values.min(), values.max()
    if low == high:
        return np.full(len(values), (start + end) / 2.0)
    return start + (end - start) * (values - low) / (high - low)


def _line(x: np.ndarray, y: np.ndarray) -> str:
    """Return the line, with at most one point for each unit of length."""
    kept = np.unique(np.round(x), return_index=True)[1]
    kept = np.unique([*kept, len(x) - 1])
    if len(kept) == 1:
        return f'<circle cx="{x[0]:.0f}" cy="{y[0]:.0f}" r="3" fill="currentColor"/>'
    points = " ".join(f"{x[i]:.0f},{y[i]:.1f}" for i in kept)
    return f'<polyline points="{points}" stroke-width="1.5"/>'


def _axis(numbers: np.ndarray, x: np.ndarray) -> str:
    """Return the axis with the smallest and the largest number, and round ones between them."""
    bottom = _HEIGHT - _BOTTOM
    parts = [f'<path d="M{_LEFT:g} {bottom:g}H{_WIDTH - _RIGHT:g}" opacity=".5"/>']
    labels = {int(numbers[0]): float(x[0]), int(numbers[-1]): float(x[-1])}
    decades = range(int(np.log10(numbers[-1])) + 1)
    for number in [step * 10**decade for step in (1, 2, 5) for decade in decades]:
        if not numbers[0] < number < numbers[-1]:
            continue
        place = float(np.interp(np.log(number), np.log(numbers), x))
        if all(abs(place - other) >= _TICK_DISTANCE for other in labels.values()):
            labels[number] = place
    for number, place in labels.items():
        anchor = "middle"
        if len(labels) > 1 and place in (_LEFT, _WIDTH - _RIGHT):
            anchor = "start" if place == _LEFT else "end"
        parts.append(f'<path d="M{place:.0f} {bottom:g}v4" opacity=".5"/>')
        parts.append(_text(f"{number:,}", place, _HEIGHT - 7.0, anchor))
    return "".join(parts)


def _mark(numbers: np.ndarray, x: np.ndarray, marked: int | None) -> str:
    """Return a dashed line at the marked number, and the number above it."""
    if marked is None or not numbers[0] <= marked <= numbers[-1]:
        return ""
    place = float(np.interp(np.log(marked), np.log(numbers), x))
    anchor = "end" if place > _WIDTH - _LABEL_WIDTH else "start"
    line = f'<path d="M{place:.0f} {_TOP - 16.0:g}V{_HEIGHT - _BOTTOM:g}" stroke-dasharray="4 3"/>'
    shift = -5.0 if anchor == "end" else 5.0
    return line + _text(html.counted(marked, "cluster"), place + shift, 12.0, anchor)


def _text(text: str, x: float, y: float, anchor: str) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:g}" text-anchor="{anchor}" fill="currentColor" stroke="none">'
        f"{html.escaped(text)}</text>"
    )
