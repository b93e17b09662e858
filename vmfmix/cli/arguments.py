"""What can be given to the command `vmfmix`, and its help.

Nothing heavy is imported, so that help is quick.
"""

import argparse
import math
from pathlib import Path

from vmfmix._version import __version__

__all__ = ["parser_of"]

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


def parser_of(commands):
    """The parser, whose results have the function of their command as ``command``.

    Parameters
    ----------
    commands : dict of callable
        By name: fit, report and predict.
    """
    parser = _Parser(prog="vmfmix", description=_ABOUT, epilog=_EXAMPLES)
    parser.add_argument("--version", action="version", version=f"vmfmix {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, help, about, examples, add in (
        ("fit", "find clusters", _ABOUT_FIT, _EXAMPLES_OF_FIT, _add_fit),
        (
            *("report", "make a page that shows the clusters"),
            *(_ABOUT_REPORT, _EXAMPLES_OF_REPORT, _add_report),
        ),
        (
            *("predict", "give new rows the clusters found before"),
            *(_ABOUT_PREDICT, _EXAMPLES_OF_PREDICT, _add_predict),
        ),
    ):
        command = subparsers.add_parser(name, help=help, description=about, epilog=examples)
        command.set_defaults(command=commands[name])
        add(command)
    return parser


def _add_fit(parser):
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
        help="let rows that belong nowhere be background, labeled -1 (default: no)",
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
    parser.add_argument("model", metavar="MODEL", help="model.npz that 'vmfmix fit' wrote")
    _add_embeddings(parser, "embeddings", "NEW")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to write")
    _add_common(parser)


def _add_report(parser):
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
