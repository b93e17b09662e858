"""Inspection of clusters: tables, typical rows, outliers and possible label errors.

Tables are DataFrames where pandas is installed, and otherwise dicts of arrays with the same
columns.
"""

from vmfmix.inspection.clusters import (
    cosines_of_rows,
    describe,
    exemplars,
    merge_tree,
    neighbors,
    principal_plane,
)
from vmfmix.inspection.labels import compare, label_issues
from vmfmix.inspection.naming import name_clusters
from vmfmix.inspection.outlier_detection import outliers
from vmfmix.inspection.row_membership import membership
from vmfmix.inspection.words import typical_words

__all__ = [
    "compare",
    "cosines_of_rows",
    "describe",
    "exemplars",
    "label_issues",
    "membership",
    "merge_tree",
    "name_clusters",
    "neighbors",
    "outliers",
    "principal_plane",
    "typical_words",
]
