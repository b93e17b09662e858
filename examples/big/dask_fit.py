"""Fit a mixture to a dask array on a cluster of two local workers.

    python examples/big/dask_fit.py [--rows 200000] [--workers 2]

To use another cluster, connect a `distributed.Client` to it instead.
"""

import argparse
import time

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture

FEATURES, CLUSTERS, ROWS_PER_BLOCK = 64, 12, 25_000


def make_block(means, seed):
    """Generate one block on the worker that will store it."""
    X, _ = make_vmf_mixture(
        ROWS_PER_BLOCK, means=means, concentration=60.0, dtype=np.float32, random_state=seed
    )
    return X


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    _, _, truth = make_vmf_mixture(
        1, FEATURES, CLUSTERS, concentration=60.0, random_state=0, return_parameters=True
    )
    with LocalCluster(n_workers=options.workers, threads_per_worker=1) as cluster, Client(cluster):
        import dask

        shape = ROWS_PER_BLOCK, FEATURES
        delayed_block = dask.delayed(make_block)
        blocks = [
            da.from_delayed(delayed_block(truth.means, seed), shape, np.float32)
            for seed in range(max(options.rows // ROWS_PER_BLOCK, 1))
        ]
        X = da.concatenate(blocks).persist()  # keep the blocks in the memory of the workers
        start = time.perf_counter()
        model = VMFMixture(random_state=0).fit(X)
        print(
            f"{len(X)} rows on {options.workers} workers: {model.n_components_} clusters in "
            f"{time.perf_counter() - start:.1f} s"
        )


if __name__ == "__main__":
    main()
