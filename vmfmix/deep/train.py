"""Joint training of embeddings and clusters, from Python or with ``python -m vmfmix.deep.train``.

    python -m vmfmix.deep.train siammm IMAGES --out FOLDER [--epochs 100 ...]

IMAGES is a folder of images or an .npz file. FOLDER receives the config, a checkpoint, the mixture
as a VMFMixture, embeddings, the cluster of each image, the history and a plot of it; the same
command again resumes from the last checkpoint, and with more epochs continues beyond the end.

Options are validated before torch is imported.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmfmix._console import Parser, run_command, validate_out
from vmfmix._install import install_hint
from vmfmix.deep.config import add_options, read_yaml
from vmfmix.deep.method_config import CONFIGS, RunConfig
from vmfmix.storage.reading import validate_input_file, validate_readable

if TYPE_CHECKING:
    from vmfmix.deep.training import METHODS, TrainResult, train

__all__ = ["METHODS", "TrainResult", "main", "train"]

_OUTPUTS = (
    "clusters.csv",
    "config.yaml",
    "embeddings.npy",
    "history.png",
    "images.txt",
    "labels.npy",
    "last.ckpt",
    "metrics.csv",
    "mixture.npz",
    "report.json",
)
_IGNORED_WARNINGS = (  # from Lightning and torch, on which users need not act
    ".*exists and is not empty",
    ".*LeafSpec.*",
    ".*does not have many workers",
    ".*all_gather is deprecated",
)


def __getattr__(name: str) -> Any:
    """Import the training on first use, so that the command can report that torch is missing."""
    if name in ("METHODS", "TrainResult", "train"):
        return getattr(_import_training(), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, default=None
        The command line after ``python -m vmfmix.deep.train``. If None, ``sys.argv[1:]``.

    Returns
    -------
    int
        Exit code, see `vmfmix._console.run_command`.
    """
    return run_command("vmfmix.deep.train", lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> None:
    options = vars(_create_parser().parse_args(arguments))
    names = "method", "images", "test", "start", "out", "config"
    method, path, test, start, out, config_path = (options.pop(name) for name in names)
    reading = {name: options.pop(name) for name in ("skip_damaged", "backdrop")}
    run_names = [field.name for field in dataclasses.fields(RunConfig) if field.name in options]
    run = RunConfig(**{name: options.pop(name) for name in run_names})
    validate_out(out, _OUTPUTS)
    for images in (path, test):
        if images is not None:
            _validate_images_path(images)
    if start is not None:
        validate_input_file(start)
    if config_path is not None:
        options = read_yaml(config_path, CONFIGS[method], method) | options
    CONFIGS[method](**options)  # raises ValueError if options contradict each other

    training = _import_training()
    _silence()
    trainer = {
        "devices": run.devices,
        "precision": run.precision,
        "accumulate_grad_batches": run.accumulate,
    }
    try:
        result = training.train(
            method,
            path,
            test=test,
            start=start,
            out=out,
            size=run.size,
            trainer=trainer,
            **reading,
            **options,
        )
    except RuntimeError as error:
        if "can't allocate memory" in str(error) or "out of memory" in str(error):  # of torch
            raise MemoryError(str(error)) from error
        raise
    if result.method.global_rank == 0:
        print(_format_summary(result, out))


def _import_training() -> Any:
    try:
        from vmfmix.deep import training
    except ModuleNotFoundError as error:
        if str(error.name).startswith("vmfmix"):
            raise
        raise ImportError(f"Training needs {error.name}; {install_hint('deep')}.") from error
    return training


def _silence() -> None:
    """Hide what Lightning reports on its own, and the warnings that each process repeats."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for pattern in _IGNORED_WARNINGS:
        warnings.filterwarnings("ignore", pattern)
    if os.environ.get("LOCAL_RANK", "0") != "0":
        warnings.simplefilter("ignore")


def _create_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m vmfmix.deep.train",
        description="Train embeddings and clusters of images jointly.",
    )
    methods = parser.add_subparsers(dest="method", metavar="METHOD", required=True)
    for name, config_class in CONFIGS.items():
        command = methods.add_parser(name, help=str(config_class.__doc__).splitlines()[0])
        command.add_argument("images", type=_path, help="folder of images, or .npz file")
        command.add_argument(
            "--out", type=_path, metavar="FOLDER", required=True, help="folder for the results"
        )
        command.add_argument(
            "--test", type=_path, metavar="PATH", help="labeled images for a report"
        )
        command.add_argument(
            "--start", type=_path, metavar="FILE", help="checkpoint with the encoder to start from"
        )
        command.add_argument(
            "--skip-damaged",
            action="store_true",
            help="leave out images of a folder that are damaged or too large, and list them",
        )
        command.add_argument(
            "--backdrop",
            default="white",
            metavar="COLOR",
            help="color behind transparent parts of the images of a folder: a name or #rrggbb "
            "(default: white)",
        )
        command.add_argument(
            "--config",
            type=_path,
            metavar="FILE",
            help="YAML file of options, such as config.yaml in a folder of results",
        )
        add_options(command, RunConfig)
        add_options(command, config_class)
    return parser


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the path is empty")
    return Path(text)


def _validate_images_path(path: Path) -> None:
    """Raise an error unless a path is that of a folder or an .npz file, which can be read."""
    if not path.exists():
        raise FileNotFoundError(f"There is no folder or file {path}; check the name.")
    if not path.is_dir() and path.suffix.lower() != ".npz":
        raise ValueError(f"{path} is neither a folder nor an .npz file; pass one of these.")
    validate_readable(path)


def _format_summary(result: TrainResult, out: Path) -> str:
    """Return the number of clusters, scores and written files as lines of text."""
    n_clusters = result.model.n_components_
    clusters = "cluster" if n_clusters == 1 else "clusters"
    lines = [f"{n_clusters} {clusters} of {len(result.embeddings)} images"]
    if result.report is not None:
        scores = result.report
        lines.append(f"{scores['n_images']} test images of {scores['n_classes']} classes")
        for key, title in {"knn": "20 neighbors", "linear": "a linear probe"}.items():
            if key in scores:
                lines.append(f"accuracy of {title} on features: {scores[key]:.3f}")
        lines.append(f"{'':40}{'clusters':>9}{'AMI':>7}{'ACC':>7}")
        lines += [
            f"{name:40}{row['n_clusters']:>9}{row['adjusted_mutual_info']:>7.3f}"
            f"{row['accuracy']:>7.3f}"
            for name, row in scores["clusterings"].items()
        ]
    files = ", ".join(name for name in _OUTPUTS if (out / name).is_file())
    return "\n".join([*lines, f"Wrote {files} to {out}"])


if __name__ == "__main__":
    raise SystemExit(main())
