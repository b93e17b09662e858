"""Image files of a folder: which files are images, which are skipped and why, and their order."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from vmfmix.storage.natural_order import natural_key

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
ORDERS = ("natural", "string")

# Copies and thumbnails that are stored beside images by macOS, and by Synology and QNAP devices.
_SYSTEM_FOLDERS = {"__MACOSX", "@eaDir", "@Recycle", "#recycle", "$RECYCLE.BIN"}
_TRAINING_PLOT = "history.png"
_TRAINING_FILES = ("config.yaml", "metrics.csv", "clusters.csv", "mixture.npz")
_MAX_NAMES = 3  # of skipped files, in a message


class SkippedFile(NamedTuple):
    """A file or folder that was skipped, relative to the folder that was read, and the reason."""

    path: str
    reason: str


def image_paths(
    folder: str | os.PathLike[str], exclude: str | os.PathLike[str] | None = None
) -> list[Path]:
    """Return the paths of all image files in a folder, see `find_image_files`."""
    return find_image_files(folder, exclude)[0]


def find_image_files(
    folder: str | os.PathLike[str], exclude: str | os.PathLike[str] | None = None
) -> tuple[list[Path], list[SkippedFile]]:
    """Return the paths of all image files in a folder and its subfolders, and what was skipped.

    Hidden files and folders, system folders such as ``__MACOSX``, folders and broken links with
    the name of an image, the results of trainings, and files with other suffixes are skipped; a
    warning counts them by reason. Links to folders are followed.

    Parameters
    ----------
    folder : str or path-like
    exclude : str or path-like, default=None
        A subfolder that is skipped, such as the output folder of a training.

    Returns
    -------
    paths : list of pathlib.Path
        Files whose suffix is that of an image format, such as .png or .jpg, sorted.
    skipped : list of SkippedFile

    Raises
    ------
    ValueError
        If the folder has no image files.

    Warns
    -----
    UserWarning
        If anything in the folder was skipped.
    """
    scan = _Scan(Path(folder), None if exclude is None else Path(exclude).resolve())
    skipped = scan.description()
    if not scan.paths:
        raise ValueError(
            f"There is no image in {folder}; image files are recognized by their suffix: "
            f"{', '.join(sorted(IMAGE_SUFFIXES))}." + (f" Skipped: {skipped}." if skipped else "")
        )
    if skipped:
        warnings.warn(f"Skipped in {folder}: {skipped}.", UserWarning, stacklevel=2)
    return sorted(scan.paths), scan.skipped()


def relative_name(path: Path, folder: Path) -> str:
    """Return a path relative to a folder as text; names of files may be any bytes."""
    return os.fsencode(path.relative_to(folder)).decode(errors="replace")


def ordered_like_rows(paths: list[Path], folder: Path, order: str | None = None) -> list[Path]:
    """Return the paths of a folder in the order of the rows that belong to them.

    Parameters
    ----------
    paths : list of pathlib.Path
    folder : pathlib.Path
        The folder that contains all of them.
    order : {"natural", "string"}, default=None
        "natural": by the numbers in the names, so that img2.png is before img10.png. "string":
        character by character, as Python sorts paths, so that img10.png is before img2.png. None:
        either, if they are the same.

    Returns
    -------
    list of pathlib.Path

    Raises
    ------
    ValueError
        If `order` is None and the orders differ.
    """
    names = {path: path.relative_to(folder) for path in paths}
    natural = sorted(paths, key=lambda path: (natural_key(names[path]), names[path]))
    string = sorted(paths, key=lambda path: names[path])
    if order is not None:
        return {"natural": natural, "string": string}[order]
    as_text = sorted(paths, key=lambda path: names[path].as_posix())  # as glob.glob, if sorted
    other = string if string != natural else as_text
    if other != natural:
        one, two = next((a, b) for a, b in zip(natural, other) if a != b)
        raise ValueError(
            f"The rows could have the images of {folder} in natural order ({names[one]} before "
            f"{names[two]}) or in the order of strings ({names[two]} before {names[one]}); say "
            "which with --image-order natural or --image-order string, or pass the paths of the "
            "images in the order of the rows."
        )
    return natural


class _Scan:
    """The images below a folder, and what was skipped there, by reason."""

    def __init__(self, root: Path, exclude: Path | None) -> None:
        self.paths: list[Path] = []
        self._root, self._exclude = root, exclude
        self._skipped: dict[str, list[str]] = {}
        self._endings: dict[str, list[str]] = {}
        self._visit(root, (root.resolve(),))

    def description(self) -> str:
        """Return what was skipped as text, or an empty text."""
        parts = [
            f"{reason}: {len(names)} ({_listed(names)})" for reason, names in self._skipped.items()
        ]
        parts += [f"{ending}: {len(names)}" for ending, names in sorted(self._endings.items())]
        return "; ".join(parts)

    def skipped(self) -> list[SkippedFile]:
        """Return all that was skipped, sorted by path."""
        reasons = [*self._skipped.items(), *self._endings.items()]
        return sorted(SkippedFile(name, reason) for reason, names in reasons for name in names)

    def _visit(self, folder: Path, real_folders: tuple[Path, ...]) -> None:
        """Collect the images in a folder; `real_folders` are it and its parents without links."""
        names = sorted(os.listdir(folder))
        has_training = _TRAINING_PLOT in names and any(name in names for name in _TRAINING_FILES)
        if has_training and folder != self._root:
            self._skip("results of a training", folder)
            return
        for name in names:
            path = folder / name
            is_image = path.suffix.lower() in IMAGE_SUFFIXES
            if name.startswith("."):
                self._skip("hidden", path)
            elif has_training and name == _TRAINING_PLOT:
                self._skip("results of a training", path)
            elif path.is_dir():
                self._visit_subfolder(path, is_image, real_folders)
            elif not is_image:
                ending = f"suffix {path.suffix.lower()}" if path.suffix else "no suffix"
                self._endings.setdefault(ending, []).append(relative_name(path, self._root))
            elif path.is_file():
                self.paths.append(path)
            else:
                self._skip("broken link" if path.is_symlink() else "no regular file", path)

    def _visit_subfolder(self, path: Path, is_image: bool, real_folders: tuple[Path, ...]) -> None:
        real = path.resolve()
        if path.name in _SYSTEM_FOLDERS:
            self._skip("system folder", path)
        elif real == self._exclude:
            self._skip("output folder", path)
        elif is_image:
            self._skip("folder with the name of an image", path)
        elif real in real_folders:
            self._skip("link to a parent folder", path)
        else:
            self._visit(path, (*real_folders, real))

    def _skip(self, reason: str, path: Path) -> None:
        self._skipped.setdefault(reason, []).append(relative_name(path, self._root))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MAX_NAMES])
    return shown if len(names) <= _MAX_NAMES else f"{shown}, …"
