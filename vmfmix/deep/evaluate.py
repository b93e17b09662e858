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
from vmfmix.deep.views import as_floats
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
    method : LightningModule
        With an `encoder` and a `projector`.
    images : Images or Dataset
    batch_size : int, default=1024

    Returns
    -------
    Embedded
    """
    was_training = method.training
    method.eval()
    device = next(method.parameters()).device
    features, embeddings = [], []
    for batch, _ in loader(images, batch_size):
        rows = method.encoder(as_floats(batch.to(device)))
        features.append(rows.float().cpu().numpy())
        embeddings.append(method.projector(rows).float().cpu().numpy())
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


def clustering(train, test, n_classes, model=None, seed=0):
    """Scores on the test part of clusters that were found on the training part.

    Parameters
    ----------
    train, test : Embedded
    n_classes : int
        For the methods that must be told.
    model : VMFMixture, default=None
        Of the embeddings.
    seed : int, default=0

    Returns
    -------
    dict of dict
        {name: `vmfmix.metrics.clustering_report`, with n_clusters}.
    """
    found = {
        "k-means on features": KMeans(n_classes, n_init=10, random_state=seed)
        .fit(normalize(train.features))
        .predict(normalize(test.features)),
        "k-means on embeddings": KMeans(n_classes, n_init=10, random_state=seed)
        .fit(train.embeddings)
        .predict(test.embeddings),
        "VMFMixture(n_classes) on embeddings": VMFMixture(n_classes, random_state=seed)
        .fit(train.embeddings)
        .predict(test.embeddings),
        "VMFMixture() on embeddings": VMFMixture(random_state=seed)
        .fit(train.embeddings)
        .predict(test.embeddings),
    }
    if model is not None:
        found["mixture of the training"] = model.predict(test.embeddings)
    return {
        name: {**clustering_report(test.labels, labels), "n_clusters": len(np.unique(labels))}
        for name, labels in found.items()
    }
