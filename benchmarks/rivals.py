"""The methods that the benchmarks of clusterings compare: vmfmix, and others of several kinds.

A method gets unit rows in float32, the true number of classes and a seed, and returns labels.
Those of `METHODS` find this number of clusters. Those of `WITHOUT_NUMBER` ignore it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import numpy as np
import scipy.sparse as sp
from sklearn.cluster import HDBSCAN, AgglomerativeClustering, KMeans, SpectralClustering
from sklearn.mixture import GaussianMixture

from benchmarks.baselines import spherical_kmeans
from vmfmix import VMFMixture
from vmfmix.neighbors import neighbor_graph

N_NEIGHBORS = 15  # in all graphs of nearest neighbors
LOWEST_RESOLUTION, HIGHEST_RESOLUTION = 1e-3, 1e3  # of Leiden
BISECTIONS = 16


@dataclass(frozen=True)
class Method:
    """A clustering method.

    Parameters
    ----------
    fit : callable
        (rows, number of clusters, seed) to labels.
    embed : callable, default=None
        (rows, seed) to the rows that `fit` gets instead.
    package : str, default=None
        Optional package that the method needs.
    is_random : bool, default=True
        Whether the result depends on the seed.
    """

    fit: Callable
    embed: Callable | None = None
    package: str | None = None
    is_random: bool = True

    def is_available(self):
        """Return whether the package is installed."""
        return self.package is None or find_spec(self.package) is not None


def mixture(X, k, seed, **options):
    return VMFMixture(k, random_state=seed, **options).fit_predict(X)


def kmeans(X, k, seed, n_init):
    return KMeans(k, n_init=n_init, random_state=seed).fit_predict(X)


def faiss_kmeans(X, k, seed):
    model = spherical_kmeans(k, X.shape[1], niter=100, seed=seed + 1)
    model.train(X)
    return model.index.search(X, 1)[1][:, 0]


def spherical_gaussians(X, k, seed):
    return GaussianMixture(k, covariance_type="spherical", random_state=seed).fit_predict(X)


def chemomae_mixture(X, k, seed):
    import torch
    from chemomae.clustering import VMFMixture as ChemomaeMixture

    model = ChemomaeMixture(n_components=k, d=X.shape[1], device="cpu", random_state=seed)
    rows = torch.from_numpy(X)
    model.fit(rows)
    return model.predict(rows).numpy()


def umap_embedding(X, seed):
    """Embed rows in five dimensions; with a seed, UMAP uses one thread."""
    from umap import UMAP

    model = UMAP(
        n_neighbors=N_NEIGHBORS, n_components=5, min_dist=0.0, metric="cosine", random_state=seed
    )
    return model.fit_transform(X)


def full_gaussians(X, k, seed):
    """Fit Gaussians with full covariances, in float64 as those of small clusters are singular."""
    return GaussianMixture(k, random_state=seed).fit_predict(X.astype(np.float64))


def spectral(X, k, seed):
    """Cluster the graph of nearest neighbors; among unit rows, these are the nearest by angle."""
    model = SpectralClustering(
        k, affinity="nearest_neighbors", n_neighbors=N_NEIGHBORS, random_state=seed
    )
    return model.fit_predict(X)


def hdbscan(X, k, seed, min_cluster_size, algorithm="auto"):
    """Cluster by HDBSCAN; with many features, "brute" is faster, and gives the same labels."""
    return HDBSCAN(min_cluster_size, algorithm=algorithm, copy=True).fit_predict(X)


def umap_hdbscan(X, k, seed):
    """Cluster an embedding by UMAP, with the parameters that BERTopic gives to both."""
    return hdbscan(umap_embedding(X, seed), k, seed, min_cluster_size=10)


def ward(X, k, seed):
    graph = neighbor_graph(X, N_NEIGHBORS)
    return AgglomerativeClustering(k, connectivity=graph, linkage="ward").fit_predict(X)


def leiden(X, k, seed):
    """Find communities at the resolution that gives k of them, or the closest number."""
    graph = unweighted_graph(X)

    def labels_at(resolution):
        return communities(
            graph, "RBConfigurationVertexPartition", seed, resolution_parameter=resolution
        )

    return closest_number(labels_at, k)


def leiden_by_default(X, k, seed, partition):
    """Find communities at the default resolution of leidenalg, which is 1."""
    return communities(unweighted_graph(X), partition, seed)


def unweighted_graph(X):
    """Return the graph of nearest neighbors for leidenalg."""
    import igraph

    edges = sp.triu(neighbor_graph(X, N_NEIGHBORS)).tocoo()
    return igraph.Graph(n=len(X), edges=np.column_stack([edges.row, edges.col]))


def communities(graph, partition, seed, **options):
    """Return the labels that Leiden finds with a class of partitions of leidenalg."""
    import leidenalg

    found = leidenalg.find_partition(graph, getattr(leidenalg, partition), seed=seed, **options)
    return np.array(found.membership)


def closest_number(labels_at, k):
    """Bisect the resolution for k communities, and return the labels with the closest number.

    Parameters
    ----------
    labels_at : callable
        Resolution to labels; a higher resolution gives more communities.
    k : int
    """
    low, high = LOWEST_RESOLUTION, HIGHEST_RESOLUTION
    labels_by_error = {}
    for _ in range(BISECTIONS):
        resolution = np.sqrt(low * high)
        labels = labels_at(resolution)
        excess = len(np.unique(labels)) - k
        labels_by_error.setdefault(abs(excess), labels)
        if excess == 0:
            break
        low, high = (low, resolution) if excess > 0 else (resolution, high)
    return labels_by_error[min(labels_by_error)]


METHODS = {
    "VMFMixture": Method(mixture),
    "VMFMixture, centered": Method(partial(mixture, center=True)),
    "VMFMixture, smoothed": Method(partial(mixture, smooth=True)),
    "KMeans n_init=1": Method(partial(kmeans, n_init=1)),
    "KMeans n_init=10": Method(partial(kmeans, n_init=10)),
    "faiss spherical": Method(faiss_kmeans, package="faiss"),
    "GaussianMixture spherical": Method(spherical_gaussians),
    "chemomae VMFMixture": Method(chemomae_mixture, package="chemomae"),
    "UMAP + KMeans": Method(partial(kmeans, n_init=10), umap_embedding, "umap"),
    "UMAP + GaussianMixture": Method(full_gaussians, umap_embedding, "umap"),
    "spectral clustering": Method(spectral),
    "Leiden": Method(leiden, package="leidenalg"),
    "Ward": Method(ward, is_random=False),
}

WITHOUT_NUMBER = {
    "Leiden, modularity": Method(
        partial(leiden_by_default, partition="RBConfigurationVertexPartition"), package="leidenalg"
    ),
    "Leiden, CPM": Method(
        partial(leiden_by_default, partition="CPMVertexPartition"), package="leidenalg"
    ),
    "UMAP + HDBSCAN": Method(umap_hdbscan, package="umap"),
    "HDBSCAN(15)": Method(
        partial(hdbscan, min_cluster_size=15, algorithm="brute"), is_random=False
    ),
}
