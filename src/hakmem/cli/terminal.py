"""What a stream of this process can show."""

import os
import shutil
from typing import Final, TextIO

PIPED_WIDTH: Final = 100
"""Columns of text that goes into a file or a pipe; wide enough for six allocators."""


def width(stream: TextIO) -> int:
    """The columns of lines on `stream`."""
    return shutil.get_terminal_size((PIPED_WIDTH, 24)).columns if stream.isatty() else PIPED_WIDTH


def colour(stream: TextIO) -> bool:
    """Whether `stream` is a terminal whose user wants colours (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
