"""Single files of tables: .parquet, .feather, .arrow, .csv, .tsv and .jsonl, read in batches."""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from vmfmix.storage.requirements import validate_installed

SUFFIXES = (".parquet", ".feather", ".arrow", ".csv", ".tsv", ".jsonl", ".ndjson")
_DELIMITERS = {".csv": ",;\t", ".tsv": "\t"}  # the one that is most frequent in the first line
_JSON = (".jsonl", ".ndjson")
_BATCH_ROWS = 4096
_BLOCK_BYTES = 2**24  # of text that is parsed at once, and thus the longest line


class Part:
    """One file of a table; each kind of file is a subclass.

    Parameters
    ----------
    path : pathlib.Path

    Attributes
    ----------
    schema : pyarrow.Schema
    n_rows : int
        0 if it is known only when the rows are read.
    """

    schema: Any
    n_rows = 0

    def __init__(self, path: Path) -> None:
        self.path = path

    def batches(self, names: Sequence[str]) -> Iterator[Any]:
        """Yield record batches that have the columns with these names, in any order."""
        return self._undamaged(self._batches, names)

    def batches_as_written(self, names: Sequence[str]) -> Iterator[Any]:
        """Yield record batches in which values of files of text stay text."""
        return self.batches(names)

    def _batches(self, names: Sequence[str]) -> Iterator[Any]:
        raise NotImplementedError

    def _undamaged(self, function: Callable[..., Iterator[Any]], *arguments: Any) -> Iterator[Any]:
        """Yield from ``function(*arguments)``; raise ValueError if pyarrow cannot read the file."""
        import pyarrow as pa

        self.path.open("rb").close()  # raises an error of its own if the file cannot be opened
        try:
            yield from function(*arguments)
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            suffix = self.path.suffix.lower()
            reason = ""
            if suffix in _DELIMITERS or suffix in _JSON:
                reason = f" ({' '.join(str(error).split())[:200]})"
            raise ValueError(f"{self.path} is not a complete {suffix} file{reason}.") from None


def open_part(path: Path) -> Part:
    """Open a file whose name ends with one of the `SUFFIXES`.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    Part

    Raises
    ------
    ValueError
        If pyarrow is not installed, or if the file is damaged.
    """
    validate_installed("pyarrow", path)
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return _ParquetPart(path)
    if suffix in _DELIMITERS:
        return _CsvPart(path)
    return _JsonPart(path) if suffix in _JSON else _ArrowPart(path)


# Files are opened here, as pyarrow cannot open names that are not in UTF-8.


class _ParquetPart(Part):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        ((self.schema, self.n_rows),) = self._undamaged(self._read_footer)

    def _read_footer(self) -> Iterator[Any]:
        import pyarrow.parquet as pq

        with self.path.open("rb") as file, pq.ParquetFile(file) as parquet:
            yield parquet.schema_arrow, parquet.metadata.num_rows

    def _batches(self, names: Sequence[str]) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        n_rows = 0
        # Columns are read page by page; by default, pyarrow keeps all that it has read of a file.
        options = {"buffer_size": 2**20, "pre_buffer": False}
        with self.path.open("rb") as file, pq.ParquetFile(file, **options) as parquet:
            for batch in parquet.iter_batches(_BATCH_ROWS, columns=list(names)):
                n_rows += len(batch)
                yield batch
        if n_rows != self.n_rows:
            raise pa.ArrowInvalid("The file has another number of rows than it states.")


class _ArrowPart(Part):
    """A file or a stream of Arrow's format for communication between processes."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        (self.schema,) = self._undamaged(self._read_schema)

    def _read_schema(self) -> Iterator[Any]:
        yield self._reader(None).schema

    def _batches(self, names: Sequence[str]) -> Iterator[Any]:
        reader = self._reader([self.schema.get_field_index(name) for name in names])
        is_file = hasattr(reader, "num_record_batches")
        numbers = range(reader.num_record_batches) if is_file else ()
        for batch in map(reader.get_batch, numbers) if is_file else reader:
            batch.validate(full=True)  # offsets out of range would read arbitrary memory
            for start in range(0, len(batch), _BATCH_ROWS):
                yield batch[start : start + _BATCH_ROWS]

    def _reader(self, fields: list[int] | None) -> Any:
        import pyarrow as pa

        if self.path.stat().st_size == 0:
            raise pa.ArrowInvalid("The file is empty.")
        with self.path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        source = pa.BufferReader(pa.py_buffer(mapped))
        options = pa.ipc.IpcReadOptions(**({} if fields is None else {"included_fields": fields}))
        is_file = mapped[:6] == b"ARROW1"
        open_reader = pa.ipc.open_file if is_file else pa.ipc.open_stream
        return open_reader(source, options=options)


class _CsvPart(Part):
    """A file of text, whose first line has names unless it is a line of numbers."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._has_names = True
        (self._table,) = self._undamaged(self._read)
        self.schema, self.n_rows = self._table.schema, self._table.num_rows

    def batches_as_written(self, names: Sequence[str]) -> Iterator[Any]:
        return self._undamaged(self._batches_of_text, names)

    def _batches(self, names: Sequence[str]) -> Iterator[Any]:
        yield from self._table.select(list(names)).to_batches(_BATCH_ROWS)

    def _batches_of_text(self, names: Sequence[str]) -> Iterator[Any]:
        import pyarrow as pa

        types = {name: pa.binary() for name in names}  # not all need to be in UTF-8
        yield from self._parsed(include_columns=list(names), column_types=types).to_batches()

    def _read(self) -> Iterator[Any]:
        table = self._parsed()
        fraction = next((name for name in table.column_names if _is_fraction(name)), None)
        if fraction is not None:
            if not all(map(_is_number, table.column_names)):
                raise ValueError(
                    f"{self.path} has the number {fraction} in its first line, which must have the "
                    "names of the columns; add a line of names."
                )
            self._has_names = False
            table = self._parsed()
        yield table

    def _parsed(self, **convert: Any) -> Any:
        from pyarrow import csv

        with self.path.open(encoding="utf-8", errors="replace") as lines:
            header = lines.readline()
        delimiter = max(_DELIMITERS[self.path.suffix.lower()], key=header.count)
        with self.path.open("rb") as file:
            return csv.read_csv(
                file,
                csv.ReadOptions(
                    block_size=_BLOCK_BYTES, autogenerate_column_names=not self._has_names
                ),
                csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                csv.ConvertOptions(**convert),
            )


class _JsonPart(Part):
    """A file with one JSON object on each line."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        (self._table,) = self._undamaged(self._read)
        self.schema, self.n_rows = self._table.schema, self._table.num_rows

    def _batches(self, names: Sequence[str]) -> Iterator[Any]:
        yield from self._table.select(list(names)).to_batches(_BATCH_ROWS)

    def _read(self) -> Iterator[Any]:
        import pyarrow as pa

        table = self._parsed()
        times = [each.name for each in table.schema if pa.types.is_timestamp(each.type)]
        # Texts that look like times stay as they are written.
        yield self._parsed(pa.schema([(name, pa.string()) for name in times])) if times else table

    def _parsed(self, schema: Any = None) -> Any:
        from pyarrow import json

        with self.path.open("rb") as file:
            return json.read_json(
                file,
                json.ReadOptions(block_size=_BLOCK_BYTES),
                json.ParseOptions(explicit_schema=schema),
            )


def _is_fraction(name: str) -> bool:
    """Return whether the name of a column is a number with a fraction, and thus no name."""
    return _is_number(name) and not float(name).is_integer()


def _is_number(name: str) -> bool:
    try:
        return math.isfinite(float(name))
    except ValueError:
        return False
