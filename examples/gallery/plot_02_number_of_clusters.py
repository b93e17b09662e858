"""
Estimate the number of clusters
===============================

By default, a fit starts with several hundred components, merges them pair by pair down to one, and
keeps the number of clusters with the best score. The whole merge path is stored with the model, so
you can try another number without a second fit.
"""

from vmfmix import VMFMixture
from vmfmix.datasets import load_snips
from vmfmix.inspection import compare, exemplars
from vmfmix.plotting import plot_dendrogram, plot_merging, plot_scores

snips = load_snips()
X = snips.data
model = VMFMixture(random_state=0).fit(X)
history = model.merge_history_
print(f"from {history.n_components_init} components to {model.n_components_}")

# %%
# Merge path
# ----------
#
# Each round merges one eighth of the components and then refines the rest. The dotted line leads
# from the end of the path to the selected number, from which EM continues. Here, fits that start
# with fewer components end with the same number.

ax = plot_merging(history, label=f"from {history.n_components_init}")
for n_init in (150, 40):
    other = VMFMixture(n_components_init=n_init, random_state=0).fit(X)
    plot_merging(other.merge_history_, ax=ax, label=f"from {n_init}")

# %%
# Score of each number
# --------------------
#
# The score is high if a random walk between neighboring rows stays in its cluster for a long time,
# and if there are many clusters. It peaks at 6, but 5 and 7 to 10 score almost as high, so another
# of these numbers is just as valid if it suits your application better.

plot_scores(history)

# %%
# Dendrogram
# ----------
#
# The last merges as a tree. The height of a merge is its cost, and the numbers at the leaves are
# cluster sizes.

plot_dendrogram(history, n_components=16)

# %%
# Change the number after the fit
# -------------------------------
#
# ``merge_to`` cuts the merge path at another number, in one pass over the rows. The known intents,
# which the fit does not use, show the effect: with seven clusters, music and playlists are
# separate.

intents = snips.target_names[snips.target]
compare(model.merge_to(7, X), X, intents).round(2)

# %%
# With twelve clusters, some intents are split further. This prints the most typical sentence of
# each cluster.

finer = model.merge_to(12, X)
for cluster, row in enumerate(exemplars(finer, X, 1)[:, 0]):
    print(f"{cluster:2}  {snips.texts[row]}")

# %%
# ``merge_to`` does not run EM. To continue with EM, start a fit from its means:
#
# .. code-block:: python
#
#    VMFMixture(12, means_init=finer.means_).fit(X)
#
# Alternatively, fit a new model with ``VMFMixture(12)``.
