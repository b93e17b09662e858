"""Galleries of images: the images of each cluster, and images with possible label errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vmfmix.plotting.axes import axes_for
from vmfmix.storage.image_arrays import AmbiguousChannelsError, channel_axis, white_value

_GAP = 0.08  # gap between images, as a fraction of their width
_CAPTION_HEIGHT = 0.2  # height of the text below an image, as a fraction of the image's height


def cluster_gallery(
    images: Any,
    groups: Any,
    order: Any = None,
    names: Sequence[Any] | Mapping[Any, Any] | None = None,
    n_rows: int = 10,
    n_images: int = 10,
    ax: Any = None,
) -> Any:
    """Plot one row of images for each group, such as a cluster or a known class.

    Parameters
    ----------
    images : array-like of shape (n, height, width[, channels]) or (n, channels, height, width)
        Bytes (uint8), numbers from 0 to 1, or numbers from 0 to 255; with 1, 3 or 4 channels. Of
        more channels, the first three are shown.
    groups : array-like of shape (n,)
        Group of each image. Pass ``model.labels_`` for one row per cluster, known classes for one
        row per class, or the clusters of the images of a single class to see its composition.
        Images of group -1 are left out.
    order : array-like of shape (n,), default=None
        Numbers by which the images of a group are sorted, largest first, such as
        ``model.probabilities_``. If None, the order of `images` is kept.
    names : sequence or dict, default=None
        Name of each group, written beside its row. If None, the groups themselves are written.
    n_rows : int, default=10
        Maximum number of groups. The largest ones are shown, largest first.
    n_images : int, default=10
        Maximum number of images in a row.
    ax : matplotlib.axes.Axes, default=None
        Axes to draw on. If None, a new figure is created.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If there are not as many groups as images, or if the images have the wrong shape or an
        unknown range of values.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from sklearn.datasets import load_digits
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.plotting import cluster_gallery
    >>> digits = load_digits()
    >>> model = VMFMixture(10, random_state=0).fit(digits.data)
    >>> ax = cluster_gallery(
    ...     digits.images / 16.0, model.labels_, model.probabilities_, ax=Figure().subplots()
    ... )
    >>> len(ax.get_yticklabels())
    10
    """
    groups = np.asarray(groups)
    if len(groups) != len(images):
        raise ValueError(
            f"There are {len(images)} images and {len(groups)} groups; pass one group for each "
            "image."
        )
    images = _as_images(images)
    order = np.zeros(len(images)) if order is None else np.asarray(order, dtype=float)
    distinct, sizes = np.unique(groups, return_counts=True)
    is_cluster = np.array([not _is_background(group) for group in distinct], dtype=bool)
    distinct, sizes = distinct[is_cluster], sizes[is_cluster]
    largest = np.argsort(-sizes, kind="stable")[:n_rows]
    rows = []
    for group in distinct[largest]:
        members = np.flatnonzero(groups == group)
        rows.append(members[np.argsort(-order[members], kind="stable")][:n_images])
    ax = axes_for(ax, "cluster_gallery", (0.8 * n_images + 1.5, 0.8 * len(rows) + 0.5))
    centers = _draw_rows(ax, images, rows, n_images)
    labels = [
        f"{group if names is None else names[group]} ({size})"
        for group, size in zip(distinct[largest].tolist(), sizes[largest])
    ]
    ax.set_yticks(centers, labels)
    return ax


def label_issue_gallery(
    images: Any, issues: Any, n_images: int = 20, n_columns: int = 5, ax: Any = None
) -> Any:
    """Plot the images whose labels are most likely wrong, with the given and the suggested label.

    Parameters
    ----------
    images : array-like of shape (n, height, width[, channels]) or (n, channels, height, width)
        Bytes (uint8), numbers from 0 to 1, or numbers from 0 to 255; with 1, 3 or 4 channels. Of
        more channels, the first three are shown.
    issues : DataFrame or dict of ndarray
        From `vmfmix.inspection.label_issues`.
    n_images : int, default=20
        Maximum number of images, the most suspicious first.
    n_columns : int, default=5
        Number of images in a row.
    ax : matplotlib.axes.Axes, default=None
        Axes to draw on. If None, a new figure is created.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        If the images have the wrong shape or an unknown range of values.
    """
    images = _as_images(images)
    first = np.argsort(np.asarray(issues["rank"]), kind="stable")[:n_images]
    rows = [first[start : start + n_columns] for start in range(0, len(first), n_columns)]
    ax = axes_for(ax, "label_issue_gallery", (1.5 * n_columns, 1.9 * len(rows)))
    _draw_rows(ax, images, rows, n_columns, caption_height=_CAPTION_HEIGHT)
    height, width = images.shape[1:3]
    step_right, step_down = _steps(height, width, _CAPTION_HEIGHT)
    given, suggested = (np.asarray(issues[f"{name}_label"]) for name in ("given", "suggested"))
    for line, row in enumerate(rows):
        for column, image in enumerate(row):
            ax.text(
                column * step_right + width / 2,
                line * step_down + height * 1.04,
                f"{given[image]} → {suggested[image]}",
                ha="center",
                va="top",
                fontsize=9.0,
            )
    ax.set_yticks([])
    return ax


def _draw_rows(
    ax: Any,
    images: np.ndarray,
    rows: Sequence[np.ndarray],
    n_columns: int,
    caption_height: float = 0.0,
) -> list[float]:
    """Draw rows of images, given by index, on one axes, and return the center of each row."""
    height, width = images.shape[1:3]
    step_right, step_down = _steps(height, width, caption_height)
    for line, row in enumerate(rows):
        for column, image in enumerate(row):
            left, top = column * step_right, line * step_down
            ax.imshow(
                images[image],
                extent=(left, left + width, top + height, top),
                cmap="gray",
                vmin=0.0,
                vmax=1.0,
            )
    ax.set_xlim(0.0, n_columns * step_right)
    ax.set_ylim(max(len(rows), 1) * step_down, 0.0)
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.tick_params(axis="y", length=0.0)
    ax.spines[:].set_visible(False)
    return [line * step_down + height / 2 for line in range(len(rows))]


def _steps(height: int, width: int, caption_height: float) -> tuple[float, float]:
    """Return the distance from one image to the next, to the right and down."""
    return width * (1.0 + _GAP), height * (1.0 + caption_height) + width * _GAP


def _as_images(images: Any) -> np.ndarray:
    """Return images with values from 0 to 1; gray ones have no axis of channels."""
    values: np.ndarray = np.asarray(images)
    try:
        axis = channel_axis(values.shape[1:])
        white = white_value([(0, values)])
    except AmbiguousChannelsError as error:
        raise ValueError(
            f"The images cannot be plotted: {error}; pass three of the channels."
        ) from None
    except ValueError as error:
        raise ValueError(f"The images cannot be plotted: {error}.") from None
    if axis == 0:
        values = np.moveaxis(values, 1, 3)
    if axis is not None and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim == 4 and values.shape[3] == 2:
        raise ValueError(
            f"The images have the shape {np.shape(images)}, with 2 channels; pass images with 1, 3 "
            "or more channels."
        )
    if values.ndim == 4 and values.shape[3] > 4:
        values = values[..., :3]
    return np.clip(values / white, 0.0, 1.0)


def _is_background(group: Any) -> bool:
    return not isinstance(group, (str, bytes)) and bool(group == -1)
