"""The page for users of other libraries: its code runs, and what it claims holds."""

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from vmfmix import VMFMixture, inspection

PAGE = (Path(__file__).parents[2] / "docs" / "migration.md").read_text("utf-8")
OURS = re.findall(r"^\|(?!-)[^|]*\|([^|]*)\|$", PAGE, re.MULTILINE)  # right cells of the tables


@pytest.fixture(scope="module")
def page():
    """What the names of each section's code stand for, by heading."""
    opening, *sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    names = {}
    for section in sections:
        heading, text = section.split("\n", 1)
        names[heading] = {}
        for block in re.findall(r"```python\n(.*?)```", opening + text, re.DOTALL):
            exec(block, names[heading])
    return names


@pytest.mark.slow
def test_every_library_has_a_section(page):
    assert set(page) == {"spherecluster", "GaussianMixture", "KMeans", "HDBSCAN", "faiss.Kmeans"}


def test_our_words_exist(page):
    model = page["HDBSCAN"]["mixture"]
    known = set(model.get_params()) | set(dir(model)) | set(vars(inspection))
    known |= {"n", "X", "x", "w", "c", "fit"}  # arguments
    ours = [code for cell in OURS for code in re.findall(r"`([^`]+)`", cell)]
    words = [re.search(r"[A-Za-z_.]+", code) for code in ours if not code.startswith('"')]
    words = {match[0].rpartition(".")[2] for match in words} - {"VMFMixture"}
    assert len(words) > 30
    assert words <= known, words - known


def test_our_values_are_allowed(page):
    X = page["KMeans"]["X"][:200, :8]
    pairs = set()
    for cell in OURS:
        name = None
        for code in re.findall(r"`([^`]+)`", cell):
            given, value = re.fullmatch(r'(?:(\w+)=)?(?:"([^"]+)")?.*', code).groups()
            name = given or name
            if value:
                pairs.add((name, value))
    assert ("init_params", "random_from_data") in pairs
    for name, value in pairs - {("device", "cuda")}:
        VMFMixture(3, merge=None, random_state=0, **{name: value}).fit(X)


def test_spherical_k_means_is_a_setting(page):
    X, model = page["spherecluster"]["X"], page["spherecluster"]["spherical"]
    np.testing.assert_array_equal(model.labels_, model.transform(X).argmax(axis=1))
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    sums = np.stack([unit[model.labels_ == k].sum(axis=0) for k in range(7)])
    means = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    np.testing.assert_allclose(model.means_, means, atol=1e-5)
    squared = ((unit - means[model.labels_]) ** 2).sum()
    np.testing.assert_allclose(page["spherecluster"]["inertia"], squared, rtol=1e-5)


def test_posteriors_of_free_concentrations_follow_the_labels(page):
    X, model = page["spherecluster"]["X"], page["spherecluster"]["movmf"]
    assert len(set(model.concentrations_)) == 7
    np.testing.assert_array_equal(model.predict_proba(X).argmax(axis=1), model.labels_)
    np.testing.assert_array_equal(model.predict(X), model.labels_)


def test_a_spherical_gaussian_mixture_is_nearly_free(page):
    gaussian, X = page["GaussianMixture"]["gaussian"], page["GaussianMixture"]["X"]
    free = VMFMixture(
        concentration="free",
        n_components=7,
        merge=None,
        means_init=gaussian.means_,
        weights_init=gaussian.weights_,
        concentrations_init=1 / gaussian.covariances_,
    ).fit(X)
    assert adjusted_rand_score(free.labels_, gaussian.predict(X)) > 0.95
    expected = np.linalg.norm(gaussian.means_, axis=1) / gaussian.covariances_
    np.testing.assert_allclose(free.concentrations_, expected, rtol=0.1)


def test_one_fit_gives_other_numbers(page):
    mixture, X = page["GaussianMixture"]["mixture"], page["GaussianMixture"]["X"]
    assert set(mixture.merge_to(12, X).labels_) == set(range(12))


def test_the_nearest_is_the_label_or_nearly(page):
    names = page["KMeans"]
    kmeans, mixture, X = names["kmeans"], names["mixture"], names["X"]
    nearest = mixture.transform(X).argmax(axis=1)
    assert 0.9 < (nearest == mixture.labels_).mean() < 1.0  # as weights count
    np.testing.assert_array_equal(kmeans.transform(X).argmin(axis=1), kmeans.labels_)


def test_noise_is_background(page):
    names = page["HDBSCAN"]
    X, mixture, density = names["X"], names["mixture"], names["density"]
    background, noise = (mixture.labels_ == -1).mean(), (density.labels_ == -1).mean()
    assert 0.0 < background < noise
    plain = VMFMixture(random_state=0).fit(X)
    assert plain.labels_.min() == 0
    np.testing.assert_array_equal(mixture.predict(X), mixture.labels_)
    few = inspection.outliers(mixture, X, share=0.05)
    assert (np.asarray(few["cluster"]) >= 0).all() and len(few["row"]) > 0


def test_labels_and_cosines_go_with_the_unit_means(page):
    names = page["faiss.Kmeans"]
    mixture, X = names["mixture"], names["X"]
    np.testing.assert_allclose(np.linalg.norm(mixture.means_, axis=1), 1.0)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    np.testing.assert_allclose(names["cosines"], (unit @ mixture.means_.T).max(axis=1), atol=1e-5)
