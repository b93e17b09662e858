"""The commands `vmfmix embed` and `vmfmix export`, which use the encoder of a training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vmfmix.cli.inputs import read_embeddings
from vmfmix.cli.outputs import (
    EMBED_OUTPUTS,
    Results,
    format_like,
    validate_output_folder,
    validate_table_format,
    write_outputs,
)
from vmfmix.cli.printed_json import print_json, sizes_of
from vmfmix.cli.progress import stage
from vmfmix.cli.row_table import columns_of_input, reject
from vmfmix.cli.wording import with_options
from vmfmix.deep.encoder_choice import validate_encoder_name
from vmfmix.deep.imports import import_with_torch, wait_passively
from vmfmix.deep.paths import validate_new_paths, validate_program_path
from vmfmix.deep.run_folder import RunRecord, read_record
from vmfmix.inspection.cluster_columns import columns_of_clusters
from vmfmix.inspection.clusters import assigned_probabilities
from vmfmix.storage.writing import validate_writable

if TYPE_CHECKING:
    import argparse

    from vmfmix.storage.inputs import Input

__all__ = ["embed", "export"]

_OPTIONS_OF_ROWS = (
    "array",
    "embedding_column",
    "columns",
    "text_column",
    "label_column",
    "id_column",
    "image_column",
)


def embed(arguments: argparse.Namespace) -> None:
    """Write the embeddings and clusters of new images or rows.

    Parameters
    ----------
    arguments : argparse.Namespace

    Raises
    ------
    FileNotFoundError
        If the folder of the training or the new data do not exist.
    ValueError
        If the training has not ended, or if the data cannot be used or results cannot be written.
    """
    _validate_outputs(arguments)
    record = read_record(arguments.run)
    validate_new_paths(arguments.embeddings, record)
    given = None
    if record.kind == "rows":
        given = _read_rows(arguments, record)
    else:
        _validate_no_options_of_rows(arguments)
    encoder = _load_encoder(arguments)
    names = ("embeddings", "features") if arguments.features else ("embeddings",)
    with stage("embedding", f"Embedding {record.kind}"):
        found = encoder.outputs(
            Path(arguments.embeddings[0]) if given is None else given.rows,
            *names,
            batch_size=arguments.batch_size,
            skip_damaged=arguments.skip_damaged,
        )
    with stage("labels", "Labeling rows"):
        columns = _columns(encoder.model, found["embeddings"], arguments.false_alarm_rate)
    table, more_columns = _columns_before(given, columns, found)
    results = Results(
        columns,
        encoder.model,
        arguments.format or ("csv" if given is None else format_like(given)),
        table,
        more_columns,
        arrays={f"{name}.npy": found[name] for name in names},
    )
    with stage("writing", "Writing results"):
        written = write_outputs(arguments.out, EMBED_OUTPUTS, results)
    if arguments.json:
        print_json(sizes_of(encoder.model, columns["cluster"], written))
    elif not arguments.quiet:
        n = len(columns["cluster"])
        print(f"Wrote {', '.join(written)} for {n:,} {record.kind} to {arguments.out}")


def export(arguments: argparse.Namespace) -> None:
    """Write the encoder of a training as a program of `torch.export`.

    Parameters
    ----------
    arguments : argparse.Namespace

    Raises
    ------
    FileNotFoundError
        If the folder of the training does not exist.
    ValueError
        If the training has not ended, or the file cannot be written.
    """
    validate_program_path(arguments.out)
    validate_writable(arguments.out)
    if arguments.out.exists() and not arguments.overwrite:
        raise ValueError(
            f"--out {arguments.out} already exists; give another name, or --overwrite to replace "
            "it."
        )
    read_record(arguments.run)
    _load_encoder(arguments).export(arguments.out)
    if not arguments.quiet:
        print(f"Wrote {arguments.out}; torch.export.load reads it.")


def _validate_outputs(arguments: argparse.Namespace) -> None:
    if arguments.out.resolve() == Path(arguments.run).resolve():
        raise ValueError(
            f"--out {arguments.out} is the folder of the training, whose results would be "
            "replaced; give another folder."
        )
    validate_output_folder(
        arguments.out, EMBED_OUTPUTS, overwrite=arguments.overwrite, inputs=arguments.embeddings
    )
    if arguments.format is not None:
        validate_table_format(arguments.format)


def _read_rows(arguments: argparse.Namespace, record: RunRecord) -> Input:
    if arguments.skip_damaged:
        raise ValueError("--skip-damaged has no meaning for rows; omit it.")
    given = read_embeddings(arguments)
    if given.rows.shape[1] != record.n_features:
        raise ValueError(
            f"{given.source} has rows of {given.rows.shape[1]} numbers, but the training in "
            f"{arguments.run} had rows of {record.n_features}; use embeddings of the same kind."
        )
    given.other_columns()  # an error in one of them comes before the embeddings
    return given


def _validate_no_options_of_rows(arguments: argparse.Namespace) -> None:
    for name in _OPTIONS_OF_ROWS:
        if getattr(arguments, name):
            raise ValueError(
                f"--{name.replace('_', '-')} has no meaning for images, which the training in "
                f"{arguments.run} was on; omit it."
            )


def _load_encoder(arguments: argparse.Namespace) -> Any:
    wait_passively()
    with stage("import", "Loading the encoder"):
        try:
            if arguments.encoder is not None:
                validate_encoder_name(arguments.encoder)
            module = import_with_torch("vmfmix.deep.trained_encoder", "A trained encoder")
            return module.load_encoder(arguments.run, encoder=arguments.encoder)
        except ValueError as error:
            raise ValueError(with_options(str(error), ["encoder"])) from error


def _columns(model: Any, embeddings: Any, false_alarm_rate: float | None) -> dict[str, Any]:
    """Return the columns of the clusters of the rows."""
    labels = model.predict(embeddings)
    probabilities = assigned_probabilities(model, embeddings, labels)
    columns = columns_of_clusters(model, embeddings, labels, probabilities)
    if false_alarm_rate is not None:
        reject(columns, false_alarm_rate)
    return columns


def _columns_before(
    given: Input | None, columns: dict[str, Any], found: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """Return the columns that come before those of the clusters."""
    if given is not None:
        return columns_of_input(given, None, columns)
    before: dict[str, Any] = {"row": np.arange(len(found["embeddings"]))}
    if found["names"] is not None:
        before["image"] = found["names"]
    return None, before
