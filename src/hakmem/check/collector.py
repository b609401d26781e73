"""Records in, findings out, while the program runs.

A finding is named and told as soon as its record is there. An error whose stacks were all seen before is
counted without asking for names again, so that a loop of errors costs little.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from hakmem.check import stacks
from hakmem.check.findings import LATE, Called, Done, Finding, Held
from hakmem.check.leaks import Kind, Leak, grouped
from hakmem.check.processes import READABLE, Location, Process, Processes
from hakmem.check.records import (
    Block,
    End,
    Error,
    Module,
    Origin,
    PythonSeen,
    Record,
    Stack,
    Start,
)
from hakmem.check.records import Leak as LeakRecord
from hakmem.check.result import Counted, Left, Program
from hakmem.check.suppressions import Suppressions, proposed
from hakmem.check.symbols import Symbolizer

_NO_STACK: Final = 0


class Collector:
    """What is known of the processes so far."""

    def __init__(self, symbolizer: Symbolizer, suppressions: Suppressions) -> None:
        self._symbolizer = symbolizer
        self._suppressions = suppressions
        self._processes = Processes()
        self._findings: list[Finding] = []
        self._counts: list[int] = []
        self._by_key: dict[tuple[object, ...], int | None] = {}
        self._by_stacks: dict[tuple[object, ...], int | None] = {}
        self._rule_of: dict[tuple[object, ...], int] = {}

    def take(self, records: Iterable[Record]) -> Iterator[Finding]:
        """Reads records; gives each finding that is new, unless a rule leaves it out."""
        waiting: list[tuple[Process, Error]] = []
        for record in records:
            if isinstance(record, Error):
                waiting.append((self._processes.of(record.pid), record))
                waiting[-1][0].errors += 1
            else:
                self._note(record)
        fresh = [(process, error) for process, error in waiting if not self._count_again(process, error)]
        self._symbolizer.learn(
            location
            for process, error in fresh
            for number in _stacks(error)
            for location in _locations(process, number)
        )
        for process, error in fresh:
            found = self._find(process, error)
            if found is not None:
                yield found

    def leaks(self, *, reachable: bool = True) -> tuple[Leak, ...]:
        """What was not freed, without what rules leave out. To be asked once, at the end.

        reachable: whether such leaks are wanted by stack. They may be many: otherwise they are one without.
        """
        recorded = [
            (process, leak, leak.stack if reachable or leak.kind == Kind.LOST else _NO_STACK)
            for process in self._processes.all
            for leak in process.leaks
            if leak.kind in tuple(Kind)
        ]
        self._symbolizer.learn(
            location for process, _, stack in recorded for location in _locations(process, stack)
        )
        every = grouped(
            Leak(Kind(leak.kind), process.exe, leak.bytes, leak.blocks, self._frames(process, stack))
            for process, leak, stack in recorded
        )
        kept: list[Leak] = []
        for leak in every:
            rule = self._suppressions.covers(leak)
            if rule is None:
                kept.append(leak)
            else:
                self._suppressions.used[rule] += 1
        return tuple(kept)

    @property
    def found(self) -> tuple[Counted, ...]:
        """The findings so far, with their counts."""
        return tuple(
            Counted(finding, count, proposed(finding))
            for finding, count in zip(self._findings, self._counts, strict=True)
        )

    @property
    def suppressed(self) -> tuple[Left, ...]:
        """The rules that left something out."""
        rules = self._suppressions
        return tuple(
            Left(rule.name, rule.place, rules.used[at])
            for at, rule in enumerate(rules.rules)
            if rules.used[at]
        )

    @property
    def programs(self) -> tuple[Program, ...]:
        """The processes that were seen."""
        return tuple(_program(process) for process in self._processes.all)

    def _note(self, record: Start | Module | PythonSeen | Stack | LeakRecord | End) -> None:
        if isinstance(record, Start):
            self._processes.start(record)
            return
        process = self._processes.of(record.pid)
        match record:
            case Module():
                process.add_module(record)
            case PythonSeen():
                process.python = record
            case Stack():
                process.add_stack(record)
            case LeakRecord():
                process.leaks.append(record)
            case End():
                process.end = record

    def _count_again(self, process: Process, error: Error) -> bool:
        key = _stack_key(process, error)
        if key not in self._by_stacks:
            return False
        self._count(self._by_stacks[key], key)
        return True

    def _count(self, number: int | None, key: tuple[object, ...]) -> None:
        if number is None:
            self._suppressions.used[self._rule_of[key]] += 1
        else:
            self._counts[number] += 1

    def _find(self, process: Process, error: Error) -> Finding | None:
        stack_key = _stack_key(process, error)
        if stack_key in self._by_stacks:  # an equal one came earlier in the same batch
            self._count(self._by_stacks[stack_key], stack_key)
            return None
        finding = self._named(process, error)
        if finding.key in self._by_key:
            number = self._by_key[finding.key]
            if number is None:
                self._rule_of[stack_key] = self._rule_of[finding.key]
            self._by_stacks[stack_key] = number
            self._count(number, stack_key)
            return None
        rule = self._suppressions.covers(finding)
        if rule is not None:
            self._by_key[finding.key] = self._by_stacks[stack_key] = None
            self._rule_of[finding.key] = self._rule_of[stack_key] = rule
            self._suppressions.used[rule] += 1
            return None
        self._by_key[finding.key] = self._by_stacks[stack_key] = len(self._findings)
        self._findings.append(finding)
        self._counts.append(1)
        return finding

    def _named(self, process: Process, error: Error) -> Finding:
        return Finding(
            number=len(self._findings) + 1,
            kind=error.kind,
            sentence=error.sentence,
            call=error.call,
            when=error.when,
            pid=error.pid,
            program=process.exe,
            tid=error.tid,
            thread=error.thread,
            address=error.address,
            block=self._held(process, error.block),
            neighbour=self._held(process, error.neighbour),
            detected=self._done(process, error.detected),
            damage=error.damage,
            memory=error.memory,
            events=tuple(
                Called(each.call, each.address, each.size, self._frames(process, each.stack))
                for each in error.events
            ),
            note=_python_note(process),
        )

    def _held(self, process: Process, block: Block | None) -> Held | None:
        if block is None:
            return None
        return Held(
            address=block.address,
            size=block.size,
            usable=block.usable,
            size_class=block.size_class,
            state=block.state,
            kind=block.kind,
            allocated=self._done(process, block.allocated),
            freed=self._done(process, block.freed),
        )

    def _done(self, process: Process, origin: Origin | None) -> Done | None:
        return None if origin is None else Done(self._frames(process, origin.stack), origin.tid)

    def _frames(self, process: Process, stack: int) -> tuple[stacks.Frame, ...]:
        return stacks.frames(process.trace(stack), self._symbolizer)


def _stack_key(process: Process, error: Error) -> tuple[object, ...]:
    """Kind, call and stacks by address: whatever has the same of each is the same error."""
    block = error.block
    return (
        process.exe,
        process.version,
        error.kind,
        error.call,
        None if error.when in LATE else _trace(process, error.detected),
        _trace(process, block.allocated if block else None),
        _trace(process, block.freed if block else None),
    )


def _trace(process: Process, origin: Origin | None) -> object:
    return process.trace(origin.stack) if origin else None


def _stacks(error: Error) -> Iterator[int]:
    """The numbers of all stacks that an error refers to."""
    for block in (error.block, error.neighbour):
        for origin in (block.allocated, block.freed) if block else ():
            if origin is not None:
                yield origin.stack
    if error.detected is not None:
        yield error.detected.stack
    yield from (event.stack for event in error.events)


def _locations(process: Process, stack: int) -> tuple[Location, ...]:
    trace = process.trace(stack)
    return trace.native if trace else ()


def _python_note(process: Process) -> str:
    seen = process.python
    if seen is None or seen.status == READABLE:
        return ""
    return f"Python {seen.version}'s frames could not be read: {seen.status}"


def _program(process: Process) -> Program:
    end = process.end or End(process.pid, 0, 0, 0)
    return Program(
        pid=process.pid,
        exe=process.exe,
        version=process.version,
        python=process.python.status if process.python else "",
        ended=process.end is not None,
        errors=process.errors,
        live_bytes=end.live_bytes,
        live_blocks=end.live_blocks,
        unguarded=end.unguarded,
        untold=max(end.errors - process.errors, 0),
    )
