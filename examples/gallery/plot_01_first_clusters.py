"""
Cluster sentence embeddings
===========================

The package includes 3,500 requests to a voice assistant, as texts and as embeddings from a sentence
encoder. This example clusters the embeddings without specifying the number of clusters, and then
inspects the clusters.
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
print(f"{len(X)} rows with {X.shape[1]} features in {model.n_components_} clusters")

# %%
# Typical sentences
# -----------------
#
# The sentences closest to the mean direction of a cluster show best what it is about. Cluster
# numbers have no meaning.

for cluster, rows in enumerate(exemplars(model, X, 3)):
    print(f"\ncluster {cluster}, {np.sum(model.labels_ == cluster)} sentences")
    for row in rows:
        print("   ", snips.texts[row])

# %%
# Some clusters deserve a closer look. Cluster 1 is about music *and* playlists, which are two
# intents in this dataset. Cluster 0 is about movie schedules, and cluster 5 about creative works
# of any kind, including movies. :func:`~vmfmix.inspection.describe` shows this in numbers.

describe(model, X).round(2)

# %%
# ``radius`` is the mean angle between a sentence and the mean direction of its cluster, in degrees.
# An angle of 55° seems large, but in 384 dimensions two random directions are about 90° apart, and
# almost never less than 80° (see :ref:`sphx_glr_gallery_plot_08_high_dimensions.py`). The
# silhouette of cluster 5 is low: its sentences are almost as close to the next cluster, which is
# cluster 0.
#
# Similar clusters
# ----------------
#
# The heat map shows the cosine between the mean directions of each pair of clusters, with similar
# clusters next to each other.

plot_similarity(model)

# %%
# Two-dimensional map
# -------------------
#
# Two principal components keep only a small part of the information in 384 dimensions, so clusters
# that are well separated can overlap in this map. Use it to see which clusters are neighbors, not
# to judge their separation. To use another projection, such as UMAP, pass it as ``projection``.

plot_map(model, X)
