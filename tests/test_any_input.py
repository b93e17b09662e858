"""Property tests: any input gives a correct result or one clear error.

`make fuzz` runs the same tests with many more examples.
"""

import re
import tempfile
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from vmfmix import VMFMixture, distribution
from vmfmix.datasets import make_vmf_mixture
from vmfmix.merging.selection import RULES

pytestmark = pytest.mark.slow

ROWS = ["normal", "clusters", "copies", "constant", "one-hot", "narrow", "opposite", "few zeros"]
DTYPES = ["f8", "f4", "f2", ">f8", ">f4", "i1", "u1", "i4", "i8", ">i2", "?", "g"]
LAYOUTS = ["C", "F", "strided", "backwards", "read-only", "memmap", "csr", "csc", "coo", "list"]
A_SENTENCE = r".{20}"
WEIGHTS = ["none", "some zero", "tiny", "huge", "copies"]
SCALES = [1.0, 1e-300, 1e300, 5e-324, 1e-20, 1e20, "mixed"]


@st.composite
def dense_rows(draw, features=(2, 3, 8, 40, 300)):
    """Draw up to 48 rows of float64 of many kinds."""
    n_rows = draw(st.integers(1, 48))
    n_features = draw(st.sampled_from(features))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(ROWS))
    X = rng.standard_normal((n_rows, n_features))
    if kind == "clusters":
        X = 0.05 * X + rng.standard_normal((3, n_features))[rng.integers(3, size=n_rows)]
    elif kind == "copies":
        X = X[rng.integers(max(n_rows // 4, 1), size=n_rows)]
    elif kind == "constant":
        X = np.full_like(X, X[0, 0])
    elif kind == "one-hot":
        X = np.eye(n_features)[rng.integers(n_features, size=n_rows)]
    elif kind == "narrow":
        X = X[:1] + 1e-9 * X
    elif kind == "opposite":
        X = X[:1] * rng.choice([-1.0, 1.0], (n_rows, 1))
    if draw(st.booleans()):
        X[rng.random(n_rows) < 0.2] = 0
    return X


@st.composite
def any_rows(draw):
    """Draw rows of any type, in any layout and of any scale."""
    X = draw(dense_rows(features=(2, 3, 8, 40, 300, 5000)))
    scale = draw(st.sampled_from(SCALES))
    if scale == "mixed":
        scale = 10.0 ** np.linspace(-300, 300, len(X))[:, np.newaxis]
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    with np.errstate(all="ignore"):
        X = (X * (30.0 if dtype.kind in "iub" else scale)).astype(dtype)
    layout = draw(st.sampled_from(LAYOUTS))
    if layout == "F":
        return np.asfortranarray(X)
    if layout == "strided":
        return np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3]
    if layout == "backwards":
        return X[::-1, ::-1]
    if layout == "read-only":
        X.flags.writeable = False
        return X
    if layout == "memmap":
        with tempfile.TemporaryFile() as file:
            np.save(file, X)
            start = file.tell() - X.nbytes
            return np.memmap(file, X.dtype, "r", offset=start, shape=X.shape)
    if layout in ("csr", "csc", "coo"):
        X = X.astype(
            "f8" if X.dtype in (np.float16, np.longdouble) else X.dtype
        )  # SciPy supports neither
        return getattr(sp, f"{layout}_array")(X.astype(X.dtype.newbyteorder("=")))
    if layout == "list":
        return X.tolist()
    return X


@st.composite
def parameters(draw):
    """Draw a valid combination of parameters of VMFMixture."""
    n_components = draw(st.one_of(st.just("auto"), st.integers(1, 12)))
    merge = draw(st.sampled_from(["likelihood", "icl", "jeffreys", "cosine", None]))
    return {
        "n_components": n_components,
        "merge": "likelihood" if n_components == "auto" and merge is None else merge,
        "concentration": draw(
            st.one_of(
                st.sampled_from(["pooled", "tied", "free", 0.0, 1e-12, 1e12]),
                st.floats(0, 1e12),
            )
        ),
        "background": draw(st.booleans()),
        "center": draw(st.booleans()),
        "assignment": draw(st.sampled_from(["soft", "hard"])),
        "selection": draw(st.sampled_from(sorted(RULES))),
        "init_params": draw(st.sampled_from(["k-means++", "random_from_data", "random"])),
        "n_init": draw(st.integers(1, 2)),
        "max_iter": draw(st.sampled_from([1, 2, 30])),
        "tol": draw(st.sampled_from([0.0, 1e-4])),
        "block_size": draw(st.sampled_from([None, 1, 7])),
        "random_state": 0,
    }


def weights_of(rows, kind):
    """Return weights of rows, of which some may be zero, or None."""
    n_rows = rows.shape[0] if hasattr(rows, "shape") else len(rows)
    rng = np.random.default_rng(n_rows)
    return {
        "none": None,
        "some zero": rng.random(n_rows) * (rng.random(n_rows) < 0.7),
        "tiny": np.full(n_rows, 1e-300),
        "huge": 10.0 ** rng.uniform(-15, 15, n_rows),
        "copies": rng.integers(0, 4, n_rows),
    }[kind]


def assert_clear(error):
    """Assert that an error says in a sentence which argument is wrong.

    Errors of NumPy or SciPy about a value that was not validated do not name our arguments.
    """
    message = str(error)
    arguments = "|".join(["X", "sample_weight", "Sample weights", *VMFMixture().get_params()])
    assert type(error) is ValueError, repr(error)
    assert error.__context__ is None, repr(error.__context__)
    assert re.search(rf"(?<![\w'])({arguments})\b", message), message
    assert re.fullmatch(r"\S.{19,}\.", message), message


def fit_or_reject(fit):
    """Return a fitted model, or None if it raised a clear ValueError; few warnings, all ours."""
    model = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = fit()
        except ValueError as error:
            assert_clear(error)
    assert len(caught) <= 3
    for warning in caught:
        assert warning.category in (UserWarning, ConvergenceWarning), str(warning)
    return model


@pytest.mark.parametrize(
    "fail",
    [
        lambda: np.ones(3) + np.ones(4),
        lambda: int(np.nan),
        lambda: np.random.RandomState(0).choice(2, p=[np.nan, 1.0]),
        lambda: np.linalg.inv(np.zeros((2, 2))),
        lambda: np.empty(0).max(),
    ],
)
def test_errors_of_numpy_are_not_clear(fail):
    with pytest.raises(ValueError) as raised:
        fail()
    with pytest.raises(AssertionError):
        assert_clear(raised.value)


def assert_consistent(model, X):
    """Assert what is true of every fitted model and the rows that it was fitted to."""
    for name, value in vars(model).items():
        if name.endswith("_") and name not in ("isotropy_", "merge_history_"):
            if name == "reference_densities_":  # −inf for rows of the background
                value = value[value != -np.inf]
            assert np.isfinite(value).all(), name
    background = getattr(model, "background_weight_", 0.0)
    n_rows = model.n_samples_seen_
    assert model.weights_.sum() + background == pytest.approx(1, abs=1e-9)
    assert (model.weights_ > 0).all()
    np.testing.assert_allclose(np.linalg.norm(model.means_, axis=1), 1, atol=1e-9)
    assert (model.concentrations_ >= 0).all() and (model.concentrations_ <= 1e12).all()
    assert len(model.means_) == model.n_components_ >= (not model.background)
    assert 0 <= getattr(model, "isotropy_", 0) <= 1 or np.isnan(model.isotropy_)
    # Rounding in nats: of float32, and of large products in float64, more so next to the center.
    largest = model.concentrations_.max(initial=0)
    rounding = 2e-3 + 1e-14 * largest * np.sqrt(model.n_features_in_)
    if model.center:
        dense = np.asarray(X, dtype=np.float64)
        dense = dense / np.abs(dense).max(axis=1, keepdims=True, initial=5e-324)
        unit = dense / np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-300)
        nearest = max(np.linalg.norm(unit - model.center_, axis=1).min(), 1e-12)
        rounding += 1e-14 * largest / nearest
    assert (np.diff(model.lower_bounds_) > -rounding).all(), model.lower_bounds_
    labels = model.predict(X)
    np.testing.assert_array_equal(labels, model.labels_)
    present = set(range(-1 if model.background else 0, model.n_components_))
    assert set(range(model.n_components_)) <= set(labels.tolist()) <= present
    assert ((model.probabilities_ >= 0) & (model.probabilities_ <= 1 + 1e-9)).all()
    joint = model.predict_proba(X)
    assert joint.shape == (n_rows, model.n_components_ + model.background)
    np.testing.assert_allclose(joint.sum(axis=1), 1, atol=1e-6)
    assert (joint >= 0).all()
    own = joint[np.arange(n_rows), labels]
    np.testing.assert_allclose(own, joint.max(axis=1), atol=1e-3)
    np.testing.assert_allclose(own, model.probabilities_, atol=1e-3)
    cosines = model.transform(X)
    assert cosines.shape == (n_rows, model.n_components_)
    assert (np.abs(cosines) <= 1).all()
    assert np.isfinite(model.score_samples(X)).all()
    assert np.isfinite([model.score(X), model.bic(X), model.aic(X), model.icl(X)]).all()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.* have no direction")
@given(X=any_rows(), chosen=parameters(), weights=st.sampled_from(WEIGHTS))
def test_any_rows_and_parameters_fit_or_raise(X, chosen, weights):
    model = VMFMixture(**chosen)
    sample_weight = weights_of(X, weights)
    if fit_or_reject(lambda: model.fit(X, sample_weight=sample_weight)) is not None:
        assert_consistent(model, X)
    else:
        assert not hasattr(model, "means_") and not hasattr(model, "n_features_in_")


def bad_values(**cases):
    return pytest.mark.parametrize("bad", cases.values(), ids=cases.keys())


@pytest.fixture(scope="module")
def fitted():
    X, _ = make_vmf_mixture(60, 4, 2, concentration=50.0, random_state=0)
    return X, VMFMixture(2, random_state=0).fit(X)


@bad_values(
    nan=np.full((3, 4), np.nan),
    inf=np.array([[1.0, np.inf, -np.inf, 0.0]]),
    half=np.full((3, 4), np.inf, np.float16),
    sparse_nan=sp.csr_array(np.full((3, 4), np.nan)),
    objects=np.array([[1.0, None, {}, "a"]], dtype=object),
    words=[["a", "b", "c", "d"]],
    dates=np.zeros((3, 4), "M8[s]"),
    fields=np.zeros(3, [("a", "f8"), ("b", "f8")]),
    complex=np.ones((3, 4)) * 1j,
    no_rows=np.empty((0, 4)),
    no_features=np.empty((4, 0)),
    too_wide=np.ones((3, 5)),
    too_narrow=sp.csr_array(np.ones((3, 3))),
    one_row=np.ones(4),
    cube=np.ones((3, 4, 2)),
    ragged=[[1.0, 2, 3, 4], [1.0]],
    number=3.0,
    nothing=None,
    a_dict={"a": 1},
    a_word="rows",
)
def test_refuses_invalid_rows_and_keeps_model(fitted, bad):
    _, model = fitted
    before = dict(vars(model))
    for method in (model.predict, model.predict_proba, model.transform, model.score_samples):
        with pytest.raises((ValueError, TypeError), match=A_SENTENCE):
            method(bad)
    with pytest.raises((ValueError, TypeError), match=A_SENTENCE):
        model.partial_fit(bad)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())
    if getattr(bad, "shape", None) not in ((3, 5), (3, 3)):  # valid rows of another width
        fresh = VMFMixture(2, random_state=0)
        with pytest.raises((ValueError, TypeError), match=A_SENTENCE):
            fresh.fit(bad)
        assert not any(name.endswith("_") for name in vars(fresh))


@bad_values(
    words=["a"] * 60,
    nan=np.full(60, np.nan),
    inf=np.full(60, np.inf),
    negative=np.full(60, -1.0),
    zero=np.zeros(60),
    complex=np.full(60, 1j),
    too_few=np.ones(59),
    a_table=np.ones((60, 2)),
)
def test_refuses_invalid_sample_weight(fitted, bad):
    X, _ = fitted
    fresh = VMFMixture(2, random_state=0)
    for method in (fresh.fit, fresh.partial_fit):
        with pytest.raises((ValueError, TypeError), match=A_SENTENCE):
            method(X, sample_weight=bad)
    assert not any(name.endswith("_") for name in vars(fresh))


@st.composite
def separate_clusters(draw):
    """Draw rows of three well-separated clusters in any directions."""
    n_features = draw(st.integers(4, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    centers, _ = np.linalg.qr(rng.standard_normal((n_features, n_features)))
    labels = np.repeat(np.arange(3), rng.integers(8, 20, size=3))
    spread = 0.3 / np.sqrt(n_features)
    return centers[labels] + spread * rng.standard_normal((len(labels), n_features)), labels, rng


@pytest.mark.slow
@given(drawn=separate_clusters(), concentration=st.sampled_from(["pooled", "tied", "free"]))
def test_clusters_do_not_depend_on_order_or_rotation(drawn, concentration):
    X, labels, rng = drawn
    model = VMFMixture(3, concentration=concentration, random_state=0)
    fitted = clone(model).fit(X)
    assert adjusted_rand_score(fitted.labels_, labels) == 1
    order = rng.permutation(len(X))
    other = clone(model).fit(X[order])
    np.testing.assert_array_equal(other.labels_, fitted.labels_[order])
    np.testing.assert_allclose(other.means_, fitted.means_, atol=1e-6)
    rotation, _ = np.linalg.qr(rng.standard_normal((X.shape[1], X.shape[1])))
    rotated = clone(model).fit(X @ rotation)
    assert adjusted_rand_score(rotated.labels_, labels) == 1
    # Isotropy is estimated from random pairs of rows, and these rows are few.
    pooled = concentration == "pooled"
    bound_tolerance, mean_tolerance = (0.2, 0.05) if pooled else (1e-3, 1e-3)
    assert rotated.lower_bound_ == pytest.approx(fitted.lower_bound_, abs=bound_tolerance)
    first_rows = [np.flatnonzero(rotated.labels_ == k)[0] for k in range(3)]
    matching = fitted.labels_[first_rows]
    np.testing.assert_allclose(
        rotated.means_, fitted.means_[matching] @ rotation, atol=mean_tolerance
    )


@given(
    dim=st.integers(2, 5000),
    exponents=st.tuples(st.floats(-12, 12), st.floats(-12, 12)),
    seed=st.integers(0, 2**32 - 1),
)
def test_distribution_is_finite_everywhere(dim, exponents, seed):
    one, other = 10.0 ** np.array(exponents)
    mean, direction = make_vmf_mixture(2, dim, 1, concentration=0.0, random_state=seed)[0]
    length, entropy = distribution.mean_resultant_length(one, dim), distribution.entropy(one, dim)
    assert 0 <= length < 1 or one > 1e9
    assert np.isfinite([distribution.log_normalizer(one, dim), entropy]).all()
    assert distribution.kl_divergence(mean, one, direction, other) >= 0
    at_mode, elsewhere = distribution.log_prob(np.stack([mean, direction]), mean, one)
    assert np.isfinite(at_mode) and elsewhere <= at_mode + 1e-9 * abs(at_mode)
    rows = distribution.sample(mean, one, 5, rng=seed)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-12)
    assert distribution.concentration(length, dim) <= (1 + 1e-3) * one or one > 1e9
