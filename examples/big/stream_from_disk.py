"""Cluster rows that do not fit in memory, from a file on disk and from a stream of batches.

    python examples/big/stream_from_disk.py [--rows 200000] [--folder FOLDER]

Writes a float16 file of synthetic embeddings, fits a mixture to it block by block, and then learns
the same clusters from batches that are each seen only once.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import adjusted_rand_score

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture

FEATURES, CLUSTERS, BATCH_SIZE = 384, 50, 20_000


def write_rows(path, n_rows):
    """Write rows of a mixture to a file and return their components."""
    _, _, truth = make_vmf_mixture(
        1, FEATURES, CLUSTERS, concentration=250.0, random_state=0, return_parameters=True
    )
    labels = []
    with open(path, "wb") as file:
        for number, start in enumerate(range(0, n_rows, BATCH_SIZE)):
            X, y = make_vmf_mixture(
                min(BATCH_SIZE, n_rows - start),
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
    parser.add_argument("--folder", type=Path, help="folder for the file (default: temporary)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        path = (options.folder or Path(temporary)) / "embeddings.f16"
        y = write_rows(path, options.rows)
        print(f"{path.name}: {options.rows} rows, {path.stat().st_size / 2**20:.0f} MiB\n")

        # A memory-mapped array is read block by block during the fit. `fit` also accepts zarr and
        # h5py arrays, datasets, and functions that return a fresh iterator over blocks.
        X = np.memmap(path, np.float16, "r").reshape(-1, FEATURES)
        start = time.perf_counter()
        model = VMFMixture(CLUSTERS, random_state=0, verbose=1).fit(X)
        score = adjusted_rand_score(y, model.labels_)
        print(f"from the file: {time.perf_counter() - start:.0f} s, ARI {score:.3f}\n")

        start = time.perf_counter()
        model = VMFMixture(CLUSTERS, random_state=0)
        for first in range(0, len(X), BATCH_SIZE):
            model.partial_fit(X[first : first + BATCH_SIZE])
        score = adjusted_rand_score(y, model.predict(X))
        print(f"from a stream: {time.perf_counter() - start:.0f} s, ARI {score:.3f}")
        del X  # some systems cannot delete a mapped file


if __name__ == "__main__":
    main()
