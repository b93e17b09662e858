"""Train embeddings and clusters together: from Python, or ``python -m vmfmix.deep.train``.

    python -m vmfmix.deep.train siammm IMAGES --out FOLDER [--epochs 100 ...]

IMAGES is a folder of images or an .npz file. FOLDER gets the configuration, a checkpoint, the
mixture as a VMFMixture, embeddings, labels and the history; the same command again goes on from
the last checkpoint.
"""

import argparse
import dataclasses
import json
import types
import typing
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from vmfmix.deep.data import Images, loader, read_images
from vmfmix.deep.evaluate import embed
from vmfmix.deep.networks import resnet18, small_convnet
from vmfmix.deep.siammm import SiamMM, SiamMMConfig
from vmfmix.deep.views import Views
from vmfmix.mixture import VMFMixture

METHODS = {"siammm": (SiamMM, SiamMMConfig)}
_LAST = "last.ckpt"


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
    """

    method: typing.Any
    model: VMFMixture
    embeddings: np.ndarray
    history: list


def train(method, data, *, encoder=None, views=None, out=None, trainer=None, **config):
    """Train a method on images.

    Parameters
    ----------
    method : {"siammm"}
    data : Images, Dataset, str or path-like
        Images; a folder or a file of them; or a Dataset of (image, …) with values from 0 to 1.
    encoder : nn.Module, default=None
        Images to rows of features; None: ResNet-18 on a GPU, and a small convolutional network on a
        CPU.
    views : callable, default=None
        A batch of images to a list of views; None: `vmfmix.deep.views.Views`.
    out : str or path-like, default=None
        A folder for checkpoints and results; with checkpoints in it, training goes on from there.
    trainer : dict, default=None
        Options of Lightning's Trainer: accelerator, devices, precision, logger, …
    **config
        Of the method; see `vmfmix.deep.siammm.SiamMMConfig`.

    Returns
    -------
    TrainResult

    Raises
    ------
    ValueError
        For an unknown method or option, images that cannot be used, or fewer images than a batch.
    """
    if method not in METHODS:
        raise ValueError(f"method={method!r} is not known; pass one of {', '.join(METHODS)}.")
    kind, configuration = METHODS[method]
    settings = configuration(**config)
    images = read_images(data) if isinstance(data, (str, Path)) else data
    if len(images) < settings.batch_size:
        raise ValueError(
            f"There are {len(images)} images, fewer than batch_size={settings.batch_size}; pass "
            "more, or a smaller batch_size."
        )
    torch.manual_seed(settings.seed)
    first = images.images[:2] if isinstance(images, Images) else images[0][0][None]
    n_channels, size = first.shape[1], first.shape[2]
    if encoder is None:
        encoder = (resnet18 if torch.cuda.is_available() else small_convnet)(n_channels)
    views = Views(size, n_channels) if views is None else views
    learner = kind(encoder, views, first.float(), len(images), settings)
    out = None if out is None else Path(out)
    options: dict = {
        "max_epochs": settings.epochs,
        "devices": 1,
        "logger": False,
        "enable_model_summary": False,
        "enable_checkpointing": out is not None,
        **(trainer or {}),
    }
    last = None
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        _keep_config(out, method, settings)
        keeper = ModelCheckpoint(out, filename="last", enable_version_counter=False)
        options["callbacks"] = [*options.get("callbacks", []), keeper]
        last = str(out / _LAST) if (out / _LAST).is_file() else None
    batches = loader(images, settings.batch_size, seed=settings.seed)
    Trainer(**options).fit(learner, batches, ckpt_path=last, weights_only=False)
    learner.eval()
    result = _result_of(learner, images)
    if out is not None:
        _write(out, result)
    return result


def _result_of(learner, images):
    """Embeddings of all images, and the mixture fitted to them from where it is."""
    embeddings = embed(learner, images).embeddings
    mixture, config = learner.mixture, learner.config
    if mixture.n_components > 0:
        means = mixture.means.double().cpu().numpy()
        model = VMFMixture(len(means), means_init=means, merge=None)
    else:
        model = VMFMixture(config.n_components, random_state=config.seed)
    return TrainResult(learner, model.fit(embeddings), embeddings, learner.history)


def _keep_config(out, method, config):
    """Write how this is trained; refuse a folder that was trained in another way."""
    path, now = out / "config.json", {"method": method, **dataclasses.asdict(config)}
    if path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        other = [name for name in now if before.get(name) != now[name]]
        if other and (out / _LAST).is_file():
            raise ValueError(
                f"{out} holds a training with other settings ({', '.join(other)}); pass the same, "
                "or another folder."
            )
    path.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")


def _write(out, result):
    """The results as files."""
    result.model.save(out / "mixture.npz")
    np.save(out / "embeddings.npy", result.embeddings)
    np.save(out / "labels.npy", result.model.labels_)
    names = list(dict.fromkeys(name for row in result.history for name in row))
    lines = [",".join(names)]
    lines += [",".join(str(row.get(name, "")) for name in names) for row in result.history]
    (out / "metrics.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m vmfmix.deep.train",
        description="Learn embeddings and clusters of images together.",
    )
    methods = parser.add_subparsers(dest="method", required=True)
    for name, (_, configuration) in METHODS.items():
        command = methods.add_parser(name, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
        command.add_argument("images", type=Path, help="a folder of images, or an .npz file")
        command.add_argument("--out", type=Path, required=True, help="folder for the results")
        command.add_argument("--size", type=int, help="height and width of images of a folder")
        for field in dataclasses.fields(configuration):
            command.add_argument(
                f"--{field.name.replace('_', '-')}",
                type=partial(_value, kind=field.type),
                default=field.default,
            )
    return parser


def _value(text, kind):
    """A value of the command line in the type that a field has."""
    kinds = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    if type(None) in kinds and text.lower() == "none":
        return None
    for each in (int, float, str):
        if each in kinds:
            try:
                return each(text)
            except ValueError:
                continue
    raise argparse.ArgumentTypeError(f"{text!r} is not allowed here")


def main(arguments=None):
    """The command line; returns an exit status."""
    options = vars(_parser().parse_args(arguments))
    method, path, out, size = (options.pop(name) for name in ("method", "images", "out", "size"))
    try:
        images = read_images(path, size)
        result = train(method, images, out=out, **options)
    except (FileNotFoundError, ValueError) as error:
        print(f"error: {error}")
        return 2
    print(f"{result.model.n_components_} clusters of {len(images)} images; results are in {out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
