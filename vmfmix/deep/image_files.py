"""Images of a folder that are decoded when they are needed: only their paths are in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from vmfmix.deep.labels import LabeledDataset, plain_labels
from vmfmix.storage.fitted_images import (
    read_fitted_image,
    read_image_array,
    report_skipped_images,
)
from vmfmix.storage.images import UnreadableImageError, read_image

_SURVEY_BATCH = 64  # images that a process reads before it hands over what it found


class ImageFiles(LabeledDataset):
    """Images in files, decoded a batch at a time to bytes of one shape.

    Made by `vmfmix.deep.data.read_images` with ``lazy=True``, which finds the shape.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        Files that can be read.
    shape : (int, int, int)
        Channels, height and width of an image.
    labels : sequence of str, default=None
        Classes, for reports; nothing is learned from them.
    names : list of str, default=None
        Name of each image.
    fit : {"stretch", "crop", "pad"}, default="stretch"
    backdrop : str, default="white"

    Attributes
    ----------
    first : Tensor of shape (1, channels, height, width), uint8
        The first image.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        shape: tuple[int, int, int],
        labels: Sequence[str] | None = None,
        names: list[str] | None = None,
        *,
        fit: str = "stretch",
        backdrop: str = "white",
    ) -> None:
        self.paths, self.names = paths, names
        self._shape, self._fit, self._backdrop = shape, fit, backdrop
        if labels is not None:
            self.set_labels(lambda: plain_labels(labels, len(paths)))
        self.first = self[0][0][None]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.from_numpy(self._read(index)), index

    def __getitems__(self, indices: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a batch of images and their indices."""
        images = np.stack([self._read(index) for index in indices])
        return torch.from_numpy(images), torch.as_tensor(indices)

    def _read(self, index: int) -> np.ndarray:
        path = self.paths[index]
        try:
            return read_image_array(path, self._shape, fit=self._fit, backdrop=self._backdrop)
        except UnreadableImageError as error:
            raise UnreadableImageError(
                f"{error} It could be read before; restore it and run the same training again, "
                "which resumes.",
                error.reason,
            ) from error


def survey_images(
    paths: Sequence[Path],
    size: tuple[int, int] | None,
    *,
    fit: str,
    backdrop: str,
    skip_damaged: bool,
    n_workers: int,
) -> tuple[tuple[int, int, int], dict[int, UnreadableImageError]]:
    """Decode all images once, to find their shape and those that cannot be read.

    Parameters
    ----------
    paths : sequence of pathlib.Path
    size : (int, int) or None
        Width and height; None: those of the first image that can be read.
    fit : {"stretch", "crop", "pad"}
    backdrop : str
    skip_damaged : bool
        Whether to leave out images that cannot be read, with a warning, instead of raising an
        error.
    n_workers : int
        Number of processes that decode images.

    Returns
    -------
    shape : (int, int, int)
        Channels, height and width: one channel if all images are gray, else three.
    errors : dict of UnreadableImageError
        Images that are left out, by their position in `paths`.

    Raises
    ------
    UnreadableImageError
        If an image cannot be read and `skip_damaged` is False, or if none can be read.
    """
    size = size or _first_size(paths)
    survey = _Survey(paths, {"size": size, "fit": fit, "backdrop": backdrop})
    batches = DataLoader(survey, _SURVEY_BATCH, num_workers=n_workers, collate_fn=return_unchanged)
    n_channels, errors, position = 1, {}, 0
    for batch in batches:
        for found in batch:
            if not isinstance(found, UnreadableImageError):
                n_channels = max(n_channels, found)
            elif skip_damaged:
                errors[position] = found
            else:
                raise found.with_remedy()
            position += 1
    report_skipped_images(errors, len(paths))
    return (n_channels, size[1], size[0]), errors


def return_unchanged(batch: Any) -> Any:
    """Return a batch as it is, for a DataLoader that need not join its items."""
    return batch


class _Survey(Dataset[Any]):
    """The number of channels of each image, or the error of one that cannot be read."""

    def __init__(self, paths: Sequence[Path], reading: dict[str, Any]) -> None:
        self._paths, self._reading = paths, reading

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> int | UnreadableImageError:
        try:
            return len(read_fitted_image(self._paths[index], **self._reading).getbands())
        except UnreadableImageError as error:
            return error


def _first_size(paths: Sequence[Path]) -> tuple[int, int]:
    """Return the width and height of the first image that can be read."""
    for path in paths:
        try:
            return read_image(path).size
        except UnreadableImageError:
            continue
    return 1, 1  # no image can be read
