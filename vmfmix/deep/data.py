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

from vmfmix.deep.image_files import ImageFiles, return_unchanged, survey_images
from vmfmix.deep.items import DatasetImages, as_array, axis_of_channels
from vmfmix.deep.labels import LabeledDataset, plain_labels
from vmfmix.storage.fitted_images import read_image_stack
from vmfmix.storage.image_arrays import read_image_file, to_bytes, white_value
from vmfmix.storage.image_folders import SkippedFile, find_image_files, relative_name


class Images(LabeledDataset):
    """Images in memory, as bytes.

    Parameters
    ----------
    images : array-like of shape (n, height, width[, channels]) or (n, channels, height, width)
        Bytes, or numbers from 0 to 1, from 0 to 255 or, if they are integers, to 65535.
    labels : array-like of shape (n,), default=None
        Classes, for reports; nothing is learned from them.
    names : list of str, default=None
        Name of each image, such as the name of its file.
    paths : list of pathlib.Path, default=None
        File of each image.
    channels : {"first", "last"}, default=None
        Which axis of an image has the channels. None: the one with up to 16 entries; it must be
        passed if both the first and the last have so few, unless one of them has up to 4.

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
        If the shape or the values are not those of images, if both the first and the last axis
        could have the channels, or if there is not one label for each image.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.deep.data import Images
    >>> images = Images(np.zeros((10, 8, 8), np.uint8))
    >>> images.images.shape
    torch.Size([10, 1, 8, 8])
    """

    in_memory = True

    def __init__(
        self,
        images: Any,
        labels: Any = None,
        names: list[str] | None = None,
        paths: list[Path] | None = None,
        *,
        channels: str | None = None,
    ) -> None:
        self.images = _as_bytes(images, channels)
        self.names, self.paths = names, paths
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
    dataset : Images, ImageFiles, DatasetImages, PreparedRows or Dataset
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
    dataset = dataset if isinstance(dataset, LabeledDataset) else as_images(dataset)
    returns_batches = hasattr(dataset, "__getitems__")
    collate: Callable[[Any], Any] | None = return_unchanged if returns_batches else None
    n_workers = 0 if dataset.in_memory else n_workers
    return DataLoader(
        dataset,
        batch_size,
        sampler=None if seed is None else ShuffledSampler(len(dataset), seed),
        drop_last=seed is not None and len(dataset) >= batch_size,
        num_workers=n_workers,
        persistent_workers=n_workers > 0 and seed is not None,
        collate_fn=collate,
    )


def as_images(
    data: Any,
    size: int | tuple[int, int] | None = None,
    *,
    any_range: bool = False,
    channels: str | None = None,
    **reading: Any,
) -> Images | ImageFiles | DatasetImages:
    """Return images of any kind as Images, ImageFiles or DatasetImages.

    Parameters
    ----------
    data : Images, ImageFiles, Dataset, array-like, str or path-like
        A folder or file is read, and an array is brought into memory as bytes.
    size : int or (int, int), default=None
        Height and width to which images of a folder are resized; None: those of the first image.
    any_range : bool, default=False
        Whether the images of a Dataset may have any finite values.
    channels : {"first", "last"}, default=None
        Which axis of the images of an array or a Dataset has the channels; see `Images`.
    **reading
        Other parameters of `read_images`, for a folder.

    Returns
    -------
    Images, ImageFiles or DatasetImages

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file.
    ValueError
        If the images cannot be used.
    """
    if isinstance(data, (Images, ImageFiles, DatasetImages)):
        return data
    if isinstance(data, (str, Path)):
        return read_images(data, size, channels=channels, **reading)
    if isinstance(data, (np.ndarray, torch.Tensor)) and not any_range:
        return Images(data, channels=channels)
    if isinstance(data, np.ndarray):
        data = torch.from_numpy(data)
    return DatasetImages(data, any_range=any_range, channels=channels)


def read_images(
    source: str | Path,
    size: int | tuple[int, int] | None = None,
    *,
    fit: str = "stretch",
    channels: str | None = None,
    lazy: bool = False,
    n_workers: int = 0,
    skip_damaged: bool = False,
    backdrop: str = "white",
    exclude: str | Path | None = None,
) -> Images | ImageFiles:
    """Read the images of a folder or a file.

    Hidden files and folders, thumbnails of the operating system, and results of earlier trainings
    are skipped. The images of a folder are decoded into one array, one after the other, so that
    they need little more memory than the result; or, with ``lazy=True``, whenever they are needed.

    Parameters
    ----------
    source : str or path-like
        A folder of images, with a subfolder for each class if there are classes; or an .npz file
        with an array ``images`` and, if there are classes, an array ``y``.
    size : int or (int, int), default=None
        Height and width to which images of a folder are resized; None: those of the first image.
    fit : {"stretch", "crop", "pad"}, default="stretch"
        How images of a folder whose proportions differ from those of `size` are resized.
        "stretch": their proportions change. "crop": they fill the size, and what exceeds it is cut
        off on both sides. "pad": they are inside the size, and the rest shows the backdrop.
    channels : {"first", "last"}, default=None
        Which axis of the images of a file has the channels; see `Images`.
    lazy : bool, default=False
        Whether to keep the paths of the images of a folder in memory instead of the images. All
        images are decoded once to find damaged ones, and again whenever they are needed.
    n_workers : int, default=0
        Number of processes that decode images if `lazy`; 0: this process.
    skip_damaged : bool, default=False
        Whether to leave out images of a folder that are damaged or too large, with a warning that
        lists them, instead of raising an error.
    backdrop : str, default="white"
        Color behind transparent parts of the images of a folder and beside padded ones: a name or
        "#rrggbb".
    exclude : str or path-like, default=None
        A subfolder that is not read, such as the output folder of a training.

    Returns
    -------
    Images, or ImageFiles if the images of a folder are read lazily

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file.
    ValueError
        If there are no images, or if one cannot be read.

    Warns
    -----
    UserWarning
        If files of a folder were skipped; the warning says how many and why.

    Examples
    --------
    >>> import os, tempfile
    >>> from PIL import Image
    >>> from vmfmix.deep.data import read_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for color in "red", "blue":
    ...         Image.new("RGB", (40, 30), color).save(os.path.join(folder, f"{color}.png"))
    ...     images = read_images(folder, size=16)
    >>> images.images.shape, images.names
    (torch.Size([2, 3, 16, 16]), ['blue.png', 'red.png'])
    """
    path = Path(source)
    if path.is_dir():
        return _read_folder(path, size, fit, lazy, n_workers, skip_damaged, backdrop, exclude)
    if not path.is_file():
        raise FileNotFoundError(f"There is no folder or file {path}.")
    if path.suffix != ".npz":
        raise ValueError(f"{path} is neither a folder nor an .npz file; pass one of these.")
    return Images(*read_image_file(path), channels=channels)


def _read_folder(
    folder: Path,
    size: int | tuple[int, int] | None,
    fit: str,
    lazy: bool,
    n_workers: int,
    skip_damaged: bool,
    backdrop: str,
    exclude: str | Path | None,
) -> Images | ImageFiles:
    paths, skipped = find_image_files(folder, exclude)
    loose = [path for path in paths if path.parent == folder]
    if loose and len(loose) < len(paths):
        raise ValueError(
            f"{loose[0]} lies beside subfolders with images; move it into one of them, or all "
            "images into one folder."
        )
    shape = None  # width and height, as Pillow orders them
    if size is not None:
        shape = (size, size) if isinstance(size, int) else (size[1], size[0])
    options: Any = {"fit": fit, "skip_damaged": skip_damaged, "backdrop": backdrop}
    stack = None
    if lazy:
        found, errors = survey_images(paths, shape, n_workers=n_workers, **options)
    else:
        stack, errors = read_image_stack(paths, size=shape, **options)
    damaged = [
        SkippedFile(relative_name(paths[position], folder), error.reason)
        for position, error in errors.items()
    ]
    paths = [path for position, path in enumerate(paths) if position not in errors]
    names = [relative_name(path, folder) for path in paths]
    classes = None if loose else [path.relative_to(folder).parts[0] for path in paths]
    images: Images | ImageFiles
    if stack is None:
        images = ImageFiles(paths, found, classes, names, fit=fit, backdrop=backdrop)
    else:
        images = Images(torch.from_numpy(stack), classes, names, paths, channels="first")
    images.skipped = sorted([*skipped, *damaged])
    return images


def format_shape(shape: Sequence[int]) -> str:
    """Return the shape (channels, height, width) of an image as text."""
    return f"{shape[0]} channel(s) of {shape[1]} × {shape[2]}"


def _as_bytes(images: Any, channels: str | None) -> torch.Tensor:
    """Convert images to a tensor of bytes of shape (n, channels, height, width)."""
    values = as_array(images) if isinstance(images, torch.Tensor) else np.asarray(images)
    if len(values) == 0:
        raise ValueError("There are no images; pass at least one.")
    axis = axis_of_channels(values.shape[1:], channels)
    try:
        white = white_value([(0, values)])
    except ValueError as error:
        raise ValueError(f"The images cannot be used: {error}.") from None
    values = values[:, None] if axis is None else np.moveaxis(values, axis + 1, 1)
    return torch.from_numpy(np.ascontiguousarray(to_bytes(values, white)))
