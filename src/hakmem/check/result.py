"""All that a check found, ready to be shown or stored."""

from dataclasses import dataclass
from typing import Final

from hakmem.check.findings import Finding
from hakmem.check.leaks import Kind, Leak

FOUND: Final = 99
"""The exit code when errors were found, or leaks where those count."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How the command's process ended: with `code`, or by the signal `signal` (0: by none)."""

    code: int
    signal: int = 0

    @property
    def exit_code(self) -> int:
        """The code by which a shell tells it: 128 and the number of the signal (sh(1), "Exit Status")."""
        return 128 + self.signal if self.signal else self.code


@dataclass(frozen=True, slots=True)
class Program:
    """A process that was checked. python: "" without an interpreter, "ok", or why its frames are missing.

    ended: whether it ended in order, so that its blocks were looked at once more. live: bytes, blocks then.
    unguarded: blocks that guard mode had no room for. untold: errors that were counted and not recorded.
    """

    pid: int
    exe: str
    version: str
    python: str
    ended: bool
    errors: int
    live_bytes: int = 0
    live_blocks: int = 0
    unguarded: int = 0
    untold: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """A finding, and how often it was seen in all. suppression: a rule that would leave it out."""

    finding: Finding
    count: int
    suppression: str


@dataclass(frozen=True, slots=True)
class Left:
    """A rule, where it stands, and how many errors and leaks it left out."""

    rule: str
    place: str
    count: int


@dataclass(frozen=True, slots=True)
class Result:
    """What `hakmem check` found.

    command: for a shell. created: UTC, ISO 8601. leaks: None when nobody looked. notes: what to know, in
    sentences.
    """

    command: str
    created: str
    ending: Ending
    programs: tuple[Program, ...]
    found: tuple[Counted, ...]
    leaks: tuple[Leak, ...] | None
    suppressed: tuple[Left, ...]
    notes: tuple[str, ...]

    @property
    def errors(self) -> int:
        """Errors in all, repeats included, without what rules left out."""
        return sum(each.count for each in self.found)

    @property
    def lost(self) -> tuple[Leak, ...]:
        """Leaks to which nothing points any more."""
        return tuple(leak for leak in self.leaks or () if leak.kind is Kind.LOST)

    def exit_code(self, *, fail_on_leak: bool) -> int:
        """FOUND, or how the command ended."""
        return FOUND if self.errors or (fail_on_leak and self.lost) else self.ending.exit_code
