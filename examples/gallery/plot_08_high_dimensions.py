"""
Angles in high dimensions
=========================

In text embeddings, rows are often 55° away from the mean direction of their own cluster, and yet
the clusters are well separated. The von Mises-Fisher distribution shows why, without any data.
"""

import matplotlib.pyplot as plt
import numpy as np

from vmfmix import distribution

angles = np.linspace(1e-3, np.pi - 1e-3, 2000)


def density_of_angle(kappa, dim):
    """Return the density of the angle between a row and the mean direction, per degree.

    All directions at the angle t form a sphere of one dimension less, whose area is proportional
    to sin(t) ** (dim - 2).
    """
    logs = distribution.log_normalizer(kappa, dim) + kappa * np.cos(angles)
    area = (dim - 2) * np.log(np.sin(angles)) - distribution.log_normalizer(0.0, dim - 1)
    return np.exp(logs + area) * np.pi / 180.0


# %%
# Distribution of the angle in 3, 32 and 384 dimensions
# -----------------------------------------------------
#
# In each panel the concentrations are 0 (uniform directions) and some multiples of the dimension. A
# multiple that is hardly visible in three dimensions gives a clearly separate distribution in 384.

fig, axes = plt.subplots(1, 3, figsize=(10.0, 3.6), layout="constrained")
for ax, dim in zip(axes, (3, 32, 384)):
    for ratio, color in zip((0.0, 0.3, 1.0, 3.0), ("C0", "C1", "C2", "C3")):
        kappa = ratio * dim
        ax.plot(
            np.degrees(angles), density_of_angle(kappa, dim), color=color, label=f"κ = {kappa:g}"
        )
    ax.set_title(f"{dim} dimensions")
    ax.set_xlim(0.0, 180.0)
    ax.set_xticks([0, 45, 90, 135, 180])
    ax.set_ylim(bottom=0.0)
    ax.set(xlabel="angle to the mean in degrees", ylabel="density per degree" if dim == 3 else "")
    ax.legend(frameon=False, loc="upper right")

# %%
# In 384 dimensions, the plot shows three effects.
#
# *Random directions are almost orthogonal.* The area of the sphere is so concentrated near 90° that
# the angle between two random directions is almost never below 80°.
#
# *The center of a cluster is empty.* The density is highest at the mean direction, but there is
# almost no area around it. The rows lie in a thin shell, all at about the same angle.
#
# *A large angle does not mean overlap.* At κ = 384, rows are 52° from their mean, and uniform
# directions practically never come that close. The distributions do not overlap, although the angle
# looks large.
#
# Concentration needed to separate a cluster
# ------------------------------------------
#
# The next plot shows the share of the rows of a cluster that are closer to its mean than 99.9% of
# uniform directions.

kappas = np.geomspace(0.1, 1000.0, 60)
fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for dim, color in zip((3, 32, 384), ("C0", "C1", "C2")):
    below = np.cumsum(density_of_angle(0.0, dim)) * np.degrees(angles[1] - angles[0])
    near = below < 1e-3
    shares = [
        np.sum(density_of_angle(kappa, dim)[near]) * np.degrees(angles[1] - angles[0])
        for kappa in kappas
    ]
    ax.plot(kappas, shares, color=color, label=f"{dim} dimensions")
ax.set_xscale("log")
ax.set(xlabel="concentration κ", ylabel="share of rows separated")
ax.legend(frameon=False)

# %%
# A concentration is therefore meaningless without the dimension. The mean resultant length, which
# is the mean cosine between the rows of a cluster and its mean direction, is comparable across
# dimensions:

for dim in (3, 32, 384):
    lengths = [distribution.mean_resultant_length(ratio * dim, dim) for ratio in (0.3, 1.0, 3.0)]
    print(f"{dim:3} dimensions, κ/d = 0.3, 1, 3:", *(f"{length:.2f}" for length in lengths))
