"""
How the number of clusters is found
===================================

A fit that is not told the number of clusters begins with several hundred of them, merges them two
by two down to one, and keeps the number at which the clusters hold together best. All of that stays
with the model, so another number costs no second fit.
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
# The way down
# ------------
#
# Each round merges an eighth of the components and lets the rest settle. The dotted line leads from
# the end of the path to the number that was kept, from which EM goes on. Fits from fewer components
# end with the same number here.

ax = plot_merging(history, label=f"from {history.n_components_init}")
for start in (150, 40):
    other = VMFMixture(n_components_init=start, random_state=0).fit(X)
    plot_merging(other.merge_history_, ax=ax, label=f"from {start}")

# %%
# What spoke for each number
# --------------------------
#
# The score is high where a walk from row to neighboring row stays long in the cluster it began in,
# and where there are many clusters to tell apart. It has a peak at 6, but 5 and 7 to 10 are not far
# below: a different number is no mistake if it serves you better.

plot_scores(history)

# %%
# The tree
# --------
#
# The last merges as a tree: the higher, the more is lost by the merge. The numbers below are rows.

plot_dendrogram(history, n_components=16)

# %%
# The same fit with another number
# --------------------------------
#
# ``merge_to`` cuts the path elsewhere, in one pass over the rows. The known intents, which the fit
# has not seen, tell what happens: with seven clusters, music and playlists come apart.

intents = snips.target_names[snips.target]
compare(model.merge_to(7, X), X, intents).round(2)

# %%
# With twelve, there are divisions that the intents do not have. These are the most typical
# sentences of each of them.

finer = model.merge_to(12, X)
for cluster, row in enumerate(exemplars(finer, X, 1)[:, 0]):
    print(f"{cluster:2}  {snips.texts[row]}")

# %%
# ``merge_to`` does no EM. To go on with EM from there, start from its means:
#
# .. code-block:: python
#
#    VMFMixture(12, means_init=finer.means_).fit(X)
#
# or simply fit anew with the number, ``VMFMixture(12)``.
