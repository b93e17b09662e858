"""The end of a fit: empty components, and warnings about doubtful results."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.outcome import drop_empty_components, warn_about_result
from vmfmix.merging.levels import Level
from vmfmix.merging.selection import Selection
from vmfmix.model.statistics import MixtureParameters


def parameters_of(n_components, n_features, *, has_background=False):
    weights = np.full(n_components, 1.0 / n_components)
    concentrations = np.full(n_components, 50.0)
    if has_background:
        concentrations[-1] = 0.0
    means = np.eye(n_components, n_features)
    return MixtureParameters(weights, means, concentrations, has_background)


def test_drop_empty_components_drops_those_without_rows():
    engine = choose_engine(np.repeat(np.eye(4)[[0, 2]], [3, 5], axis=0))
    parameters, assignment, counts = drop_empty_components(engine, parameters_of(4, 4))
    np.testing.assert_array_equal(parameters.means, np.eye(4)[[0, 2]])
    assert parameters.weights.sum() == pytest.approx(1)
    np.testing.assert_array_equal(assignment.labels, np.repeat([0, 1], [3, 5]))
    np.testing.assert_array_equal(counts, [3, 5])


def test_drop_empty_components_keeps_an_empty_background():
    engine = choose_engine(np.repeat(np.eye(2, 4), 3, axis=0))
    mixture = parameters_of(4, 4, has_background=True)
    parameters, _, counts = drop_empty_components(engine, mixture)
    assert parameters.has_background
    np.testing.assert_array_equal(parameters.concentrations, [50.0, 50.0, 0.0])
    np.testing.assert_array_equal(counts, [3, 3])


def test_drop_empty_components_keeps_parameters_if_all_own_rows():
    engine, mixture = choose_engine(np.eye(3)), parameters_of(3, 3)
    parameters, _, counts = drop_empty_components(engine, mixture)
    assert parameters is mixture
    np.testing.assert_array_equal(counts, [1, 1, 1])


def warn(
    counts,
    *,
    n_components="auto",
    n_chosen=None,
    n_components_init=50,
    n_distinct=1000,
    converged=True,
    stopped=False,
    max_iter=100,
    n_by_modularity=None,
    resolution=1.0,
    min_cluster_size=1,
):
    """Warn about a fit that found clusters of these sizes."""
    counts = np.array(counts, dtype=int)
    partitions = [
        SimpleNamespace(n_components=n_components_init),
        SimpleNamespace(row_labels=np.zeros(n_distinct, dtype=int)),
    ]
    n_chosen = len(counts) if n_chosen is None else n_chosen
    selected = Selection(
        n_chosen, {}, [Level(n_chosen, 0.5), Level(70, 0.2)], n_by_modularity or n_chosen
    )
    start = SimpleNamespace(
        merged=SimpleNamespace(partitions=partitions, selection=selected, n_components=n_chosen),
        n_components=n_chosen,
    )
    result = SimpleNamespace(converged=converged, stopped=stopped)
    estimator = SimpleNamespace(
        n_components=n_components,
        selection="auto",
        resolution=resolution,
        max_iter=max_iter,
        min_cluster_size=min_cluster_size,
        max_cluster_share=1.0,
    )
    warn_about_result(estimator, SimpleNamespace(start=start, result=result), counts)


@pytest.mark.parametrize(
    ("counts", "options", "message"),
    [
        ([1000], {}, "No clusters were found"),
        ([5], {"n_components_init": 2, "n_distinct": 5}, "X has only 5 distinct rows"),
        ([50] * 15, {"n_components_init": 20, "n_distinct": 100}, r"\(15\) .* \(20\).*init=50\."),
        ([50] * 15, {"n_components_init": 20}, r"n_components_init=80\."),
        ([90] * 10, {"n_by_modularity": 26}, "10 was chosen, .* favors 26. .* are 10, 70;"),
        ([90] * 10, {"n_by_modularity": 3}, "10 was chosen, and modularity favors 3"),
        ([3] * 10 + [900], {}, "Most of the 11 clusters have fewer than 4 rows"),
    ],
)
def test_doubtful_numbers_of_clusters_cause_a_user_warning(counts, options, message):
    with pytest.warns(UserWarning, match=message) as record:
        warn(counts, **options)
    assert len(record) == 1
    assert record[0].category is UserWarning


@pytest.mark.parametrize(
    ("counts", "options", "message"),
    [
        ([], {}, "All rows belong to the background"),
        ([90, 10], {"n_chosen": 3}, r"found \(2\) is smaller than the 3"),
        ([90, 10], {"n_components": 5}, r"found \(2\) is smaller than the 5"),
        ([50, 50], {"converged": False}, "did not converge within max_iter=100"),
    ],
)
def test_lost_components_and_lack_of_convergence_cause_a_convergence_warning(
    counts, options, message
):
    with pytest.warns(ConvergenceWarning, match=message) as record:
        warn(counts, **options)
    assert len(record) == 1


@pytest.mark.parametrize(
    ("counts", "options"),
    [
        ([50] * 5, {}),
        ([50] * 34, {}),  # below seven tenths of the 50 at the start
        ([2] * 5, {"n_components": 5}),  # known number of components
        ([90, 10], {"n_components": 5, "min_cluster_size": 9}),  # others were merged
        ([4], {"n_components_init": 1, "n_distinct": 1}),  # merging started from one
        ([50, 50], {"converged": False, "stopped": True}),  # a callback stopped the fit
        ([50, 50], {"converged": False, "max_iter": 1}),
    ],
)
def test_ordinary_results_cause_no_warning(counts, options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn(counts, **options)
