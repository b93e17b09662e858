"""Images to train on: a folder, a file, an array or a Dataset, in batches that end with indices.

With the indices of the images of a batch, a method can store values for each image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed
from torch.utils.data import DataLoader, Sampler

from vmfmix.deep.items import DatasetImages
from vmfmix.deep.labels import LabeledDataset, plain_labels
from vmfmix.deep.pixels import is_channels_last, white_level
from vmfmix.storage.images import image_paths, read_image, read_image_file


class Images(LabeledDataset):
    """Images in memory, as bytes.

    Parameters
    ----------
    images : array-like of shape (n, height, width[, channels]) or (n, channels, height, width)
        Bytes, or numbers from 0 to 1 or from 0 to 255.
    labels : array-like of shape (n,), default=None
        Classes, for reports; nothing is learned from them.
    names : list of str, default=None
        Name of each image, such as the name of its file.

    Attributes
    ----------
    images : Tensor of shape (n, channels, height, width), uint8
    classes : list or None
        The distinct labels, in order.
    labels : Tensor of shape (n,), int64, or None
        Indices into `classes`.

    Raises
    ------
    ValueError
        If the shape or the values are not those of images, or if there is not one label for each
        image.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.deep.data import Images
    >>> images = Images(np.zeros((10, 8, 8), np.uint8))
    >>> images.images.shape
    torch.Size([10, 1, 8, 8])
    """

    def __init__(self, images: Any, labels: Any = None, names: list[str] | None = None) -> None:
        self.images = _as_bytes(images)
        self.names = names
        if labels is None:
            return
        n_images = len(self.images)
        if len(labels) != n_images:
            raise ValueError(
                f"There are {n_images} images and {len(labels)} labels; pass one label for each "
                "image."
            )
        self.set_labels(lambda: plain_labels(labels, n_images))

    @property
    def first(self) -> torch.Tensor:
        """The first image, as an array of one image."""
        return self.images[:1]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.images[index], index

    def __getitems__(self, indices: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a whole batch at once, which is many times faster than one image at a time."""
        batch = torch.as_tensor(indices)
        return self.images[batch], batch


class ShuffledSampler(Sampler[int]):
    """A random order for each epoch, which depends on the seed and the epoch only.

    A resumed training thus sees the same batches. Processes of a torch.distributed group take every
    n-th image of that order: together they see the batches that one process would see if its
    batches were as large as theirs together. Pass ``use_distributed_sampler=False`` to Lightning's
    Trainer, which would replace this order otherwise.

    The order is that of ``torch.utils.data.DistributedSampler(seed=100_003 * seed,
    drop_last=True)``, which cannot be used here because it needs the rank and the number of
    processes when it is constructed, and Lightning may start processes after that.

    Parameters
    ----------
    n_images : int
    seed : int
    """

    def __init__(self, n_images: int, seed: int) -> None:
        self._n_images, self._seed, self._epoch = n_images, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Switch to the order of an epoch; Lightning calls this."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._n_images // _rank_and_world_size()[1]

    def __iter__(self) -> Iterator[int]:
        rank, n_processes = _rank_and_world_size()
        generator = torch.Generator().manual_seed(self._seed * 100_003 + self._epoch)
        order = torch.randperm(self._n_images, generator=generator)
        return iter(order[rank::n_processes][: len(self)].tolist())


def _rank_and_world_size() -> tuple[int, int]:
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def loader(
    dataset: Any, batch_size: int, *, seed: int | None = None, n_workers: int = 0
) -> DataLoader[Any]:
    """Return a DataLoader of batches (images, indices).

    Parameters
    ----------
    dataset : Images, DatasetImages or Dataset
    batch_size : int
    seed : int, default=None
        Seed of the random order of the images in each epoch; an incomplete last batch is dropped.
        None: all images, in the order of the dataset.
    n_workers : int, default=0
        Number of processes that read images; not used for images in memory.

    Returns
    -------
    DataLoader
    """
    dataset = as_images(dataset)
    in_memory = isinstance(dataset, Images)
    collate: Callable[[Any], Any] | None = _return_unchanged if in_memory else None
    return DataLoader(
        dataset,
        batch_size,
        sampler=None if seed is None else ShuffledSampler(len(dataset), seed),
        drop_last=seed is not None and len(dataset) >= batch_size,
        num_workers=0 if in_memory else n_workers,
        collate_fn=collate,
    )


def _return_unchanged(batch: Any) -> Any:
    return batch


def as_images(
    data: Any, size: int | tuple[int, int] | None = None, *, any_range: bool = False
) -> Images | DatasetImages:
    """Return images of any kind as Images or DatasetImages.

    Parameters
    ----------
    data : Images, Dataset, array-like, str or path-like
        A folder or file is read, and an array is brought into memory as bytes.
    size : int or (int, int), default=None
        Height and width to which images of a folder are resized; None: those of the first image.
    any_range : bool, default=False
        Whether the images of a Dataset may have any finite values.

    Returns
    -------
    Images or DatasetImages

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file.
    ValueError
        If the images cannot be used.
    """
    if isinstance(data, (Images, DatasetImages)):
        return data
    if isinstance(data, (str, Path)):
        return read_images(data, size)
    if isinstance(data, np.ndarray):
        data = torch.from_numpy(data)
    if isinstance(data, torch.Tensor) and not any_range:
        return Images(data)
    return DatasetImages(data, any_range=any_range)


def read_images(source: str | Path, size: int | tuple[int, int] | None = None) -> Images:
    """Read the images of a folder or a file.

    Parameters
    ----------
    source : str or path-like
        A folder of images, with a subfolder for each class if there are classes; or an .npz file
        with an array ``images`` and, if there are classes, an array ``y``.
    size : int or (int, int), default=None
        Height and width to which images of a folder are resized; None: those of the first image.

    Returns
    -------
    Images

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file.
    ValueError
        If there are no images, or if one cannot be read.
    """
    path = Path(source)
    if path.is_dir():
        return _read_folder(path, size)
    if not path.is_file():
        raise FileNotFoundError(f"There is no folder or file {path}.")
    if path.suffix != ".npz":
        raise ValueError(f"{path} is neither a folder nor an .npz file; pass one of these.")
    return Images(*read_image_file(path))


def _read_folder(folder: Path, size: int | tuple[int, int] | None) -> Images:
    paths = image_paths(folder)
    arrays: list[np.ndarray] = []
    shape = None  # width and height, as Pillow orders them
    if size is not None:
        shape = (size, size) if isinstance(size, int) else size[::-1]
    for path in paths:
        image = read_image(path)
        shape = shape or image.size
        arrays.append(np.asarray(image if image.size == shape else image.resize(shape)))
    if len({array.ndim for array in arrays}) > 1:  # some images are gray
        arrays = [array if array.ndim == 3 else np.stack([array] * 3, axis=2) for array in arrays]
    names = [str(path.relative_to(folder)) for path in paths]
    loose = [path for path in paths if path.parent == folder]
    if loose and len(loose) < len(paths):
        raise ValueError(
            f"{loose[0]} lies beside subfolders with images; move it into one of them, or all "
            "images into one folder."
        )
    classes = None if loose else [path.relative_to(folder).parts[0] for path in paths]
    return Images(np.stack(arrays), classes, names)


def _as_bytes(array: Any) -> torch.Tensor:
    """Convert images to a tensor of bytes of shape (n, channels, height, width)."""
    images = array if isinstance(array, torch.Tensor) else torch.as_tensor(np.asarray(array))
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and is_channels_last(tuple(images.shape)):
        images = images.permute(0, 3, 1, 2)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or len(images) == 0:
        raise ValueError(
            f"The images have the shape {tuple(images.shape)}; pass (n, height, width) or "
            "(n, height, width, channels) with 1 or 3 channels."
        )
    if images.dtype == torch.uint8:
        return images.contiguous()
    white = white_level(images)
    return (images.float() * (255.0 / white)).clamp(0.0, 255.0).round().to(torch.uint8).contiguous()
