"""Labelled embeddings to measure on: the bundled sentences, and any folder of sets.

The environment variable VMFMIX_DATA names a folder of .npz files with the fields ``X`` (n, d),
``y`` (n,) class numbers and ``kind``; those of the kind "embedding" are used. Nothing else is
needed, and without the variable only the bundled sentences are measured.
"""

import os
from pathlib import Path

import numpy as np

from vmfmix.datasets import load_snips


def text_sets(names=None):
    """Iterate over (name, unit rows in float32, classes), in the order of the names."""
    paths = {"snips7": None}
    folder = os.environ.get("VMFMIX_DATA")
    if folder:
        for path in sorted(Path(folder).glob("*.npz")):
            with np.load(path, allow_pickle=False) as stored:
                if "X" in stored and "y" in stored and str(stored["kind"]) == "embedding":
                    paths.setdefault(path.stem, path)
    for name in sorted(paths):
        if names and name not in names:
            continue
        if paths[name] is None:
            X, y = load_snips(return_X_y=True)
        else:
            with np.load(paths[name], allow_pickle=False) as stored:
                X, y = stored["X"].astype(np.float32), stored["y"]
        yield name, X / np.linalg.norm(X, axis=1, keepdims=True), y
