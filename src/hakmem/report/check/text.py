"""Findings as text for people: each in full as it is found; in the end leaks, notes and one closing line."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from hakmem.check import sources
from hakmem.check.findings import Finding
from hakmem.check.leaks import Kind, Leak
from hakmem.check.result import Counted, Result
from hakmem.check.stacks import Frame, Part, culprit, shown
from hakmem.check.suppressions import proposed
from hakmem.report.check import dump, words
from hakmem.report.text import item, rendered

EVENTS: Final = 4
"""Calls of the thread that are shown unless all are wanted."""
LEAKS: Final = 20
"""Groups of leaks that are shown; the files have all."""

_INDENT: Final = 2
_QUIET: Final = (Part.SYSTEM, Part.INTERPRETER, Part.ALLOCATOR)


@dataclass(frozen=True, slots=True)
class Style:
    """How text is written.

    width: columns. here: the directory that paths are told from. everything: all frames and all calls of the
    thread. rules: with a suppression for each finding.
    """

    width: int
    colour: bool
    here: str
    everything: bool = False
    rules: bool = False


def finding(found: Finding, style: Style) -> str:
    """One finding in full, with a blank line behind it."""
    return rendered(_finding(found, style), style.width, colour=style.colour) + "\n"


def closing(result: Result, style: Style, *, reachable: bool = False) -> str:
    """What is said at the end; reachable: whether such leaks are listed, too."""
    return rendered(_closing(result, style, reachable=reachable), style.width, colour=style.colour)


def _finding(found: Finding, style: Style) -> Iterator[RenderableType]:
    head = Text(f"error {found.number}: ", style="bold red")
    head.append(words.title(found.kind), style="bold")
    yield head
    yield Text(words.sentence(found))
    yield ""
    yield _indented(_facts(found))
    for title, done in words.parts(found):
        yield ""
        yield from _stack(title, done.stack, style)
    rows = list(dump.rows(found))
    if rows:
        marked = any(octet.damaged for row in rows for octet in row.octets)
        yield ""
        yield _indented(Text(f"bytes around it{'; what is wrong stands in [ ]' if marked else ''}"))
        yield from (_indented(row, 2) for row in _dump(rows))
    if found.events:
        yield ""
        yield from _events(found, style)
    if style.rules:
        yield ""
        yield _indented(Text("a rule for --suppressions that leaves it out"))
        yield _indented(Text(words.printable_lines(proposed(found)), style="dim"), 2)


def _facts(found: Finding) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, fact in words.facts(found):
        table.add_row(name, fact)
    return table


def _stack(title: str, stack: Sequence[Frame], style: Style) -> Iterator[RenderableType]:
    yield _indented(Text(title, style="bold"))
    if not stack:
        yield _indented(Text("no stack was kept", style="dim"), 2)
        return
    frames, hidden = (tuple(stack), 0) if style.everything else shown(stack)
    names = [words.function(frame) for frame in frames]
    column = min(max(map(len, names)), max(20, style.width * 2 // 5))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold", max_width=column)
    table.add_column(overflow="fold")
    first = culprit(frames)
    for name, frame in zip(names, frames, strict=True):
        quiet = frame.part in _QUIET
        table.add_row(
            Text(name, style="bold" if frame is first else "dim" if quiet else ""),
            _place(frame, style, style.width - 2 * _INDENT - column - 2, quiet=quiet),
        )
    yield _indented(table, 2)
    if hidden:
        more = words.counted(hidden, "further frame")
        yield _indented(Text(f"{more} left out (--all shows all)", style="dim"), 2)


def _place(frame: Frame, style: Style, width: int, *, quiet: bool) -> Text:
    """Where a frame is, and below it the line of source, as far as it fits into `width`."""
    place = Text(words.place(frame, style.here), style="dim" if quiet else "")
    line = "" if quiet else words.printable(sources.line_of(frame.file, frame.line))
    if line:
        room = max(width - _INDENT, 20)
        cut = line if len(line) <= room else f"{line[: room - 3]}..."
        place.append(f"\n{' ' * _INDENT}{cut}", style="cyan")
    return place


def _dump(rows: Sequence[dump.Row]) -> Iterator[Text]:
    longest = max(len(row.label) for row in rows)
    for row in rows:
        text = Text(f"{row.label:>{longest}} ", style="dim")
        for piece, damaged in row.pieces:
            text.append(piece, style="bold red" if damaged else "not dim")
        text.append(f" |{row.characters}|")
        yield text


def _events(found: Finding, style: Style) -> Iterator[RenderableType]:
    events = found.events if style.everything else found.events[:EVENTS]
    more = len(found.events) - len(events)
    tail = f" (--all shows {more} more)" if more else ""
    yield _indented(Text(f"last calls of the thread, newest first{tail}"))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(style="dim", overflow="fold")
    for event in events:
        frame = culprit(event.stack)
        at = f"{words.function(frame)}  {words.place(frame, style.here)}" if frame else ""
        table.add_row(words.event(event), at)
    yield _indented(table, 2)


def _closing(result: Result, style: Style, *, reachable: bool) -> Iterator[RenderableType]:
    repeated = [each for each in result.found if each.count > 1]
    if repeated:
        yield Text("seen again", style="bold")
        yield from (_indented(Text(line)) for line in _repeats(repeated))
        yield ""
    if result.leaks is not None:
        yield from _leaks(result.leaks, style, reachable=reachable)
    notes = [*result.notes]
    if notes:
        yield from map(item, notes)
        yield ""
    how = words.ending(result.ending)
    if how:
        yield Text(how)
    bad = bool(result.errors)
    yield Text(f"hakmem check: {words.totals(result)}", style="bold red" if bad else "bold")


def _repeats(found: Iterable[Counted]) -> Iterator[str]:
    for each in found:
        number = each.finding.number
        yield f"error {number}, {words.title(each.finding.kind)}: {words.counted(each.count, 'time')} in all"


def _leaks(leaks: Sequence[Leak], style: Style, *, reachable: bool) -> Iterator[RenderableType]:
    for kind, listed in ((Kind.LOST, True), (Kind.REACHABLE, reachable)):
        group = [leak for leak in leaks if leak.kind is kind]
        if not group:
            continue
        total = (
            f"{words.size(sum(each.bytes for each in group))} in"
            f" {words.counted(sum(each.blocks for each in group), 'block')}"
        )
        if not listed:
            yield Text(f"still reachable: {total} (--leaks=all lists them)")
            yield ""
            continue
        head = "lost: nothing points to it any more" if kind is Kind.LOST else "still reachable at the end"
        yield Text.assemble((head, "bold"), f", {total}")
        yield ""
        for leak in group[:LEAKS]:
            yield from _stack(f"{words.amount([leak])}, allocated", leak.stack, style)
            if style.rules:
                yield _indented(Text(words.printable_lines(proposed(leak)), style="dim"), 2)
            yield ""
        if len(group) > LEAKS:
            yield _indented(
                Text(f"and {words.counted(len(group) - LEAKS, 'further place')} (--json has them)")
            )
            yield ""


def _indented(part: RenderableType, levels: int = 1) -> RenderableType:
    return Padding(part, (0, 0, 0, _INDENT * levels))
