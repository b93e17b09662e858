"""Data to try things on: mixtures with known truth, and real sentence embeddings."""

from importlib.resources import files

import numpy as np
from sklearn.utils import Bunch, check_random_state

from vmfmix.distribution import sample

__all__ = ["load_snips", "make_vmf_mixture"]


def load_snips(*, return_X_y=False):
    """Embeddings of 3 500 short requests to a voice assistant, in seven intents.

    The sentences are a part of the SNIPS natural language understanding benchmark [1]_ (CC0 1.0),
    embedded with all-MiniLM-L6-v2. They come with the package; nothing is downloaded.

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return only ``(data, target)``.

    Returns
    -------
    sklearn.utils.Bunch or tuple of ndarray
        With the fields

        data : ndarray of shape (3500, 384), float32
            Sentence embeddings, rows of unit length.
        target : ndarray of shape (3500,), int64
            Intents as numbers from 0 to 6.
        target_names : ndarray of shape (7,), str
            Names of the intents.
        texts : ndarray of shape (3500,), str
            The sentences.
        DESCR : str
            What the data are, where they come from, and their licence.

    References
    ----------
    .. [1] A. Coucke et al. (2018). Snips Voice Platform: an embedded Spoken Language Understanding
       system for private-by-design voice interfaces. arXiv:1805.10190.

    Examples
    --------
    >>> from vmfmix.datasets import load_snips
    >>> snips = load_snips()
    >>> snips.data.shape
    (3500, 384)
    >>> print(snips.texts[2], "->", snips.target_names[snips.target[2]])
    Add artist chris squire to my The Birth of Cool playlist -> AddToPlaylist
    """
    folder = files("vmfmix.datasets") / "data"
    with (folder / "snips.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
        data = stored["data"].astype(np.float32)
        target = stored["target"].astype(np.int64)
        target_names = stored["target_names"]
        texts = np.array(stored["texts"].tobytes().decode("utf-8").split("\0"))
    data /= np.linalg.norm(data, axis=1, keepdims=True)  # stored as float16
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        target_names=target_names,
        texts=texts,
        DESCR=(folder / "NOTICE.md").read_text(encoding="utf-8"),
    )


def make_vmf_mixture(
    n_samples=1000,
    n_features=16,
    n_components=8,
    *,
    concentration=50.0,
    weights=None,
    means=None,
    background=0.0,
    dtype=np.float64,
    random_state=None,
    return_parameters=False,
):
    r"""Rows drawn from a von Mises-Fisher mixture whose parameters are known.

    Each row comes from the uniform law on the sphere with probability `background`, and otherwise
    from component :math:`k` with probability :math:`w_k`:

    .. math:: p(x) = b\,f(x; \cdot, 0) + (1 - b) \sum_k w_k f(x; \mu_k, \kappa_k)

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    n_features : int, default=16
        Dimension of the space, at least 2. Not used if `means` are given.
    n_components : int, default=8
        Number of components. Not used if `means` are given.
    concentration : float or array-like of shape (n_components,), default=50.0
        Concentration of every component, or of each; 0 is the uniform law.
    weights : array-like of shape (n_components,), default=None
        Shares of the components, scaled to sum to 1; None means equal shares.
    means : array-like of shape (n_components, n_features), default=None
        Mean directions, scaled to unit length; None means directions drawn uniformly.
    background : float, default=0.0
        Share of uniform rows, at least 0 and below 1. They are labeled -1.
    dtype : dtype, default=numpy.float64
        Floating-point type of the rows.
    random_state : int, RandomState instance or None, default=None
        Determines the draws; pass an int for the same rows on every call.
    return_parameters : bool, default=False
        If True, return the parameters as well.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Rows of unit length, in random order.
    y : ndarray of shape (n_samples,), int64
        Component of each row; -1 for background.
    parameters : sklearn.utils.Bunch
        ``weights`` (n_components,), summing to 1 without the background, ``means``
        (n_components, n_features), ``concentrations`` (n_components,) and ``background``.
        Only if `return_parameters`.

    Examples
    --------
    >>> from vmfmix.datasets import make_vmf_mixture
    >>> X, y = make_vmf_mixture(100, n_features=5, n_components=3, random_state=0)
    >>> X.shape, sorted(set(y.tolist()))
    ((100, 5), [0, 1, 2])
    """
    rng = _generator(random_state)
    if means is None:
        _require_integer("n_features", n_features, 2)
        _require_integer("n_components", n_components, 1)
        means = sample(_pole(n_features), 0.0, n_components, rng=rng)
    else:
        means = _unit_rows(means)
    n_components, n_features = means.shape
    _require_integer("n_samples", n_samples, 1)
    concentrations = _one_per_component("concentration", concentration, n_components)
    weights = _one_per_component("weights", 1.0 if weights is None else weights, n_components)
    if not weights.any():
        raise ValueError("weights are all 0; give at least one component a positive weight.")
    weights = weights / weights.sum()
    if not 0 <= background < 1:
        raise ValueError(f"background={background} is not a share; pass 0 or more, but below 1.")

    # The background is one more law in front: concentration 0, label -1.
    shares = np.r_[background, (1 - background) * weights]
    sizes = rng.multinomial(n_samples, shares)
    laws = zip([means[0], *means], [0.0, *concentrations], sizes)
    X = np.concatenate([sample(mean, kappa, size, rng=rng) for mean, kappa, size in laws])
    y = np.repeat(np.arange(-1, n_components), sizes)
    order = rng.permutation(n_samples)
    X, y = X[order].astype(dtype, copy=False), y[order]
    if not return_parameters:
        return X, y
    parameters = Bunch(
        weights=weights, means=means, concentrations=concentrations, background=float(background)
    )
    return X, y, parameters


def _generator(random_state):
    """NumPy Generator seeded by a random state in scikit-learn's sense."""
    return np.random.default_rng(check_random_state(random_state).randint(2**31 - 1, size=4))


def _pole(n_features):
    """First unit vector: any direction serves as the mean of the uniform law."""
    return np.eye(1, n_features)[0]


def _require_integer(name, value, least):
    if not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name}={value!r} is not allowed; pass an integer of at least {least}.")


def _unit_rows(means):
    means = np.asarray(means, dtype=np.float64)
    if means.ndim != 2 or means.shape[0] < 1 or means.shape[1] < 2:
        raise ValueError(
            f"means has shape {means.shape}; pass (n_components, n_features) with at least "
            "one component and two features."
        )
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and lengths.all()):
        raise ValueError("means has a row without a direction; make every row finite and not 0.")
    return means / lengths


def _one_per_component(name, values, n_components):
    """Values as floats, one per component, all finite and not negative."""
    values = np.asarray(values, dtype=np.float64)
    if values.shape not in {(), (n_components,)}:
        raise ValueError(
            f"{name} has shape {values.shape} for {n_components} components; "
            "pass one number, or one per component."
        )
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise ValueError(f"{name} has a negative or non-finite value; pass values of at least 0.")
    return np.broadcast_to(values, (n_components,)).copy()
