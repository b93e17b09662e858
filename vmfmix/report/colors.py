"""Colors of the nodes of a merge tree: one for each large branch, in shades."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vmfmix.plotting.axes import COLORS, GRAY
from vmfmix.report.merge_tree import MergeTree

_SMALLEST_SHARE = 1 / 4  # of the mean size of a branch; what is smaller stays with its sibling
_LIGHTNESS = {"light": (0.46, 0.78), "dark": (0.55, 0.88)}  # range in OKLCH, by mode
_LIGHTNESS_OFFSETS = (0.0, -0.18, -0.12, -0.06, 0.06, 0.12, 0.18)  # shades of a branch
_HUE_OFFSETS = np.radians([0.0, -24.0, 24.0])
_N_SHADES = len(_LIGHTNESS_OFFSETS) * len(_HUE_OFFSETS)  # of a branch
_ENOUGH = 0.12  # difference in Oklab of colors that are easy to distinguish
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


# Linear RGB as readers see it who lack one kind of cones: G. M. Machado, M. M. Oliveira and
# L. A. F. Fernandes (2009), A physiologically-based model for simulation of color vision
# deficiency.
_VISIONS = (
    np.eye(3),
    np.array(  # protanopia
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    np.array(  # deuteranopia
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
)


def node_colors(tree: MergeTree, neighbors: NDArray[np.bool_]) -> dict[str, list[str]]:
    """Return the color of each node of a merge tree, for cuts of the tree at any height.

    From the root down, the larger part of a node keeps its color. The smaller part has one of the
    colors of `vmfmix.plotting` while there is an unused one and it is large enough, and otherwise a
    shade of the color of its branch, which differs as much as possible from the nodes next to it on
    the map. So each step of the cut changes one color, and parts that are next to each other differ
    at every cut, also for color-blind readers.

    Parameters
    ----------
    tree : MergeTree
    neighbors : ndarray of shape (n_clusters, n_clusters), bool
        Clusters that are next to each other on the map; see `map_neighbors`.

    Returns
    -------
    dict
        ``light`` and ``dark``, for a light and a dark background: a list of "#rrggbb", by node.
        Clusters without rows are gray.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.report.colors import node_colors
    >>> from vmfmix.report.merge_tree import MergeTree
    >>> tree = MergeTree(np.array([[0, 1]]), np.array([1.0]), np.array([5, 4, 9]))
    >>> node_colors(tree, np.zeros((2, 2), dtype=bool))["light"]
    ['#0072b2', '#d55e00', '#0072b2']
    """
    shades = {mode: _shades(mode) for mode in _LIGHTNESS}
    chosen = _few(tree) if tree.n_filled <= len(COLORS) else None
    if chosen is None:
        chosen = _many(tree, neighbors, _differences([*shades.values()]))
    return {
        mode: [GRAY if at < 0 else colors[at] for at in chosen] for mode, colors in shades.items()
    }


def _few(tree: MergeTree) -> list[int]:
    """Return the shade of each node if each cluster has a color of its own, in their order."""
    filled = np.flatnonzero(tree.sizes[: tree.n_clusters])
    shades = np.full(tree.n_clusters, -1)
    shades[filled] = np.arange(len(filled)) * _N_SHADES
    chosen: list[int] = shades.tolist()
    for larger, _ in tree.children.tolist():
        chosen.append(chosen[larger])
    return chosen


def _many(
    tree: MergeTree, neighbors: NDArray[np.bool_], differences: NDArray[np.float64]
) -> list[int]:
    """Return the shade of each node, chosen from the root down."""
    chosen = np.full(len(tree.sizes), -1)
    chosen[-1], n_branches = 0, 1
    smallest = _SMALLEST_SHARE * tree.sizes[-1] / len(COLORS)
    group_of = np.full(tree.n_clusters, -1)
    group_of[tree.members[-1]] = len(tree.sizes) - 1
    for merge in range(len(tree.children) - 1, -1, -1):
        larger, smaller = tree.children[merge].tolist()
        group_of[tree.members[larger]], group_of[tree.members[smaller]] = larger, smaller
        chosen[larger] = chosen[tree.n_clusters + merge]
        if n_branches < len(COLORS) and tree.sizes[smaller] >= smallest:
            candidates = np.setdiff1d(np.arange(len(COLORS)), chosen[chosen >= 0] // _N_SHADES)
            candidates *= _N_SHADES
            n_branches += 1
        else:
            candidates = chosen[larger] // _N_SHADES * _N_SHADES + np.arange(_N_SHADES)
        groups = np.unique(group_of[group_of >= 0])
        near = np.append(group_of[neighbors[tree.members[smaller]].any(axis=0)], larger)
        near = np.unique(near[(near >= 0) & (near != smaller)])
        to_near = differences[np.ix_(candidates, chosen[near])].min(axis=1)
        to_all = differences[np.ix_(candidates, chosen[groups[groups != smaller]])].min(axis=1)
        # With few groups, those that are not neighbors should differ as well.
        score = np.minimum(to_near, _ENOUGH) + 0.1 * to_near + min(1.0, 6 / len(groups)) * to_all
        chosen[smaller] = candidates[np.argmax(np.round(score, 9))]
    return chosen.tolist()


def _shades(mode: str) -> list[str]:
    """Return the shades of each branch, the first one being that of `vmfmix.plotting`."""
    lowest, highest = _LIGHTNESS[mode]
    shades = []
    for lightness, chroma, hue in map(_oklch, COLORS):
        for offset in _LIGHTNESS_OFFSETS:
            shade = float(np.clip(np.clip(lightness, lowest, highest) + offset, lowest, highest))
            shades += [_hexadecimal(shade, chroma, hue + turn) for turn in _HUE_OFFSETS]
    return shades


def _differences(palettes: list[list[str]]) -> NDArray[np.float64]:
    """Return the least difference of two shades, in Oklab, in any mode and for any reader."""
    differences = []
    for colors in palettes:
        linear = np.array([_linear(color) for color in colors])
        for vision in _VISIONS:
            seen = np.clip(linear @ vision.T, 0.0, 1.0)
            lab = np.cbrt(seen @ _CONES.T) @ _OKLAB.T
            differences.append(np.linalg.norm(lab[:, np.newaxis] - lab, axis=2))
    return np.min(differences, axis=0)


def _linear(color: str) -> NDArray[np.float64]:
    """Return linear RGB of a color "#rrggbb"."""
    values = np.array([int(color[start : start + 2], 16) for start in (1, 3, 5)]) / 255.0
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _oklch(color: str) -> tuple[float, float, float]:
    """Return lightness, chroma and hue of a color "#rrggbb"."""
    lightness, a, b = _OKLAB @ np.cbrt(_CONES @ _linear(color))
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
