"""SiamMM from scratch: learn embeddings and clusters of images together, without labels.

    python examples/siammm_from_scratch.py

trains on scikit-learn's digits (8 × 8 pixels), in less than a minute on two processor cores. In the
package, `vmfmix.deep.train.train` does the same, with checkpoints, reports and several devices.
"""

import argparse
import math

import torch
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_mutual_info_score
from torch.nn.functional import interpolate, normalize

from vmfmix.deep.losses import fused_target_loss, siamese_loss
from vmfmix.deep.networks import MomentumTarget, predictor, projector, small_convnet
from vmfmix.deep.online import OnlineVMFMixture
from vmfmix.deep.views import Views

BATCH_SIZE, DIM, MOMENTUM = 128, 32, 0.98
N_CLUSTERS_INIT = 40  # clusters merge from this number down to the estimated one
SHARE = 0.7  # λ, how far targets are drawn to the centroids of their clusters


def main(epochs, n_images):
    torch.manual_seed(0)
    torch.set_num_threads(1)  # faster than several threads, since all tensors are small
    pixels, labels = load_digits(return_X_y=True)  # labels serve only for the printed score
    images = torch.from_numpy(pixels[:n_images]).float().reshape(-1, 1, 8, 8) / 16
    images = interpolate(images, size=16, mode="bilinear")  # finer crops and convolutions
    n_images = len(images)
    n_steps = epochs * (n_images // BATCH_SIZE)
    warm_up, settled = int(0.3 * epochs), int(0.9 * epochs)
    refit_epochs = range(warm_up, epochs, max(epochs // 6, 1))

    # 1. Two random views of each image, and the networks. The online network learns by gradients;
    # the target network follows it as a moving average.
    views = Views(16, n_channels=1, least_area=0.6, flip=False, color=0.3)
    online = torch.nn.Sequential(small_convnet(n_channels=1, width=16), projector(64, 128, DIM))
    target = MomentumTarget(online)
    predict = predictor(DIM, 64)
    # 2. The clusters: a von Mises-Fisher mixture of the target embeddings, which a bank stores.
    mixture = OnlineVMFMixture(DIM)
    bank = torch.zeros(n_images, DIM)

    parameters = [*online.parameters(), *predict.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    for epoch in range(epochs):
        # 3. After a warm-up, fit the mixture to the bank a few times. Each fit estimates the number
        # of clusters; the number to keep falls to the estimate gradually, since images that a few
        # wrong clusters draw together stay together.
        if epoch in refit_epochs:
            done = min((epoch - warm_up) / (settled - warm_up), 1.0)
            mixture.fit_(
                bank,
                n_components_init=N_CLUSTERS_INIT,
                cut=lambda found, done=done: round(N_CLUSTERS_INIT ** (1 - done) * found**done),
                random_state=epoch,
            )
        loss_sum = 0.0
        for step, batch in enumerate(torch.randperm(n_images).split(BATCH_SIZE)):
            if len(batch) < BATCH_SIZE:
                continue
            # 4. Each view predicts the target of the other view, drawn to its centroids.
            pair = views(images[batch])
            p1, p2 = (normalize(predict(online(view)), dim=1) for view in pair)
            z1, z2 = (normalize(target(view), dim=1) for view in pair)
            if mixture.n_components == 0:
                loss = 0.5 * (siamese_loss(p1, z2) + siamese_loss(p2, z1))
            else:
                r1, r2 = mixture(z1), mixture(z2)  # responsibilities
                loss = 0.5 * fused_target_loss(p1, z2, r2, mixture.means, SHARE)
                loss = loss + 0.5 * fused_target_loss(p2, z1, r1, mixture.means, SHARE)
                # 5. The statistics of the mixture follow the targets, by stepwise EM.
                share_of_images = BATCH_SIZE / n_images
                mixture.update(torch.cat([z1, z2]), torch.cat([r1, r2]), share_of_images)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            bank[batch] = z1
            loss_sum += loss.item()
            # 6. The target follows the online network, with a momentum that grows to 1.
            progress = (epoch + (step + 1) * BATCH_SIZE / n_images) / epochs
            rate = (1 - MOMENTUM) * math.cos(0.5 * math.pi * progress) ** 2
            target.follow(online, 1 - rate)

        line = f"epoch {epoch + 1:2}  loss {loss_sum / (n_images // BATCH_SIZE):6.3f}"
        if mixture.n_components > 0:
            clusters = mixture(bank).argmax(dim=1)
            ami = adjusted_mutual_info_score(labels[:n_images], clusters)
            line += f"  clusters {mixture.n_components:2}  AMI {ami:.3f}"
        print(line, flush=True)
    print(f"The images form {mixture.n_components} clusters.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--n-images", type=int, default=1797)
    options = parser.parse_args()
    main(options.epochs, options.n_images)
