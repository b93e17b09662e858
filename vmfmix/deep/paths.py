"""Validation of the paths of new data and of exported programs, which needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vmfmix.deep.data_kinds import kind_of
from vmfmix.deep.run_folder import RunRecord
from vmfmix.storage.image_folders import IMAGE_SUFFIXES

__all__ = ["validate_new_paths", "validate_program_path"]

_SUFFIX = ".pt2"


def validate_new_paths(paths: Sequence[str | Path], record: RunRecord) -> None:
    """Raise an error unless paths are those of data of the kind that a training was on.

    Parameters
    ----------
    paths : sequence of str or path-like
        Files or folders; images are in one.
    record : RunRecord
        Of the training.

    Raises
    ------
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If the data are of the other kind.
    """
    for path in map(Path, paths):
        if not path.exists():
            raise FileNotFoundError(f"There is no folder or file {path}; check the name.")
        if record.kind == "rows" and _has_images(path):
            raise ValueError(
                f"{path} has images, but the training was on rows of {record.n_features} features; "
                "pass a file of embeddings."
            )
        if record.kind == "images" and kind_of(path) == "rows":
            raise ValueError(
                f"{path} is not a folder of images or an .npz file with an array images, which "
                "the training was on; pass one of these."
            )
    if record.kind == "images":
        if len(paths) > 1:
            raise ValueError(
                f"{len(paths)} folders or files of images are given; pass one, such as a folder "
                "with subfolders."
            )
        if record.any_range:
            raise ValueError(
                "The training was on images with values of their own, which files do not have; "
                "pass a Dataset or an array to vmfmix.deep.load_encoder(run).transform in Python."
            )


def validate_program_path(path: str | Path) -> None:
    """Raise ValueError unless a file has the name of an exported program."""
    if Path(path).suffix.lower() != _SUFFIX:
        raise ValueError(
            f"{path} is not named {_SUFFIX}, which is the format of torch.export; give such a name."
        )


def _has_images(path: Path) -> bool:
    if not path.is_dir():
        return kind_of(path) == "images"
    return any(each.suffix.lower() in IMAGE_SUFFIXES for each in path.iterdir())
