"""A long run as it is stored: JSON of the schema `hakmem-soak/1`.

Samples, of which a file has thousands, are stored in columns; everything else as the dataclasses say.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hakmem.errors import HakmemError
from hakmem.lab.codec import decode, encode
from hakmem.lab.result import AllocatorRecord, Host
from hakmem.lab.soak.creep import Growth
from hakmem.lab.soak.limits import Finding
from hakmem.lab.soak.samples import Sample

SCHEMA: Final = "hakmem-soak/1"


@dataclass(frozen=True, slots=True)
class Plan:
    """What workloads/soak.c is asked for.

    seconds: how long it runs. threads: that serve, besides two that come and go.
    cycle_s: seconds after which its phases begin again. interval_s: seconds between samples.
    """

    seconds: float
    threads: int = 4
    cycle_s: float = 5.0
    interval_s: float = 0.25
    seed: int = 1

    @property
    def callers(self) -> int:
        """Threads that call the allocator at one time: those that serve, two that come and go, the first."""
        return self.threads + 3


@dataclass(frozen=True, slots=True)
class Soak:
    """A whole run.

    command: as a person typed it, without directories. created: ISO 8601, UTC.
    operations: mallocs, frees and reallocs that the program made.
    findings: one a limit; empty under an allocator that tells no figures.
    growth: None where the run was too short to say.
    """

    command: str
    created: str
    host: Host
    allocator: AllocatorRecord
    plan: Plan
    operations: int
    findings: tuple[Finding, ...]
    growth: Growth | None
    samples: tuple[Sample, ...]

    @property
    def passed(self) -> bool:
        """Whether every limit held and memory does not creep, as far as the run could say."""
        return all(finding.held for finding in self.findings) and not (self.growth and self.growth.creeps)


class SoakFileError(HakmemError):
    """A file holds no long run."""


def dumps(soak: Soak) -> str:
    """The run as a file's text. The same run gives the same text."""
    fields = {"schema": SCHEMA, **encode(soak)}
    samples = [_flat(sample) for sample in fields.pop("samples")]
    columns = {name: [sample[name] for sample in samples] for name in samples[0]}
    lines = [f"{json.dumps(name)}: {_text(value)}" for name, value in fields.items()]
    lines.append('"samples": {\n' + ",\n".join(f"{_text(k)}: {_text(v)}" for k, v in columns.items()) + "\n}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def load(path: Path) -> Soak:
    """The run in the file `path`. Errors: SoakFileError."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(fields, dict) or fields.get("schema") != SCHEMA:
            raise SoakFileError(f"{str(path)!r} is no {SCHEMA} file; `hakmem soak --json FILE` writes one")
        columns = fields["samples"]
        rows = zip(*columns.values(), strict=True)
        fields["samples"] = [_nested(dict(zip(columns, row, strict=True))) for row in rows]
        return decode(Soak, fields)
    except OSError as error:
        raise SoakFileError(f"cannot read {str(path)!r}: {error.strerror}") from None
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise SoakFileError(f"{str(path)!r} is no whole {SCHEMA} file: {error}") from None


_HEAP: Final = "heap."


def _flat(sample: dict[str, Any]) -> dict[str, Any]:
    heap = sample.pop("heap")
    return {**sample, **{_HEAP + name: value for name, value in (heap or {}).items()}}


def _nested(row: dict[str, Any]) -> dict[str, Any]:
    heap = {name.removeprefix(_HEAP): value for name, value in row.items() if name.startswith(_HEAP)}
    own = {name: value for name, value in row.items() if not name.startswith(_HEAP)}
    return {**own, "heap": heap or None}


def _text(value: object) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False)
