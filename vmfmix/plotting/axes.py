"""Axes of plots, their scales and labels, and colors that everyone can distinguish."""

from __future__ import annotations

from typing import Any

from vmfmix._install import install_hint

# The colors of M. Okabe and K. Ito, which color-blind readers can distinguish, except yellow, which
# is hard to see on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
BLUE, ORANGE = COLORS[:2]
GRAY = "#666666"


def axes_for(ax: Any, name: str, size: tuple[float, float] | None, n_axes: int = 1) -> Any:
    """Return the axes that were passed, or those of a new figure if `ax` is None.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, sequence of them, or None
    name : str
        Name of the plotting function, for the message if matplotlib is missing.
    size : (float, float) or None
        Width and height of a new figure in inches.
    n_axes : int, default=1
        Number of axes of a new figure, side by side.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ImportError(f"{name} needs matplotlib; {install_hint('plot')}.") from None
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(1, n_axes, figsize=size, layout="constrained")
    return ax


def logarithmic(ax: Any, which: str, lowest: float, highest: float) -> None:
    """Make the axis `which` ("x" or "y") logarithmic, with plain numbers as tick labels."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    is_wide = highest / lowest > 5.0  # wide enough to show at least two of 1, 2, 5, 10, ...
    axis = getattr(ax, f"{which}axis")
    getattr(ax, f"set_{which}scale")("log")
    getattr(ax, f"set_{which}lim")(lowest, highest, auto=None)
    axis.set_major_locator(
        LogLocator(subs=(1.0, 2.0, 5.0)) if is_wide else MaxNLocator(5, integer=True, min_n_ticks=1)
    )
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.10g}"))


def name_axes(ax: Any, x: str, y: str) -> None:
    """Label both axes, and hide the frame opposite to them."""
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.spines[["top", "right"]].set_visible(False)
