"""Lightning's Trainer with the options of a training."""

import warnings
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import CheckpointIO

from vmfmix.deep.checkpoints import AtomicCheckpointIO
from vmfmix.deep.method_config import PRECISIONS, MethodConfig


def create_trainer(config: MethodConfig, out: Path | None, user_options: dict[str, Any]) -> Trainer:
    """Return Lightning's Trainer; options of the user override ours.

    Parameters
    ----------
    config : MethodConfig
    out : pathlib.Path or None
        Folder for checkpoints; None: there are none.
    user_options : dict

    Returns
    -------
    lightning.pytorch.Trainer

    Raises
    ------
    ValueError
        If Lightning refuses the options, or no method can be trained with them.
    """
    options: dict[str, Any] = {
        "max_epochs": config.epochs,
        "devices": 1,
        "logger": False,
        "enable_model_summary": False,
        "enable_checkpointing": out is not None,
        "log_every_n_steps": 1,
        "use_distributed_sampler": False,  # vmfmix.deep.data.ShuffledSampler handles processes
        **user_options,
    }
    if config.has_idle_parameters and _may_use_several_processes(options["devices"]):
        options.setdefault("strategy", "ddp_find_unused_parameters_true")
    if out is not None:
        saver = ModelCheckpoint(out, filename="last", enable_version_counter=False)
        options["callbacks"] = [*options.get("callbacks", []), saver]
        plugins = options.get("plugins") or []
        plugins = list(plugins) if isinstance(plugins, (list, tuple)) else [plugins]
        if not any(isinstance(plugin, CheckpointIO) for plugin in plugins):
            options["plugins"] = [*plugins, AtomicCheckpointIO()]
    try:
        with warnings.catch_warnings():
            # Lightning would choose another precision than the given one, with a warning.
            warnings.filterwarnings("error", ".*AMP with fp16 is not supported")
            trainer = Trainer(**options)
    except (MisconfigurationException, RuntimeError, TypeError, ValueError, UserWarning) as error:
        given = ", ".join(f"{name}={value!r}" for name, value in user_options.items())
        raise ValueError(f"Lightning's Trainer refuses the options {given}: {error}") from error
    _validate_trainer(trainer)
    return trainer


def _validate_trainer(trainer: Trainer) -> None:
    """Raise ValueError for options with which no method can be trained."""
    if trainer.precision not in PRECISIONS:
        raise ValueError(
            f"precision={trainer.precision!r} is not supported, since methods compute their losses "
            f"in float32; pass one of {', '.join(PRECISIONS)}."
        )
    if int(trainer.accumulate_grad_batches) < 1:
        raise ValueError(
            f"accumulate_grad_batches={trainer.accumulate_grad_batches} is not allowed; pass an "
            "integer of at least 1."
        )


def _may_use_several_processes(devices: Any) -> bool:
    if devices in ("auto", -1, "-1"):
        return torch.cuda.device_count() > 1
    return len(devices) > 1 if isinstance(devices, (list, tuple)) else devices not in (1, "1")
