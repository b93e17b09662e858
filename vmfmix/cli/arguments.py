"""The arguments of the command `vmfmix`, and its help.

Neither NumPy nor anything that needs it is imported here, so that help is fast.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping
from pathlib import Path

from vmfmix._console import Parser
from vmfmix._version import __version__
from vmfmix.cli.input_arguments import add_input, add_texts_and_labels
from vmfmix.cli.output_arguments import (
    add_output_folder,
    add_page_file,
    add_printing,
    add_words,
)
from vmfmix.cli.outputs import (
    EMBED_OUTPUTS,
    FIT_OUTPUTS,
    PREDICT_OUTPUTS,
    describe_outputs,
)

__all__ = ["CONCENTRATIONS", "LAYOUTS", "MERGE_COSTS", "SELECTION_RULES", "make_parser"]

# Copies of the keys of `COSTS` and `RULES` and of the names in `VMFMixture` and of layouts, since
# importing these would import NumPy. A test compares them.
MERGE_COSTS = ("likelihood", "icl", "jeffreys", "cosine")
LAYOUTS = ("neighbors", "umap")
SELECTION_RULES = ("auto", "persistence", "modularity", "silhouette", "stability", "icl", "bic")
CONCENTRATIONS = ("pooled", "tied", "free")

_DESCRIPTION = """\
Cluster embeddings by direction with mixtures of von Mises-Fisher distributions.
'fit' finds the clusters in a file of embeddings, 'cut' changes their number,
'apply' edits them, 'report' makes a web page that shows them, and 'predict'
assigns new embeddings to the clusters. 'embed' and 'export' use an encoder that
'python -m vmfmix.deep.train' trained."""

_EXAMPLES = """\
examples:
  vmfmix fit embeddings.npy --out clusters/
  vmfmix fit embeddings.npy --n-components 7 --texts texts.txt --out clusters/
  vmfmix cut clusters/model.npz embeddings.npy -n 37 --out clusters-37/
  vmfmix report clusters/model.npz embeddings.npy --texts texts.txt -o page.html
  vmfmix apply edits.json clusters/model.npz embeddings.npy --out edited/
  vmfmix predict clusters/model.npz new.npy --out new-clusters/
  vmfmix embed run/ new_images/ --out new/

Run 'vmfmix COMMAND --help' for the options of a command."""

_FIT_DESCRIPTION = f"""\
Find the clusters in a file of embeddings, estimate their number unless it is
given, and print a summary. Files written to the folder of --out:

{describe_outputs(FIT_OUTPUTS)}"""

_FIT_EXAMPLES = """\
examples:
  vmfmix fit sentences.parquet --out clusters/
  vmfmix fit embeddings.npy --out clusters/
  vmfmix fit embeddings.npy --texts texts.txt --out clusters/
  vmfmix fit embeddings.npy --n-components 7 --out clusters/
  vmfmix fit data.npz --array train --n-components 50 --n-init 5 --out train/

Results are reproducible: --random-state is 0 by default."""

_CUT_DESCRIPTION = f"""\
Cut a fitted model at another number of clusters on its merge path, assign the
rows to these clusters, and print a summary. Without -n, print the natural
numbers of clusters that the fit found, with their strengths. Files written to
the folder of --out:

{describe_outputs(FIT_OUTPUTS)}"""

_CUT_EXAMPLES = """\
examples:
  vmfmix cut clusters/model.npz
  vmfmix cut clusters/model.npz embeddings.npy -n 37 --out clusters-37/"""

_APPLY_DESCRIPTION = f"""\
Apply edits of clusters, saved in a JSON file, to a fitted model: names, notes,
merged and split clusters, and clusters marked as noise. With EMBEDDINGS, assign
the rows to the edited clusters, print a summary, and write these files to the
folder of --out; without, write the model alone, which is enough unless a cluster
is split:

{describe_outputs(FIT_OUTPUTS)}"""

_APPLY_EXAMPLES = """\
examples:
  vmfmix apply edits.json clusters/model.npz --out edited/
  vmfmix apply edits.json clusters/model.npz embeddings.npy --out edited/"""

_PREDICT_DESCRIPTION = f"""\
Assign each row of a file of embeddings to the most probable cluster of a fitted
model. Without --out, print one cluster per line. Files written to the folder of
--out:

{describe_outputs(PREDICT_OUTPUTS)}"""

_PREDICT_EXAMPLES = """\
examples:
  vmfmix predict clusters/model.npz new.npy --out new-clusters/
  vmfmix predict clusters/model.npz new.npy | sort | uniq -c"""

_EMBED_DESCRIPTION = f"""\
Embed new images or rows with the encoder of a training of vmfmix.deep, and
assign each to the most probable cluster of the training. Files written to the
folder of --out:

{describe_outputs(EMBED_OUTPUTS)}"""

_EMBED_EXAMPLES = """\
examples:
  vmfmix embed run/ new_images/ --out new/
  vmfmix embed run/ new.parquet --out new/ --features"""

_EXPORT_DESCRIPTION = """\
Write the encoder of a training of vmfmix.deep as a program of torch.export,
which maps images or rows to embeddings and runs without vmfmix."""

_EXPORT_EXAMPLES = """\
examples:
  vmfmix export run/ -o encoder.pt2"""

_REPORT_DESCRIPTION = """\
Make a web page that shows the contents of the clusters: a map, a table with the
typical words and rows of each cluster, a text search, outliers, possible label
errors, and the clusters for other numbers of clusters. The page is a single
file that opens in any browser without a network connection."""

_REPORT_EXAMPLES = """\
examples:
  vmfmix report clusters/model.npz embeddings.npy --texts texts.txt -o page.html
  vmfmix report clusters/model.npz zh.npy --texts zh.txt -o page.html \\
      --tokenizer jieba --stop-words chinese
  vmfmix report run/ -o page.html
  vmfmix report clusters/model.npz x.npy --compare old/model.npz -o page.html
  vmfmix report clusters/model.npz x.parquet --coordinates x,y -o page.html"""


LARGEST_SMOOTHED = 100_000  # rows, by default: their neighbors are found within about a minute


def make_parser(
    commands: Mapping[str, Callable[[argparse.Namespace], None]],
) -> argparse.ArgumentParser:
    """Return the parser of the command line.

    Parameters
    ----------
    commands : dict of callable
        The functions that run ``fit``, ``cut``, ``apply``, ``report``, ``predict``, ``embed`` and
        ``export``.

    Returns
    -------
    argparse.ArgumentParser
        Its results have the function of the command as attribute ``command``.
    """
    parser = Parser(prog="vmfmix", description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.add_argument("--version", action="version", version=f"vmfmix {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    fit = subparsers.add_parser(
        "fit",
        help="find clusters",
        description=_FIT_DESCRIPTION,
        epilog=_FIT_EXAMPLES,
    )
    fit.set_defaults(command=commands["fit"])
    _add_fit_arguments(fit)

    cut = subparsers.add_parser(
        "cut",
        help="change the number of clusters",
        description=_CUT_DESCRIPTION,
        epilog=_CUT_EXAMPLES,
    )
    cut.set_defaults(command=commands["cut"])
    _add_cut_arguments(cut)

    apply = subparsers.add_parser(
        "apply",
        help="apply edits of clusters that are saved in a file",
        description=_APPLY_DESCRIPTION,
        epilog=_APPLY_EXAMPLES,
    )
    apply.set_defaults(command=commands["apply"])
    _add_apply_arguments(apply)

    report = subparsers.add_parser(
        "report",
        help="make a web page that shows the clusters",
        description=_REPORT_DESCRIPTION,
        epilog=_REPORT_EXAMPLES,
    )
    report.set_defaults(command=commands["report"])
    _add_report_arguments(report)

    predict = subparsers.add_parser(
        "predict",
        help="assign new embeddings to the clusters",
        description=_PREDICT_DESCRIPTION,
        epilog=_PREDICT_EXAMPLES,
    )
    predict.set_defaults(command=commands["predict"])
    _add_predict_arguments(predict)

    embed = subparsers.add_parser(
        "embed",
        help="embed new images or rows with a trained encoder, and assign them to its clusters",
        description=_EMBED_DESCRIPTION,
        epilog=_EMBED_EXAMPLES,
    )
    embed.set_defaults(command=commands["embed"])
    _add_embed_arguments(embed)

    export = subparsers.add_parser(
        "export",
        help="write a trained encoder as a program of torch.export",
        description=_EXPORT_DESCRIPTION,
        epilog=_EXPORT_EXAMPLES,
    )
    export.set_defaults(command=commands["export"])
    _add_export_arguments(export)
    return parser


def _add_fit_arguments(parser: argparse.ArgumentParser) -> None:
    add_input(parser, "EMBEDDINGS")
    add_output_folder(parser, required=True)
    _add_number_of_clusters(parser.add_argument_group("number of clusters"))
    model = parser.add_argument_group("model")
    _add_model(model)
    _add_known_labels(model)
    _add_fitting(parser.add_argument_group("fitting"))
    add_texts_and_labels(parser)
    add_words(parser)
    add_printing(parser, clusters=True)


def _add_number_of_clusters(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-n",
        "--n-components",
        type=_n_components,
        default="auto",
        metavar="N",
        help="number of clusters, or 'auto' to estimate it: merge many components down to one and "
        "keep the number that --selection prefers (default: auto)",
    )
    group.add_argument(
        "--n-components-init",
        type=_positive_integer,
        metavar="N",
        help="number of components to start merging from (default: three times --n-components; "
        "with 'auto', one eighth of the number of rows, at most 600)",
    )
    group.add_argument(
        "--merge",
        type=_merge_cost,
        default="likelihood",
        metavar="COST",
        help="cost of merging two components, the cheapest pair first: loss of 'likelihood' or "
        "'icl', 'jeffreys' divergence, or 'cosine' distance; with 'none', nothing is merged, and "
        "--n-components is required (default: likelihood)",
    )
    group.add_argument(
        "--selection",
        choices=SELECTION_RULES,
        default="auto",
        metavar="RULE",
        help="rule that chooses the number of clusters when it is estimated: "
        f"{_choices(SELECTION_RULES)} (default: auto)",
    )
    group.add_argument(
        "--resolution",
        type=_resolution,
        default=1.0,
        metavar="X",
        help="find more clusters if greater than 1, and fewer if less; needs 'auto' as number and "
        "as rule (default: 1)",
    )
    group.add_argument(
        "--min-cluster-size",
        type=_positive_integer,
        default=1,
        metavar="N",
        help="smallest number of rows of a cluster; smaller clusters are merged with the nearest "
        "ones at the end of the fit (default: 1)",
    )


def _add_model(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--concentration",
        type=_concentration,
        default="pooled",
        metavar="KIND",
        help="how concentrations are estimated: 'tied', one for all clusters; 'free', one for each "
        "cluster; 'pooled', between the two, as the data suggest; or a fixed number for all "
        "clusters (default: pooled)",
    )
    group.add_argument(
        "--background",
        action="store_true",
        help="add a uniform background component for rows that belong to no cluster; they are "
        "labeled -1",
    )
    group.add_argument(
        "--smooth",
        action=argparse.BooleanOptionalAction,
        help="average rows with their nearest neighbors first, which makes the clusters of most "
        "embeddings compact; the model then holds a copy of the rows (default: on for at most "
        f"{LARGEST_SMOOTHED:,} dense rows, unless --center is given)",
    )
    group.add_argument(
        "--center",
        action="store_true",
        help="subtract the mean of the normalized rows before fitting",
    )
    group.add_argument(
        "--assignment",
        choices=("soft", "hard"),
        default="soft",
        help="'soft': each row contributes to every cluster in proportion to its probability; "
        "'hard': only to its most probable cluster (default: soft)",
    )


def _add_known_labels(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--known-labels",
        metavar="FILE",
        help="text file with one line per row: the number of its cluster, from 0, or an empty line "
        "if it is not known; these rows stay in their clusters",
    )


def _add_fitting(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--n-init",
        type=_positive_integer,
        default=1,
        metavar="N",
        help="number of random initializations; the best result is kept (default: 1)",
    )
    group.add_argument(
        "--max-iter",
        type=_positive_integer,
        default=100,
        metavar="N",
        help="maximum number of EM iterations of each initialization, after merging (default: 100)",
    )
    group.add_argument(
        "--tol",
        type=_tolerance,
        default=1e-4,
        metavar="X",
        help="stop when the mean log-likelihood per row changes by no more than this, in nats "
        "(default: 0.0001)",
    )
    group.add_argument(
        "--random-state",
        type=_random_state,
        default=0,
        metavar="N",
        help="seed of the random number generator (default: 0)",
    )
    group.add_argument(
        "--checkpoint",
        metavar="FILE",
        help="save progress to this file after every iteration; run the same command again to "
        "resume. The file is removed when the fit is complete",
    )


def _add_cut_arguments(parser: argparse.ArgumentParser) -> None:
    _add_model_file(parser)
    add_input(parser, "EMBEDDINGS", nargs="*")
    parser.add_argument(
        "-n",
        "--n-components",
        type=_positive_integer,
        metavar="N",
        help="number of clusters, at most the number of components that merging started from; "
        "needs EMBEDDINGS and --out",
    )
    add_output_folder(parser, required=False)
    add_texts_and_labels(parser)
    add_words(parser)
    add_printing(parser, clusters=True)


def _add_apply_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("edits", metavar="EDITS", help="JSON file of edits")
    _add_model_file(parser)
    add_input(parser, "EMBEDDINGS", nargs="*")
    add_output_folder(parser, required=True)
    add_texts_and_labels(parser)
    add_words(parser)
    add_printing(parser, clusters=True)


def _add_report_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="model.npz written by 'vmfmix fit' or 'vmfmix cut', or the folder of a training of "
        "vmfmix.deep, which has its own embeddings and may list its images",
    )
    add_input(parser, "EMBEDDINGS", nargs="*")
    add_page_file(parser)
    parser.add_argument(
        "--images",
        type=Path,
        metavar="PATH",
        help="one image per row: a folder, an .npz file with an array 'images', a text file with "
        "one path per line, or a table with one column of paths (.csv, .tsv, .parquet, "
        ".feather or .arrow); needs Pillow",
    )
    parser.add_argument(
        "--image-order",
        choices=["natural", "string"],
        help="order of the images of a folder: natural (img2.png before img10.png) or string "
        "(img10.png before img2.png); needed only if they differ",
    )
    parser.add_argument(
        "--skip-damaged",
        action="store_true",
        help="leave out images that are damaged or too large, and list them",
    )
    parser.add_argument(
        "--backdrop",
        default="white",
        metavar="COLOR",
        help="color behind transparent parts of images (default: white)",
    )
    parser.add_argument(
        "--title",
        metavar="TEXT",
        help="title of the page (default: name of the file of embeddings, or of the folder of the "
        "training)",
    )
    parser.add_argument(
        "--rows",
        type=_positive_integer,
        default=20_000,
        metavar="N",
        help="maximum number of rows on the map and in the search, evenly sampled (default: 20000)",
    )
    parser.add_argument(
        "--compare",
        metavar="PATH",
        help="compare the clusters with those of another model (.npz), or with the clusters in a "
        "file with one label per row: what is the same, split or merged, and rows that moved",
    )
    _add_map(parser.add_argument_group("map").add_mutually_exclusive_group())
    add_texts_and_labels(parser)
    add_words(parser)


def _add_map(group: argparse._MutuallyExclusiveGroup) -> None:
    group.add_argument(
        "--layout",
        choices=LAYOUTS,
        default="neighbors",
        help="how rows are placed: 'neighbors', near their nearest neighbors by angle, or 'umap', "
        "by umap-learn, which must be installed (default: neighbors)",
    )
    group.add_argument(
        "--coordinates",
        metavar="FILE|X,Y",
        help="places of your own: a file with two numbers for each row (such as .npy or .csv), or "
        "the names of two columns of the table of embeddings",
    )


def _add_predict_arguments(parser: argparse.ArgumentParser) -> None:
    _add_model_file(parser)
    add_input(parser, "NEW")
    _add_false_alarm_rate(parser)
    add_output_folder(parser, required=False)
    add_printing(parser, clusters=False)


def _add_false_alarm_rate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--false-alarm-rate",
        type=_false_alarm_rate,
        metavar="X",
        help="give the cluster -1 to rows that are unlike those of the fit, and to this share of "
        "the rows that are like them (default: every row gets a cluster)",
    )


def _add_embed_arguments(parser: argparse.ArgumentParser) -> None:
    _add_run(parser)
    add_input(parser, "NEW", images=True)
    group = parser.add_argument_group("images")
    group.add_argument(
        "--skip-damaged",
        action="store_true",
        help="leave out images of a folder that are damaged or too large, and list them",
    )
    _add_false_alarm_rate(parser)
    parser.add_argument(
        "--batch-size",
        type=_positive_integer,
        default=1024,
        metavar="N",
        help="images or rows that are processed together (default: 1024)",
    )
    add_output_folder(parser, required=True, keeps_embeddings=False)
    parser.add_argument(
        "--features", action="store_true", help="write the output of the encoder, too"
    )
    add_printing(parser, clusters=False)


def _add_export_arguments(parser: argparse.ArgumentParser) -> None:
    _add_run(parser)
    parser.add_argument(
        "-o", "--out", required=True, type=Path, metavar="FILE", help="the .pt2 file to write"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the file if it already exists"
    )
    parser.add_argument(
        "--quiet", action="store_true", help="print nothing but warnings and errors"
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run", metavar="RUN", help="folder that 'python -m vmfmix.deep.train' wrote"
    )
    parser.add_argument(
        "--encoder",
        metavar="MODULE:CALLABLE",
        help="function that returns the encoder of the training, if it had one of your own; it is "
        "imported from the current folder or an installed package",
    )


def _add_model_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", metavar="MODEL", help="model.npz written by 'vmfmix fit' or 'vmfmix cut'"
    )


def _choices(names: tuple[str, ...]) -> str:
    """Return the names in quotes, as "'a', 'b' or 'c'"."""
    *first, last = (f"'{name}'" for name in names)
    return f"{', '.join(first)} or {last}"


def _positive_integer(text: str) -> int:
    return _integer(text, 1, "an integer of at least 1")


def _n_components(text: str) -> int | str:
    return text if text == "auto" else _integer(text, 1, "an integer of at least 1, or 'auto'")


def _random_state(text: str) -> int:
    return _integer(text, 0, "an integer from 0 to 4294967295", 2**32 - 1)


def _merge_cost(text: str) -> str | None:
    if text == "none":
        return None
    if text not in MERGE_COSTS:
        allowed = ", ".join((*MERGE_COSTS, "none"))
        raise argparse.ArgumentTypeError(f"'{text}' is not one of {allowed}")
    return text


def _concentration(text: str) -> str | float:
    if text in CONCENTRATIONS:
        return text
    return _number(text, 0.0, "'pooled', 'tied', 'free' or a number ≥ 0")


def _tolerance(text: str) -> float:
    return _number(text, 0.0, "a number ≥ 0")


def _false_alarm_rate(text: str) -> float:
    rate = _number(text, math.ulp(0.0), "a number between 0 and 1")
    if rate >= 1.0:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number between 0 and 1")
    return rate


def _resolution(text: str) -> float:
    return _number(text, math.ulp(0.0), "a number > 0")


def _integer(text: str, lowest: int, allowed: str, highest: float = math.inf) -> int:
    """Return an integer between two limits, or raise an error that says what is allowed."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not lowest <= number <= highest:
        raise argparse.ArgumentTypeError(f"'{text}' is not {allowed}")
    return number


def _number(text: str, lowest: float, allowed: str) -> float:
    """Return a finite number with a lower limit, or raise an error that says what is allowed."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not lowest <= number < math.inf:
        raise argparse.ArgumentTypeError(f"'{text}' is not {allowed}")
    return number
