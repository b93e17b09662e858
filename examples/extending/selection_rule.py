"""A new rule for the number of clusters: the variance ratio criterion on the sphere.

python examples/extending/selection_rule.py
"""

import numpy as np

from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.start import merged_start
from vmfmix.merging.selection import RULES, SelectionRule, bounded_by_icl


# start of the rule
def variance_ratio(paths):
    """Score by the scatter between clusters over that within them, per degree of freedom.

    With the within-cluster scatter W_K = n − Σ_k ‖S_k‖ of K clusters of n rows, the score is
    ((W_1 − W_K) / (K − 1)) / (W_K / (n − K)), the criterion of Caliński and Harabasz (1974).

    Parameters
    ----------
    paths : MergePaths

    Returns
    -------
    dict
        {number of components: score}; greater is better.
    """
    n_rows = paths.weights.sum()
    within = {
        partition.n_components: n_rows - partition.statistics.lengths.sum()
        for partition in paths.partitions
    }
    scores = {1: 0.0}
    for number in within:
        if 1 < number < n_rows:
            between = (within[1] - within[number]) / (number - 1)
            scores[number] = between / (within[number] / (n_rows - number))
    return scores


# The ratio cannot say that there is a single cluster; the bound by ICL can.
RULES["variance_ratio"] = SelectionRule(bounded_by_icl(variance_ratio))
# end of the rule


def main():
    """Estimate the number of clusters with the new rule."""
    X, _ = make_vmf_mixture(2000, 32, 8, concentration=60.0, random_state=0)
    start = merged_start(
        choose_engine(X), "auto", selection="variance_ratio", rng=np.random.RandomState(0)
    )
    print(f"clusters found with the new rule: {start.n_components} (8 are true)")


if __name__ == "__main__":
    main()
