"""
From disk, and as a stream
==========================

Rows that do not fit into memory are read from disk block by block and give the same labels as in
memory. Rows that are seen once, as a stream, are learned batch by batch.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import adjusted_rand_score

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.plotting.axes import BLUE, name_axes

X, y = make_vmf_mixture(
    20_000, n_features=64, n_components=60, concentration=40.0, dtype=np.float32, random_state=0
)
in_memory = VMFMixture(60, random_state=0).fit(X)

# %%
# A file
# ------
#
# NumPy maps a file into memory without reading it; what a pass needs is read when it gets there.
# Rows in several files come from a function that opens them one after the other, anew for each
# pass.

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    np.save(folder / "rows.npy", X)
    for number, part in enumerate(np.array_split(X, 4)):
        np.save(folder / f"part-{number}.npy", part)

    mapped = np.load(folder / "rows.npy", mmap_mode="r")
    from_file = VMFMixture(60, random_state=0).fit(mapped)
    from_parts = VMFMixture(60, random_state=0).fit(
        lambda: (np.load(path) for path in sorted(folder.glob("part-*.npy")))
    )
    del mapped  # closes the file

for name, model in (("one file", from_file), ("four files", from_parts)):
    same = np.array_equal(model.labels_, in_memory.labels_)
    print(f"{name}: {'the same labels' if same else 'other labels'} as in memory")

# %%
# A stream
# --------
#
# ``partial_fit`` takes a batch, learns from it, and forgets it. (It keeps the first 12 000 rows as
# long as it needs them to find where clusters are.) After each batch, 2 000 rows that it never sees
# tell how good it is.

held_out, known = X[-2000:], y[-2000:]
stream = VMFMixture(60, random_state=0)
seen, scores = [], []
for start in range(0, 18_000, 250):
    stream.partial_fit(X[start : start + 250])
    seen.append(stream.n_samples_seen_)
    scores.append(adjusted_rand_score(known, stream.predict(held_out)))

fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
ax.plot(seen, scores, color=BLUE, marker=".", label="stream")
whole = adjusted_rand_score(known, in_memory.predict(held_out))
ax.axhline(whole, color="black", ls="dotted", label="all rows in memory")
name_axes(ax, "rows seen", "adjusted Rand index of held-out rows")
ax.legend(frameon=False, loc="lower right")

# %%
# Rows of a stream should come in random order. If the batches are sorted, what has not come yet
# when the first rows are forgotten can only be learned by moving clusters that are there already.
