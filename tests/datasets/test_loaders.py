"""Tests of the generated mixtures and of the bundled SNIPS embeddings."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from vmfmix.datasets import load_snips, make_vmf_mixture
from vmfmix.distribution import mean_resultant_length


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_make_vmf_mixture_returns_unit_rows(dtype):
    X, y = make_vmf_mixture(300, n_features=7, n_components=4, dtype=dtype, random_state=0)
    assert X.shape == (300, 7)
    assert X.dtype == dtype
    assert y.shape == (300,)
    assert set(y) == {0, 1, 2, 3}
    assert_allclose(np.linalg.norm(X, axis=1), 1, atol=4 * np.finfo(dtype).eps)


def test_make_vmf_mixture_random_state_is_reproducible():
    first, again = make_vmf_mixture(random_state=5), make_vmf_mixture(random_state=5)
    assert_array_equal(first[0], again[0])
    assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], make_vmf_mixture(random_state=6)[0])
    state = np.random.RandomState(5)
    draws = [make_vmf_mixture(random_state=state)[0] for _ in range(2)]
    assert_array_equal(draws[0], first[0])
    assert not np.array_equal(draws[1], first[0])


def test_make_vmf_mixture_shuffles_rows():
    _, y = make_vmf_mixture(1000, n_components=2, random_state=0)
    assert 400 < np.count_nonzero(np.diff(y)) < 600


@pytest.mark.parametrize("n_features", [2, 16, 384])
def test_make_vmf_mixture_components_have_requested_distribution(n_features):
    given = [0.0, 0.5 * n_features, 5.0 * n_features]
    X, y, truth = make_vmf_mixture(
        30_000,
        n_features=n_features,
        n_components=3,
        concentration=given,
        random_state=1,
        return_parameters=True,
    )
    assert_array_equal(truth.concentrations, given)
    assert_allclose(np.linalg.norm(truth.means, axis=1), 1)
    for k, kappa in enumerate(given):
        rows = X[y == k]
        resultant = rows.mean(axis=0)
        length = np.linalg.norm(resultant)
        expected = mean_resultant_length(kappa, n_features)
        # E‖mean‖² = A² + (1 − A²)/n for any distribution with mean length A.
        assert_allclose(length**2, expected**2 + (1 - expected**2) / len(rows), atol=0.02)
        if kappa > 0:
            assert resultant @ truth.means[k] > 0.99 * length


def test_make_vmf_mixture_scales_weights():
    weights = [6, 3, 1]
    _, y, truth = make_vmf_mixture(
        20_000, n_components=3, weights=weights, random_state=2, return_parameters=True
    )
    assert_allclose(truth.weights, [0.6, 0.3, 0.1])
    assert_allclose(np.bincount(y) / len(y), truth.weights, atol=0.02)


def test_make_vmf_mixture_takes_shape_from_means():
    means = np.array([[3.0, 0, 0, 0], [0, -0.1, 0, 0]])
    X, _, truth = make_vmf_mixture(50, means=means, random_state=3, return_parameters=True)
    assert X.shape == (50, 4)
    assert_allclose(truth.means, [[1, 0, 0, 0], [0, -1, 0, 0]])
    assert_array_equal(means[0], [3, 0, 0, 0])  # the array of the caller is unchanged


def test_make_vmf_mixture_background_is_uniform_with_label_minus_one():
    X, y, truth = make_vmf_mixture(
        20_000, n_components=2, background=0.25, random_state=4, return_parameters=True
    )
    assert truth.background == 0.25
    assert_allclose(truth.weights, [0.5, 0.5])
    assert_allclose(np.mean(y == -1), 0.25, atol=0.02)
    assert np.linalg.norm(X[y == -1].mean(axis=0)) < 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": 0}, "n_samples=0"),
        ({"n_features": 1}, "n_features=1 .* at least 2"),
        ({"n_components": 2.5}, "n_components=2.5"),
        ({"concentration": -1.0}, "concentration has a negative"),
        ({"concentration": [1.0, 2.0]}, r"concentration has shape \(2,\) for 8 components"),
        ({"weights": [1.0, 2.0]}, r"weights has shape \(2,\) for 8 components"),
        ({"weights": np.zeros(8)}, "weights are all 0"),
        ({"means": [1.0, 0.0]}, r"means has shape \(2,\)"),
        ({"means": [[1.0, 0.0], [0.0, 0.0]]}, "row without a direction"),
        ({"background": 1.0}, "background=1.0"),
    ],
)
def test_make_vmf_mixture_refuses_invalid_parameters(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_vmf_mixture(**arguments)


def test_load_snips_is_complete():
    snips = load_snips()
    assert snips.data.shape == (3500, 384)
    assert snips.data.dtype == np.float32
    assert_allclose(np.linalg.norm(snips.data, axis=1), 1, atol=1e-6)
    assert len(snips.target_names) == 7
    assert set(np.bincount(snips.target, minlength=7) >= 478) == {True}
    assert snips.texts.shape == (3500,)
    assert all(text.strip() for text in snips.texts)
    assert "CC0" in snips.DESCR


def test_load_snips_texts_match_targets():
    snips = load_snips()
    weather = np.array(["weather" in text for text in snips.texts])
    assert (snips.target_names[snips.target[weather]] == "GetWeather").mean() > 0.9


def test_load_snips_return_X_y():
    X, y = load_snips(return_X_y=True)
    assert_array_equal(X, load_snips().data)
    assert y.shape == (3500,)
