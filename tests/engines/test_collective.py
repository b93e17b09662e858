"""Several processes with a part of the rows each, and errors in one of them."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from tests.limits import HANG
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture

pytestmark = pytest.mark.slow

pytest.importorskip("torch.distributed")
ROOT = Path(__file__).parents[2]
START = """
import datetime, os, sys
import numpy as np
import torch.distributed as dist
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.engines.collective import Shard

rank, folder = int(sys.argv[1]), sys.argv[2]
dist.init_process_group(
    "gloo",
    store=dist.FileStore(folder + "/store", 2),
    rank=rank,
    world_size=2,
    timeout=datetime.timedelta(seconds=600),
)
X, _ = make_vmf_mixture(3000, 16, 5, concentration=30.0, dtype=np.float32, random_state=0)
mine = X[:1100] if rank == 0 else X[1100:]
"""


def run_in_two_processes(code, folder):
    """Run code in two processes; return their exit codes and what they printed."""
    script = folder / "script.py"
    end = "\ndist.destroy_process_group()\n"
    script.write_text(START + textwrap.dedent(code) + end, encoding="utf-8")
    both = [
        subprocess.Popen(
            [sys.executable, str(script), str(rank), str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
        )
        for rank in range(2)
    ]
    try:
        printed = [process.communicate(timeout=HANG)[0] for process in both]
    finally:
        for process in both:
            process.kill()
    return [process.returncode for process in both], printed


@pytest.mark.parametrize(
    "options",
    [
        "random_state=0",
        "n_components=5, merge=None, random_state=1",
        "center=True, random_state=0",
        "n_components=9, min_cluster_size=300, random_state=0",
        "n_components=3, max_cluster_share=0.25, random_state=0",
    ],
)
def test_two_processes_find_what_one_finds(tmp_path, options):
    code = f"""
    weight = np.arange(len(X)) % 3.0 / 2
    weight = weight[:1100] if rank == 0 else weight[1100:]
    model = VMFMixture({options}).fit(Shard(mine), sample_weight=weight)
    parts = model.labels_, model.means_, model.predict(mine)
    np.savez(f"{{folder}}/{{rank}}.npz", *parts)
    """
    codes, printed = run_in_two_processes(code, tmp_path)
    assert codes == [0, 0], printed
    X, _ = make_vmf_mixture(3000, 16, 5, concentration=30.0, dtype=np.float32, random_state=0)
    model = VMFMixture(**eval(f"dict({options})")).fit(X, sample_weight=np.arange(3000) % 3.0 / 2)
    first, second = (np.load(tmp_path / f"{rank}.npz") for rank in range(2))
    np.testing.assert_array_equal(np.concatenate([first["arr_0"], second["arr_0"]]), model.labels_)
    np.testing.assert_array_equal(np.concatenate([first["arr_2"], second["arr_2"]]), model.labels_)
    np.testing.assert_array_equal(first["arr_1"], second["arr_1"])
    np.testing.assert_allclose(first["arr_1"], model.means_, atol=1e-6)


def test_processes_agree_without_a_random_state(tmp_path):
    code = """
    model = VMFMixture(3, merge=None, max_iter=2).fit(Shard(mine))
    np.save(f"{folder}/{rank}.npy", model.means_)
    """
    codes, printed = run_in_two_processes(code, tmp_path)
    assert codes == [0, 0], printed
    np.testing.assert_array_equal(*(np.load(tmp_path / f"{rank}.npy") for rank in range(2)))


def test_process_whose_rows_have_no_direction(tmp_path):
    code = """
    rows = X if rank == 0 else np.vstack([X[:1], np.zeros((5, 16), np.float32)])
    model = VMFMixture(3, random_state=0).fit(Shard(rows * (1 - rank)))
    np.save(f"{folder}/{rank}.npy", model.means_)
    assert len(model.labels_) == len(rows) and model.n_samples_seen_ == 3006
    """
    codes, printed = run_in_two_processes(code, tmp_path)
    assert codes == [0, 0], printed


def test_stopping_one_process_stops_all(tmp_path):
    code = """
    from vmfmix.model import em
    from vmfmix.engines.choice import choose_engine
    from vmfmix.fitting.start import initial_parameters
    shard = Shard(mine).validated(lambda rows: rows)
    engine = choose_engine(shard)
    start = initial_parameters(engine, X[:3].astype(float))
    result = em.fit(
        engine, start, em.Stage("tied", False, 100), on_iteration=lambda i, *_: rank == 0 and i == 4
    )
    assert result.stopped and len(result.lower_bounds) == 5
    """
    codes, printed = run_in_two_processes(code, tmp_path)
    assert codes == [0, 0], printed


FAILURES = {
    "NaN in one": ("mine[5, 5] = np.nan if rank else 1", ["Process 1 of the group", "NaN"]),
    "other widths": (
        "mine = mine[:, : 10 + rank]",
        ["numbers of features: 10, 11", "numbers of features: 10, 11"],
    ),
    "weights in one alone": (
        "weight = None if rank else weight",
        ["different sample_weight: given, none"] * 2,
    ),
    "sparse rows in one": (
        "import scipy.sparse as sp; mine = sp.csr_array(mine) if rank else mine",
        ["different kinds of rows: dense, sparse"] * 2,
    ),
    "bad weights in one": (
        "weight[:] = -1.0 if rank else 1.0",
        ["Process 1 of the group failed: Negative", "Negative"],
    ),
    "a source that fails later": (
        """
reads = [0]
def mine():
    reads[0] += 1
    if rank and reads[0] > 3:
        raise OSError("the disk is gone")
    return iter([X])
weight = np.ones(3000)
""",
        ["Process 1 of the group failed: the disk is gone", "the disk is gone"],
    ),
    "a process that dies": (
        """
reads = [0]
def mine():
    reads[0] += 1
    if rank and reads[0] > 3:
        os._exit(3)
    return iter([X])
weight = np.ones(3000)
""",
        ["could not reach all others", ""],
    ),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_error_in_one_process_fails_all_at_once(tmp_path, kind):
    change, messages = FAILURES[kind]
    code = f"""
weight = np.ones(len(mine))
{change}
model = VMFMixture(3, merge=None, random_state=0)
try:
    model.fit(Shard(mine), sample_weight=weight)
except Exception as error:
    print("failed:", error, hasattr(model, "means_"), flush=True)
    os._exit(7)
"""
    codes, printed = run_in_two_processes(code, tmp_path)
    assert codes == ([7, 3] if kind == "a process that dies" else [7, 7]), printed
    for message, text in zip(messages, printed):
        assert message in text
        assert "True" not in text  # no half-fitted model


def test_shares_of_the_rows_cannot_be_smoothed(tmp_path):
    codes, printed = run_in_two_processes(
        """
        try:
            VMFMixture(5, smooth=True).fit(Shard(mine))
        except ValueError as error:
            print(error)
        """,
        tmp_path,
    )
    assert codes == [0, 0]
    assert all("smooth=True needs all rows in one process" in text for text in printed)


def test_clusters_of_shares_are_merged_and_not_split(tmp_path):
    codes, printed = run_in_two_processes(
        """
        model = VMFMixture(5, random_state=0).fit(Shard(mine)).merge_clusters([1, 2], Shard(mine))
        assert (model.labels_ == model.predict(mine)).all()
        try:
            model.split(0, Shard(mine))
        except ValueError as error:
            print(error)
        """,
        tmp_path,
    )
    assert codes == [0, 0], printed
    assert all("split needs all rows of the cluster in one process" in text for text in printed)


def test_refuses_shard_without_a_process_group():
    code = """
from vmfmix.engines.collective import Shard
try:
    Shard([[1.0, 0.0]])
except RuntimeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert "call torch.distributed.init_process_group first" in done.stdout


def test_two_processes_resume_from_a_checkpoint(tmp_path):
    code = """
    from vmfmix.fitting.checkpoints import Checkpoint

    options = dict(n_components=5, max_iter=12, tol=0.0, random_state=0)
    save, saved = Checkpoint.save, []

    def fails(self, name, result):
        save(self, name, result)
        saved.append(name)
        if len(saved) == 8:
            raise KeyboardInterrupt

    Checkpoint.save = fails
    try:
        VMFMixture(**options).fit(Shard(mine), checkpoint=folder + "/fit.ckpt")
    except KeyboardInterrupt:
        pass
    assert os.path.exists(folder + "/fit.ckpt")
    model = VMFMixture(**options).fit(Shard(mine), checkpoint=folder + "/fit.ckpt")
    dist.barrier()
    assert not os.path.exists(folder + "/fit.ckpt")
    whole = VMFMixture(**options).fit(Shard(mine))
    np.testing.assert_array_equal(model.labels_, whole.labels_)
    np.testing.assert_allclose(model.means_, whole.means_, atol=1e-9)
    try:
        VMFMixture(**options).fit(Shard(mine), checkpoint=folder + "/no/fit.ckpt")
    except FileNotFoundError as error:
        print("printed:", error)
    """
    codes, printed = run_in_two_processes("import os\n" + textwrap.dedent(code), tmp_path)
    assert codes == [0, 0], printed
    assert all("printed: There is no folder" in each for each in printed)
