"""What a check found as JSON for programs, schema "hakmem-check-report/1".

Addresses are strings such as "0x7f12", because many readers of JSON keep 53 bits of a number. A field whose
fact is unknown is null, or "" for names. docs/reference/check.md has the fields.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

import hakmem
from hakmem.check import sources
from hakmem.check.findings import Done, Finding, Held
from hakmem.check.leaks import Leak
from hakmem.check.result import Counted, Program, Result
from hakmem.check.stacks import Frame
from hakmem.check.suppressions import proposed
from hakmem.report.check import words

SCHEMA: Final = "hakmem-check-report/1"


def dumps(result: Result) -> str:
    """The whole result, ending in a newline."""
    fields = {
        "schema": SCHEMA,
        "version": hakmem.__version__,
        "command": result.command,
        "created": result.created,
        "ended": {"code": result.ending.code, "signal": result.ending.signal},
        "totals": {
            "errors": result.errors,
            "places": len(result.found),
            "suppressed": sum(left.count for left in result.suppressed),
            "lost_bytes": None if result.leaks is None else sum(leak.bytes for leak in result.lost),
            "lost_blocks": None if result.leaks is None else sum(leak.blocks for leak in result.lost),
        },
        "processes": [_program(program) for program in result.programs],
        "errors": [_counted(each) for each in result.found],
        "leaks": None if result.leaks is None else [_leak(leak) for leak in result.leaks],
        "suppressed": [
            {"rule": left.rule, "place": left.place, "count": left.count} for left in result.suppressed
        ],
        "notes": list(result.notes),
    }
    return json.dumps(fields, indent=1, ensure_ascii=False) + "\n"


def _program(program: Program) -> dict[str, Any]:
    return {
        "pid": program.pid,
        "exe": program.exe,
        "version": program.version,
        "python": program.python,
        "ended": program.ended,
        "errors": program.errors,
        "live_bytes": program.live_bytes,
        "live_blocks": program.live_blocks,
        "unguarded": program.unguarded,
        "untold": program.untold,
    }


def _counted(counted: Counted) -> dict[str, Any]:
    finding = counted.finding
    return {
        "number": finding.number,
        "count": counted.count,
        "error": finding.kind,
        "title": words.title(finding.kind),
        "sentence": words.sentence(finding),
        "call": finding.call,
        "when": finding.when,
        "pid": finding.pid,
        "program": finding.program,
        "tid": finding.tid,
        "thread": finding.thread,
        "address": f"{finding.address:#x}",
        "block": _held(finding.block),
        "neighbour": _held(finding.neighbour),
        "detected": _done(finding.detected),
        "damage": finding.damage and {"offset": finding.damage.offset, "length": finding.damage.length},
        "bytes": finding.memory
        and {"address": f"{finding.memory.address:#x}", "hex": finding.memory.data.hex()},
        "events": _events(finding),
        "note": finding.note,
        "suppression": proposed(finding),
    }


def _events(finding: Finding) -> list[dict[str, Any]]:
    return [
        {"call": each.call, "address": f"{each.address:#x}", "size": each.size, "stack": _stack(each.stack)}
        for each in finding.events
    ]


def _held(held: Held | None) -> dict[str, Any] | None:
    if held is None:
        return None
    return {
        "address": f"{held.address:#x}",
        "size": held.size,
        "usable": held.usable,
        "class": held.size_class,
        "state": held.state,
        "kind": held.kind,
        "allocated": _done(held.allocated),
        "freed": _done(held.freed),
    }


def _done(done: Done | None) -> dict[str, Any] | None:
    return {"tid": done.tid, "stack": _stack(done.stack)} if done else None


def _stack(stack: Iterable[Frame]) -> list[dict[str, Any]]:
    return [
        {
            "part": frame.part.value,
            "function": frame.function,
            "file": frame.file,
            "line": frame.line,
            "source": sources.line_of(frame.file, frame.line),
            "module": frame.module,
            "offset": f"{frame.offset:#x}",
            "inlined": frame.inlined,
        }
        for frame in stack
    ]


def _leak(leak: Leak) -> dict[str, Any]:
    return {
        "kind": leak.kind.value,
        "program": leak.program,
        "bytes": leak.bytes,
        "blocks": leak.blocks,
        "stack": _stack(leak.stack),
        "suppression": proposed(leak),
    }
