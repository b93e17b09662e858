"""A new output of `vmfmix fit`: the mean directions as a NumPy file.

python examples/extending/command_output.py
"""

import tempfile
from pathlib import Path

import numpy as np

from vmfmix import VMFMixture
from vmfmix.cli.outputs import FIT_OUTPUTS, Output, Results, write_outputs
from vmfmix.datasets import make_vmf_mixture
from vmfmix.inspection.cluster_columns import columns_of_clusters


# start of the output
def _write_means(path, results):
    np.save(path, results.model.means_)


MEANS = Output("means.npy", "mean direction of each cluster, unit rows", _write_means)
# end of the output


def main():
    """Write the outputs of a fit, and the new one with them."""
    X, _ = make_vmf_mixture(500, 16, 3, random_state=0)
    model = VMFMixture(3, random_state=0).fit(X)
    columns = columns_of_clusters(model, X, model.labels_, model.probabilities_)
    results = Results(columns, model, format="csv")
    with tempfile.TemporaryDirectory() as folder:
        written = write_outputs(Path(folder) / "out", (*FIT_OUTPUTS, MEANS), results)
    print(f"Wrote {', '.join(written)}")


if __name__ == "__main__":
    main()
