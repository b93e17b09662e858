"""Colors of the clusters on a map: one for each branch of the merge tree, in shades."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vmfmix.plotting.axes import COLORS

_SMALLEST_SHARE = 1 / 4  # of the mean size of a branch; what is smaller stays with its sibling
_LIGHTNESS = {"light": (0.46, 0.76), "dark": (0.55, 0.85)}  # range in OKLCH, by mode
_LIGHTNESS_RANGE = 0.14  # among the clusters of a branch
_HUE_RANGE = np.radians(24.0)
# Linear RGB to cone responses, and their cube roots to Oklab: B. Ottosson (2020), A perceptual
# color space for image processing.
_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def cluster_colors(
    children: NDArray[np.integer], sizes: NDArray[np.integer]
) -> dict[str, list[str]]:
    """Return the colors of clusters: similar ones within a branch of the tree of their merges.

    The branches have the colors of `vmfmix.plotting`, which color-blind readers can distinguish.
    Clusters of a branch differ in lightness and a little in hue, in the order of the tree.

    Parameters
    ----------
    children : ndarray of shape (n_clusters - 1, 2), int
        The two nodes of each merge, as in `vmfmix.merging.MergeHistory`.
    sizes : ndarray of shape (n_clusters,), int
        Numbers of rows.

    Returns
    -------
    dict
        ``light`` and ``dark``, for a light and a dark background: a list of "#rrggbb", by cluster.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.report.colors import cluster_colors
    >>> cluster_colors(np.array([[0, 1]]), np.array([5, 5]))["light"]
    ['#0072b2', '#d55e00']
    """
    colors: dict[str, list[str]] = {mode: [""] * len(sizes) for mode in _LIGHTNESS}
    groups = sorted(_branches(children, sizes, len(COLORS)), key=min)
    for base, group in zip(COLORS, groups):
        lightness, chroma, hue = _oklch(base)
        for mode, (lowest, highest) in _LIGHTNESS.items():
            half = (_LIGHTNESS_RANGE if len(group) > 1 else 0.0) / 2.0
            middle = np.clip(lightness, lowest + half, highest - half)
            for place, cluster in zip(np.linspace(-1.0, 1.0, len(group)), group):
                offset = place if len(group) > 1 else 0.0
                colors[mode][cluster] = _hexadecimal(
                    middle + offset * half, chroma, hue + offset * _HUE_RANGE / 2.0
                )
    return colors


def _branches(
    children: NDArray[np.integer], sizes: NDArray[np.integer], n_branches: int
) -> list[list[int]]:
    """Return the clusters of the branches of a tree, each in the order of the tree.

    The largest branch is divided until there are enough. A part that is much smaller than a branch
    should be is not a branch of its own.
    """
    n_clusters = len(sizes)
    if n_clusters <= n_branches:
        return [[cluster] for cluster in range(n_clusters)]
    leaves = [[cluster] for cluster in range(n_clusters)]
    for left, right in children.tolist():
        leaves.append(leaves[left] + leaves[right])
    weights = [int(sum(sizes[cluster] for cluster in node)) for node in leaves]
    smallest = _SMALLEST_SHARE * weights[-1] / n_branches
    groups: list[tuple[int, list[int]]] = [(len(leaves) - 1, [])]  # node, and clusters beside it
    while len(groups) < n_branches:
        groups.sort(key=lambda group: (group[0] >= n_clusters, weights[group[0]]))
        node, beside = groups.pop()
        if node < n_clusters:
            groups.append((node, beside))
            break
        small, large = sorted(children[node - n_clusters].tolist(), key=lambda n: weights[n])
        if weights[small] < smallest:
            groups.append((large, beside + leaves[small]))
        else:
            groups += [(small, []), (large, beside)]
    return [leaves[node] + beside for node, beside in groups]


def _oklch(color: str) -> tuple[float, float, float]:
    """Return lightness, chroma and hue of a color "#rrggbb"."""
    values = np.array([int(color[start : start + 2], 16) for start in (1, 3, 5)]) / 255.0
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    lightness, a, b = _OKLAB @ np.cbrt(_CONES @ linear)
    return float(lightness), float(np.hypot(a, b)), float(np.arctan2(b, a))


def _hexadecimal(lightness: float, chroma: float, hue: float) -> str:
    """Return a color as "#rrggbb", with less chroma if a screen could not show it."""
    for share in np.linspace(1.0, 0.0, 41):
        a, b = share * chroma * np.cos(hue), share * chroma * np.sin(hue)
        cones = np.linalg.solve(_OKLAB, np.array([lightness, a, b])) ** 3
        linear = np.linalg.solve(_CONES, cones)
        if linear.min() > -1e-3 and linear.max() < 1.001:
            break
    linear = np.clip(linear, 0.0, 1.0)
    values = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * value):02x}" for value in values.tolist())
