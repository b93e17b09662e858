"""Evaluation of trained embeddings: nearest neighbors, a linear probe, and clusterings.

Labels are used for these reports only. Probes are fitted to the training part and scored on the
test part.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize

from vmfmix.deep.components import kmeans_from_components, mixture_from_coefficients
from vmfmix.deep.data import as_images, loader
from vmfmix.deep.monitors import knn_accuracy
from vmfmix.deep.rows import prepared
from vmfmix.metrics import clustering_report
from vmfmix.mixture import VMFMixture


@dataclass
class Embedded:
    """Features and embeddings of images.

    Parameters
    ----------
    features : ndarray of shape (n, n_features)
        Output of the encoder.
    embeddings : ndarray of shape (n, dim)
        Output of the network on top of the encoder; their length need not be 1.
    labels : ndarray of shape (n,) or None
    coefficients : ndarray of shape (n, n_components) or None
        Mixing coefficients of a mixture of embeddings.
    dominant : ndarray of shape (n, dim) or None
        Embedding of the component with the largest coefficient.
    """

    features: np.ndarray
    embeddings: np.ndarray
    labels: np.ndarray | None = None
    coefficients: np.ndarray | None = None
    dominant: np.ndarray | None = None


@torch.no_grad()
def embed(method: Any, images: Any, batch_size: int = 1024, n_workers: int = 0) -> Embedded:
    """Return features and embeddings of images or rows, without random views.

    Parameters
    ----------
    method : Method
    images : Images, Dataset, rows, str or path-like
        Of the kind that the method was trained on; see `vmfmix.deep.train.train`.
    batch_size : int, default=1024
    n_workers : int, default=0
        Number of processes that read a Dataset.

    Returns
    -------
    Embedded
    """
    was_training = method.training
    method.eval()
    outputs: dict[str, list[np.ndarray]] = {}
    data = as_images(images) if method.preparation is None else prepared(images, method.preparation)
    for batch in loader(data, batch_size, n_workers=n_workers):
        first_view = batch[0][0] if isinstance(batch[0], (list, tuple)) else batch[0]
        for name, rows in method(first_view.to(method.device)).items():
            outputs.setdefault(name, []).append(rows.float().cpu().numpy())
    method.train(was_training)
    labels = data.labels
    return Embedded(
        labels=None if labels is None else labels.numpy(),
        **{name: np.concatenate(rows) for name, rows in outputs.items()},
    )


def knn(train: Embedded, test: Embedded, n_neighbors: int = 20) -> float:
    """Return the accuracy of cosine nearest neighbors, from training to test features.

    Parameters
    ----------
    train, test : Embedded
        With labels.
    n_neighbors : int, default=20

    Returns
    -------
    float
    """
    return knn_accuracy(
        torch.as_tensor(train.features),
        torch.as_tensor(train.labels),
        torch.as_tensor(test.features),
        torch.as_tensor(test.labels),
        n_neighbors=n_neighbors,
    )


def linear_probe(train: Embedded, test: Embedded) -> float:
    """Return the test accuracy of a logistic regression on standardized features.

    Parameters
    ----------
    train, test : Embedded
        With labels.

    Returns
    -------
    float
    """
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    return float(probe.fit(train.features, train.labels).score(test.features, test.labels))


def clusterings(
    train: Embedded,
    test: Embedded,
    n_classes: int,
    model: VMFMixture | None = None,
    seed: int = 0,
) -> dict[str, tuple[np.ndarray, ...]]:
    """Cluster the test part by models that are fitted to the training part.

    Parameters
    ----------
    train, test : Embedded
    n_classes : int
        Number of clusters of the models that do not estimate it.
    model : VMFMixture, default=None
        Fitted to the unit embeddings of the training part.
    seed : int, default=0

    Returns
    -------
    dict of pair of ndarray
        {name: (labels of the training part, labels of the test part)}.
    """
    both, n_classes = (train, test), min(n_classes, len(train.features))
    labelings: dict[str, tuple[np.ndarray, ...]] = {}
    if model is not None:
        labelings["mixture of the training"] = tuple(
            model.predict(normalize(part.embeddings)) for part in both
        )
    if train.coefficients is not None and test.coefficients is not None:
        labelings["coefficients"] = tuple(
            coefficients.argmax(axis=1) for coefficients in (train.coefficients, test.coefficients)
        )
    for name in ("features", "embeddings", "dominant"):
        if getattr(train, name) is None:
            continue
        for length, scaled in {"unit": normalize, "raw": np.asarray}.items():
            rows = [scaled(getattr(part, name)) for part in both]
            models: dict[str, Any] = {
                "k-means": KMeans(n_classes, n_init=10, random_state=seed).fit(rows[0])
            }
            if length == "unit":
                models |= {
                    "VMFMixture, K given": VMFMixture(n_classes, random_state=seed).fit(rows[0]),
                    "VMFMixture": VMFMixture(random_state=seed).fit(rows[0]),
                }
            if train.coefficients is not None:
                components = train.coefficients.argmax(axis=1)
                models["k-means from components"] = kmeans_from_components(
                    rows[0], components, n_classes, seed
                )
                if length == "unit" and n_classes <= train.coefficients.shape[1]:
                    models["VMFMixture from coefficients"] = mixture_from_coefficients(
                        rows[0], train.coefficients, n_classes, random_state=seed
                    )
            for method, fitted in models.items():
                labelings[f"{method}, on {length} {name}"] = tuple(map(fitted.predict, rows))
    return labelings


def many_to_one_accuracy(
    train_labels: NDArray[np.integer[Any]],
    train_clusters: NDArray[np.integer[Any]],
    test_labels: NDArray[np.integer[Any]],
    test_clusters: NDArray[np.integer[Any]],
) -> float:
    """Return the test accuracy if each cluster predicts its most frequent training class.

    It rises with the number of clusters, so compare it only between clusterings with about the same
    number.

    Parameters
    ----------
    train_labels, train_clusters : ndarray of shape (n_train,), int
        Classes and clusters of the training part.
    test_labels, test_clusters : ndarray of shape (n_test,), int

    Returns
    -------
    float
    """
    n_clusters = max(train_clusters.max(), test_clusters.max()) + 1
    table = np.zeros((n_clusters, train_labels.max() + 1))
    np.add.at(table, (train_clusters, train_labels), 1)
    return float((table.argmax(axis=1)[test_clusters] == test_labels).mean())


def report(
    train: Embedded, test: Embedded, model: VMFMixture | None = None, seed: int = 0
) -> dict[str, Any]:
    """Score features and clusterings on the test part.

    Parameters
    ----------
    train, test : Embedded
        With labels; if the training part has none, only clusterings are scored.
    model : VMFMixture, default=None
        Fitted to the unit embeddings of the training part.
    seed : int, default=0

    Returns
    -------
    dict
        ``knn`` and ``linear``: accuracies of nearest neighbors and of a linear probe, on features;
        ``clusterings``: {name: `vmfmix.metrics.clustering_report`, with ``many_to_one`` where the
        training part has labels}; ``n_images``, ``n_classes``.

    Raises
    ------
    ValueError
        If the test part has no labels.

    See Also
    --------
    clusterings : The models that are compared.
    """
    if test.labels is None:
        raise ValueError("The test part has no labels to compare with; pass labeled images.")
    n_classes = len(np.unique(test.labels))
    scores: dict[str, Any] = {"n_images": len(test.labels), "n_classes": n_classes}
    if train.labels is not None and len(np.unique(train.labels)) > 1:
        scores |= {"knn": knn(train, test), "linear": linear_probe(train, test)}
    scores["clusterings"] = {}
    labelings = clusterings(train, test, n_classes, model, seed)
    for name, (train_clusters, test_clusters) in labelings.items():
        row = clustering_report(test.labels, test_clusters)
        if train.labels is not None:
            row["many_to_one"] = many_to_one_accuracy(
                train.labels, train_clusters, test.labels, test_clusters
            )
        scores["clusterings"][name] = row
    return scores
