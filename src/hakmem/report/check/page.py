"""What a check found as one file for a browser: it asks nobody for anything and needs no script.

The content security policy in the page forbids scripts and requests altogether, and everything that a program
named is escaped, so that a page made from a hostile program's record stays words.
"""

from collections.abc import Iterable, Iterator, Sequence
from importlib import resources
from itertools import groupby
from pathlib import PurePath
from string import Template

from hakmem.check import sources
from hakmem.check.findings import Done, Finding
from hakmem.check.leaks import Kind, Leak
from hakmem.check.result import Counted, Program, Result
from hakmem.check.stacks import Frame, Part, culprit, shown
from hakmem.check.suppressions import proposed
from hakmem.report.check import dump, words
from hakmem.report.page.frame import framed
from hakmem.report.page.markup import NOTHING, items, text


def page(result: Result) -> str:
    """The whole page as text, to be written as UTF-8."""
    sections = [
        *([("Errors", "errors")] if result.found else []),
        *([("Leaks", "leaks")] if result.leaks else []),
        ("The run", "run"),
    ]
    title = words.totals(result).removesuffix(".")
    content = Template(_read("template.html")).substitute(
        headline=text(title),
        summary=text(f"{result.created}, {_programs(result.programs)}"),
        ending=_paragraph(words.ending(result.ending)),
        notes=items(result.notes),
        notes_hidden="" if result.notes else "hidden",
        contents=_contents(result.found),
        errors=_errors(result.found),
        leaks=_leaks(result.leaks),
        command=text(words.printable(result.command)),
        processes="".join(map(_process, result.programs)),
        suppressed=_suppressed(result),
    )
    return framed(
        content, title=title, command="check", brand="check", sections=sections, style=_read("style.css")
    )


def _read(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _paragraph(sentence: str) -> str:
    return f'<p class="how">{text(sentence)}</p>' if sentence else ""


def _programs(programs: Sequence[Program]) -> str:
    names = dict.fromkeys(words.printable(PurePath(each.exe).name) for each in programs)
    return ", ".join(filter(None, names)) or "no program"


def _contents(found: Sequence[Counted]) -> str:
    """A list of all errors, where there are several."""
    if len(found) < 2:
        return ""
    entries = "".join(
        f'<li><a href="#error-{each.finding.number}">{text(words.title(each.finding.kind))}</a>'
        f" <small>{text(_culprit(each.finding))}{text(_again(each.count))}</small></li>"
        for each in found
    )
    return f'<ol class="contents">{entries}</ol>'


def _culprit(found: Finding) -> str:
    stacks = found.stacks
    frame = culprit(stacks.get("detected") or stacks.get("allocated") or ())
    return _at(frame)


def _again(count: int) -> str:
    return f" {words.counted(count, 'time')}" if count > 1 else ""


def _errors(found: Sequence[Counted]) -> str:
    if not found:
        return ""
    return f'<section id="errors" aria-label="Errors">{"".join(map(_error, found))}</section>'


def _error(counted: Counted) -> str:
    found = counted.finding
    facts = "".join(f"<dt>{text(name)}</dt><dd>{text(fact)}</dd>" for name, fact in words.facts(found))
    again = f'<span class="again">{text(_again(counted.count))}</span>' if counted.count > 1 else ""
    return (
        f'<article class="error" id="error-{found.number}" aria-labelledby="title-{found.number}">'
        f'<h2 id="title-{found.number}"><span class="number">{found.number}</span>'
        f"{text(words.title(found.kind))}{again}</h2>"
        f'<p class="sentence">{text(words.sentence(found))}</p>'
        f'<dl class="facts">{facts}</dl>'
        + "".join(_stack(title, done.stack) for title, done in _parts(found))
        + _dump(found)
        + _events(found)
        + _rule(counted.suppression)
        + "</article>"
    )


def _parts(found: Finding) -> Iterator[tuple[str, Done]]:
    for title, done in words.parts(found):
        yield title[:1].upper() + title[1:], done


def _stack(title: str, stack: Sequence[Frame]) -> str:
    """The frames that help, and all of them behind a click where some were left out."""
    head = f"<h3>{text(title)}</h3>"
    if not stack:
        return f'{head}<p class="how">No stack was kept.</p>'
    frames, hidden = shown(stack)
    more = f"<details><summary>All {len(stack)} frames</summary>{_frames(stack)}</details>" if hidden else ""
    return f"{head}{_frames(frames)}{more}"


def _frames(frames: Sequence[Frame]) -> str:
    first = culprit(frames)
    return f'<ol class="frames">{"".join(_frame(frame, frame is first) for frame in frames)}</ol>'


def _frame(frame: Frame, is_culprit: bool) -> str:
    quiet = frame.part not in (Part.PROGRAM, Part.PYTHON)
    kind = "culprit" if is_culprit else "quiet" if quiet else ""
    line = "" if quiet else sources.line_of(frame.file, frame.line)
    source = f'<span class="source">{text(words.printable(line))}</span>' if line else ""
    return (
        f'<li class="{kind}"><span class="function">{text(words.function(frame))}</span>'
        f'<span class="where">{text(words.place(frame, ""))}</span>{source}</li>'
    )


def _dump(found: Finding) -> str:
    rows = list(dump.rows(found))
    if not rows:
        return ""
    longest = max(len(row.label) for row in rows)
    lines = "\n".join(f"{text(row.label.rjust(longest))} {_octets(row)}" for row in rows)
    return (
        "<h3>Bytes around it</h3>"
        f'<pre class="dump" tabindex="0" aria-label="Hex dump, damaged bytes in brackets">{lines}</pre>'
    )


def _octets(row: dump.Row) -> str:
    digits = "".join(
        f'<span class="mark">{text(piece)}</span>' if damaged else text(piece)
        for piece, damaged in row.pieces
    )
    return f"{digits} |{text(row.characters)}|"


def _events(found: Finding) -> str:
    if not found.events:
        return ""
    rows = "".join(
        f"<li>{_cell(words.event(event), 'function')}{_cell(_at(culprit(event.stack)), 'where')}</li>"
        for event in found.events
    )
    count = words.counted(len(found.events), "last call")
    return (
        f"<details><summary>The thread's {text(count)}, newest first</summary>"
        f'<ol class="frames">{rows}</ol></details>'
    )


def _at(frame: Frame | None) -> str:
    return f"{words.function(frame)} {words.place(frame, '')}" if frame else ""


def _cell(said: str, kind: str) -> str:
    return f'<span class="{kind}">{text(said)}</span>'


def _rule(rule: str) -> str:
    lines = text(words.printable_lines(rule))
    return f"<details><summary>A rule that leaves it out</summary><pre>{lines}</pre></details>"


def _leaks(leaks: Sequence[Leak] | None) -> str:
    if not leaks:
        return ""
    titles = {Kind.LOST: "Lost: nothing points to it any more", Kind.REACHABLE: "Still reachable at the end"}
    parts = "".join(
        f"<h2>{titles[kind]}</h2>{''.join(map(_leak, group))}"
        for kind, group in groupby(leaks, key=lambda leak: leak.kind)
    )
    return f'<section id="leaks" aria-label="Leaks">{parts}</section>'


def _leak(leak: Leak) -> str:
    return (
        f'<article class="error">{_stack(words.amount([leak]), leak.stack)}{_rule(proposed(leak))}</article>'
    )


def _process(program: Program) -> str:
    live = f"{words.size(program.live_bytes)} in {words.counted(program.live_blocks, 'block')}"
    return _row(
        str(program.pid),
        words.printable(program.exe),
        "by exit" if program.ended else "not by exit",
        f"{program.errors:,}",
        live if program.ended else "",
        words.printable(program.python),
    )


def _row(*cells: str) -> str:
    return f"<tr>{''.join(f'<td>{text(cell) if cell else NOTHING}</td>' for cell in cells)}</tr>"


def _suppressed(result: Result) -> str:
    if not result.suppressed:
        return ""
    return f"<h3>Left out by rules</h3><ul>{items(_left(result))}</ul>"


def _left(result: Result) -> Iterable[str]:
    for left in result.suppressed:
        where = f"[{words.printable(left.rule)}] {words.printable(left.place)}"
        yield f"{words.counted(left.count, 'time')}: {where}"
