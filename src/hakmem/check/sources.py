"""Lines of source files, as far as they can be read here."""

from functools import lru_cache
from pathlib import Path
from typing import Final

_FILE_MAX_B: Final = 16 << 20
_LINE_MAX: Final = 200
"""Characters of a line that are kept."""


def line_of(file: str, line: int) -> str:
    """A line without the blanks around it; "" when there is none."""
    lines = _lines(file) if file.startswith("/") else ()
    if not 0 < line <= len(lines):
        return ""
    text = lines[line - 1][: 4 * _LINE_MAX].decode("utf-8", "replace").strip()
    return text if len(text) <= _LINE_MAX else f"{text[:_LINE_MAX]}..."


@lru_cache(maxsize=64)
def _lines(file: str) -> tuple[bytes, ...]:
    try:
        path = Path(file)
        if not path.is_file() or path.stat().st_size > _FILE_MAX_B:
            return ()
        return tuple(path.read_bytes().splitlines())
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return ()
