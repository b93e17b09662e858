"""The random walk with restart on the graph of neighbors."""

import numpy as np
import pytest

from vmfmix.datasets import make_vmf_mixture
from vmfmix.neighbors import neighbor_graph
from vmfmix.neighbors.diffusion import diffusion, restart_gains


def walk(graph):
    """Return the matrix P of the probabilities of a step."""
    steps = graph.toarray().astype(np.float64)
    return steps / steps.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def planted():
    rows = make_vmf_mixture(400, 30, 4, concentration=40.0, random_state=0)[0]
    return rows.astype(np.float32), neighbor_graph(rows, weights="local")


def test_leading_patterns_are_eigenvectors_of_the_walk(planted):
    rows, graph = planted
    result = diffusion(graph, rows)
    patterns, eigenvalues = result.patterns.astype(np.float64), result.eigenvalues
    exact = np.sort(np.linalg.eigvals(walk(graph)).real)[::-1]
    np.testing.assert_allclose(eigenvalues[:3], exact[1:4], atol=1e-3)  # exact[0] is 1
    step = walk(graph) @ patterns[:, :3]
    np.testing.assert_allclose(step, eigenvalues[:3] * patterns[:, :3], atol=0.1)


def test_patterns_are_orthonormal_where_a_row_counts_by_its_edges(planted):
    result = diffusion(planted[1], planted[0])
    patterns = result.patterns.astype(np.float64)
    np.testing.assert_allclose(result.shares @ patterns, 0, atol=1e-4)
    products = (patterns.T * result.shares) @ patterns
    np.testing.assert_allclose(products, np.eye(len(products)), atol=1e-3)


@pytest.mark.parametrize("restart", [0.02, 0.3, 1.0])
def test_gains_give_the_fixed_point(planted, restart):
    rows, graph = planted
    result = diffusion(graph, rows)
    patterns = result.patterns[:, :3].astype(np.float64)
    smoothed = patterns * restart_gains(result.eigenvalues[:3], restart)
    again = restart * patterns + (1 - restart) * walk(graph) @ smoothed
    np.testing.assert_allclose(smoothed, again, atol=0.1)


def test_patterns_that_a_step_leaves_less_than_half_of_are_left_out(planted):
    eigenvalues = diffusion(planted[1], planted[0]).eigenvalues
    assert (eigenvalues > 0.5).all() and (np.diff(eigenvalues) <= 0).all()
    graph = neighbor_graph(np.eye(6), 5)  # two patterns are kept if there are no others
    assert len(diffusion(graph, np.eye(6, dtype=np.float32)).eigenvalues) == 2


def test_a_single_pattern_is_completed_by_zeros():
    pair = np.eye(2, dtype=np.float32)
    result = diffusion(neighbor_graph(pair, 1), pair)
    assert result.patterns.shape == (2, 2) and result.eigenvalues.shape == (2,)
    np.testing.assert_array_equal(result.patterns[:, 1], 0.0)


def test_groups_without_edges_between_them_have_patterns_with_eigenvalue_1():
    rows = np.repeat(np.eye(3), 40, axis=0)
    rows = rows + 0.01 * np.random.RandomState(0).standard_normal(rows.shape)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    result = diffusion(neighbor_graph(rows, 5), rows.astype(np.float32))
    np.testing.assert_allclose(result.eigenvalues[:2], 1.0, atol=1e-5)
    groups = result.patterns[:, :2].reshape(3, 40, 2)
    np.testing.assert_allclose(groups, np.broadcast_to(groups[:, :1], groups.shape), atol=0.05)
