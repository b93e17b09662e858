"""The command that installs an optional dependency, for messages about missing packages."""


def install_hint(extra: str) -> str:
    """Return how to install an extra of vmfmix, to end the sentence "X needs Y; ...".

    The package is in no registry yet, so the command works in a clone of the repository only.
    When that changes, this is the one place to edit.

    Examples
    --------
    >>> from vmfmix._install import install_hint
    >>> print(f"plot_sizes needs matplotlib; {install_hint('plot')}.")
    plot_sizes needs matplotlib; run pip install ".[plot]" in a clone of the vmfmix repository.
    """
    return f'run pip install ".[{extra}]" in a clone of the vmfmix repository'
