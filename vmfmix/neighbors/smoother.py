"""The transformer `NeighborSmoother`: rows that are averaged with their nearest neighbors."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    OneToOneFeatureMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted

from vmfmix.engines.choice import (
    choose_engine,
    is_sparse,
    prepare_rows,
    validate_dense_to_center,
)
from vmfmix.engines.rows.tensors import is_tensor
from vmfmix.engines.unit_rows import all_unit_rows, unit_rows
from vmfmix.fitting.missing_attributes import ExplainsMissingAttributes
from vmfmix.fitting.progress import Progress
from vmfmix.fitting.sklearn_compat import Interval, StrOptions, validate_parameters_before
from vmfmix.fitting.start import mean_of_unit_rows
from vmfmix.fitting.validation import (
    restored_on_failure,
    validate_rows,
    validate_sample_weight,
)
from vmfmix.merging.isotropy import ISOTROPIC, isotropy_of_neighbors
from vmfmix.model.copies import distinct_rows
from vmfmix.model.matrices import row_lengths
from vmfmix.neighbors.diffusion import (
    N_STEPS,
    SMALLEST_EIGENVALUE,
    basis,
    diffusion,
    restart_gains,
)
from vmfmix.neighbors.graph import (
    joined,
    local_weights,
    suitable_n_neighbors,
)
from vmfmix.neighbors.group_size import graph_within_groups, within_groups
from vmfmix.neighbors.search import (
    Neighbors,
    Report,
    has_approximate_search,
    nearest_neighbors,
)
from vmfmix.neighbors.stored import STORED_ATTRIBUTES, restore_attributes, stored_attributes
from vmfmix.storage.model_format import damage_reported, read_model, write_model
from vmfmix.storage.reading import name_of

_RESTART = 0.02
_N_PLACES = 256  # at which the isotropy is measured
_ROWS_PER_PART = 8192
_APPROXIMATE_FROM = 120_000  # rows; for fewer, compiling pynndescent takes longer than it saves
_CLOSENESS_OF_COPIES = 1e-6  # 1 − cosine, of a new row and the fitted row that it repeats


class NeighborSmoother(
    ExplainsMissingAttributes, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    r"""Average rows with their nearest neighbors, so that clusters become compact.

    Embeddings of similar things often form curved or stretched clusters, while a mean direction
    describes a round one. This transformer joins each row to its nearest neighbors and lets a
    random walk along these edges, which returns to its first row with probability `restart` at each
    step, average the rows that it visits [1]_: the fixed point of

    .. math:: Z = r Y + (1 - r) P Z

    where the row i of :math:`P` has the probabilities of a step from row i. :math:`Y` are the
    `whiten`-ed rows: in the space that the rows span, a pattern over the rows that neighbors share
    counts the same however much of the variance it has. The smoothed rows have unit length.

    Use it in front of `VMFMixture`: ``make_pipeline(NeighborSmoother(), VMFMixture(20))``.

    Parameters
    ----------
    n_neighbors : int, default=15
        Number of nearest neighbors by angle; fewer if there are fewer than 20 rows for each, or if
        rows come in smaller groups: at most as many as the typical row has neighbors that are
        closer than half-way between its nearest neighbor and the mean of all rows. Copies of a row
        are joined as one row and do not use up its neighbors.
    restart : float or "auto", default="auto"
        Probability r with which the walk returns to its first row at each step, from 0
        (excluded) to 1. Smaller values smooth more. 1: the unit rows are returned as they are.
        "auto": 0.02, but 1 if `isotropy_` is at least 0.75; rows then scatter as in a mixture of
        von Mises-Fisher distributions, and neighbors add nothing to what the means describe. Also 1
        if a step of the walk leaves no more than half of every pattern over the rows, or if there
        are fewer than 2 distinct rows.
    center : bool or "auto", default="auto"
        Whether to subtract the mean of the unit rows first, and scale to unit length again. "auto":
        for dense rows, but not for sparse ones.
    whiten : bool, default=True
        Whether all patterns that neighbors share count the same. The smoothed rows then have
        coordinates of their own, at most `n_components`. False: the smoothed rows are averages of
        the rows, in their space.
    n_components : int, default=128
        Maximum number of dimensions of the space in which the rows are smoothed. Rows with more
        features are projected on as many fixed random directions first.
    search : {"auto", "exact", "approximate"}, default="auto"
        How neighbors are found. "approximate" needs pynndescent (the extra ``neighbors``) and dense
        rows, and misses a few of the neighbors. "auto": approximate for 120,000 dense rows or more
        if pynndescent is installed, otherwise exact.
    device : str or torch.device, default=None
        Device on which torch searches for neighbors. None: tensors on a GPU are searched there,
        and other rows on the CPU.

    Attributes
    ----------
    embedding_ : ndarray of shape (n_samples, n_features_out), float32
        The smoothed rows of `fit`. Rows without a direction are zeros.
    restart_ : float
        The value of `restart` that was used.
    isotropy_ : float
        How evenly the √n nearest neighbors of a row scatter: their effective dimension as a share
        of all directions on the sphere, from 0 to 1. Near 1 for samples of von Mises-Fisher
        mixtures, unless clusters have fewer than √n rows. NaN for fewer than 16 rows.
    eigenvalues_ : ndarray of shape (n_patterns,)
        λ: the share of each pattern over the rows that is left after a step of the walk, in
        descending order, as far as it is more than half. As many values near 1 as there are groups
        of rows with few edges between them, less one. Only if rows were smoothed.
    n_neighbors_ : int
        Number of neighbors that were used; 0 if there are fewer than 2 distinct rows.
    center_ : ndarray of shape (n_features,)
        The mean that was subtracted from the unit rows; only if it was.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if `X` has column names that are all strings.

    See Also
    --------
    vmfmix.VMFMixture : Clusters the smoothed rows.
    sklearn.manifold.SpectralEmbedding : The eigenvectors without a restart, for fitted rows only.

    Notes
    -----
    The transformer keeps the rows, as transforming new rows needs their nearest neighbors among
    them: 4 bytes for each feature and for each dimension of the output, or 2 KB for a row of 384
    features. Fitted rows are copied to memory in float32, wherever they come from.

    References
    ----------
    .. [1] H. Tong, C. Faloutsos, J.-Y. Pan (2006). Fast random walk with restart and its
       applications. ICDM.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from vmfmix import NeighborSmoother, VMFMixture
    >>> from vmfmix.datasets import load_snips
    >>> X = load_snips().data
    >>> model = make_pipeline(NeighborSmoother(), VMFMixture(7, random_state=0)).fit(X)
    >>> model.predict(X[:3]) == model[-1].labels_[:3]
    array([ True,  True,  True])
    """

    _fitted_attribute = "restart_"
    _missing_attributes = {
        "embedding_": "since it was loaded from a file or belongs to a mixture; call transform(X) "
        "with the rows of the fit.",
        "eigenvalues_": "since no rows were smoothed; fit with restart below 1.",
        "center_": "since rows are not centered; fit dense rows with center=True.",
        "feature_names_in_": "since the rows of the fit had no column names that are all strings; "
        "fit to a DataFrame with such names.",
    }

    embedding_: NDArray[np.float32]
    eigenvalues_: NDArray[np.float64]
    restart_: float
    isotropy_: float
    n_neighbors_: int
    center_: NDArray[np.float64]
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    _rows: Any  # distinct unit rows with a direction
    _row_embedding: NDArray[np.float32]
    _row_numbers: NDArray[np.intp]  # number of the distinct row of each row of X, or -1
    _found: Neighbors

    _parameter_constraints: dict[str, Any] = {
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "restart": [Interval(Real, 0, 1, closed="right"), StrOptions({"auto"})],
        "center": ["boolean", StrOptions({"auto"})],
        "whiten": ["boolean"],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "search": [StrOptions({"auto", "exact", "approximate"})],
        "device": "no_validation",  # left to torch, which knows its devices
    }

    def __init__(
        self,
        n_neighbors: int = 15,
        *,
        restart: float | Literal["auto"] = "auto",
        center: bool | Literal["auto"] = "auto",
        whiten: bool = True,
        n_components: int = 128,
        search: Literal["auto", "exact", "approximate"] = "auto",
        device: Any = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.restart = restart
        self.center = center
        self.whiten = whiten
        self.n_components = n_components
        self.search = search
        self.device = device

    def fit(
        self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> NeighborSmoother:
        """Find the neighbors of all rows and smooth them.

        Parameters
        ----------
        X : {array-like, CSR matrix, tensor, block source} of shape (n_samples, n_features)
            Rows, of which only the directions matter.
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative weights in the mean that `center` subtracts. A row of weight 2 is the same
            as two copies, and a row of weight 0 is a neighbor of no row.

        Returns
        -------
        self : NeighborSmoother

        Raises
        ------
        ValueError
            If `X` contains NaN or infinity, or if parameters exclude each other.
        ImportError
            If torch or pynndescent are needed and not installed.
        """
        self.fit_transform(X, sample_weight=sample_weight)
        return self

    @validate_parameters_before
    def fit_transform(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Any:
        """Find the neighbors of all rows and return the smoothed rows.

        Parameters
        ----------
        X : {array-like, CSR matrix, tensor, block source} of shape (n_samples, n_features)
        y : Ignored
        sample_weight : array-like of shape (n_samples,), default=None
            See `fit`.

        Returns
        -------
        smoothed : ndarray of shape (n_samples, n_features_out), float32
            A CSR matrix if `X` is sparse and is not smoothed.
        """
        return self._fit_transform(X, sample_weight, Progress.of_context())

    def _fit_transform(self, X: Any, sample_weight: ArrayLike | None, progress: Progress) -> Any:
        """Return the smoothed rows, and report the search for neighbors and the smoothing."""
        with restored_on_failure(self, "n_features_in_", "feature_names_in_"):
            X = self._validate_rows(X, reset=True, ensure_min_features=2)
            weights = None if sample_weight is None else validate_sample_weight(sample_weight, X)
            fitted, embedding = self._fitted(X, weights, progress)
        outdated = {"_found", "_row_numbers", *STORED_ATTRIBUTES}
        for name in outdated - {"n_features_in_", "feature_names_in_"}:
            self.__dict__.pop(name, None)
        self.__dict__.update(fitted, embedding_=embedding)
        if self.restart_ < 1 and weights is not None and not weights.all():
            embedding[weights == 0] = self.transform(X)[weights == 0]
        return embedding

    def transform(self, X: Any) -> Any:
        """Smooth rows by their nearest neighbors among the fitted rows.

        A new row becomes the weighted mean of the smoothed neighbors, scaled to unit length. A row
        that equals a fitted one becomes the same smoothed row.

        Parameters
        ----------
        X : {array-like, CSR matrix, tensor, block source} of shape (n_samples, n_features)

        Returns
        -------
        smoothed : ndarray of shape (n_samples, n_features_out), float32
            Rows without a direction become zeros. A CSR matrix if `X` is sparse and rows are not
            smoothed.
        """
        check_is_fitted(self)
        X = self._validate_rows(X, reset=False)
        if self.restart_ == 1:
            return all_unit_rows(choose_engine(X, device=self.device))
        engine = choose_engine(X, center=getattr(self, "center_", None), device=self.device)
        positions = engine.used_rows
        smoothed = np.zeros((engine.n_rows, self._n_features_out), np.float32)
        if len(positions) == 0:
            return smoothed
        queries = unit_rows(engine, positions)
        if sp.issparse(self._rows) != sp.issparse(queries):  # another type than in the fit
            queries = sp.csr_array(queries) if sp.issparse(self._rows) else queries.toarray()
        with Progress.of_context().stage(
            "neighbors", "Finding nearest neighbors", total=len(positions), unit="rows"
        ) as stage:
            found = nearest_neighbors(
                self._rows,
                self.n_neighbors_,
                queries=queries,
                device=self._search_device(X),
                report=stage.reach,
            )
        weights = local_weights(found)
        means = np.empty((len(positions), self._n_features_out), np.float32)
        for start in range(0, len(positions), _ROWS_PER_PART):
            part = slice(start, start + _ROWS_PER_PART)
            neighbors = self._row_embedding[found.rows[part]]
            means[part] = np.einsum("ij,ijd->id", weights[part], neighbors)
        _scale_to_unit(means)
        is_copy = found.cosines[:, 0] > 1.0 - _CLOSENESS_OF_COPIES
        means[is_copy] = self._row_embedding[found.rows[is_copy, 0]]
        smoothed[positions] = means
        return smoothed

    def graph_among(self, positions: NDArray[np.intp]) -> Any:
        """Return the graph of nearest neighbors among some of the rows of the last fit.

        Parameters
        ----------
        positions : ndarray of shape (n,)
            Of different rows that were smoothed.

        Returns
        -------
        CSR matrix of shape (n, n), float32
            Edges have the weight 1. For all different rows, it is the graph of the fit; otherwise,
            neighbors are sought among the given rows.
        """
        numbers = self._row_numbers[positions]
        if len(numbers) < self._rows.shape[0]:
            return graph_within_groups(self._rows[numbers], self.n_neighbors)
        graph = joined(self._found, np.ones_like(self._found.cosines))
        return graph[numbers][:, numbers]

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the features of smoothed rows.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features of `X`, if it had no column names.

        Returns
        -------
        names : ndarray of str
            ``neighborsmoother0`` etc., but those of `X` if smoothed rows are in the space of `X`.
        """
        check_is_fitted(self)
        has_own_space = self.whiten and self.restart_ < 1
        mixin = ClassNamePrefixFeaturesOutMixin if has_own_space else OneToOneFeatureMixin
        names: NDArray[np.object_] = mixin.get_feature_names_out(self, input_features)
        return names

    def save(self, path: Any) -> None:
        """Write what `transform` needs to a file; pickle is not involved.

        Parameters
        ----------
        path : str, path-like or file object
            Usually ending in ``.npz``. The file is written completely or not at all. A file object
            must be opened for writing bytes, and is left open. The file has 4 bytes
            for each feature and each dimension of the output of each distinct row.

        Raises
        ------
        ValueError
            If a parameter cannot be stored.
        OSError
            If the file cannot be written.
        """
        check_is_fitted(self)
        self._validate_params()  # otherwise the file could not be loaded
        write_model(path, "NeighborSmoother", self.storable_parameters(), stored_attributes(self))

    def storable_parameters(self) -> dict[str, Any]:
        """Return the parameters with values that a file can hold."""
        parameters = self.get_params()
        if parameters["device"] is not None:
            parameters["device"] = str(parameters["device"])  # may be a torch.device
        return parameters

    @classmethod
    def load(cls, path: Any) -> NeighborSmoother:
        """Load a smoother that `save` wrote; nothing in the file is run.

        Parameters
        ----------
        path : str, path-like or file object
            A file object must be opened for reading bytes, and is left open.

        Returns
        -------
        NeighborSmoother
            Fitted, but without `embedding_`.

        Raises
        ------
        FileNotFoundError
            If the file does not exist.
        ValueError
            If the file holds no smoother, is damaged, or was written in a later version of the
            format.

        Examples
        --------
        >>> import os, tempfile
        >>> from vmfmix import NeighborSmoother
        >>> from vmfmix.datasets import load_snips
        >>> X = load_snips().data[:500]
        >>> smoother = NeighborSmoother().fit(X)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "smoother.npz")
        ...     smoother.save(path)
        ...     loaded = NeighborSmoother.load(path)
        >>> bool((loaded.transform(X) == smoother.embedding_).all())
        True
        """
        stored = read_model(path)
        if stored.class_name != "NeighborSmoother":
            raise ValueError(
                f"{name_of(path)} holds a {stored.class_name}, and no NeighborSmoother; read it "
                "with vmfmix.load."
            )
        with damage_reported(path):
            smoother = cls().set_params(**stored.parameters)
            restore_attributes(smoother, stored.attributes)
            return smoother

    def _fitted(
        self, X: Any, weights: NDArray[np.float64] | None, progress: Progress
    ) -> tuple[dict[str, Any], Any]:
        """Return the fitted attributes but `embedding_`, and the embedding."""
        fitted: dict[str, Any] = {}
        engine = choose_engine(X, sample_weight=weights, device=self.device)
        raw_engine = engine
        if (self.center == "auto" and not is_sparse(X)) or self.center is True:
            validate_dense_to_center(X)
            fitted["center_"] = mean_of_unit_rows(engine)
            engine = choose_engine(
                X, sample_weight=weights, center=fitted["center_"], device=self.device
            )
        with progress.stage(
            "neighbors", "Finding nearest neighbors", total=engine.n_rows, unit="rows"
        ) as stage:
            positions = engine.used_rows
            rows, row_of_position = distinct_rows(unit_rows(engine, positions))
            n_rows = rows.shape[0]
            if n_rows < 2:
                fitted |= {"isotropy_": float("nan"), "restart_": 1.0, "n_neighbors_": 0}
                return fitted, all_unit_rows(raw_engine)
            is_approximate = self._is_approximate(rows)
            isotropy, restart = _local_isotropy(rows), self.restart
            if restart == "auto":
                restart = 1.0 if isotropy >= ISOTROPIC else _RESTART
            restart = float(restart)
            n_neighbors = suitable_n_neighbors(n_rows, self.n_neighbors)
            fitted |= {"isotropy_": isotropy, "restart_": restart, "n_neighbors_": n_neighbors}
            if restart == 1:
                return fitted, all_unit_rows(raw_engine)
            found = nearest_neighbors(
                rows,
                n_neighbors,
                approximate=is_approximate,
                device=self._search_device(X),
                report=stage.reach,
            )
            found = within_groups(found, rows)
        fitted["n_neighbors_"] = found.rows.shape[1]
        with progress.stage(
            "smoothing", "Smoothing the rows", total=N_STEPS, unit="steps"
        ) as stage:
            graph = joined(found, local_weights(found))
            smoothed, eigenvalues = self._smoothed(graph, rows, restart, stage.reach)
        if self.restart == "auto" and eigenvalues[0] <= SMALLEST_EIGENVALUE:
            return fitted | {"restart_": 1.0}, all_unit_rows(raw_engine)
        fitted |= {"eigenvalues_": eigenvalues, "_rows": rows, "_row_embedding": smoothed}
        fitted["_found"] = found
        fitted["_row_numbers"] = np.full(engine.n_rows, -1, np.intp)
        fitted["_row_numbers"][positions] = row_of_position
        embedding = np.zeros((engine.n_rows, smoothed.shape[1]), np.float32)
        embedding[positions] = smoothed[row_of_position]
        return fitted, embedding

    def _validate_rows(self, X: Any, **options: Any) -> Any:
        return validate_rows(self, prepare_rows(X, device=self.device), **options)

    def _is_approximate(self, rows: Any) -> bool:
        """Return whether to search approximately."""
        if self.search == "approximate" and sp.issparse(rows):
            raise ValueError(
                'search="approximate" needs dense rows, and X is sparse; pass search="exact", or '
                "reduce X with sklearn.decomposition.TruncatedSVD first."
            )
        if self.search != "auto":
            return self.search == "approximate"
        is_large = rows.shape[0] >= _APPROXIMATE_FROM
        return (
            self.device is None and not sp.issparse(rows) and is_large and has_approximate_search()
        )

    def _search_device(self, X: Any) -> Any:
        return X.device if self.device is None and is_tensor(X) else self.device

    def _smoothed(
        self, graph: Any, rows: Any, restart: float, report: Report
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Return the smoothed rows, of unit length, and the eigenvalues of the walk."""
        patterns, eigenvalues, shares = diffusion(graph, basis(rows, self.n_components), report)
        gains = restart_gains(eigenvalues, restart)
        if self.whiten:
            patterns *= gains.astype(np.float32)
            return _scale_to_unit(patterns), eigenvalues
        contents = np.asarray((patterns.T * shares) @ rows)
        smoothed = patterns @ (gains[:, np.newaxis] * contents).astype(np.float32)
        return _scale_to_unit(smoothed), eigenvalues

    @property
    def _n_features_out(self) -> int:
        return int(self._row_embedding.shape[1] if self.restart_ < 1 else self.n_features_in_)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "restart_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _local_isotropy(rows: Any) -> float:
    """Measure the isotropy of the √n nearest neighbors of some of the n rows.

    With more rows, neighbors are nearer, until only noise is left between the nearest ones. The
    number of neighbors therefore grows with that of the rows.
    """
    rng = np.random.RandomState(0)
    n_rows = rows.shape[0]
    places = np.sort(rng.choice(n_rows, min(n_rows, _N_PLACES), replace=False))
    found = nearest_neighbors(rows, math.isqrt(n_rows), queries=rows[places])
    return isotropy_of_neighbors(rows, found.rows, rng)


def _scale_to_unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale rows to unit length in place; rows of zeros remain."""
    for start in range(0, len(rows), _ROWS_PER_PART):
        part = rows[start : start + _ROWS_PER_PART]
        lengths = row_lengths(part)
        part /= np.where(lengths > 0, lengths, 1.0)[:, np.newaxis].astype(np.float32)
    return rows
