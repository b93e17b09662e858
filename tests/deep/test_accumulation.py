"""Gradients of several batches for one step of the optimizer."""

import math
from collections import Counter

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")
pytest.importorskip("kornia")

from lightning.pytorch import Callback  # noqa: E402

from vmfmix.deep.console import quiet_lightning  # noqa: E402
from vmfmix.deep.networks import MomentumTarget  # noqa: E402
from vmfmix.deep.online import OnlineVMFMixture  # noqa: E402
from vmfmix.deep.train import train  # noqa: E402

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.training]
torch.set_num_threads(1)
ROWS = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
N_BATCHES, N_STEPS = 5, 3  # in an epoch; the last step is of one batch
CLUSTERS = {"warm_up": 0.0, "ramp": 0.0, "n_components": 3, "top_m": 2, "updates": "online"}


class Steps(Callback):
    """Collects gradients and learning rates of the steps of the optimizer."""

    def __init__(self, fails_in=None):
        self.gradients, self.rates, self.fails_in = [], [], fails_in

    def on_train_epoch_start(self, trainer, module):
        if trainer.current_epoch == self.fails_in:
            raise KeyError("interrupted")

    def on_before_optimizer_step(self, trainer, module, optimizer):
        gradients = [each.grad for each in module.parameters() if each.grad is not None]
        self.gradients.append(torch.cat([each.flatten() for each in gradients]))
        self.rates.append(optimizer.param_groups[0]["lr"])


def trained(method, accumulate, *, out=None, callback=None, **options):
    callback = callback or Steps()
    trainer = {
        "accelerator": "cpu",
        "enable_progress_bar": False,
        "accumulate_grad_batches": accumulate,
        "callbacks": [callback],
    }
    small = {"epochs": 2, "batch_size": 10, "dim": 4, "hidden": 8, "width": 8, **options}
    with quiet_lightning():
        return train(method, ROWS, out=out, trainer=trainer, **small), callback


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("siammm", CLUSTERS),
        ("byol", {}),
        ("simclr", {}),
        ("mixem", {"n_components": 3, "pretraining": 1}),
    ],
)
def test_a_step_takes_the_mean_gradient_of_its_batches(method, options):
    """Without learning, each batch has the same gradient in every training.

    A step of fewer batches counts for these alone, as one of fewer images should: its gradient is
    divided by the same number.
    """
    _, one = trained(method, 1, learning_rate=0.0, **options)
    _, two = trained(method, 2, learning_rate=0.0, **options)
    assert len(one.gradients) == 2 * N_BATCHES and len(two.gradients) == 2 * N_STEPS
    for epoch in range(2):
        of_batches = one.gradients[epoch * N_BATCHES :][:N_BATCHES]
        of_steps = two.gradients[epoch * N_STEPS :][:N_STEPS]
        assert not torch.allclose(of_batches[0], of_batches[1], atol=1e-5)
        for step, gradient in enumerate(of_steps):
            expected = torch.stack(of_batches[2 * step :][:2]).sum(dim=0) / 2
            torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-7)


def test_schedule_and_target_follow_steps_and_the_mixture_follows_batches(monkeypatch):
    calls = Counter()
    for owner, name in ((MomentumTarget, "follow"), (OnlineVMFMixture, "update")):
        original = getattr(owner, name)

        def counting(*arguments, _original=original, _name=name, **options):
            calls[_name] += 1
            return _original(*arguments, **options)

        monkeypatch.setattr(owner, name, counting)
    options = {"epochs": 3, "optimizer": "sgd", "learning_rate": 0.1, **CLUSTERS}
    _, steps = trained("siammm", 2, **options)
    assert calls == {"follow": 3 * N_STEPS, "update": 2 * N_BATCHES}  # from the first refit on
    n_steps = 3 * N_STEPS
    cosine = [0.5 * (1.0 + math.cos(math.pi * step / n_steps)) for step in range(n_steps)]
    largest = 0.1 * 20 / 256  # 20 images per step
    np.testing.assert_allclose(steps.rates, [largest * factor for factor in cosine], rtol=1e-6)


def test_rate_of_mixem_is_that_of_the_epoch():
    """It is constant in the first epoch and falls in the two after it."""
    options = {"epochs": 3, "constant": 1, "learning_rate": 0.1, "n_components": 3}
    _, steps = trained("mixem", 2, **options)
    falling = [0.5 * (1.0 + math.cos(math.pi * step / N_STEPS / 3)) for step in range(2 * N_STEPS)]
    np.testing.assert_allclose(steps.rates, [0.1] * N_STEPS + [0.1 * each for each in falling])


def test_a_resumed_training_reaches_the_same_results(tmp_path):
    whole, _ = trained("siammm", 2, epochs=3, **CLUSTERS)
    with pytest.raises(KeyError):
        trained("siammm", 2, epochs=3, out=tmp_path, callback=Steps(fails_in=2), **CLUSTERS)
    again, steps = trained("siammm", 2, epochs=3, out=tmp_path, **CLUSTERS)
    assert len(steps.rates) == N_STEPS
    np.testing.assert_allclose(again.embeddings, whole.embeddings, atol=1e-5)
    with pytest.raises(ValueError, match=r"20 per step.* 10 per step; pass the same rows, batch_"):
        trained("siammm", 1, epochs=3, out=tmp_path, **CLUSTERS)
