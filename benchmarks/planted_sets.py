"""Planted mixtures, whose number of components is known, and rows without clusters."""

import numpy as np

from vmfmix.distribution import concentration, sample

KINDS = ("plain", "hierarchical", "anisotropic")
IMBALANCES = (1, 20)
DIMS = (64, 384)
NUMBERS = (8, 20, 60)
SIZES = (2000, 8000)
LENGTH = {"plain": 0.6, "hierarchical": 0.9, "anisotropic": 0.75}  # mean resultant length
COSINE = 0.87  # of a child's mean with that of its super-cluster
DIRECTIONS = 8  # one in so many is scattered in, where scatter is anisotropic
NULLS = ("uniform", "one vMF")
NULL_DIMS = (3, 64, 384)
NULL_ROWS = 3000


def planted_sizes(n_rows, n_components, imbalance):
    """Rows of each component, in geometric steps; the first has `imbalance` times as many."""
    shares = float(imbalance) ** -np.linspace(0, 1, n_components)
    wanted = n_rows * shares / shares.sum()
    sizes = np.floor(wanted).astype(int)
    sizes[np.argsort(sizes - wanted, kind="stable")[: n_rows - sizes.sum()]] += 1
    return sizes


def planted_means(kind, n_components, n_features, rng):
    """Unit rows: uniform, or around about √K super-clusters that are themselves uniform."""
    means = uniform(n_components, n_features, rng)
    if kind == "hierarchical":
        above = uniform(round(n_components**0.5), n_features, rng)
        above = above[np.arange(n_components) % len(above)]
        aside = means - np.einsum("kd,kd->k", means, above)[:, np.newaxis] * above
        aside /= np.linalg.norm(aside, axis=1, keepdims=True)
        means = COSINE * above + np.sqrt(1 - COSINE**2) * aside
    return means


def planted(kind, n_rows, n_features, n_components, imbalance, seed):
    """Unit rows in float32 and their components.

    Where scatter is anisotropic, each component is a von Mises-Fisher law on a sphere of fewer
    dimensions, through its mean and some random directions.
    """
    rng = np.random.default_rng(seed)
    sizes = planted_sizes(n_rows, n_components, imbalance)
    means = planted_means(kind, n_components, n_features, rng)
    dim = n_features // DIRECTIONS + 1 if kind == "anisotropic" else n_features
    kappa = concentration(LENGTH[kind], dim)
    parts = []
    for mean, size in zip(means, sizes):
        if kind == "anisotropic":
            aside = rng.standard_normal((n_features, dim - 1))
            frame = np.linalg.qr(np.column_stack([mean, aside]))[0]
            frame[:, 0] = mean  # and not its opposite
            parts.append(sample(np.eye(dim)[0], kappa, size, rng=rng) @ frame.T)
        else:
            parts.append(sample(mean, kappa, size, rng=rng))
    order = rng.permutation(n_rows)
    y = np.repeat(np.arange(n_components), sizes)
    return np.concatenate(parts).astype(np.float32)[order], y[order]


def null(law, n_rows, n_features, seed):
    """Unit rows without clusters."""
    kappa = 0.0 if law == "uniform" else concentration(LENGTH["plain"], n_features)
    X = sample(np.eye(n_features)[0], kappa, n_rows, rng=seed)
    return X.astype(np.float32), np.zeros(n_rows, int)


def uniform(n_rows, n_features, rng):
    return sample(np.eye(n_features)[0], 0.0, n_rows, rng=rng)


def planted_keys():
    """(kind, imbalance, features, K*, rows) of every planted mixture."""
    return [
        (kind, imbalance, dim, k, n)
        for kind in KINDS
        for imbalance in IMBALANCES
        for dim in DIMS
        for k in NUMBERS
        for n in SIZES
    ]
