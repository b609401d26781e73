"""Reads what the full checks recorded of a program: it must have been checked, and be without an error."""

import os
from pathlib import Path

from hakmem.check import symbols
from hakmem.check.collector import Collector
from hakmem.check.reader import Reader
from hakmem.check.suppressions import Suppressions
from hakmem.check.symbols import Symbolizer
from hakmem.report.check import text

_WIDTH = 120
_ERRORS_SHOWN = 3


def assert_no_error(what: str, record: Path) -> None:
    """``what`` ran under full checks, and neither it nor a child of it was found wrong."""
    tool = symbols.choose(symbols.AUTO, os.environ.get("PATH", os.defpath))
    reader = Reader(record)
    collector = Collector(Symbolizer(tool), Suppressions([]))
    found = list(collector.take(reader.poll()))
    style = text.Style(width=_WIDTH, colour=False, here=str(Path.cwd()))
    told = "\n".join(text.finding(each, style) for each in found[:_ERRORS_SHOWN])
    assert not found, f"{what}: {len(found)} errors were found:\n{told}"
    assert not reader.unread, f"{what}: its record has lines that cannot be read: {reader.problems}"
    uncounted = sum(process.errors for process in collector.programs)
    assert not uncounted, f"{what}: {uncounted} errors were counted and not told"
    # Not all of them: a shell, for one, ends without its exit handlers.
    assert any(process.ended for process in collector.programs), f"{what} was not checked"
