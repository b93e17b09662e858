"""
Images in clusters
==================

Images of digits, eight by eight gray values, are rows of 64 numbers that are not negative. Their
lengths say how much ink there is, and their directions how it is spread, so they can be clustered
as directions without any encoder.
"""

# sphinx_gallery_thumbnail_number = 3

from sklearn.datasets import load_digits

from vmfmix import VMFMixture
from vmfmix.inspection import compare
from vmfmix.metrics import clustering_report
from vmfmix.plotting import cluster_gallery, plot_labels

digits = load_digits()
model = VMFMixture(random_state=0).fit(digits.data)
print(f"{model.n_components_} clusters of {len(digits.data)} images")

# %%
# The most certain images of each cluster, largest cluster first, with its number of images:

cluster_gallery(
    digits.images / 16.0, model.labels_, model.probabilities_, n_rows=model.n_components_
)

# %%
# Classes are no clusters
# -----------------------
#
# There are ten digits but more clusters, and the table shows why: some digits are written in more
# than one way. Where a row of the table has two numbers, a digit is divided; where a column has
# two, digits are mixed.

plot_labels(model, digits.data, digits.target)

# %%

compare(model, digits.data, digits.target).round(2)

# %%
# Several ways to write a digit
# -----------------------------
#
# The gallery takes any groups: here the images of the digit that is divided most, by their
# clusters.

ones = digits.target == 1
cluster_gallery(digits.images[ones] / 16.0, model.labels_[ones], n_rows=3)

# %%
# Told the number of classes, the fit joins what is alike, which need not be what has one name.

for name, fit in (("found", model), ("told", VMFMixture(10, random_state=0).fit(digits.data))):
    report = clustering_report(digits.target, fit.labels_)
    print(
        f"{name}: {report['n_clusters']} clusters, "
        f"AMI {report['adjusted_mutual_info']:.3f}, ARI {report['adjusted_rand']:.3f}"
    )
