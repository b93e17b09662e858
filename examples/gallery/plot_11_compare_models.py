"""
Compare models by held-out likelihood
=====================================

A mixture is a density model, so you can compare models by the likelihood of held-out rows.
scikit-learn's grid search does this directly, since ``score`` is the mean log-likelihood per row.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.model_selection import GridSearchCV, KFold

from vmfmix import VMFMixture
from vmfmix.datasets import load_snips, make_vmf_mixture

# %%
# Choose the concentration parameter
# ----------------------------------
#
# Compare the values of ``concentration`` on ten synthetic clusters with very different
# concentrations, and on sentence embeddings.

choices = ["tied", "pooled", "free"]
folds = KFold(5, shuffle=True, random_state=0)


def search(X, n_components):
    """Return held-out log-likelihoods per row, of shape (n_choices, n_folds)."""
    grid = GridSearchCV(
        VMFMixture(n_components, random_state=0), {"concentration": choices}, cv=folds, refit=False
    ).fit(X)
    return np.array([grid.cv_results_[f"split{fold}_test_score"] for fold in range(5)]).T


synthetic, _ = make_vmf_mixture(
    2000, n_features=32, n_components=10, concentration=np.geomspace(20, 400, 10), random_state=0
)
snips = load_snips()
results = {"synthetic clusters": search(synthetic, 10), "sentences": search(snips.data, 7)}

fig, axes = plt.subplots(1, 2, figsize=(8.5, 3.8), layout="constrained")
for ax, (name, scores) in zip(axes, results.items()):
    gains = scores - scores[0]
    for fold in range(5):
        ax.plot(choices, gains[:, fold], color="gray", lw=0.8, marker=".", alpha=0.7)
    ax.plot(choices, gains.mean(axis=1), color="C0", marker="o", lw=2.0, label="mean")
    ax.set_title(name)
    ax.set(
        xlabel="concentration",
        ylabel="log-likelihood relative to 'tied',\nin nats per held-out row",
    )
    ax.legend(frameon=False)

# %%
# On the synthetic clusters, separate concentrations are far better, as expected. Each gray line is
# one fold. Since all choices use the same folds, the differences are much more certain than the
# scores themselves.
#
# A higher likelihood does not mean better clusters
# -------------------------------------------------
#
# On the sentences the likelihood increases too, but the clusters of "free" agree less with the
# known intents: real clusters do not follow von Mises-Fisher distributions exactly, and a better
# density does not imply a better clustering.

for choice in choices:
    labels = VMFMixture(7, concentration=choice, random_state=0).fit_predict(snips.data)
    print(f"{choice:6}  AMI {adjusted_mutual_info_score(snips.target, labels):.3f}")

# %%
# The same is true of the number of clusters: the held-out likelihood keeps increasing with the
# number of components, up to at least fifty.

numbers = [3, 6, 7, 12, 25, 50]
train, test = next(folds.split(snips.data))
models = [VMFMixture(k, random_state=0).fit(snips.data[train]) for k in numbers]
likelihood = [model.score(snips.data[test]) for model in models]
fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
ax.plot(numbers, likelihood, color="C1", marker="o")
ax.set(xlabel="number of clusters", ylabel="log-likelihood in nats per held-out row")

# %%
# Use the held-out likelihood to choose a density model, for example for outlier detection or
# sampling. To choose the number of clusters, use the score in
# :ref:`sphx_glr_gallery_plot_02_number_of_clusters.py`.
