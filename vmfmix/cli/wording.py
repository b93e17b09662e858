"""Messages of Python functions in the words of the command line: options in place of parameters."""

from __future__ import annotations

import re
from collections.abc import Collection

__all__ = ["with_options"]

_WITH_NEGATION = ("smooth",)  # which have an option such as --no-smooth
# Names that are no words of English, so that they are parameters wherever they stand.
_ALWAYS_PARAMETERS = re.compile(r"_|tol$")


def with_options(message: str, parameters: Collection[str]) -> str:
    """Return a message in which parameters with values are options of the command line.

    Parameters
    ----------
    message : str
    parameters : collection of str
        Those that have an option of the same name.

    Returns
    -------
    str

    Examples
    --------
    >>> from vmfmix.cli.wording import with_options
    >>> with_options("Increase max_iter or tol.", ["max_iter", "tol"])
    'Increase --max-iter or --tol.'
    >>> message = 'Pass background=True, n_components="auto" or smooth=False.'
    >>> with_options(message, ["background", "n_components", "smooth"])
    'Pass --background, --n-components auto or --no-smooth.'
    """
    for name in parameters:
        option = f"--{name.replace('_', '-')}"
        start = rf"(?<![\w.-]){name}"
        message = re.sub(rf"{start}=True\b", option, message)
        if name in _WITH_NEGATION:
            message = re.sub(rf"{start}=False\b", option.replace("--", "--no-", 1), message)
        message = re.sub(rf"\b(?:pass|use) {name}=False\b", f"leave out {option}", message)
        message = re.sub(rf"{start}=False\b", f"no {option}", message)
        message = re.sub(rf"{start}=\"([^\"]*)\"", rf"{option} \1", message)
        message = re.sub(rf"{start}=([\w.+-]*\w)", rf"{option} \1", message)
        if _ALWAYS_PARAMETERS.search(name):
            message = re.sub(rf"{start}\b(?!\w|=|\()", option, message)
    return message
