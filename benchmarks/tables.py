"""Formatting of table cells, and reading and writing of the results files."""

import json
import re

import numpy as np

from benchmarks.alternating import median, ratios


def ratio_with_quartiles(seconds, other):
    """Return the median and quartiles of the ratios as `2.00 (1.90, 2.10)`, or None if none."""
    if seconds is None or not len(found := ratios(seconds, other)):
        return None
    return f"{np.median(found):.2f} ({quartiles(found)})"


def quartiles(values, digits=2):
    """Return the first and third quartile as text."""
    return ", ".join(f"{q:.{digits}f}" for q in np.quantile(values, [0.25, 0.75]))


def milliseconds(seconds):
    """Return the rounded median in milliseconds, or None if nothing was measured."""
    value = float("nan") if seconds is None else median(np.asarray(seconds))
    return None if np.isnan(value) else round(1e3 * value, 2 if value < 0.01 else 1)


def print_rows(title, *rows):
    """Print rows of a table, one per line."""
    for row in rows:
        cells = ", ".join(f"{name}: {value}" for name, value in row.items())
        print(f"[{title}] {cells}", flush=True)


def merge_tables(earlier, new, order):
    """Return the new tables, plus earlier ones that were not measured again, in this order."""
    merged = {**earlier, **new}
    return {name: merged[name] for name in order if merged.get(name)}


def save(path, facts, new, order):
    """Write facts and tables to a file, keeping the tables in it that were not measured again."""
    earlier = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    write(path, {**facts, **merge_tables(earlier, new, order)})


def write(path, results):
    """Write a results file, with lists of numbers on one line each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=1, ensure_ascii=False)
    text = re.sub(r"\[[\s\d.,]+\]", lambda numbers: " ".join(numbers[0].split()), text)
    path.write_text(text + "\n", encoding="utf-8")


def markdown(rows):
    """Return rows of cells that are text as a Markdown table, numbers aligned right."""
    titles = list(rows[0]) if rows else []
    lines = ["| " + " | ".join(titles) + " |", "|---|" + "---:|" * (len(titles) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row.values()) + " |" for row in rows])
