"""Labeled rows to measure on: the bundled sentences and digits, and any folder of sets.

The environment variable VMFMIX_DATA names a folder of .npz files with the fields ``y`` (n,), class
numbers, and ``kind``:

* "embedding" and "features": rows ``X`` (n, d);
* "image": pixels ``images`` (n, ...) from 0 to 255; or ``jpeg``, the bytes of n JPEG files one
  after the other, file i in ``jpeg[offsets[i]:offsets[i + 1]]`` (Pillow reads them).

Where there is ``y_coarse``, the same rows are one more set, named for the number of these classes.
Nothing else is needed, and without the variable only what comes with the packages is measured.
"""

import io
import os
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from vmfmix.datasets import load_snips

_MOST_IMAGES = 10_000


def text_sets(names=None):
    """Iterate over (name, unit rows in float32, classes), in the order of the names."""
    sources = {"snips7": partial(load_snips, return_X_y=True)}
    for path, kind in _files():
        if kind == "embedding":
            sources.setdefault(path.stem, partial(_read, path))
    return _chosen(sources, names)


def all_sets(names=None):
    """The same for rows of any kind; of pictures, the pixels of at most 10 000."""
    sources = {
        "digits": partial(load_digits, return_X_y=True),
        "snips7": partial(load_snips, return_X_y=True),
    }
    for path, kind in _files():
        if kind in ("embedding", "features", "image"):
            sources.setdefault(path.stem, partial(_read, path))
            for name in _coarse(path):
                sources.setdefault(name, partial(_read, path, "y_coarse"))
    return _chosen(sources, names)


def _chosen(sources, names):
    for name in sorted(sources):
        if names and name not in names:
            continue
        try:
            X, y = sources[name]()
        except ModuleNotFoundError as error:
            print(f"{name} is left out: its pictures are JPEG, and {error.name} is not installed.")
            continue
        X = X.astype(np.float32)
        lengths = np.linalg.norm(X, axis=1, keepdims=True)
        yield name, X / np.where(lengths > 0, lengths, 1), y


def _files():
    """Path and kind of each set in the folder."""
    folder = os.environ.get("VMFMIX_DATA")
    for path in sorted(Path(folder).glob("*.npz")) if folder else ():
        with np.load(path, allow_pickle=False) as stored:
            if "y" in stored and "kind" in stored:
                yield path, str(stored["kind"])


def _coarse(path):
    """Name of the set with coarse classes, if there are any: trec50 becomes trec6."""
    with np.load(path, allow_pickle=False) as stored:
        if "y_coarse" in stored:
            yield f"{path.stem.rstrip('0123456789')}{len(np.unique(stored['y_coarse']))}"


def _read(path, classes="y"):
    with np.load(path, allow_pickle=False) as stored:
        y = stored[classes]
        if str(stored["kind"]) != "image":
            return stored["X"], y
        some = np.arange(len(y))
        if len(y) > _MOST_IMAGES:
            rng = np.random.default_rng(0)
            some = np.sort(rng.choice(len(y), _MOST_IMAGES, replace=False))
        pixels = decoded(stored, some) if "jpeg" in stored else stored["images"][some]
        return pixels.reshape(len(some), -1) / np.float32(255), y[some]


def decoded(stored, some):
    """Pixels of some of the JPEG files."""
    from PIL import Image

    files, offsets = stored["jpeg"], stored["offsets"]
    each = (io.BytesIO(files[offsets[i] : offsets[i + 1]].tobytes()) for i in some)
    return np.stack([np.asarray(Image.open(file).convert("RGB")) for file in each])
