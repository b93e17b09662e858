"""Reuse of the arrays of a pass: fresh memory costs a page fault every few kilobytes."""

from collections.abc import Callable, Iterable
from typing import Any


class Workspace:
    """Allocated arrays that passes take and give back, of one size for each allocating function.

    Several threads may use it at the same time.
    """

    def __init__(self) -> None:
        # For each allocating function: its last arguments, and the free results for them.
        self._free: dict[Callable[..., Any], tuple[Any, list[Any]]] = {}

    def take(self, allocate: Callable[..., Any], *sizes: Any) -> Any:
        """Return ``allocate(*sizes)``, or an earlier result that was given back, uncleared."""
        stored_sizes, free = self._free.get(allocate, (None, []))
        if stored_sizes != sizes:
            self._free[allocate] = sizes, []
            return allocate(*sizes)
        try:
            return free.pop()
        except IndexError:
            return allocate(*sizes)

    def give_back(self, results: Iterable[Any], allocate: Callable[..., Any], *sizes: Any) -> None:
        """Accept results of `take` for the same sizes, which the caller no longer uses."""
        stored_sizes, free = self._free.get(allocate, (None, []))
        if stored_sizes == sizes:
            free.extend(results)
