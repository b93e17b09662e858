"""
Why high dimensions look flat
=============================

In the embeddings of a text encoder, a row is easily 55° away from the middle of its own cluster,
and clusters are tight nevertheless. The law itself, without any data, shows why.
"""

import matplotlib.pyplot as plt
import numpy as np

from vmfmix import distribution
from vmfmix.plotting.axes import COLORS, name_axes

angles = np.linspace(1e-3, np.pi - 1e-3, 2000)


def density_of_angle(kappa, dim):
    """Density of the angle between a row and the mean direction, per degree.

    All rows at the angle t form a sphere of one dimension less, whose area is in proportion to
    sin(t) ** (dim - 2).
    """
    logs = distribution.log_normalizer(kappa, dim) + kappa * np.cos(angles)
    area = (dim - 2) * np.log(np.sin(angles)) - distribution.log_normalizer(0.0, dim - 1)
    return np.exp(logs + area) * np.pi / 180.0


# %%
# The angle in three spaces
# -------------------------
#
# In each panel the concentrations are 0 (rows anywhere) and some multiples of the dimension. The
# same multiple that is hardly seen in three dimensions is a law of its own in 384.

fig, axes = plt.subplots(1, 3, figsize=(10.0, 3.6), layout="constrained")
for ax, dim in zip(axes, (3, 32, 384)):
    for ratio, color in zip((0.0, 0.3, 1.0, 3.0), COLORS):
        kappa = ratio * dim
        ax.plot(
            np.degrees(angles), density_of_angle(kappa, dim), color=color, label=f"κ = {kappa:g}"
        )
    ax.set_title(f"{dim} dimensions")
    ax.set_xlim(0.0, 180.0)
    ax.set_xticks([0, 45, 90, 135, 180])
    ax.set_ylim(bottom=0.0)
    name_axes(ax, "angle to the mean, in degrees", "density per degree" if dim == 3 else "")
    ax.legend(frameon=False, loc="upper right")

# %%
# Three things are seen in 384 dimensions.
#
# *Rows anywhere are at right angles.* There is so much more room near 90° than elsewhere that two
# random directions are hardly ever below 80°.
#
# *The middle of a cluster is empty.* The density is greatest at the mean direction, but there is no
# room; the rows lie on a thin shell at one angle, all of them about equally far.
#
# *Far is not the same as apart.* At κ = 384, rows are at 52° from their mean, and none of the rows
# anywhere comes near that: the laws do not overlap, though the angle looks large.
#
# From which concentration on a law is told apart
# -----------------------------------------------
#
# The share of the rows of a cluster that are nearer to its mean than all but a thousandth of rows
# anywhere:

kappas = np.geomspace(0.1, 1000.0, 60)
fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for dim, color in zip((3, 32, 384), COLORS):
    below = np.cumsum(density_of_angle(0.0, dim)) * np.degrees(angles[1] - angles[0])
    near = below < 1e-3
    shares = [
        np.sum(density_of_angle(kappa, dim)[near]) * np.degrees(angles[1] - angles[0])
        for kappa in kappas
    ]
    ax.plot(kappas, shares, color=color, label=f"{dim} dimensions")
ax.set_xscale("log")
name_axes(ax, "concentration κ", "share of the rows told apart")
ax.legend(frameon=False)

# %%
# So a concentration says nothing without the dimension. What says the same in all dimensions is the
# mean cosine of a cluster's rows with its mean direction, the mean resultant length:

for dim in (3, 32, 384):
    lengths = [distribution.mean_resultant_length(ratio * dim, dim) for ratio in (0.3, 1.0, 3.0)]
    print(f"{dim:3} dimensions, κ/d = 0.3, 1, 3:", *(f"{length:.2f}" for length in lengths))
