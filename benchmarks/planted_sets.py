"""Planted mixtures with a known number of components, and samples without clusters."""

import numpy as np

from vmfmix.distribution import concentration, sample

KINDS = ("plain", "hierarchical", "anisotropic")
IMBALANCES = (1, 20)
DIMS = (64, 384)
NUMBERS = (8, 20, 60)
SIZES = (2000, 8000)
LENGTH = {"plain": 0.6, "hierarchical": 0.9, "anisotropic": 0.75}  # mean resultant length
COSINE = 0.87  # between a component's mean and that of its super-cluster
ANISOTROPY = 8  # an anisotropic component scatters in an eighth of the directions
UNCLUSTERED = ("uniform", "single vMF")
UNCLUSTERED_DIMS = (3, 64, 384)
UNCLUSTERED_ROWS = 3000


def planted_sizes(n_rows, n_components, imbalance):
    """Return the component sizes in geometric steps, the first `imbalance` times the last."""
    shares = float(imbalance) ** -np.linspace(0, 1, n_components)
    targets = n_rows * shares / shares.sum()
    sizes = np.floor(targets).astype(int)
    sizes[np.argsort(sizes - targets, kind="stable")[: n_rows - sizes.sum()]] += 1
    return sizes


def planted_means(kind, n_components, n_features, rng):
    """Return unit means: uniform, or around about √K super-clusters that are uniform themselves."""
    means = uniform(n_components, n_features, rng)
    if kind == "hierarchical":
        parents = uniform(round(n_components**0.5), n_features, rng)
        parents = parents[np.arange(n_components) % len(parents)]
        tangents = means - np.einsum("kd,kd->k", means, parents)[:, np.newaxis] * parents
        tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
        means = COSINE * parents + np.sqrt(1 - COSINE**2) * tangents
    return means


def planted(kind, n_rows, n_features, n_components, imbalance, seed):
    """Return unit rows in float32 and their components.

    An anisotropic component is a von Mises-Fisher distribution on a sphere of fewer dimensions,
    spanned by its mean and some random directions.
    """
    rng = np.random.default_rng(seed)
    sizes = planted_sizes(n_rows, n_components, imbalance)
    means = planted_means(kind, n_components, n_features, rng)
    dim = n_features // ANISOTROPY + 1 if kind == "anisotropic" else n_features
    kappa = concentration(LENGTH[kind], dim)
    parts = []
    for mean, size in zip(means, sizes):
        if kind == "anisotropic":
            directions = rng.standard_normal((n_features, dim - 1))
            frame = np.linalg.qr(np.column_stack([mean, directions]))[0]
            frame[:, 0] = mean  # QR may flip its sign
            parts.append(sample(np.eye(dim)[0], kappa, size, rng=rng) @ frame.T)
        else:
            parts.append(sample(mean, kappa, size, rng=rng))
    order = rng.permutation(n_rows)
    y = np.repeat(np.arange(n_components), sizes)
    return np.concatenate(parts).astype(np.float32)[order], y[order]


def unclustered(distribution, n_rows, n_features, seed):
    """Return unit rows without clusters, in float32, and a single class."""
    kappa = 0.0 if distribution == "uniform" else concentration(LENGTH["plain"], n_features)
    X = sample(np.eye(n_features)[0], kappa, n_rows, rng=seed)
    return X.astype(np.float32), np.zeros(n_rows, int)


def uniform(n_rows, n_features, rng):
    """Return unit rows uniform on the sphere."""
    return sample(np.eye(n_features)[0], 0.0, n_rows, rng=rng)


def planted_keys():
    """Return (kind, imbalance, features, K*, rows) of every planted mixture."""
    return [
        (kind, imbalance, dim, k, n)
        for kind in KINDS
        for imbalance in IMBALANCES
        for dim in DIMS
        for k in NUMBERS
        for n in SIZES
    ]


def planted_title(kind, imbalance, dim, k, n):
    """Return the name of a planted mixture."""
    return f"{kind} {imbalance}:1 d={dim} K*={k} n={n}"


def unclustered_title(distribution, dim):
    """Return the name of a sample without clusters."""
    return f"{distribution} d={dim}"
