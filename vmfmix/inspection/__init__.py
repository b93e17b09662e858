"""What is in the clusters: tables of clusters, typical rows, outliers, and labels that look wrong.

Tables are DataFrames where pandas is installed, and else dicts of arrays of the same columns.
"""

from vmfmix.inspection.clusters import (
    cosines_of_rows,
    describe,
    exemplars,
    merge_tree,
    neighbors,
    outliers,
    principal_plane,
)
from vmfmix.inspection.labels import compare, label_issues
from vmfmix.inspection.words import typical_words

__all__ = [
    "compare",
    "cosines_of_rows",
    "describe",
    "exemplars",
    "label_issues",
    "merge_tree",
    "neighbors",
    "outliers",
    "principal_plane",
    "typical_words",
]
