"""Which memory errors an allocator finds, and when: one program an error and size, each on each allocator.

The program (tests/safety/errors.c) says how far it got; how it ended and what it printed tells the rest.
Nothing here knows the words of an allocator: an error counts as found if the process said something on
stderr and aborted, or if it left a record of an error in the file named by HAKMEM_CHECK_FILE.
"""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from hakmem.errors import HakmemError

SIZES: Final = (8, 100, 1 << 10, 10 << 10, 100 << 10, 4 << 20)
"""Bytes of the blocks in which errors are made."""

TIMEOUT_S: Final = 60.0
"""After so long a program has hung; each takes milliseconds."""

_FLAGS: Final = ("-std=gnu11", "-O0", "-g", "-fno-builtin", "-Wall", "-Wextra", "-Werror")


class Outcome(StrEnum):
    """What became of an error.

    AT_ONCE: reported in the call, or at the instruction, that made it. LATER: reported afterwards.
    TOLD: reported, and the program went on: no harm came of it.
    CRASHED: the process ended by a signal, or hung, without a report. MISSED: the program ended as if
    nothing had happened.
    """

    AT_ONCE = "at once"
    LATER = "later"
    TOLD = "told"
    CRASHED = "crashed"
    MISSED = "missed"


REPORTED: Final = frozenset({Outcome.AT_ONCE, Outcome.LATER, Outcome.TOLD})


@dataclass(frozen=True, slots=True)
class Case:
    """One error. group: free, write, read, size or leak. size_b: of its block; None if it has none."""

    name: str
    group: str
    size_b: int | None

    @property
    def arguments(self) -> list[str]:
        """What the program is started with."""
        return [self.name] if self.size_b is None else [self.name, str(self.size_b)]


@dataclass(frozen=True, slots=True)
class Column:
    """A way to run the programs. environment: what is set for it; "{file}" stands for a fresh file's path."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class End:
    """How a program ended. status: as in subprocess, negative for a signal, None if it hung.

    records: lines of the file of records, if one was asked for.
    """

    status: int | None
    said: Sequence[str]
    stderr: str
    records: Sequence[str] = ()


def compile_program(source: Path, target: Path) -> Path:
    """Compiles errors.c so that no error is optimised away."""
    command = ["cc", *_FLAGS, str(source), "-o", str(target), "-pthread", "-ldl"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise HakmemError(f"cannot run cc: {error.strerror}; apt-get install build-essential") from None
    if done.returncode != 0:
        raise HakmemError(f"{source} does not compile: {done.stderr.strip()}")
    return target


def cases(program: Path) -> list[Case]:
    """Every error of the program, in its order, in every size that it has."""
    done = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    found = []
    for line in done.stdout.splitlines():
        name, group, sized = line.split()
        found += [Case(name, group, size) for size in (SIZES if sized == "1" else (None,))]
    return found


def judge(end: End) -> Outcome:
    """What a run tells. HakmemError if the program did not get as far as its error."""
    if "before" not in end.said:
        raise HakmemError(
            f"the program did not reach its error: status {end.status}, {end.stderr.strip() or 'no word'}"
        )
    made = "made" in end.said
    if "refused" in end.said or "visible" in end.said:
        return Outcome.AT_ONCE
    if _recorded(end.records) or (end.status == -signal.SIGABRT and end.stderr.strip()):
        return Outcome.LATER if made else Outcome.AT_ONCE
    if end.status is None or end.status < 0:
        return Outcome.CRASHED
    return Outcome.TOLD if end.stderr.startswith("hakmem: ") else Outcome.MISSED


def run(program: Path, case: Case, column: Column, directory: Path) -> End:
    """Runs one case. directory: for the file of records."""
    records = directory / f"{column.name}.{case.name}.{case.size_b}.records".replace(" ", "-")
    environment = {name: value.replace("{file}", str(records)) for name, value in column.environment.items()}
    command = [str(program), *case.arguments]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return End(None, _words(late.stdout or b""), "", _lines(records))
    return End(done.returncode, _words(done.stdout), done.stderr.decode(errors="replace"), _lines(records))


def measure(
    program: Path,
    columns: Iterable[Column],
    directory: Path,
    jobs: int = 2,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, dict[Case, Outcome]]:
    """Every case on every column: column name -> case -> outcome."""
    table: dict[str, dict[Case, Outcome]] = {}
    every = cases(program)
    for column in columns:
        progress(column.name)

        def outcome(case: Case, column: Column = column) -> Outcome:
            return judge(run(program, case, column, directory))

        with ThreadPoolExecutor(jobs) as pool:
            table[column.name] = dict(zip(every, pool.map(outcome, every), strict=True))
    return table


def found(outcomes: Mapping[Case, Outcome], groups: Sequence[str]) -> tuple[int, int]:
    """Of the cases of these groups, how many were reported, and how many there are."""
    of_groups = [outcome for case, outcome in outcomes.items() if case.group in groups]
    return sum(outcome in REPORTED for outcome in of_groups), len(of_groups)


def _words(stdout: bytes) -> list[str]:
    return stdout.decode(errors="replace").split()


def _lines(path: Path) -> list[str]:
    return path.read_text(errors="replace").splitlines() if path.exists() else []


def _recorded(lines: Iterable[str]) -> bool:
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and (
            record.get("type") == "error" or (record.get("type") == "leak" and record.get("kind") == "lost")
        ):
            return True
    return False
