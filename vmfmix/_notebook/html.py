"""Pieces of HTML that follow the theme of a notebook; all texts are escaped here."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_MAX_TEXT = 80  # characters of a name
# Colors derive from that of the text, so that they fit light and dark themes. Only children of the
# document are styled, not the tables of scikit-learn within it.
_STYLE = """
.vmfmix-repr { line-height: 1.45; max-width: 46rem; }
.vmfmix-repr > table { border-collapse: collapse; font-size: inherit; margin: .3rem 0; }
.vmfmix-repr > table :is(tr, th, td) { background: none; border: 0; color: inherit; }
.vmfmix-repr > table :is(th, td) { font-variant-numeric: tabular-nums; text-align: left;
  padding: .1rem .9rem .1rem 0; vertical-align: top; }
.vmfmix-repr > table th { font-weight: normal; opacity: .7; }
.vmfmix-repr > table .number { text-align: right; white-space: nowrap; }
.vmfmix-repr > table td.name { max-width: 18rem; min-width: 7rem; overflow-wrap: anywhere; }
.vmfmix-repr > table td.bar { min-width: clamp(2.5rem, 15vw, 9rem); }
.vmfmix-repr > table td.bar div { background: currentColor; height: .6em; margin-top: .45em;
  min-width: 1px; opacity: .35; }
.vmfmix-repr > svg { color: inherit; display: block; height: auto; max-width: 26rem; width: 100%; }
.vmfmix-repr > p { margin: .3rem 0; }
.vmfmix-repr > details > summary { cursor: pointer; margin: .3rem 0; }
"""


class Markup(str):
    """A piece of HTML, which is not escaped again."""

    __slots__ = ()


class Bar(NamedTuple):
    """A bar in a cell of a table.

    Parameters
    ----------
    share : float
        Its length, from 0 to 1.
    """

    share: float


Cell = str | Bar


def escaped(text: object) -> Markup:
    """Return a text as HTML that shows it, also within an attribute in any quotes."""
    if isinstance(text, Markup):
        return text
    valid = str(text).encode("utf-8", errors="replace").decode("utf-8")
    return Markup(html.escape(valid, quote=True))


def name(text: str) -> Markup:
    """Return a name of any length and direction as one line of HTML."""
    line = " ".join(text.split())
    shown = line if len(line) <= _MAX_TEXT else line[: _MAX_TEXT - 1] + "…"
    return Markup(f"<bdi>{escaped(shown)}</bdi>")


def document(title: str, *parts: str) -> str:
    """Return the HTML of an object: a title, and pieces below it."""
    content = "".join(escaped(part) for part in parts)
    head = f"<p><strong>{escaped(title)}</strong></p>"
    return f'<div class="vmfmix-repr"><style>{_STYLE}</style>{head}{content}</div>'


def facts(pairs: Iterable[tuple[str, str]]) -> Markup:
    """Return a table of two columns, names and values."""
    rows = (
        f'<tr><th scope="row">{escaped(label)}</th><td>{escaped(value)}</td></tr>'
        for label, value in pairs
    )
    return Markup(f"<table><tbody>{''.join(rows)}</tbody></table>")


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Markup:
    """Return a table of texts, names and bars.

    Parameters
    ----------
    columns : list of str
        Headers. Cells of the column "Name" are aligned left, others right.
    rows : list of list of str or Bar
    """
    kinds = ["name" if column == "Name" else "number" for column in columns]
    head = "".join(
        f'<th scope="col" class="{kind}">{escaped(column)}</th>'
        for kind, column in zip(kinds, columns)
    )
    body = "".join(f"<tr>{''.join(map(_cell, kinds, row))}</tr>" for row in rows)
    return Markup(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def paragraph(text: str) -> Markup:
    """Return a paragraph of text."""
    return Markup(f"<p>{escaped(text)}</p>")


def collapsed(summary: str, content: str) -> Markup:
    """Return a piece of HTML that is shown after a click on its summary."""
    return Markup(f"<details><summary>{escaped(summary)}</summary>{content}</details>")


def frame(page: str, title: str, height: int) -> str:
    """Return a whole page as a frame, whose scripts run but have no access to the notebook."""
    # In single quotes, as the data of a page has many double quotes, which then stay short.
    source = page.replace("&", "&amp;").replace("'", "&#x27;")
    return (
        f'<iframe title="{escaped(title)}" sandbox="allow-scripts allow-downloads" '
        f'style="border: 0; display: block; height: {height}px; width: 100%" '
        f"srcdoc='{source}'></iframe>"
    )


def counted(number: int, noun: str) -> str:
    """Return a number and its noun, such as "1 cluster" or "3,500 rows"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _cell(kind: str, value: Cell) -> str:
    if isinstance(value, Bar):
        width = f"{100.0 * value.share:.3g}%"
        return f'<td class="bar" aria-hidden="true"><div style="width: {width}"></div></td>'
    return f'<td class="{kind}">{escaped(value)}</td>'
