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
    read_embeddings,
    read_known_clusters,
    read_labels,
    read_texts,
)
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
    return run_command("vmfmix", lambda: _run(argv))


def _run(argv: Sequence[str] | None) -> None:
    commands = {"fit": _fit, "cut": _cut, "apply": _apply, "report": _report, "predict": _predict}
    parser = make_parser(commands)
    arguments = parser.parse_args(argv)
    with shown_progress(quiet=arguments.quiet):
        arguments.command(arguments)


# Each command computes everything before it writes anything, and writes before it prints.


def _fit(arguments: argparse.Namespace) -> None:
    validate_output_folder(arguments.out, FIT_OUTPUTS, overwrite=arguments.overwrite)
    given = read_embeddings(arguments)
    _write_clusters(arguments, given, lambda: _fit_model(arguments, given))


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
    validate_output_folder(arguments.out, FIT_OUTPUTS, overwrite=arguments.overwrite)
    model, given = _read_model_and_embeddings(arguments)
    _write_clusters(arguments, given, lambda: model.merge_to(arguments.n_components, given.rows))


def _apply(arguments: argparse.Namespace) -> None:
    validate_output_folder(arguments.out, FIT_OUTPUTS, overwrite=arguments.overwrite)
    from vmfmix.cli.apply import find_edits, write_edited_model

    model = _read_model(arguments.model)
    edits = find_edits(arguments, model)
    if not arguments.embeddings:
        write_edited_model(arguments, model.apply(edits))
        return
    model, given = _read_model_and_embeddings(arguments)
    _write_clusters(arguments, given, lambda: model.apply(edits, given.rows))


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


def _write_clusters(
    arguments: argparse.Namespace, given: Input, make_model: Callable[[], Any]
) -> None:
    """Read texts and labels, then make the model of the rows, and write and print its clusters."""
    from vmfmix.cli import summary
    from vmfmix.inspection import cosines_of_rows

    texts = read_texts(arguments, given)
    known_labels, origin = read_labels(arguments, given)
    model = make_model()
    labels, probabilities = model.labels_, model.probabilities_
    with stage("summary", "Describing clusters"):
        cosines, _ = cosines_of_rows(model, given.rows, labels)
        clusters = summary.summarize(model, cosines)
        typical_texts = summary.typical_texts(model, cosines, texts) if texts else None
    paragraphs = [summary.table(model, clusters, typical_texts)]
    if known_labels:
        paragraphs.append(summary.scores(known_labels, labels, origin))
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
    model, given = _read_model_and_embeddings(arguments)
    X = given.rows
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
    model, given = _read_model_and_embeddings(arguments)
    with stage("report", "Writing the report"):
        write_report(
            arguments.out,
            model,
            given.rows,
            texts=read_texts(arguments, given),
            labels=_labels_of_report(arguments, given),
            images=find_images(arguments, given),
            title=arguments.title or Path(arguments.embeddings[0]).stem,
            n_rows=arguments.rows,
            skip_damaged=arguments.skip_damaged,
            backdrop=arguments.backdrop,
            stop_words=stop_words,
            tokenizer=tokenizer,
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
    with stage("fit", ""):
        return model.fit(X, **options)
