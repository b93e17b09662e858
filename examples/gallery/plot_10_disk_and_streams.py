"""
Out-of-core and online clustering
=================================

Rows that do not fit in memory are read from disk block by block, with the same labels as in memory.
Rows of a stream, which are seen only once, are learned batch by batch with ``partial_fit``.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import adjusted_rand_score

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture

X, y = make_vmf_mixture(
    20_000, n_features=64, n_components=60, concentration=40.0, dtype=np.float32, random_state=0
)
in_memory = VMFMixture(60, random_state=0).fit(X)

# %%
# Files on disk
# -------------
#
# NumPy memory-maps a file without reading it; each pass then reads blocks as it needs them. For
# rows in several files, pass a function that returns an iterator over the files; it is called once
# per pass.

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
    print(f"{name}: {'same labels as' if same else 'labels differ from those'} in memory")

# %%
# Streams
# -------
#
# ``partial_fit`` learns from a batch and then discards it. (It stores up to 12,000 of the first
# rows as long as it needs them to find the clusters.) After each batch, the model is scored on
# 2,000 held-out rows.

held_out, known = X[-2000:], y[-2000:]
stream = VMFMixture(60, random_state=0)
seen, scores = [], []
for start in range(0, 18_000, 250):
    stream.partial_fit(X[start : start + 250])
    seen.append(stream.n_samples_seen_)
    scores.append(adjusted_rand_score(known, stream.predict(held_out)))

fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
ax.plot(seen, scores, color="C0", marker=".", label="stream")
whole = adjusted_rand_score(known, in_memory.predict(held_out))
ax.axhline(whole, color="black", ls="dotted", label="fit to all rows in memory")
ax.set(xlabel="rows seen", ylabel="adjusted Rand index of held-out rows")
ax.legend(frameon=False, loc="lower right")

# %%
# The rows of a stream should arrive in random order. If the stream is sorted, some topics arrive
# only after the first rows have been discarded, and can then only be learned by moving existing
# clusters.
