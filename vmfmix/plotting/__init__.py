"""Plots of fits, clusters, trainings, and images in clusters; they need matplotlib.

Each function draws on the axes that are passed, or on a new figure, and returns the axes. None of
them calls ``pyplot.show``.
"""

from vmfmix.plotting.clusters import plot_labels, plot_map, plot_similarity, plot_sizes, plot_sphere
from vmfmix.plotting.galleries import cluster_gallery, label_issue_gallery
from vmfmix.plotting.merge_history import plot_dendrogram, plot_merging, plot_scores
from vmfmix.plotting.training import plot_training

__all__ = [
    "cluster_gallery",
    "label_issue_gallery",
    "plot_dendrogram",
    "plot_labels",
    "plot_map",
    "plot_merging",
    "plot_scores",
    "plot_similarity",
    "plot_sizes",
    "plot_sphere",
    "plot_training",
]
