"""The console of the commands: readable streams, messages in one line, and exit codes."""

from __future__ import annotations

import argparse
import codecs
import contextlib
import os
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["Parser", "one_line", "run_command", "validate_out"]

# Characters of our own texts that Unicode does not decompose into ASCII.
_ASCII = {
    "κ": "kappa",
    "λ": "lambda",
    "π": "pi",
    "−": "-",
    "–": "-",
    "—": "-",
    "×": "x",
    "→": "->",
    "≥": ">=",
    "≤": "<=",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "‖": "||",
    "•": "*",
    "━": "-",
    "─": "-",
    "╸": "-",
    "╺": "-",
}


class Parser(argparse.ArgumentParser):
    """A parser that raises ValueError for wrong arguments instead of printing usage and exiting.

    A command can thus report every error in a single line.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{
                "allow_abbrev": False,
                "formatter_class": argparse.RawDescriptionHelpFormatter,
                **options,
            }
        )

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; see '{self.prog} --help'")


def run_command(name: str, action: Callable[[], None], reword: Callable[[str], str] = str) -> int:
    """Run a command; errors and warnings are printed to stderr in one line each.

    Characters that the console does not have are replaced by similar ones.

    Parameters
    ----------
    name : str
        Name of the command, before its messages.
    action : callable
        Runs the command; called without arguments.
    reword : callable, default=str
        Returns a warning in other words.

    Returns
    -------
    int
        Exit code: 0 on success, 2 after an error, 130 if interrupted, 141 if the reader of the
        output closed the pipe.
    """
    with _usable_streams():
        return _exit_code(name, action, reword)


def one_line(text: object) -> str:
    """Return a text with all white space, line breaks too, as single spaces."""
    return " ".join(str(text).split())


def validate_out(folder: Path, names: Iterable[str]) -> None:
    """Raise ValueError if files cannot be written to the folder of ``--out``.

    Parameters
    ----------
    folder : pathlib.Path
        It need not exist.
    names : iterable of str
        Names of the files.
    """
    if folder.suffix in {".npy", ".npz", ".csv"} and not folder.is_dir():
        raise ValueError(f"--out {folder} looks like the name of a file; give a folder.")
    candidates = (folder, *folder.absolute().parents)
    nearest = next(path for path in candidates if os.path.lexists(path))
    if not nearest.is_dir():
        kind = "a file" if nearest.exists() else "a broken symbolic link"
        raise ValueError(f"--out {folder} cannot be created: {nearest} is {kind}; give a folder.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ValueError(
            f"--out {folder} cannot be written: you have no permission to write in {nearest}; "
            "give another folder."
        )
    existing = [name for name in names if os.path.lexists(folder / name)]
    not_files = [name for name in existing if not (folder / name).is_file()]
    if not_files:
        raise ValueError(
            f"--out {folder} has {', '.join(not_files)}, which is not a regular file and is never "
            "replaced; give another folder."
        )


def _exit_code(name: str, action: Callable[[], None], reword: Callable[[str], str]) -> int:
    try:
        with _warnings_in_one_line(name, reword):
            action()
        sys.stdout.flush()
        return 0
    except SystemExit as done:  # --help and --version, and Lightning when it is interrupted
        if isinstance(done.__context__, KeyboardInterrupt):
            return _print_interruption(name)
        return done.code if isinstance(done.code, int) else 0
    except KeyboardInterrupt:
        return _print_interruption(name)
    except BrokenPipeError:
        # Python flushes stdout again at exit, which must not raise a second error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        return _print_error(name, f"{file}{error.strerror or error}")
    except MemoryError as error:
        return _print_error(name, f"not enough memory. {error}")
    except (ValueError, NotImplementedError, ImportError) as error:
        return _print_error(name, error)


def _print_interruption(name: str) -> int:
    print(f"{name}: interrupted", file=sys.stderr)
    return 130


def _print_error(name: str, message: object) -> int:
    """Print an error in one line, and return the exit code."""
    print(f"{name}: error: {one_line(message)}", file=sys.stderr)
    return 2


@contextlib.contextmanager
def _usable_streams() -> Iterator[None]:
    """Make the standard streams accept all text, and discard output to closed ones.

    Python represents a closed stream by None.
    """
    redirects = {"stdout": contextlib.redirect_stdout, "stderr": contextlib.redirect_stderr}
    with contextlib.ExitStack() as stack:
        for name, redirect in redirects.items():
            stream = getattr(sys, name)
            if stream is None:
                stack.enter_context(redirect(stack.enter_context(open(os.devnull, "w"))))
            elif hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="vmfmix.similar")
        yield


def _similar_characters(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that an encoding lacks by similar ones in ASCII, else by "?"."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    similar = (_similar_character(each) for each in error.object[error.start : error.end])
    return "".join(similar), error.end


def _similar_character(character: str) -> str:
    if character in _ASCII:
        return _ASCII[character]
    if unicodedata.combining(character):
        return ""
    decomposed = unicodedata.normalize("NFKD", character)
    return decomposed.encode("ascii", "ignore").decode() or "?"


codecs.register_error("vmfmix.similar", _similar_characters)


@contextlib.contextmanager
def _warnings_in_one_line(name: str, reword: Callable[[str], str]) -> Iterator[None]:
    def show(message: Warning | str, *_location: Any, **_options: Any) -> None:
        print(f"{name}: warning: {reword(one_line(message))}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.filterwarnings("always", category=UserWarning)
        # Some libraries have deprecations that are also UserWarnings; users need not act on them.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.showwarning = show
        yield
