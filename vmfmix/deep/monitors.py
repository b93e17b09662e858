"""Measures that show whether a training collapses, and the warnings about them."""

import torch
from torch.nn import functional

_WARN_SPREAD, _STOP_SPREAD = 0.5, 0.1  # 1 if embeddings fill the sphere evenly
_SAME_COSINE = 0.975  # mean directions at or above this cosine count as one
_LEAST_USAGE = 0.2  # effective number of clusters, as a share of their number


def spread(embeddings: torch.Tensor) -> float:
    """Return the mean standard deviation of the coordinates of unit rows, times √dim.

    It is 1 if the rows fill the sphere evenly, and 0 if all are the same.
    """
    return float(embeddings.std(dim=0, correction=0).mean() * embeddings.shape[1] ** 0.5)


def effective_rank(embeddings: torch.Tensor) -> float:
    """Return the effective number of directions: exp of the entropy of the singular values [1]_.

    References
    ----------
    .. [1] O. Roy, M. Vetterli (2007). The effective rank: a measure of effective dimensionality.
       EUSIPCO.
    """
    values = torch.linalg.svdvals((embeddings - embeddings.mean(dim=0)).float())
    return perplexity(values)


def perplexity(weights: torch.Tensor) -> float:
    """Return the effective number of components: exp of the entropy of the weights.

    Examples
    --------
    >>> import torch
    >>> from vmfmix.deep.monitors import perplexity
    >>> round(perplexity(torch.tensor([1.0, 1.0, 0.0])), 3)
    2.0
    """
    shares = weights / weights.sum().clamp(min=1e-30)
    return float(torch.special.entr(shares).sum().exp())


def n_distinct(means: torch.Tensor) -> int:
    """Count mean directions, skipping those that nearly coincide with one already counted."""
    same = (means @ means.T > _SAME_COSINE).cpu().numpy()
    counted: list[int] = []
    for index, row in enumerate(same):
        if not row[counted].any():
            counted.append(index)
    return len(counted)


def knn_accuracy(
    train: torch.Tensor,
    train_labels: torch.Tensor,
    test: torch.Tensor,
    test_labels: torch.Tensor,
    n_neighbors: int = 20,
    temperature: float = 0.07,
) -> float:
    """Return the accuracy of cosine nearest neighbors, weighted by exp(cosine / temperature).

    Parameters
    ----------
    train, test : Tensor of shape (n, dim)
        Rows need not have unit length.
    train_labels, test_labels : Tensor of shape (n,), int64
    n_neighbors : int, default=20
    temperature : float, default=0.07

    Returns
    -------
    float
    """
    train, test = (functional.normalize(each.float(), dim=1) for each in (train, test))
    n_classes = int(train_labels.max()) + 1
    n_correct = 0
    for rows, labels in zip(test.split(1024), test_labels.split(1024)):
        cosines, indices = (rows @ train.T).topk(min(n_neighbors, len(train)), dim=1)
        votes = rows.new_zeros(len(rows), n_classes)
        votes.scatter_add_(1, train_labels[indices], (cosines / temperature).exp())
        n_correct += int((votes.argmax(dim=1) == labels).sum())
    return n_correct / len(test)


def has_collapsed(spread_now: float) -> bool:
    """Return whether nearly all embeddings coincide, so that training should stop."""
    return spread_now < _STOP_SPREAD


def spread_warning(spread_now: float) -> str | None:
    """Return a warning if the spread of the embeddings is low, else None."""
    if spread_now >= _WARN_SPREAD:
        return None
    state = "have collapsed" if has_collapsed(spread_now) else "are collapsing"
    return (
        f"The embeddings {state}: their spread is {spread_now:.2f}, and healthy values are close "
        "to 1. Lower share, increase warm_up, or use a momentum target."
    )


def usage_warning(usage: float, n_components: int) -> str | None:
    """Return a warning if a few clusters contain most of the images, else None.

    Parameters
    ----------
    usage : float
        Effective number of clusters, from `perplexity` of their weights.
    n_components : int
    """
    if n_components <= 2 or usage >= _LEAST_USAGE * n_components:
        return None
    return (
        f"A few of the {n_components} clusters hold most of the images: their effective number is "
        f"{usage:.1f}. Start with fewer clusters, or reduce the weight of the clusters in the loss."
    )
