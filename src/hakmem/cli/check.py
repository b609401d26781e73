"""`hakmem check`: runs a program on the debug flavour and tells its memory errors, as lines of source."""

import os
import sys
import tempfile
from argparse import Namespace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

from hakmem.check import suppressions, symbols, watch
from hakmem.check.collector import Collector
from hakmem.check.reader import Reader
from hakmem.check.result import Result
from hakmem.check.suppressions import Suppressions
from hakmem.check.symbols import Symbolizer
from hakmem.cli import check_arguments, terminal
from hakmem.cli.lab_arguments import recorded, write
from hakmem.cli.starting import Ready, prepare
from hakmem.cpython import Choice, python_among
from hakmem.launch import PYTHON_MALLOC
from hakmem.report.check import data, notes, text

_FLAVOUR: Final = "debug"
_BATCH: Final = 1000
"""Records that are taken at once, which bounds memory where a program errs without end."""


def execute(words: list[str]) -> int:
    """Runs the program, tells what was found, and returns the exit code."""
    arguments, command = check_arguments.parse(words)
    rules = Suppressions([rule for path in arguments.suppressions for rule in suppressions.load(path)])
    tool = symbols.choose(arguments.symbolizer, os.environ.get("PATH", os.defpath))
    with tempfile.TemporaryDirectory(prefix="hakmem-check-") as directory:
        record = Path(directory) / "record"
        record.touch(mode=0o600)
        settings = check_arguments.settings(arguments, record)
        ready = prepare(command, _FLAVOUR, settings, Choice(arguments.python_malloc))
        check = _Check(arguments, Reader(record), Symbolizer(tool), rules)
        result = check.run(ready, recorded("check", words))
    sys.stderr.write(text.closing(result, check.style, reachable=arguments.leaks == check_arguments.ALL))
    sys.stderr.flush()
    _store(arguments, result)
    return result.exit_code(fail_on_leak=arguments.fail_on_leak)


class _Check:
    """One run: what is found is told at once, and kept."""

    def __init__(
        self, arguments: Namespace, reader: Reader, symbolizer: Symbolizer, rules: Suppressions
    ) -> None:
        self._reader = reader
        self._symbolizer = symbolizer
        self._rules = rules
        self._collector = Collector(symbolizer, rules)
        self._leaks = arguments.leaks is not None or arguments.fail_on_leak
        self._reachable = arguments.leaks == check_arguments.ALL
        self.style = text.Style(
            width=terminal.width(sys.stderr),
            colour=terminal.colour(sys.stderr),
            here=str(Path.cwd()),
            everything=arguments.all,
            rules=arguments.gen_suppressions,
        )

    def run(self, ready: Ready, command: str) -> Result:
        """The program's life, and what came of it."""
        path, argv = ready.program.argv(list(ready.command))
        ending = watch.run(path, argv, ready.environment, self._tell)
        self._tell()
        leaks = self._collector.leaks(reachable=self._reachable) if self._leaks else None
        programs = self._collector.programs
        told = notes.of_run(
            programs=programs,
            found=self._collector.found,
            reader=self._reader,
            unused=self._rules.unused,
            problems=self._symbolizer.problems,
            has_tool=self._symbolizer.has_tool,
            whole_python=_checks_all_of_python(ready),
            running=[each.pid for each in programs if not each.ended and _runs(each.pid, each.exe)],
        )
        return Result(
            command=command,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            ending=ending,
            programs=programs,
            found=self._collector.found,
            leaks=leaks,
            suppressed=self._collector.suppressed,
            notes=tuple(told),
        )

    def _tell(self) -> None:
        records = self._reader.poll()
        while batch := list(islice(records, _BATCH)):
            for finding in self._collector.take(batch):
                sys.stderr.write(text.finding(finding, self.style))
                sys.stderr.flush()


def _checks_all_of_python(ready: Ready) -> bool:
    """Whether there is no interpreter, or one whose objects are blocks of the library."""
    without = python_among(ready.program.files) is None
    return without or ready.environment.get(PYTHON_MALLOC, "").startswith("malloc")


def _runs(pid: int, exe: str) -> bool:
    """Whether that very program still runs in the process."""
    try:
        return str(Path(f"/proc/{pid}/exe").readlink()) == exe
    except OSError:
        return False


def _store(arguments: Namespace, result: Result) -> None:
    if arguments.json is not None:
        write(arguments.json, data.dumps(result))
    if arguments.html is not None:
        from hakmem.report.check import page  # noqa: PLC0415  (which only this needs)

        write(arguments.html, page.page(result))
