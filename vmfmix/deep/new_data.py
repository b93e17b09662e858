"""New images or rows for a trained encoder, in batches that need little memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vmfmix.deep.data import as_images, format_shape, loader
from vmfmix.deep.data_kinds import kind_of
from vmfmix.deep.paths import validate_new_paths
from vmfmix.deep.row_preparation import RowPreparation
from vmfmix.deep.rows import Rows, Training
from vmfmix.deep.run_folder import RunRecord
from vmfmix.engines.choice import choose_engine, prepare_rows
from vmfmix.engines.unit_rows import unit_rows
from vmfmix.fitting.validation import validate_rows
from vmfmix.storage.fitted_images import read_image_array, report_skipped_images
from vmfmix.storage.image_arrays import AmbiguousChannelsError
from vmfmix.storage.image_folders import image_paths, relative_name
from vmfmix.storage.images import UnreadableImageError
from vmfmix.storage.inputs import read_input


class NewRows:
    """Rows that are prepared one batch after the other.

    Parameters
    ----------
    data : Rows, {array-like, sparse matrix, tensor, DataFrame, block source}, str or path-like
        A file is read as `vmfmix fit` does.
    preparation : RowPreparation
    batch_size : int

    Raises
    ------
    ValueError
        If the rows are not finite numbers in two dimensions, or do not have the number of features
        of the training.
    """

    names = None

    def __init__(self, data: Any, preparation: RowPreparation, batch_size: int) -> None:
        if isinstance(data, Rows):
            data = data.rows
        elif isinstance(data, (str, Path)):
            data = read_input(data).rows
        rows = validate_rows(Training(), prepare_rows(data), ensure_min_features=2)
        if rows.shape[1] != preparation.n_features:
            raise ValueError(
                f"The rows have {rows.shape[1]} features, but those of the training have "
                f"{preparation.n_features}; pass rows of the same features."
            )
        self._engine = choose_engine(rows)
        self._preparation, self._batch_size = preparation, batch_size

    def __iter__(self) -> Iterator[torch.Tensor]:
        n_rows, size = self._engine.n_rows, self._batch_size
        for start in range(0, n_rows, size):
            positions = np.arange(start, min(start + size, n_rows))
            yield self._preparation.prepare(unit_rows(self._engine, positions))


class NewImages:
    """Images in memory or of a Dataset, of the shape of those of a training.

    Parameters
    ----------
    data : Images, Dataset, array-like, str or path-like
    record : RunRecord
    batch_size : int

    Raises
    ------
    ValueError
        If the images have another shape, or values that are not those of images.
    """

    names = None

    def __init__(self, data: Any, record: RunRecord, batch_size: int) -> None:
        try:
            images = as_images(data, any_range=record.any_range, channels=record.channels)
        except AmbiguousChannelsError:  # in the training they were certain, or given
            raise ValueError(
                f"The images do not have the shape of those of the training, "
                f"{format_shape(record.shape)}; convert them to this shape."
            ) from None
        shape = list(images.first.shape[1:])
        if shape != record.shape:
            raise ValueError(
                f"The images have {format_shape(shape)}, but those of the training have "
                f"{format_shape(record.shape)}; convert them to the same shape."
            )
        self._images, self._batch_size = images, batch_size

    def __iter__(self) -> Iterator[torch.Tensor]:
        for batch in loader(self._images, self._batch_size):
            yield batch[0][0] if isinstance(batch[0], (list, tuple)) else batch[0]


class NewImageFiles:
    """Image files of a folder, which are decoded and resized as those of a training.

    Parameters
    ----------
    folder : pathlib.Path
    record : RunRecord
    batch_size : int
    skip_damaged : bool
        Whether to leave out images that cannot be read, with a warning, instead of raising an
        error.

    Attributes
    ----------
    names : list of str
        Paths of the images that were read, relative to the folder.
    """

    def __init__(
        self, folder: Path, record: RunRecord, batch_size: int, skip_damaged: bool
    ) -> None:
        self.names: list[str] = []
        self._folder, self._paths = folder, image_paths(folder)
        self._record, self._batch_size = record, batch_size
        self._skip_damaged = skip_damaged

    def __iter__(self) -> Iterator[torch.Tensor]:
        self.names = []
        errors: dict[int, UnreadableImageError] = {}
        batch: list[np.ndarray] = []
        record = self._record
        reading = {"fit": record.fit, "backdrop": record.backdrop or "white"}
        for position, path in enumerate(self._paths):
            try:
                batch.append(read_image_array(path, record.shape, **reading))
            except UnreadableImageError as error:
                if not self._skip_damaged:
                    raise error.with_remedy() from error
                errors[position] = error
                continue
            self.names.append(relative_name(path, self._folder))
            if len(batch) == self._batch_size:
                yield torch.from_numpy(np.stack(batch))
                batch = []
        if batch:
            yield torch.from_numpy(np.stack(batch))
        report_skipped_images(errors, len(self._paths))


def new_data(
    data: Any,
    record: RunRecord,
    preparation: RowPreparation | None,
    *,
    batch_size: int,
    skip_damaged: bool = False,
) -> NewRows | NewImages | NewImageFiles:
    """Return new images or rows of any kind as batches for a trained encoder.

    Parameters
    ----------
    data : object
        Of the kind that the encoder was trained on; see `vmfmix.deep.train.train`.
    record : RunRecord
        Of the training.
    preparation : RowPreparation or None
        Of the training, if it is one on rows.
    batch_size : int
    skip_damaged : bool, default=False
        Whether to leave out images of a folder that cannot be read, with a warning.

    Returns
    -------
    NewRows, NewImages or NewImageFiles

    Raises
    ------
    FileNotFoundError
        If there is no such folder or file.
    ValueError
        If the data are of the other kind, or have another shape.
    """
    if isinstance(data, (str, Path)):
        validate_new_paths([data], record)
    elif kind_of(data) != record.kind and not isinstance(data, (list, tuple)):
        raise ValueError(
            f"The data are {kind_of(data)}, but the training was on {record.kind}; pass "
            f"{record.kind}."
        )
    if preparation is not None:
        return NewRows(data, preparation, batch_size)
    if isinstance(data, (str, Path)) and Path(data).is_dir():
        return NewImageFiles(Path(data), record, batch_size, skip_damaged)
    return NewImages(data, record, batch_size)
