"""The report as people read it, word for word."""

import re
from pathlib import Path
from typing import Any

import pytest

from hakmem.check.result import Ending
from hakmem.check.stacks import Frame, Part
from hakmem.check.suppressions import Suppressions, parse
from hakmem.check.symbols import Symbolizer, choose
from hakmem.report.check import text, words
from hakmem.report.check.notes import of_run
from hakmem.spec.errors import ERROR_KINDS

from .compiled import build
from .made_up import (
    BASE,
    block,
    collect,
    end,
    error,
    leak,
    lines,
    module,
    python_frame,
    result,
    simple,
    stack,
    start,
)

_SOURCE = """\
#include <stdlib.h>
char *make(int size) {
    return malloc(size);
}
void drop(char *block) {
    block[100] = 0; free(block);
}
int main(void) { drop(make(100)); return 0; }
"""

_GOLDEN = """\
error 1: write past the end of a block
1 byte was written right behind the end of a block of 100 bytes.

  block   0x7f0000001040, 100 bytes, class 144, live
  damage  1 byte at offset 100, right behind the end
  thread  4711 "worker" of process 4711 (app)

  found in free
    drop      program.c:6 in program.out
                block[100] = 0; free(block);
    fill      app.py:2
                _fill.drop(block)
    <module>  app.py:4
                fill()

  allocated by malloc in thread 4712
    make      program.c:3 in program.out
                return malloc(size);
    fill      app.py:2
                _fill.drop(block)
    <module>  app.py:4
                fill()

  bytes around it; what is wrong stands in [ ]
    +0x50                          61 61 61 61 61 61 61 61  |        aaaaaaaa|
    +0x60  61 61 61 61[00]fb fb fb fb fb fb fb fb fb fb fb  |aaaa............|
    +0x70  fb fb fb fb fb fb fb fb                          |........        |

  last calls of the thread, newest first
    malloc 0x7f0000001040, 100 bytes  make  program.c:3 in program.out
    free 0x7f0000002000, 24 bytes     drop  program.c:6 in program.out

  a rule for --suppressions that leaves it out
    [overrun: say why it is left out]
    error: overrun
    allocated: function=make module=program.out
    detected: function=drop module=program.out

seen again
  error 1, write past the end of a block: 3 times in all

lost: nothing points to it any more, 300 bytes in 3 blocks

  300 bytes in 3 blocks, allocated
    make      program.c:3 in program.out
                return malloc(size);
    fill      app.py:2
                _fill.drop(block)
    <module>  app.py:4
                fill()
    [leak: say why it is left out]
    error: leak
    allocated: function=make module=program.out

still reachable: 8.8 KiB in 1 block (--leaks=all lists them)

- The rule [old] (rules:1) left nothing out.

The program was ended by SIGSEGV.
hakmem check: 3 memory errors at 1 place; lost: 300 bytes in 3 blocks.
"""


@pytest.fixture
def whole(tmp_path: Path) -> list[dict[str, Any]]:
    """An overrun by a compiled program with Python above it, its repeats and its leaks."""
    built = build(tmp_path, _SOURCE, "-g", "-O0")
    (tmp_path / "app.py").write_text("def fill():\n    _fill.drop(block)\n\nfill()\n")
    places = [BASE + built.starts[name] + 12 for name in ("make", "drop")]
    file = str(tmp_path / "app.py")
    frames = [python_frame("fill", 2, file), python_frame("<module>", 4, file)]
    made, dropped = places
    errors = [
        error(
            block=block(allocated={"stack": 1, "tid": 4712}),
            bytes={"address": "0x7f0000001098", "hex": "61" * 12 + "00" + "fb" * 19},
        )
    ] * 3
    stacks = [stack(1, [made], python=frames), stack(2, [dropped + 8], python=frames)]
    leaks = [leak(), leak(kind="reachable", bytes=9000, blocks=1)]
    return [start(), module(str(built.path)), *stacks, *errors, *leaks, end()]


def test_a_report_reads_as_it_should(tmp_path: Path, whole: list[dict[str, Any]]) -> None:
    style = text.Style(width=80, colour=False, here=str(tmp_path), rules=True)
    rules = Suppressions(parse("[old]\nerror: double_free\n", "rules"))
    symbolizer = Symbolizer(choose("addr2line", "/usr/bin:/bin"))
    found, collector, reader = collect(tmp_path / "record", lines(*whole), rules, symbolizer)
    notes = of_run(
        programs=collector.programs,
        reader=reader,
        unused=rules.unused,
        problems=symbolizer.problems,
        has_tool=True,
        whole_python=True,
        running=(),
    )
    told = result(collector, leaks=True, ending=Ending(0, 11), notes=tuple(notes))
    assert "".join(text.finding(each, style) for each in found) + text.closing(told, style) == _GOLDEN


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_terminal(tmp_path: Path, width: int) -> None:
    long = "std::" + "very_long_name<" * 30
    frames = [python_frame(long, 7, "/opt/" + "directory/" * 20 + "a.py")]
    records = [
        start(exe="/" + "x" * 200),
        module("/opt/" + "y" * 100 + ".so"),
        stack(1, [BASE + 1], python=frames),
    ]
    found, collector, _ = collect(
        tmp_path / "r", lines(*records, stack(2, [1 << 50]), error(thread="z" * 90), leak())
    )
    style = text.Style(width=width, colour=False, here="/", everything=True, rules=True)
    told = text.finding(found[0], style) + text.closing(result(collector, leaks=True), style, reachable=True)
    assert max(map(len, told.splitlines())) <= width


def test_control_characters_never_reach_the_terminal(tmp_path: Path) -> None:
    bad = "\x1b[2J\x07\u202e\r\n"
    frames = [python_frame(bad, 7, f"/opt/{bad}.py")]
    records = [start(exe=bad), module(f"/{bad}"), stack(1, [BASE + 1], python=frames), stack(2, [BASE + 2])]
    hostile = error(thread=bad, sentence=bad, call=bad, error=bad, when=bad, block=block(state=bad))
    found, collector, _ = collect(tmp_path / "r", lines(*records, hostile, leak()))
    style = text.Style(width=80, colour=False, here="/", everything=True, rules=True)
    told = text.finding(found[0], style) + text.closing(result(collector, leaks=True), style)
    assert all(line.isprintable() for line in told.splitlines())


def test_colour_changes_no_word(tmp_path: Path) -> None:
    found, _, _ = collect(tmp_path / "record", lines(*simple()))
    plain = text.finding(found[0], text.Style(width=80, colour=False, here="/"))
    coloured = text.finding(found[0], text.Style(width=80, colour=True, here="/"))
    assert "\x1b[1;31m" in coloured
    assert "\x1b" not in plain
    stripped = re.sub(r"\x1b\[[\d;]*m", "", coloured)
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()


def test_all_shows_every_frame_and_call(tmp_path: Path) -> None:
    records = simple()
    records[4] = error(
        events=[{"call": f"call{n}", "address": "0x1", "size": n, "stack": 1} for n in range(64)]
    )
    found, _, _ = collect(tmp_path / "record", lines(*records))
    short = text.finding(found[0], text.Style(width=80, colour=False, here="/"))
    whole = text.finding(found[0], text.Style(width=80, colour=False, here="/", everything=True))
    assert ("(--all shows 60 more)" in short, "call4 " in short) == (True, False)
    assert ("--all" in whole, "call63 " in whole) == (False, True)


def test_without_stacks_and_block_it_says_so(tmp_path: Path) -> None:
    bare = error(block=None, detected={"stack": 0, "tid": 1}, bytes=None, damage=None, events=[])
    found, _, _ = collect(tmp_path / "record", lines(start(), bare))
    told = text.finding(found[0], text.Style(width=80, colour=False, here="/"))
    assert "block    none at this address" in told
    assert "pointer  0x7f0000001040" in told
    assert "no stack was kept" in told


@pytest.mark.parametrize(
    ("call", "said", "sentence"),
    [
        (
            "free",
            "1 bytes were written to 0 bytes after the end of a block of 1 bytes",
            "1 byte was written right behind the end of a block of 1 byte.",
        ),
        (
            "free",
            "11 bytes were written to 10 bytes after the end of a block of 21 bytes",
            "11 bytes were written to 10 bytes after the end of a block of 21 bytes.",
        ),
        (
            "the program",
            "the program read at 0x30, 0 bytes outside a block of 48 bytes",
            "The program read at 0x30, right outside a block of 48 bytes.",
        ),
        ("free", "free got 0x1, which lies elsewhere.", "free got 0x1, which lies elsewhere."),
        ("", "", "."),
    ],
)
def test_sentences_count_properly(tmp_path: Path, call: str, said: str, sentence: str) -> None:
    found, _, _ = collect(tmp_path / "record", lines(start(), error(sentence=said, call=call)))
    assert words.sentence(found[0]) == sentence


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"offset": 100, "length": 1}, "1 byte at offset 100, right behind the end"),
        ({"offset": 108, "length": 8}, "8 bytes from offset 108, 8 bytes behind the end"),
        ({"offset": -8, "length": 8}, "8 bytes from offset -8, 8 bytes before the start"),
        ({"offset": 3, "length": 2}, "2 bytes from offset 3"),
    ],
)
def test_damage_is_told_from_the_nearest_end(tmp_path: Path, damage: dict[str, int], said: str) -> None:
    found, _, _ = collect(tmp_path / "record", lines(start(), error(damage=damage)))
    assert words.damage(found[0]) == said


def test_every_kind_of_error_has_a_title_of_its_own() -> None:
    titles = {words.title(kind.id) for kind in ERROR_KINDS}
    assert len(titles) == len(ERROR_KINDS)
    assert not any("_" in title for title in titles)
    assert words.title("new_kind") == "new kind"


@pytest.mark.parametrize(
    ("path", "here", "shown"),
    [
        ("/home/me/app/src/a.c", "/home/me/app", "src/a.c"),
        ("/home/me/app/src/a.c", "/home/me/ap", "/home/me/app/src/a.c"),
        ("/home/me/app/src/a.c", "", "/home/me/app/src/a.c"),
        ("/usr/" + "long/" * 20 + "src/lib/a.c", "/home", ".../src/lib/a.c"),
        ("a.c", "/home", "a.c"),
        ("", "/home", ""),
    ],
)
def test_paths_are_told_from_where_the_reader_is(path: str, here: str, shown: str) -> None:
    assert words.short(path, here) == shown


def test_a_frame_without_a_name_is_its_place_in_the_module() -> None:
    assert words.function(Frame(Part.PROGRAM, "", "", 0, "/opt/liba.so", 0x1234, 0x7)) == "liba.so+0x1234"
    assert words.function(Frame(Part.PROGRAM, "", "", 0, pc=0x7F12)) == "0x7f12"
    assert words.function(Frame(Part.PROGRAM, "f", "", 0, "/a", inlined=True)) == "f (inlined)"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("std::vector<int, std::allocator<int> >::~vector()", "std::vector<int>::~vector()"),
        (
            "f(std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >&)",
            "f(std::string&)",
        ),
        (
            "std::map<int, std::vector<int, std::allocator<int>>>::clear()",
            "std::map<int, std::vector<int>>::clear()",
        ),
        ("main", "main"),
    ],
)
def test_names_of_cxx_lose_what_templates_take_by_default(name: str, said: str) -> None:
    assert words.function(Frame(Part.PROGRAM, name, "", 0)) == said
