"""
The von Mises-Fisher distribution on the sphere
===============================================

In three dimensions, a von Mises-Fisher mixture can be plotted. Each component has only two
parameters, a mean direction and a concentration κ. It is symmetric around its mean direction, and
the larger κ is, the narrower it is.
"""

import numpy as np

from vmfmix import VMFMixture, distribution
from vmfmix.datasets import make_vmf_mixture
from vmfmix.plotting import plot_sphere

means = np.array([[0.0, -1.0, 0.4], [0.9, -0.4, -0.2], [-0.1, -0.4, 1.0]])
true = np.array([15.0, 60.0, 400.0])
X, y = make_vmf_mixture(900, means=means, concentration=true, random_state=0)
model = VMFMixture(3, concentration="free", random_state=0).fit(X)

# %%
# Samples and contours
# --------------------
#
# The density depends only on the angle to the mean direction, so its contours are circles. The
# contours drawn here contain 50% and 95% of the probability of each component.

ax = plot_sphere(model, X, shares=(0.5, 0.95))
ax.view_init(elev=20.0, azim=-65.0)

# %%
# Meaning of the concentration
# ----------------------------
#
# The mean of many rows of a cluster, before it is scaled to unit length, has a length between 0
# (rows spread uniformly) and 1 (identical rows). This length is a function A of κ and of the
# dimension, :func:`~vmfmix.distribution.mean_resultant_length`, and its inverse estimates κ. In
# three dimensions A(κ) = coth κ − 1/κ, and half of the rows are within about 1.2/√κ radians.

for cluster in np.argsort(model.concentrations_):
    rows = X[model.labels_ == cluster]
    kappa = model.concentrations_[cluster]
    length = np.linalg.norm(rows.mean(axis=0))
    angle = np.degrees(np.arccos(np.clip(rows @ model.means_[cluster], -1.0, 1.0)))
    print(
        f"κ = {kappa:5.1f}  length of the mean {length:.3f}, "
        f"A(κ) = {distribution.mean_resultant_length(kappa, 3):.3f}, "
        f"median angle {np.median(angle):4.1f}°"
    )

# %%
# The true concentrations are 15, 60 and 400. The estimates differ by as much as can be expected
# from 300 rows.
#
# Background noise
# ----------------
#
# Concentration 0 gives the uniform distribution. ``background=True`` adds a uniform component,
# whose rows are gray.

X, _ = make_vmf_mixture(900, means=means, concentration=true, background=0.25, random_state=0)
model = VMFMixture(3, concentration="free", background=True, n_init=5, random_state=0).fit(X)
print(f"weight of the background: {model.background_weight_:.2f}")
ax = plot_sphere(model, X, shares=(0.95,))
ax.view_init(elev=20.0, azim=-65.0)
