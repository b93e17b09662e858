"""Training in two processes: equal to one with batches of twice the size, and without deadlock."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.limits import HANG

pytest.importorskip("lightning")
pytest.importorskip("kornia")

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
import numpy as np
import torch
from lightning.pytorch import Trainer
from sklearn.datasets import load_digits
from torch import nn
from vmfmix.deep.data import Images, loader
from vmfmix.deep.method_config import CONFIGS
from vmfmix.deep.train import METHODS

torch.set_num_threads(1)
method, n_processes, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
images = Images(load_digits().images[:1280] / 16.0, load_digits().target[:1280])
options = {
    "siammm": dict(dim=16, predictor_hidden=32, warm_up=0.3, ramp=0.3, refits=1,
                   n_components_init=30),
    "mixem": dict(dim=8, pretraining=1, learning_rate=1e-3),
}[method]
method_class, config_class = METHODS[method], CONFIGS["images"][method]
config = config_class(epochs=3, batch_size=128 // n_processes, hidden=64, **options)
torch.manual_seed(0)
encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32))
views = lambda batch: [batch / 255.0, batch.flip(-1) / 255.0]
learner = method_class(encoder, views, images.images[:2], len(images), config, images.labels)
if method == "siammm":
    for part in (learner.projector, learner.predictor, learner.target.network[1]):
        for number, layer in enumerate(part):  # batch normalization differs between processes
            if isinstance(layer, nn.BatchNorm1d):
                part[number] = nn.LayerNorm(layer.num_features)
    learner.target.requires_grad_(False)
Trainer(
    max_epochs=3, devices=n_processes, accelerator="cpu", logger=False,
    strategy="ddp_find_unused_parameters_true" if n_processes > 1 else "auto",
    enable_checkpointing=False, enable_progress_bar=False, use_distributed_sampler=False,
).fit(learner, loader(images, config.batch_size, seed=0))
if learner.global_rank == 0:
    losses = [row["loss"] for row in learner.history]
    if method == "siammm":
        results = learner.mixture.counts, learner.mixture.resultants, learner.bank
    else:
        usage = [row.get("usage", 0.0) for row in learner.history]
        results = *(part.detach() for part in learner.mixture.parameters()), usage
    np.savez(path, losses, *results)
"""

WITH_PROGRESS_BAR = """
import sys
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers import CSVLogger
from torchmetrics import MeanMetric
from vmfmix.deep.train import train

torch.set_num_threads(1)

class Exchanging(Callback):
    def setup(self, trainer, module, stage):
        module.seen = MeanMetric()

    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        module.seen.update(module.global_rank)
        options = {"on_step": False, "on_epoch": True, "sync_dist": True}
        self.log("rank", module.global_rank, prog_bar=True, **options)
        module.log("largest", module.global_rank, reduce_fx="max", **options)

    def on_train_epoch_end(self, trainer, module):
        module.log("seen", module.seen, prog_bar=True, metric_attribute="seen")
        trainer.strategy.reduce(torch.tensor(1.0))

if __name__ == "__main__":
    method, kind, folder = sys.argv[1:]
    shape = {"images": (64, 1, 8, 8), "rows": (64, 16)}[kind]
    data = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    callbacks = [Exchanging(), EarlyStopping("loss", patience=99)]
    result = train(
        method, data, out=folder + "/run", epochs=3, batch_size=16, dim=8, hidden=16,
        trainer={"devices": 2, "accelerator": "cpu", "callbacks": callbacks,
                 "logger": CSVLogger(folder)},
    )
    if result.method.global_rank == 0:
        print(len(result.history), "epochs")
"""


ON_ONE_PROCESS = """
import sys
import torch
from lightning.pytorch import Callback
from vmfmix.deep.siammm import SiamMM
from vmfmix.deep.train import train

torch.set_num_threads(1)
event, process, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]

class OnOneProcess(Callback):
    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        if (trainer.current_epoch, index, module.global_rank) == (1, 1, process):
            if event == "stop in epoch":
                trainer.should_stop = True
            if event == "error":
                raise ValueError("an error of a callback")
            if event == "nan":
                with torch.no_grad():
                    next(module.encoder.parameters()).fill_(float("nan"))

    def on_train_epoch_end(self, trainer, module):
        if event == "stop" and (trainer.current_epoch, module.global_rank) == (1, process):
            trainer.should_stop = True

def failing_refit(self):
    raise ValueError("the refit failed")

if event == "refit":
    SiamMM._refit = failing_refit

if __name__ == "__main__":
    rows = torch.randn(120, 8, generator=torch.Generator().manual_seed(0))
    result = train(
        "siammm", rows, out=folder + "/run", epochs=3, batch_size=20, dim=4, width=16,
        trainer={"devices": 2, "accelerator": "cpu", "callbacks": [OnOneProcess()]},
    )
    print(len(result.history), "epochs")
"""


def run_script(script, folder, *arguments):
    path = folder / "script.py"
    path.write_text(script, encoding="utf-8")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, "-W", "ignore", str(path), *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=HANG,
    )


@pytest.mark.slow
@pytest.mark.training
@pytest.mark.parametrize("event", ["stop", "stop in epoch"])
def test_two_processes_stop_together_if_a_callback_stops_one_of_them(event, tmp_path):
    done = run_script(ON_ONE_PROCESS, tmp_path, event, "1", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("2 epochs") == 2


@pytest.mark.slow
@pytest.mark.training
@pytest.mark.parametrize(
    ("event", "process", "message"),
    [
        ("error", "1", "an error of a callback"),
        ("nan", "1", "The loss of epoch 1 is nan"),
        ("refit", "0", "the refit failed"),
    ],
)
def test_two_processes_end_after_an_error_in_one_of_them(event, process, message, tmp_path):
    done = run_script(ON_ONE_PROCESS, tmp_path, event, process, str(tmp_path))
    assert done.returncode != 0
    assert message in done.stderr


@pytest.mark.slow
@pytest.mark.training
@pytest.mark.parametrize(("method", "kind"), [("siammm", "rows"), ("mixem", "images")])
def test_two_processes_end_with_a_progress_bar_a_logger_and_callbacks(method, kind, tmp_path):
    done = run_script(WITH_PROGRESS_BAR, tmp_path, method, kind, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "3 epochs" in done.stdout
    with open(next(tmp_path.rglob("version_0/metrics.csv")), encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["rank"]]
    assert [(float(row["rank"]), float(row["largest"])) for row in rows] == [(0.5, 1.0)] * 3


@pytest.mark.slow
@pytest.mark.training
@pytest.mark.parametrize("method", ["siammm", "mixem"])
def test_two_processes_equal_one_with_double_batches(method, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    commands = {1: [sys.executable], 2: [sys.executable, "-m", "torch.distributed.run"]}
    commands[2] += ["--nproc-per-node=2", "--standalone"]
    results = {}
    for n_processes, command in commands.items():
        path = tmp_path / f"{n_processes}.npz"
        done = subprocess.run(
            [*command, str(script), method, str(n_processes), str(path)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
            capture_output=True,
            text=True,
            timeout=HANG,
        )
        assert done.returncode == 0, done.stderr
        results[n_processes] = np.load(path).values()
    for one, two in zip(*results.values(), strict=True):
        assert one.shape == two.shape
        # Sums of float32 numbers in another order; some results are far larger than 1.
        np.testing.assert_allclose(two, one, rtol=1e-5, atol=1e-5)
