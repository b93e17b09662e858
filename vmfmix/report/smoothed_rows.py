"""Rows that are smoothed once, for predictions of many models that would all smooth them."""

import copy
from collections.abc import Callable

from vmfmix.inspection.fitted_model import FittedMixture, RowsLike
from vmfmix.inspection.rows import as_rows


def smoothed_once(
    model: FittedMixture, X: RowsLike
) -> tuple[RowsLike, Callable[[FittedMixture], FittedMixture]]:
    """Return rows as the mixture of a model sees them, and a function that adapts models to them.

    Parameters
    ----------
    model : VMFMixture
        Fitted model.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)

    Returns
    -------
    rows : {array-like, CSR matrix}
        `X` itself if the model does not smooth rows.
    adapted : callable
        Returns a copy of the model, or of a cut of its merge path, that predicts for `rows` what
        it would for `X`.

    Examples
    --------
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.datasets import make_vmf_mixture
    >>> from vmfmix.report.smoothed_rows import smoothed_once
    >>> X, _ = make_vmf_mixture(200, n_features=8, n_components=3, random_state=0)
    >>> model = VMFMixture(3, smooth=True, random_state=0).fit(X)
    >>> rows, adapted = smoothed_once(model, X)
    >>> bool((adapted(model).predict(rows) == model.predict(X)).all())
    True
    """
    smoother = getattr(model, "smoother_", None)
    if smoother is None or smoother.restart_ == 1:
        return X, lambda model: model
    X = as_rows(X)
    # The smoother was fitted to rows without names.
    rows = smoother.transform(X.to_numpy() if hasattr(X, "columns") else X)

    def adapted(model: FittedMixture) -> FittedMixture:
        model = copy.copy(model)
        for name in ("smoother_", "feature_names_in_"):
            vars(model).pop(name, None)
        vars(model)["n_features_in_"] = rows.shape[1]
        return model

    return rows, adapted
