"""A report as an object that notebooks show, and that can be saved or opened in a browser."""

from __future__ import annotations

import io
import shutil
import tempfile
import webbrowser
from numbers import Integral
from pathlib import Path
from typing import Any

from vmfmix._notebook import html
from vmfmix.inspection.fitted_model import FittedMixture, RowsLike
from vmfmix.report.page import write_report
from vmfmix.storage.writing import output_file


class InlineReport:
    """The report on a fitted model, which a notebook shows as the result of a cell.

    It is returned by `vmfmix.VMFMixture.show`.

    Parameters
    ----------
    page : bytes
        The HTML page.
    title : str, default="Clusters"
        Its title.
    height : int, default=700
        Height in a notebook, in pixels.

    Raises
    ------
    ValueError
        If `height` is not a positive integer.

    Examples
    --------
    >>> import os, tempfile
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.datasets import load_snips
    >>> X = load_snips().data
    >>> report = VMFMixture(7, random_state=0).fit(X).show(X, n_rows=500)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report.save(os.path.join(folder, "report.html"))
    """

    def __init__(self, page: bytes, *, title: str = "Clusters", height: int = 700) -> None:
        self._page = page
        self._title = title
        self._height = _validated_height(height)

    @classmethod
    def of(
        cls,
        model: FittedMixture,
        X: RowsLike,
        *,
        title: str = "Clusters",
        height: int = 700,
        **options: Any,
    ) -> InlineReport:
        """Return the report that `write_report` writes; see there for the other parameters."""
        height = _validated_height(height)  # before the work
        page = io.BytesIO()
        write_report(page, model, X, title=title, **options)
        return cls(page.getvalue(), title=str(title), height=height)

    def save(self, path: Any) -> None:
        """Write the report to a file.

        Parameters
        ----------
        path : str, path-like or file object
            As for `write_report`.
        """
        with output_file(path) as file:
            file.write(self._page)

    def open(self) -> None:
        """Open the report in a browser, as a temporary file that remains after the program ends.

        Raises
        ------
        RuntimeError
            If no browser can be started.
        """
        folder = Path(tempfile.mkdtemp(prefix="vmfmix-"))  # that only the user can read
        path = folder / "report.html"
        self.save(path)
        if not webbrowser.open(path.as_uri()):
            shutil.rmtree(folder)
            raise RuntimeError(
                "No browser can be started here; write the report to a file with save(path), and "
                "open that file in a browser."
            )

    def __repr__(self) -> str:
        return (
            f'<Report "{self._title}"; a notebook shows it, .save(path) writes it, .open() opens a '
            "browser>"
        )

    def _repr_html_(self) -> str:
        return html.frame(self._page.decode("utf-8"), self._title, self._height)


def _validated_height(height: Any) -> int:
    if not isinstance(height, Integral) or isinstance(height, bool) or height < 1:
        raise ValueError(
            f"height={height!r} is not allowed; pass a number of pixels, an integer of at least 1."
        )
    return int(height)
