"""Images to learn from: a folder, a file, an array or a Dataset, always with their numbers.

Every batch ends with the numbers of its images among all, by which a method finds what it
remembers of each.
"""

from pathlib import Path

import numpy as np
import torch
from torch import distributed
from torch.utils.data import DataLoader, Dataset, Sampler

_SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


class Images(Dataset):
    """Images in memory, as bytes.

    Parameters
    ----------
    images : array-like of shape (n, height, width[, channels]) or (n, channels, height, width)
        Bytes, or numbers from 0 to 1.
    labels : array-like of shape (n,), default=None
        For reports; nothing is learned from them.
    names : list of str, default=None

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.deep.data import Images
    >>> images = Images(np.zeros((10, 8, 8), np.uint8))
    >>> images.images.shape
    torch.Size([10, 1, 8, 8])
    """

    def __init__(self, images, labels=None, names=None):
        self.images = _as_bytes(images)
        self.labels = None if labels is None else torch.as_tensor(np.asarray(labels)).long()
        self.names = names
        if self.labels is not None and len(self.labels) != len(self.images):
            raise ValueError(
                f"There are {len(self.images)} images and {len(self.labels)} labels; pass one "
                "label for each image."
            )

    def __len__(self):
        return len(self.images)

    def __getitem__(self, number):
        return self.images[number], number

    def __getitems__(self, numbers):
        """A whole batch at once, which is many times as fast."""
        numbers = torch.as_tensor(numbers)
        return self.images[numbers], numbers


class Numbered(Dataset):
    """A Dataset of (image, …) or images whose items end with their number."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, number):
        item = self.dataset[number]
        return (item[0] if isinstance(item, (tuple, list)) else item), number


class Shuffled(Sampler):
    """A new order for each epoch, the same whenever that epoch begins; Lightning says which.

    Processes of a torch.distributed group take turns: together they see the batches that one
    process would see, if its batches were as large as theirs together. Tell Lightning's Trainer
    ``use_distributed_sampler=False``, since it would put another order in place of this one.
    """

    def __init__(self, n_rows, seed):
        self._n_rows, self._seed, self._epoch = n_rows, seed, 0

    def set_epoch(self, epoch):
        """Take the order of this epoch."""
        self._epoch = epoch

    def __len__(self):
        return self._n_rows // _processes()[1]

    def __iter__(self):
        rank, n_processes = _processes()
        generator = torch.Generator().manual_seed(self._seed * 100_003 + self._epoch)
        order = torch.randperm(self._n_rows, generator=generator)
        return iter(order[rank::n_processes][: len(self)].tolist())


def _processes():
    """Number of this process, and of all."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def loader(dataset, batch_size, *, seed=None, n_workers=0):
    """Batches of (images, numbers): in a new order each epoch, or in theirs where there is no seed.

    Parameters
    ----------
    dataset : Images or Dataset
    batch_size : int
    seed : int, default=None
        With one, the last batch is left out if it is smaller.
    n_workers : int, default=0
        Processes that read; images in memory need none.

    Returns
    -------
    DataLoader
    """
    in_memory = isinstance(dataset, Images)
    dataset = dataset if in_memory else Numbered(dataset)
    return DataLoader(
        dataset,
        batch_size,
        sampler=None if seed is None else Shuffled(len(dataset), seed),
        drop_last=seed is not None and len(dataset) >= batch_size,
        num_workers=0 if in_memory else n_workers,
        collate_fn=_as_it_is if in_memory else None,
    )


def _as_it_is(batch):
    return batch


def read_images(source, size=None):
    """Images of a folder or a file.

    Parameters
    ----------
    source : str or path-like
        A folder with images, in folders named for their class if there are classes; or an .npz
        file with ``images`` and, if there are classes, ``y``.
    size : int, default=None
        Height and width that images of a folder are brought to; None: those of the first.

    Returns
    -------
    Images

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such thing, or no image in it.
    """
    path = Path(source)
    if path.is_dir():
        return _read_folder(path, size)
    if not path.is_file():
        raise FileNotFoundError(f"There is no folder or file {path}.")
    if path.suffix != ".npz":
        raise ValueError(f"{path} is no folder and no .npz file; pass one of these.")
    with np.load(path, allow_pickle=False) as stored:
        if "images" not in stored:
            raise ValueError(f"{path} has no array named images; it has {', '.join(stored)}.")
        return Images(stored["images"], stored.get("y"))


def _read_folder(folder, size):
    from PIL import Image, UnidentifiedImageError

    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise ValueError(f"There is no image in {folder}; files are known by their endings.")
    arrays, shape = [], None if size is None else (size, size)
    for path in paths:
        try:
            with Image.open(path) as opened:
                image = opened.convert("L" if opened.mode in ("1", "L") else "RGB")
            shape = shape or image.size
            arrays.append(np.asarray(image if image.size == shape else image.resize(shape)))
        except (OSError, UnidentifiedImageError) as error:
            raise ValueError(f"{path} cannot be read as an image: {error}") from error
    if len({array.ndim for array in arrays}) > 1:  # some are grey
        arrays = [array if array.ndim == 3 else np.stack([array] * 3, axis=2) for array in arrays]
    names = [str(path.relative_to(folder)) for path in paths]
    classes = [path.relative_to(folder).parts[0] for path in paths]
    flat = all(path.parent == folder for path in paths)
    return Images(
        np.stack(arrays), None if flat else np.unique(classes, return_inverse=True)[1], names
    )


def _as_bytes(images):
    """A tensor of bytes of shape (n, channels, height, width)."""
    images = torch.as_tensor(np.asarray(images))
    if images.ndim == 3:
        images = images[:, None]
    elif images.ndim == 4 and images.shape[1] not in (1, 3) and images.shape[3] in (1, 3):
        images = images.permute(0, 3, 1, 2)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or len(images) == 0:
        raise ValueError(
            f"The images have the shape {tuple(images.shape)}; pass (n, height, width) or "
            "(n, height, width, channels) with 1 or 3 channels."
        )
    if images.dtype == torch.uint8:
        return images.contiguous()
    if not images.is_floating_point() or images.min() < 0 or images.max() > 1:
        raise ValueError(
            "The images hold numbers that are neither bytes nor from 0 to 1; pass uint8 from 0 to "
            "255, or divide by their largest value."
        )
    return (images * 255.0).round().to(torch.uint8).contiguous()
