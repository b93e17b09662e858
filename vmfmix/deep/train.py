"""Joint training of embeddings and clusters, from Python or with ``python -m vmfmix.deep.train``.

    python -m vmfmix.deep.train siammm IMAGES --out FOLDER [--epochs 100 ...]

IMAGES is a folder of images or an .npz file. FOLDER receives the config, a checkpoint, the mixture
as a VMFMixture, embeddings, the cluster of each image, the history and a plot of it; the same
command again resumes from the last checkpoint.
"""

import argparse
import contextlib
import dataclasses
import functools
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import CheckpointIO
from matplotlib.figure import Figure
from sklearn.preprocessing import normalize
from torch import nn

from vmfmix.deep.checkpoints import AtomicCheckpointIO, load_encoder, validate_resumable
from vmfmix.deep.config import add_options, read_yaml, write_yaml
from vmfmix.deep.data import Images, image_or_views, labels_of, loader, read_images
from vmfmix.deep.evaluate import embed, report
from vmfmix.deep.method import Method, MethodConfig
from vmfmix.deep.mixem import MixEM, MixEMConfig
from vmfmix.deep.networks import resnet18, small_convnet
from vmfmix.deep.siammm import SiamMM, SiamMMConfig
from vmfmix.mixture import VMFMixture
from vmfmix.plotting import plot_training
from vmfmix.storage.image_lists import write_paths
from vmfmix.storage.writing import write_csv

METHODS: dict[str, tuple[type[Method], type[MethodConfig]]] = {
    "siammm": (SiamMM, SiamMMConfig),
    "mixem": (MixEM, MixEMConfig),
}
_LARGE_IMAGE = 64  # pixels; at and above, the first layers of a ResNet halve an image twice
_CHECKPOINT = "last.ckpt"
_CONFIG = "config.yaml"
_CLI_IGNORED_WARNINGS = (  # from Lightning and torch, on which users need not act
    ".*exists and is not empty",
    ".*LeafSpec.*",
    ".*does not have many workers",
)


@dataclasses.dataclass
class TrainResult:
    """Result of a training.

    Parameters
    ----------
    method : LightningModule
        Trained, in evaluation mode.
    model : VMFMixture
        The mixture, fitted to the embeddings of the training images.
    embeddings : ndarray of shape (n_images, dim)
        Unit rows.
    history : list of dict
        One for each epoch.
    report : dict or None
        Scores on the test images, see `vmfmix.deep.evaluate.report`.
    """

    method: Method
    model: VMFMixture
    embeddings: np.ndarray
    history: list[dict[str, Any]]
    report: dict[str, Any] | None = None


def train(
    method: str,
    data: Any,
    *,
    test: Any = None,
    encoder: nn.Module | None = None,
    views: Callable[[torch.Tensor], list[torch.Tensor]] | None = None,
    start: str | Path | None = None,
    out: str | Path | None = None,
    n_workers: int = 0,
    skip_damaged: bool = False,
    backdrop: str = "white",
    trainer: dict[str, Any] | None = None,
    **config: Any,
) -> TrainResult:
    """Train a method on images.

    Parameters
    ----------
    method : {"siammm", "mixem"}
    data : Images, Dataset, str or path-like
        Images; a folder or an .npz file of images; or a Dataset of items (image, …), with images as
        tensors with values from 0 to 1. An item may have a list of views in place of the image; the
        first view then also serves as the image without random changes. A Dataset draws such views
        itself, so a resumed training gets different ones.
    test : like data, default=None
        Labeled images for a report. They influence neither the training nor any choice in it.
    encoder : nn.Module, default=None
        Maps images to rows of features. None: a ResNet-18 if there is a GPU, else a small
        convolutional network.
    views : callable, default=None
        Maps a batch of images to a list of views. None: `vmfmix.deep.views.Views` as the config
        describes them.
    start : str or path-like, default=None
        Checkpoint of another training, of any method, whose encoder this training starts from.
    out : str or path-like, default=None
        Folder for checkpoints and results. If it contains a checkpoint, training resumes from it.
    n_workers : int, default=0
        Number of processes that read a Dataset; images in memory need none.
    skip_damaged : bool, default=False
        Whether to leave out images of a folder that cannot be read; see
        `vmfmix.deep.data.read_images`.
    backdrop : str, default="white"
        Color behind transparent parts of the images of a folder.
    trainer : dict, default=None
        Options of Lightning's Trainer: accelerator, devices, strategy, precision,
        accumulate_grad_batches, logger, callbacks, …
    **config
        Config of the method; see `vmfmix.deep.siammm.SiamMMConfig` and
        `vmfmix.deep.mixem.MixEMConfig`.

    Returns
    -------
    TrainResult

    Raises
    ------
    FileNotFoundError
        If a folder or file of images does not exist.
    ValueError
        If the method or a config parameter is unknown or invalid, if the images cannot be used, if
        there are fewer images than in a batch, or if `out` contains a checkpoint that cannot be
        resumed.
    """
    method_class, method_config = _method_and_config(method, config)
    read = functools.partial(read_images, skip_damaged=skip_damaged, backdrop=backdrop, exclude=out)
    images, test = _training_and_test_images(data, test, read)
    torch.manual_seed(method_config.seed)
    learner = _create_learner(method_class, method_config, images, encoder, views, start)
    folder = None if out is None else Path(out)
    lightning_trainer = _create_trainer(learner, folder, trainer or {})
    n_processes = lightning_trainer.world_size
    if len(images) < method_config.batch_size * n_processes:
        raise ValueError(
            f"There are {len(images)} images, fewer than batch_size={method_config.batch_size} for "
            f"each of {n_processes} process(es); pass more images, or a smaller batch_size."
        )
    checkpoint = None
    if folder is not None:
        _write_or_compare_config(folder, method, method_config)
        if (folder / _CHECKPOINT).is_file():
            checkpoint = folder / _CHECKPOINT
            validate_resumable(learner.encoder, checkpoint)
    batches = loader(images, method_config.batch_size, seed=method_config.seed, n_workers=n_workers)
    lightning_trainer.fit(learner, batches, ckpt_path=checkpoint, weights_only=True)
    # Lightning leaves the module on the CPU.
    learner.to(lightning_trainer.strategy.root_device).eval()

    embedded = embed(learner, images, n_workers=n_workers)
    embeddings = normalize(embedded.embeddings)
    model = learner.clusters(dataclasses.replace(embedded, embeddings=embeddings))
    result = TrainResult(learner, model, embeddings, learner.history)
    results_folder = folder if lightning_trainer.is_global_zero else None
    if results_folder is not None:
        _write_results(results_folder, result, images)
    if test is not None:  # last, so that a failure here loses nothing
        test_embedded = embed(learner, test, n_workers=n_workers)
        result.report = report(embedded, test_embedded, model, method_config.seed)
        if results_folder is not None:
            text = json.dumps(result.report, indent=1)
            (results_folder / "report.json").write_text(text + "\n", encoding="utf-8")
    return result


def _training_and_test_images(data: Any, test: Any, read: Callable[..., Images]) -> tuple[Any, Any]:
    """Read images, and make sure that both parts have the same shape and classes."""
    images = read(data) if isinstance(data, (str, Path)) else data
    if isinstance(test, (str, Path)):
        height, width = _first_image(images).shape[2:]
        test = read(test, (height, width))
    if test is None:
        return images, None
    if isinstance(images, Images) and isinstance(test, Images):
        shape, test_shape = images.images.shape[1:], test.images.shape[1:]
        if shape != test_shape:
            raise ValueError(
                f"The test images have {_format_shape(test_shape)}, but the training images have "
                f"{_format_shape(shape)}; convert them to the same shape."
            )
        test = test.with_classes(images.classes or [])
    if labels_of(test) is None:
        raise ValueError("The test images have no labels to compare with; omit test.")
    return images, test


def _format_shape(shape: Sequence[int]) -> str:
    return f"{shape[0]} channel(s) of {shape[1]} × {shape[2]}"


def _create_learner(
    method_class: type[Method],
    config: MethodConfig,
    images: Any,
    encoder: nn.Module | None,
    views: Callable[[torch.Tensor], list[torch.Tensor]] | None,
    start: str | Path | None,
) -> Method:
    """Return the method, with an encoder and views that suit the images."""
    first = _first_image(images)
    n_channels, size = first.shape[1], (first.shape[2], first.shape[3])
    if encoder is None and torch.cuda.is_available():
        encoder = resnet18(n_channels, small_images=min(size) < _LARGE_IMAGE)
    elif encoder is None:
        encoder = small_convnet(n_channels)
    if start is not None:
        load_encoder(encoder, start)
    if views is None:
        views = config.views_for(size, n_channels)
    return method_class(encoder, views, first, len(images), config, labels_of(images))


def _create_trainer(learner: Method, out: Path | None, user_options: dict[str, Any]) -> Trainer:
    """Return Lightning's Trainer; options of the user override ours."""
    options: dict[str, Any] = {
        "max_epochs": learner.config.epochs,
        "devices": 1,
        "logger": False,
        "enable_model_summary": False,
        "enable_checkpointing": out is not None,
        "log_every_n_steps": 1,
        "use_distributed_sampler": False,  # vmfmix.deep.data.ShuffledSampler handles processes
        **user_options,
    }
    if learner.has_idle_parameters and _may_use_several_processes(options["devices"]):
        options.setdefault("strategy", "ddp_find_unused_parameters_true")
    if out is not None:
        saver = ModelCheckpoint(out, filename="last", enable_version_counter=False)
        options["callbacks"] = [*options.get("callbacks", []), saver]
        plugins = options.get("plugins") or []
        plugins = list(plugins) if isinstance(plugins, (list, tuple)) else [plugins]
        if not any(isinstance(plugin, CheckpointIO) for plugin in plugins):
            options["plugins"] = [*plugins, AtomicCheckpointIO()]
    return Trainer(**options)


def _may_use_several_processes(devices: Any) -> bool:
    if devices in ("auto", -1, "-1"):
        return torch.cuda.device_count() > 1
    return len(devices) > 1 if isinstance(devices, (list, tuple)) else devices not in (1, "1")


def _method_and_config(method: str, config: dict[str, Any]) -> tuple[type[Method], MethodConfig]:
    """Return the class of a method and its validated config."""
    if method not in METHODS:
        raise ValueError(f"method={method!r} is unknown; pass one of {', '.join(METHODS)}.")
    method_class, config_class = METHODS[method]
    known = [field.name for field in dataclasses.fields(config_class)]
    unknown = [name for name in config if name not in known]
    if unknown:
        raise ValueError(
            f"{method} has no parameter {', '.join(unknown)}; choose from {', '.join(known)}."
        )
    return method_class, config_class(**config)


def _first_image(images: Any) -> torch.Tensor:
    """Return a batch of the first image or its first view."""
    if isinstance(images, Images):
        return images.images[:1]
    shown = image_or_views(images[0])
    return shown[None] if isinstance(shown, torch.Tensor) else shown[0][None]


def _write_or_compare_config(out: Path, method: str, config: MethodConfig) -> None:
    """Write the config, or raise ValueError if the folder has a training with another one."""
    out.mkdir(parents=True, exist_ok=True)
    path, now = out / _CONFIG, dataclasses.asdict(config)
    if path.is_file() and (out / _CHECKPOINT).is_file():
        before = read_yaml(path, type(config), method)
        different = [name for name in now if before.get(name) != now[name]]
        if different:
            raise ValueError(
                f"{out} contains a training with another config ({', '.join(different)} differ); "
                "pass the same values to resume it, or another folder."
            )
        return
    write_yaml(path, method, config)


def _write_results(out: Path, result: TrainResult, images: Any) -> None:
    """Write all results but the report."""
    model = result.model
    model.save(out / "mixture.npz")
    np.save(out / "embeddings.npy", result.embeddings)
    np.save(out / "labels.npy", model.labels_)
    names = getattr(images, "names", None) or range(len(model.labels_))
    write_csv(
        out / "clusters.csv",
        ["image", "cluster", "probability"],
        zip(names, model.labels_, model.probabilities_),
    )
    paths = getattr(images, "paths", None)
    if paths is not None:
        write_paths(out / "images.txt", paths)
    columns = list(dict.fromkeys(name for row in result.history for name in row))
    # As text, numbers keep all digits; write_csv would round them to six.
    rows = ([str(row[name]) if name in row else None for name in columns] for row in result.history)
    write_csv(out / "metrics.csv", columns, rows)
    figure = Figure(figsize=(12.0, 3.6), layout="constrained")
    plot_training(result.history, figure.subplots(1, 3))
    figure.savefig(out / "history.png", dpi=120)


def _create_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vmfmix.deep.train",
        description="Train embeddings and clusters of images jointly.",
    )
    methods = parser.add_subparsers(dest="method", required=True)
    for name, (_, config_class) in METHODS.items():
        command = methods.add_parser(name, help=str(config_class.__doc__).splitlines()[0])
        command.add_argument("images", type=Path, help="folder of images, or .npz file")
        command.add_argument("--out", type=Path, required=True, help="folder for the results")
        command.add_argument(
            "--size", type=int, help="height and width to resize the images of a folder to"
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
            help="color behind transparent parts of the images of a folder (default: white)",
        )
        command.add_argument("--test", type=Path, help="labeled images for a report")
        command.add_argument("--start", type=Path, help="checkpoint with the encoder to start from")
        command.add_argument(
            "--config",
            type=Path,
            help="YAML file of options, such as config.yaml in a folder of results",
        )
        command.add_argument("--devices", default="1", help="number of devices, or auto")
        command.add_argument(
            "--precision", default="32-true", help="precision of Lightning's Trainer"
        )
        command.add_argument(
            "--accumulate", type=int, default=1, help="batches per step of the optimizer"
        )
        add_options(command, config_class)
    return parser


@contextlib.contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("default", category=UserWarning)
        warnings.showwarning = lambda message, *_args, **_options: print(
            f"warning: {message}", file=sys.stderr
        )
        yield


@_warnings_in_one_line()
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return an exit status."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for pattern in _CLI_IGNORED_WARNINGS:
        warnings.filterwarnings("ignore", pattern)
    options = vars(_create_parser().parse_args(arguments))
    names = "method", "images", "test", "start", "out", "size", "config"
    method, path, test, start, out, size, config_path = (options.pop(name) for name in names)
    reading = {name: options.pop(name) for name in ("skip_damaged", "backdrop")}
    devices = options.pop("devices")
    trainer = {
        "devices": int(devices) if devices.isdigit() else devices,
        "precision": options.pop("precision"),
        "accumulate_grad_batches": options.pop("accumulate"),
    }
    try:
        if config_path is not None:
            options = read_yaml(config_path, METHODS[method][1], method) | options
        images = read_images(path, size, exclude=out, **reading)
        result = train(
            method,
            images,
            test=test,
            start=start,
            out=out,
            trainer=trainer,
            **reading,
            **options,
        )
    except (FileNotFoundError, ValueError) as error:
        print(f"error: {error}")
        return 2
    if result.method.global_rank == 0:
        print(_format_summary(result, len(images), out))
    return 0


def _format_summary(result: TrainResult, n_images: int, out: Path) -> str:
    """Return the number of clusters, scores and written files as lines of text."""
    n_clusters = result.model.n_components_
    lines = [f"{n_clusters} {'cluster' if n_clusters == 1 else 'clusters'} of {n_images} images"]
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
    files = ", ".join(sorted(path.name for path in out.iterdir()))
    return "\n".join([*lines, f"Wrote {files} to {out}"])


if __name__ == "__main__":
    raise SystemExit(main())
