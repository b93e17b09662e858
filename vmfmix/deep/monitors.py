"""What tells a training that goes well from one that collapses, in numbers and in words."""

import torch
from torch.nn import functional

_WARN, _STOP = 0.5, 0.1  # spread, 1 where embeddings fill the sphere
_SAME = 0.975  # cosine of means that are one for all purposes


def spread(embeddings):
    """Mean standard deviation of the coordinates of unit rows × √dim.

    1 where they fill the sphere evenly, 0 where all are the same.
    """
    return float(embeddings.std(dim=0, correction=0).mean() * embeddings.shape[1] ** 0.5)


def effective_rank(embeddings):
    """Number of directions that embeddings use: exp of the entropy of their singular values [1]_.

    References
    ----------
    .. [1] O. Roy, M. Vetterli (2007). The effective rank: a measure of effective dimensionality.
       EUSIPCO.
    """
    values = torch.linalg.svdvals((embeddings - embeddings.mean(dim=0)).float())
    return perplexity(values)


def perplexity(weights):
    """Number of components that weights use: exp of their entropy.

    Examples
    --------
    >>> import torch
    >>> from vmfmix.deep.monitors import perplexity
    >>> round(perplexity(torch.tensor([1.0, 1.0, 0.0])), 3)
    2.0
    """
    shares = weights / weights.sum().clamp(min=1e-30)
    return float(torch.special.entr(shares).sum().exp())


def n_distinct(means):
    """Number of mean directions that differ, counted one by one."""
    same = (means @ means.T > _SAME).cpu().numpy()
    kept: list = []
    for number, row in enumerate(same):
        if not row[kept].any():
            kept.append(number)
    return len(kept)


def knn_accuracy(train, train_labels, test, test_labels, n_neighbors=20, temperature=0.07):
    """Accuracy of nearest neighbors in angle, weighted by exp(cosine / temperature).

    Parameters
    ----------
    train, test : Tensor of shape (n, dim)
        Scaled to unit length here.
    train_labels, test_labels : Tensor of shape (n,), int64
    n_neighbors : int, default=20
    temperature : float, default=0.07

    Returns
    -------
    float
    """
    train, test = (functional.normalize(each.float(), dim=1) for each in (train, test))
    n_classes = int(train_labels.max()) + 1
    n_right = 0
    for rows, labels in zip(test.split(1024), test_labels.split(1024)):
        cosines, places = (rows @ train.T).topk(min(n_neighbors, len(train)), dim=1)
        votes = rows.new_zeros(len(rows), n_classes)
        votes.scatter_add_(1, train_labels[places], (cosines / temperature).exp())
        n_right += int((votes.argmax(dim=1) == labels).sum())
    return n_right / len(test)


def has_collapsed(spread_now):
    """Whether embeddings have become one."""
    return spread_now < _STOP


def warning_of_spread(spread_now):
    """What is wrong with the spread of embeddings, in words, or None."""
    if spread_now >= _WARN:
        return None
    state = "have collapsed" if has_collapsed(spread_now) else "begin to collapse"
    return (
        f"The embeddings {state}: their spread is {spread_now:.2f}, where 1 is healthy. Lower "
        "the share of the clusters, warm up for longer, or use a momentum target."
    )


def warning_of_usage(usage, n_components):
    """What is wrong with the sizes of clusters, in words, or None."""
    if n_components <= 2 or usage >= 0.2 * n_components:
        return None
    return (
        f"Few clusters hold most of the images: {n_components} clusters are used as {usage:.1f} "
        "would be. Begin with fewer, or give what forms them less weight."
    )
