"""Axes for pictures: those given or new ones, their labels, and colors that all tell apart."""

from vmfmix._install import install_hint

# Of M. Okabe and K. Ito: told apart by everyone. Yellow is left out; on white it is hardly seen.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
BLUE, ORANGE = COLORS[:2]
GRAY = "#666666"


def axes_for(ax, name, size, n_axes=1):
    """The axes that were given, or those of a new figure, side by side."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ImportError(f"{name} needs matplotlib; {install_hint('plot')}.") from None
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(1, n_axes, figsize=size, layout="constrained")
    return ax


def logarithmic(ax, which, lowest, greatest):
    """Make an axis logarithmic, with plain numbers at its ticks."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    wide = greatest / lowest > 5.0  # so that two of 1, 2, 5, 10, ... are there, or more
    axis = getattr(ax, f"{which}axis")
    getattr(ax, f"set_{which}scale")("log")
    getattr(ax, f"set_{which}lim")(lowest, greatest, auto=None)
    axis.set_major_locator(
        LogLocator(subs=(1.0, 2.0, 5.0)) if wide else MaxNLocator(5, integer=True, min_n_ticks=1)
    )
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.10g}"))


def name_axes(ax, x, y):
    """Say what is on the axes, and leave out the lines opposite to them."""
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.spines[["top", "right"]].set_visible(False)
