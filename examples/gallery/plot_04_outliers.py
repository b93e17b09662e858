"""
Rows that belong nowhere
========================

Three questions that sound alike: which rows lie far out in their cluster, which are no part of any
cluster, and which new rows are unlike everything in the fit.
"""

import matplotlib.pyplot as plt
import numpy as np

from vmfmix import VMFMixture
from vmfmix.datasets import load_snips, make_vmf_mixture
from vmfmix.inspection import outliers
from vmfmix.plotting.axes import BLUE, ORANGE

snips = load_snips()
X = snips.data
model = VMFMixture(7, random_state=0).fit(X)

# %%
# Far out in their cluster
# ------------------------
#
# :func:`~vmfmix.inspection.outliers` compares the angle of each row to its mean direction with
# those of the other rows of the cluster. ``share`` is the share of rows that would be found in
# clusters without any outliers, so a list longer than that means something.

far = outliers(model, X, share=0.001)
print(f"{len(far)} of {len(X)} rows, where clusters without outliers would have 3 or 4\n")
for row, cosine in zip(far["row"][:8], far["cosine"]):
    print(f"cosine {cosine:.2f}  {snips.texts[row]}")

# %%
# Most of them are little more than a title, and a title can be about anything. They are no mistakes
# of anybody: far out is not wrong.
#
# Rows of no cluster
# ------------------
#
# Now some 300 rows of noise are among 2 000 of six clusters. ``background=True`` adds a uniform
# component for them, whose label is −1.

noisy, truth = make_vmf_mixture(
    2300, n_features=32, n_components=6, concentration=60.0, background=300 / 2300, random_state=0
)
with_background = VMFMixture(6, background=True, random_state=0).fit(noisy)
noise, found = truth == -1, with_background.labels_ == -1
print(f"{found.sum()} rows of background; {np.sum(noise & found)} of {noise.sum()} rows of noise")

# %%
# Without it, every row must belong to some cluster. Told that there are six, the fit puts the noise
# and one of the clusters together; a low concentration gives it away.

without = VMFMixture(6, random_state=0).fit(noisy)
print("rows:          ", *np.bincount(without.labels_))
print("concentrations:", *without.concentrations_.round().astype(int))

# %%
# Not told the number, it makes the noise a cluster of its own, of which the concentration says that
# it is none.

without = VMFMixture(random_state=0).fit(noisy)
print("rows:          ", *np.bincount(without.labels_))
print("concentrations:", *without.concentrations_.round().astype(int))

# %%
# Unlike everything in the fit
# ----------------------------
#
# A fit to six of the seven intents has never seen a request for the weather. ``score_samples``,
# the log density, tells these from held-out sentences of the other intents.

weather = snips.target_names[snips.target] == "GetWeather"
even = np.arange(len(X)) % 2 == 0
six = VMFMixture(random_state=0).fit(X[~weather & even])
known, unknown = six.score_samples(X[~weather & ~even]), six.score_samples(X[weather])

fig, ax = plt.subplots(figsize=(7.0, 4.0), layout="constrained")
bins = np.linspace(min(known.min(), unknown.min()), max(known.max(), unknown.max()), 50)
for values, color, name in ((known, BLUE, "of known intents"), (unknown, ORANGE, "weather")):
    ax.hist(values, bins, color=color, alpha=0.6, density=True, label=f"held-out rows, {name}")
limit = np.quantile(known, 0.05)
ax.axvline(limit, color="black", ls="dashed", lw=1.0, label="5 % of the known are below")
ax.set_xlabel("log density, in nats")
ax.set_ylabel("share of rows per nat")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)

# %%
# With a limit below which 5 % of the known rows lie, so much of the unknown is noticed:

print(f"{np.mean(unknown < limit):.0%}")
