"""Messages of Lightning and torch that are hidden, as users need not act on them."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_IGNORED_WARNINGS = (
    ".*exists and is not empty",
    ".*LeafSpec.*",
    ".*does not have many workers",
    ".*all_gather is deprecated",
)


def ignore_warnings_of_lightning() -> None:
    """Ignore warnings that users need not act on, until the filters are restored."""
    for pattern in _IGNORED_WARNINGS:
        warnings.filterwarnings("ignore", pattern)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Hide what Lightning reports on its own, and the warnings that each process repeats."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            ignore_warnings_of_lightning()
            if os.environ.get("LOCAL_RANK", "0") != "0":
                warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
