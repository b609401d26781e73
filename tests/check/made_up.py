"""Records as the core writes them, made by hand, and what `hakmem check` makes of them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hakmem.check.collector import Collector
from hakmem.check.findings import Finding
from hakmem.check.reader import Reader
from hakmem.check.result import Ending, Result
from hakmem.check.suppressions import Suppressions
from hakmem.check.symbols import Symbolizer

PID = 4711
BASE = 0x5555_0000_0000
"""Where `made_up` modules are loaded."""


def start(**changes: Any) -> dict[str, Any]:
    return {
        "type": "start",
        "schema": "hakmem-check/1",
        "pid": PID,
        "exe": "/opt/app/app",
        "version": "0.1.0",
        **changes,
    }


def module(path: str, **changes: Any) -> dict[str, Any]:
    return {
        "type": "module",
        "pid": PID,
        "base": hex(BASE),
        "start": hex(BASE),
        "end": hex(BASE + 0x10000),
        "offset": 0,
        "path": path,
        "build_id": "",
        **changes,
    }


def stack(number: int, pcs: Sequence[int], **changes: Any) -> dict[str, Any]:
    return {"type": "stack", "pid": PID, "id": number, "pcs": [hex(pc) for pc in pcs], **changes}


def python_frame(function: str, line: int, file: str = "/opt/app/app.py", **changes: Any) -> dict[str, Any]:
    return {"file": file, "function": function, "line": line, **changes}


def block(**changes: Any) -> dict[str, Any]:
    return {
        "address": "0x7f0000001040",
        "size": 100,
        "usable": 112,
        "class": 144,
        "state": "live",
        "kind": "malloc",
        "allocated": {"stack": 1, "tid": PID},
        **changes,
    }


def error(**changes: Any) -> dict[str, Any]:
    return {
        "type": "error",
        "pid": PID,
        "tid": PID,
        "thread": "worker",
        "error": "overrun",
        "call": "free",
        "address": "0x7f0000001040",
        "sentence": "1 bytes were written to 0 bytes after the end of a block of 100 bytes",
        "block": block(),
        "detected": {"stack": 2},
        "when": "call",
        "damage": {"offset": 100, "length": 1},
        "bytes": {"address": "0x7f0000001098", "hex": "61" * 13 + "fb" * 19},
        "events": [
            {"call": "malloc", "address": "0x7f0000001040", "size": 100, "stack": 1},
            {"call": "free", "address": "0x7f0000002000", "size": 24, "stack": 2},
        ],
        **changes,
    }


def leak(**changes: Any) -> dict[str, Any]:
    return {"type": "leak", "pid": PID, "stack": 1, "bytes": 300, "blocks": 3, "kind": "lost", **changes}


def end(**changes: Any) -> dict[str, Any]:
    return {"type": "end", "pid": PID, "errors": 1, "live_bytes": 300, "live_blocks": 3, **changes}


def lines(*records: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def simple() -> list[dict[str, Any]]:
    """One overrun by Python code in an extension that has no names."""
    frames = [python_frame("fill", 7), python_frame("<module>", 20)]
    return [
        start(),
        module("/opt/app/_fill.so"),
        stack(1, [BASE + 0x1011, BASE + 0x2021], python=frames),
        stack(2, [BASE + 0x1033], python=frames),
        error(),
        end(),
    ]


def collect(
    path: Path, data: bytes, rules: Suppressions | None = None, symbolizer: Symbolizer | None = None
) -> tuple[list[Finding], Collector, Reader]:
    """What is found in a file that holds `data`."""
    path.write_bytes(data)
    reader = Reader(path)
    collector = Collector(symbolizer or Symbolizer(None), rules or Suppressions())
    return list(collector.take(reader.poll())), collector, reader


def result(collector: Collector, *, leaks: bool = False, **changes: Any) -> Result:
    """The result of a run that the collector saw."""
    facts: dict[str, Any] = {
        "command": "hakmem check -- ./app",
        "created": "2026-11-21T12:00:00+00:00",
        "ending": Ending(0),
        "programs": collector.programs,
        "found": collector.found,
        "leaks": collector.leaks() if leaks else None,
        "suppressed": collector.suppressed,
        "notes": (),
        **changes,
    }
    return Result(**facts)
