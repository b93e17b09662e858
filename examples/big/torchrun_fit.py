"""Fit one mixture to rows that are distributed over several processes.

    torchrun --nproc-per-node 2 examples/big/torchrun_fit.py [--rows 100000]

Each process generates its own part of the rows (or reads it). On GPUs, use ``--backend nccl``.
"""

import argparse
import os
from datetime import timedelta

import numpy as np
import torch.distributed as dist

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.collective import Shard


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000, help="rows per process")
    parser.add_argument("--backend", choices=["gloo", "nccl"], default="gloo")
    options = parser.parse_args()
    device = None
    if options.backend == "nccl":
        import torch

        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    # A process that waits longer than this for another one raises an error.
    dist.init_process_group(options.backend, timeout=timedelta(minutes=5))

    _, _, truth = make_vmf_mixture(
        1, 64, 12, concentration=60.0, random_state=0, return_parameters=True
    )
    X, _ = make_vmf_mixture(
        options.rows,
        means=truth.means,
        concentration=60.0,
        dtype=np.float32,
        random_state=dist.get_rank(),
    )
    model = VMFMixture(random_state=0, device=device).fit(Shard(X))
    # All processes have the same model, but each has only the labels of its own rows.
    print(
        f"process {dist.get_rank()} of {dist.get_world_size()}: {model.n_components_} clusters, "
        f"lower bound {model.lower_bound_:.6f}, {len(model.labels_)} labels",
        flush=True,
    )
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
