"""Talks to a library of HAKMEM through its C doors; the only file that does.

The library is opened beside the allocator that the process runs on, and allocates for nobody here.
"""

import ctypes
from pathlib import Path

from hakmem.errors import HakmemError


class Library:
    """An opened library."""

    def __init__(self, path: Path) -> None:
        """Opens the library at `path`; HakmemError when it is none of HAKMEM's."""
        try:
            doors = ctypes.CDLL(str(path))
            doors.hak_version.restype = doors.hak_build_info.restype = ctypes.c_char_p
            doors.hak_stats_json.restype = ctypes.c_size_t
            doors.hak_stats_json.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
        except (OSError, AttributeError) as error:
            raise HakmemError(f"cannot open the library {str(path)!r}: {error}") from None
        self._doors = doors

    @property
    def version(self) -> str:
        """The version that the library was built as."""
        return self._text(self._doors.hak_version())

    @property
    def build_info(self) -> str:
        """The compiler and the flags that it was built with."""
        return self._text(self._doors.hak_build_info())

    def stats_json(self) -> str:
        """The library's statistics as JSON of the schema "hakmem-stats/1"."""
        size = 1 << 12
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = self._doors.hak_stats_json(buffer, size)
            if length < size:
                return buffer.value.decode()
            size = 2 * length  # it may grow between two calls

    @staticmethod
    def _text(value: bytes) -> str:
        return value.decode()
