"""The file that the processes of a command append to, read while they run.

Processes write whole lines, and one that is killed may leave its last one torn: a line counts once it has its
newline, and what another process wrote behind a torn one counts. What cannot be read costs that line alone.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from hakmem.check.lines import RecordError, parse
from hakmem.check.records import Record

_CHUNK_B: Final = 1 << 20
_LINE_MAX_B: Final = 4 << 20
"""Bytes; a line of the core has some thousand."""
_BEGINNING: Final = b'{"type":'
"""How the core begins a line."""
_PROBLEMS_MAX: Final = 5
"""How many unreadable lines are told in words; all are counted."""


class Reader:
    """Reads `path` from its beginning, each part once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""
        self._line = 0
        self._skipping = False
        self.unread = 0
        """Lines that were not read."""
        self.problems: list[str] = []
        """The first of them, with line number and reason."""
        self.torn = False
        """Whether the file ends within a line."""

    def poll(self) -> Iterator[Record]:
        """The records whose lines have become whole since the last call."""
        for line in self._lines():
            self._line += 1
            if not line.strip():
                continue
            record = self._parse(line)
            if record is not None:
                yield record
        self.torn = bool(self._rest) or self._skipping

    def _parse(self, line: bytes) -> Record | None:
        try:
            return parse(line)
        except RecordError as error:
            self._problem(str(error))
        behind = line.rfind(_BEGINNING)
        try:
            return parse(line[behind:]) if behind > 0 else None
        except RecordError:
            return None

    def _lines(self) -> Iterator[bytes]:
        for chunk in self._chunks():
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                if self._skipping:
                    self._skipping = False
                    line = b""  # noqa: PLW2901  (the end of a line that was told already)
                yield line
            if len(self._rest) > _LINE_MAX_B or self._skipping:
                self._skip()

    def _skip(self) -> None:
        if not self._skipping:
            self._skipping = True
            self._line += 1
            self._problem(f"it is longer than {_LINE_MAX_B >> 20} MiB")
            self._line -= 1
        self._rest = b""

    def _chunks(self) -> Iterator[bytes]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                while chunk := file.read(_CHUNK_B):
                    self._offset += len(chunk)
                    yield chunk
        except OSError as error:
            self._problem(f"the file cannot be read: {error.strerror}")

    def _problem(self, what: str) -> None:
        self.unread += 1
        if len(self.problems) < _PROBLEMS_MAX:
            self.problems.append(f"line {self._line}: {what}")
