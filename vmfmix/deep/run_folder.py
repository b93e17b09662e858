"""The folder of a training: the names of its files, and the record of how it was made.

Neither torch nor Lightning is imported here, so that commands can validate a folder without them.
"""

from __future__ import annotations

import dataclasses
import json
import platform
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from vmfmix.deep.data_kinds import Kind
from vmfmix.deep.method_config import CONFIGS
from vmfmix.storage.fitted_images import FITS
from vmfmix.storage.image_arrays import CHANNELS
from vmfmix.storage.reading import validate_readable
from vmfmix.storage.writing import atomic_file

CHECKPOINT = "last.ckpt"
CONFIG = "config.yaml"
EMBEDDINGS = "embeddings.npy"
IMAGE_LIST = "images.txt"
MIXTURE = "mixture.npz"
RECORD = "run.json"
SKIPPED = "skipped.csv"
OUTPUTS = (
    "clusters.csv",
    CONFIG,
    EMBEDDINGS,
    "history.png",
    IMAGE_LIST,
    "labels.npy",
    CHECKPOINT,
    "metrics.csv",
    MIXTURE,
    "report.json",
    RECORD,
    SKIPPED,
)
_PACKAGES = ("vmfmix", "torch", "lightning", "numpy")


@dataclasses.dataclass
class RunRecord:
    """How a training was made, as far as its config does not say so.

    Parameters
    ----------
    method : str
    kind : {"images", "rows"}
    n : int
        Number of images or rows.
    shape : list of int
        Channels, height and width of an image; or the number of features of a row.
    any_range : bool
        Whether images have values of their own, not bytes or numbers from 0 to 1.
    backdrop : str or None
        Color behind transparent parts of the images of a folder.
    encoder : dict
        Arguments of `vmfmix.deep.networks.make_network`; or, of an encoder that was passed,
        ``class``, ``n_channels`` or ``n_features``, and ``callable`` if a
        ``package.module:callable`` made it.
    fit : {"stretch", "crop", "pad"}, default="stretch"
        How images of a folder were brought to one size.
    channels : {"first", "last"}, default=None
        Which axis of the images of an array, a file or a Dataset has the channels; None: it is
        recognized.
    data : str or None
        Name of the file or folder, without its own folder.
    views : str or None
        Name of the class or function of views that were passed.
    epochs : int
        Epochs that the results in the folder are of; 0: they are not complete.
    sessions : list of dict
        One for each call that trained: when, how long, the call, versions, threads and devices.
    """

    method: str
    kind: Kind
    n: int
    shape: list[int]
    any_range: bool
    backdrop: str | None
    encoder: dict[str, Any]
    fit: str = "stretch"
    channels: str | None = None
    data: str | None = None
    views: str | None = None
    epochs: int = 0
    sessions: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    def write(self, folder: Path) -> None:
        """Write the record to the folder of the training."""
        text = json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False)
        with atomic_file(folder / RECORD) as file:
            file.write((text + "\n").encode("utf-8"))

    @property
    def n_features(self) -> int:
        """Number of features of a row."""
        return self.shape[0]


def new_session(call: str, **facts: Any) -> dict[str, Any]:
    """Return the record of a call that trains, which begins now.

    Parameters
    ----------
    call : str
    **facts
        Values to record as well, such as ``threads``.

    Returns
    -------
    dict
    """
    versions = {name: _version_of(name) for name in _PACKAGES}
    return {
        "call": call,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": None,
        **facts,
        "versions": {**versions, "python": platform.python_version()},
        "machine": f"{platform.system()} {platform.machine()}",
    }


def name_of(data: Any) -> str | None:
    """Return the name of the file or folder of data, without its own folder, or None."""
    source = data if isinstance(data, (str, Path)) else getattr(data, "source", None)
    return Path(source).name or None if isinstance(source, (str, Path)) else None


def described_call(method: str, data: Any, **options: Any) -> str:
    """Return a call of `vmfmix.deep.train.train` as text, without the folders of files.

    Parameters
    ----------
    method : str
    data : object
    **options
        Parameters; those that are None are left out.

    Returns
    -------
    str
    """
    values = [f"{name}={_text(value)}" for name, value in options.items() if value is not None]
    return f"train({', '.join([repr(method), _text(name_of(data) or data), *values])})"


def read_record(folder: str | Path) -> RunRecord:
    """Return the record of a training whose results are complete.

    Parameters
    ----------
    folder : str or path-like

    Returns
    -------
    RunRecord

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it is not the folder of a training, or if the training has not ended.
    """
    folder = Path(folder)
    if not folder.exists():
        raise FileNotFoundError(f"There is no folder {folder}; check the name.")
    if not folder.is_dir():
        raise ValueError(f"{folder} is a file; pass the folder that a training wrote.")
    validate_readable(folder)
    if not (folder / CHECKPOINT).is_file():
        raise ValueError(
            f"{folder} has no {CHECKPOINT}; pass a folder that a training of "
            "'python -m vmfmix.deep.train' wrote."
        )
    for name in (CONFIG, RECORD, MIXTURE):
        if not (folder / name).is_file():
            raise ValueError(
                f"{folder} has no {name}: its training has not ended, or is of an earlier version "
                "of vmfmix; run the same training again, which resumes and writes the file."
            )
    record = _parsed(folder / RECORD)
    if record.epochs == 0:
        raise ValueError(
            f"The training in {folder} has not ended; run the same training again, which resumes."
        )
    return record


def checkpoint_of(path: str | Path) -> Path:
    """Return the checkpoint of the folder of a training, or the path itself if it is no folder.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        If a folder has no checkpoint.
    """
    path = Path(path)
    if not path.is_dir():
        return path
    if not (path / CHECKPOINT).is_file():
        raise ValueError(
            f"{path} is a folder without {CHECKPOINT}; pass a file of weights, or a folder that a "
            "training wrote."
        )
    return path / CHECKPOINT


def previous_record(folder: Path) -> RunRecord | None:
    """Return the record of a training so far, which may not have ended; None if it is not known."""
    try:
        return _parsed(folder / RECORD)
    except (OSError, ValueError):
        return None


def validate_same_data(before: RunRecord, now: RunRecord, folder: Path) -> None:
    """Raise ValueError if images or rows are not read as by the training that is resumed."""
    for name in ("kind", "shape", "any_range", "backdrop", "fit", "channels"):
        old, new = getattr(before, name), getattr(now, name)
        if old != new:
            raise ValueError(
                f"{folder} contains a training on data with another {name} ({old}, now {new}); "
                f"pass the same data and options to resume it, or another folder."
            )


def _parsed(path: Path) -> RunRecord:
    """Return the record in a file; raise ValueError if it is damaged."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        known = [field.name for field in dataclasses.fields(RunRecord)]
        record = RunRecord(**{name: values[name] for name in known if name in values})
        valid = (
            record.method in CONFIGS[record.kind]
            and all(isinstance(number, int) and number > 0 for number in [record.n, *record.shape])
            and len(record.shape) == (3 if record.kind == "images" else 1)
            and isinstance(record.encoder, dict)
            and record.fit in FITS
            and record.channels in (None, *CHANNELS)
            and isinstance(record.epochs, int)
            and isinstance(record.sessions, list)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error
    if not valid:
        raise _damaged(path)
    return record


def _damaged(path: Path) -> ValueError:
    return ValueError(
        f"{path} is damaged or of another version of vmfmix; run the same training again, which "
        "writes it anew."
    )


def _text(value: Any) -> str:
    """Return a value as Python writes it, or the name of its type if that is long."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name!r}: {_text(each)}" for name, each in value.items()) + "}"
    if isinstance(value, Path):
        return repr(value.name)
    if isinstance(value, (bool, int, float, str, type(None))):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_text, value))}]"
    return f"<{type(value).__name__}>"


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
