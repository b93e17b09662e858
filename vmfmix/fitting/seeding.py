"""Where EM starts: mean directions from spherical k-means++, random rows or a random partition."""

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_random_state

from vmfmix.model.matrices import row_lengths, scaled_rows
from vmfmix.model.threads import single_threaded_blas, threaded_matmul

# Seeds are drawn from a sample of the rows, large enough that every cluster worth a seed is in it.
_ROWS_PER_SEED = 25
_FEWEST_ROWS = 10_000
_POOL = 64  # candidates whose distances to all rows are computed in one product
_LARGEST_POOL = 2**24  # numbers, of dense candidates
_CHUNK = 4096
_ROUNDING = 4  # units in the last place of 1, by which entries of copies of a unit row may differ


def seed_means(engine, n_components, init_params, rng):
    """Mean directions to start from.

    Parameters
    ----------
    engine : Engine
    n_components : int
        At most ``engine.n_used_rows``.
    init_params : {"k-means++", "random_from_data", "random"}
        "k-means++": spherical k-means++; "random_from_data": distinct rows; "random": the mean
        directions of a random partition, as near to each other as means can be.
    rng : numpy.random.RandomState

    Returns
    -------
    ndarray of shape (n_components, n_features), unit rows
        A CSR array if the rows of the engine are sparse.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.engines.choice import choose_engine
    >>> from vmfmix.fitting.seeding import seed_means
    >>> engine = choose_engine(np.repeat(np.eye(3), 5, axis=0))
    >>> means = seed_means(engine, 3, "k-means++", np.random.RandomState(0))
    >>> means.sum(axis=0)
    array([1., 1., 1.])
    """
    size = max(_ROWS_PER_SEED * n_components, _FEWEST_ROWS)
    rows, weights = distinct_rows(*engine.sample(size, rng))
    return means_from_rows(rows, weights, n_components, init_params, rng)


def means_from_rows(rows, weights, n_components, init_params, rng, *, n_trials=None):
    """The same from distinct rows that are at hand.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        Distinct unit rows.
    weights : ndarray of shape (n_rows,)
    n_components, init_params, rng
        As for `seed_means`, but there may be fewer rows than components.
    n_trials : int, default=None
        See `spherical_kmeans_plusplus`.

    Returns
    -------
    ndarray or CSR array of shape (n_components, n_features), unit rows
    """
    if n_components > rows.shape[0]:  # copies serve as seeds that will come to own nothing
        repeats = np.arange(n_components) % rows.shape[0]
        rows, weights = rows[repeats], weights[repeats]
    n_rows = rows.shape[0]
    if init_params == "random":
        labels = rng.permutation(np.arange(n_rows) % n_components)
        partition = sp.csr_array((weights, labels, np.arange(n_rows + 1)), (n_rows, n_components))
        means = partition.T @ rows
    else:
        if init_params == "k-means++":
            chosen = spherical_kmeans_plusplus(
                rows, n_components, weights=weights, rng=rng, n_trials=n_trials
            )
        else:
            share = weights / weights.sum()
            chosen = rng.choice(n_rows, n_components, replace=False, p=share)
        means = rows[chosen]
    means = means.astype(np.float64)
    lengths = row_lengths(means)
    return scaled_rows(means, 1.0 / np.where(lengths > 0, lengths, 1.0))


def distinct_rows(rows, weights):
    """Distinct rows in an order of their own, with summed weights.

    Rows that differ by no more than rounding, as those that were scaled before, are the same. So
    what is made of them does not depend on the order of the rows, and a row of weight 2 is a row
    given twice. The order is that of the projections on a fixed direction, which rounding hardly
    ever swaps.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
    weights : ndarray of shape (n_rows,)

    Returns
    -------
    rows : ndarray or CSR matrix of shape (n_distinct, n_features)
    weights : ndarray of shape (n_distinct,)

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.fitting.seeding import distinct_rows
    >>> distinct_rows(np.eye(2)[[0, 1, 1]], np.ones(3))[1].sum()
    np.float64(3.0)
    """
    direction = np.random.RandomState(0).standard_normal(rows.shape[1])
    with single_threaded_blas():
        projections = np.concatenate(
            [
                rows[start : start + _CHUNK].astype(np.float64) @ direction
                for start in range(0, rows.shape[0], _CHUNK)
            ]
        )
    order = np.argsort(projections, kind="stable")
    rows, weights, projections = rows[order], weights[order], projections[order]
    is_new = np.ones(len(order), dtype=bool)
    rounding = _ROUNDING * float(np.finfo(rows.dtype).eps)
    near = np.diff(projections) <= rounding * np.abs(direction).sum()
    for i in np.flatnonzero(near) + 1:
        is_new[i] = _differ(rows, i, i - 1, rounding)
    if is_new.all():
        return rows, weights
    first = np.flatnonzero(is_new)
    return rows[first], np.add.reduceat(weights, first)


def _differ(rows, i, j, rounding):
    if not sp.issparse(rows):
        return bool((np.abs(rows[i] - rows[j]) > rounding).any())
    mine, others = (slice(*rows.indptr[k : k + 2]) for k in (i, j))
    return not (
        np.array_equal(rows.indices[mine], rows.indices[others])
        and (np.abs(rows.data[mine] - rows.data[others]) <= rounding).all()
    )


def spherical_kmeans_plusplus(rows, n_seeds, *, weights=None, rng=None, n_trials=None):
    """Choose rows far from each other: greedy k-means++ with the distance 1 − cosine.

    The next seed is the best of some rows drawn with probability proportional to weight × distance
    to the nearest seed, where the best leaves the smallest sum of distances [1]_.
    On unit rows 1 − cosine is half the squared Euclidean distance.

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
        Unit rows.
    n_seeds : int
        At most n_rows.
    weights : ndarray of shape (n_rows,), default=None
        Not negative, some positive; None: equal.
    rng : numpy.random.RandomState, default=None
        None: numpy's global one.
    n_trials : int, default=None
        Rows drawn for each seed, at least 1; None: 2 + log(n_seeds).

    Returns
    -------
    ndarray of shape (n_seeds,)
        Indices of distinct rows.

    References
    ----------
    .. [1] D. Arthur, S. Vassilvitskii (2007). k-means++: the advantages of careful seeding. SODA.

    Examples
    --------
    >>> import numpy as np
    >>> from vmfmix.fitting.seeding import spherical_kmeans_plusplus
    >>> rows = np.repeat(np.eye(3), 5, axis=0)
    >>> chosen = spherical_kmeans_plusplus(rows, 3, rng=np.random.RandomState(0))
    >>> sorted(int(label) for label in chosen // 5)
    [0, 1, 2]
    """
    rng = check_random_state(None) if rng is None else rng
    n_rows = rows.shape[0]
    weights = np.ones(n_rows) if weights is None else np.asarray(weights, dtype=np.float64)
    n_trials = 2 + int(np.log(n_seeds)) if n_trials is None else n_trials
    noise = 64 * np.finfo(rows.dtype).eps  # a copy of a seed is not at a distance from it

    def distances_to(candidates):
        seeds = rows[candidates]
        seeds = seeds.toarray() if sp.issparse(seeds) else seeds
        cosines = (rows @ seeds.T).T if sp.issparse(rows) else threaded_matmul(seeds, rows.T)
        distances = np.subtract(1.0, cosines, out=cosines)
        distances *= distances >= noise
        return distances

    chosen = np.empty(n_seeds, dtype=np.intp)
    chosen[0] = rng.choice(n_rows, p=weights / weights.sum())
    nearest = distances_to(chosen[:1])[0]
    rough_weights = weights.astype(nearest.dtype)
    n_chosen = 1
    while n_chosen < n_seeds:
        masses = np.cumsum(weights * nearest, dtype=np.float64)
        if masses[-1] <= 0:  # fewer distinct rows than seeds: any rows will do
            rest = np.setdiff1d(np.arange(n_rows), chosen[:n_chosen])
            chosen[n_chosen:] = rng.choice(rest, n_seeds - n_chosen, replace=False)
            break
        # A pool drawn now serves several seeds: a row that has come nearer to a seed since then is
        # passed over as often as if it were drawn now. Early seeds change more, and get less.
        most = min(_POOL, max(_LARGEST_POOL // rows.shape[1], n_trials))
        size = min(n_trials * min(n_chosen, n_seeds - n_chosen), max(most, n_trials))
        draws = rng.uniform(size=size) * masses[-1]
        pool = np.searchsorted(masses, draws, side="right").clip(max=n_rows - 1)
        distances, drawn_at = distances_to(pool), nearest[pool]
        unused = np.arange(size)
        while n_chosen < n_seeds and len(unused) >= n_trials:
            still = rng.uniform(size=len(unused)) * drawn_at[unused] <= nearest[pool[unused]]
            usable = unused[still & (nearest[pool[unused]] > 0)]
            if len(usable) < n_trials:
                break
            trials, unused = usable[:n_trials], usable[n_trials:]
            drawn_at[unused] = nearest[pool[unused]]
            remaining = np.minimum(distances[trials], nearest)
            best = np.argmin(np.einsum("ij,j->i", remaining, rough_weights))  # not threaded BLAS
            chosen[n_chosen] = pool[trials[best]]
            nearest = remaining[best]
            n_chosen += 1
    return chosen
