"""The output files of the commands: one entry for each, used for writing, checks and help.

To add an output, add an `Output` to `FIT_OUTPUTS` or `PREDICT_OUTPUTS`. NumPy is imported only when
something is written, so that help is fast.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmfmix._console import validate_out

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "FIT_OUTPUTS",
    "PREDICT_OUTPUTS",
    "Output",
    "Results",
    "describe_outputs",
    "validate_output_folder",
    "validate_page_path",
    "write_outputs",
]


@dataclass(frozen=True)
class Results:
    """The results of a command, from which its outputs are written.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,)
        Cluster of each row; -1 for the background.
    probabilities : ndarray of shape (n_samples,)
        Probability that each row belongs to its cluster.
    model : VMFMixture
    clusters : list of dict, default=()
        From `vmfmix.cli.summary.summarize`.
    texts : list of str or None, default=None
        Text of each row.
    """

    labels: np.ndarray
    probabilities: np.ndarray
    model: Any
    clusters: Sequence[dict[str, Any]] = ()
    texts: list[str] | None = None


def _always(results: Results) -> bool:
    return True


@dataclass(frozen=True)
class Output:
    """A file that a command writes into its output folder.

    Parameters
    ----------
    name : str
        Name of the file.
    description : str
        Description of the file in the help.
    write : callable
        Called as ``write(path, results)``.
    is_written : callable, default=_always
        Called with the results; returns whether to write the file.
    """

    name: str
    description: str
    write: Callable[[Path, Results], None]
    is_written: Callable[[Results], bool] = _always


def _write_labels(path: Path, results: Results) -> None:
    import numpy as np

    np.save(path, results.labels)


def _write_probabilities(path: Path, results: Results) -> None:
    import numpy as np

    np.save(path, results.probabilities)


def _write_model(path: Path, results: Results) -> None:
    results.model.save(path)


def _write_summary(path: Path, results: Results) -> None:
    from vmfmix.cli.summary import columns_of
    from vmfmix.storage.writing import write_csv

    write_csv(path, columns_of(results.model), (cluster.values() for cluster in results.clusters))


def _write_texts(path: Path, results: Results) -> None:
    from vmfmix.inspection.cluster_names import given_names
    from vmfmix.storage.writing import write_csv

    texts, names = results.texts or [], given_names(results.model)
    columns: dict[str, Any] = {"row": range(len(texts)), "cluster": results.labels}
    if names is not None:  # the background, -1, is the last
        columns["name"] = [[*names, ""][label] for label in results.labels]
    columns |= {"probability": results.probabilities, "text": texts}
    write_csv(path, tuple(columns), zip(*columns.values()))


def _has_texts(results: Results) -> bool:
    return bool(results.texts)


_LABELS = Output(
    "labels.npy",
    "cluster of each row, counted from 0; -1 for the background",
    _write_labels,
)
_PROBABILITIES = Output(
    "probabilities.npy",
    "probability that each row belongs to its cluster",
    _write_probabilities,
)

FIT_OUTPUTS = (
    _LABELS,
    _PROBABILITIES,
    Output(
        "model.npz",
        "the fitted model, for 'vmfmix predict', 'vmfmix report' and vmfmix.load in Python",
        _write_model,
    ),
    Output("summary.csv", "one line for each cluster", _write_summary),
    Output(
        "texts.csv",
        "each text with its cluster and probability (with --texts)",
        _write_texts,
        _has_texts,
    ),
)
PREDICT_OUTPUTS = (_LABELS, _PROBABILITIES)


def describe_outputs(outputs: Sequence[Output], width: int = 80) -> str:
    """Return a table of files and their descriptions for the help of a command."""
    column = 4 + max(len(output.name) for output in outputs)
    lines: list[str] = []
    for output in outputs:
        lines += textwrap.wrap(
            output.description,
            width,
            initial_indent=f"  {output.name}".ljust(column),
            subsequent_indent=" " * column,
        )
    return "\n".join(lines)


def write_outputs(folder: Path, outputs: Sequence[Output], results: Results) -> list[str]:
    """Write the outputs to a folder, all of them or none.

    Parameters
    ----------
    folder : pathlib.Path
        Created if it does not exist. Outputs of an earlier run that are not written now are
        removed.
    outputs : sequence of Output
    results : Results

    Returns
    -------
    list of str
        Names of the files that were written, sorted.
    """
    from vmfmix.storage.writing import atomic_folder

    with atomic_folder(folder, _names(outputs)) as temporary:
        written = [output for output in outputs if output.is_written(results)]
        for output in written:
            output.write(temporary / output.name, results)
    return sorted(_names(written))


def validate_output_folder(folder: Path, outputs: Sequence[Output], *, overwrite: bool) -> None:
    """Raise ValueError if the outputs cannot be written to `folder`.

    Commands call it before they compute anything.

    Parameters
    ----------
    folder : pathlib.Path
    outputs : sequence of Output
        Files that may be written.
    overwrite : bool
        Whether such files may already exist.

    Raises
    ------
    ValueError
        If `folder` is a file or is not writable, if it already holds outputs and `overwrite` is
        false, or if something other than a file has the name of an output.
    """
    validate_out(folder, _names(outputs))
    existing = [name for name in _names(outputs) if os.path.lexists(folder / name)]
    if existing and not overwrite:
        raise ValueError(
            f"--out {folder} already has {', '.join(existing)}; give another folder, or "
            "--overwrite to replace them."
        )


def validate_page_path(path: Path, *, overwrite: bool) -> None:
    """Raise an error if the page of a report cannot be written to `path`.

    The command calls it before it computes anything.

    Parameters
    ----------
    path : pathlib.Path
    overwrite : bool
        Whether the file may already exist.

    Raises
    ------
    ValueError
        If `path` is not named .html or .htm, exists and `overwrite` is false, or is not a file.
    OSError
        If the folder does not exist or is not writable.
    """
    from vmfmix.storage.writing import validate_writable

    if path.is_dir() or path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--out {path} is not named .html; give the name of an .html file.")
    validate_writable(path)
    if path.exists() and not overwrite:
        raise ValueError(
            f"--out {path} already exists; give another name, or --overwrite to replace it."
        )


def _names(outputs: Iterable[Output]) -> list[str]:
    return [output.name for output in outputs]
