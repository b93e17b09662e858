"""A new engine: float64 rows in memory, in plain NumPy.

python examples/extending/engine.py
"""

import numpy as np
from scipy.special import logsumexp

from vmfmix.datasets import make_vmf_mixture
from vmfmix.distribution import log_normalizer
from vmfmix.engines.base import Assignment, Engine
from vmfmix.engines.choice import choose_engine
from vmfmix.fitting.seeding import seed_means
from vmfmix.fitting.start import initial_parameters
from vmfmix.model import em
from vmfmix.model.statistics import SufficientStatistics


# start of the engine
class NumPyEngine(Engine):
    """Rows of a float64 array, none of them zero, all of weight 1.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    """

    def __init__(self, X):
        self._rows = X / np.linalg.norm(X, axis=1, keepdims=True)
        self.n_rows, self.n_features = X.shape
        self.dtype = np.dtype(np.float64)
        self.n_zero_rows, self.n_used_rows = 0, self.n_rows

    @property
    def used_rows(self):
        """Positions of all rows."""
        return np.arange(self.n_rows)

    def _relative_log_joint(self, parameters):
        return self._rows @ parameters.natural.T + parameters.offsets

    def accumulate(self, parameters, *, hard=False):
        """Return the sufficient statistics of all rows."""
        joint = self._relative_log_joint(parameters)
        if hard:
            responsibilities = np.eye(joint.shape[1])[joint.argmax(axis=1)]
            log_densities = joint.max(axis=1)
        else:
            log_densities = logsumexp(joint, axis=1)
            responsibilities = np.exp(joint - log_densities[:, np.newaxis])
        uniform = log_normalizer(0.0, self.n_features)
        return SufficientStatistics(
            counts=responsibilities.sum(axis=0),
            resultants=responsibilities.T @ self._rows,
            log_likelihood=float(log_densities.sum() + self.n_rows * uniform),
            weight=float(self.n_rows),
        )

    def assign(self, parameters):
        """Return the most probable component of each row."""
        joint = self._relative_log_joint(parameters)
        log_densities = logsumexp(joint, axis=1)
        probabilities = np.exp(joint.max(axis=1) - log_densities)
        log_densities += log_normalizer(0.0, self.n_features)
        return Assignment(joint.argmax(axis=1).astype(np.int32), probabilities, log_densities)

    def log_joint(self, parameters):
        """Yield the log joints of all rows as one block."""
        yield slice(0, self.n_rows), self._relative_log_joint(parameters)

    def cosines(self, directions):
        """Yield the cosines of all rows as one block."""
        yield slice(0, self.n_rows), self._rows @ directions.T

    def take(self, positions):
        """Return some unit rows and their weights."""
        return self._rows[positions], np.ones(len(positions))


# end of the engine


def main():
    """Fit the same mixture with the new engine and with the one of the package."""
    X, _ = make_vmf_mixture(2000, 32, 8, concentration=60.0, random_state=0)
    stage = em.final("tied", hard=False, max_iter=100, tol=1e-6)
    labels = []
    for engine in (NumPyEngine(X), choose_engine(X)):
        means = seed_means(engine, 8, "k-means++", np.random.RandomState(0))
        result = em.fit(engine, initial_parameters(engine, means), stage)
        labels.append(engine.assign(result.parameters).labels)
    print(f"rows with the same label in both engines: {(labels[0] == labels[1]).mean():.1%}")


if __name__ == "__main__":
    main()
