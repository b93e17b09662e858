"""Golden results: what a few fits gave when results were last changed on purpose.

    python -m tests.golden

rewrites tests/golden.json. Run it only if results are meant to change, and say in the commit why
they changed; `tests/test_reproducible.py` compares with the file.
"""

import json
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from vmfmix import VMFMixture
from vmfmix.datasets import load_snips, make_vmf_mixture

FILE = Path(__file__).with_suffix(".json")


def cases():
    """Return the name of each fit, its rows, and its parameters that are not the defaults."""
    snips = load_snips().data[::5]
    planted, _ = make_vmf_mixture(600, 16, 5, concentration=60.0, random_state=0)
    noisy, _ = make_vmf_mixture(600, 16, 4, concentration=80.0, background=0.1, random_state=1)
    sparse = sp.csr_array(np.where(np.abs(snips) < 0.06, 0.0, snips))
    seven = {"n_components": 7}
    return {
        "snips, number estimated": (snips, {}),
        "snips, 7 clusters": (snips, seven),
        "snips, centered": (snips, seven | {"center": True}),
        "snips, sparse": (sparse, seven | {"concentration": "tied"}),
        "planted, number estimated": (planted, {"concentration": "free"}),
        "planted, hard": (planted, {"n_components": 5, "assignment": "hard", "merge": None}),
        "planted, fixed concentration": (planted, {"n_components": 5, "concentration": 30.0}),
        "noisy, background": (noisy, {"n_components": 4, "background": True, "n_init": 3}),
    }


def record(rows, parameters):
    """Return what golden.json stores of a fit; a label is a letter, @ is the background."""
    model = VMFMixture(random_state=0, **parameters).fit(rows)
    sizes = np.bincount(model.labels_ + 1, minlength=model.n_components_ + 1)[1:]
    by_size = np.argsort(-sizes, kind="stable")
    return {
        "n_components": model.n_components_,
        "sizes": sizes[by_size].tolist(),
        "concentrations": model.concentrations_[by_size].tolist(),
        "lower_bound": model.lower_bound_,
        "labels": "".join(chr(ord("A") + label) for label in model.labels_.tolist()),
    }


def records(**extra):
    """Return the record of each fit, with further parameters for all of them."""
    return {name: record(rows, parameters | extra) for name, (rows, parameters) in cases().items()}


if __name__ == "__main__":
    FILE.write_text(json.dumps(records(), indent=1) + "\n", encoding="utf-8")
