"""Columns of texts, labels, identifiers and images in a table: chosen by name, or guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from vmfmix.engines.rows import names as column_names
from vmfmix.storage.inputs.errors import InputError
from vmfmix.storage.tables import Table

ROLES = {
    "texts": "text_column",
    "labels": "label_column",
    "ids": "id_column",
    "images": "image_column",
}
# Usual names: those of an earlier group are preferred to those of a later one.
_USUAL = {
    "texts": (
        "text texts document documents doc docs content contents sentence sentences",
        "body abstract passage paragraph utterance query question prompt review comment message "
        "tweet post description summary caption",
        "title headline subject",
    ),
    "labels": ("label labels", "target class", "category topic intent"),
    "ids": ("id", "uuid guid", "index key"),
}
_SHARE = 0.5  # of the values of a column of texts that are distinct, and that have several words
# Two words, or letters of scripts without spaces between words.
_SEVERAL_WORDS = r"\p{L}.*\s.*\p{L}|[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}]{4}"


def find_roles(
    table: Table, embeddings: Sequence[str], given: Mapping[str, str | None]
) -> dict[str, str]:
    """Return the columns of texts, labels, identifiers and images.

    Parameters
    ----------
    table : Table
    embeddings : sequence of str
        Names of the columns of the embeddings, which have no other role.
    given : dict of str
        Names of columns for some of the `ROLES`, which `validate_given` has accepted. None stands
        for a guess, and "" for no column.

    Returns
    -------
    dict of str
        A name for each role that has a column.

    Raises
    ------
    InputError
        If a given column is one of the embeddings, or if a guess could be either of several
        columns.
    """
    roles = {role: name for role, name in given.items() if name}
    for role, name in roles.items():
        if name in embeddings:
            raise InputError(
                f"Column '{name}' of {table.source} is one of the embeddings; choose another "
                "column, or choose the embeddings without it.",
                ROLES[role],
            )
    taken = {*embeddings, *roles.values()}
    for role in _USUAL:
        if given.get(role) is None:
            left = [name for name in table.names if name not in taken]
            guess = _GUESSES[role](table, left)
            if guess is not None:
                roles[role] = guess
                taken.add(guess)
    return {role: roles[role] for role in ROLES if role in roles}


def is_usual(name: str) -> bool:
    """Return whether labels or identifiers often have this name.

    Examples
    --------
    >>> from vmfmix.storage.inputs.roles import is_usual
    >>> [name for name in ("Label", "doc_id", "docId", "e12", "idea") if is_usual(name)]
    ['Label', 'doc_id', 'docId']
    """
    return _rank("labels", name) is not None or _rank("ids", name) is not None


def validate_given(table: Table, given: Mapping[str, str | None]) -> None:
    """Raise InputError if a given column does not exist, or has no single values such as texts."""
    for role, name in given.items():
        if name and name not in table.names:
            raise InputError(
                f"{table.source} has no column '{name}'; choose from "
                f"{column_names.listed(table.names)}.",
                ROLES[role],
            )
        if name and not _has_single_values(table.type(name)):
            raise InputError(
                f"Column '{name}' of {table.source} has values of type {table.type(name)}; choose "
                f"a column of {'paths' if role == 'images' else role}.",
                ROLES[role],
            )


def only_column(table: Table, role: str) -> str | None:
    """Return the only column of a table, or the one with the most usual name for a role."""
    single = [name for name in table.names if _has_single_values(table.type(name))]
    return single[0] if len(single) == 1 else _best(table, role, single)


def _guess_texts(table: Table, names: Sequence[str]) -> str | None:
    """Return the column with a usual name, or the only one that has different, longer texts."""
    texts = [name for name in names if table.is_text(name)]
    usual = _best(table, "texts", texts)
    if usual is not None:
        return usual
    likely = [
        name for name in texts if not is_usual(name) and _looks_like_texts(table.sample(name))
    ]
    return likely[0] if len(likely) == 1 else None


def _guess_labels(table: Table, names: Sequence[str]) -> str | None:
    return _best(table, "labels", [name for name in names if _may_be_labels(table, name)])


def _guess_ids(table: Table, names: Sequence[str]) -> str | None:
    """Return the column of identifiers, none of which may be repeated; None if there are two."""
    import pyarrow.compute as pc

    found: dict[int, list[str]] = {}
    for name in names:
        rank = _rank("ids", name)
        if rank is not None and _has_single_values(table.type(name)):
            found.setdefault(rank, []).append(name)
    for rank in sorted(found):
        distinct = []
        for name in found[rank]:
            values = table.read([name]).column(0)
            if not values.null_count and pc.count_distinct(values).as_py() == len(values):
                distinct.append(name)
        if distinct:
            return distinct[0] if len(distinct) == 1 else None
    return None


_GUESSES = {"texts": _guess_texts, "labels": _guess_labels, "ids": _guess_ids}


def _best(table: Table, role: str, names: Sequence[str]) -> str | None:
    """Return the name that is most usual for a role, or raise InputError if there are several."""
    ranks = {name: rank for name in names if (rank := _rank(role, name)) is not None}
    best = [name for name, rank in ranks.items() if rank == min(ranks.values())]
    if len(best) > 1:
        raise InputError(
            f"{table.source} has {len(best)} columns that may be the {role} "
            f"({column_names.listed(best)}); choose one by name, or '' for none.",
            ROLES[role],
        )
    return best[0] if best else None


def _rank(role: str, name: str) -> int | None:
    """Return how usual a name is for a role, 0 the most, or None if it is not."""
    for rank, usual in enumerate(_USUAL[role]):
        if name.strip().lower() in usual.split():
            return rank
    if role == "ids" and re.search(r"[_\-. ](id|ID|Id)$|[a-z0-9]I[dD]$", name):
        return 1
    return None


def _has_single_values(type: Any) -> bool:
    """Return whether the values of an Arrow type are single ones, such as texts and numbers."""
    import pyarrow as pa

    return not pa.types.is_nested(getattr(type, "storage_type", type))


def _may_be_labels(table: Table, name: str) -> bool:
    """Return whether values may be those of classes, which numbers with fractions are not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    type = table.type(name)
    if pa.types.is_floating(type):
        values = table.read([name]).column(0)
        is_whole = pc.or_kleene(pc.is_nan(values), pc.equal(pc.floor(values), values))
        return pc.all(is_whole).as_py() is not False
    checks = pa.types.is_integer, pa.types.is_boolean, pa.types.is_dictionary
    return table.is_text(name) or any(check(type) for check in checks)


def _looks_like_texts(values: Any) -> bool:
    """Return whether most values are distinct, and most have several words."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = values.cast(pa.string()).drop_null()
    if not len(texts) or pc.count_distinct(texts).as_py() <= _SHARE * len(texts):
        return False
    return bool(pc.mean(pc.match_substring_regex(texts, _SEVERAL_WORDS)).as_py() > _SHARE)
