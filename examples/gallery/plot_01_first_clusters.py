"""
A first clustering
==================

The package brings 3 500 requests to a voice assistant, as text and as embeddings of a sentence
encoder. This example clusters them without saying how many clusters there are, and looks at what
is in the clusters.
"""

# sphinx_gallery_thumbnail_number = 2

import numpy as np

from vmfmix import VMFMixture
from vmfmix.datasets import load_snips
from vmfmix.inspection import describe, exemplars
from vmfmix.plotting import plot_map, plot_similarity

snips = load_snips()
X = snips.data
model = VMFMixture(random_state=0).fit(X)
print(f"{len(X)} rows of {X.shape[1]} numbers in {model.n_components_} clusters")

# %%
# What is in a cluster
# --------------------
#
# The sentences that are nearest to the mean direction of their cluster say best what it is about.
# Its number is only a name.

for cluster, rows in enumerate(exemplars(model, X, 3)):
    print(f"\ncluster {cluster}, {np.sum(model.labels_ == cluster)} sentences")
    for row in rows:
        print("   ", snips.texts[row])

# %%
# Two of them deserve a second look: cluster 1 is about music *and* playlists, which the makers of
# the data count as two intents, and cluster 0 is about films that are shown, cluster 5 about works
# of any kind, films among them. :func:`~vmfmix.inspection.describe` says the same in numbers.

describe(model, X).round(2)

# %%
# ``radius`` is the mean angle between a sentence and the mean direction of its cluster, in degrees.
# Some 55° seem much, but in 384 dimensions two random directions are at about 90°, and hardly ever
# below 80° (:ref:`why <sphx_glr_gallery_plot_08_high_dimensions.py>`). The silhouette of cluster 5
# is low: its sentences are nearly as near to the next cluster, which is cluster 0.
#
# Which clusters are alike
# ------------------------
#
# The cosines of the mean directions show it for all pairs. Clusters that are alike stand side by
# side.

plot_similarity(model)

# %%
# A map
# -----
#
# Two principal components keep only a small part of what 384 dimensions say, so that clusters
# overlap here which are well apart in truth. A picture is no proof; it shows which clusters are
# neighbors. Places of your own, such as those of UMAP, go in as ``projection``.

plot_map(model, X)
