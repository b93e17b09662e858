"""Fits that are broken off at any moment, and go on to the result they would have had."""

import os
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from vmfmix import VMFMixture
from vmfmix.datasets import make_vmf_mixture
from vmfmix.fitting.checkpoints import Checkpoint, _fingerprint

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
KINDS = {
    "auto": {},
    "given": {"n_components": 6},
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


def estimator(**settings):
    return VMFMixture(**{"max_iter": 25, "tol": 0.0, "random_state": 0, **settings})


def same(one, other):
    """Whether two fits came to the same."""
    np.testing.assert_array_equal(one.labels_, other.labels_)
    assert one.n_iter_ == other.n_iter_ and one.converged_ == other.converged_
    for name in ("means_", "weights_", "concentrations_", "lower_bounds_", "probabilities_"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-9, rtol=1e-9)
    if hasattr(one, "merge_history_"):
        np.testing.assert_array_equal(
            one.merge_history_.n_components, other.merge_history_.n_components
        )
    return True


def broken_off(monkeypatch, n_kept):
    """Let a fit fail after it has kept so many iterations."""
    kept, save = [], Checkpoint.save

    def fails(self, name, result):
        save(self, name, result)
        kept.append(name)
        if len(kept) == n_kept:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", fails)
    return kept


@pytest.mark.parametrize("share", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_goes_on_where_it_was_broken_off(rows, tmp_path, monkeypatch, kind, share):
    path = tmp_path / "fit.ckpt"
    with monkeypatch.context() as patch:
        all_of_them = broken_off(patch, 10**6)
        whole = estimator(**KINDS[kind]).fit(rows, checkpoint=path)
    n_kept = 1 + int(share * (len(all_of_them) - 1))
    with monkeypatch.context() as patch:
        broken_off(patch, n_kept)
        with pytest.raises(KeyboardInterrupt):
            estimator(**KINDS[kind]).fit(rows, checkpoint=path)
        assert path.exists()
    with monkeypatch.context() as patch:
        kept = broken_off(patch, 10**6)
        model = estimator(**KINDS[kind]).fit(rows, checkpoint=path)
    assert same(model, whole) and not path.exists()
    assert len(kept) + n_kept == len(all_of_them)  # nothing was done twice


@pytest.mark.parametrize("kind", ["sparse", "blocks"])
def test_other_rows_go_on_too(rows, tmp_path, monkeypatch, kind):
    given = sp.csr_array(np.where(np.abs(rows) > 0.1, rows, 0.0))
    if kind == "blocks":

        def given():
            return iter(np.array_split(rows, 7))

    settings = {"n_components": 6}
    whole = estimator(**settings).fit(given)
    with monkeypatch.context() as patch:
        broken_off(patch, 12)
        with pytest.raises(KeyboardInterrupt):
            estimator(**settings).fit(given, checkpoint=tmp_path / "c")
    assert same(estimator(**settings).fit(given, checkpoint=tmp_path / "c"), whole)


def test_callbacks_are_told_of_all_iterations(rows, tmp_path, monkeypatch, capsys):
    settings = {"n_components": 6, "verbose": 2}
    estimator(**settings).fit(rows)
    told = capsys.readouterr().out
    with monkeypatch.context() as patch:
        broken_off(patch, 15)
        with pytest.raises(KeyboardInterrupt):
            estimator(**settings).fit(rows, checkpoint=tmp_path / "c")
    capsys.readouterr()
    estimator(**settings).fit(rows, checkpoint=tmp_path / "c")
    assert capsys.readouterr().out == told


@pytest.fixture
def kept(rows, tmp_path, monkeypatch):
    """The checkpoint of a fit that was broken off."""
    with monkeypatch.context() as patch:
        broken_off(patch, 15)
        with pytest.raises(KeyboardInterrupt):
            estimator(n_components=6).fit(rows, checkpoint=tmp_path / "fit.ckpt")
    return tmp_path / "fit.ckpt"


def refused(model, rows, path, said):
    before = path.read_bytes()
    with pytest.raises(ValueError, match=said):
        model.fit(rows, checkpoint=path)
    assert path.read_bytes() == before and not hasattr(model, "means_")
    return True


def test_a_checkpoint_of_another_fit_is_refused_and_stays(rows, kept):
    assert refused(estimator(n_components=5), rows, kept, "belongs to a fit with a different n_components;")
    other = estimator(n_components=6, concentration="free", n_init=2)
    assert refused(other, rows, kept, "belongs to a fit with a different concentration, n_init;")
    means = estimator(n_components=6, means_init=rows[:6])
    assert refused(means, rows, kept, "belongs to a fit with a different means_init;")
    assert refused(estimator(n_components=6), rows[:-1], kept, "to other rows")
    assert refused(estimator(n_components=6), rows[::-1], kept, "to other rows")
    assert refused(estimator(n_components=6), rows[:, :-1], kept, "to other rows")
    later = rows.copy()
    later[100:150] = np.roll(rows[100:150], 1, axis=1)  # the first rows are the same
    assert refused(estimator(n_components=6), later, kept, "to other rows")
    weights = np.ones(len(rows))
    weights[100:] = 2.0
    with pytest.raises(ValueError, match="to other rows"):
        estimator(n_components=6).fit(rows, sample_weight=weights, checkpoint=kept)


def test_what_does_not_change_the_result_may_be_another(rows, kept):
    model = estimator(n_components=6, block_size=100).fit(rows, checkpoint=kept)
    np.testing.assert_array_equal(model.labels_, estimator(n_components=6).fit_predict(rows))


def test_torn_and_foreign_files_are_refused_and_stay(rows, kept, tmp_path):
    whole = kept.read_bytes()
    rng = np.random.default_rng(0)
    for size in [0, 1, 30, *rng.integers(100, len(whole), 20)]:
        kept.write_bytes(whole[:size])
        assert refused(estimator(n_components=6), rows, kept, "is damaged, or not the checkpoint of a fit")
    kept.write_text("a text")
    assert refused(estimator(n_components=6), rows, kept, "is damaged, or not the checkpoint of a fit")
    model = estimator(n_components=6).fit(rows)
    model.save(tmp_path / "model.npz")
    assert refused(estimator(n_components=6), rows, tmp_path / "model.npz", "is damaged, or not the checkpoint of a fit")


def test_mutated_files_are_refused_or_change_nothing(rows, kept):
    """zip has checksums, so that a byte that matters cannot change unnoticed."""
    whole, rng = kept.read_bytes(), np.random.default_rng(0)
    expected = estimator(n_components=6).fit(rows)
    for place in rng.integers(0, len(whole), 100):
        changed = bytearray(whole)
        changed[place] ^= 1 << rng.integers(8)
        kept.write_bytes(changed)
        try:
            model = estimator(n_components=6).fit(rows, checkpoint=kept)
        except ValueError as error:
            assert str(kept) in str(error)
        else:
            assert same(model, expected)


def test_what_cannot_be_kept_is_said_before_the_fit(rows, tmp_path):
    for state in (None, np.random.RandomState(0)):
        with pytest.raises(ValueError, match="cannot be used with a checkpoint"):
            estimator(random_state=state).fit(rows, checkpoint=tmp_path / "c")
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        estimator().fit(rows, checkpoint=tmp_path / "nowhere" / "c")
    model = estimator(n_components=6, warm_start=True).fit(rows, checkpoint=tmp_path / "c")
    with pytest.raises(ValueError, match="checkpoint cannot be combined with a warm start"):
        model.fit(rows, checkpoint=tmp_path / "c")
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_what_is_no_file_is_refused_and_stays(rows, tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    before = {path: path.lstat().st_ino for path in tmp_path.iterdir()}
    for name in ("folder", "pipe", "link"):
        with pytest.raises(ValueError, match="give the name of a file"):
            estimator(n_components=6).fit(rows, checkpoint=tmp_path / name)
    (tmp_path / "astray").symlink_to("nowhere/file")
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*nowhere"):
        estimator(n_components=6).fit(rows, checkpoint=tmp_path / "astray")
    (tmp_path / "astray").unlink()
    assert {path: path.lstat().st_ino for path in tmp_path.iterdir()} == before


def test_where_a_link_leads_the_file_is_kept_and_removed(rows, tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to("there/file")
    with monkeypatch.context() as patch:
        broken_off(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            estimator(n_components=6).fit(rows, checkpoint=tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "there/file").is_file()
    estimator(n_components=6).fit(rows, checkpoint=tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and not any((tmp_path / "there").iterdir())


class Nearest:
    """A rule that is an object."""

    def __init__(self, number, shift=0.0):
        self.number, self.shift, self.me = number, np.array([shift]), self

    def __call__(self, rows, labels):
        """Greatest where there are as many clusters."""
        return -abs(len(np.unique(labels)) - self.number)


def nearest(number, rows, labels):
    return Nearest(number)(rows, labels)


@pytest.mark.parametrize("make", [Nearest, lambda number: partial(nearest, number)])
def test_rules_that_are_objects_are_told_apart(rows, tmp_path, monkeypatch, make):
    with monkeypatch.context() as patch:
        broken_off(patch, 5)
        with pytest.raises(KeyboardInterrupt):
            estimator(selection=make(6)).fit(rows, checkpoint=tmp_path / "c")
    assert refused(estimator(selection=make(5)), rows, tmp_path / "c", "belongs to a fit with a different selection;")
    model = estimator(selection=make(6)).fit(rows, checkpoint=tmp_path / "c")
    assert same(model, estimator(selection=make(6)).fit(rows))


def test_rules_are_told_without_addresses():
    rules = Nearest(3), Nearest(3, 1.0), partial(nearest, 3), partial(nearest, number=3), nearest
    told = [str(_fingerprint(rule)) for rule in rules]
    assert len(set(told)) == len(told)
    assert not any("0x" in text for text in told)
    assert [str(_fingerprint(Nearest(3))), str(_fingerprint(partial(nearest, 3)))] == [
        told[0],
        told[2],
    ]


FULL = """
    import resource, sys
    import numpy as np
    from vmfmix import VMFMixture

    rows, path = np.load(sys.argv[1]), sys.argv[2]
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    VMFMixture(6, max_iter=25, tol=0.0, random_state=0).fit(rows, checkpoint=path)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="files have no limit of size there")
def test_a_full_disk_is_named_and_the_checkpoint_before_it_stays(rows, kept, tmp_path):
    np.save(tmp_path / "rows.npy", rows)
    before = kept.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FULL), tmp_path / "rows.npy", kept],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1 and f"File too large: '{kept}'" in done.stderr
    assert kept.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"rows.npy", kept.name}


# The first process imports everything, and its children fit and are killed.
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
    while kills < 20 and time.monotonic() - started < 240:
        child = os.fork()
        if child == 0:
            fit()
        if kills % 2:  # soon after something was kept
            before = written()
            while written() == before and time.monotonic() - started < 200:
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_killed_twenty_times_a_fit_ends_as_if_nothing_had_been(rows, tmp_path):
    np.save(tmp_path / "rows.npy", rows)
    paths = [tmp_path / name for name in ("rows.npy", "fit.ckpt", "model.npz")]
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), *paths],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    kills, ended, *seen = map(int, done.stdout.split())
    assert kills >= 20 and ended == 0, done.stderr
    import vmfmix

    model = vmfmix.load(paths[2])
    whole = VMFMixture(6, max_iter=400, tol=0.0, random_state=0).fit(rows)
    assert same(model, whole)
    assert not paths[1].exists()
    assert len(seen) >= 10 and max(seen) > 10  # so many iterations were kept when it was killed
