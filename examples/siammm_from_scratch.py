"""SiamMM top to bottom: learn embeddings and clusters of images together, without labels.

    python examples/siammm_from_scratch.py

trains on scikit-learn's digits (8 × 8 pixels) in half a minute on two processor cores. The package
does the same with `vmfmix.deep.train.train`, which adds checkpoints, reports and several devices.
"""

import argparse
import math

import torch
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_mutual_info_score
from torch.nn import functional

from vmfmix.deep.losses import fused_target_loss
from vmfmix.deep.networks import MomentumTarget, predictor, projector, small_convnet
from vmfmix.deep.online import OnlineVMFMixture
from vmfmix.deep.views import Views


def unit(rows):
    return functional.normalize(rows, dim=1)


def train(images, labels, epochs=40, batch_size=128, n_clusters_init=50, share=0.7, seed=0):
    torch.manual_seed(seed)
    n_images = len(images)
    warm_up, settled = int(0.3 * epochs), int(0.9 * epochs)  # epochs
    refits = set(range(warm_up, epochs, max(epochs // 10, 1)))
    n_steps = epochs * (n_images // batch_size)

    # Two random views of each image; digits must not be mirrored.
    views = Views(8, n_channels=1, least_area=0.5, flip=False)
    # The online network learns by gradients; the target network is a moving average of it.
    online = torch.nn.Sequential(small_convnet(n_channels=1), projector(128, 256, 64))
    target = MomentumTarget(online)
    predict = predictor(64, 128)
    # Clusters are a von Mises-Fisher mixture of the target embeddings, which a bank stores.
    mixture = OnlineVMFMixture(64)
    bank = torch.zeros(n_images, 64)

    parameters = [*online.parameters(), *predict.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    step = 0

    for epoch in range(epochs):
        # Refit the mixture a few times. A fit estimates the number of clusters, but many wrong
        # clusters do less harm than a few, so the number falls to the estimate only gradually.
        done = min((epoch - warm_up) / max(settled - warm_up, 1), 1.0)
        if epoch in refits:
            mixture.fit_(
                unit(bank),
                n_components_init=n_clusters_init,
                cut=lambda estimate, done=done: round(
                    n_clusters_init ** (1 - done) * estimate**done
                ),
                random_state=seed + epoch,
            )
        # λ, the weight of the clusters: 0 during the warm-up, then a ramp.
        weight = share * min(max(epoch + 1 - warm_up, 0) / max(0.1 * epochs, 1), 1.0)
        total = 0.0
        for batch in torch.randperm(n_images)[: n_images // batch_size * batch_size].split(
            batch_size
        ):
            pair = views(images[batch])
            predicted = [unit(predict(online(view))) for view in pair]
            targets = [unit(target(view)) for view in pair]
            bank[batch] = targets[0]

            # Each view predicts the target of the other, drawn to the centroids of its clusters.
            if mixture.n_components > 0:
                responsibilities = [mixture(z) for z in targets]
                means = mixture.means
            else:
                responsibilities, means, weight = [None, None], None, 0.0
            loss = 0.5 * sum(
                fused_target_loss(predicted[a], targets[b], responsibilities[b], means, weight)
                for a, b in ((0, 1), (1, 0))
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            step += 1
            total += loss.item() / (n_images // batch_size)

            # The target follows the online network; its momentum grows from 0.99 to 1.
            target.follow(online, 1 - 0.01 * math.cos(0.5 * math.pi * step / n_steps) ** 2)
            # The statistics of the mixture follow the targets (stepwise EM).
            if mixture.n_components > 0:
                mixture.update(
                    torch.cat(targets), torch.cat(responsibilities), batch_size / n_images
                )

        clusters = mixture(unit(bank)).argmax(dim=1) if mixture.n_components > 0 else None
        line = f"epoch {epoch + 1:3}  loss {total:6.3f}"
        if clusters is not None:
            ami = adjusted_mutual_info_score(labels, clusters)  # labels serve only for this score
            line += f"  {mixture.n_components:3} clusters  AMI {ami:.3f}"
        print(line)
    return mixture.n_components


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--n-images", type=int, default=1797)
    options = parser.parse_args()
    X, y = load_digits(return_X_y=True)
    images = torch.from_numpy(X[: options.n_images]).float().reshape(-1, 1, 8, 8) / 16
    n_found = train(images, y[: options.n_images], options.epochs)
    print(f"Found {n_found} clusters; the digits have 10 classes.")
