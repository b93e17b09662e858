"""
Cluster images
==============

The digits dataset has images of 8 × 8 gray values, that is, rows of 64 nonnegative numbers. The
length of a row shows how much ink an image has, and its direction how the ink is distributed, so
the images can be clustered by direction without an encoder.
"""

# sphinx_gallery_thumbnail_number = 3

from sklearn.datasets import load_digits

from vmfmix import VMFMixture
from vmfmix.inspection import compare
from vmfmix.metrics import clustering_report
from vmfmix.plotting import cluster_gallery, plot_labels

digits = load_digits()
model = VMFMixture(random_state=0).fit(digits.data)
print(f"{len(digits.data)} images in {model.n_components_} clusters")

# %%
# The images with the highest probability in each cluster, largest cluster first, with its number of
# images:

cluster_gallery(
    digits.images / 16.0, model.labels_, model.probabilities_, n_rows=model.n_components_
)

# %%
# Classes and clusters differ
# ---------------------------
#
# There are more clusters than digits, and the table shows why: some digits are written in more
# than one way. Two large numbers in a row mean that a digit is split between clusters; two in a
# column mean that a cluster mixes digits.

plot_labels(model, digits.data, digits.target)

# %%

compare(model, digits.data, digits.target).round(2)

# %%
# Writing styles of a digit
# -------------------------
#
# The gallery can show any groups of images. Here it shows the clusters of the digit that is split
# the most.

ones = digits.target == 1
cluster_gallery(digits.images[ones] / 16.0, model.labels_[ones], n_rows=3)

# %%
# With the number of classes given, the fit merges similar clusters, which are not necessarily
# clusters of the same digit.

given = VMFMixture(10, random_state=0).fit(digits.data)
for name, fitted in (("estimated number", model), ("given number", given)):
    report = clustering_report(digits.target, fitted.labels_)
    print(
        f"{name}: {report['n_clusters']} clusters, "
        f"AMI {report['adjusted_mutual_info']:.3f}, ARI {report['adjusted_rand']:.3f}"
    )
