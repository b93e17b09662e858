"""The training of embeddings and clusters, from the data to the written results."""

import dataclasses
import json
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Trainer
from sklearn.preprocessing import normalize
from torch import nn

from vmfmix.deep.checkpoints import read_resumable
from vmfmix.deep.config import read_yaml, write_yaml
from vmfmix.deep.console import ignore_warnings_of_lightning
from vmfmix.deep.data import as_images, loader
from vmfmix.deep.data_kinds import kind_of, option_without_folder
from vmfmix.deep.encoder_choice import is_callable_name, make_own_encoder, validate_encoder_name
from vmfmix.deep.evaluate import Embedded, embed, report
from vmfmix.deep.lightning_trainer import create_trainer
from vmfmix.deep.method import Method
from vmfmix.deep.method_config import MethodConfig, config_class_of
from vmfmix.deep.mixem import MixEM
from vmfmix.deep.networks import make_network, normalized
from vmfmix.deep.rows import PreparedRows
from vmfmix.deep.run_folder import (
    CHECKPOINT,
    CONFIG,
    RunRecord,
    described_call,
    name_of,
    new_session,
    previous_record,
    validate_same_data,
)
from vmfmix.deep.run_results import write_results, write_skipped
from vmfmix.deep.siammm import SiamMM
from vmfmix.deep.training_data import TrainingData, training_and_test
from vmfmix.deep.weights import load_encoder_weights, load_start, read_weights
from vmfmix.mixture import VMFMixture

# Parameters of the config of rows that the default encoder alone depends on.
_OF_ROW_NETWORK = ("width", "depth", "dropout", "noise")
METHODS: dict[str, type[Method]] = {
    "siammm": SiamMM,
    "mixem": MixEM,
    "simclr": SiamMM,  # with negatives, and without clusters
    "byol": SiamMM,  # without clusters
}


@dataclasses.dataclass
class TrainResult:
    """Result of a training.

    Parameters
    ----------
    method : LightningModule
        Trained, in evaluation mode.
    model : VMFMixture
        The mixture, fitted to the embeddings of the training images or rows.
    embeddings : ndarray of shape (n_images, dim)
        Unit rows: one for each training image or row.
    history : list of dict
        One for each epoch.
    report : dict or None
        Scores on the test images or rows, see `vmfmix.deep.evaluate.report`.
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
    encoder: nn.Module | str | None = None,
    views: Callable[[torch.Tensor], list[torch.Tensor]] | None = None,
    start: str | Path | None = None,
    out: str | Path | None = None,
    size: int | tuple[int, int] | None = None,
    fit: str = "stretch",
    channels: str | None = None,
    lazy: bool = False,
    n_workers: int = 0,
    skip_damaged: bool = False,
    backdrop: str = "white",
    trainer: dict[str, Any] | None = None,
    **config: Any,
) -> TrainResult:
    """Train a method on images or rows.

    Parameters
    ----------
    method : {"siammm", "mixem", "simclr", "byol"}
        "simclr" and "byol" learn without clusters.
    data : Images, Rows, Dataset, array-like, str or path-like
        Rows are an array, a sparse matrix, a tensor or a DataFrame of shape (n_samples,
        n_features), a file of embeddings, or `vmfmix.deep.rows.Rows`; two-dimensional data are
        always rows. Images are an array of three or four dimensions, see
        `vmfmix.deep.data.Images`; a folder, or an .npz file with an array ``images``; or a
        Dataset of items (image, …), with images as tensors of bytes, or of numbers from 0 to 1 or
        from 0 to 255. An item may have a list of views in place of the image; the first view then
        also serves as the image without random changes. A Dataset draws such views itself, so a
        resumed training gets different ones. With views of one's own, in the items or as `views`,
        the values may be any finite numbers.
    test : like data, default=None
        Labeled images or rows for a report. They influence neither the training nor any choice in
        it. Labels of a Dataset are its attribute `labels` or `targets`; see
        `vmfmix.deep.labels.label_values`. Those of rows are given as `vmfmix.deep.rows.Rows`.
    encoder : nn.Module or str, default=None
        Maps images, or centered unit rows, to rows of features. The name of one for images is
        "resnet18", "small_resnet" or "small_convnet", see `vmfmix.deep.networks`;
        "package.module:callable" is a function that returns one, and that is passed ``n_channels``
        or ``n_features`` if it has such a parameter. None: for images, "resnet18" if there is a
        GPU, else "small_convnet"; for rows, "row_network", which the config describes.
    views : callable, default=None
        Maps a batch of images or rows to a list of views. None: for images,
        `vmfmix.deep.views.Views` as the config describes them; for rows, each row and one of its
        nearest neighbors.
    start : str or path-like, default=None
        Weights that the encoder starts from: the folder or checkpoint of another training, of any
        method; a state dict that torch.save wrote, alone or in a checkpoint; or a .safetensors
        file. Typical prefixes of the names, such as ``module.`` and ``encoder.``, are removed, and
        a classification layer that the encoder lacks is left out, with a warning.
    out : str or path-like, default=None
        Folder for checkpoints and results. If it contains a checkpoint, training resumes from it,
        with the same config except for `epochs`, which may be larger: the training then continues
        with the schedules of the larger number.
    size : int or (int, int), default=None
        Height and width to which images of a folder are resized; None: those of the first image.
    fit : {"stretch", "crop", "pad"}, default="stretch"
        How images of a folder with other proportions are resized; see
        `vmfmix.deep.data.read_images`.
    channels : {"first", "last"}, default=None
        Which axis of the images of an array, a file or a Dataset has the channels. None: the one
        with up to 16 entries; if both ends have so few, the one with up to 4.
    lazy : bool, default=False
        Whether to decode the images of a folder a batch at a time, for folders that do not fit in
        memory. The results are the same.
    n_workers : int, default=0
        Number of processes that read a Dataset, or a folder if `lazy`; images in memory need none.
    skip_damaged : bool, default=False
        Whether to leave out images of a folder that cannot be read; see
        `vmfmix.deep.data.read_images`. The file skipped.csv in `out` lists all of them.
    backdrop : str, default="white"
        Color behind transparent parts of the images of a folder and beside padded ones.
    trainer : dict, default=None
        Options of Lightning's Trainer: accelerator, devices, strategy, precision,
        accumulate_grad_batches, logger, callbacks, …
    **config
        Config of the method; see `vmfmix.deep.method_config.SiamMMConfig` and
        `vmfmix.deep.method_config.MixEMConfig` for images, and
        `vmfmix.deep.method_config.RowSiamMMConfig` and `vmfmix.deep.method_config.RowMixEMConfig`
        for rows.

    Returns
    -------
    TrainResult

    Raises
    ------
    FileNotFoundError
        If a folder or file does not exist.
    ValueError
        If the method or a config parameter is unknown or invalid, if the images or rows cannot be
        used, if there are fewer than in a batch, or if `out` contains a checkpoint that cannot be
        resumed.
    """
    started = time.perf_counter()
    folder_options = {
        "size": size,
        "fit": None if fit == "stretch" else fit,
        "lazy": lazy or None,
        "skip_damaged": skip_damaged or None,
        "backdrop": None if backdrop == "white" else backdrop,
    }
    given = [name for name, value in folder_options.items() if value is not None]
    if (name := option_without_folder(given, data, test)) is not None:
        raise ValueError(f"{name} is for folders of images; pass one, or omit {name}.")
    call = described_call(
        method,
        data,
        test=test,
        encoder=encoder,
        start=start,
        **folder_options,
        channels=channels,
        trainer=trainer or None,
        **config,
    )
    kind = kind_of(data)
    method_config = _config(method, kind, config)
    _validate_encoder(encoder, start, kind, method_config)
    folder = None if out is None else Path(out)
    lightning_trainer = create_trainer(method_config, folder, trainer or {})
    resumed = _checkpoint_to_resume(folder, method, method_config)
    weights = None if start is None else read_weights(start)
    read = partial(
        as_images,
        any_range=views is not None,
        channels=channels,
        fit=fit,
        lazy=lazy,
        n_workers=n_workers,
        skip_damaged=skip_damaged,
        backdrop=backdrop,
        exclude=out,
    )
    images, test, preparation = training_and_test(data, test, size, read)
    torch.manual_seed(method_config.seed)
    encoder, network = _encoder_for(encoder, images, method_config)
    if start is not None and weights is not None:
        load_start(encoder, weights, start)
    learner = METHODS[method](
        normalized(encoder, method_config.normalization),
        views or method_config.views_for(images),
        images.first,
        len(images),
        method_config,
        images.labels,
    )
    learner.preparation = preparation
    n_processes = lightning_trainer.world_size
    if len(images) < method_config.batch_size * n_processes:
        raise ValueError(
            f"There are {len(images)} {kind}, fewer than batch_size={method_config.batch_size} for "
            f"each of {n_processes} process(es); pass more {kind}, or a smaller batch_size."
        )
    record = _record_of(method, images, network, data, views, backdrop, fit, channels)
    before, checkpoint = None, None
    if folder is not None:
        if resumed is not None:
            before, checkpoint = previous_record(folder), folder / CHECKPOINT
            if before is not None:
                validate_same_data(before, record, folder)
            load_encoder_weights(learner.encoder, resumed, checkpoint)
            learner.trainer = lightning_trainer
            learner.validate_resumable(resumed)
        folder.mkdir(parents=True, exist_ok=True)
        write_yaml(folder / CONFIG, method, method_config)
    results_folder = folder if lightning_trainer.is_global_zero else None
    if results_folder is not None:
        session = new_session(
            call,
            processes=n_processes,
            precision=lightning_trainer.precision,
            seed=method_config.seed,
        )
        record.sessions = [*(before.sessions if before else []), session]
        record.write(results_folder)
        write_skipped(results_folder, {"training": images, "test": test})
    batches = loader(images, method_config.batch_size, seed=method_config.seed, n_workers=n_workers)
    _fit(lightning_trainer, learner, batches, checkpoint)

    embedded = embed(learner, images, n_workers=n_workers)
    embeddings = _unit_rows(embedded)
    model = learner.clusters(dataclasses.replace(embedded, embeddings=embeddings))
    result = TrainResult(learner, model, embeddings, learner.history)
    if results_folder is not None:
        write_results(results_folder, images, model, embeddings, learner.history)
        record.epochs = len(learner.history)
        session |= {
            "seconds": round(time.perf_counter() - started, 1),
            "device": str(learner.device),
            "threads": torch.get_num_threads(),
        }
        record.write(results_folder)
    if test is not None:  # last, so that a failure here loses nothing
        test_embedded = embed(learner, test, n_workers=n_workers)
        result.report = report(embedded, test_embedded, model, method_config.seed)
        if results_folder is not None:
            text = json.dumps(result.report, indent=1)
            (results_folder / "report.json").write_text(text + "\n", encoding="utf-8")
    return result


def _validate_encoder(
    encoder: nn.Module | str | None, start: Any, kind: str, config: MethodConfig
) -> None:
    """Raise ValueError for an encoder that cannot be used, before any data are read."""
    if isinstance(encoder, str):
        validate_encoder_name(encoder, kind)
    elif encoder is not None and not isinstance(encoder, nn.Module):
        raise ValueError(
            f"encoder is of the type {type(encoder).__name__}; pass a torch.nn.Module, such as "
            "what a function of vmfmix.deep.networks returns, or a name."
        )
    is_own = encoder is not None and (is_callable_name(encoder) or not isinstance(encoder, str))
    if config.freeze and start is None and not is_own:
        raise ValueError(
            "freeze=True would keep random weights; pass start, a file of weights or the folder of "
            "a training, or an encoder of your own that has weights."
        )
    changed = [
        field.name
        for field in dataclasses.fields(config)
        if field.name in _OF_ROW_NETWORK and getattr(config, field.name) != field.default
    ]
    if is_own and changed:
        raise ValueError(
            f"{', '.join(changed)} would have no effect on an encoder of your own; omit "
            f"{'it' if len(changed) == 1 else 'them'}."
        )


def _encoder_for(
    encoder: nn.Module | str | None, images: Any, config: MethodConfig
) -> tuple[nn.Module, dict[str, Any]]:
    """Return the encoder of a training, and what its record says about it."""
    n_channels = images.first.shape[1]
    if config.normalization is not None and len(config.normalization[0]) != n_channels:
        raise ValueError(
            f"The images have {n_channels} channel(s), but normalization is for images in color; "
            "convert them, or omit normalize."
        )
    shape = {"n_features" if config.data_kind == "rows" else "n_channels": n_channels}
    if isinstance(encoder, nn.Module):
        return encoder, {"class": type(encoder).__qualname__, **shape}
    if encoder is not None and is_callable_name(encoder):
        made = make_own_encoder(encoder, **shape)
        return made, {"callable": encoder, "class": type(made).__qualname__, **shape}
    network = config.network_for(images, encoder)
    return make_network(**network), network


def _record_of(
    method: str,
    images: TrainingData,
    network: dict[str, Any],
    data: Any,
    views: Any,
    backdrop: str,
    fit: str,
    channels: str | None,
) -> RunRecord:
    """Return the record of a training that begins."""
    if isinstance(images, PreparedRows):
        shape = [images.n_features]
    else:
        shape = list(images.first.shape[1:])
    return RunRecord(
        method=method,
        kind=images.data_kind,
        n=len(images),
        shape=shape,
        any_range=getattr(images, "any_range", False),
        backdrop=backdrop if images.data_kind == "images" else None,
        encoder=network,
        fit=fit,
        channels=channels,
        data=name_of(data),
        views=None if views is None else getattr(views, "__qualname__", type(views).__qualname__),
    )


def _fit(trainer: Trainer, learner: Method, batches: Any, checkpoint: Path | None) -> None:
    """Train, from a checkpoint if there is one, and leave the method in evaluation mode."""
    with warnings.catch_warnings():
        # Values are exchanged when they are logged, see `Method.log`.
        warnings.filterwarnings("ignore", "It is recommended to use `self.log")
        ignore_warnings_of_lightning()
        if learner.config.freeze:
            warnings.filterwarnings("ignore", r".*module\(s\) in eval mode")
        trainer.fit(learner, batches, ckpt_path=checkpoint, weights_only=True)
    # Lightning leaves the module on the CPU.
    learner.to(trainer.strategy.root_device).eval()


def _unit_rows(embedded: Embedded) -> np.ndarray:
    """Return the embeddings, scaled to unit length; raise ValueError if they are not finite."""
    if not np.isfinite(embedded.embeddings).all():
        raise ValueError(
            "The embeddings have values that are NaN or infinite: training diverged; lower "
            "learning_rate, or train from scratch in another folder."
        )
    return normalize(embedded.embeddings)


def _config(method: str, kind: str, config: dict[str, Any]) -> MethodConfig:
    """Return the validated config of a method for data of a kind."""
    config_class = config_class_of(method, kind)
    known = [field.name for field in dataclasses.fields(config_class)]
    unknown = [name for name in config if name not in known]
    if unknown:
        raise ValueError(
            f"{method} has no parameter {', '.join(unknown)} for {kind}; choose from "
            f"{', '.join(known)}."
        )
    return config_class(**config)


def _checkpoint_to_resume(
    folder: Path | None, method: str, config: MethodConfig
) -> dict[str, Any] | None:
    """Return the checkpoint of a folder, if there is one.

    Raises
    ------
    ValueError
        If it cannot be resumed from, or is of a training with another config. More epochs are
        allowed, since the training can continue.
    """
    if folder is None or not (folder / CHECKPOINT).is_file():
        return None
    if (folder / CONFIG).is_file():
        now = dataclasses.asdict(config)
        before: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(config)}
        before |= read_yaml(folder / CONFIG, type(config), method)
        different = [name for name in now if before[name] != now[name] and name != "epochs"]
        if different:
            raise ValueError(
                f"{folder} contains a training with another config ({', '.join(different)} "
                "differ); pass the same values to resume it, or another folder."
            )
        if config.epochs < before["epochs"]:
            raise ValueError(
                f"{folder} contains a training of {before['epochs']} epochs, which cannot become "
                f"one of {config.epochs}; pass at least {before['epochs']} as epochs, or another "
                "folder."
            )
    return read_resumable(folder / CHECKPOINT)
