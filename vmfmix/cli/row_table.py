"""The table of the rows that commands write: the columns of the input, and the cluster of each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from vmfmix.storage.inputs import Input

__all__ = ["columns_of_input", "reject"]


def reject(columns: dict[str, Any], false_alarm_rate: float) -> None:
    """Take rows that are unlike those of the fit out of their clusters.

    Parameters
    ----------
    columns : dict
        From `vmfmix.inspection.cluster_columns.columns_of_clusters`, changed in place.
    false_alarm_rate : float
        See `VMFMixture.predict`.

    Raises
    ------
    ValueError
        If the typicality of the rows is not known.
    """
    if "typicality" not in columns:
        raise ValueError(
            "The model has no densities to compare with, which --false-alarm-rate needs; fit "
            "again, or cut the model with a file of embeddings."
        )
    rejected = columns["typicality"] <= false_alarm_rate
    columns["cluster"] = np.where(rejected, -1, columns["cluster"]).astype(np.int32)
    for row in np.flatnonzero(rejected).tolist():
        columns["cluster_name"][row] = None
    for name in ("similarity", "margin", "probability"):
        columns[name][rejected] = np.nan


def columns_of_input(
    given: Input, texts: list[str] | None, names: Iterable[str], *, with_embeddings: bool = False
) -> tuple[Any, dict[str, Any]]:
    """Return the columns that come before those of the clusters.

    Parameters
    ----------
    given : Input
    texts : list of str or None
        Text of each row, if it is not in a column of the table.
    names : iterable of str
        Of the columns that follow. A column of the input with one of these names gets the suffix
        "_before".
    with_embeddings : bool, default=False
        Whether the embeddings are among the columns.

    Returns
    -------
    table : pyarrow.Table or None
        None if the input has no table, and pyarrow is not needed.
    columns : dict of array or list
        More columns: the numbers and texts of rows without a table.
    """
    table = given.all_columns() if with_embeddings else given.other_columns()
    columns: dict[str, Any] = {}
    if table is None or table.num_columns == 0:
        columns["row"] = np.arange(given.rows.shape[0])
    if texts is not None and "texts" not in given.roles:
        columns["text"] = texts
    if table is not None:
        following, taken = {*columns, *names}, set(table.column_names)
        table = table.rename_columns([_free(name, following, taken) for name in table.column_names])
    return table, columns


def _free(name: str, names: set[str], taken: set[str]) -> str:
    """Return a name that no other column has, and remember it."""
    if name not in names:
        return name
    while name in names or name in taken:
        name += "_before"
    taken.add(name)
    return name
