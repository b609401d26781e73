"""What a reader of a check's findings has to know of the run, in sentences."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import PurePath
from typing import Final

from hakmem.check.processes import READABLE
from hakmem.check.reader import Reader
from hakmem.check.result import Counted, Program
from hakmem.check.stacks import Part, culprit
from hakmem.check.suppressions import Rule
from hakmem.report.check.words import counted, printable

_PROBLEMS_MAX: Final = 5
_PROGRAMS_MAX: Final = 5


def of_run(
    *,
    programs: Sequence[Program],
    reader: Reader,
    unused: Sequence[Rule],
    problems: Sequence[str],
    has_tool: bool,
    whole_python: bool,
    running: Collection[int],
    found: Sequence[Counted] = (),
) -> Iterator[str]:
    """All notes of a run.

    found: what was found. reader: of its file. unused: rules that left nothing out. problems: of the
    symbolizer. has_tool: whether that had a tool. whole_python: whether all of Python's blocks were checked.
    running: pids that run on.
    """
    if not programs:
        yield (
            "Nothing was recorded, so nothing was checked: the program ran without the library, as those do"
            " that are linked statically or run with another user's rights."
        )
    if not whole_python:
        yield (
            "Python kept small objects in its own allocator, so that errors in blocks up to 512 bytes may be"
            " missing (--python-malloc malloc, where the interpreter takes it)."
        )
    yield from _first(_programs(programs, running), _PROGRAMS_MAX)
    if reader.torn:
        yield "The record ends within a line: a process was ended while it wrote. What came before is whole."
    if reader.unread:
        yield (
            f"{counted(reader.unread, 'line')} of the record could not be read ({reader.problems[0]}). If the"
            " command and its libraries are of different versions, install hakmem again."
        )
    if not has_tool and any(each.errors for each in programs):
        yield "Inlined functions are not told: no llvm-symbolizer or addr2line (packages llvm, binutils)."
    yield from _first(problems, _PROBLEMS_MAX)
    for module in _without_lines(found):
        yield (
            f"{module} has no debug information: compiled with -g, or with its package of debug symbols"
            " installed, its lines are told."
        )
    for rule in unused:
        yield f"The rule [{printable(rule.name)}] ({printable(rule.place)}) left nothing out."


def _without_lines(found: Sequence[Counted]) -> Iterator[str]:
    """The modules in which errors are and whose lines are unknown."""
    innermost = (culprit(stack) for each in found for stack in each.finding.stacks.values())
    modules = {
        frame.module: None
        for frame in innermost
        if frame is not None and frame.part is Part.PROGRAM and frame.module and not frame.line
    }
    return _first([PurePath(module).name for module in modules], _PROGRAMS_MAX)


def _programs(programs: Sequence[Program], running: Collection[int]) -> Iterator[str]:
    for each in programs:
        who = f"Process {each.pid} ({printable(PurePath(each.exe).name) or 'of unknown program'})"
        if each.pid in running:
            yield f"{who} still runs; what it does from now on is not checked."
        elif not each.ended:
            yield f"{who} did not end by exit: its blocks were not looked at in the end."
        if each.python not in ("", READABLE):
            yield f"{who}: Python frames could not be read: {printable(each.python)}."
        if each.untold:
            yield f"{who} made {counted(each.untold, 'further error')}, which it only counted."
        if each.unguarded:
            yield f"{who}: {counted(each.unguarded, 'block')} had no guard pages, for want of mappings."


def _first(sentences: Iterable[str], most: int) -> Iterator[str]:
    """The first few: what is true of five is seldom news of the sixth."""
    return (printable(sentence) for sentence in islice(sentences, most))
