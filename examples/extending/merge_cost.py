"""A new merge cost: the angle between mean directions, weighted by the smaller component.

python examples/extending/merge_cost.py
"""

import numpy as np

from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.start import merged_start
from vmfmix.merging.costs import COSTS, MergeCost
from vmfmix.metrics import clustering_report
from vmfmix.model.statistics import maximize


# start of the cost
def angle_cost(first, second, inner, scatter):
    """Compute the angle between the mean directions times the smaller count.

    Parameters
    ----------
    first, second, inner, scatter
        As for `likelihood_cost`.

    Returns
    -------
    ndarray
        Not negative, in radians × rows.
    """
    product = first.lengths * second.lengths
    cosine = np.clip(inner / np.where(product > 0, product, 1.0), -1.0, 1.0)
    return np.arccos(cosine) * np.minimum(first.counts, second.counts)


COSTS["angle"] = MergeCost(angle_cost)
# end of the cost


def main():
    """Merge 60 components to 8 with the new cost, and compare with the true clusters."""
    X, y = make_vmf_mixture(2000, 32, 8, concentration=60.0, random_state=0)
    engine = choose_engine(X)
    start = merged_start(
        engine, 8, n_components_init=60, cost="angle", rng=np.random.RandomState(0)
    )
    labels = engine.assign(maximize(start.statistics)).labels
    print(f"ARI with the new cost: {clustering_report(y, labels)['adjusted_rand']:.3f}")


if __name__ == "__main__":
    main()
