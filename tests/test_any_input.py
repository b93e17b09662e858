"""Whatever is given: a right answer, or one clear error.

`make fuzz` runs the same tests with many more examples.
"""

import tempfile
import traceback
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score

from vmfmix import VMFMixture, distribution
from vmfmix.selection import RULES

ROWS = ["normal", "clusters", "copies", "constant", "one-hot", "narrow", "opposite", "few zeros"]
DTYPES = ["f8", "f4", "f2", ">f8", ">f4", "i1", "u1", "i4", "i8", ">i2", "?", "g"]
LAYOUTS = ["C", "F", "strided", "backwards", "read-only", "memmap", "csr", "csc", "coo", "list"]
WEIGHTS = ["none", "some zero", "tiny", "huge", "copies"]
SCALES = [1.0, 1e-300, 1e300, 5e-324, 1e-20, 1e20, "mixed"]


@st.composite
def dense_rows(draw, most=48, features=(2, 3, 8, 40, 300)):
    """Rows of float64 of many kinds."""
    n_rows = draw(st.integers(1, most))
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
    """Rows of any type, in any layout and of any scale."""
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
        X = X.astype("f8" if X.dtype in (np.float16, np.longdouble) else X.dtype)  # SciPy has none
        return getattr(sp, f"{layout}_array")(X.astype(X.dtype.newbyteorder("=")))
    if layout == "list":
        return X.tolist()
    return X


@st.composite
def options(draw):
    """Parameters of VMFMixture that go together."""
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
    """Weights of rows, some of them zero; or None."""
    n_rows = rows.shape[0] if hasattr(rows, "shape") else len(rows)
    rng = np.random.default_rng(n_rows)
    return {
        "none": None,
        "some zero": rng.random(n_rows) * (rng.random(n_rows) < 0.7),
        "tiny": np.full(n_rows, 1e-300),
        "huge": 10.0 ** rng.uniform(-15, 15, n_rows),
        "copies": rng.integers(0, 4, n_rows),
    }[kind]


import collections

TALLY = collections.Counter()


def quietly(action):
    """What an action gives or which ValueError it raises; few warnings, and only ours."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            outcome = action()
        except ValueError as error:
            # Somebody meant to raise it: it does not come out of NumPy or a compiled function.
            place = traceback.extract_tb(error.__traceback__)[-1]
            assert place.line.startswith("raise "), f"{place}: {error}"
            assert "mean_resultant_length" not in str(error)
            outcome = None
            TALLY[str(error)[:50]] += 1
    assert len(said) <= 3
    for warning in said:
        assert warning.category in (UserWarning, ConvergenceWarning), str(warning)
    return outcome


def assert_sound(model, X):
    """What holds of every fitted model and the rows that it was fitted to."""
    for name, value in vars(model).items():
        if name.endswith("_") and name not in ("isotropy_", "merge_history_"):
            assert np.isfinite(value).all(), name
    background = getattr(model, "background_weight_", 0.0)
    n_rows = model.n_samples_seen_
    assert model.weights_.sum() + background == pytest.approx(1, abs=1e-9)
    assert (model.weights_ > 0).all()
    np.testing.assert_allclose(np.linalg.norm(model.means_, axis=1), 1, atol=1e-9)
    assert (model.concentrations_ >= 0).all() and (model.concentrations_ <= 1e12).all()
    assert len(model.means_) == model.n_components_ >= (not model.background)
    assert 0 <= getattr(model, "isotropy_", 0) <= 1 or np.isnan(model.isotropy_)
    # What float32 may leave in nats, and float64 where a row is next to the centre.
    rounding = 2e-3
    if model.center:
        dense = np.asarray(X, dtype=np.float64)
        dense = dense / np.abs(dense).max(axis=1, keepdims=True, initial=5e-324)
        unit = dense / np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-300)
        nearest = max(np.linalg.norm(unit - model.center_, axis=1).min(), 1e-12)
        rounding += 1e-15 * model.concentrations_.max(initial=0) / nearest
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


@given(X=any_rows(), chosen=options(), weights=st.sampled_from(WEIGHTS))
def test_any_rows_and_any_parameters(X, chosen, weights):
    model = VMFMixture(**chosen)
    if quietly(lambda: model.fit(X, sample_weight=weights_of(X, weights))) is not None:
        assert_sound(model, X)
    else:
        assert not hasattr(model, "means_") and not hasattr(model, "n_features_in_")
