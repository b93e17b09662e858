"""Checkpoints: interrupted fits resume and give the result of an uninterrupted fit."""

import os
import re
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from tests.limits import HANG
from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.fitting.checkpoints import Checkpoint, _fingerprint

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
KINDS = {
    "auto": {},
    "known number": {"n_components": 6},
    "several starts": {"n_components": 6, "n_init": 3},
    "free": {"n_components": 6, "concentration": "free"},
    "tied": {"n_components": 6, "concentration": "tied", "merge": None},
    "fixed": {"n_components": 6, "concentration": 30.0, "init_params": "random"},
    "background": {"n_components": 5, "background": True, "center": True},
    "hard": {"n_components": 6, "assignment": "hard"},
}


@pytest.fixture(scope="module")
def rows():
    return make_vmf_mixture(600, n_features=10, n_components=8, concentration=12.0, random_state=0)[
        0
    ]


def make_estimator(**parameters):
    return VMFMixture(**{"max_iter": 25, "tol": 0.0, "random_state": 0, **parameters})


def assert_same_fit(one, other):
    """Assert that two fits have the same result."""
    np.testing.assert_array_equal(one.labels_, other.labels_)
    assert one.n_iter_ == other.n_iter_ and one.converged_ == other.converged_
    for name in ("means_", "weights_", "concentrations_", "lower_bounds_", "probabilities_"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-9, rtol=1e-9)
    if hasattr(one, "merge_history_"):
        np.testing.assert_array_equal(
            one.merge_history_.n_components, other.merge_history_.n_components
        )


def interrupt_after(monkeypatch, n_saved):
    """Interrupt a fit after it has saved so many iterations; return the list of saves."""
    saves, save = [], Checkpoint.save

    def save_and_interrupt(self, name, result):
        save(self, name, result)
        saves.append(name)
        if len(saves) == n_saved:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", save_and_interrupt)
    return saves


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("kind", KINDS)
def test_checkpoint_resumes_interrupted_fit(rows, tmp_path, monkeypatch, kind, share):
    path = tmp_path / "fit.ckpt"
    with monkeypatch.context() as patch:
        all_saves = interrupt_after(patch, 10**6)
        whole = make_estimator(**KINDS[kind]).fit(rows, checkpoint=path)
    n_saved = 1 + int(share * (len(all_saves) - 1))
    with monkeypatch.context() as patch:
        interrupt_after(patch, n_saved)
        with pytest.raises(KeyboardInterrupt):
            make_estimator(**KINDS[kind]).fit(rows, checkpoint=path)
        assert path.exists()
    with monkeypatch.context() as patch:
        saves = interrupt_after(patch, 10**6)
        model = make_estimator(**KINDS[kind]).fit(rows, checkpoint=path)
    assert_same_fit(model, whole)
    assert not path.exists()
    assert len(saves) + n_saved == len(all_saves)  # no iteration was repeated


@pytest.mark.parametrize("kind", ["sparse", "blocks"])
def test_checkpoint_resumes_fit_of_sparse_rows_and_blocks(rows, tmp_path, monkeypatch, kind):
    X = sp.csr_array(np.where(np.abs(rows) > 0.1, rows, 0.0))
    if kind == "blocks":

        def X():
            return iter(np.array_split(rows, 7))

    whole = make_estimator(n_components=6).fit(X)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 12)
        with pytest.raises(KeyboardInterrupt):
            make_estimator(n_components=6).fit(X, checkpoint=tmp_path / "c")
    model = make_estimator(n_components=6).fit(X, checkpoint=tmp_path / "c")
    assert_same_fit(model, whole)


def without_times(lines):
    return re.sub(r" \(\d+\.\d s\)$", "", lines, flags=re.MULTILINE)


def test_resumed_fit_reports_all_iterations(rows, tmp_path, monkeypatch, capsys):
    parameters = {"n_components": 6, "verbose": 2}
    make_estimator(**parameters).fit(rows)
    printed = without_times(capsys.readouterr().out)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 15)
        with pytest.raises(KeyboardInterrupt):
            make_estimator(**parameters).fit(rows, checkpoint=tmp_path / "c")
    capsys.readouterr()
    make_estimator(**parameters).fit(rows, checkpoint=tmp_path / "c")
    assert without_times(capsys.readouterr().out) == printed


@pytest.fixture
def checkpoint(rows, tmp_path, monkeypatch):
    """Return the path of the checkpoint of an interrupted fit."""
    with monkeypatch.context() as patch:
        interrupt_after(patch, 15)
        with pytest.raises(KeyboardInterrupt):
            make_estimator(n_components=6).fit(rows, checkpoint=tmp_path / "fit.ckpt")
    return tmp_path / "fit.ckpt"


def assert_refused(model, rows, path, message):
    """Assert that a fit refuses the checkpoint, and that both stay unchanged."""
    before = path.read_bytes()
    with pytest.raises(ValueError, match=message):
        model.fit(rows, checkpoint=path)
    assert path.read_bytes() == before
    assert not hasattr(model, "means_")


def test_checkpoint_of_another_fit_is_refused_and_kept(rows, checkpoint):
    assert_refused(
        make_estimator(n_components=5),
        rows,
        checkpoint,
        "belongs to a fit with a different n_components;",
    )
    other = make_estimator(n_components=6, concentration="free", n_init=2)
    assert_refused(
        other, rows, checkpoint, "belongs to a fit with a different concentration, n_init;"
    )
    means = make_estimator(n_components=6, means_init=rows[:6])
    assert_refused(means, rows, checkpoint, "belongs to a fit with a different means_init;")
    assert_refused(make_estimator(n_components=6), rows[:-1], checkpoint, "to other rows")
    assert_refused(make_estimator(n_components=6), rows[::-1], checkpoint, "to other rows")
    assert_refused(make_estimator(n_components=6), rows[:, :-1], checkpoint, "to other rows")
    later = rows.copy()
    later[100:150] = np.roll(rows[100:150], 1, axis=1)  # the first rows are the same
    assert_refused(make_estimator(n_components=6), later, checkpoint, "to other rows")
    weights = np.ones(len(rows))
    weights[100:] = 2.0
    with pytest.raises(ValueError, match="to other rows"):
        make_estimator(n_components=6).fit(rows, sample_weight=weights, checkpoint=checkpoint)


def test_checkpoint_accepts_another_block_size(rows, checkpoint):
    model = make_estimator(n_components=6, block_size=100).fit(rows, checkpoint=checkpoint)
    np.testing.assert_array_equal(model.labels_, make_estimator(n_components=6).fit_predict(rows))


def test_truncated_and_foreign_files_are_refused_and_kept(rows, checkpoint, tmp_path):
    whole = checkpoint.read_bytes()
    rng = np.random.default_rng(0)
    for size in [0, 1, 30, *rng.integers(100, len(whole), 20)]:
        checkpoint.write_bytes(whole[:size])
        assert_refused(
            make_estimator(n_components=6),
            rows,
            checkpoint,
            "is damaged, or not the checkpoint of a fit",
        )
    checkpoint.write_text("a text")
    assert_refused(
        make_estimator(n_components=6),
        rows,
        checkpoint,
        "is damaged, or not the checkpoint of a fit",
    )
    model = make_estimator(n_components=6).fit(rows)
    model.save(tmp_path / "model.npz")
    assert_refused(
        make_estimator(n_components=6),
        rows,
        tmp_path / "model.npz",
        "is damaged, or not the checkpoint of a fit",
    )


@pytest.mark.slow
def test_mutated_checkpoints_are_refused_or_change_nothing(rows, checkpoint):
    """The checksums of zip detect every change of a byte that matters."""
    whole, rng = checkpoint.read_bytes(), np.random.default_rng(0)
    expected = make_estimator(n_components=6).fit(rows)
    for position in rng.integers(0, len(whole), 100):
        changed = bytearray(whole)
        changed[position] ^= 1 << rng.integers(8)
        checkpoint.write_bytes(changed)
        try:
            model = make_estimator(n_components=6).fit(rows, checkpoint=checkpoint)
        except ValueError as error:
            assert str(checkpoint) in str(error)
        else:
            assert_same_fit(model, expected)


def test_checkpoint_problems_are_reported_before_the_fit(rows, tmp_path):
    for state in (None, np.random.RandomState(0)):
        with pytest.raises(ValueError, match="cannot be used with a checkpoint"):
            make_estimator(random_state=state).fit(rows, checkpoint=tmp_path / "c")
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        make_estimator().fit(rows, checkpoint=tmp_path / "missing" / "c")
    model = make_estimator(n_components=6, warm_start=True).fit(rows, checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="checkpoint cannot be combined with a warm start"):
        model.fit(rows, checkpoint=tmp_path / "c")
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes need POSIX")
def test_checkpoint_refuses_folders_pipes_and_dangling_links(rows, tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    before = {path: path.lstat().st_ino for path in tmp_path.iterdir()}
    for name in ("folder", "pipe", "link"):
        with pytest.raises(ValueError, match="give the name of a file"):
            make_estimator(n_components=6).fit(rows, checkpoint=tmp_path / name)
    (tmp_path / "dangling").symlink_to("missing/file")
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*missing"):
        make_estimator(n_components=6).fit(rows, checkpoint=tmp_path / "dangling")
    (tmp_path / "dangling").unlink()
    assert {path: path.lstat().st_ino for path in tmp_path.iterdir()} == before


def test_checkpoint_follows_a_link_and_removes_its_target(rows, tmp_path, monkeypatch):
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to("target/file")
    with monkeypatch.context() as patch:
        interrupt_after(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            make_estimator(n_components=6).fit(rows, checkpoint=tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "target/file").is_file()
    make_estimator(n_components=6).fit(rows, checkpoint=tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and not any((tmp_path / "target").iterdir())


class Nearest:
    """A selection that is a callable object, and refers to itself."""

    def __init__(self, number, shift=0.0):
        self.number, self.shift, self.me = number, np.array([shift]), self

    def __call__(self, rows, labels):
        """Return a score that is greatest at this number of clusters."""
        return -abs(len(np.unique(labels)) - self.number)


def nearest(number, rows, labels):
    return Nearest(number)(rows, labels)


@pytest.mark.slow
@pytest.mark.parametrize("make", [Nearest, lambda number: partial(nearest, number)])
def test_checkpoint_distinguishes_callable_selections(rows, tmp_path, monkeypatch, make):
    with monkeypatch.context() as patch:
        interrupt_after(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            make_estimator(selection=make(6)).fit(rows, checkpoint=tmp_path / "c")
    assert_refused(
        make_estimator(selection=make(5)),
        rows,
        tmp_path / "c",
        "belongs to a fit with a different selection;",
    )
    model = make_estimator(selection=make(6)).fit(rows, checkpoint=tmp_path / "c")
    assert_same_fit(model, make_estimator(selection=make(6)).fit(rows))


def test_fingerprint_contains_no_memory_addresses():
    rules = Nearest(3), Nearest(3, 1.0), partial(nearest, 3), partial(nearest, number=3), nearest
    texts = [str(_fingerprint(rule)) for rule in rules]
    assert len(set(texts)) == len(texts)
    assert not any("0x" in text for text in texts)
    assert [str(_fingerprint(Nearest(3))), str(_fingerprint(partial(nearest, 3)))] == [
        texts[0],
        texts[2],
    ]


FULL = """
    import resource, sys
    import numpy as np
    from vmfmix import VMFMixture

    rows, path = np.load(sys.argv[1]), sys.argv[2]
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    VMFMixture(6, max_iter=25, tol=0.0, random_state=0).fit(rows, checkpoint=path)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file sizes")
def test_full_disk_is_reported_and_checkpoint_kept(rows, checkpoint, tmp_path):
    np.save(tmp_path / "rows.npy", rows)
    before = checkpoint.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL), tmp_path / "rows.npy", checkpoint],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=HANG,
    )
    assert done.returncode == 1 and f"File too large: '{checkpoint}'" in done.stderr
    assert checkpoint.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"rows.npy", checkpoint.name}


# The first process imports everything; its children fit and are killed.
KILLED = """
    import os, random, signal, sys, time
    from pathlib import Path
    import numpy as np
    from vmfmix import VMFMixture
    import vmfmix.mixture, vmfmix.engines.cpu

    rows, path, out = np.load(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    draw, kills, seen = random.Random(0), 0, []

    def fit():
        try:
            model = VMFMixture(6, max_iter=400, tol=0.0, random_state=0)
            model.fit(rows, checkpoint=path).save(out)
            os._exit(0)
        finally:
            os._exit(1)

    def written():
        return path.stat().st_mtime_ns if path.exists() else 0

    started = time.monotonic()
    while kills < 20 and time.monotonic() - started < 900:
        child = os.fork()
        if child == 0:
            fit()
        if kills % 2:  # soon after a save
            before = written()
            while written() == before and time.monotonic() - started < 800:
                time.sleep(0.001)
            time.sleep(draw.uniform(0.0, 0.03))
        else:
            time.sleep(draw.uniform(0.0, 1.0))
        os.kill(child, signal.SIGKILL)
        kills += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        if path.exists():
            with np.load(path) as stored:
                seen.append(sum(len(stored[k]) for k in stored if k.endswith("lower_bounds")))
    child = os.fork()
    if child == 0:
        fit()
    ended = os.waitpid(child, 0)[1]
    print(kills, ended, *seen)
"""


@pytest.mark.kill
@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_fit_killed_twenty_times_gives_the_same_result(rows, tmp_path):
    np.save(tmp_path / "rows.npy", rows)
    paths = [tmp_path / name for name in ("rows.npy", "fit.ckpt", "model.npz")]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), *paths],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=HANG,
    )
    kills, ended, *seen = map(int, done.stdout.split())
    assert kills >= 20 and ended == 0, done.stderr
    import vmfmix

    model = vmfmix.load(paths[2])
    whole = VMFMixture(6, max_iter=400, tol=0.0, random_state=0).fit(rows)
    assert_same_fit(model, whole)
    assert not paths[1].exists()
    assert len(seen) >= 10 and max(seen) >= 10  # every second kill follows a save
