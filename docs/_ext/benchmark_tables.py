"""Sphinx directive ``{benchmark-tables} NAME``: show benchmarks/results/NAME.json as tables.

``:only: PART ...`` shows only these parts of the file, and ``:without: PART ...`` leaves them out.

The output depends only on the JSON file, so a new benchmark needs no code here:

* the plain values of an object become one line of text;
* a list of flat objects becomes a table with one row per object and the union of their keys as
  columns;
* an object of flat objects that share keys becomes the same kind of table, with their names in the
  first column;
* every other part follows below under its name.
"""

import json
from pathlib import Path

from sphinx.util.docutils import SphinxDirective

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"


def to_markdown(value, title=""):
    """Return the lines of Markdown for one value of a results file."""
    name = f"**{_words(title)[:1].upper()}{_words(title)[1:]}.** " if title else ""
    if _is_table(value):
        return [name, "", *_table(value)]
    if not isinstance(value, dict):
        return [name + _cell(value), ""]
    facts = {key: part for key, part in value.items() if _is_flat(part)}
    parts = {key: part for key, part in value.items() if key not in facts}
    line = "; ".join(f"{_words(key)}: {_cell(part)}" for key, part in facts.items())
    lines = [name + line, ""]
    if _share_columns(parts.values()):
        return lines + _table([{"": _words(key), **part} for key, part in parts.items()])
    return lines + [line for key, part in parts.items() for line in to_markdown(part, key)]


def _is_flat(value):
    """Return whether a value fits into one cell: a scalar or a list of scalars."""
    return not isinstance(value, dict) and not (
        isinstance(value, list) and any(isinstance(part, (dict, list)) for part in value)
    )


def _is_row(value):
    """Return whether a value is an object whose values each fit into one cell."""
    return isinstance(value, dict) and all(_is_flat(part) for part in value.values())


def _share_columns(parts):
    """Return whether the parts are several rows with a common column, which form one table."""
    return len(parts) > 1 and all(map(_is_row, parts)) and bool(set.intersection(*map(set, parts)))


def _is_table(value):
    """Return whether a value is a list of rows."""
    return isinstance(value, list) and bool(value) and all(_is_row(part) for part in value)


def _table(rows):
    """Return a pipe table with the union of the keys as columns and numbers aligned right."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(map(_words, columns)) + " |"]
    lines.append("|" + "|".join(_alignment(row.get(c) for row in rows) for c in columns) + "|")
    lines += ["| " + " | ".join(_cell(row.get(c)) for c in columns) + " |" for row in rows]
    return [*lines, ""]


def _alignment(values):
    numeric = all(value is None or isinstance(value, (int, float)) for value in values)
    return "---:" if numeric else "---"


def _words(name):
    return str(name).replace("_", " ").replace("|", "\\|")


def _cell(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return ""
    if isinstance(value, float):
        if 100 <= abs(value) < 1e5:
            return f"{value:.0f}"
        return f"{value:.3g}" if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.1e}"
    if isinstance(value, list):
        return ", ".join(_cell(part) for part in value)
    return str(value).replace("|", "\\|").replace("\n", " ")


class BenchmarkTables(SphinxDirective):
    """Tables of one results file, or a note if the file does not exist yet."""

    required_arguments = 1
    option_spec = {"without": str.split, "only": str.split}

    def run(self):
        """Return the nodes of the tables."""
        name = self.arguments[0]
        path = RESULTS / f"{name}.json"
        self.env.note_dependency(str(path))
        if not path.is_file():
            text = f"No results yet: run `make bench` to create benchmarks/results/{name}.json."
            return self.parse_text_to_nodes(text)
        results = json.loads(path.read_text(encoding="utf-8"))
        for part in self.options.get("without", ()):
            results.pop(part, None)
        if "only" in self.options:
            results = {part: results[part] for part in self.options["only"] if part in results}
        return self.parse_text_to_nodes("\n".join(to_markdown(results)))


def setup(app):
    """Register the directive with Sphinx."""
    app.add_directive("benchmark-tables", BenchmarkTables)
    return {"version": "1", "parallel_read_safe": True}
