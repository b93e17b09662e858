"""A new objective of SiamMM: the predictions are drawn to centroids alone, without the target.

python examples/extending/objective.py
"""

from sklearn.datasets import load_digits
from torch import lerp

from vmfmix.deep import losses
from vmfmix.deep.data import Images
from vmfmix.deep.objectives import OBJECTIVES, Objective
from vmfmix.deep.train import train


# start of the objective
def soft_assignment(predicted, target, responsibilities, mixture, share):
    """Draw predictions to the centroids of the clusters that their targets belong to."""
    to_centroids = losses.soft_assignment_loss(predicted, responsibilities, mixture.means)
    return lerp(losses.siamese_loss(predicted, target), to_centroids, share)


OBJECTIVES["soft-assignment"] = Objective(soft_assignment, "centroids alone")
# end of the objective


def main():
    """Train for a few epochs with the new objective."""
    images = Images(load_digits().images[:512] / 16.0)
    result = train("siammm", images, objective="soft-assignment", epochs=4, batch_size=128)
    print(f"{result.model.n_components_} clusters after {len(result.history)} epochs")


if __name__ == "__main__":
    main()
