"""The command `vmfmix`: cluster the embeddings in a file, label new ones, and show the result.

What is heavy (NumPy, scikit-learn, numba) is imported where it is needed, so that help is quick.
"""

import contextlib
import os
import sys
import warnings
from pathlib import Path

from vmfmix.cli.arguments import parser_of

__all__ = ["main"]

_FILES_OF_FIT = ("labels.npy", "probabilities.npy", "model.npz", "summary.csv", "texts.csv")
_FILES_OF_PREDICT = ("labels.npy", "probabilities.npy")

_PARAMETERS = (
    *("n_components", "n_components_init", "merge", "selection"),
    *("concentration", "background", "center", "assignment"),
    *("n_init", "max_iter", "tol", "random_state"),
)


def main(argv=None):
    """Run the command `vmfmix`.

    Parameters
    ----------
    argv : list of str, default=None
        What stands after ``vmfmix`` on the command line; None: ``sys.argv[1:]``.

    Returns
    -------
    int
        Exit code: 0 if all went well, 2 after an error, 130 if interrupted, 141 if whoever read the
        output went away.
    """
    with _somewhere_to_print():
        return _code_of(argv)


def _code_of(argv):
    try:
        code = _run(argv)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("vmfmix: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Python flushes once more when it ends; let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        given = f"{error.filename}: " if error.filename else ""
        return _failed(f"{given}{error.strerror or error}")
    except MemoryError as error:
        return _failed(f"not enough memory. {error}")
    except (ValueError, NotImplementedError) as error:
        return _failed(error)


@contextlib.contextmanager
def _somewhere_to_print():
    """Let what is printed go nowhere where a stream is closed, which Python has as None."""
    redirects = {"stdout": contextlib.redirect_stdout, "stderr": contextlib.redirect_stderr}
    with contextlib.ExitStack() as nowhere:
        for name, redirect in redirects.items():
            if getattr(sys, name) is None:
                nowhere.enter_context(redirect(nowhere.enter_context(open(os.devnull, "w"))))
        yield


def _run(argv):
    try:
        arguments = parser_of({"fit": _fit, "report": _report, "predict": _predict}).parse_args(
            argv
        )
    except SystemExit as done:  # --help and --version
        return done.code or 0
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # texts may have letters that a terminal has not
    with _warnings_in_one_line():
        arguments.command(arguments)
    return 0


def _failed(message):
    print(f"vmfmix: error: {_one_line(message)}", file=sys.stderr)
    return 2


@contextlib.contextmanager
def _warnings_in_one_line():
    def show(message, *place, **more):
        print(f"vmfmix: warning: {_one_line(message)}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.filterwarnings("always", category=UserWarning)
        warnings.showwarning = show
        yield


def _one_line(text):
    return " ".join(str(text).split())


# The commands: everything is computed before anything is written, and written before it is shown.


def _fit(arguments):
    import numpy as np

    from vmfmix.cli import summary
    from vmfmix.inspection import cosines_of_rows
    from vmfmix.storage.files import (
        atomic_folder,
        read_embeddings,
        read_lines,
        validate_output_folder,
        write_csv,
    )

    validate_output_folder(arguments.out, _FILES_OF_FIT, overwrite=arguments.overwrite)
    X = read_embeddings(arguments.embeddings, arguments.array)
    texts = read_lines(arguments.texts, X.shape[0]) if arguments.texts else None
    known = _known_labels(arguments.labels, X.shape[0])
    model = _fitted(arguments, X)
    labels, probabilities = model.labels_, model.probabilities_
    own, _ = cosines_of_rows(model, X, labels)
    clusters = summary.summarize(model, own)
    shown = [summary.table(model, clusters, texts and summary.typical(labels, own, texts))]
    if known:
        shown.append(f"Against {arguments.labels}, {summary.scores(known, labels)}")

    with atomic_folder(arguments.out, _FILES_OF_FIT) as folder:
        np.save(folder / "labels.npy", labels)
        np.save(folder / "probabilities.npy", probabilities)
        model.save(folder / "model.npz")
        write_csv(folder / "summary.csv", summary.COLUMNS, (row.values() for row in clusters))
        if texts:
            rows = zip(range(len(texts)), labels, probabilities, texts)
            write_csv(folder / "texts.csv", ("row", "cluster", "probability", "text"), rows)
        shown.append(f"Wrote {', '.join(sorted(os.listdir(folder)))} to {arguments.out}")
    if not arguments.quiet:
        print("\n\n".join(shown))


def _predict(arguments):
    import numpy as np

    from vmfmix.inspection.clusters import assigned_probabilities
    from vmfmix.storage.files import atomic_folder, validate_output_folder

    if arguments.out:
        validate_output_folder(arguments.out, _FILES_OF_PREDICT, overwrite=arguments.overwrite)
    model, X = _loaded(arguments)
    labels = model.predict(X)
    if not arguments.out:
        for label in labels.tolist():
            print(label)
        return
    probabilities = assigned_probabilities(model, X, labels)
    with atomic_folder(arguments.out, _FILES_OF_PREDICT) as folder:
        np.save(folder / "labels.npy", labels)
        np.save(folder / "probabilities.npy", probabilities)
    if not arguments.quiet:
        print(f"Wrote {', '.join(_FILES_OF_PREDICT)} of {len(labels)} rows to {arguments.out}")


def _report(arguments):
    from vmfmix.report import write_report
    from vmfmix.storage.files import read_lines

    _require_page(arguments.out, overwrite=arguments.overwrite)
    model, X = _loaded(arguments)
    texts = read_lines(arguments.texts, X.shape[0]) if arguments.texts else None
    labels = _known_labels(arguments.labels, X.shape[0])
    images = _images(arguments.images, X.shape[0]) if arguments.images else None
    write_report(
        arguments.out,
        model,
        X,
        texts=texts,
        images=images,
        labels=labels,
        title=arguments.title or Path(arguments.embeddings).stem,
        n_rows=arguments.rows,
    )
    if not arguments.quiet:
        print(f"Wrote {arguments.out}; open it in a browser.")


def _require_page(path, *, overwrite):
    """Refuse a place for the page, before it is made."""
    from vmfmix.storage.files import validate_writable

    if path.is_dir() or path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--out {path} is not named .html; give a file to write.")
    validate_writable(path)
    if path.exists() and not overwrite:
        raise ValueError(
            f"--out {path} is there already; give another name, or --overwrite to replace it."
        )


def _images(path, n_rows):
    """Images of an .npz file, or the files of a folder in order."""
    from vmfmix.storage.files import validate_file
    from vmfmix.storage.images import image_paths, read_image_file

    if path.is_dir():
        images = image_paths(path)
    elif path.suffix.lower() == ".npz":
        validate_file(path)
        images, _ = read_image_file(path)
    else:
        raise ValueError(f"--images {path} is no folder and no .npz file; give one of these.")
    if len(images) != n_rows:
        raise ValueError(
            f"{path} has {len(images)} images and the embeddings have {n_rows} rows; give one "
            "image for each row."
        )
    return images


def _known_labels(path, n_rows):
    from vmfmix.storage.files import read_lines

    if path is None:
        return None
    known = read_lines(path, n_rows)
    if "" in known:
        raise ValueError(f"line {known.index('') + 1} of {path} is empty; give every row a label.")
    return known


def _loaded(arguments):
    """The model and the rows that go with it."""
    from vmfmix.storage.files import read_embeddings, validate_file
    from vmfmix.storage.models import load

    validate_file(arguments.model)
    model = load(arguments.model)
    X = read_embeddings(arguments.embeddings, arguments.array)
    if X.shape[1] != model.n_features_in_:
        raise ValueError(
            f"{arguments.embeddings} has rows of {X.shape[1]} numbers and {arguments.model} was "
            f"fitted to rows of {model.n_features_in_}; give embeddings of the same kind."
        )
    return model, X


def _fitted(arguments, X):
    """The mixture fitted to X, with progress on stderr where that is a terminal."""
    from vmfmix.mixture import VMFMixture

    model = VMFMixture(**{name: vars(arguments)[name] for name in _PARAMETERS})
    if model.n_components != "auto" and model.n_components > X.shape[0]:
        raise ValueError(
            f"--n-components {model.n_components} is more than the {X.shape[0]} rows of "
            f"{arguments.embeddings}; give at most {X.shape[0]}."
        )
    kept = arguments.checkpoint
    if arguments.quiet or not sys.stderr.isatty():
        return model.fit(X, checkpoint=kept)
    try:
        import rich
        from sklearn.callback import ProgressBar
    except ImportError:  # scikit-learn before 1.9, or no rich
        with contextlib.redirect_stdout(sys.stderr):
            return model.set_params(verbose=1).fit(X, checkpoint=kept).set_params(verbose=0)
    rich.reconfigure(stderr=True)
    return model.set_callbacks(ProgressBar()).fit(X, checkpoint=kept)
