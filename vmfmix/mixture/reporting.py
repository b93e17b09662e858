"""A mixture in notebooks: its HTML representation, and the report on its clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.utils import estimator_html_repr
from sklearn.utils.validation import check_is_fitted

from vmfmix.mixture.base import MixtureBase

if TYPE_CHECKING:
    from vmfmix.report.inline import InlineReport


class Reporting(MixtureBase):
    """Methods of `vmfmix.VMFMixture` that show the fitted mixture."""

    def show(self, X: Any, texts: Any = None, *, height: int = 700, **options: Any) -> InlineReport:
        """Return the report on the clusters, which a notebook shows below the cell.

        Parameters
        ----------
        X : {array-like, CSR matrix} of shape (n_samples, n_features)
            Rows to show, usually those of `fit`.
        texts : sequence of str of length n_samples, default=None
            Text of each row.
        height : int, default=700
            Height in the notebook, in pixels.
        **options
            Other parameters of `vmfmix.report.write_report`, such as `labels`, `images`, `title`,
            `stop_words`, `tokenizer` and `n_rows`. The report becomes a part of the notebook file;
            a lower `n_rows` makes it smaller.

        Returns
        -------
        vmfmix.report.InlineReport
            Nothing opens by itself outside a notebook: write the report to a file with
            ``.save(path)``, or open it in a browser with ``.open()``.

        Raises
        ------
        ValueError
            If `height` is not a positive integer, or as for `vmfmix.report.write_report`.

        Examples
        --------
        >>> from vmfmix import VMFMixture
        >>> from vmfmix.datasets import load_snips
        >>> snips = load_snips()
        >>> model = VMFMixture(7, random_state=0).fit(snips.data)
        >>> model.show(snips.data, snips.texts, title="Requests", n_rows=500)
        <Report "Requests"; a notebook shows it, .save(path) writes it, .open() opens a browser>
        """
        check_is_fitted(self)
        from vmfmix.report.inline import InlineReport

        return InlineReport.of(self, X, texts=texts, height=height, **options)

    # scikit-learn's `_repr_html_` returns this method if ``display="diagram"``, the default of
    # its configuration, and has no value otherwise.
    def _repr_html_inner(self) -> str:
        diagram: str = estimator_html_repr(self)
        if "means_" not in vars(self):
            return diagram
        from vmfmix._notebook.mixture import mixture_html

        return mixture_html(self, diagram)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle = {"text/plain": repr(self)}
        if hasattr(self, "_repr_html_"):
            bundle["text/html"] = self._repr_html_()
        return bundle
