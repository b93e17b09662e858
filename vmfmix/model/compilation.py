"""Compilation of kernels by numba, with a cache on disk only where there is a folder for it."""

from __future__ import annotations

import atexit
import importlib
import shutil
import tempfile
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numba
import numpy as np
from numba import extending

_ADVICE = (
    "kernels are compiled in each process, which takes up to a minute; set the environment "
    "variable NUMBA_CACHE_DIR to a folder that can be written."
)


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a function when it is first called, without the GIL.

    The machine code is kept in numba's cache. Where numba finds no folder for it, or cannot use the
    files there, functions are compiled in each process, and one warning says so. Where the
    environment variable NUMBA_DISABLE_JIT is set, functions are not compiled.

    A function whose name begins with an underscore can only be called by other compiled functions:
    it gets no entry point for Python, which saves time of the compilation.

    Parameters
    ----------
    **options
        Of `numba.njit`.

    Returns
    -------
    callable
    """

    def decorate(function: Callable[..., Any]) -> Any:
        if numba.config.DISABLE_JIT:
            return np.errstate(all="ignore")(function)  # compiled functions do not warn, either
        is_internal = function.__name__.startswith("_")
        dispatcher = numba.njit(
            nogil=True, no_cfunc_wrapper=True, no_cpython_wrapper=is_internal, **options
        )(function)
        try:
            dispatcher.enable_caching()
        except RuntimeError as error:  # there is no folder that can be written
            _warn(str(error))
        else:
            dispatcher._cache = _OptionalCache(dispatcher._cache)
        return dispatcher

    return decorate


def intrinsic(in_python: Callable[..., Any]) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator like `numba.extending.intrinsic`, for an instruction of the processor.

    Parameters
    ----------
    in_python : callable
        Does the same, slowly, where functions are not compiled.

    Returns
    -------
    callable
    """
    return lambda typing: in_python if numba.config.DISABLE_JIT else extending.intrinsic(typing)


class _OptionalCache:
    """A cache of numba that is not used any more after a file of it could not be used.

    numba raises an error if the disk is full, if files belong to another user, or if they are
    damaged.

    Parameters
    ----------
    cache : numba.core.caching.FunctionCache
    """

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def load_overload(self, *arguments: Any) -> Any:
        """Return the compiled function, or None if it is not in the cache."""
        return self._attempt(self._cache.load_overload, *arguments)

    def save_overload(self, *arguments: Any) -> None:
        """Write a compiled function to the cache."""
        self._attempt(self._cache.save_overload, *arguments)

    def _attempt(self, method: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return method(*arguments)
        except Exception as error:  # damaged files raise exceptions of many types
            self._cache.disable()
            _warn(f"{type(error).__name__} in {self._cache.cache_path}: {error}")
            return None


def import_with_cache(name: str) -> ModuleType:
    """Import a package whose own functions need a cache of numba.

    They get a temporary folder, for as long as this process lives, if there is no other one.

    Parameters
    ----------
    name : str

    Returns
    -------
    module
    """
    try:
        return importlib.import_module(name)
    except RuntimeError as error:
        if "cannot cache function" not in str(error):
            raise
    folder = tempfile.mkdtemp(prefix="vmfmix-numba-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, folder
    try:
        return importlib.import_module(name)
    finally:
        numba.config.CACHE_DIR = before


_is_warned = False


def _warn(reason: str) -> None:
    """Warn once in each process that the cache cannot be used."""
    global _is_warned
    if not _is_warned:
        _is_warned = True
        warnings.warn(f"numba's cache cannot be used ({reason}): {_ADVICE}", UserWarning, 2)
