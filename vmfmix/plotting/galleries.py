"""Images in their clusters, and images whose label looks wrong."""

import numpy as np

from vmfmix.plotting.axes import axes_for

_GAP = 0.08  # between images, as a share of their width
_LINE = 0.2  # for a line of text below, as a share of their height


def cluster_gallery(images, groups, order=None, names=None, n_rows=10, n_images=10, ax=None):
    """A row of images for each group: for each cluster, or for each known class.

    Parameters
    ----------
    images : array-like of shape (n, height, width[, channels])
        Bytes, or numbers from 0 to 1.
    groups : array-like of shape (n,)
        Group of each image: ``model.labels_`` for a row of each cluster; known classes for one of
        each class; clusters of the images of one class to see what the class consists of. Images
        with -1 are left out.
    order : array-like of shape (n,), default=None
        In each row, images with the largest numbers come first, such as ``model.probabilities_``;
        None: as they come.
    names : sequence or dict, default=None
        What to write beside a group instead of itself.
    n_rows : int, default=10
        The largest groups are shown, largest first.
    n_images : int, default=10
        In a row.
    ax : matplotlib.axes.Axes, default=None
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

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
    images, groups = _images(images), np.asarray(groups)
    if len(groups) != len(images):
        raise ValueError(f"There are {len(images)} images and {len(groups)} groups of images.")
    order = np.zeros(len(images)) if order is None else np.asarray(order, dtype=float)
    known, sizes = np.unique(groups, return_counts=True)
    keep = np.array([not _is_noise(group) for group in known], dtype=bool)
    known, sizes = known[keep], sizes[keep]
    shown = np.argsort(-sizes, kind="stable")[:n_rows]
    rows = []
    for group in known[shown]:
        members = np.flatnonzero(groups == group)
        rows.append(members[np.argsort(-order[members], kind="stable")][:n_images])
    ax = axes_for(ax, "cluster_gallery", (0.8 * n_images + 1.5, 0.8 * len(rows) + 0.5))
    places = _mosaic(ax, images, rows, n_images)
    written = [
        f"{group if names is None else names[group]} ({size})"
        for group, size in zip(known[shown].tolist(), sizes[shown])
    ]
    ax.set_yticks(places, written)
    return ax


def label_issue_gallery(images, issues, n_images=20, n_columns=5, ax=None):
    """The images whose labels are most suspicious, with the given and the suggested label.

    Parameters
    ----------
    images : array-like of shape (n, height, width[, channels])
        Bytes, or numbers from 0 to 1.
    issues : DataFrame or dict of ndarray
        Of `vmfmix.inspection.label_issues`.
    n_images : int, default=20
    n_columns : int, default=5
    ax : matplotlib.axes.Axes, default=None
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib.axes.Axes
    """
    images = _images(images)
    first = np.argsort(np.asarray(issues["rank"]), kind="stable")[:n_images]
    rows = [first[start : start + n_columns] for start in range(0, len(first), n_columns)]
    ax = axes_for(ax, "label_issue_gallery", (1.5 * n_columns, 1.9 * len(rows)))
    _mosaic(ax, images, rows, n_columns, below=_LINE)
    height, width = images.shape[1:3]
    wide, high = _steps(height, width, _LINE)
    given, suggested = (np.asarray(issues[f"{name}_label"]) for name in ("given", "suggested"))
    for line, row in enumerate(rows):
        for column, number in enumerate(row):
            ax.text(
                column * wide + width / 2,
                line * high + height * 1.04,
                f"{given[number]} → {suggested[number]}",
                ha="center",
                va="top",
                fontsize=9.0,
            )
    ax.set_yticks([])
    return ax


def _mosaic(ax, images, rows, n_columns, below=0.0):
    """Draw rows of images on one axes; returns the middle of each row."""
    height, width = images.shape[1:3]
    wide, high = _steps(height, width, below)
    for line, row in enumerate(rows):
        for column, number in enumerate(row):
            left, top = column * wide, line * high
            ax.imshow(
                images[number],
                extent=(left, left + width, top + height, top),
                cmap="gray",
                vmin=0.0,
                vmax=1.0,
            )
    ax.set_xlim(0.0, n_columns * wide)
    ax.set_ylim(max(len(rows), 1) * high, 0.0)
    ax.set_aspect("equal")
    ax.set_xticks([])
    ax.tick_params(axis="y", length=0.0)
    ax.spines[:].set_visible(False)
    return [line * high + height / 2 for line in range(len(rows))]


def _steps(height, width, below):
    """From one image to the next, to the right and downwards."""
    return width * (1.0 + _GAP), height * (1.0 + below) + width * _GAP


def _images(images):
    """Images with values from 0 to 1, gray ones without channels."""
    images = np.asarray(images)
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in (3, 4)):
        raise ValueError(
            f"The images have the shape {images.shape}; pass (n, height, width) or "
            "(n, height, width, channels) with 1, 3 or 4 channels."
        )
    return images / 255.0 if images.dtype == np.uint8 else images


def _is_noise(group):
    return not isinstance(group, (str, bytes)) and group == -1
