"""Fingerprints of fitted models: whether a file, such as one of edits, belongs to a model."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np


def fingerprint(model: Any) -> str:
    """Return a short text that is the same for the same clusters in the same order.

    It is computed from the weights and mean directions in single precision: saving, loading and
    copying a model do not change it, nor do names, notes and marks as noise.

    Parameters
    ----------
    model : VMFMixture
        Fitted model.

    Returns
    -------
    str
        16 hexadecimal digits: the beginning of a SHA-256 digest.

    Examples
    --------
    >>> from vmfmix import VMFMixture
    >>> from vmfmix.datasets import load_snips
    >>> from vmfmix.storage.fingerprints import fingerprint
    >>> model = VMFMixture(3, random_state=0).fit(load_snips().data)
    >>> fingerprint(model) == fingerprint(model.rename({0: "weather"}))
    True
    >>> fingerprint(model) == fingerprint(model.merge_clusters([0, 1]))
    False
    """
    digest = hashlib.sha256()
    for values in (model.weights_, *model.means_):  # row by row, as there may be many features
        # Adding 0 removes the sign of zeros.
        digest.update((np.asarray(values, dtype="<f4") + np.float32(0.0)).tobytes())
    return digest.hexdigest()[:16]
