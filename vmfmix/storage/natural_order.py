"""The natural order of file names, in which numbers count as numbers."""

import re
from pathlib import PurePath


def natural_key(path: PurePath) -> tuple[tuple[str | int, ...], ...]:
    """Return a sort key by which numbers in names count as numbers.

    Examples
    --------
    >>> from pathlib import Path
    >>> from vmfmix.storage.natural_order import natural_key
    >>> [path.name for path in sorted([Path("part-10"), Path("part-2")], key=natural_key)]
    ['part-2', 'part-10']
    """
    return tuple(
        tuple(int(piece) if piece.isdecimal() else piece for piece in re.split(r"(\d+)", part))
        for part in path.parts
    )
