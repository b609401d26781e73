"""How a check's findings are worded, in text and on pages. Whatever a program named is made printable."""

import re
import signal
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Final

from hakmem.check.findings import Called, Done, Finding, Held
from hakmem.check.leaks import Leak
from hakmem.check.result import Ending, Result
from hakmem.check.stacks import Frame

_TITLES: Final = {
    "double_free": "double free",
    "invalid_pointer": "free of memory that is not a block",
    "interior_pointer": "free inside a block",
    "foreign_pointer": "free of foreign memory",
    "corrupt_list": "corrupt free list",
    "write_after_free": "write after free",
    "read_after_free": "read after free",
    "overrun": "write past the end of a block",
    "underrun": "write before the start of a block",
    "zero_size_write": "write to a block of 0 bytes",
    "out_of_bounds_read": "read outside a block",
    "out_of_bounds_write": "write outside a block",
    "wild_access": "use of memory that is no block",
    "size_mismatch": "free with another size",
    "alignment_mismatch": "free with another alignment",
    "kind_mismatch": "allocated and freed by functions that do not belong together",
    "bad_size": "impossible size",
    "no_cxx_runtime": "out of memory in operator new",
}
_FOUND_BY: Final = {
    "call": "by the call itself",
    "reuse": "when the block was to be used again",
    "sweep": "by a look at all blocks",
    "exit": "by a look at all blocks at the end of the program",
    "fault": "at the instruction that did it",
}
_GRAMMAR: Final = (
    (re.compile(r"\b1 bytes were\b"), "1 byte was"),
    (re.compile(r"\b1 bytes\b"), "1 byte"),
    (re.compile(r"\bto 0 bytes after the end\b"), "right behind the end"),
    (re.compile(r"\b0 bytes outside\b"), "right outside"),
)
_DEFAULTS: Final = (
    (
        re.compile(r"std::(__cxx11::)?basic_string<char, std::char_traits<char>, std::allocator<char> ?>"),
        "std::string",
    ),
    (re.compile(r", std::allocator<[^<>]*> ?>"), ">"),
)
_PATH_MAX: Final = 60
_UNITS: Final = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def printable(text: str) -> str:
    """`text` as a terminal may get it: control characters and the like as escapes."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def printable_lines(text: str) -> str:
    """`text` of several lines, each printable."""
    return "\n".join(printable(line) for line in text.splitlines())


def title(kind: str) -> str:
    """A kind of error in a few words; a kind that this version does not know by its name."""
    return _TITLES.get(kind) or printable(kind).replace("_", " ")


def sentence(finding: Finding) -> str:
    """What happened, as a sentence. The core counts without grammar."""
    said = printable(finding.sentence).strip()
    for found, better in _GRAMMAR:
        said = found.sub(better, said)
    is_name = finding.call not in ("", "the program") and said.startswith(finding.call)
    first = said[:1] if is_name else said[:1].upper()
    return f"{first}{said[1:]}{'' if said.endswith('.') else '.'}"


def size(size_b: int) -> str:
    """Bytes, with a rounded figure where there are many."""
    for unit, name in _UNITS:
        if size_b >= unit:
            return f"{size_b / unit:.1f} {name}"
    return counted(size_b, "byte")


def counted(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def block(held: Held) -> str:
    """A block's address, size, class and state."""
    kind = f"class {held.size_class:,}" if held.size_class else "large"
    many = f" ({size(held.size)})" if held.size >= 1 << 10 else ""
    return f"{held.address:#x}, {counted(held.size, 'byte')}{many}, {kind}, {printable(held.state)}"


def damage(finding: Finding) -> str:
    """Where the wrong bytes are; "" without any."""
    found = finding.damage
    if found is None:
        return ""
    where = f"from offset {found.offset:,}" if found.length != 1 else f"at offset {found.offset:,}"
    held = finding.block
    if held is not None and found.offset >= held.size:
        where += f", {_right(found.offset - held.size)} the end"
    elif found.offset < 0:
        where += f", {counted(-found.offset, 'byte')} before the start"
    return f"{counted(found.length, 'byte')} {where}"


def _right(gap: int) -> str:
    return "right behind" if gap == 0 else f"{counted(gap, 'byte')} behind"


def thread(finding: Finding) -> str:
    """The thread and its process."""
    name = f' "{printable(finding.thread)}"' if finding.thread else ""
    program = f" ({printable(PurePath(finding.program).name)})" if finding.program else ""
    return f"{finding.tid}{name} of process {finding.pid}{program}"


def facts(finding: Finding) -> Iterator[tuple[str, str]]:
    """What is known of an error beside its stacks: a name and a line for each."""
    held, neighbour = finding.block, finding.neighbour
    yield "block", block(held) if held else "none at this address"
    if finding.damage is not None:
        yield "damage", damage(finding)
    if held is None or finding.address != held.address:
        yield "pointer", f"{finding.address:#x}{_inside(finding.address, held)}"
    if neighbour is not None:
        yield "neighbour", f"{block(neighbour)}; it may be this one that was written past"
    yield "thread", thread(finding)
    if finding.note:
        yield "Python", printable(finding.note)


def _inside(address: int, held: Held | None) -> str:
    if held is None:
        return ""
    offset = address - held.address
    return f", {counted(abs(offset), 'byte')} {'after' if offset > 0 else 'before'} the block's start"


def parts(finding: Finding) -> Iterator[tuple[str, Done]]:
    """The stacks that explain an error, each with what was done there."""
    if finding.detected is not None:
        yield detected(finding), finding.detected
    for held, whose in ((finding.block, ""), (finding.neighbour, "the neighbour was ")):
        if held is None:
            continue
        by = f" by {printable(held.kind)}" if held.kind else ""
        for done, what in ((held.freed, "freed"), (held.allocated, f"allocated{by}")):
            if done is not None:
                yield f"{whose}{what}{in_thread(done.tid, finding)}", done


def found_by(when: str) -> str:
    """What found an error; "" when that is not known."""
    return _FOUND_BY.get(when, "")


def detected(finding: Finding) -> str:
    """The head of the stack where it was found."""
    if finding.when == "fault":
        return "where it happened"
    call = f" in {printable(finding.call)}" if finding.call else ""
    return f"found{call}{', ' + found_by(finding.when) if finding.when not in ('', 'call') else ''}"


def in_thread(tid: int, finding: Finding) -> str:
    """Where something else was done, if not in the thread that the error is told of."""
    return f" in thread {tid}" if tid and tid != finding.tid else ""


def function(frame: Frame) -> str:
    """A frame's function; without a name the place in its module, or the address."""
    if frame.function:
        return printable(_shorter(frame.function)) + (" (inlined)" if frame.inlined else "")
    if frame.module:
        return f"{printable(PurePath(frame.module).name)}+{frame.offset:#x}"
    return f"{frame.pc:#x}"


def _shorter(name: str) -> str:
    """A C++ name as a programmer writes it: without what templates of the library take by default."""
    for found, better in _DEFAULTS:
        name = found.sub(better, name)
    return name


def place(frame: Frame, here: str) -> str:
    """A frame's file, line and module; `here`: the directory that paths are told from, "" for whole paths."""
    file = printable(short(frame.file, here))
    line = f":{frame.line}" if frame.line else ""
    module = printable(frame.module if not here else PurePath(frame.module).name)
    if frame.python or not module:
        return f"{file}{line}"
    if file:
        return f"{file}{line} in {module}"
    return f"in {module}" if frame.function else ""


def short(path: str, here: str) -> str:
    """A path for people, which their editor can open; of a very long one the last parts."""
    if not here:
        return path
    pure = PurePath(path)
    if pure.is_relative_to(here):
        return str(pure.relative_to(here))
    return path if len(path) <= _PATH_MAX else str(PurePath("...", *pure.parts[-3:]))


def event(called: Called) -> str:
    """A call of the allocator."""
    amount = f", {counted(called.size, 'byte')}" if called.size else ""
    return f"{printable(called.call)} {called.address:#x}{amount}"


def ending(how: Ending) -> str:
    """How the program ended; "" when it ended well."""
    if how.signal:
        try:
            name = signal.Signals(how.signal).name
        except ValueError:
            name = f"signal {how.signal}"
        return f"The program was ended by {name}."
    return f"The program ended with {how.code}." if how.code else ""


def totals(result: Result) -> str:
    """The closing line."""
    if not result.errors:
        said = "No memory error was found"
    elif result.errors == len(result.found):
        said = f"{counted(result.errors, 'memory error')}"
    else:
        places = "place" if len(result.found) == 1 else "places"
        said = f"{counted(result.errors, 'memory error')} at {len(result.found):,} {places}"
    processes = sum(1 for each in result.programs if each.errors)
    among = f" in {processes} processes" if processes > 1 else ""
    left = sum(each.count for each in result.suppressed)
    hidden = f"; {left:,} left out by suppressions" if left else ""
    return f"{said}{among}{lost(result.leaks)}{hidden}."


def lost(leaks: Sequence[Leak] | None) -> str:
    """What was lost, as a part of the closing line."""
    if leaks is None:
        return ""
    gone = [leak for leak in leaks if leak.kind == "lost"]
    if not gone:
        return "; nothing was lost"
    return f"; lost: {amount(gone)}"


def amount(leaks: Sequence[Leak]) -> str:
    """Bytes and blocks of all of them."""
    return (
        f"{size(sum(leak.bytes for leak in leaks))} in {counted(sum(leak.blocks for leak in leaks), 'block')}"
    )
