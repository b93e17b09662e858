"""The command `vmfmix`: cluster the embeddings in a file, label new ones, and report the result.

Heavy packages (NumPy, scikit-learn, numba) are imported where they are needed, so that help is
fast.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmfmix._console import run_command
from vmfmix.cli.arguments import LARGEST_SMOOTHED, make_parser
from vmfmix.cli.outputs import (
    FIT_OUTPUTS,
    PREDICT_OUTPUTS,
    Results,
    validate_output_folder,
    validate_page_path,
    write_outputs,
)
from vmfmix.cli.progress import shown_progress, stage
from vmfmix.cli.words import find_stop_words, find_tokenizer

if TYPE_CHECKING:
    import argparse

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
    return run_command("vmfmix", lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> None:
    parser = make_parser({"fit": _fit, "cut": _cut, "report": _report, "predict": _predict})
    arguments = parser.parse_args(argv)
    with shown_progress(quiet=arguments.quiet):
        arguments.command(arguments)


# Each command computes everything before it writes anything, and writes before it prints.


def _fit(arguments: argparse.Namespace) -> None:
    validate_output_folder(arguments.out, FIT_OUTPUTS, overwrite=arguments.overwrite)
    X = _read_embeddings(arguments)
    _write_clusters(arguments, X, lambda: _fit_model(arguments, X))


def _cut(arguments: argparse.Namespace) -> None:
    if arguments.n_components is None:
        if arguments.out is not None:
            raise ValueError(
                f"--out {arguments.out} needs a number of clusters; give -n N, or leave out --out "
                "to print the natural numbers of clusters."
            )
        _print_levels(arguments.model)
        return
    if arguments.embeddings is None or arguments.out is None:
        raise ValueError(
            f"-n {arguments.n_components} needs a file of embeddings and --out; give both, or "
            "leave out -n to print the natural numbers of clusters."
        )
    validate_output_folder(arguments.out, FIT_OUTPUTS, overwrite=arguments.overwrite)
    model, X = _read_model_and_embeddings(arguments)
    _write_clusters(arguments, X, lambda: model.merge_to(arguments.n_components, X))


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


def _write_clusters(arguments: argparse.Namespace, X: Any, make_model: Callable[[], Any]) -> None:
    """Read texts and labels, then make the model of the rows, and write and print its clusters."""
    from vmfmix.cli import summary
    from vmfmix.inspection import cosines_of_rows

    texts = _read_lines(arguments.texts, X.shape[0])
    known_labels = _read_labels(arguments.labels, X.shape[0])
    model = make_model()
    labels, probabilities = model.labels_, model.probabilities_
    with stage("summary", "Describing clusters"):
        cosines, _ = cosines_of_rows(model, X, labels)
        clusters = summary.summarize(model, cosines)
        typical_texts = summary.typical_texts(model, cosines, texts) if texts else None
    paragraphs = [summary.table(model, clusters, typical_texts)]
    if known_labels:
        paragraphs.append(summary.scores(known_labels, labels, arguments.labels))
    results = Results(labels, probabilities, model, clusters, texts)
    with stage("writing", "Writing results"):
        written = write_outputs(arguments.out, FIT_OUTPUTS, results)
    paragraphs.append(f"Wrote {', '.join(written)} to {arguments.out}")
    if not arguments.quiet:
        print("\n\n".join(paragraphs))


def _predict(arguments: argparse.Namespace) -> None:
    from vmfmix.inspection.clusters import assigned_probabilities

    if arguments.out:
        validate_output_folder(arguments.out, PREDICT_OUTPUTS, overwrite=arguments.overwrite)
    model, X = _read_model_and_embeddings(arguments)
    with stage("labels", "Labeling rows"):
        labels = model.predict(X)
    if not arguments.out:
        for label in labels.tolist():
            print(label)
        return
    results = Results(labels, assigned_probabilities(model, X, labels), model)
    written = write_outputs(arguments.out, PREDICT_OUTPUTS, results)
    if not arguments.quiet:
        print(f"Wrote {', '.join(written)} for {len(labels)} rows to {arguments.out}")


def _report(arguments: argparse.Namespace) -> None:
    from vmfmix.report import write_report

    validate_page_path(arguments.out, overwrite=arguments.overwrite)
    tokenizer = find_tokenizer(arguments.tokenizer)
    stop_words = find_stop_words(arguments.stop_words)
    model, X = _read_model_and_embeddings(arguments)
    with stage("report", "Writing the report"):
        write_report(
            arguments.out,
            model,
            X,
            texts=_read_lines(arguments.texts, X.shape[0]),
            labels=_read_labels(arguments.labels, X.shape[0]),
            images=_find_images(arguments, X.shape[0]),
            title=arguments.title or Path(arguments.embeddings).stem,
            n_rows=arguments.rows,
            skip_damaged=arguments.skip_damaged,
            backdrop=arguments.backdrop,
            stop_words=stop_words,
            tokenizer=tokenizer,
        )
    if not arguments.quiet:
        print(f"Wrote {arguments.out}; open it in a browser.")


def _read_embeddings(arguments: argparse.Namespace) -> Any:
    """Return the rows of the file; print which columns of a table are used to stderr."""
    from vmfmix.engines.rows.columns import ColumnError
    from vmfmix.storage.embeddings import ArrayNameError, read_embeddings

    def report(choice: str) -> None:
        if not arguments.quiet:
            print(choice, file=sys.stderr)

    try:
        with stage("reading", f"Reading {arguments.embeddings}"):
            return read_embeddings(
                arguments.embeddings, arguments.array, columns=arguments.columns, report=report
            )
    except ArrayNameError as error:
        raise ValueError(f"argument --array: {error}") from None
    except ColumnError as error:
        raise ValueError(f"argument --columns: {error}") from None


def _read_lines(path: str | None, n_rows: int) -> list[str] | None:
    from vmfmix.storage.reading import read_lines

    return None if path is None else read_lines(path, n_rows)


def _read_labels(path: str | None, n_rows: int) -> list[str] | None:
    labels = _read_lines(path, n_rows)
    if labels is not None and "" in labels:
        raise ValueError(
            f"line {labels.index('') + 1} of {path} is empty; every row needs a label."
        )
    return labels


def _read_known_labels(path: str | None, n_rows: int) -> list[int] | None:
    """Return the known cluster of each row, -1 where a line is empty."""
    lines = _read_lines(path, n_rows)
    if lines is None:
        return None
    for number, line in enumerate(lines, 1):
        if not re.fullmatch(r"-1|\d*", line.strip(), re.ASCII):
            raise ValueError(
                f"line {number} of {path} is {line!r}; write the number of a cluster, from 0, or "
                "leave the line empty if it is not known."
            )
    return [int(line or -1) for line in map(str.strip, lines)]


def _find_images(arguments: argparse.Namespace, n_rows: int) -> Any:
    """Return the images of the option --images, or None."""
    if arguments.images is None:
        return None
    from vmfmix.report.images import find_images

    return find_images(arguments.images, n_rows, arguments.image_order)


def _read_model(path: str) -> Any:
    from vmfmix.storage.models import load
    from vmfmix.storage.reading import validate_input_file

    validate_input_file(path)
    return load(path)


def _read_model_and_embeddings(arguments: argparse.Namespace) -> tuple[Any, Any]:
    """Return the model and the embeddings, which must have the number of features of the model."""
    model = _read_model(arguments.model)
    X = _read_embeddings(arguments)
    if X.shape[1] != model.n_features_in_:
        raise ValueError(
            f"{arguments.embeddings} has rows of {X.shape[1]} numbers, but {arguments.model} was "
            f"fitted to rows of {model.n_features_in_}; use embeddings of the same kind."
        )
    return model, X


def _fit_model(arguments: argparse.Namespace, X: Any) -> Any:
    """Return the mixture fitted to X."""
    import numpy as np

    with stage("import", "Loading vmfmix"):
        from vmfmix.mixture import VMFMixture

    model = VMFMixture(**{name: getattr(arguments, name) for name in _ESTIMATOR_PARAMETERS})
    if model.smooth is None:
        is_small = X.shape[0] <= LARGEST_SMOOTHED and isinstance(X, np.ndarray)
        model.smooth = is_small and not model.center
    if model.n_components != "auto" and model.n_components > X.shape[0]:
        raise ValueError(
            f"--n-components {model.n_components} is more than the {X.shape[0]} rows of "
            f"{arguments.embeddings}; give at most {X.shape[0]}."
        )
    if model.min_cluster_size > X.shape[0]:
        raise ValueError(
            f"--min-cluster-size {model.min_cluster_size} is more than the {X.shape[0]} rows of "
            f"{arguments.embeddings}; give at most {X.shape[0]}."
        )
    options = {
        "checkpoint": arguments.checkpoint,
        "known_labels": _read_known_labels(arguments.known_labels, X.shape[0]),
    }
    with stage("fit", ""):
        return model.fit(X, **options)
