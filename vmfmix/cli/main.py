"""The command `vmfmix`: cluster the embeddings in a file, label new ones, and report the result.

Heavy packages (NumPy, scikit-learn, numba) are imported where they are needed, so that help is
fast.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmfmix._console import run_command
from vmfmix.cli.arguments import LARGEST_SMOOTHED, make_parser
from vmfmix.cli.inputs import (
    find_images,
    read_coordinates,
    read_embeddings,
    read_known_clusters,
    read_labels,
    read_texts,
)
from vmfmix.cli.outputs import (
    FIT_OUTPUTS,
    PREDICT_OUTPUTS,
    Output,
    Results,
    format_like,
    validate_output_folder,
    validate_page_path,
    validate_table_format,
    write_outputs,
)
from vmfmix.cli.printed_json import print_json, result_of, sizes_of
from vmfmix.cli.progress import outcome, shown_progress, stage
from vmfmix.cli.wording import with_options
from vmfmix.cli.words import WordOptions, find_words

if TYPE_CHECKING:
    import argparse

    from vmfmix.storage.inputs import Input

__all__ = ["main"]

_ESTIMATOR_PARAMETERS = (
    "n_components",
    "n_components_init",
    "merge",
    "selection",
    "resolution",
    "min_cluster_size",
    "concentration",
    "background",
    "smooth",
    "center",
    "assignment",
    "n_init",
    "max_iter",
    "tol",
    "random_state",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command `vmfmix`.

    Parameters
    ----------
    argv : list of str, default=None
        The command line after ``vmfmix``. If None, ``sys.argv[1:]``.

    Returns
    -------
    int
        Exit code: 0 on success, 2 after an error, 130 if interrupted, 141 if the reader of the
        output closed the pipe.
    """
    return run_command("vmfmix", lambda: _run(argv), _reworded)


def _reworded(message: str) -> str:
    return with_options(message, _ESTIMATOR_PARAMETERS)


def _run(argv: Sequence[str] | None) -> None:
    commands = {
        "fit": _fit,
        "cut": _cut,
        "apply": _apply,
        "report": _report,
        "predict": _predict,
        "embed": _embed,
        "export": _export,
    }
    parser = make_parser(commands)
    arguments = parser.parse_args(argv)
    with shown_progress(quiet=arguments.quiet):
        arguments.command(arguments)


# Each command computes everything before it writes anything, and writes before it prints.


def _fit(arguments: argparse.Namespace) -> None:
    words = _prepare(arguments, FIT_OUTPUTS)
    given = read_embeddings(arguments)

    def make_model() -> Any:
        model = _fit_model(arguments, given)
        # Known labels are numbers of clusters, which then stay.
        return model if arguments.known_labels else model.renumber_by_size()

    _write_clusters(arguments, given, make_model, words)


def _cut(arguments: argparse.Namespace) -> None:
    if arguments.n_components is None:
        if arguments.out is not None:
            raise ValueError(
                f"--out {arguments.out} needs a number of clusters; give -n N, or leave out --out "
                "to print the natural numbers of clusters."
            )
        _print_levels(arguments.model)
        return
    if not arguments.embeddings or arguments.out is None:
        raise ValueError(
            f"-n {arguments.n_components} needs a file of embeddings and --out; give both, or "
            "leave out -n to print the natural numbers of clusters."
        )
    words = _prepare(arguments, FIT_OUTPUTS)
    model, given = _read_model_and_embeddings(arguments)

    def make_model() -> Any:
        return model.merge_to(arguments.n_components, given.rows).renumber_by_size()

    _write_clusters(arguments, given, make_model, words)


def _apply(arguments: argparse.Namespace) -> None:
    from vmfmix.cli.apply import find_edits, write_edited_model

    words = _prepare(arguments, FIT_OUTPUTS)
    model = _read_model(arguments.model)
    edits = find_edits(arguments, model)
    if not arguments.embeddings:
        write_edited_model(arguments, model.apply(edits))
        return
    model, given = _read_model_and_embeddings(arguments)
    _write_clusters(arguments, given, lambda: model.apply(edits, given.rows), words)


def _print_levels(path: str) -> None:
    """Print the natural numbers of clusters of a model, and how to cut it."""
    from vmfmix.cli import summary

    model = _read_model(path)
    if not hasattr(model, "levels_"):
        raise ValueError(
            f"{path} has no natural numbers of clusters: their number was given, merging was "
            "stopped, or the model was saved without its merge history; fit again with "
            "--n-components auto to find them."
        )
    print(summary.levels(model, path))


def _prepare(arguments: argparse.Namespace, outputs: Sequence[Output]) -> WordOptions:
    """Check the output folder, and what else can be checked before anything is read."""
    validate_output_folder(
        arguments.out, outputs, overwrite=arguments.overwrite, inputs=arguments.embeddings
    )
    if arguments.keep_embeddings or arguments.format is not None:
        validate_table_format("parquet" if arguments.keep_embeddings else arguments.format)
    return find_words(arguments)


def _write_clusters(
    arguments: argparse.Namespace,
    given: Input,
    make_model: Callable[[], Any],
    words: WordOptions,
) -> None:
    """Read texts and labels, then make the model of the rows, and write and print its clusters."""
    from vmfmix.cli import summary
    from vmfmix.cli.words import typical_words_of, with_names
    from vmfmix.inspection.cluster_columns import columns_of_clusters

    texts = read_texts(arguments, given)
    known_labels, origin = read_labels(arguments, given)
    given.other_columns()  # an error in one of them comes before the fit
    model = make_model()
    with stage("summary", "Describing clusters"):
        found = model.labels_, model.probabilities_
        columns = columns_of_clusters(model, given.rows, *found)
        if texts is not None:
            model = with_names(model, texts, columns, words)
        typical_words = None if texts is None else typical_words_of(model, texts, words)
        clusters = summary.summarize(model, columns, texts, typical_words)
    with stage("writing", "Writing results"):
        written = _write(arguments, given, texts, columns, model, FIT_OUTPUTS, clusters)
    text, numbers = "", dict[str, float]()
    if known_labels:
        text, numbers = summary.scores(known_labels, model.labels_, origin)
    if arguments.json:
        print_json(result_of(model, clusters, written, numbers))
    elif not arguments.quiet:
        table = summary.table(model, clusters, None if arguments.all else summary.N_SHOWN)
        done = outcome(len(model.labels_), model.n_components_)
        files = summary.wrapped(f"Wrote {', '.join(written)} to {arguments.out}")
        last = f"{done}\n{files}"
        print("\n\n".join(part for part in (table, text, last) if part))


def _write(
    arguments: argparse.Namespace,
    given: Input,
    texts: list[str] | None,
    columns: dict[str, Any],
    model: Any,
    outputs: Sequence[Output],
    clusters: Sequence[dict[str, Any]] = (),
) -> list[str]:
    """Write the outputs of a command, and return their names."""
    from vmfmix.cli.row_table import columns_of_input

    table, more_columns = columns_of_input(
        given, texts, columns, with_embeddings=arguments.keep_embeddings
    )
    results = Results(
        columns, model, arguments.format or format_like(given), table, more_columns, clusters
    )
    return write_outputs(arguments.out, outputs, results)


def _predict(arguments: argparse.Namespace) -> None:
    from vmfmix.cli.row_table import reject
    from vmfmix.inspection.cluster_columns import columns_of_clusters
    from vmfmix.inspection.clusters import assigned_probabilities

    if arguments.out:
        _prepare(arguments, PREDICT_OUTPUTS)
    model, given = _read_model_and_embeddings(arguments)
    if arguments.out:
        given.other_columns()  # an error in one of them comes before the labels
    with stage("labels", "Labeling rows"):
        labels = model.predict(given.rows)
        probabilities = assigned_probabilities(model, given.rows, labels)
        columns = columns_of_clusters(model, given.rows, labels, probabilities)
        if arguments.false_alarm_rate is not None:
            reject(columns, arguments.false_alarm_rate)
    labels = columns["cluster"]
    written: list[str] = []
    if arguments.out:
        with stage("writing", "Writing results"):
            written = _write(arguments, given, None, columns, model, PREDICT_OUTPUTS)
    if arguments.json:
        print_json(sizes_of(model, labels, written))
    elif not arguments.out:
        for label in labels.tolist():
            print(label)
    elif not arguments.quiet:
        print(f"Wrote {', '.join(written)} for {len(labels):,} rows to {arguments.out}")


def _embed(arguments: argparse.Namespace) -> None:
    from vmfmix.cli.embed import embed

    embed(arguments)


def _export(arguments: argparse.Namespace) -> None:
    from vmfmix.cli.embed import export

    export(arguments)


def _report(arguments: argparse.Namespace) -> None:
    from vmfmix.cli.run_reports import add_files_of_training
    from vmfmix.report import write_report
    from vmfmix.report.images import validate_pillow
    from vmfmix.report.layout import check_layout

    validate_page_path(arguments.out, overwrite=arguments.overwrite)
    training = add_files_of_training(arguments)
    if arguments.images is not None or arguments.image_column:
        validate_pillow()
    try:
        check_layout(arguments.layout)
    except ImportError as error:
        raise ImportError(with_options(str(error), ["layout"])) from None
    words = find_words(arguments)
    model, given = _read_model_and_embeddings(arguments)
    other = None if arguments.compare is None else _read_other_clusters(arguments.compare, given)
    with stage("report", "Writing the report"):
        write_report(
            arguments.out,
            model,
            given.rows,
            texts=read_texts(arguments, given),
            labels=_labels_of_report(arguments, given),
            ids=given.ids,
            compare_with=other,
            compare_name=str(arguments.compare),
            details={
                **training,
                "Model": Path(arguments.model).name,
                "Embeddings": Path(given.source).name,
            },
            images=find_images(arguments, given),
            title=arguments.title or Path(arguments.embeddings[0]).stem,
            n_rows=arguments.rows,
            layout=arguments.layout,
            coordinates=read_coordinates(arguments, given),
            skip_damaged=arguments.skip_damaged,
            backdrop=arguments.backdrop,
            stop_words=words.stop_words,
            tokenizer=words.tokenizer,
        )
    if not arguments.quiet:
        print(f"Wrote {arguments.out}; open it in a browser.")


def _read_model(path: str) -> Any:
    from vmfmix.storage.models import load
    from vmfmix.storage.reading import validate_input_file

    validate_input_file(path)
    return load(path)


def _read_model_and_embeddings(arguments: argparse.Namespace) -> tuple[Any, Input]:
    """Return the model and the input, whose rows must have as many numbers as the model."""
    model = _read_model(arguments.model)
    given = read_embeddings(arguments)
    if given.rows.shape[1] != model.n_features_in_:
        raise ValueError(
            f"{given.source} has rows of {given.rows.shape[1]} numbers, but {arguments.model} was "
            f"fitted to rows of {model.n_features_in_}; use embeddings of the same kind."
        )
    return model, given


def _read_other_clusters(path: str, given: Input) -> Any:
    """Return the model in a file, or the label of each row if it is no .npz file."""
    if Path(path).suffix.lower() == ".npz":
        model = _read_model(path)
        if given.rows.shape[1] != model.n_features_in_:
            raise ValueError(
                f"{path} was fitted to rows of {model.n_features_in_} numbers, but {given.source} "
                f"has rows of {given.rows.shape[1]}; compare with a model of the same embeddings."
            )
        return model
    from vmfmix.storage.array_files import open_npy
    from vmfmix.storage.inputs.values import read_values
    from vmfmix.storage.reading import validate_input_file

    validate_input_file(path)
    n_rows = given.rows.shape[0]
    if Path(path).suffix.lower() != ".npy":
        return read_values(path, n_rows, "labels")
    labels = open_npy(Path(path)).read("")
    if labels.shape != (n_rows,):
        raise ValueError(
            f"{path} has an array of shape {labels.shape} and {given.source} has {n_rows} rows; "
            "compare with one label for each row."
        )
    return labels


def _labels_of_report(arguments: argparse.Namespace, given: Input) -> list[str] | None:
    """Return the known labels, which a report uses only if no row is without one."""
    labels, origin = read_labels(arguments, given)
    known = [label for label in labels or () if label is not None]
    if labels is not None and len(known) < len(labels):
        warnings.warn(
            f"{len(labels) - len(known)} of the {len(labels)} rows have no label in {origin}; the "
            "report compares clusters with labels only if every row has one.",
            UserWarning,
            stacklevel=2,
        )
        return None
    return known or None


def _fit_model(arguments: argparse.Namespace, given: Input) -> Any:
    """Return the mixture fitted to the rows."""
    import numpy as np

    with stage("import", "Loading vmfmix"):
        from vmfmix.mixture import VMFMixture

    X = given.rows
    model = VMFMixture(**{name: getattr(arguments, name) for name in _ESTIMATOR_PARAMETERS})
    if model.smooth is None:
        is_small = X.shape[0] <= LARGEST_SMOOTHED and isinstance(X, np.ndarray)
        model.smooth = is_small and not model.center
    if model.n_components != "auto" and model.n_components > X.shape[0]:
        raise ValueError(
            f"--n-components {model.n_components} is more than the {X.shape[0]} rows of "
            f"{given.source}; give at most {X.shape[0]}."
        )
    if model.min_cluster_size > X.shape[0]:
        raise ValueError(
            f"--min-cluster-size {model.min_cluster_size} is more than the {X.shape[0]} rows of "
            f"{given.source}; give at most {X.shape[0]}."
        )
    options = {
        "checkpoint": arguments.checkpoint,
        "known_labels": read_known_clusters(arguments.known_labels, X.shape[0]),
    }
    try:
        with stage("fit", ""):
            return model.fit(X, **options)
    except ValueError as error:
        raise ValueError(_reworded(str(error))) from error
