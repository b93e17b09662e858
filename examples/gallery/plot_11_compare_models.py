"""
Comparing models by held-out likelihood
=======================================

A mixture is a density, so models can be compared by how probable they find rows that they were not
fitted to. Scikit-learn's grid search does it, as ``score`` is the mean log-likelihood of a row.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.model_selection import GridSearchCV, KFold

from vmfmix import VMFMixture
from vmfmix.datasets import load_snips, make_vmf_mixture
from vmfmix.plotting.axes import BLUE, GRAY, ORANGE, name_axes

# %%
# One concentration, or one for each cluster
# ------------------------------------------
#
# First on data of which the truth is known: ten clusters of very different concentrations.

choices = ["tied", "pooled", "free"]
folds = KFold(5, shuffle=True, random_state=0)


def search(X, n_components):
    """Held-out log-likelihoods of a row: a line for each choice, a column for each fold."""
    grid = GridSearchCV(
        VMFMixture(n_components, random_state=0), {"concentration": choices}, cv=folds, refit=False
    ).fit(X)
    return np.array([grid.cv_results_[f"split{fold}_test_score"] for fold in range(5)]).T


planted, _ = make_vmf_mixture(
    2000, n_features=32, n_components=10, concentration=np.geomspace(20, 400, 10), random_state=0
)
snips = load_snips()
results = {"planted clusters": search(planted, 10), "sentences": search(snips.data, 7)}

fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.8), layout="constrained")
for ax, (name, scores) in zip(axes, results.items()):
    gains = scores - scores[0]
    for fold in range(5):
        ax.plot(choices, gains[:, fold], color=GRAY, lw=0.8, marker=".", alpha=0.7)
    ax.plot(choices, gains.mean(axis=1), color=BLUE, marker="o", lw=2.0, label="mean")
    ax.set_title(name)
    name_axes(ax, "concentration", "log-likelihood above 'tied',\nin nats per held-out row")
    ax.legend(frameon=False)

# %%
# On the planted clusters, concentrations of their own are far better, as they must be. Each gray
# line is one fold; since all choices are tried on the same folds, differences are much surer than
# the scores.
#
# Likelihood is not everything
# ----------------------------
#
# On the sentences the likelihood rises too, and yet the clusters of "free" are worse by the known
# intents: real clusters are no exact von Mises-Fisher laws, and a better density is no better
# division.

for choice in choices:
    labels = VMFMixture(7, concentration=choice, random_state=0).fit_predict(snips.data)
    print(f"{choice:6}  AMI {adjusted_mutual_info_score(snips.target, labels):.3f}")

# %%
# The same holds for the number of clusters: more components find more to say about held-out rows,
# up to fifty at least.

numbers = [3, 6, 7, 12, 25, 50]
train, test = next(folds.split(snips.data))
path = [VMFMixture(k, random_state=0).fit(snips.data[train]) for k in numbers]
likelihood = [model.score(snips.data[test]) for model in path]
fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
ax.plot(numbers, likelihood, color=ORANGE, marker="o")
name_axes(ax, "number of clusters", "log-likelihood in nats per held-out row")

# %%
# Use held-out likelihood to choose between densities, for outliers or for sampling. For the number
# of clusters, there is :ref:`another score <sphx_glr_gallery_plot_02_number_of_clusters.py>`.
