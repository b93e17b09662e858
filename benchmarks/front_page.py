"""The table on the front page of the documentation, from the results of two benchmarks.

``python -m benchmarks.front_page`` prints it as Markdown.
"""

import json
from pathlib import Path

from benchmarks.tables import markdown

RESULTS = Path(__file__).parent / "results"
# Name on the page, and names in the results with a given and with an unknown number of clusters.
METHODS = (
    ("`VMFMixture(smooth=True)`", "VMFMixture, smoothed", "VMFMixture, smoothed"),
    ("`VMFMixture()`", "VMFMixture", "VMFMixture"),
    ("UMAP + KMeans", "UMAP + KMeans", None),
    ("UMAP + HDBSCAN", None, "UMAP + HDBSCAN"),
    ("Leiden", "Leiden", "Leiden, modularity"),
    ("KMeans, 10 starts", "KMeans n_init=10", None),
    ("KMeans, 1 start", "KMeans n_init=1", None),
    ("GaussianMixture, spherical", "GaussianMixture spherical", None),
)
NOTHING = "–"


def table():
    """Return the table as Markdown."""
    known = _by_method("quality", "mean_over_sets")
    unknown = _by_method("number_of_clusters", "summary")
    return markdown(
        [
            {
                "method": name,
                "ARI, number given": _cell(known.get(given), "ARI", ".3f"),
                "ARI, number found": _cell(unknown.get(found), "ARI, mean", ".3f"),
                "number off by": _cell(unknown.get(found), "error factor, median", ".1f", "{}×"),
                "worst set": _cell(unknown.get(found), "error factor, worst", ".0f", "{}×"),
                "left as noise": _cell(unknown.get(found), "noise, mean", ".0%", default=0.0),
                "time": _cell(known.get(given), "time / KMeans n_init=10", ".2f", "{}×"),
            }
            for name, given, found in METHODS
        ]
    )


def _by_method(file, part):
    results = json.loads((RESULTS / f"{file}.json").read_text(encoding="utf-8"))
    return {row["method"]: row for row in results[part]}


def _cell(row, title, digits, form="{}", default=None):
    """Return a value of a row as text, or a dash if the method was not measured."""
    if row is None:
        return NOTHING
    return form.format(format(row.get(title, default), digits))


if __name__ == "__main__":
    print(table())
