"""The colors of the clusters of a report, and of their unions, for all readers."""

import numpy as np
import pytest

from tests.report.test_merge_tree import rows_of
from tests.report.test_report import contents_of
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.plotting.axes import COLORS
from vmfmix.report import write_report
from vmfmix.report.colors import node_colors
from vmfmix.report.map_neighbors import map_neighbors
from vmfmix.report.merge_tree import MergeTree, merge_tree

# Vision without one kind of cones, on linear RGB: F. Viénot, H. Brettel and J. D. Mollon (1999).
VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array([[0.112, 0.888, 0.0], [0.112, 0.888, 0.0], [0.004, -0.004, 1.0]]),
    "deuteranopia": np.array([[0.293, 0.707, 0.0], [0.293, 0.707, 0.0], [-0.022, 0.022, 1.0]]),
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(color):
    values = np.array([int(color[start : start + 2], 16) for start in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(color, vision):
    """Return CIELAB coordinates of a color as a reader sees it."""
    seen = np.clip(VISIONS[vision] @ linear(color), 0.0, 1.0)
    x, y, z = np.cbrt(np.maximum(XYZ @ seen / XYZ.sum(axis=1), 0.0))
    return np.array([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)])


def differences(colors):
    """Return the CIELAB distance of each two colors for the reader to whom it is least."""
    points = [np.array([lab(color, vision) for color in colors]) for vision in VISIONS]
    return np.min([np.linalg.norm(p[:, np.newaxis] - p, axis=2) for p in points], axis=0)


def tree_and_neighbors(n_clusters):
    """Return a tree of clusters whose places in the plane are neighbors in space, and neighbors."""
    rows, clusters = rows_of(20 * n_clusters, n_clusters, 3)
    return merge_tree(rows, clusters, n_clusters), map_neighbors(rows[:, :2], clusters, n_clusters)


def groups_at(tree, number):
    """Return the nodes that are left after all merges but the last ``number - 1``."""
    n_merges = len(tree.children) - (number - 1)
    nodes = {k for k in range(tree.n_clusters) if tree.sizes[k]}
    for merge in range(n_merges):
        nodes = nodes - {*tree.children[merge].tolist()} | {tree.n_clusters + merge}
    return sorted(nodes)


def test_few_clusters_have_the_colors_of_plots():
    tree, neighbors = tree_and_neighbors(5)
    colors = node_colors(tree, neighbors)["light"]
    assert colors[:5] == [color.lower() for color in COLORS[:5]]
    for union, (larger, _) in enumerate(tree.children.tolist()):
        assert colors[5 + union] == colors[larger]
    one = MergeTree(np.empty((0, 2), int), np.empty(0), np.array([3]))
    assert node_colors(one, np.zeros((1, 1), bool))["light"] == [COLORS[0].lower()]


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("n_clusters", [6, 40, 150])
def test_neighbors_differ_at_every_cut_for_all_readers(n_clusters, mode):
    tree, neighbors = tree_and_neighbors(n_clusters)
    colors = node_colors(tree, neighbors)[mode]
    found = []
    for number in sorted({2, 3, 4, 6, 8, 12, 20, 40, 80, n_clusters} & {*range(n_clusters + 1)}):
        nodes = groups_at(tree, number)
        by_cluster = np.zeros((number, n_clusters), bool)
        for place, node in enumerate(nodes):
            by_cluster[place, tree.members[node]] = True
        near = by_cluster @ neighbors @ by_cluster.T & ~np.eye(number, dtype=bool)
        distances = differences([colors[node] for node in nodes])
        if number <= 4:
            assert distances[near].min() > 18.0
        found.append(distances[near])
    found = np.concatenate(found)
    assert found.min() > 2.3  # a difference that is just noticeable
    assert np.quantile(found, 0.05) > 7.0 and np.median(found) > 20.0


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_branches_have_one_hue_and_stand_out(mode):
    tree, neighbors = tree_and_neighbors(60)
    colors = node_colors(tree, neighbors)[mode]
    background = 1.0 if mode == "light" else 0.01
    for color in colors:
        light, dark = sorted([linear(color) @ XYZ[1] + 0.05, background + 0.05], reverse=True)
        assert light / dark > (1.7 if mode == "light" else 3.0)
    for union, (larger, _) in enumerate(tree.children.tolist()):
        assert colors[60 + union] == colors[larger]  # a step of the cut changes one color
    assert len({*colors[:60]}) > 30


def test_small_groups_do_not_take_the_color_of_a_branch():
    # One large cluster after another leaves, and a tiny one first.
    sizes = np.array([50, 40, 40, 40, 40, 40, 40, 1])
    children, last = [], 0
    for merge, cluster in enumerate([1, 2, 3, 4, 5, 6, 7]):
        children.append([last, cluster])
        last = 8 + merge
    all_sizes = np.append(sizes, [sizes[: merge + 2].sum() for merge in range(7)])
    tree = MergeTree(np.array(children), np.arange(1, 8) / 7, all_sizes)
    colors = node_colors(tree, np.ones((8, 8), bool) & ~np.eye(8, dtype=bool))["light"]
    bases = {color.lower() for color in COLORS}
    assert colors[7] not in bases and {colors[0], *colors[2:7]} == bases


def test_clusters_without_rows_are_gray(tmp_path):
    X, _ = make_vmf_mixture(300, 8, 3, concentration=200.0, random_state=0)
    model = VMFMixture(3, random_state=0, merge=None).fit(X)
    write_report(tmp_path / "r.html", model, X[model.labels_ != 1])
    colors = contents_of(tmp_path / "r.html")["clusters"]["color"]
    assert [*map(len, colors.values())] == [3, 3] and colors["light"][1] == "#666666"


def test_neighbors_on_a_map_touch_or_are_near():
    centers = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], *[[x, 9.0] for x in range(5)]])
    clusters = np.repeat(np.arange(8), 30)
    places = centers[clusters] + np.random.RandomState(0).uniform(-0.5, 0.5, (240, 2))
    found = map_neighbors(places, clusters, 9)
    assert found[0, 1] and found[1, 2] and found[3, 4] and not found[0, 7]
    assert (found == found.T).all() and not found.diagonal().any() and not found[8].any()
    assert not map_neighbors(places[:5], clusters[:5], 9).any()
    same = map_neighbors(np.zeros((40, 2)), np.arange(40) % 4, 4)
    assert same.sum() == 12
