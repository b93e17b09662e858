"""Reports of a training: the model, embeddings and images that its folder has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vmfmix.deep.run_folder import EMBEDDINGS, IMAGE_LIST, MIXTURE, read_record
from vmfmix.storage.reading import validate_input_file

if TYPE_CHECKING:
    import argparse

__all__ = ["add_files_of_training"]


def add_files_of_training(arguments: argparse.Namespace) -> dict[str, str]:
    """Set the files of a report to those of a training, if the model is its folder.

    Embeddings and images that are given are kept.

    Parameters
    ----------
    arguments : argparse.Namespace
        Changed in place.

    Returns
    -------
    dict of str
        How the training was made, for the report; empty if there is none.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If the training has not ended, or if there are no embeddings.
    """
    folder = Path(arguments.model)
    if not folder.is_dir():
        if not arguments.embeddings:
            validate_input_file(folder)
            raise ValueError(
                f"{arguments.model} needs a file of embeddings; give one after the model, or the "
                "folder of a training of vmfmix.deep as the model."
            )
        return {}
    record = read_record(folder)
    arguments.model = str(folder / MIXTURE)
    arguments.title = arguments.title or folder.resolve().name
    if not arguments.embeddings:
        arguments.embeddings = [str(folder / EMBEDDINGS)]
        has_images = arguments.images is not None or arguments.image_column
        if not has_images and (folder / IMAGE_LIST).is_file():
            arguments.images = folder / IMAGE_LIST
    name = f" on {record.data}" if record.data else ""
    epochs = "epoch" if record.epochs == 1 else "epochs"
    return {"Training": f"{record.method}{name}, {record.epochs} {epochs}"}
