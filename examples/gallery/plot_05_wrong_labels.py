"""
Find label errors
=================

Human labels contain errors. This example changes 5% of the labels of scikit-learn's digits and
finds them with :func:`~vmfmix.inspection.label_issues`.
"""

# sphinx_gallery_thumbnail_number = 2

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from vmfmix import VMFMixture
from vmfmix.inspection import label_issues
from vmfmix.plotting import label_issue_gallery

digits = load_digits()
rng = np.random.default_rng(0)
given = digits.target.copy()
changed = rng.choice(len(given), 90, replace=False)
given[changed] = (given[changed] + rng.integers(1, 10, len(changed))) % 10
wrong = given != digits.target

model = VMFMixture(random_state=0).fit(digits.data)
issues = label_issues(model, digits.data, given)
issues.sort_values("rank").iloc[:160:20].round(3)

# %%
# These are some of the 160 most suspicious rows. ``rank`` orders the rows by ``margin``, the log
# odds of the given label, which differ even where probabilities round to 0 or 1. How many label
# errors are among the first rows of this list?

order = np.argsort(issues["rank"])
seen = np.cumsum(wrong[order])
fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
ax.plot(np.arange(1, 301), seen[:300], color="C0", label="rows sorted by rank")
ax.plot([0, 90, 300], [0, 90, 90], color="black", ls="dotted", label="best possible")
ax.set(xlabel="rows inspected", ylabel="label errors found")
ax.legend(frameon=False, loc="lower right")
print(f"{seen[89]} of the first 90 rows are errors; the first 135 rows contain {seen[134]} of 90")

# %%
# Probability of a label
# ----------------------
#
# The probability that a label is correct does more than rank the rows: it is calibrated, although
# some of the labels are wrong. Which labels have a probability below one half?

doubted = issues["given_label_probability"].to_numpy() < 0.5
suggested = issues["suggested_label"].to_numpy()
print(f"{doubted.sum()} labels have a probability below 0.5; {wrong[doubted].sum()} are wrong")
print(f"the suggestion is correct for {np.sum(suggested[wrong] == digits.target[wrong])} of the 90")

# %%
# Hardly any label error is missed, but nearly half of the flagged labels are correct. Review the
# list by hand rather than changing labels automatically.
#
# Review the images
# -----------------
#
# Each image is shown with its given label and the suggested one.

label_issue_gallery(digits.images / 16.0, issues, n_images=18, n_columns=6)

# %%
# This gallery shows possible errors among the original labels. Only a person can decide whether
# these labels are wrong.

label_issue_gallery(
    digits.images / 16.0,
    label_issues(model, digits.data, digits.target),
    n_images=12,
    n_columns=6,
)
