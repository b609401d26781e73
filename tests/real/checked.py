"""Reads what the full checks recorded of a program: it must have been checked, and be without an error.

LOG names a file to which each program adds a line of what was found, for tools/check-real.
"""

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path

from hakmem.check import symbols
from hakmem.check.collector import Collector
from hakmem.check.reader import Reader
from hakmem.check.suppressions import Suppressions
from hakmem.check.symbols import Symbolizer
from hakmem.report.check import text

LOG = "HAKMEM_TEST_CHECKS_LOG"
_WIDTH = 120
_ERRORS_SHOWN = 3


def assert_no_error(
    what: str, record: Path, settings: Mapping[str, str], on_purpose: Collection[str] = ()
) -> None:
    """``what`` ran under full checks, and neither it nor a child of it was found wrong.

    on_purpose: kinds of errors that it makes because its test wants them; each of them must be told.
    """
    tool = symbols.choose(symbols.AUTO, os.environ.get("PATH", os.defpath))
    reader = Reader(record)
    collector = Collector(Symbolizer(tool), Suppressions([]))
    told_all = list(collector.take(reader.poll()))
    found = [finding for finding in told_all if finding.kind not in on_purpose]
    style = text.Style(width=_WIDTH, colour=False, here=str(Path.cwd()))
    told = "\n".join(text.finding(each, style) for each in found[:_ERRORS_SHOWN])
    if LOG in os.environ:
        _note(what, collector, settings, wanted=len(told_all) - len(found))
    assert not found, f"{what}: {len(found)} errors were found:\n{told}"
    assert not reader.unread, f"{what}: its record has lines that cannot be read: {reader.problems}"
    assert {finding.kind for finding in told_all} == set(on_purpose), f"{what}: an error was not told"
    uncounted = sum(process.errors for process in collector.programs) - len(told_all)
    assert not uncounted, f"{what}: {uncounted} errors were counted and not told"
    # Not all of them: a shell, for one, ends without its exit handlers.
    assert any(process.ended for process in collector.programs), f"{what} was not checked"


def _note(what: str, collector: Collector, settings: Mapping[str, str], wanted: int) -> None:
    chosen = {name.removeprefix("HAKMEM_CHECK_").lower(): value for name, value in settings.items()}
    chosen.pop("on_error", None)
    line = {
        "test": os.environ.get("PYTEST_CURRENT_TEST", "").removesuffix(" (call)").removesuffix(" (setup)"),
        "command": what,
        "settings": " ".join(f"{name}={value}" for name, value in sorted(chosen.items())),
        "processes": len(collector.programs),
        "errors": sum(process.errors for process in collector.programs) - wanted,
    }
    with Path(os.environ[LOG]).open("a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
