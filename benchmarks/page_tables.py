"""Small tables of pages of the documentation, from the results of several benchmarks.

``python -m benchmarks.page_tables`` prints them as Markdown.
"""

import json
import re
from pathlib import Path

import numpy as np

from benchmarks.tables import markdown

RESULTS = Path(__file__).parent / "results"
RANGES = {  # of the strength of the first level
    "75 % or more": (0.75, np.inf),
    "50 to 75 %": (0.5, 0.75),
    "below 50 %": (0.0, 0.5),
}
VARIANTS = {"smoothed": "VMFMixture, smoothed", "not smoothed": "VMFMixture"}


def strengths():
    """Return the table of error factors by the strength of the first level.

    Sets that are not hard are counted, with the levels of the first seed.
    """
    sets = [each for each in _results("number_of_clusters")["labeled"] if not each["hard"]]
    table = [{"strength": name} for name in RANGES]
    for variant, method in VARIANTS.items():
        runs = [each for each in sets if each["method"] == method]
        for row, (low, high) in zip(table, RANGES.values(), strict=True):
            factors = [each["to the nearer K*"] for each in runs if low <= _strength(each) < high]
            row[f"sets, {variant}"] = str(len(factors))
            row[f"off by, {variant}"] = f"{np.median(factors):.2f}"
    return markdown(table)


def shares_with_level():
    """Return the share of sets with a level near the number of classes, for each variant."""
    summary = _results("number_of_clusters")["summary"]
    by_method = {each["method"]: each for each in summary}
    title = "K* within a factor 1.5 of a level"
    return [by_method[method][title] for method in VARIANTS.values()]


def _strength(run):
    return float(re.search(r"\((.*?)\)", run["levels"])[1])


def sizes():
    """Return the table of what to do with how many rows."""
    (small, *_) = _results("large_data_smoothing")["smoothing"]
    million = _results("million_rows")
    stages, estimates = million["stages"], million["estimates"]
    (disk, *_) = _results("large_data")["fit"]
    (gpu,) = _results("gpu")["fits"]
    assert [small["rows"], stages[0]["rows"], estimates[0]["rows"]] == [10**5, 10**6, 10**7]
    assert disk["rows"] == 5 * 10**6
    assert gpu["rows"] == 10**6
    rows = [
        (
            "[100,000](#up-to-100000-rows)",
            "`smooth=True`",
            f"{small['seconds']:.0f} s",
            _gib(small["peak memory beyond rows MiB"]),
        ),
        (
            "[1 million](#a-million-rows)",
            "`smooth=True`",
            _seconds_of_stages(stages),
            _gib(max(each["peak memory MiB"] for each in stages)),
        ),
        (
            "[10 million](#a-million-rows), estimated",
            "`smooth=True`",
            _seconds_of_stages(estimates),
            _gib(max(each["peak memory MiB"] for each in estimates)),
        ),
        (
            "[5 million](#rows-on-disk), in memory or on disk",
            f"`{disk['components']}`",
            f"{disk['seconds']:.0f} s",
            _gib(disk["peak private memory MiB"]),
        ),
        (
            f"[1 million](#gpus) of {gpu['features']} features, on a GPU",
            f"`{gpu['components']}`",
            f"{gpu['seconds']:.0f} s",
            "",
        ),
    ]
    titles = "rows", "`VMFMixture(…)`", "time of a fit", "memory beside the rows"
    lines = ["| " + " | ".join(titles) + " |", "|---|---|---:|---:|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _seconds_of_stages(stages):
    """Return the time of the search, smoothing and fit, as text."""
    total = sum(
        each["seconds"]
        for each in stages
        if each["stage"].startswith(("search and smoothing", "fit"))
    )
    return f"{total:.0f} s" if total < 600 else f"{total / 60:.0f} min"


def _gib(mib):
    return f"{mib / 1024:.1f} GiB"


def _results(name):
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


if __name__ == "__main__":
    print(strengths(), sizes(), sep="\n\n")
