"""
Smooth rows with their neighbors
================================

The pixels of handwritten digits form stretched clusters, as each digit is written in several ways.
This example averages each image with its nearest neighbors first.
"""

# sphinx_gallery_thumbnail_number = 1

from matplotlib import pyplot
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from vmfmix import NeighborSmoother, VMFMixture
from vmfmix.plotting import plot_labels

X, digit = load_digits(return_X_y=True)

# %%
# What smoothing does
# -------------------
#
# :class:`~vmfmix.NeighborSmoother` joins each image to its 15 nearest neighbors and lets a random
# walk average along these edges. Images of the same digit come close to each other. The figure
# shows the first two principal components of the images and of the smoothed ones. The colors are
# the digits, which the smoother does not know.

smoother = NeighborSmoother().fit(X)
figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
for axes, rows, title in ((left, X, "pixels"), (right, smoother.embedding_, "smoothed")):
    points = PCA(2, random_state=0).fit_transform(rows)
    axes.scatter(*points.T, c=digit, cmap="tab10", s=5)
    axes.set(title=title, xticks=[], yticks=[])

# %%
# Better clusters
# ---------------
#
# ``smooth=True`` fits the mixture to the smoothed rows. The adjusted Rand index compares the
# clusters with the digits.

raw = VMFMixture(10, random_state=0).fit(X)
smoothed = VMFMixture(10, smooth=True, random_state=0).fit(X)
for name, model in (("pixels", raw), ("smoothed", smoothed)):
    print(f"{name:9} ARI {adjusted_rand_score(digit, model.labels_):.3f}")

# %%
# Most clusters now contain one digit. Only the ones are divided among three clusters.

plot_labels(smoothed, X, digit)

# %%
# New images are smoothed by their neighbors among the fitted images, and images that were fitted
# get their own label again.

print((smoothed.predict(X) == smoothed.labels_).all())

# %%
# The mean directions are those of smoothed rows, which have coordinates of their own. See
# :doc:`/smoothing` for what this means for densities, and for when not to smooth.

print(raw.means_.shape, smoothed.means_.shape)
