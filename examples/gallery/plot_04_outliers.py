"""
Outliers, noise and novelty detection
=====================================

This example answers three different questions: which rows are outliers in their cluster, which rows
are noise that belongs to no cluster, and which new rows differ from all training data.
"""

import matplotlib.pyplot as plt
import numpy as np

from vmfmix import VMFMixture
from vmfmix.datasets import load_snips, make_vmf_mixture
from vmfmix.inspection import outliers

snips = load_snips()
X = snips.data
model = VMFMixture(7, random_state=0).fit(X)

# %%
# Outliers in a cluster
# ---------------------
#
# :func:`~vmfmix.inspection.outliers` compares the angle of each row to the mean direction with
# the angles of the other rows in the cluster. ``share`` is the share of rows that would be reported
# even if the clusters had no outliers, so a longer list means that there are real outliers.

outlying = outliers(model, X, share=0.001)
print(f"{len(outlying)} of {len(X)} rows; clusters without outliers would give 3 or 4\n")
for _, found in outlying.head(8).iterrows():
    frequency = f"1 in {10 ** found['minus_log10_p']:,.0f}"
    print(f"cosine {found['cosine']:.2f}, {frequency:>12}  {snips.texts[int(found['row'])]}")

# %%
# The second number is the p-value: how rare such a row would be in a cluster without outliers.
#
# Most of these sentences are little more than a title, and a title can be about anything. Outliers
# are unusual rows, not necessarily errors.
#
# Noise
# -----
#
# The next dataset has about 300 rows of noise and 2,000 rows in six clusters. ``background=True``
# adds a uniform component for noise, whose label is −1.

noisy, truth = make_vmf_mixture(
    2300, n_features=32, n_components=6, concentration=60.0, background=300 / 2300, random_state=0
)
with_background = VMFMixture(6, background=True, random_state=0).fit(noisy)
noise, found = truth == -1, with_background.labels_ == -1
print(f"{found.sum()} background rows; {np.sum(noise & found)} of {noise.sum()} noise rows found")

# %%
# Without a background component, every row must belong to some cluster. With six clusters, the fit
# combines the noise and one of the true clusters; the low concentration reveals this.

without = VMFMixture(6, random_state=0).fit(noisy)
print("rows:          ", *np.bincount(without.labels_))
print("concentrations:", *without.concentrations_.round().astype(int))

# %%
# With an estimated number of clusters, the noise becomes a separate cluster. Its concentration
# shows that it is not a real one.

without = VMFMixture(random_state=0).fit(noisy)
print("rows:          ", *np.bincount(without.labels_))
print("concentrations:", *without.concentrations_.round().astype(int))

# %%
# Novelty detection
# -----------------
#
# This model is fitted to six of the seven intents and has never seen a request about the weather.
# The log density from ``score_samples`` separates these requests from held-out sentences of the
# other intents.

weather = snips.target_names[snips.target] == "GetWeather"
even = np.arange(len(X)) % 2 == 0
six = VMFMixture(random_state=0).fit(X[~weather & even])
known, unknown = six.score_samples(X[~weather & ~even]), six.score_samples(X[weather])

fig, ax = plt.subplots(figsize=(7.0, 4.0), layout="constrained")
bins = np.linspace(min(known.min(), unknown.min()), max(known.max(), unknown.max()), 50)
for values, color, name in ((known, "C0", "known intents"), (unknown, "C1", "weather")):
    ax.hist(values, bins, color=color, alpha=0.6, density=True, label=f"held-out rows, {name}")
limit = np.quantile(known, 0.05)
ax.axvline(limit, color="black", ls="dashed", lw=1.0, label="5% of the known intents are below")
ax.set_xlabel("log density in nats")
ax.set_ylabel("share of rows per nat")
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)

# %%
# With a threshold that rejects 5% of the known rows, this share of the weather requests is
# detected:

print(f"{np.mean(unknown < limit):.0%}")
