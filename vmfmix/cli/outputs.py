"""The output files of the commands: one entry for each, used for writing, checks and help.

To add an output, add an `Output` to `FIT_OUTPUTS`, `PREDICT_OUTPUTS` or `EMBED_OUTPUTS`. NumPy is
imported only when something is written, so that help is fast.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmfmix._console import validate_out

if TYPE_CHECKING:
    from vmfmix.cli.summary import Cluster
    from vmfmix.storage.inputs import Input

__all__ = [
    "EMBED_OUTPUTS",
    "FIT_OUTPUTS",
    "FORMATS",
    "PREDICT_OUTPUTS",
    "Output",
    "Results",
    "describe_outputs",
    "format_like",
    "validate_output_folder",
    "validate_page_path",
    "validate_table_format",
    "write_outputs",
]

# A copy of `TABLE_SUFFIXES`, without dots, since importing it would import NumPy. A test compares
# them.
FORMATS = ("parquet", "feather", "arrow", "csv", "tsv", "jsonl")


@dataclass(frozen=True)
class Results:
    """The results of a command, from which its outputs are written.

    Parameters
    ----------
    columns : dict of array or list
        From `vmfmix.inspection.cluster_columns.columns_of_clusters`.
    model : VMFMixture
    format : str
        One of `FORMATS`, for the table of rows.
    table : pyarrow.Table or None, default=None
        Columns that come first in the table of rows.
    more_columns : dict of array or list
        Columns between these and those of the clusters.
    clusters : sequence of dict, default=()
        From `vmfmix.cli.summary.summarize`.
    arrays : dict of ndarray
        Other arrays with a row for each row of the table, by the name of their file.
    """

    columns: Mapping[str, Any]
    model: Any
    format: str
    table: Any = None
    more_columns: Mapping[str, Any] = field(default_factory=dict)
    clusters: Sequence[Cluster] = ()
    arrays: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Output:
    """A file that a command writes into its output folder.

    Parameters
    ----------
    name : str
        Name of the file, which may end with ".*" for the format of the results.
    description : str
        Description of the file in the help.
    write : callable
        Called as ``write(path, results)``.
    is_optional : bool, default=False
        Whether it is written only if `Results.arrays` has an entry of its name.
    """

    name: str
    description: str
    write: Callable[[Path, Results], None]
    is_optional: bool = False

    @property
    def names(self) -> list[str]:
        """Return all names that the file may have."""
        return [self.name_for(format) for format in (FORMATS if "*" in self.name else ("",))]

    def name_for(self, format: str) -> str:
        """Return the name of the file for a format of the results."""
        return self.name.replace("*", format)


def _write_rows(path: Path, results: Results) -> None:
    from vmfmix.storage.table_writing import write_table

    write_table(path, {**results.more_columns, **results.columns}, results.table)


def _write_labels(path: Path, results: Results) -> None:
    import numpy as np

    np.save(path, results.columns["cluster"])


def _write_probabilities(path: Path, results: Results) -> None:
    import numpy as np

    np.save(path, results.columns["probability"])


def _write_array(path: Path, results: Results) -> None:
    import numpy as np

    np.save(path, results.arrays[path.name])


def _write_model(path: Path, results: Results) -> None:
    results.model.save(path)


def _write_summary(path: Path, results: Results) -> None:
    from vmfmix.storage.writing import write_csv

    names = list(results.clusters[0]) if results.clusters else ["cluster"]
    write_csv(path, names, (cluster.values() for cluster in results.clusters))


_ROWS = Output(
    "clusters.*",
    "the input without the embeddings, and for each row its cluster, the name of the cluster, how "
    "similar it is to the cluster, by how much more than to the next one, the probability, and how "
    "typical it is; in the format of the input, or of --format",
    _write_rows,
)
_LABELS = Output(
    "labels.npy",
    "cluster of each row, counted from 0; -1 for none",
    _write_labels,
)
_PROBABILITIES = Output(
    "probabilities.npy",
    "probability that each row belongs to its cluster",
    _write_probabilities,
)

FIT_OUTPUTS = (
    _ROWS,
    Output(
        "summary.csv", "one line for each cluster, with words and examples of texts", _write_summary
    ),
    Output(
        "model.npz",
        "the fitted model, for 'vmfmix predict', 'vmfmix report' and vmfmix.load in Python",
        _write_model,
    ),
    _LABELS,
    _PROBABILITIES,
)
PREDICT_OUTPUTS = (_ROWS, _LABELS, _PROBABILITIES)
EMBED_OUTPUTS = (
    *PREDICT_OUTPUTS,
    Output("embeddings.npy", "embedding of each row, of unit length", _write_array),
    Output(
        "features.npy",
        "output of the encoder for each row, below the layers that learn the embeddings; only with "
        "--features",
        _write_array,
        is_optional=True,
    ),
)


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
        Names of the files that were written.
    """
    from vmfmix.storage.writing import atomic_folder

    written = {
        output.name_for(results.format): output
        for output in outputs
        if not output.is_optional or output.name in results.arrays
    }
    with atomic_folder(folder, _names(outputs)) as temporary:
        for name, output in written.items():
            output.write(temporary / name, results)
    return list(written)


def format_like(given: Input) -> str:
    """Return the format of the table of rows for an input: its own, if it is one of `FORMATS`."""
    format = given.format.removeprefix(".")
    if format in FORMATS:
        return format
    if format == "ndjson":
        return "jsonl"
    return "parquet" if given.is_table else "csv"


def validate_table_format(format: str) -> None:
    """Raise ValueError if a package is missing that writes tables in a format."""
    from vmfmix.storage.table_writing import validate_suffix

    validate_suffix(Path(f"clusters.{format}"))


def validate_output_folder(
    folder: Path,
    outputs: Sequence[Output],
    *,
    overwrite: bool,
    inputs: Iterable[str] = (),
) -> None:
    """Raise ValueError if the outputs cannot be written to `folder`.

    Commands call it before they compute anything.

    Parameters
    ----------
    folder : pathlib.Path
    outputs : sequence of Output
        Files that may be written.
    overwrite : bool
        Whether such files may already exist.
    inputs : iterable of str
        Paths of files that the command reads, which are never replaced.

    Raises
    ------
    ValueError
        If `folder` is a file or is not writable, if it already holds outputs and `overwrite` is
        false, or if an input or something other than a file has the name of an output.
    """
    validate_out(folder, _names(outputs))
    places = {(folder / name).resolve() for name in _names(outputs)}
    for path in inputs:
        if Path(path).resolve() in places:
            raise ValueError(
                f"--out {folder} would replace {path}, which is an input; give another folder."
            )
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
    return [name for output in outputs for name in output.names]
