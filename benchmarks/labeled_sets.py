"""Labeled datasets for the benchmarks: bundled sentences and digits, and sets from a folder.

The environment variable VMFMIX_DATA names a folder of .npz files with the fields ``y``, class
numbers of shape (n,), and ``kind``:

* "embedding" and "features": rows ``X`` (n, d);
* "image": pixels ``images`` (n, ...) from 0 to 255; or ``jpeg``, the concatenated bytes of n JPEG
  files, file i in ``jpeg[offsets[i]:offsets[i + 1]]`` (Pillow reads them).

With a field ``y_coarse``, the same rows form a second set, named after its number of classes.
Without the variable, only the sets bundled with vmfmix and scikit-learn are used.
"""

import io
import os
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from vmfmix.datasets import load_snips

_MAX_IMAGES = 10_000

# What made the rows of each set, as the manifest of the data says; a set with coarse classes is
# listed under both names.
SETS_OF_ENCODERS = {
    "MiniLM": (
        "agnews4",
        "bbc5",
        "clinc150",
        "dbpedia70",
        "dbpedia9",
        "googlenews152",
        "newsgroups20",
        "ohsumed23",
        "r8",
        "searchsnippets8",
        "snips7",
        "stackoverflow20",
        "trec50",
        "trec6",
    ),
    "mpnet": (
        "huffpost41lt",
        "pricerunner_entities",
        "pricerunner_entities10",
        "wos1k_area",
        "wos1k_area7",
    ),
    "e5": ("atis16", "fbtod12", "fbtod3", "gnad9de", "smsspam2"),
    "EfficientNet": ("coil20_eff", "tinyimagenet115_eff", "tinyimagenet115_eff16"),
    "LSA": ("language17_lsa", "medabs5_lsa", "webkb4_lsa"),
    "cells": ("mousebladder16", "pbmc68k10"),
    "pixels": ("cifar10", "coil20", "digits", "fashion_mnist", "notmnist"),
    "speech": ("isolet26",),
}
OTHER_ENCODER = "other"  # of sets that are not in the manifest
# Marked so in the manifest: with known labels, the nearest neighbors of a row hardly predict its
# class, or hardly better than the share of the largest class does.
HARD = ("atis16", "medabs5_lsa", "pricerunner_entities", "smsspam2")


def encoder_of(name):
    """Return what made the rows of a set."""
    found = (encoder for encoder, names in SETS_OF_ENCODERS.items() if name in names)
    return next(found, OTHER_ENCODER)


def text_sets(names=None):
    """Iterate over text sets as (name, unit rows in float32, classes), sorted by name."""
    sources = {"snips7": partial(load_snips, return_X_y=True)}
    for path, kind in _files():
        if kind == "embedding":
            sources.setdefault(path.stem, partial(_read, path))
    return _load(sources, names)


def all_sets(names=None):
    """Iterate over sets of any kind as `text_sets` does; image sets have at most 10,000 images."""
    sources = {
        "digits": partial(load_digits, return_X_y=True),
        "snips7": partial(load_snips, return_X_y=True),
    }
    for path, kind in _files():
        if kind in ("embedding", "features", "image"):
            sources.setdefault(path.stem, partial(_read, path))
            for name in _coarse_names(path):
                sources.setdefault(name, partial(_read, path, "y_coarse"))
    return _load(sources, names)


def _load(sources, names):
    """Iterate over the sets with these names, or all sets, with rows scaled to unit length."""
    for name in sorted(sources):
        if names and name not in names:
            continue
        try:
            X, y = sources[name]()
        except ModuleNotFoundError as error:
            print(f"Skipping {name}: its images are JPEG files, and {error.name} is not installed.")
            continue
        X = X.astype(np.float32)
        lengths = np.linalg.norm(X, axis=1, keepdims=True)
        yield name, X / np.where(lengths > 0, lengths, 1), y


def _files():
    """Iterate over path and kind of each set in the folder."""
    folder = os.environ.get("VMFMIX_DATA")
    for path in sorted(Path(folder).glob("*.npz")) if folder else ():
        with np.load(path, allow_pickle=False) as stored:
            if "y" in stored and "kind" in stored:
                yield path, str(stored["kind"])


def _coarse_names(path):
    """Iterate over the name of the set with coarse classes, if any: trec6 for trec50."""
    with np.load(path, allow_pickle=False) as stored:
        if "y_coarse" in stored:
            yield f"{path.stem.rstrip('0123456789')}{len(np.unique(stored['y_coarse']))}"


def _read(path, classes="y"):
    """Return the rows and the classes of a file."""
    with np.load(path, allow_pickle=False) as stored:
        y = stored[classes]
        if str(stored["kind"]) != "image":
            return stored["X"], y
        sample = np.arange(len(y))
        if len(y) > _MAX_IMAGES:
            rng = np.random.default_rng(0)
            sample = np.sort(rng.choice(len(y), _MAX_IMAGES, replace=False))
        pixels = decode_jpegs(stored, sample) if "jpeg" in stored else stored["images"][sample]
        return pixels.reshape(len(sample), -1) / np.float32(255), y[sample]


def decode_jpegs(stored, indices):
    """Return the pixels of the JPEG files with these indices."""
    from PIL import Image

    files, offsets = stored["jpeg"], stored["offsets"]
    contents = (io.BytesIO(files[offsets[i] : offsets[i + 1]].tobytes()) for i in indices)
    return np.stack([np.asarray(Image.open(file).convert("RGB")) for file in contents])


def split_by_encoder(groups):
    """Return the sets that are not hard by encoder, {encoder: {set: value}}, without empty ones."""
    usual = {name: each for name, each in groups.items() if name not in HARD}
    by_encoder = {
        encoder: {name: each for name, each in usual.items() if encoder_of(name) == encoder}
        for encoder in (*SETS_OF_ENCODERS, OTHER_ENCODER)
    }
    return {encoder: sets for encoder, sets in by_encoder.items() if sets}
