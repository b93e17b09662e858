"""What trained embeddings are worth: neighbors, a linear probe, and clusters beside k-means.

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

from vmfmix.deep.components import kmeans_from_components, mixture_from_coefficients
from vmfmix.deep.data import labels_of, loader
from vmfmix.deep.monitors import knn_accuracy
from vmfmix.metrics import clustering_report
from vmfmix.mixture import VMFMixture


@dataclass
class Embedded:
    """What a method makes of images.

    Parameters
    ----------
    features : ndarray of shape (n, n_features)
        Of the encoder.
    embeddings : ndarray of shape (n, dim)
        Of what stands on it; their length need not be 1.
    labels : ndarray of shape (n,) or None
    coefficients : ndarray of shape (n, n_components) or None
        Of a mixture of embeddings.
    dominant : ndarray of shape (n, dim) or None
        Embedding of the component with the largest coefficient.
    """

    features: np.ndarray
    embeddings: np.ndarray
    labels: np.ndarray | None = None
    coefficients: np.ndarray | None = None
    dominant: np.ndarray | None = None


@torch.no_grad()
def embed(method, images, batch_size=1024, n_workers=0):
    """Features and embeddings of images as they are, without random views.

    Parameters
    ----------
    method : Method
    images : Images or Dataset
    batch_size : int, default=1024
    n_workers : int, default=0
        Processes that read a Dataset.

    Returns
    -------
    Embedded
    """
    was_training = method.training
    method.eval()
    found: dict = {}
    for batch in loader(images, batch_size, n_workers=n_workers):
        shown = batch[0][0] if isinstance(batch[0], (list, tuple)) else batch[0]
        for name, rows in method(shown.to(method.device)).items():
            found.setdefault(name, []).append(rows.float().cpu().numpy())
    method.train(was_training)
    labels = labels_of(images)
    return Embedded(
        labels=None if labels is None else labels.numpy(),
        **{name: np.concatenate(rows) for name, rows in found.items()},
    )


def knn(train, test, n_neighbors=20):
    """Accuracy on the test part by the nearest features of the training part, in angle."""
    known, answers = torch.as_tensor(train.features), torch.as_tensor(train.labels)
    asked, expected = torch.as_tensor(test.features), torch.as_tensor(test.labels)
    return knn_accuracy(known, answers, asked, expected, n_neighbors=n_neighbors)


def linear_probe(train, test):
    """Accuracy on the test part of a logistic regression on standardized features."""
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
        Of the unit embeddings of the training part.
    seed : int, default=0

    Returns
    -------
    dict of pair of ndarray
        {name: (labels of the training part, labels of the test part)}.
    """
    both, n_classes = (train, test), min(n_classes, len(train.features))
    found: dict = {}
    if model is not None:
        found["mixture of the training"] = tuple(
            model.predict(normalize(part.embeddings)) for part in both
        )
    if train.coefficients is not None:
        found["coefficients"] = tuple(part.coefficients.argmax(axis=1) for part in both)
    for name in ("features", "embeddings", "dominant"):
        if getattr(train, name) is None:
            continue
        for length, scaled in {"unit": normalize, "raw": np.asarray}.items():
            rows = [scaled(getattr(part, name)) for part in both]
            models = {"k-means": KMeans(n_classes, n_init=10, random_state=seed).fit(rows[0])}
            if length == "unit":
                models |= {
                    "VMFMixture, told": VMFMixture(n_classes, random_state=seed).fit(rows[0]),
                    "VMFMixture": VMFMixture(random_state=seed).fit(rows[0]),
                }
            if train.coefficients is not None:
                components = train.coefficients.argmax(axis=1)
                models["k-means from components"] = kmeans_from_components(
                    rows[0], components, n_classes, seed
                )
                if length == "unit" and n_classes <= train.coefficients.shape[1]:
                    models["VMFMixture from coefficients"] = mixture_from_coefficients(
                        rows[0], train.coefficients, n_classes
                    )
            for method, fitted in models.items():
                found[f"{method}, on {length} {name}"] = tuple(map(fitted.predict, rows))
    return found


def many_to_one_accuracy(train_labels, train_clusters, test_labels, test_clusters):
    """Accuracy on the test part where each cluster stands for its largest class of the training.

    It rises with the number of clusters, so it says little where that differs.
    """
    n_clusters = max(train_clusters.max(), test_clusters.max()) + 1
    table = np.zeros((n_clusters, train_labels.max() + 1))
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
        ``knn`` and ``linear``: accuracies of nearest neighbors and of a linear probe, on features;
        ``clusterings``: {name: `vmfmix.metrics.clustering_report`, with ``many_to_one`` where the
        training part has labels}; ``n_images``, ``n_classes``.

    See Also
    --------
    clusterings : The models that are compared.
    """
    n_classes = len(np.unique(test.labels))
    found: dict = {"n_images": len(test.labels), "n_classes": n_classes}
    if train.labels is not None and len(np.unique(train.labels)) > 1:
        found |= {"knn": knn(train, test), "linear": linear_probe(train, test)}
    found["clusterings"] = {}
    for name, (known, asked) in clusterings(train, test, n_classes, model, seed).items():
        row = clustering_report(test.labels, asked)
        if train.labels is not None:
            row["many_to_one"] = many_to_one_accuracy(train.labels, known, test.labels, asked)
        found["clusterings"][name] = row
    return found
