"""The command `vmfmix`: cluster the embeddings in a file, label new ones, and show the result.

What is heavy (NumPy, scikit-learn, numba) is imported where it is needed, so that help is quick.
"""

import argparse
import contextlib
import math
import os
import sys
import warnings
from pathlib import Path

from vmfmix import __version__

__all__ = ["main"]

_FILES_OF_FIT = ("labels.npy", "probabilities.npy", "model.npz", "summary.csv", "texts.csv")
_FILES_OF_PREDICT = ("labels.npy", "probabilities.npy")

_PARAMETERS = (
    *("n_components", "n_components_init", "merge", "selection"),
    *("concentration", "background", "center", "assignment"),
    *("n_init", "max_iter", "tol", "random_state"),
)
# Said here again, as help loads nothing heavy.
_MERGES = ("likelihood", "icl", "jeffreys", "cosine", "none")
_SELECTIONS = ("auto", "persistence", "modularity", "silhouette", "stability", "icl", "bic")
_CONCENTRATIONS = ("pooled", "tied", "free")

_ABOUT = """\
Cluster embeddings by direction, with mixtures of von Mises-Fisher distributions.
'fit' finds clusters in a file of embeddings; 'report' makes a page that shows
them; 'predict' gives new embeddings the clusters that were found before."""

_EXAMPLES = """\
examples:
  vmfmix fit embeddings.npy --out clusters/
  vmfmix fit embeddings.npy --n-components 7 --texts texts.txt --out clusters/
  vmfmix report clusters/model.npz embeddings.npy --texts texts.txt -o report.html
  vmfmix predict clusters/model.npz new.npy --out new-clusters/

'vmfmix fit --help' and so on explain the options."""

_ABOUT_FIT = """\
Find clusters of embeddings, and how many there are, and print what is in them.
The folder that --out names will hold

  labels.npy         cluster of each row, counted from 0; -1: background
  probabilities.npy  probability that the row belongs to that cluster
  model.npz          the fitted mixture, for 'vmfmix predict', or vmfmix.load in
                     Python
  summary.csv        a line for each cluster
  texts.csv          each text with its cluster and probability, with --texts"""

_EXAMPLES_OF_FIT = """\
examples:
  vmfmix fit embeddings.npy --out clusters/
  vmfmix fit embeddings.npy --texts texts.txt --out clusters/
  vmfmix fit embeddings.npy --n-components 7 --out clusters/
  vmfmix fit data.npz --array train --n-components 50 --n-init 5 --out train/

The same command gives the same result, as --random-state is 0 unless it is set."""

_ABOUT_PREDICT = """\
Give each row of a file of embeddings the most probable cluster of a fitted
mixture. Without --out, prints one cluster per line. The folder that --out names
will hold

  labels.npy         cluster of each row, counted from 0; -1: background
  probabilities.npy  probability that the row belongs to that cluster"""

_ABOUT_REPORT = """\
Make a page that shows what is in the clusters: a map, a table with the words and
the typical rows of each cluster, a search over texts, rows far out, labels that
look wrong, and the clusters at other numbers of them. It is one file, which opens
in any browser and needs no network."""

_EXAMPLES_OF_REPORT = """\
examples:
  vmfmix report clusters/model.npz embeddings.npy --texts texts.txt -o report.html
  vmfmix report run/mixture.npz run/embeddings.npy --images pictures/ -o report.html"""

_EXAMPLES_OF_PREDICT = """\
examples:
  vmfmix predict clusters/model.npz new.npy --out new-clusters/
  vmfmix predict clusters/model.npz new.npy | sort | uniq -c"""


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


def _run(argv):
    try:
        arguments = _parser().parse_args(argv)
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

    from vmfmix import summary
    from vmfmix.files import read_embeddings, read_lines, require_place, results_folder, write_csv
    from vmfmix.inspection import cosines_of_rows

    require_place(arguments.out, _FILES_OF_FIT, overwrite=arguments.overwrite)
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

    with results_folder(arguments.out, _FILES_OF_FIT) as folder:
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

    from vmfmix.files import require_place, results_folder
    from vmfmix.summary import probabilities_of_labels

    if arguments.out:
        require_place(arguments.out, _FILES_OF_PREDICT, overwrite=arguments.overwrite)
    model, X = _loaded(arguments)
    labels = model.predict(X)
    if not arguments.out:
        for label in labels.tolist():
            print(label)
        return
    probabilities = probabilities_of_labels(model, X, labels)
    with results_folder(arguments.out, _FILES_OF_PREDICT) as folder:
        np.save(folder / "labels.npy", labels)
        np.save(folder / "probabilities.npy", probabilities)
    if not arguments.quiet:
        print(f"Wrote {', '.join(_FILES_OF_PREDICT)} of {len(labels)} rows to {arguments.out}")


def _report(arguments):
    from vmfmix.files import read_lines
    from vmfmix.report import write_report

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
    if path.is_dir() or path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--out {path} is not named .html; give a file to write.")
    if path.exists() and not overwrite:
        raise ValueError(
            f"--out {path} is there already; give another name, or --overwrite to replace it."
        )
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.absolute().parent}; make it first.")


def _images(path, n_rows):
    """Images of an .npz file, or the files of a folder in order."""
    import numpy as np

    from vmfmix.files import require_file
    from vmfmix.images import image_paths

    if path.is_dir():
        images = image_paths(path)
    elif path.suffix.lower() == ".npz":
        require_file(path)
        with np.load(path, allow_pickle=False) as stored:
            if "images" not in stored:
                raise ValueError(f"{path} has no array named images; it has {', '.join(stored)}.")
            images = stored["images"]
    else:
        raise ValueError(f"--images {path} is no folder and no .npz file; give one of these.")
    if len(images) != n_rows:
        raise ValueError(
            f"{path} has {len(images)} images and the embeddings have {n_rows} rows; give one "
            "image for each row."
        )
    return images


def _known_labels(path, n_rows):
    from vmfmix.files import read_lines

    if path is None:
        return None
    known = read_lines(path, n_rows)
    if "" in known:
        raise ValueError(f"line {known.index('') + 1} of {path} is empty; give every row a label.")
    return known


def _loaded(arguments):
    """The model and the rows that go with it."""
    from vmfmix.files import read_embeddings, require_file
    from vmfmix.persistence import load

    require_file(arguments.model)
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


# What can be given.


class _Parser(argparse.ArgumentParser):
    """Raises where argparse prints its usage and exits, so that every error is one line."""

    def __init__(self, **settings):
        super().__init__(
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **settings,
        )

    def error(self, message):
        raise ValueError(f"{message}; see '{self.prog} --help'")


def _parser():
    parser = _Parser(prog="vmfmix", description=_ABOUT, epilog=_EXAMPLES)
    parser.add_argument("--version", action="version", version=f"vmfmix {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_fit(
        commands.add_parser(
            "fit", help="find clusters", description=_ABOUT_FIT, epilog=_EXAMPLES_OF_FIT
        )
    )
    _add_report(
        commands.add_parser(
            "report",
            help="make a page that shows the clusters",
            description=_ABOUT_REPORT,
            epilog=_EXAMPLES_OF_REPORT,
        )
    )
    _add_predict(
        commands.add_parser(
            "predict",
            help="give new rows the clusters found before",
            description=_ABOUT_PREDICT,
            epilog=_EXAMPLES_OF_PREDICT,
        )
    )
    return parser


def _add_fit(parser):
    parser.set_defaults(command=_fit)
    _add_embeddings(parser, "embeddings", "EMBEDDINGS")
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="where to write")
    _add_number(parser.add_argument_group("the number of clusters"))
    _add_mixture(parser.add_argument_group("the mixture"))
    _add_search(parser.add_argument_group("the search"))
    more = parser.add_argument_group("what is known of the rows")
    more.add_argument(
        "--texts",
        metavar="FILE",
        help="one text per line, as many as rows; the most typical ones of each cluster are shown",
    )
    more.add_argument(
        "--labels",
        metavar="FILE",
        help="one known label per line, as many as rows; used for nothing but scores",
    )
    _add_common(parser)


def _add_number(group):
    group.add_argument(
        "--n-components",
        type=_n_components,
        default="auto",
        metavar="N",
        help="number of clusters, or 'auto': start from many, merge them down to one, and keep the "
        "number that --selection prefers (default: auto)",
    )
    group.add_argument(
        "--n-components-init",
        type=_count,
        metavar="N",
        help="number of clusters that merging starts from (default: three times --n-components; "
        "for 'auto' an eighth of the rows, at most 600)",
    )
    group.add_argument(
        "--merge",
        type=_merge,
        default="likelihood",
        metavar="COST",
        help="which clusters are merged first: those whose union costs least 'likelihood', 'icl', "
        "'jeffreys' divergence or 'cosine' distance; 'none': nothing is merged, and --n-components "
        "must be given (default: likelihood)",
    )
    group.add_argument(
        "--selection",
        choices=_SELECTIONS,
        default="auto",
        metavar="RULE",
        help="what 'auto' chooses the number by: 'auto', 'persistence', 'modularity', "
        "'silhouette', 'stability', 'icl' or 'bic' (default: auto)",
    )


def _add_mixture(group):
    group.add_argument(
        "--concentration",
        type=_concentration,
        default="pooled",
        metavar="KIND",
        help="how tight clusters are: 'pooled', each its own as far as the rows bear that out; "
        "'tied', all the same; 'free', each its own; or a number, the same for all and not fitted "
        "(default: pooled)",
    )
    group.add_argument(
        "--background",
        action="store_true",
        help="let rows that belong nowhere be background, labelled -1 (default: no)",
    )
    group.add_argument(
        "--center",
        action="store_true",
        help="take out the direction that all rows share, before everything else (default: no)",
    )
    group.add_argument(
        "--assignment",
        choices=("soft", "hard"),
        default="soft",
        help="'soft': a row counts for every cluster by its probability; 'hard': for its most "
        "probable cluster alone (default: soft)",
    )


def _add_search(group):
    group.add_argument(
        "--n-init",
        type=_count,
        default=1,
        metavar="N",
        help="number of different starts, of which the best result is kept (default: 1)",
    )
    group.add_argument(
        "--max-iter",
        type=_count,
        default=100,
        metavar="N",
        help="most passes over the rows for each start, after merging (default: 100)",
    )
    group.add_argument(
        "--tol",
        type=_tolerance,
        default=1e-4,
        metavar="X",
        help="stop when a pass improves the log-likelihood per row by less (default: 0.0001)",
    )
    group.add_argument(
        "--random-state",
        type=_seed,
        default=0,
        metavar="N",
        help="determines the starts: the same number gives the same result (default: 0)",
    )
    group.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="for long fits: keeps after each pass how far the fit has come; the same command goes "
        "on from there, and the file is removed at the end (default: none)",
    )


def _add_predict(parser):
    parser.set_defaults(command=_predict)
    parser.add_argument("model", metavar="MODEL", help="model.npz that 'vmfmix fit' wrote")
    _add_embeddings(parser, "embeddings", "NEW")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to write")
    _add_common(parser)


def _add_report(parser):
    parser.set_defaults(command=_report)
    parser.add_argument("model", metavar="MODEL", help="model.npz that 'vmfmix fit' wrote")
    _add_embeddings(parser, "embeddings", "EMBEDDINGS")
    parser.add_argument(
        "-o", "--out", required=True, type=Path, metavar="FILE", help="the .html file to write"
    )
    parser.add_argument("--texts", metavar="FILE", help="one text per line, as many as rows")
    parser.add_argument(
        "--images",
        type=Path,
        metavar="PATH",
        help="a folder of as many images as rows, in the order of their names, or an .npz file "
        "with an array 'images'; needs Pillow",
    )
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help="one known label per line, as many as rows, to compare with and to be suspicious of",
    )
    parser.add_argument("--title", metavar="TEXT", help="of the page (default: name of the file)")
    parser.add_argument(
        "--rows",
        type=_count,
        default=20_000,
        metavar="N",
        help="most rows that can be searched, evenly chosen where there are more (default: 20000)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a page that is there (default: refuse)"
    )
    parser.add_argument(
        "--quiet", action="store_true", help="no word where it is; warnings and errors appear"
    )


def _add_embeddings(parser, name, metavar):
    parser.add_argument(
        name,
        metavar=metavar,
        help="rows to work on, one embedding each: .npy, .npz (dense, or sparse from "
        "scipy.sparse.save_npz) or .parquet; rows of any length, only directions count",
    )
    parser.add_argument(
        "--array",
        metavar="NAME",
        help="which array of the .npz file, or column of lists of the .parquet file, holds the "
        "rows; not needed where there is only one",
    )


def _add_common(parser):
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace results that the folder already holds (default: refuse)",
    )
    parser.add_argument(
        "--quiet",
        action="store_true",
        help="no progress and no summary; warnings and errors still appear",
    )


def _count(text):
    return _integer(text, 1, "an integer of at least 1")


def _n_components(text):
    return text if text == "auto" else _integer(text, 1, "an integer of at least 1, or 'auto'")


def _seed(text):
    return _integer(text, 0, "an integer from 0 to 4294967295", 2**32 - 1)


def _merge(text):
    if text not in _MERGES:
        raise argparse.ArgumentTypeError(f"'{text}' is not one of {', '.join(_MERGES)}")
    return None if text == "none" else text


def _concentration(text):
    allowed = "'pooled', 'tied', 'free' or a number ≥ 0"
    return text if text in _CONCENTRATIONS else _number(text, allowed)


def _tolerance(text):
    return _number(text, "a number ≥ 0")


def _integer(text, least, allowed, most=math.inf):
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not least <= number <= most:
        raise argparse.ArgumentTypeError(f"'{text}' is not {allowed}")
    return number


def _number(text, allowed):
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is not {allowed}")
    return number
