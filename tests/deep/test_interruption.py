"""Trainings that are killed at random moments and resume to the same results."""

import csv
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from tests.limits import HANG

for needed in ("torch", "lightning", "kornia"):
    pytest.importorskip(needed)

ROOT = Path(__file__).parents[2]
# The first process imports everything, and its children train and are killed.
KILLED = """
    import logging, os, random, signal, sys, time, warnings
    from pathlib import Path
    import torch
    from sklearn.datasets import load_digits
    from vmfmix.deep.data import Images
    from vmfmix.deep.train import train
    from vmfmix.deep.networks import small_convnet
    from vmfmix.deep.views import Views

    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    out, n_kills, method = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    config = {
        "siammm": dict(dim=16, hidden=64, predictor_hidden=32, n_components_init=20, refits=3),
        "mixem": dict(dim=8, hidden=32, n_components=6, pretraining=4),
    }[method]

    def train_in_child():
        try:
            torch.manual_seed(0)
            X, y = load_digits(return_X_y=True)
            train(
                method, Images(X[:600].reshape(-1, 8, 8) / 16.0), encoder=small_convnet(1, 8),
                views=Views(8, 1, flip=False, least_area=0.5), out=out, epochs=12, batch_size=100,
                trainer={"accelerator": "cpu", "enable_progress_bar": False}, **config,
            )
            os._exit(0)
        finally:
            os._exit(1)

    def last_written():
        path = out / "last.ckpt"
        return path.stat().st_mtime_ns if path.exists() else 0

    draw, kills, started = random.Random(0), 0, time.monotonic()
    while kills < n_kills and time.monotonic() - started < 900:
        child = os.fork()
        if child == 0:
            train_in_child()
        if kills % 2:  # soon after a checkpoint was written
            before = last_written()
            while last_written() == before and os.waitpid(child, os.WNOHANG)[0] == 0:
                time.sleep(0.001)
            time.sleep(draw.uniform(0.0, 0.2))
        else:
            time.sleep(draw.uniform(0.0, 1.5))
        try:
            os.kill(child, signal.SIGKILL)
            kills += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        except (ChildProcessError, ProcessLookupError):
            break  # it had already ended
    child = os.fork()
    if child == 0:
        train_in_child()
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def metrics_and_embeddings_of(folder, method, n_kills):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), folder, str(n_kills), method],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "NUMBA_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
        },
        capture_output=True,
        text=True,
        timeout=HANG,
    )
    assert done.returncode == 0, done.stderr
    with open(folder / "metrics.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if not name.endswith("seconds")]
    numbers = [[float(row[name] or "nan") for name in names] for row in rows]
    return np.array(numbers), np.load(folder / "embeddings.npy")


@pytest.mark.slow
@pytest.mark.training
@pytest.mark.kill
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.parametrize(("method", "n_kills"), [("siammm", 8), ("mixem", 3)])
def test_a_killed_training_comes_to_the_same_metrics(tmp_path, method, n_kills):
    expected, expected_embeddings = metrics_and_embeddings_of(tmp_path / "whole", method, 0)
    metrics, embeddings = metrics_and_embeddings_of(tmp_path / "killed", method, n_kills)
    assert len(expected) == 12
    np.testing.assert_allclose(metrics, expected, atol=1e-6, rtol=1e-6)
    np.testing.assert_allclose(embeddings, expected_embeddings, atol=1e-5)
