"""Joint training of embeddings and clusters, from Python or with ``python -m vmfmix.deep.train``.

    python -m vmfmix.deep.train siammm DATA --out FOLDER [--epochs 100 ...]

DATA is a folder of images, an .npz file of images, or a file of embeddings. FOLDER receives the
config, a checkpoint, the mixture as a VMFMixture, embeddings, the cluster of each image or row, the
history and a plot of it; the same command again resumes from the last checkpoint, and with more
epochs continues beyond the end.

Options are validated before torch is imported.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmfmix._console import Parser, run_command, validate_out
from vmfmix.deep.config import add_options, read_yaml
from vmfmix.deep.console import quiet_lightning
from vmfmix.deep.data_kinds import kind_of, option_without_folder
from vmfmix.deep.encoder_choice import ENCODERS, validate_encoder_name
from vmfmix.deep.imports import import_with_torch, limit_threads, wait_passively
from vmfmix.deep.loggers import make_logger, validate_logger
from vmfmix.deep.method_config import CONFIGS, RunConfig
from vmfmix.deep.run_folder import OUTPUTS, checkpoint_of
from vmfmix.storage.fitted_images import FITS
from vmfmix.storage.image_arrays import CHANNELS
from vmfmix.storage.inputs import InputError
from vmfmix.storage.inputs.files import SUFFIXES
from vmfmix.storage.reading import validate_input_file, validate_readable

if TYPE_CHECKING:
    from vmfmix.deep.method_config import MethodConfig
    from vmfmix.deep.training import METHODS, TrainResult, train

__all__ = ["METHODS", "TrainResult", "main", "train"]

_TITLES = {
    "siammm": "SiamMM: learn without negative samples, and draw embeddings to clusters.",
    "mixem": "MIX'EM: learn a mixture of embeddings by contrast.",
    "simclr": "SimCLR: learn by contrast, by default without clusters.",
    "byol": "BYOL: learn without negative samples, by default without clusters.",
}
# Options of reading the data, with the arguments of argparse.
_READING: dict[str, dict[str, Any]] = {
    "images": {
        "fit": {
            "choices": FITS,
            "help": "how images of a folder with other proportions are resized: stretch changes "
            "their proportions, crop cuts off what exceeds the size, pad adds the backdrop "
            "(default: stretch)",
        },
        "lazy": {
            "action": "store_true",
            "help": "decode the images of a folder a batch at a time, for folders that do not fit "
            "in memory; see --workers",
        },
        "channels": {
            "choices": CHANNELS,
            "help": "axis of the channels of images in an .npz file, if the shape does not show it",
        },
        "skip_damaged": {
            "action": "store_true",
            "help": "leave out images of a folder that are damaged or too large, and list them",
        },
        "backdrop": {
            "metavar": "COLOR",
            "help": "color behind transparent parts of the images of a folder and beside padded "
            "ones: a name or #rrggbb (default: white)",
        },
    },
    "rows": {
        name: {"metavar": "NAME", "help": f"{text} in the file of embeddings"}
        for name, text in {
            "array": "name of the array",
            "embedding_column": "name of the column of vectors",
            "label_column": "name of the column of labels, which are used for reports alone,",
            "id_column": "name of the column of identifiers",
        }.items()
    },
}


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
    names = "method", "data", "test", "encoder", "start", "out", "config"
    method, path, test, encoder, start, out, config_path = (options.pop(name) for name in names)
    validate_out(out, OUTPUTS)
    for data in (path, test):
        if data is not None:
            _validate_data_path(data)
    kind = kind_of(path)
    config_class = CONFIGS[kind][method]
    _validate_kind(options, kind, config_class)
    if (name := option_without_folder(options, path, test)) is not None:
        raise ValueError(
            f"--{name.replace('_', '-')} is for folders of images; omit it, or pass a folder."
        )
    if "workers" in options and not options.get("lazy"):
        raise ValueError("--workers is for images that are read with --lazy; omit it, or add that.")
    reading = {name: options.pop(name) for name in _READING[kind] if name in options}
    run_names = [field.name for field in dataclasses.fields(RunConfig) if field.name in options]
    run = RunConfig(**{name: options.pop(name) for name in run_names})
    if encoder is not None:
        validate_encoder_name(encoder, kind)
    if start is not None:
        validate_input_file(checkpoint_of(start))
    validate_logger(run.logger)
    if config_path is not None:
        options = read_yaml(config_path, config_class, method) | options
    config_class(**options)  # raises ValueError if options contradict each other

    wait_passively()
    training = _import_training()
    limit_threads(run.threads, several_processes=run.devices != 1)
    trainer = {
        "devices": run.devices,
        "precision": run.precision,
        "accumulate_grad_batches": run.accumulate,
        "logger": make_logger(run.logger, out),
    }
    if kind == "rows":
        path, test = (_read_rows(each, reading) for each in (path, test))
        reading = {}
    try:
        with quiet_lightning():
            result = training.train(
                method,
                path,
                test=test,
                encoder=encoder,
                start=start,
                out=out,
                size=run.size,
                n_workers=run.workers,
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


def _read_rows(path: Path | None, reading: dict[str, Any]) -> Any:
    """Return the rows of a file, or None if there is none."""
    from vmfmix.deep.rows import read_rows

    if path is None:
        return None
    try:
        return read_rows(path, **reading)
    except InputError as error:
        option = f"--{error.parameter.replace('_', '-')}"
        raise ValueError(f"{error} (option {option})") from error


def _import_training() -> Any:
    return import_with_torch("vmfmix.deep.training", "Training")


def _create_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m vmfmix.deep.train",
        description="Train embeddings and clusters of images or rows jointly.",
    )
    methods = parser.add_subparsers(dest="method", metavar="METHOD", required=True)
    for name, title in _TITLES.items():
        command = methods.add_parser(name, help=title)
        command.add_argument(
            "data",
            type=_path,
            help="folder of images, .npz file with an array images, or file of embeddings",
        )
        command.add_argument(
            "--out", type=_path, metavar="FOLDER", required=True, help="folder for the results"
        )
        command.add_argument(
            "--test", type=_path, metavar="PATH", help="labeled images or rows for a report"
        )
        command.add_argument(
            "--encoder",
            metavar="NAME",
            help=f"encoder: {', '.join(ENCODERS['images'])} for images; or "
            "package.module:callable, a function in the current folder or an installed package "
            "that returns a torch.nn.Module (default: images: resnet18 if there is a GPU, else "
            "small_convnet; rows: row_network)",
        )
        command.add_argument(
            "--start",
            type=_path,
            metavar="PATH",
            help="weights that the encoder starts from: a state dict or checkpoint (.pt, .pth, "
            ".ckpt), a .safetensors file, or the folder of a training",
        )
        for option, details in {**_READING["images"], **_READING["rows"]}.items():
            command.add_argument(
                f"--{option.replace('_', '-')}", default=argparse.SUPPRESS, **details
            )
        command.add_argument(
            "--config",
            type=_path,
            metavar="FILE",
            help="YAML file of options, such as config.yaml in a folder of results",
        )
        add_options(command, run=RunConfig)
        add_options(command, **{kind: classes[name] for kind, classes in CONFIGS.items()})
    return parser


def _path(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the path is empty")
    return Path(text)


def _validate_data_path(path: Path) -> None:
    """Raise an error unless a path is that of a folder or a file of data, which can be read."""
    if not path.exists():
        raise FileNotFoundError(f"There is no folder or file {path}; check the name.")
    if not path.is_dir() and path.suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"{path} is neither a folder nor a file of images or embeddings; pass a folder of "
            f"images, or a file of one of the types {', '.join(SUFFIXES)}."
        )
    validate_readable(path)


def _validate_kind(options: dict[str, Any], kind: str, config_class: type[MethodConfig]) -> None:
    """Raise ValueError if an option is for data of the other kind."""
    known = {field.name for field in dataclasses.fields(config_class)}
    known |= {field.name for field in dataclasses.fields(RunConfig)} | set(_READING[kind])
    if kind == "rows":
        known -= {"size", "workers"}
    for name in options:
        if name not in known:
            raise ValueError(
                f"--{name.replace('_', '-')} has no meaning for {kind}; omit it, or pass "
                f"{'images' if kind == 'rows' else 'a file of embeddings'}."
            )


def _format_summary(result: TrainResult, out: Path) -> str:
    """Return the number of clusters, scores and written files as lines of text."""
    n_clusters = result.model.n_components_
    clusters = "cluster" if n_clusters == 1 else "clusters"
    kind = result.method.config.data_kind
    lines = [f"{n_clusters} {clusters} of {len(result.embeddings)} {kind}"]
    if result.report is not None:
        scores = result.report
        lines.append(f"{scores['n_images']} test {kind} of {scores['n_classes']} classes")
        for key, title in {"knn": "20 neighbors", "linear": "a linear probe"}.items():
            if key in scores:
                lines.append(f"accuracy of {title} on features: {scores[key]:.3f}")
        lines.append(f"{'':40}{'clusters':>9}{'AMI':>7}{'ACC':>7}")
        lines += [
            f"{name:40}{row['n_clusters']:>9}{row['adjusted_mutual_info']:>7.3f}"
            f"{row['accuracy']:>7.3f}"
            for name, row in scores["clusterings"].items()
        ]
    files = ", ".join(name for name in OUTPUTS if (out / name).is_file())
    return "\n".join([*lines, f"Wrote {files} to {out}"])


if __name__ == "__main__":
    raise SystemExit(main())
