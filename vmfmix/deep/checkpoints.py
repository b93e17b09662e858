"""Checkpoints of trainings: written atomically, and read without running code from the file."""

import io
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from vmfmix.storage.reading import validate_input_file
from vmfmix.storage.tensor_files import load_torch
from vmfmix.storage.writing import atomic_file

# What Lightning and a method need to resume a training.
_REQUIRED_TO_RESUME = {
    "callbacks",
    "epoch",
    "global_step",
    "history",
    "images",
    "loops",
    "lr_schedulers",
    "optimizer_states",
}


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoint writer for Lightning that never leaves a partial file.

    If writing fails, as on a full disk, the error names the file and the previous checkpoint stays.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as file:
            file.write(content.getbuffer())


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint to the CPU, without unpickling anything but tensors and plain values.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    dict

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, is not a checkpoint, or could run code when loaded.
    """
    validate_input_file(path)
    try:
        checkpoint: dict[str, Any] = load_torch(path)
        weights = checkpoint["state_dict"]
        if not isinstance(weights, dict) or not all(isinstance(name, str) for name in weights):
            raise ValueError("The weights have no names.")
    except MemoryError:
        raise
    except Exception as error:  # damage raises errors of many types
        raise ValueError(
            f"{path} is not a readable checkpoint: it is damaged, of another kind, or contains "
            "objects that could run code; pass another file, or remove it to train from scratch."
        ) from error
    return checkpoint


def read_resumable(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint that a training can resume from.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If the file is damaged or incomplete.
    """
    checkpoint = read_checkpoint(path)
    if missing := _REQUIRED_TO_RESUME - checkpoint.keys():
        raise ValueError(
            f"{path} cannot be resumed from: it lacks {', '.join(sorted(missing))}; remove it to "
            "train from scratch, or pass it as start to use its encoder alone."
        )
    return checkpoint
