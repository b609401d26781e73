"""Reads the report of workloads/meter.c, whose header describes it."""

from dataclasses import dataclass
from typing import Final

from hakmem.errors import HakmemError
from hakmem.lab.measurement import Usage

_FIRST_LINE: Final = "meter 1"
_LAST_LINE: Final = "done"


class MeterError(HakmemError):
    """The meter itself failed, whatever the measured program did."""


@dataclass(frozen=True, slots=True)
class End:
    """How a process ended.

    seconds: from its exec.
    code: its exit code; minus the signal that ended it.
    """

    seconds: float
    code: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What the meter took itself: seconds of processor time, and how many samples it took for them."""

    user_s: float
    system_s: float
    samples: int


@dataclass(frozen=True, slots=True)
class Report:
    """One run, as the meter saw it. Times are seconds since the exec of the command.

    refused: errno of an exec that failed; then nothing else is known.
    ended: None when it could not be ended.
    stopped: why the meter killed it: "timeout", "output", "unready", "stubborn", "interrupt"; "": it did not.
    loaded: whether the library was in it; None when it ended before that could be seen, or none was to be.
    samples: (seconds, resident bytes of the process and its descendants).
    client: the client's end; None without one, and when it did not end by itself.
    client_refused: errno of a client that could not be started.
    asked_s: when the client was started.
    told: whether the server was told to end, which it is when its client has.
    """

    refused: int | None = None
    ended: End | None = None
    stopped: str = ""
    loaded: bool | None = None
    samples: tuple[tuple[float, int], ...] = ()
    usage: Usage | None = None
    client: End | None = None
    client_refused: int | None = None
    asked_s: float = 0.0
    told: bool = False
    cost: Cost = Cost(0.0, 0.0, 0)


def parse(text: str) -> Report:
    """The report in `text`; MeterError when it is not whole."""
    lines = text.splitlines()
    if lines[:1] != [_FIRST_LINE] or lines[-1] != _LAST_LINE:
        raise MeterError("the meter's report is not whole: the meter was killed, or the disk is full")
    samples = []
    facts: dict[str, list[str]] = {}
    for line in lines[1:-1]:
        name, *words = line.split()
        if name == "sample":
            samples.append((_seconds(words[0]), int(words[1])))
        else:
            facts[name] = words
    client = facts.get("client")
    client_refused = int(client[2]) if client and client[1] == "refused" else None
    return Report(
        refused=int(facts["refused"][0]) if "refused" in facts else None,
        ended=_end(facts["ended"]) if "ended" in facts else None,
        stopped=facts.get("stopped", [""])[0],
        loaded=facts["library"][0] == "found" if "library" in facts else None,
        samples=tuple(samples),
        usage=_usage(facts["usage"]) if "usage" in facts else None,
        client=_end(client) if client and client_refused is None else None,
        client_refused=client_refused,
        asked_s=_seconds(facts["asked"][0]) if "asked" in facts else 0.0,
        told="told" in facts,
        cost=_cost(facts["cost"]) if "cost" in facts else Cost(0.0, 0.0, 0),
    )


def _seconds(nanoseconds: str) -> float:
    return int(nanoseconds) / 1e9


def _end(words: list[str]) -> End:
    code = int(words[2])
    return End(_seconds(words[0]), -code if words[1] == "signal" else code)


def _usage(words: list[str]) -> Usage:
    user_us, system_us, peak_kib, minor, major, voluntary, involuntary = map(int, words)
    return Usage(
        user_us / 1e6, system_us / 1e6, peak_kib * 1024, minor, major, voluntary, involuntary
    )  # ru_maxrss is in KiB (getrusage(2))


def _cost(words: list[str]) -> Cost:
    user_us, system_us, samples = map(int, words)
    return Cost(user_us / 1e6, system_us / 1e6, samples)
