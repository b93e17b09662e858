"""Writing of a report: the page template, filled with the data of a model."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from vmfmix.inspection.fitted_model import FittedMixture, RowsLike
from vmfmix.inspection.labels import encode_labels
from vmfmix.inspection.missing_values import as_strings
from vmfmix.inspection.rows import as_rows
from vmfmix.inspection.stop_words import StopWords
from vmfmix.inspection.tokenization import Tokenizer
from vmfmix.inspection.words import words_of_unions
from vmfmix.report.comparison import as_grouping
from vmfmix.report.contents import report_contents
from vmfmix.report.coordinates import as_coordinates
from vmfmix.report.images import pictures_of_rows
from vmfmix.report.layout import check_layout
from vmfmix.report.provenance import provenance
from vmfmix.report.thumbnails import MAX_SIDE, thumbnails_of_rows
from vmfmix.storage.writing import output_file

_SCRIPTS = (
    "elements.js",
    "long_table.js",
    "membership.js",
    "text_search.js",
    "selection.js",
    "groups.js",
    "edits.js",
    "editing.js",
    "edit_bar.js",
    "edit_form.js",
    "downloads.js",
    "links.js",
    "header.js",
    "drawing.js",
    "map.js",
    "map_panel.js",
    "tree.js",
    "grouped_rows.js",
    "cluster_table.js",
    "cluster_dialog.js",
    "search.js",
    "outliers.js",
    "label_errors.js",
    "levels.js",
    "row_dialog.js",
    "flows.js",
    "comparison.js",
    "provenance.js",
    "start.js",
)


def write_report(
    path: Any,
    model: FittedMixture,
    X: RowsLike,
    *,
    texts: Sequence[object] | None = None,
    images: Any = None,
    labels: npt.ArrayLike | None = None,
    ids: Sequence[object] | None = None,
    compare_with: Any = None,
    compare_name: str = "the other clustering",
    details: Mapping[str, object] | None = None,
    title: str = "Clusters",
    n_rows: int = 20_000,
    layout: str = "neighbors",
    coordinates: npt.ArrayLike | None = None,
    skip_damaged: bool = False,
    backdrop: str = "white",
    stop_words: StopWords = "english",
    tokenizer: Tokenizer | None = None,
) -> None:
    """Write an HTML page that shows the contents of the clusters.

    The page has a map, the hierarchy of the clusters, a table of them with their typical words and
    rows, a search over texts, outliers, possible label errors, and finer clusters. It is a single
    file that opens in any browser, without network access. Texts are displayed only: the page runs
    no code but its own.

    Parameters
    ----------
    path : str, path-like or file object
        The .html file to write. It appears, or is replaced, only when it is complete. A file
        object must be opened for writing bytes; it is left open.
    model : VMFMixture
        Fitted model.
    X : {array-like, CSR matrix} of shape (n_samples, n_features)
        Rows to show, usually those of the fit.
    texts : sequence of str of length n_samples, default=None
        Text of each row; the page holds the first 600 characters of each. Bytes are decoded as
        UTF-8, other values that are not strings are converted to strings, and missing values to
        empty strings.
    images : array-like, sequence, str or path-like, default=None
        Image of each row; the page holds thumbnails of typical rows, outliers and possible label
        errors. Needs Pillow. One of:

        - An array of shape (n_samples, height, width), (n_samples, height, width, channels) or
          (n_samples, channels, height, width) with up to 4 channels, the last of 2 or 4 being
          opacity. Bytes are used as they are; the range of other types, 0 to 1, 0 to 255 or 0 to
          65535, follows from the largest value.
        - A sequence or column of paths of image files, of images of Pillow, or of arrays of one
          image each.
        - A folder of images, if natural order (img2.png before img10.png) and the order of strings
          (img10.png before img2.png) are the same; an .npz file with an array ``images``; a text
          file with one path per line; or a table with one column of paths.
    labels : array-like of shape (n_samples,), default=None
        Known labels, to compare the clusters with and to search for label errors.
    ids : sequence of length n_samples, default=None
        Identifier of each row, which the page shows in place of its position.
    compare_with : VMFMixture or array-like of shape (n_samples,), default=None
        Another fitted model, or the cluster of each row in another clustering, -1 for none. The
        page shows which clusters are the same, split and merged, and which rows moved.
    compare_name : str, default="the other clustering"
        What the page calls `compare_with`.
    details : mapping, default=None
        Names and values to list on how the page was made, as in
        ``{"Embeddings": "all-MiniLM-L6-v2"}``.
    title : str, default="Clusters"
        Title of the page.
    n_rows : int, default=20_000
        Number of rows on the map and in the search, evenly spaced if `X` has more.
    layout : {"neighbors", "umap"}, default="neighbors"
        How the map is laid out. "neighbors": rows are placed near their nearest neighbors by angle,
        starting from the places of the clusters; about 10 s for 20,000 rows with 384 features.
        "umap": by umap-learn, which must be installed.
    coordinates : array-like of shape (n_samples, 2), default=None
        Places of the rows on the map, such as an embedding that you have; `layout` is not used.
    skip_damaged : bool, default=False
        Whether to leave out images that cannot be read, with a warning that lists them, instead of
        raising an error.
    backdrop : str, default="white"
        Color behind transparent parts of images: a name or "#rrggbb".
    stop_words, tokenizer
        How typical words are found; see `vmfmix.inspection.typical_words`.

    Raises
    ------
    FileNotFoundError
        If `images` is the name of a folder or file that does not exist.
    ValueError
        If there are not as many texts, images, labels, identifiers or coordinates as rows, a label
        is missing, `compare_with` does not belong to these rows or is not fitted,
        coordinates are not finite, the layout is unknown, the order of the images is unknown, or an
        image cannot be read or has an unknown range of values.
    ImportError
        If there are images and Pillow is not installed, the layout is "umap" and umap-learn is not
        installed, or the stop words need a package that is not installed.

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
    X = as_rows(X)
    check_layout(layout)
    places = None if coordinates is None else as_coordinates(coordinates, X.shape[0])
    for values in (texts, labels, ids):
        if values is not None:
            check_consistent_length(X, values)
    strings = None if texts is None else as_strings(texts)
    if labels is not None:
        names, codes = encode_labels(X, labels, "labels")
        labels = np.array(as_strings(names))[codes]
    other = None if compare_with is None else as_grouping(compare_with, X, str(compare_name))
    make_thumbnails = None
    if images is not None:
        picture = pictures_of_rows(images, X.shape[0], backdrop=backdrop, size=(MAX_SIDE, MAX_SIDE))
        make_thumbnails = partial(thumbnails_of_rows, picture, skip_damaged=skip_damaged)
    words_of = partial(words_of_unions, n_words=10, stop_words=stop_words, tokenizer=tokenizer)
    contents = report_contents(
        model,
        X,
        strings,
        make_thumbnails,
        labels,
        n_rows,
        words_of,
        layout,
        places,
        None if ids is None else as_strings(ids),
        other,
    )
    made = provenance(model, details)
    data = json.dumps(
        {"title": str(title), **contents, "made": made},
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
    )
    # Escape every "<", so that no text can end the script element or start another one.
    data = data.replace("<", "\\u003c")
    before, after = _template().split("@DATA@")
    with output_file(path) as file:
        file.write(f"{before}{data}{after}".encode("utf-8", errors="replace"))


def _template() -> str:
    """Return the page with its style and scripts, and with a mark in place of the data."""
    folder = files("vmfmix.report").joinpath("template")
    page, style, *scripts = (
        folder.joinpath(name).read_text("utf-8") for name in ("page.html", "page.css", *_SCRIPTS)
    )
    return page.replace("@STYLE@", style).replace("@SCRIPT@", "\n".join(scripts))
