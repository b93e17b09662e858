"""Checkpoints of trainings: written whole or not at all, and read as files from anyone."""

import io
from pathlib import Path

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from vmfmix.storage import archives
from vmfmix.storage.writing import atomic_file

# What Lightning and a method need to go on.
_NEEDED = {
    *("optimizer_states", "lr_schedulers", "loops", "callbacks", "epoch", "global_step"),
    *("history", "images"),
}


class WholeFiles(TorchCheckpointIO):
    """How Lightning writes: an error of the disk names the file, and the one before it stays."""

    def save_checkpoint(self, checkpoint, path, storage_options=None):
        """Write one."""
        content = io.BytesIO()
        torch.save(checkpoint, content)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as file:
            file.write(content.getbuffer())


def read_checkpoint(path):
    """What is in a checkpoint, on the CPU; nothing is unpickled but numbers.

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
        If it is damaged, or holds what cannot be read without running code.
    """
    with open(path, "rb") as file:
        try:
            with archives.opened(file) as archive:
                if archive.testzip() is not None:
                    raise ValueError("A checksum is wrong.")
            file.seek(0)
            stored = torch.load(file, map_location="cpu", weights_only=True)
            names = stored["state_dict"]
            if not isinstance(names, dict) or not all(isinstance(name, str) for name in names):
                raise ValueError("Weights have no names.")
        except MemoryError:
            raise
        except Exception as error:  # damage shows in many ways
            if "can't allocate memory" in str(error):  # as torch says it
                raise MemoryError(f"There is too little for {path}.") from error
            raise ValueError(
                f"{path} is no checkpoint of a training that can be read without running code, or "
                "is damaged; pass another, or remove it to begin anew."
            ) from error
    return stored


def begin_with(encoder, path):
    """Take over the encoder of a checkpoint of any method.

    Parameters
    ----------
    encoder : torch.nn.Module
    path : str or path-like

    Raises
    ------
    ValueError
        If the file is damaged, or has another encoder.
    """
    _take_over(encoder, read_checkpoint(path), path)


def require_resumable(encoder, path):
    """Refuse a checkpoint that a training cannot go on from.

    Parameters
    ----------
    encoder : torch.nn.Module
        Of the training, which takes over the weights.
    path : str or path-like

    Raises
    ------
    ValueError
        If the file is damaged, or of another training.
    """
    stored = read_checkpoint(path)
    if missing := _NEEDED - stored.keys():
        raise ValueError(
            f"{path} lacks {', '.join(sorted(missing))}, which a training needs to go on; remove "
            "it to begin anew, or pass it as start."
        )
    _take_over(encoder, stored, path)


def _take_over(encoder, stored, path):
    weights = {
        name.removeprefix("encoder."): value
        for name, value in stored["state_dict"].items()
        if name.startswith("encoder.")
    }
    try:
        encoder.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{path} has another encoder: {error}") from error
