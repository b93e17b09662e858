"""Cluster rows that are larger than memory: from a file on disk, then from a stream of batches.

    python examples/big/stream_from_disk.py [--rows 200000] [--folder FOLDER]

Writes a file of embeddings in float16, as one would have it, fits a mixture to it block by block,
and then learns the same clusters from batches that come once.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import adjusted_rand_score

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture

FEATURES, CLUSTERS, ROWS_AT_ONCE = 384, 50, 20_000


def write_rows(path, n_rows):
    """Rows of a mixture in a file, and their components."""
    _, _, truth = make_vmf_mixture(
        1, FEATURES, CLUSTERS, concentration=250.0, random_state=0, return_parameters=True
    )
    labels = []
    with open(path, "wb") as file:
        for number, start in enumerate(range(0, n_rows, ROWS_AT_ONCE)):
            X, y = make_vmf_mixture(
                min(ROWS_AT_ONCE, n_rows - start),
                means=truth.means,
                concentration=250.0,
                dtype=np.float32,
                random_state=number,
            )
            X.astype(np.float16).tofile(file)
            labels.append(y)
    return np.concatenate(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, help="for the file; default: a temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        path = (options.folder or Path(temporary)) / "embeddings.f16"
        y = write_rows(path, options.rows)
        print(f"{path.name}: {options.rows} rows, {path.stat().st_size / 2**20:.0f} MiB\n")

        # A memory-mapped array is read as a fit goes through it. Arrays of zarr and h5py, data sets
        # and functions that return a fresh iterator over blocks go into `fit` as well.
        X = np.memmap(path, np.float16, "r").reshape(-1, FEATURES)
        start = time.perf_counter()
        model = VMFMixture(CLUSTERS, random_state=0, verbose=1).fit(X)
        score = adjusted_rand_score(y, model.labels_)
        print(f"from the file: {time.perf_counter() - start:.0f} s, ARI {score:.3f}\n")

        start = time.perf_counter()
        model = VMFMixture(CLUSTERS, random_state=0)
        for first in range(0, len(X), ROWS_AT_ONCE):
            model.partial_fit(X[first : first + ROWS_AT_ONCE])
        score = adjusted_rand_score(y, model.predict(X))
        print(f"from a stream: {time.perf_counter() - start:.0f} s, ARI {score:.3f}")
        del X  # some systems do not delete a file that is mapped


if __name__ == "__main__":
    main()
