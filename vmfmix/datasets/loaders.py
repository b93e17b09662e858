"""The SNIPS sentence embeddings, and samples of mixtures with known parameters."""

from importlib.resources import files
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray
from sklearn.utils import Bunch, check_random_state

from vmfmix.distribution import sample

__all__ = ["load_snips", "make_vmf_mixture"]


@overload
def load_snips(*, return_X_y: Literal[False] = False) -> Bunch: ...


@overload
def load_snips(*, return_X_y: Literal[True]) -> tuple[NDArray[np.float32], NDArray[np.int64]]: ...


def load_snips(*, return_X_y: bool = False) -> Any:
    """Load embeddings of 3,500 short requests to a voice assistant, in seven intents.

    The sentences are part of the SNIPS natural language understanding benchmark [1]_ (CC0 1.0),
    embedded with all-MiniLM-L6-v2. They are included in the package; nothing is downloaded.

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return only ``(data, target)``.

    Returns
    -------
    sklearn.utils.Bunch or tuple of ndarray
        A bunch with these fields, or only two arrays if `return_X_y`.

        data : ndarray of shape (3500, 384), float32
            Sentence embeddings, rows of unit length.
        target : ndarray of shape (3500,), int64
            Intents as integers from 0 to 6.
        target_names : ndarray of shape (7,), str
            Names of the intents.
        texts : ndarray of shape (3500,), str
            The sentences.
        DESCR : str
            Description of the data, with their source and license.

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
    data /= np.linalg.norm(data, axis=1, keepdims=True)  # rounding to float16 changed their length
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
    n_samples: int = 1000,
    n_features: int = 16,
    n_components: int = 8,
    *,
    concentration: npt.ArrayLike = 50.0,
    weights: npt.ArrayLike | None = None,
    means: npt.ArrayLike | None = None,
    background: float = 0.0,
    dtype: npt.DTypeLike = np.float64,
    random_state: int | np.random.RandomState | None = None,
    return_parameters: bool = False,
) -> tuple[Any, ...]:
    r"""Draw rows from a von Mises-Fisher mixture with known parameters.

    Each row comes from the uniform distribution on the sphere with probability :math:`b`
    (`background`), and otherwise from component :math:`k` with probability :math:`w_k`:

    .. math:: p(x) = b\,f(x; \cdot, 0) + (1 - b) \sum_k w_k f(x; \mu_k, \kappa_k)

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    n_features : int, default=16
        Dimension of the space, at least 2. Ignored if `means` is given.
    n_components : int, default=8
        Number of components. Ignored if `means` is given.
    concentration : float or array-like of shape (n_components,), default=50.0
        One concentration for all components, or one for each; 0 is the uniform distribution.
    weights : array-like of shape (n_components,), default=None
        Weights of the components, scaled to sum to 1; None means equal weights.
    means : array-like of shape (n_components, n_features), default=None
        Mean directions, scaled to unit length; None means uniformly random directions.
    background : float, default=0.0
        Probability of a uniform row, at least 0 and below 1. Uniform rows have the label -1.
    dtype : dtype, default=numpy.float64
        Floating-point type of the rows.
    random_state : int, RandomState instance or None, default=None
        Seed or generator; pass an int for the same rows on every call.
    return_parameters : bool, default=False
        If True, return the parameters as well.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        Rows of unit length, in random order.
    y : ndarray of shape (n_samples,), int64
        Component of each row; -1 for the background.
    parameters : sklearn.utils.Bunch
        ``weights`` (n_components,), summing to 1 without the background, ``means``
        (n_components, n_features), ``concentrations`` (n_components,) and ``background``.
        Only if `return_parameters`.

    Raises
    ------
    ValueError
        If a parameter has a wrong shape or is out of range.

    Examples
    --------
    >>> from vmfmix.datasets import make_vmf_mixture
    >>> X, y = make_vmf_mixture(100, n_features=5, n_components=3, random_state=0)
    >>> X.shape, sorted(set(y.tolist()))
    ((100, 5), [0, 1, 2])
    """
    rng = _generator(random_state)
    if means is None:
        _validate_integer("n_features", n_features, 2)
        _validate_integer("n_components", n_components, 1)
        directions = sample(_first_axis(n_features), 0.0, n_components, rng=rng)
    else:
        directions = _unit_rows(means)
    n_components, n_features = directions.shape
    _validate_integer("n_samples", n_samples, 1)
    concentrations = _one_per_component("concentration", concentration, n_components)
    shares = _one_per_component("weights", 1.0 if weights is None else weights, n_components)
    if not shares.any():
        raise ValueError("weights are all 0; give at least one component a positive weight.")
    shares = shares / shares.sum()
    if not 0 <= background < 1:
        raise ValueError(
            f"background={background} is not allowed; pass a number of at least 0 and below 1."
        )

    # The background is one more component in front, with concentration 0 and label -1.
    probabilities = np.r_[background, (1 - background) * shares]
    sizes = rng.multinomial(n_samples, probabilities)
    components = zip([directions[0], *directions], [0.0, *concentrations], sizes)
    X = np.concatenate([sample(mean, kappa, size, rng=rng) for mean, kappa, size in components])
    y = np.repeat(np.arange(-1, n_components), sizes)
    order = rng.permutation(n_samples)
    X, y = X[order].astype(dtype, copy=False), y[order]
    if not return_parameters:
        return X, y
    parameters = Bunch(
        weights=shares,
        means=directions,
        concentrations=concentrations,
        background=float(background),
    )
    return X, y, parameters


def _generator(random_state: int | np.random.RandomState | None) -> np.random.Generator:
    """Return a NumPy Generator seeded by a `random_state` of scikit-learn."""
    return np.random.default_rng(check_random_state(random_state).randint(2**31 - 1, size=4))


def _first_axis(n_features: int) -> NDArray[np.float64]:
    """Return the first unit vector, to serve as the arbitrary mean of a uniform distribution."""
    return np.eye(1, n_features).ravel()


def _validate_integer(name: str, value: object, minimum: int) -> None:
    """Raise ValueError if a value is not an integer of at least `minimum`."""
    if not isinstance(value, (int, np.integer)) or value < minimum:
        raise ValueError(f"{name}={value!r} is not allowed; pass an integer of at least {minimum}.")


def _unit_rows(means: npt.ArrayLike) -> NDArray[np.float64]:
    """Return mean directions scaled to unit length, or raise ValueError if that is impossible."""
    rows = np.asarray(means, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[0] < 1 or rows.shape[1] < 2:
        raise ValueError(
            f"means has shape {rows.shape}; pass (n_components, n_features) with at least "
            "one component and two features."
        )
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and lengths.all()):
        raise ValueError("means has a row without a direction; make every row finite and nonzero.")
    return np.asarray(rows / lengths)


def _one_per_component(name: str, values: npt.ArrayLike, n_components: int) -> NDArray[np.float64]:
    """Return one float per component, or raise ValueError if one is negative or not finite."""
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.shape not in {(), (n_components,)}:
        raise ValueError(
            f"{name} has shape {numbers.shape} for {n_components} components; "
            "pass one number, or one per component."
        )
    if not (np.isfinite(numbers).all() and (numbers >= 0).all()):
        raise ValueError(f"{name} has a negative or non-finite value; pass values of at least 0.")
    return np.broadcast_to(numbers, (n_components,)).copy()
