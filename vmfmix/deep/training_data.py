"""The data of a training: images or rows to train on, and labeled ones for a report."""

from collections.abc import Callable
from typing import Any

from vmfmix.deep.data import Images, format_shape
from vmfmix.deep.data_kinds import kind_of
from vmfmix.deep.image_files import ImageFiles
from vmfmix.deep.items import DatasetImages
from vmfmix.deep.row_preparation import RowPreparation
from vmfmix.deep.rows import PreparedRows, as_rows

AnyImages = Images | ImageFiles | DatasetImages
TrainingData = AnyImages | PreparedRows


def training_and_test(
    data: Any,
    test: Any,
    size: int | tuple[int, int] | None,
    read: Callable[..., AnyImages],
) -> tuple[TrainingData, TrainingData | None, RowPreparation | None]:
    """Return the training part, the test part, and the preparation of rows.

    Parameters
    ----------
    data, test : object
        See `vmfmix.deep.train.train`.
    size : int or (int, int), default=None
        Height and width of the images of a folder.
    read : callable
        (images, size) to images of one of the classes that a training can use.

    Returns
    -------
    data : Images, ImageFiles, DatasetImages or PreparedRows
    test : like data, or None
    preparation : RowPreparation or None

    Raises
    ------
    ValueError
        If the data cannot be used, or if the test part is of another kind or shape, or has no
        labels.
    """
    kind = kind_of(data)
    if test is not None and kind_of(test) != kind:
        raise ValueError(f"data are {kind}, but test are {kind_of(test)}; pass the same kind.")
    if kind == "rows":
        return _training_and_test_rows(data, test)
    return (*_training_and_test_images(data, test, size, read), None)


def _training_and_test_images(
    data: Any,
    test: Any,
    size: int | tuple[int, int] | None,
    read: Callable[..., AnyImages],
) -> tuple[AnyImages, AnyImages | None]:
    """Return the images, and make sure that both parts have the same shape and classes."""
    images = read(data, size)
    images.warn_about_labels()
    if test is None:
        return images, None
    shape = tuple(images.first.shape[1:])
    test = read(test, (shape[1], shape[2]))
    test_shape = tuple(test.first.shape[1:])
    if shape != test_shape:
        raise ValueError(
            f"The test images have {format_shape(test_shape)}, but the training images have "
            f"{format_shape(shape)}; convert them to the same shape."
        )
    if test.labels is None:
        reason = f": {test.unusable_labels}" if test.unusable_labels else ""
        raise ValueError(
            f"The test images have no labels to compare with{reason}; omit test, or give the "
            "Dataset an attribute targets with the class of each image."
        )
    if images.class_names != test.class_names and images.class_names and test.class_names:
        images, test = images.with_class_names(), test.with_class_names()
    return images, test.with_classes(images.classes or [])


def _training_and_test_rows(
    data: Any, test: Any
) -> tuple[PreparedRows, PreparedRows | None, RowPreparation]:
    """Return prepared rows, of which both parts have the same features and classes."""
    source = as_rows(data)
    source.warn_about_labels()
    preparation = RowPreparation.fitted(source.rows)
    rows = PreparedRows(source, preparation)
    if test is None:
        return rows, None, preparation
    test = PreparedRows(as_rows(test), preparation)
    if test.labels is None:
        reason = f": {test.unusable_labels}" if test.unusable_labels else ""
        raise ValueError(
            f"The test rows have no labels to compare with{reason}; omit test, or pass Rows(test, "
            "labels) or a file with a column of labels."
        )
    return rows, test.with_classes(rows.classes or []), preparation
