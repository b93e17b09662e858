"""Images to learn from: a folder, a file, an array or a Dataset, always with their numbers.

Every batch ends with the numbers of its images among all, by which a method finds what it
remembers of each.
"""

from pathlib import Path

import numpy as np
import torch
from torch import distributed
from torch.utils.data import DataLoader, Dataset, Sampler

from vmfmix.storage.images import image_paths, read_image, read_image_file


class Images(Dataset):
    """Images in memory, as bytes.

    Parameters
    ----------
    images : array-like of shape (n, height, width[, channels]) or (n, channels, height, width)
        Bytes, or numbers from 0 to 1.
    labels : array-like of shape (n,), default=None
        Classes, for reports; nothing is learned from them.
    names : list of str, default=None

    Attributes
    ----------
    images : Tensor of shape (n, channels, height, width), uint8
    classes : list or None
        What the labels stand for, in order.
    labels : Tensor of shape (n,), int64, or None
        Places in `classes`.

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
        self.labels: torch.Tensor | None = None
        self.classes: list | None = None
        self.names = names
        if labels is None:
            return
        classes, places = np.unique(np.asarray(labels), return_inverse=True)
        self.classes, self.labels = classes.tolist(), torch.from_numpy(places).long()
        if len(self.labels) != len(self.images):
            raise ValueError(
                f"There are {len(self.images)} images and {len(self.labels)} labels; pass one "
                "label for each image."
            )

    def numbered_as(self, classes):
        """The same images with labels that are places in these classes, and in new ones after."""
        mine, places = self.classes or [], self.labels
        known = list(classes) + [each for each in mine if each not in classes]
        changed = Images(self.images, names=self.names)
        if places is not None:
            changed.classes = known
            changed.labels = torch.tensor([known.index(each) for each in mine])[places]
        return changed

    def __len__(self):
        return len(self.images)

    def __getitem__(self, number):
        return self.images[number], number

    def __getitems__(self, numbers):
        """A whole batch at once, which is many times as fast."""
        numbers = torch.as_tensor(numbers)
        return self.images[numbers], numbers


class Numbered(Dataset):
    """A Dataset whose items end with their number.

    Parameters
    ----------
    dataset : Dataset
        Of tensors, images with values from 0 to 1; or of (image, …), or ([view, view, …], …).
    """

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, number):
        return shown_of(self.dataset[number]), number


def shown_of(item):
    """The image or the views of an item of a Dataset; raises ValueError where there are none."""
    shown = item[0] if isinstance(item, (tuple, list)) else item
    views = shown if isinstance(shown, (tuple, list)) else [shown, shown]
    bare = isinstance(item, list) and all(map(torch.is_tensor, item)) and len(item) > 1
    if bare or len(views) < 2 or not all(map(torch.is_tensor, views)):
        raise ValueError(
            "The items of a Dataset must be tensors, (image, …) or ([view, view, …], …), and this "
            f"one is {_kind_of(item)}; turn images into tensors, and put views into a list of "
            "their own."
        )
    return shown


def _kind_of(item):
    if isinstance(item, (tuple, list)):
        return f"({', '.join(map(_kind_of, item))})" if len(item) < 5 else "a long list"
    return type(item).__name__


def labels_of(dataset):
    """Labels of a Dataset, as `labels` or `targets`; None where there are none, or not for all."""
    labels = getattr(dataset, "labels", None)
    labels = getattr(dataset, "targets", None) if labels is None else labels
    if labels is None:
        return None
    labels = torch.as_tensor(np.asarray(labels))
    if labels.ndim != 1 or labels.is_floating_point() or bool((labels < 0).any()):
        return None
    return labels.long()


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
    size : int or (int, int), default=None
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
    return Images(*read_image_file(path))


def _read_folder(folder, size):
    folder = Path(folder)
    paths = image_paths(folder)
    arrays: list = []
    shape = None if size is None else (size, size) if isinstance(size, int) else size[::-1]
    for path in paths:
        image = read_image(path)
        shape = shape or image.size
        arrays.append(np.asarray(image if image.size == shape else image.resize(shape)))
    if len({array.ndim for array in arrays}) > 1:  # some are gray
        arrays = [array if array.ndim == 3 else np.stack([array] * 3, axis=2) for array in arrays]
    names = [str(path.relative_to(folder)) for path in paths]
    loose = [path for path in paths if path.parent == folder]
    if loose and len(loose) < len(paths):
        raise ValueError(
            f"{loose[0]} lies beside folders of images; put it into one of them, or all images "
            "into one folder."
        )
    classes = None if loose else [path.relative_to(folder).parts[0] for path in paths]
    return Images(np.stack(arrays), classes, names)


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
