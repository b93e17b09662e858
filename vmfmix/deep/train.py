"""Train embeddings and clusters together: from Python, or ``python -m vmfmix.deep.train``.

    python -m vmfmix.deep.train siammm IMAGES --out FOLDER [--epochs 100 ...]

IMAGES is a folder of images or an .npz file. FOLDER gets the configuration, a checkpoint, the
mixture as a VMFMixture, embeddings, the cluster of each image, the history and a picture of it; the
same command again goes on from the last checkpoint.
"""

import argparse
import csv
import dataclasses
import json
import logging
import typing
import warnings
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import CheckpointIO
from matplotlib.figure import Figure
from sklearn.preprocessing import normalize

from vmfmix.deep.checkpoints import WholeFiles, begin_with, require_resumable
from vmfmix.deep.config import add_settings, read_yaml, write_yaml
from vmfmix.deep.data import Images, labels_of, loader, read_images, shown_of
from vmfmix.deep.evaluate import embed, report
from vmfmix.deep.mixem import MixEM, MixEMConfig
from vmfmix.deep.networks import resnet18, small_convnet
from vmfmix.deep.siammm import SiamMM, SiamMMConfig
from vmfmix.mixture import VMFMixture
from vmfmix.plotting import plot_training

METHODS = {"siammm": (SiamMM, SiamMMConfig), "mixem": (MixEM, MixEMConfig)}
_LARGE = 64  # pixels, from which on the first layers halve an image twice
_LAST = "last.ckpt"
_CONFIG = "config.yaml"


@dataclasses.dataclass
class TrainResult:
    """What a training leaves.

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

    method: typing.Any
    model: VMFMixture
    embeddings: np.ndarray
    history: list
    report: dict | None = None


def train(
    method,
    data,
    *,
    test=None,
    encoder=None,
    views=None,
    start=None,
    out=None,
    n_workers=0,
    trainer=None,
    **config,
):
    """Train a method on images.

    Parameters
    ----------
    method : {"siammm", "mixem"}
    data : Images, Dataset, str or path-like
        Images; a folder or a file of them; or a Dataset of (image, …), tensors with values from 0
        to 1. It may give a list of views in place of an image: the first counts as the image
        itself. Random views of a Dataset are its own; they are other ones where a training is taken
        up again.
    test : like data, default=None
        Labeled images for a report; nothing is learned from them, and nothing chosen by them.
    encoder : nn.Module, default=None
        Images to rows of features; None: ResNet-18 on a GPU, and a small convolutional network on a
        CPU.
    views : callable, default=None
        A batch of images to a list of views; None: `vmfmix.deep.views.Views` with the settings of
        the method.
    start : str or path-like, default=None
        A checkpoint of another training, of any method, whose encoder to begin with.
    out : str or path-like, default=None
        A folder for checkpoints and results; with checkpoints in it, training goes on from there.
    n_workers : int, default=0
        Processes that read a Dataset; images in memory need none.
    trainer : dict, default=None
        Options of Lightning's Trainer: accelerator, devices, strategy, precision,
        accumulate_grad_batches, logger, callbacks, …
    **config
        Of the method; see `vmfmix.deep.siammm.SiamMMConfig` and `vmfmix.deep.mixem.MixEMConfig`.

    Returns
    -------
    TrainResult

    Raises
    ------
    ValueError
        For an unknown method or option, images that cannot be used, or fewer images than a batch.
    """
    kind, settings = _settings(method, config)
    images, test = _images(data, test)
    torch.manual_seed(settings.seed)
    learner = _learner(kind, settings, images, encoder, views, start)
    out = None if out is None else Path(out)
    running = _trainer(learner, out, trainer or {})
    if len(images) < settings.batch_size * running.world_size:
        raise ValueError(
            f"There are {len(images)} images, fewer than batch_size={settings.batch_size} for each "
            f"of {running.world_size} process(es); pass more, or a smaller batch_size."
        )
    last = None
    if out is not None:
        _keep_config(out, method, settings)
        last = out / _LAST if (out / _LAST).is_file() else None
        if last is not None:
            require_resumable(learner.encoder, last)
    batches = loader(images, settings.batch_size, seed=settings.seed, n_workers=n_workers)
    running.fit(learner, batches, ckpt_path=last, weights_only=True)
    learner.to(running.strategy.root_device).eval()  # Lightning leaves it on the CPU

    learned = embed(learner, images, n_workers=n_workers)
    embeddings = normalize(learned.embeddings)
    model = learner.clusters(dataclasses.replace(learned, embeddings=embeddings))
    result = TrainResult(learner, model, embeddings, learner.history)
    writes = out is not None and running.is_global_zero
    if writes:
        _write(out, result, images)
    if test is not None:  # last, so that nothing is lost if it fails
        asked = embed(learner, test, n_workers=n_workers)
        result.report = report(learned, asked, model, settings.seed)
        if writes:
            text = json.dumps(result.report, indent=1)
            (out / "report.json").write_text(text + "\n", encoding="utf-8")
    return result


def _images(data, test):
    """Images to learn from and to be scored on, of the same shape and with the same classes."""
    images = read_images(data) if isinstance(data, (str, Path)) else data
    if isinstance(test, (str, Path)):
        test = read_images(test, tuple(_first_of(images).shape[2:]))
    if test is None:
        return images, None
    if isinstance(images, Images) and isinstance(test, Images):
        one, other = images.images.shape[1:], test.images.shape[1:]
        if one != other:
            raise ValueError(
                f"The test images have {_shape(other)} and those to learn from {_shape(one)}; "
                "bring them to the same."
            )
        test = test.numbered_as(images.classes or [])
    if labels_of(test) is None:
        raise ValueError("The test images have no labels to compare with; leave test out.")
    return images, test


def _shape(shape):
    return f"{shape[0]} channel(s) of {shape[1]} × {shape[2]}"


def _learner(kind, settings, images, encoder, views, start):
    """The method, with networks and views that go with the images."""
    first = _first_of(images)
    n_channels, size = first.shape[1], tuple(first.shape[2:])
    if encoder is None and torch.cuda.is_available():
        encoder = resnet18(n_channels, small_images=min(size) < _LARGE)
    elif encoder is None:
        encoder = small_convnet(n_channels)
    if start is not None:
        begin_with(encoder, start)
    if views is None:
        views = settings.views_for(size, n_channels)
    return kind(encoder, views, first, len(images), settings, labels_of(images))


def _trainer(learner, out, wanted):
    """Lightning's Trainer, with what the user wants of it."""
    options = {
        "max_epochs": learner.config.epochs,
        "devices": 1,
        "logger": False,
        "enable_model_summary": False,
        "enable_checkpointing": out is not None,
        "log_every_n_steps": 1,
        "use_distributed_sampler": False,  # ours knows of processes
        **wanted,
    }
    if learner.has_idle_parameters and _several(options["devices"]):
        options.setdefault("strategy", "ddp_find_unused_parameters_true")
    if out is not None:
        keeper = ModelCheckpoint(out, filename="last", enable_version_counter=False)
        options["callbacks"] = [*options.get("callbacks", []), keeper]
        given = options.get("plugins") or []
        given = list(given) if isinstance(given, (list, tuple)) else [given]
        if not any(isinstance(plugin, CheckpointIO) for plugin in given):
            options["plugins"] = [*given, WholeFiles()]
    return Trainer(**options)


def _several(devices):
    """Whether there may be several processes."""
    if devices in ("auto", -1, "-1"):
        return torch.cuda.device_count() > 1
    return len(devices) > 1 if isinstance(devices, (list, tuple)) else devices not in (1, "1")


def _settings(method, config):
    """The class of a method, and its settings."""
    if method not in METHODS:
        raise ValueError(f"method={method!r} is not known; pass one of {', '.join(METHODS)}.")
    kind, configuration = METHODS[method]
    known = [field.name for field in dataclasses.fields(configuration)]
    unknown = [name for name in config if name not in known]
    if unknown:
        raise ValueError(
            f"{', '.join(unknown)}: {method} has no such setting; it has {', '.join(known)}."
        )
    return kind, configuration(**config)


def _first_of(images):
    """The first image or its first view, in a batch of its own."""
    if isinstance(images, Images):
        return images.images[:1]
    shown = shown_of(images[0])
    return (shown[0] if isinstance(shown, (list, tuple)) else shown)[None]


def _keep_config(out, method, config):
    """Write how this is trained; refuse a folder that was trained in another way."""
    out.mkdir(parents=True, exist_ok=True)
    path, now = out / _CONFIG, dataclasses.asdict(config)
    if path.is_file() and (out / _LAST).is_file():
        before = read_yaml(path, type(config), method)
        other = [name for name in now if before.get(name) != now[name]]
        if other:
            raise ValueError(
                f"{out} holds a training with other settings ({', '.join(other)}); pass the same, "
                "or another folder."
            )
        return
    write_yaml(path, method, config)


def _write(out, result, images):
    """The results as files."""
    model = result.model
    model.save(out / "mixture.npz")
    np.save(out / "embeddings.npy", result.embeddings)
    np.save(out / "labels.npy", model.labels_)
    names = getattr(images, "names", None) or range(len(model.labels_))
    rows = (
        {"image": name, "cluster": label, "probability": round(float(probability), 6)}
        for name, label, probability in zip(names, model.labels_, model.probabilities_)
    )
    _write_csv(out / "clusters.csv", ["image", "cluster", "probability"], rows)
    columns = list(dict.fromkeys(name for row in result.history for name in row))
    _write_csv(out / "metrics.csv", columns, result.history)
    figure = Figure(figsize=(12.0, 3.6), layout="constrained")
    plot_training(result.history, figure.subplots(1, 3))
    figure.savefig(out / "history.png", dpi=120)


def _write_csv(path, columns, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m vmfmix.deep.train",
        description="Learn embeddings and clusters of images together.",
    )
    methods = parser.add_subparsers(dest="method", required=True)
    for name, (_, configuration) in METHODS.items():
        command = methods.add_parser(name, help=str(configuration.__doc__).splitlines()[0])
        command.add_argument("images", type=Path, help="a folder of images, or an .npz file")
        command.add_argument("--out", type=Path, required=True, help="folder for the results")
        command.add_argument("--size", type=int, help="height and width of images of a folder")
        command.add_argument("--test", type=Path, help="labeled images for a report")
        command.add_argument("--start", type=Path, help="checkpoint whose encoder to begin with")
        command.add_argument("--config", type=Path, help="YAML file of settings, as in FOLDER")
        command.add_argument("--devices", default="1", help="number of devices, or auto")
        command.add_argument("--precision", default="32-true", help="as Lightning names it")
        command.add_argument("--accumulate", type=int, default=1, help="batches in a step")
        add_settings(command, configuration)
    return parser


def main(arguments=None):
    """The command line; returns an exit status."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for told in (".*exists and is not empty", ".*LeafSpec.*", ".*does not have many workers"):
        warnings.filterwarnings("ignore", told)  # nothing that who trains can mend
    options = vars(_parser().parse_args(arguments))
    names = "method", "images", "test", "start", "out", "size", "config"
    method, path, test, start, out, size, file = (options.pop(name) for name in names)
    devices = options.pop("devices")
    trainer = {
        "devices": int(devices) if devices.isdigit() else devices,
        "precision": options.pop("precision"),
        "accumulate_grad_batches": options.pop("accumulate"),
    }
    try:
        if file is not None:
            options = read_yaml(file, METHODS[method][1], method) | options
        images = read_images(path, size)
        result = train(method, images, test=test, start=start, out=out, trainer=trainer, **options)
    except (FileNotFoundError, ValueError) as error:
        print(f"error: {error}")
        return 2
    if result.method.global_rank == 0:
        print(_told(result, images, out))
    return 0


def _told(result, images, out):
    """What came out, in lines."""
    number = result.model.n_components_
    lines = [f"{number} cluster{'s'[: number != 1]} of {len(images)} images"]
    if result.report is not None:
        report = result.report
        lines += [
            f"{report['n_images']} test images of {report['n_classes']} classes",
            *(
                f"accuracy of {title} on features: {report[key]:.3f}"
                for key, title in {"knn": "20 neighbors", "linear": "a linear probe"}.items()
                if key in report
            ),
            f"{'':38}{'clusters':>9}{'AMI':>7}{'ACC':>7}",
        ]
        lines += [
            f"{name:38}{row['n_clusters']:>9}{row['adjusted_mutual_info']:>7.3f}"
            f"{row['accuracy']:>7.3f}"
            for name, row in report["clusterings"].items()
        ]
    return "\n".join([*lines, f"Wrote {', '.join(sorted(p.name for p in out.iterdir()))} to {out}"])


if __name__ == "__main__":
    raise SystemExit(main())
