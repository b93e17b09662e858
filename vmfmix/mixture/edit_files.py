"""Edits of clusters in a JSON file: the format, its validation, and the changes that it asks for.

All edits refer to clusters by the numbers before any edit (after ``cut``, if there is one), so that
their order does not matter.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, Literal

import numpy as np

from vmfmix.mixture.annotations import Annotation, Annotations, joined
from vmfmix.mixture.names import (
    LONGEST_NOTE,
    cluster_numbers,
    validate_unique,
    validated_text,
)
from vmfmix.storage.fingerprints import fingerprint
from vmfmix.storage.reading import input_file, name_of, validate_input_file

FORMAT, VERSION = "vmfmix edits", 1
_MAX_BYTES = 2**24  # of a file
_LONGEST_NAME = 1000  # characters

# For each edit, the fields that it must have, and those that it may have.
_FIELDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cut": (("n_components",), ()),
    "merge": (("clusters",), ()),
    "split": (("cluster",), ("n_components",)),
    "rename": (("cluster", "name"), ()),
    "note": (("cluster", "note"), ()),
    "noise": (("cluster",), ("noise",)),
}
_DONE = {
    "split": "split",
    "rename": "renamed",
    "note": "given a note",
    "noise": "marked as noise, or not",
}


@dataclass(frozen=True)
class EditPlan:
    """What edits ask for, independent of their order.

    Parameters
    ----------
    cut : int or None
        Number of components on the merge path, before all other edits.
    merges : list of list of int
        The clusters of each union, in ascending order; the unions in the order of their first one.
    splits : dict of int to (int or "auto")
        Number of parts by cluster, in ascending order.
    names, notes : dict of int to str
        By cluster; of a union, by the first of its clusters.
    noise : dict of int to bool
        In the same way.
    """

    cut: int | None = None
    merges: list[list[int]] = field(default_factory=list)
    splits: dict[int, int | Literal["auto"]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)
    noise: dict[int, bool] = field(default_factory=dict)

    def annotated(self, annotations: Annotations) -> list[Annotation]:
        """Return the annotations of the clusters before they are split and merged.

        Only the first cluster of a union has a name and a note, those of the union.

        Parameters
        ----------
        annotations : list of Annotation
            Before the edits, one for each cluster.

        Raises
        ------
        ValueError
            If two clusters would have the same name.
        """
        new, union_of = list(annotations), {members[0]: members for members in self.merges}
        for first, members in union_of.items():
            union = joined([annotations[member] for member in members])
            for member in members:
                new[member] = Annotation(is_noise=union.is_noise)
            new[first] = union
        for cluster, name in self.names.items():
            new[cluster] = new[cluster]._replace(name=name)
        for cluster, note in self.notes.items():
            new[cluster] = new[cluster]._replace(note=note)
        for cluster, noise in self.noise.items():
            for member in union_of.get(cluster, [cluster]):
                new[member] = new[member]._replace(is_noise=noise)
        validate_unique([each.name for each in new])
        return new


def plan_of(edits: Any, model: Any) -> EditPlan:
    """Return what edits ask of a model.

    Parameters
    ----------
    edits : dict, list, str, path-like or file object
        The contents of a file of edits, its path, or the open file; or a list of edits alone, which
        is not compared with the model.
    model : VMFMixture
        Fitted model.

    Returns
    -------
    EditPlan

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If the file is damaged or of a later version, if the edits belong to another model, if an
        edit is not valid, or if two edits contradict each other.

    Examples
    --------
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.datasets import load_snips
    >>> from vmfmix.mixture.edit_files import plan_of
    >>> model = VMFMixture(7, random_state=0).fit(load_snips().data)
    >>> plan_of([{"edit": "merge", "clusters": [5, 2]}], model).merges
    [[2, 5]]
    """
    if not isinstance(edits, (Mapping, list, tuple)):
        edits = read_edits(edits)
    if isinstance(edits, Mapping):
        edits = _validated_list(edits, model)
    planner = _Planner(model.n_components_)
    numbered = list(enumerate(edits, 1))
    # A cut decides what the numbers of the clusters mean, and merges what is the same cluster.
    for kinds in (("cut",), ("merge",), tuple(_FIELDS)[2:]):
        for position, edit in numbered:
            try:
                kind = _validated_kind(edit)
                if kind in kinds:
                    planner.add(kind, edit)
            except ValueError as error:
                raise ValueError(f"Edit {position}: {error}") from None
    return planner.plan


class _Planner:
    """Adds edits to a plan, one by one: the cut first, then merges, then the others."""

    def __init__(self, n_clusters: int) -> None:
        self.n_clusters = n_clusters
        self.plan = EditPlan()
        self._first_of: dict[int, int] = {}  # the first cluster of the union of each
        self._given: dict[tuple[str, int], int] = {}  # the cluster of an edit by kind and union

    def add(self, kind: str, edit: Mapping[str, Any]) -> None:
        """Add an edit of a valid kind, or raise ValueError."""
        if kind == "cut":
            self._add_cut(edit["n_components"])
        elif kind == "merge":
            self._add_merge(edit["clusters"])
        else:
            self._add_change(kind, edit)

    def _add_cut(self, n_components: Any) -> None:
        if self.plan.cut is not None:
            raise ValueError("The model is cut twice; leave one cut.")
        self.n_clusters = _number(n_components, "n_components", 1)
        self.plan = EditPlan(cut=self.n_clusters)

    def _add_merge(self, clusters: Any) -> None:
        if not np.iterable(clusters) or isinstance(clusters, (str, bytes, Mapping)):
            raise ValueError(f"clusters is {_shown(clusters)}; give a list of numbers.")
        members = list(clusters)
        for member in members:
            _number(member, "a cluster")
        if not 2 <= len(members) <= self.n_clusters:
            raise ValueError(
                f"{len(members)} clusters of {self.n_clusters} are given; merge at least two, each "
                "given once."
            )
        members = sorted(cluster_numbers(members, self.n_clusters))
        for member in members:
            if member in self._first_of:
                raise ValueError(
                    f"Cluster {member} is merged twice; give all clusters of a union in one edit."
                )
        self._first_of |= dict.fromkeys(members, members[0])
        self.plan.merges.append(members)
        self.plan.merges.sort()

    def _add_change(self, kind: str, edit: Mapping[str, Any]) -> None:
        (cluster,) = cluster_numbers([_number(edit["cluster"], "cluster")], self.n_clusters)
        first = self._first_of.get(cluster, cluster)
        if kind == "split" and cluster in self._first_of:
            raise ValueError(f"Cluster {cluster} is split and merged; leave one of both edits.")
        if (kind, first) in self._given:
            other = self._given[kind, first]
            which = f"Cluster {cluster} is"
            if other != cluster:
                which = f"Clusters {other} and {cluster}, which are merged, are both"
            raise ValueError(f"{which} {_DONE[kind]}{' twice' * (other == cluster)}; leave one.")
        self._given[kind, first] = cluster
        if kind == "split":
            self.plan.splits[cluster] = _parts(edit.get("n_components", 2))
        elif kind == "rename":
            self.plan.names[first] = _text(cluster, edit["name"], "name", _LONGEST_NAME)
        elif kind == "note":
            self.plan.notes[first] = _text(cluster, edit["note"], "note", LONGEST_NOTE)
        else:
            noise = edit.get("noise", True)
            if not isinstance(noise, bool):
                raise ValueError(f"noise is {_shown(noise)}; give true or false.")
            self.plan.noise[first] = noise


# --- values of edits ------------------------------------------------------------------------------


def _validated_kind(edit: Any) -> str:
    """Return the kind of an edit that has the fields of this kind."""
    if not isinstance(edit, Mapping):
        raise ValueError(f'{_shown(edit)} is not an edit; give one such as {{"edit": "merge", …}}.')
    kind = edit.get("edit")
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise ValueError(f"edit is {_shown(kind)}; give one of {', '.join(_FIELDS)}.")
    needed, optional = _FIELDS[kind]
    for name in needed:
        if name not in edit:
            raise ValueError(f"{kind} has no {name}; give it the fields {_listed(kind)}.")
    for name in edit:
        if name not in ("edit", *needed, *optional):
            raise ValueError(
                f"{kind} has the unknown field {_shown(name)}; give it only the fields "
                f"{_listed(kind)}."
            )
    return kind


def _listed(kind: str) -> str:
    needed, optional = _FIELDS[kind]
    return ", ".join(["edit", *needed, *(f"{name} (optional)" for name in optional)])


def _number(value: Any, name: str, lowest: int | None = None) -> int:
    is_integer = isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))
    if not is_integer or (lowest is not None and value < lowest):
        limit = "" if lowest is None else f" of at least {lowest}"
        raise ValueError(f"{name} is {_shown(value)}; give an integer{limit}.")
    return int(value)


def _parts(value: Any) -> int | Literal["auto"]:
    if isinstance(value, str) and value == "auto":
        return "auto"
    try:
        return _number(value, "n_components", 2)
    except ValueError as error:
        raise ValueError(f'{str(error)[:-1]}, or "auto".') from None


def _text(cluster: int, value: Any, noun: str, longest: int) -> str:
    if isinstance(value, str) and len(value) > longest:
        raise ValueError(
            f"The {noun} of cluster {cluster} has {len(value):,} characters; give at most "
            f"{longest:,}."
        )
    if not (value is None or isinstance(value, str)):
        raise ValueError(
            f"The {noun} of cluster {cluster} is {_shown(value)}; give a string, or null for none."
        )
    if value is not None and re.search("[\ud800-\udfff]", value):
        raise ValueError(f"The {noun} of cluster {cluster} has an unpaired surrogate; remove it.")
    return validated_text(cluster, value, noun)


def _shown(value: Any) -> str:
    """Return a value as it is shown in a message, shortened."""
    if isinstance(value, (Mapping, list, tuple)) and len(value) > 3:
        return f"a {'list' if isinstance(value, Sequence) else 'object'} of {len(value)} values"
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:59]}…"


# --- files ----------------------------------------------------------------------------------------


def read_edits(source: Any) -> dict[str, Any]:
    """Return the contents of a file of edits, of which `plan_of` validates all but their form.

    Parameters
    ----------
    source : str, path-like or file object
        A JSON file of at most 16 MB; an open file may be opened for text or for bytes.

    Returns
    -------
    dict

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is too large or not a JSON object, or has a key twice.
    """
    contents = _contents(source)
    if len(contents) > _MAX_BYTES:
        raise ValueError(
            f"{name_of(source)} has more than {_MAX_BYTES // 2**20} MB, too many for edits; pass a "
            "file of edits."
        )
    try:
        document = json.loads(
            contents.decode("utf-8-sig"),
            object_pairs_hook=_without_repeated_keys,
            parse_constant=_refuse_constant,
        )
        if isinstance(document, dict):
            return document
        reason = f"it holds {_shown(document)}, not an object"
    except UnicodeDecodeError:
        reason = "it is not text in UTF-8"
    except _RepeatedKeyError as error:
        reason = f"the key {_shown(error.args[0])} is given twice"
    except (ValueError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        reason = f"it is not JSON{where}"
    raise ValueError(
        f"{name_of(source)} is not a file of edits, since {reason}; pass a JSON file of edits."
    )


def _contents(source: Any) -> bytes:
    if isinstance(source, io.TextIOBase):
        return source.read(_MAX_BYTES + 1).encode("utf-8", "surrogatepass")
    if isinstance(source, str) and source.lstrip().startswith(("{", "[")):
        raise ValueError(
            "The contents of a file were given, not its path; pass json.loads(contents)."
        )
    if isinstance(source, (str, os.PathLike)):
        validate_input_file(source)
    elif not hasattr(source, "read"):
        raise ValueError(
            f"edits={_shown(source)} is not allowed; pass a dict, a list of edits, a path or an "
            "open file."
        )
    with input_file(source) as file:
        return file.read(_MAX_BYTES + 1)


class _RepeatedKeyError(Exception):
    """An object of a JSON file has the same key twice."""


def _without_repeated_keys(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _RepeatedKeyError(key)
        found[key] = value
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _validated_list(document: Mapping[str, Any], model: Any) -> Sequence[Any]:
    """Return the edits of a document for this model."""
    if document.get("format") != FORMAT:
        raise ValueError(_not_edits(f'"format" is not "{FORMAT}"'))
    version = _number(document.get("version"), "The version of the edits", 1)
    if version > VERSION:
        raise ValueError(
            f"The edits have the version {version}, which this version of vmfmix does not "
            "read; upgrade vmfmix."
        )
    for key in document:
        if key not in ("format", "version", "model", "edits"):
            raise ValueError(_not_edits(f"the key {_shown(key)} is unknown"))
    _validate_model(document.get("model"), model)
    edits = document.get("edits")
    if not isinstance(edits, (list, tuple)):
        raise ValueError(_not_edits(f'"edits" is {_shown(edits)}, not a list'))
    return edits


def _validate_model(stated: Any, model: Any) -> None:
    """Raise ValueError if the edits state another model than this one."""
    if stated is None:
        return
    if not isinstance(stated, Mapping) or stated.keys() != {"n_components", "fingerprint"}:
        raise ValueError(_not_edits('"model" is not {"n_components": …, "fingerprint": …}'))
    own = {"n_components": model.n_components_, "fingerprint": fingerprint(model)}
    if dict(stated) != own:
        raise ValueError(
            f"The edits belong to a model of {_shown(stated['n_components'])} clusters "
            f"with the fingerprint {_shown(stated['fingerprint'])}, but this one has "
            f"{own['n_components']} and {own['fingerprint']!r}; apply them to the model that they "
            "were made for."
        )


def _not_edits(reason: str) -> str:
    return (
        f"The edits are not in the format of version {VERSION}, since {reason}; pass a file of "
        "edits, or a list of edits."
    )
