"""perf finds the defect of allocators that have one, and none where there is none: real runs."""

import json
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from hakmem.lab import allocators, catalogue, meter
from hakmem.lab.perf import caches
from hakmem.lab.perf.findings import Level
from hakmem.lab.perf.gather import Tools
from hakmem.lab.perf.outcome import Outcome
from hakmem.lab.perf.profile import profile
from hakmem.lab.perf.session import Plan
from hakmem.lab.perf.start import Starter
from hakmem.lab.plan import Allocator
from hakmem.lab.result import Host
from tests.python.test_instruction_counts import BAR, GOLDEN, TOLERANCE
from tests.real import needs

HERE = Host("6.1", "x86_64", "a processor", 2, 1 << 30, "", 0.0, "", "", "glibc", "3.11")
WORKLOAD = "random_mixed/256"
DEFECTS: Mapping[str, tuple[set[str], int]] = {
    "sleeps": ({"waiting"}, 100_000),
    "leaks": ({"growth"}, 1_200_000),
    "faults": ({"minor_faults"}, 100_000),
    "syscalls": ({"call:getppid"}, 30_000),
    "instructions": ({"instructions"}, 200_000),
    "cache": ({"l1_misses", "last_level_misses"}, 200_000),
}
"""Fake -> the resources that it wastes, and operations in which that shows."""


def profiled(
    subject: Allocator, *peers: Allocator, scratch: Path, meter_program: Path, operations: int
) -> Outcome:
    plan = Plan(
        catalogue.select([WORKLOAD])[0],
        (subject, *peers),
        subject,
        allocators.floor(),
        operations=operations,
        rounds=3,
    )
    starter = Starter(partial(meter.measure, meter=meter_program), plan.workload.kind, 60.0, scratch)
    tools = Tools.here(caches.describe())
    return profile(plan, starter, tools, host=HERE, command="", on_step=lambda _part, _name: None)


ALONE = {"cache"}
"""Fakes whose waste is seen in times alone, against a peer that takes a few milliseconds."""


@pytest.mark.parametrize(
    "fake", [pytest.param(name, marks=pytest.mark.alone if name in ALONE else ()) for name in DEFECTS]
)
def test_the_defect_of_an_allocator_is_its_first_finding(
    fake: str, fakes: Mapping[str, Allocator], system: Allocator, scratch: Path, meter_program: Path
) -> None:
    for tool in ("valgrind", "strace"):
        needs.program(tool)
    wasted, operations = DEFECTS[fake]
    # A machine that is busy for a moment times the peer or the unit costs wrongly: one run of three must do.
    for _ in range(3):
        outcome = profiled(
            fakes[fake], system, scratch=scratch, meter_program=meter_program, operations=operations
        )
        first = outcome.findings[0]
        if first.resource in wasted:
            break
    told = [(each.resource, each.severity, each.amount) for each in outcome.findings]
    assert first.resource in wasted, f"{told}, {outcome.costs}"
    assert first.level is Level.SEVERE
    assert first.best == "system"


@pytest.mark.alone
def test_an_allocator_without_a_defect_has_no_severe_finding(
    fakes: Mapping[str, Allocator], system: Allocator, scratch: Path, meter_program: Path
) -> None:
    for tool in ("valgrind", "strace"):
        needs.program(tool)
    # What a busy machine adds is seen as waiting: of three runs one must be without.
    severe: set[str] = set()
    for _ in range(3):
        outcome = profiled(
            fakes["plain"], system, scratch=scratch, meter_program=meter_program, operations=500_000
        )
        severe = {each.resource for each in outcome.findings if each.level is Level.SEVERE}
        assert severe <= {"waiting"}, outcome.findings
        if not severe:
            break
    assert not severe


@pytest.mark.alone  # its ticks are counted too: the more of them, the slower the machine
def test_instructions_over_the_floor_are_those_of_the_golden_count(
    system: Allocator, scratch: Path, meter_program: Path
) -> None:
    """The count that tests/python/test_instruction_counts.py takes by itself (docs/design/limits.md)."""
    needs.program("valgrind")
    hakmem = allocators.choose(["hakmem"])[0]
    outcome = profiled(hakmem, system, scratch=scratch, meter_program=meter_program, operations=300_000)
    assert outcome.floor is not None
    over = (outcome.subject_profile.amount("instructions") or 0) - (outcome.floor.amount("instructions") or 0)
    assert 5 < over <= BAR
    golden = json.loads(GOLDEN.read_text()).get(hakmem.build.partition(":")[0])
    if golden is not None:
        assert over == pytest.approx(golden["random_mixed"], abs=TOLERANCE)


def test_functions_account_for_all_instructions(
    system: Allocator, scratch: Path, meter_program: Path
) -> None:
    needs.program("valgrind")
    hakmem = allocators.choose(["hakmem"])[0]
    outcome = profiled(hakmem, system, scratch=scratch, meter_program=meter_program, operations=50_000)
    functions = outcome.subject_profile.functions
    whole = outcome.subject_profile.amount("instructions")
    assert sum(each.events["Ir"] for each in functions) == pytest.approx(whole, rel=1e-3)
    assert {"malloc", "free"} <= {each.name for each in functions if each.object_file == "libhakmem.so"}


def test_the_count_flavour_tells_hit_rates_of_hakmem(scratch: Path, meter_program: Path) -> None:
    hakmem = allocators.choose(["hakmem"])[0]
    outcome = profiled(hakmem, scratch=scratch, meter_program=meter_program, operations=100_000)
    assert outcome.rates is not None
    allocations = outcome.rates.total("allocations")
    assert allocations == pytest.approx(55_000, rel=0.05)
    stages = ("malloc_hits", "refill_spare", "refill_transfer", "refill_slab", "refill_span")
    assert sum(outcome.rates.total(stage) for stage in stages) == allocations


def test_without_tools_the_rest_still_works_and_says_what_to_install(
    fakes: Mapping[str, Allocator],
    system: Allocator,
    scratch: Path,
    meter_program: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    outcome = profiled(
        fakes["sleeps"], system, scratch=scratch, meter_program=meter_program, operations=100_000
    )
    told = " ".join(outcome.notes)
    for package in ("apt-get install valgrind", "apt-get install strace", "apt-get install linux-perf"):
        assert package in told
    assert outcome.findings[0].resource == "waiting"
    assert outcome.subject_profile.amount("instructions") is None
