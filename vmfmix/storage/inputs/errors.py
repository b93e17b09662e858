"""The error of an argument that chooses what is read from a file."""

from __future__ import annotations


class InputError(ValueError):
    """An argument of `read_input` is needed, or names an array or column that cannot be meant.

    Parameters
    ----------
    message : str
    parameter : str
        Name of the argument, such as "text_column".
    """

    def __init__(self, message: str, parameter: str) -> None:
        super().__init__(message)
        self.parameter = parameter
