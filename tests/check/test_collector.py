"""Findings out of records: the same error is one, processes keep theirs apart, rules leave errors out."""

from pathlib import Path
from typing import Any

import pytest

from hakmem.check.leaks import Kind
from hakmem.check.result import FOUND, Ending
from hakmem.check.suppressions import Suppressions, parse

from .made_up import (
    BASE,
    PID,
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


def _counts(path: Path, *records: dict[str, Any]) -> list[int]:
    _, collector, _ = collect(path / "record", lines(*records))
    return [each.count for each in collector.found]


def test_the_same_error_at_the_same_place_is_counted(tmp_path: Path) -> None:
    first, *rest = simple()
    assert _counts(tmp_path, first, *rest, *[error(address=hex(0x1000 * n)) for n in range(1, 10)]) == [10]


@pytest.mark.parametrize(
    "other",
    [
        error(error="underrun"),
        error(call="realloc"),
        error(detected={"stack": 1}),
        error(block=block(allocated={"stack": 2, "tid": 1})),
        error(block=block(freed={"stack": 2, "tid": 1})),
    ],
)
def test_another_kind_or_place_is_another_error(tmp_path: Path, other: dict[str, Any]) -> None:
    assert _counts(tmp_path, *simple(), other) == [1, 1]


def test_callers_further_out_make_no_other_error(tmp_path: Path) -> None:
    inner = [BASE + 0x1011, *(BASE + 0x1000 * n for n in range(2, 6))]
    stacks = [stack(number, [*inner, BASE + 0x7000 + number]) for number in (11, 12)]
    errors = [error(block=block(allocated={"stack": number, "tid": 1})) for number in (11, 12)]
    assert _counts(tmp_path, start(), module("/opt/a"), stack(2, [BASE + 9]), *stacks, *errors) == [2]


def test_where_a_sweep_found_it_makes_no_other_error(tmp_path: Path) -> None:
    swept = [error(when="sweep", detected={"stack": number}) for number in (1, 2)]
    assert _counts(tmp_path, *simple(), *swept) == [1, 2]


def test_a_child_that_never_said_that_it_began_goes_on_with_what_was_told(tmp_path: Path) -> None:
    found, collector, _ = collect(tmp_path / "record", lines(*simple()[:4], error(pid=4712), end(pid=4712)))
    assert [(each.pid, each.program) for each in found] == [(4712, "/opt/app/app")]
    assert found[0].stacks["allocated"][0].module == "/opt/app/_fill.so"
    assert [(each.pid, each.ended) for each in collector.programs] == [(PID, False), (4712, True)]


def test_a_program_after_exec_has_modules_of_its_own(tmp_path: Path) -> None:
    after = [start(exe="/opt/other"), module("/opt/other"), stack(1, [BASE + 0x11]), stack(2, []), error()]
    found, collector, _ = collect(tmp_path / "record", lines(*simple(), *after))
    assert [each.program for each in found] == ["/opt/app/app", "/opt/other"]
    assert [each.stacks["allocated"][0].module for each in found] == ["/opt/app/_fill.so", "/opt/other"]
    assert [each.errors for each in collector.programs] == [1, 1]


def test_a_module_that_takes_the_place_of_another_leaves_older_stacks_alone(tmp_path: Path) -> None:
    later = [module("/opt/later.so"), stack(3, [BASE + 0x1011]), error(block=block(allocated={"stack": 3}))]
    found, _, _ = collect(tmp_path / "record", lines(*simple()[:-1], *later))
    modules = [each.stacks["allocated"][0].module for each in found]
    assert modules == ["/opt/app/_fill.so", "/opt/later.so"]


def test_addresses_are_those_of_calls_and_of_the_faulting_instruction(tmp_path: Path) -> None:
    records = [
        start(),
        module("/opt/a"),
        stack(1, [BASE + 0x10, BASE + 0x20]),
        stack(2, [BASE + 0x10], exact=True),
    ]
    found, _, _ = collect(tmp_path / "record", lines(*records, error()))
    assert [frame.offset for frame in found[0].stacks["allocated"]] == [0xF, 0x1F]
    assert [frame.offset for frame in found[0].stacks["detected"]] == [0x10]


def test_errors_that_a_process_only_counted_are_known(tmp_path: Path) -> None:
    _, collector, _ = collect(tmp_path / "record", lines(*simple()[:-1], end(errors=12)))
    assert [(each.errors, each.untold) for each in collector.programs] == [(1, 11)]


def test_a_program_that_only_called_another_is_not_told(tmp_path: Path) -> None:
    _, collector, _ = collect(tmp_path / "record", lines(start(exe="/bin/env"), *simple()))
    assert [each.exe for each in collector.programs] == ["/opt/app/app"]
    _, collector, _ = collect(tmp_path / "second", lines(*simple()[:-1], start(exe="/bin/second"), end()))
    assert [each.exe for each in collector.programs] == ["/opt/app/app", "/bin/second"]


def test_an_interpreter_that_cannot_be_read_is_noted(tmp_path: Path) -> None:
    status = {"type": "python", "pid": PID, "version": "3.15.0", "status": "unsupported: too new"}
    found, _, _ = collect(tmp_path / "record", lines(start(), status, error()))
    assert found[0].note == "Python 3.15.0's frames could not be read: unsupported: too new"


def test_leaks_of_one_place_are_one_and_lost_ones_come_first(tmp_path: Path) -> None:
    second = stack(3, [BASE + 0x1011], python=[python_frame("other", 1)])
    leaks = [
        leak(kind="reachable", bytes=9000),
        leak(),
        leak(pid=PID + 1, bytes=100, blocks=1),
        leak(stack=3, bytes=401, blocks=1),
        leak(kind="nonsense"),
    ]
    _, collector, _ = collect(tmp_path / "record", lines(*simple(), second, *leaks))
    found = collector.leaks()
    assert [(each.kind, each.bytes, each.blocks) for each in found] == [
        (Kind.LOST, 401, 1),
        (Kind.LOST, 400, 4),
        (Kind.REACHABLE, 9000, 3),
    ]


def test_rules_leave_errors_and_leaks_out_and_say_how_often(tmp_path: Path) -> None:
    rules = Suppressions(
        parse(
            "[a]\nerror: over*\nallocated: function=fill\n[b]\nerror: leak\n[c]\nerror: double_free\n",
            "rules",
        )
    )
    records = lines(*simple(), error(), error(address="0x1"), leak())
    found, collector, _ = collect(tmp_path / "record", records, rules)
    assert (found, collector.found, collector.leaks()) == ([], (), ())
    assert [(left.rule, left.count) for left in collector.suppressed] == [("a", 3), ("b", 1)]
    assert [rule.name for rule in rules.unused] == ["c"]


@pytest.mark.parametrize(
    ("records", "ending", "fail_on_leak", "code"),
    [
        ([], Ending(0), False, 0),
        ([], Ending(3), True, 3),
        ([], Ending(0, 9), False, 137),
        ([leak()], Ending(0), False, 0),
        ([leak()], Ending(0), True, FOUND),
        ([leak(kind="reachable")], Ending(0), True, 0),
        ([error()], Ending(0), False, FOUND),
        ([error()], Ending(0, 6), False, FOUND),
    ],
)
def test_the_exit_code_is_the_programs_unless_something_was_found(
    tmp_path: Path, records: list[dict[str, Any]], ending: Ending, fail_on_leak: bool, code: int
) -> None:
    _, collector, _ = collect(tmp_path / "record", lines(start(), *records))
    assert result(collector, leaks=True, ending=ending).exit_code(fail_on_leak=fail_on_leak) == code
