"""Sphinx directive ``{benchmark-tables} NAME``: show benchmarks/results/NAME.json as tables.

``:only: PART ...`` shows only these parts of the file, and ``:without: PART ...`` leaves them out.
Lines ``PART: HEADING`` in the body of the directive give parts another heading than their name.

The output depends only on the JSON file, so a new benchmark needs no code here:

* the plain values of an object become one line of text; those of the machine and of the versions
  of libraries follow below the tables, closed until they are clicked;
* a list of flat objects becomes a table with one row per object and the union of their keys as
  columns;
* an object of flat objects that share keys becomes the same kind of table, with their names in the
  first column;
* every other part follows below under its name, which is left out if ``:only:`` chose one part,
  and closed if it has more than ten tables.
"""

import html
import json
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
_MACHINE = ("python", "blas_kernels")  # the first and the last key from benchmarks/machine.py
_MANY_COLUMNS = 10
_MANY_TABLES = 10


def to_markdown(value, heading=""):
    """Return the lines of Markdown for one value of a results file."""
    heading = f"**{heading}**" if heading else ""
    if _is_table(value):
        return [heading, "", *_table(value)]
    if not isinstance(value, dict):
        return [f"{heading} {_cell(value)}".strip(), ""]
    facts = {key: part for key, part in value.items() if _is_flat(part)}
    parts = {key: part for key, part in value.items() if key not in facts}
    lines = [heading, "", _line(facts), ""]
    if _share_columns(parts.values()):
        return lines + _table([{"": _words(key), **part} for key, part in parts.items()])
    return lines + [line for key, part in parts.items() for line in to_markdown(part, key)]


def _line(facts):
    """Return plain values as one line of text, without the empty ones."""
    line = "; ".join(f"{_words(key)}: {_cell(part)}" for key, part in facts.items() if part != [])
    return line[:1].upper() + line[1:]


def split_off_machine(results):
    """Return the values of the machine and of the versions of libraries, and all others."""
    keys = list(results)
    if not set(_MACHINE) <= set(keys):
        return {}, results
    first, last = map(keys.index, _MACHINE)
    machine = {key: results[key] for key in keys[first : last + 1]}
    installed = {key: part for key, part in machine.items() if part != "not installed"}
    return installed, {key: part for key, part in results.items() if key not in machine}


def tables_in(value):
    """Return the number of tables of one value of a results file."""
    if _is_table(value):
        return 1
    if not isinstance(value, dict) or _share_columns(value.values()):
        return int(isinstance(value, dict))
    return sum(map(tables_in, value.values()))


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
            return f"{value:,.0f}"
        return f"{value:.3g}" if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.1e}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(_cell(part) for part in value)
    return str(value).replace("|", "\\|").replace("\n", " ")


class BenchmarkTables(SphinxDirective):
    """Tables of one results file, or a note if the file does not exist yet."""

    required_arguments = 1
    option_spec = {"without": str.split, "only": str.split}
    has_content = True

    def run(self):
        """Return the nodes of the tables."""
        name = self.arguments[0]
        path = RESULTS / f"{name}.json"
        self.env.note_dependency(str(path))
        if not path.is_file():
            text = f"No results yet: run `make bench` to create benchmarks/results/{name}.json."
            return self.parse_text_to_nodes(text)
        results = json.loads(path.read_text(encoding="utf-8"))
        headings = {part: _heading(part) for part in results}
        headings |= dict(line.split(": ", 1) for line in self.content if line)
        if unknown := set(headings) - set(results):
            raise self.error(f"{path.name} has no part {', '.join(sorted(unknown))}")
        for part in self.options.get("without", ()):
            results.pop(part, None)
        chosen = self.options.get("only", results)
        results = {part: results[part] for part in chosen if part in results}
        if "only" in self.options and len(results) == 1 and not self.content:
            headings = dict.fromkeys(headings, "")
        machine, results = split_off_machine(results)
        facts = {part: results.pop(part) for part in list(results) if _is_flat(results[part])}
        shown = self._parse([_line(facts)])
        for part, value in results.items():
            if tables_in(value) > _MANY_TABLES:
                summary = f"{headings[part]} ({tables_in(value)} tables)"
                shown += _details(summary, self._parse(to_markdown(value)))
            else:
                shown += self._parse(to_markdown(value, headings[part]))
        if machine:
            shown += _details("Machine and versions", self._parse([_line(machine)]))
        return shown

    def _parse(self, lines):
        """Return the nodes of Markdown, with a class for tables of many columns."""
        parsed = self.parse_text_to_nodes("\n".join(lines))
        for part in parsed:
            for table in part.findall(nodes.table):
                columns = len(next(iter(table.findall(nodes.row))))
                table["classes"] += ["many-columns"] * (columns > _MANY_COLUMNS)
        return parsed


def _heading(name):
    """Return the heading of a part: its name in words."""
    return _words(name)[:1].upper() + _words(name)[1:]


def _details(summary, content):
    """Return nodes that are shown only after a click on the summary."""
    opening = f'<details class="measured"><summary>{html.escape(summary)}</summary>'
    return [
        nodes.raw("", opening, format="html"),
        *content,
        nodes.raw("", "</details>", format="html"),
    ]


def setup(app):
    """Register the directive with Sphinx."""
    app.add_directive("benchmark-tables", BenchmarkTables)
    return {"version": "2", "parallel_read_safe": True}
