"""What trained embeddings are worth: neighbours, a linear probe, and clusters beside k-means.

Labels are used here alone, for reports. Probes learn from the training part and are scored on the
test part.
"""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize

from vmfmix.deep.data import loader
from vmfmix.deep.monitors import knn_accuracy
from vmfmix.metrics import clustering_report
from vmfmix.mixture import VMFMixture


@dataclass
class Embedded:
    """Features of an encoder and embeddings of its projector, unit rows.

    Parameters
    ----------
    features : ndarray of shape (n, n_features)
    embeddings : ndarray of shape (n, dim)
    labels : ndarray of shape (n,) or None
    """

    features: np.ndarray
    embeddings: np.ndarray
    labels: np.ndarray | None = None


@torch.no_grad()
def embed(method, images, batch_size=1024):
    """Features and embeddings of images as they are, without random views.

    Parameters
    ----------
    method : Method
    images : Images or Dataset
    batch_size : int, default=1024

    Returns
    -------
    Embedded
    """
    was_training = method.training
    method.eval()
    features: list = []
    embeddings: list = []
    for batch in loader(images, batch_size):
        shown = batch[0][0] if isinstance(batch[0], (list, tuple)) else batch[0]
        for found, rows in zip((features, embeddings), method(shown.to(method.device))):
            found.append(rows.float().cpu().numpy())
    method.train(was_training)
    labels = getattr(images, "labels", None)
    return Embedded(
        np.concatenate(features),
        normalize(np.concatenate(embeddings)),
        None if labels is None else labels.numpy(),
    )


def knn(train, test, n_neighbors=20):
    """Accuracy on the test part by the nearest features of the training part, in angle."""
    known, answers = torch.as_tensor(train.features), torch.as_tensor(train.labels)
    asked, expected = torch.as_tensor(test.features), torch.as_tensor(test.labels)
    return knn_accuracy(known, answers, asked, expected, n_neighbors=n_neighbors)


def linear_probe(train, test):
    """Accuracy on the test part of a logistic regression on standardised features."""
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    return float(probe.fit(train.features, train.labels).score(test.features, test.labels))


def clusterings(train, test, n_classes, model=None, seed=0):
    """Clusters of the test part by models of the training part.

    Parameters
    ----------
    train, test : Embedded
    n_classes : int
        For the models that must be told.
    model : VMFMixture, default=None
        Of the embeddings of the training part.
    seed : int, default=0

    Returns
    -------
    dict of pair of ndarray
        {name: (labels of the training part, labels of the test part)}.
    """
    parts = {
        "features": [normalize(part.features) for part in (train, test)],
        "embeddings": [part.embeddings for part in (train, test)],
    }
    found = {} if model is None else {"mixture of the training": (model, "embeddings")}
    for rows, (learned, _) in parts.items():
        for name, candidate in {
            "k-means": KMeans(n_classes, n_init=10, random_state=seed),
            "VMFMixture, told": VMFMixture(n_classes, random_state=seed),
            "VMFMixture": VMFMixture(random_state=seed),
        }.items():
            found[f"{name}, on {rows}"] = candidate.fit(learned), rows
    return {
        name: tuple(fitted.predict(part) for part in parts[rows])
        for name, (fitted, rows) in found.items()
    }


def many_to_one_accuracy(train_labels, train_clusters, test_labels, test_clusters):
    """Accuracy on the test part where each cluster stands for its largest class of the training.

    It rises with the number of clusters, so it says little where that differs.
    """
    table = np.zeros((max(train_clusters.max(), test_clusters.max()) + 1, train_labels.max() + 1))
    np.add.at(table, (train_clusters, train_labels), 1)
    return float((table.argmax(axis=1)[test_clusters] == test_labels).mean())


def report(train, test, model=None, seed=0):
    """Scores on the test part of what was learned on the training part.

    Parameters
    ----------
    train, test : Embedded
        With labels; where the training part has none, only clusterings are scored.
    model : VMFMixture, default=None
        Of the embeddings of the training part.
    seed : int, default=0

    Returns
    -------
    dict
        ``knn`` and ``linear``: accuracies of nearest neighbours and of a linear probe, on features;
        ``clusterings``: {name: `vmfmix.metrics.clustering_report`, with ``many_to_one`` where the
        training part has labels}; ``n_images``, ``n_classes``.

    See Also
    --------
    clusterings : The models that are compared.
    """
    n_classes = len(np.unique(test.labels))
    found: dict = {"n_images": len(test.labels), "n_classes": n_classes}
    if train.labels is not None:
        found |= {"knn": knn(train, test), "linear": linear_probe(train, test)}
    found["clusterings"] = {}
    for name, (known, asked) in clusterings(train, test, n_classes, model, seed).items():
        row = clustering_report(test.labels, asked)
        if train.labels is not None:
            row["many_to_one"] = many_to_one_accuracy(train.labels, known, test.labels, asked)
        found["clusterings"][name] = row
    return found
