"""The choice of the number of components on a merge path."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score

from vmfmix import VMFMixture, distribution
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.seeding import seed_means
from vmfmix.merging.path import merge_path
from vmfmix.merging.selection import (
    RULES,
    MergePaths,
    select_n_components,
    silhouette,
)
from vmfmix.model.statistics import ConcentrationPrior, maximize


def paths_of(rows, n_components_init=40, seeds=(0,), weights=None):
    weights = np.ones(len(rows)) if weights is None else weights
    engine = choose_engine(rows, sample_weight=weights)
    partitions = [
        merge_path(
            engine,
            rows,
            seed_means(engine, n_components_init, "k-means++", np.random.RandomState(seed)),
            rng=np.random.RandomState(seed),
        )
        for seed in seeds
    ]
    return MergePaths(partitions, rows, weights, engine, np.random.RandomState(0))


@pytest.fixture(scope="module")
def planted():
    return make_vmf_mixture(1200, 24, 6, concentration=80.0, random_state=0)


@pytest.fixture(scope="module")
def paths(planted):
    return paths_of(planted[0], seeds=(0, 1, 2))


@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule_finds_well_separated_clusters(paths, rule):
    chosen = select_n_components(paths, rule)
    found, scores = chosen.n_components, chosen.scores
    # Paths that agree on the clusters may also agree on a part of one.
    assert found == 6 or (rule == "stability" and found == 7)
    assert scores[found] == max(scores.values())
    assert list(scores) == sorted(scores, reverse=True)


@pytest.mark.slow
@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize("kappa", [0.0, 20.0], ids=["uniform", "single"])
def test_every_rule_finds_a_single_cluster(rule, kappa):
    rows = distribution.sample(np.eye(1, 16)[0], kappa, 1000, rng=np.random.default_rng(0))
    assert select_n_components(paths_of(rows, seeds=(0, 1)), rule).n_components == 1


def test_selection_accepts_a_function_of_rows_and_labels(paths):
    numbers = []

    def score(rows, labels):
        numbers.append(len(set(labels)))
        return calinski_harabasz_score(rows, labels)

    chosen = select_n_components(paths, score)
    found, scores = chosen.n_components, chosen.scores
    assert found == 6
    assert numbers == [n for n in scores if n > 1]
    assert 1 not in scores


def test_only_stability_compares_several_paths():
    n_paths = {name: rule.n_paths for name, rule in RULES.items() if rule.n_paths != 1}
    assert n_paths == {"stability": 3}


@pytest.mark.parametrize("weighted", [False, True])
def test_silhouette_leaves_each_row_out_of_its_own_mean(planted, weighted):
    rows = planted[0]
    weights = np.random.RandomState(0).uniform(0.1, 3.0, len(rows)) if weighted else np.ones(1200)
    paths = paths_of(rows, weights=weights)
    partition = next(p for p in paths.partitions if p.n_components == 20)
    members = [partition.labels == k for k in range(20)]
    sums = np.array([weights[own] @ rows[own] for own in members])
    means = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    values = []
    for row, weight, own in zip(rows, weights, partition.labels):
        others = sums[own] - weight * row
        if members[own].sum() < 2:
            values.append(0.0)
            continue
        a = 1 - row @ others / np.linalg.norm(others)
        b = 1 - np.delete(means, own, axis=0).dot(row).max()
        values.append((b - a) / max(a, b))
    expected = pytest.approx(np.average(values, weights=weights), abs=1e-9)
    assert silhouette(paths.engine, weights, partition) == expected
    blocks = choose_engine(rows, sample_weight=weights, block_size=7)
    assert silhouette(blocks, weights, partition) == expected


@pytest.mark.parametrize("concentrations", [80.0, [40.0, 60.0, 80.0, 120.0, 200.0, 400.0]])
def test_icl_is_that_of_the_better_model(concentrations):
    """One model has a shared concentration, the other one for each component."""
    rows, _ = make_vmf_mixture(1200, 24, 6, concentration=concentrations, random_state=0)
    paths = paths_of(rows)
    scores = RULES["icl"].score(paths)
    assert sorted(scores) == list(range(1, 41))
    partition = next(p for p in paths.partitions if p.n_components == 6)
    prior = ConcentrationPrior.pooled(partition.statistics)
    expected = []
    for concentration, n_parameters in (("tied", 6 * 24), ("free", 6 * 24 + 5)):
        found = maximize(partition.statistics, concentration=concentration, prior=prior)
        # The clusters are so far apart that no row changes its component.
        log_likelihood = paths.engine.accumulate(found, hard=True).log_likelihood
        log_likelihood -= 1200 * distribution.log_normalizer(0.0, 24)
        expected.append((log_likelihood - 0.5 * n_parameters * np.log(1200)) / 1200)
    assert np.argmax(expected) == np.ndim(concentrations)
    assert scores[6] == pytest.approx(max(expected), rel=1e-9)


def test_nan_scores_never_win(planted, paths):
    def score(rows, labels):
        return np.nan if labels.max() > 20 else -labels.max()

    assert select_n_components(paths, score).n_components == 2
    with pytest.raises(ValueError, match="returned NaN for every number of components"):
        select_n_components(paths, lambda rows, labels: np.nan)


def clusters(kind, imbalance, seed, n_rows=3000, dim=64, number=12):
    """Draw rows from a known number of clusters."""
    rng = np.random.default_rng(seed)

    def directions(n):
        means = rng.standard_normal((n, dim))
        return means / np.linalg.norm(means, axis=1, keepdims=True)

    sizes = np.geomspace(1, imbalance, number)
    sizes = np.round(sizes / sizes.sum() * n_rows).astype(int)
    means, kappa = directions(number), float(distribution.concentration(0.6, dim))
    if kind == "hierarchical":
        parents = directions(3)
        means = parents[np.arange(number) % 3] + 0.5 * means
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        kappa = float(distribution.concentration(0.85, dim))
    parts = []
    for mean, size in zip(means, sizes):
        if kind == "anisotropic":
            few = np.linalg.qr(rng.standard_normal((dim, 8)))[0]
            part = mean + 0.25 * rng.standard_normal((size, 8)) @ few.T
            part += 0.03 * rng.standard_normal((size, dim))
        else:
            part = distribution.sample(mean, kappa, int(size), rng=rng)
        parts.append(part)
    return np.concatenate(parts), np.repeat(np.arange(number), sizes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dim", "concentrations"),
    [(8, [5, 200]), (16, [10, 1000]), (16, [30, 60, 120, 240]), (32, [30, 3000])],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_wide_cluster_is_not_split_beside_a_tight_one(dim, concentrations, seed):
    X, y = make_vmf_mixture(
        600, dim, len(concentrations), concentration=concentrations, random_state=seed
    )
    model = VMFMixture(random_state=0).fit(X)
    assert model.n_components_ == len(concentrations)
    assert adjusted_rand_score(y, model.labels_) > 0.95


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "hierarchical", "anisotropic"])
@pytest.mark.parametrize("imbalance", [1, 20])
def test_auto_counts_planted_clusters(kind, imbalance):
    X, y = clusters(kind, imbalance, seed=3)
    model = VMFMixture(random_state=0).fit(X)
    assert abs(model.n_components_ - 12) <= 1
    assert adjusted_rand_score(y, model.labels_) > 0.97


@pytest.mark.slow
def test_number_does_not_depend_on_n_components_init():
    X, _ = clusters("plain", 4, seed=1)
    found = {
        VMFMixture(n_components_init=n, random_state=n).fit(X).n_components_
        for n in (24, 48, 96, 192)
    }
    assert found == {12}
