"""One page of HTML that shows a clustering: it needs no network, no server and no library."""

import base64
import io
import json
from importlib.resources import files

import numpy as np
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from vmfmix.inspection import (
    compare,
    describe,
    label_issues,
    neighbors,
    outliers,
    principal_plane,
    typical_words,
)
from vmfmix.inspection.clusters import assigned_probabilities, cosines_of_rows, nearest_rows
from vmfmix.inspection.labels import labels_of_rows
from vmfmix.inspection.words import as_texts
from vmfmix.metrics import clustering_report
from vmfmix.plotting.axes import COLORS
from vmfmix.storage.writing import atomic_file

__all__ = ["write_report"]

_EXEMPLARS, _FEWER = 8, 4  # of each cluster; fewer where there are many clusters
_MANY_CLUSTERS = 100
_LISTED = 200  # outliers and suspicious labels, at most
_ON_THE_MAP = 5000
_NUMBERED = 60  # clusters, at most, whose number is on the map
_LEVELS = 24  # numbers of clusters that can be looked at
_FINEST = 4  # times as many clusters as were found, at most
_LONGEST = 600  # letters of a text
_SIDE = 96  # pixels of an image
_OUTLIER_SHARE = 0.01


def write_report(
    path, model, X, *, texts=None, images=None, labels=None, title="Clusters", n_rows=20_000
):
    """Write a page that shows what is in the clusters.

    The page has a map, a table of the clusters with their words and typical rows, a search over
    texts, rows far out, labels that look wrong, and the clusters at other numbers of them. It is
    one file that opens in any browser, also without network, and runs no code but its own: texts
    are shown as they are.

    Parameters
    ----------
    path : str or path-like
        What to write, an .html file. It appears when it is complete.
    model : VMFMixture
        Fitted.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        The rows to show, usually those of the fit.
    texts : sequence of str of length n_samples, default=None
        What the rows stand for; the first 600 letters of each are in the page. What is no string is
        written as one, and what is missing is empty.
    images : array-like of shape (n_samples, height, width[, channels]) or sequence of str, \
default=None
        The same as images, in bytes or numbers from 0 to 1, or files of images. Those of typical
        rows, outliers and suspicious labels are in the page, small. Needs Pillow.
    labels : array-like of shape (n_samples,), default=None
        Known classes, to compare with and to be suspicious of.
    title : str, default="Clusters"
    n_rows : int, default=20_000
        So many rows can be searched, evenly chosen where there are more.

    Raises
    ------
    ValueError
        If texts, images or labels are not as many as rows, or a label is missing.
    ImportError
        If there are images and no Pillow.

    Examples
    --------
    >>> import os, tempfile
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.datasets import load_snips
    >>> from vmfmix.report import write_report
    >>> snips = load_snips()
    >>> model = VMFMixture(7, random_state=0).fit(snips.data)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "report.html")
    ...     write_report(path, model, snips.data, texts=snips.texts)
    ...     os.path.getsize(path) > 100_000
    True
    """
    check_is_fitted(model)
    X = np.asarray(X) if isinstance(X, (list, tuple)) else X
    for known in (texts, images, labels):
        if known is not None:
            check_consistent_length(X, known)
    texts = None if texts is None else as_texts(texts)
    labels = None if labels is None else np.asarray(labels)
    contents = _contents(model, X, texts, images, labels, n_rows)
    # No < in the data, so that nothing in a text ends the script or begins another.
    text = json.dumps({"title": str(title), **contents}, ensure_ascii=False, allow_nan=False)
    text = text.replace("<", "\\u003c")
    before, after = files(__name__).joinpath("page.html").read_text("utf-8").split("@DATA@")
    with atomic_file(path) as file:
        file.write(f"{before}{text}{after}".encode("utf-8", errors="replace"))


def _contents(model, X, texts, images, labels, n_rows):
    """All that the page shows, in plain numbers, lists and strings."""
    given = model.predict(X)
    cosines, _ = cosines_of_rows(model, X, given)
    number = _EXEMPLARS if model.n_components_ <= _MANY_CLUSTERS else _FEWER
    exemplars = nearest_rows(given, cosines, model.n_components_, number)
    far = {key: np.asarray(part) for key, part in outliers(model, X, _OUTLIER_SHARE).items()}
    n_far = len(far["row"])
    far = {key: part[:_LISTED] for key, part in far.items()}
    issues = _issues(model, X, labels)
    suspicious = np.array([] if issues is None else issues["row"], dtype=np.int64)
    wanted = [exemplars[exemplars >= 0], far["row"], suspicious]
    rows = np.unique(np.concatenate([_evenly(len(given), n_rows), *wanted]))
    shown = _at(X, rows)
    path = _path(model, shown, rows, given[rows])
    pictures = [*wanted, *([] if path is None else [path.pop("rows")])]
    probabilities = assigned_probabilities(model, shown, given[rows])
    return {
        "facts": _facts(model, X, labels, given),
        "colors": list(COLORS),
        "n_rows": len(given),
        "clusters": {
            **_clusters(model, X, texts, labels, given),
            "exemplars": exemplars.tolist(),
        },
        "neighbors": _neighbors(model),
        "rows": {
            "row": rows.tolist(),
            "cluster": given[rows].tolist(),
            "probability": _rounded(probabilities),
            "cosine": _rounded(np.where(given[rows] < 0, -1.0, cosines[rows])),
            **({} if texts is None else {"text": [_short(texts[row]) for row in rows]}),
            **({} if labels is None else {"label": [str(labels[row]) for row in rows]}),
        },
        **_map(model, shown, given[rows]),
        "outliers": {
            **{key: far[key].tolist() for key in ("row", "cluster")},
            **{key: _rounded(far[key], 6) for key in ("cosine", "p_value")},
        },
        "outlier_note": f"p-value below {_OUTLIER_SHARE:g}; {n_far} of {len(given)} rows"
        + (f", the first {_LISTED} are here" if n_far > _LISTED else ""),
        "issues": issues,
        "path": path,
        "images": None if images is None else _thumbnails(images, np.concatenate(pictures)),
    }


def _facts(model, X, labels, given):
    """The first lines."""
    n_clusters = model.n_components_
    facts = [
        f"{len(given)} rows of {model.n_features_in_} numbers",
        f"{n_clusters} {'cluster' if n_clusters == 1 else 'clusters'}"
        + (" (their number was found)" if model.n_components == "auto" else ""),
    ]
    noise = int((given < 0).sum())
    if noise:
        facts.append(f"{noise} rows near no cluster (background)")
    if labels is not None:
        report = clustering_report(labels, given)
        facts.append(
            f"against {report['n_classes']} labels: AMI {report['adjusted_mutual_info']:.3f}, "
            f"accuracy {report['accuracy']:.3f}"
        )
    return facts


def _clusters(model, X, texts, labels, given):
    """The table of clusters, a list for each column."""
    table = describe(model, X)
    columns = {
        "size": np.asarray(table["size"]).tolist(),
        "share": _rounded(np.asarray(table["size"]) / len(given), 6),
        "nearest_cluster": np.asarray(table["nearest_cluster"]).tolist(),
        **{
            name: _rounded(table[name])
            for name in ("concentration", "radius", "silhouette", "nearest_cosine")
        },
    }
    if texts is not None:
        words = typical_words(texts, given)
        columns["words"] = words + [[] for _ in range(model.n_components_ - len(words))]
    if labels is not None:
        agreement = compare(model, X, labels)
        place = {cluster: i for i, cluster in enumerate(np.asarray(agreement["cluster"]).tolist())}
        found = [place.get(cluster) for cluster in range(model.n_components_)]
        names, purity = (np.asarray(agreement[name]) for name in ("label", "purity"))
        columns["label"] = ["" if at is None else str(names[at]) for at in found]
        columns["purity"] = [None if at is None else round(float(purity[at]), 4) for at in found]
    return columns


def _neighbors(model, number=5):
    """Pairs (cluster, cosine) of the clusters that are nearest to each."""
    pairs: list = [[] for _ in range(model.n_components_)]
    table = neighbors(model, number)
    for one, other, cosine in zip(*(np.asarray(table[name]) for name in table)):
        pairs[one].append((int(other), round(float(cosine), 4)))
    return pairs


def _map(model, rows, given):
    """Places of some rows in a plane, and the middle of each cluster."""
    drawn = _evenly(len(given), _ON_THE_MAP)
    plane = principal_plane(_at(rows, drawn))
    found = np.unique(given[drawn][given[drawn] >= 0])
    middle = [
        (int(cluster), *np.round(np.median(plane[given[drawn] == cluster], axis=0), 4).tolist())
        for cluster in (found if len(found) <= _NUMBERED else [])
    ]
    note = (
        f"{'Rows' if len(drawn) == len(given) else f'{len(drawn)} rows'} in the plane of their two "
        "principal components, which shows little of many dimensions: clusters that overlap here "
        "may lie far apart. A click on a row opens its cluster."
    )
    x, y = plane.T
    return {
        "map": {"place": drawn.tolist(), "x": _rounded(x), "y": _rounded(y), "middle": middle},
        "map_note": note,
    }


def _issues(model, X, labels):
    """Rows whose label another one fits better."""
    if labels is None or len(labels_of_rows(X, labels)[0]) < 2:
        return None
    table = label_issues(model, X, labels)
    names = "given_label", "suggested_label", "given_label_probability", "cluster"
    given, suggested, probability, cluster = (np.asarray(table[name]) for name in names)
    suspicious = np.flatnonzero((given != suggested) & np.isfinite(probability))
    suspicious = suspicious[np.argsort(np.asarray(table["rank"])[suspicious])]
    listed = suspicious[:_LISTED]
    return {
        "row": listed.tolist(),
        "given": [str(name) for name in given[listed]],
        "suggested": [str(name) for name in suggested[listed]],
        "probability": _rounded(probability[listed], 6),
        "cluster": cluster[listed].tolist(),
        "note": f"; {len(suspicious)} of {len(given)} rows"
        + (f", the first {_LISTED} are here" if len(suspicious) > _LISTED else ""),
    }


def _path(model, shown, rows, given):
    """The clusters at other numbers of them, and which of the fit each is made of."""
    if not hasattr(model, "merge_history_"):
        return None
    history, found = model.merge_history_, model.n_components_
    least, most = int(history.rounds[-1]), history.n_components_init
    most = max(min(most, max(_FINEST * found, 40), len(rows)), found)
    near = [number for number in range(found - 3, found + 4) if least <= number <= most]
    wide = np.geomspace(max(least, 1), most, _LEVELS).round().astype(int).tolist()
    levels, pictures = [], []
    for number in sorted({*near, *wide}):
        cut = model if number == found else model.merge_to(number)
        labels = given if number == found else cut.predict(shown)
        cosines, _ = cosines_of_rows(cut, shown, labels)
        exemplars = nearest_rows(labels, cosines, number, 3)
        chosen = np.where(exemplars >= 0, rows[exemplars], -1)
        pictures.append(chosen[chosen >= 0])
        levels.append(
            {
                "number": number,
                "share": _rounded(np.bincount(labels[labels >= 0], minlength=number) / len(rows)),
                "exemplars": chosen.tolist(),
                "parts": _parts(labels, given, number) if number != found else [[]] * number,
            }
        )
    return {
        "found": found,
        "levels": levels,
        "candidates": history.candidates.tolist(),
        "scores": _rounded(history.scores, 6),
        "rows": np.concatenate(pictures),
    }


def _parts(labels, given, number):
    """For each cluster, pairs (cluster of the fit, its share), the largest five above 5 %."""
    n_given = int(given.max(initial=0)) + 2
    counts = np.zeros((number, n_given))
    known = labels >= 0
    np.add.at(counts, (labels[known], given[known] + 1), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    largest = np.argsort(-shares, axis=1, kind="stable")[:, :5]
    return [
        [(int(k) - 1, round(float(of[k]), 4)) for k in order if of[k] > 0.05]
        for of, order in zip(shares, largest)
    ]


def _thumbnails(images, rows):
    """Small images as addresses that hold them, by row."""
    return {int(row): _thumbnail(_at(images, row)) for row in np.unique(rows)}


def _thumbnail(image):
    try:
        from PIL import Image

        from vmfmix.storage.images import read_image
    except ImportError:
        raise ImportError("Images need Pillow; install it with pip install pillow.") from None
    if isinstance(image, str) or hasattr(image, "__fspath__"):
        small = read_image(image)
    else:
        values = np.asarray(image)
        if values.ndim == 3 and values.shape[2] == 1:
            values = values[..., 0]
        if values.dtype != np.uint8:
            values = (np.clip(values, 0.0, 1.0) * 255.0).round().astype(np.uint8)
        small = Image.fromarray(values)
    small.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    small.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _at(rows, places):
    """Some of them; those of a DataFrame or Series by position, whatever its index is."""
    return getattr(rows, "iloc", rows)[places]


def _evenly(n, most):
    """Numbers of at most so many of n rows, evenly chosen."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))


def _short(text):
    return text if len(text) <= _LONGEST else text[:_LONGEST].rstrip() + "…"


def _rounded(values, digits=4):
    """Floats for JSON, which knows no NaN."""
    values = np.asarray(values, dtype=np.float64)
    return [round(value, digits) if np.isfinite(value) else None for value in values.tolist()]
