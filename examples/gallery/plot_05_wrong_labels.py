"""
Labels that look wrong
======================

Labels made by people contain mistakes. Here 5 % of the labels of scikit-learn's digits are changed
on purpose, and :func:`~vmfmix.inspection.label_issues` looks for them.
"""

# sphinx_gallery_thumbnail_number = 2

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from vmfmix import VMFMixture
from vmfmix.inspection import label_issues
from vmfmix.plotting import label_issue_gallery
from vmfmix.plotting.axes import BLUE, name_axes

digits = load_digits()
rng = np.random.default_rng(0)
given = digits.target.copy()
changed = rng.choice(len(given), 90, replace=False)
given[changed] = (given[changed] + rng.integers(1, 10, len(changed))) % 10
wrong = given != digits.target

model = VMFMixture(random_state=0).fit(digits.data)
issues = label_issues(model, digits.data, given)
issues.sort_values("rank").head().round(3)

# %%
# ``rank`` orders the rows from the most suspicious one on. How many wrong labels are among the
# first rows of that list?

order = np.argsort(issues["rank"])
seen = np.cumsum(wrong[order])
fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
ax.plot(np.arange(1, 301), seen[:300], color=BLUE, label="in the order of rank")
ax.plot([0, 90, 300], [0, 90, 90], color="black", ls="dotted", label="the best possible")
name_axes(ax, "rows looked at", "wrong labels among them")
ax.legend(frameon=False, loc="lower right")
print(f"{seen[89]} of the first 90 are wrong, and {seen[134]} of the 90 are among the first 135")

# %%
# How sure it is
# --------------
#
# The probability that a label is right does not only rank. Where it is below a half, the suggested
# label is another one.

doubted = issues["given_label_probability"].to_numpy() < 0.5
suggested = issues["suggested_label"].to_numpy()
print(f"{doubted.sum()} labels are less probable than not; {wrong[doubted].sum()} are wrong")
print(f"the suggestion is right for {np.sum(suggested[wrong] == digits.target[wrong])} of the 90")

# %%
# So hardly a wrong label is missed, and nearly half of the doubts are unfounded: a list to look
# through, and no reason to change labels unseen.
#
# The images
# ----------
#
# Each with the given label and the suggested one.

label_issue_gallery(digits.images / 16.0, issues, n_images=18, n_columns=6)

# %%
# And without the mistakes that were made on purpose: what looks wrong in the data as they come.
# Here a person must decide.

label_issue_gallery(
    digits.images / 16.0,
    label_issues(model, digits.data, digits.target),
    n_images=12,
    n_columns=6,
)
