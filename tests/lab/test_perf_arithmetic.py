"""Slopes, lengths, bills and findings, on made-up figures whose answer is known."""

import dataclasses
import random
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from hakmem.lab.perf import caches, gather, lengths, resources, words
from hakmem.lab.perf.bill import draw_up
from hakmem.lab.perf.caches import Cache
from hakmem.lab.perf.costs import Costs
from hakmem.lab.perf.counts import Figure, FunctionCost, Profile, Rates, Source, SystemCall
from hakmem.lab.perf.findings import Case, Finding, Level, rank
from hakmem.lab.perf.lengths import Probe
from hakmem.lab.perf.simulated import amounts
from hakmem.lab.perf.slope import Total, slope
from hakmem.spec import counters, settings

COSTS = Costs(
    instruction=0.1,
    l1_miss=2.0,
    last_level_hit=20.0,
    last_level_miss=100.0,
    branch_miss=5.0,
    fault=1000.0,
    system_call=100.0,
    switch=2000.0,
)
MIB = 1 << 20

ORDINARY = {
    "wall": 10.0,
    "whole_wall": 10.0,
    "user": 9.0,
    "system": 1.0,
    "waiting": 0.0,
    "instructions": 60.0,
    "l1_misses": 0.5,
    "last_level_misses": 0.001,
    "branch_misses": 0.5,
    "minor_faults": 0.0005,
    "major_faults": 0.0,
    "voluntary_switches": 0.0,
    "peak_rss": 20.0 * MIB,
    "growth": 0.0,
    "system_calls": 0.0,
}


def profile(
    name: str,
    *calls: SystemCall,
    unlike: Mapping[str, float] = MappingProxyType({}),
    functions: tuple[FunctionCost, ...] = (),
    **changes: float,
) -> Profile:
    """An ordinary allocator, but for `unlike` and `changes`."""
    values = {**ORDINARY, **unlike, **changes}
    figures = {key: Figure(value, Source.KERNEL) for key, value in values.items()}
    return Profile(
        name, f"{name}.so", figures, functions=functions, calls={call.name: call for call in calls}
    )


def findings(subject: Profile, *peers: Profile, rates: Rates | None = None) -> tuple[Finding, ...]:
    return rank(Case(subject, peers, None, COSTS, rates, "operation", 1e6))


# ---- slopes ----


def test_a_slope_leaves_the_start_of_the_process_out() -> None:
    each = slope(Total(300, {"Ir": 1000 + 300 * 7}), Total(100, {"Ir": 1000 + 100 * 7}))
    assert (each.unit["Ir"], each.start["Ir"]) == (7, 1000)


def test_one_length_alone_gives_the_mean() -> None:
    each = slope(Total(100, {"Ir": 1700}))
    assert (each.unit["Ir"], dict(each.start)) == (17, {})


def test_two_runs_of_one_length_count_as_one() -> None:
    assert slope(Total(100, {"Ir": 1700}), Total(100, {"Ir": 1600})).unit["Ir"] == 17


def test_what_only_the_long_run_did_is_all_slope() -> None:
    assert slope(Total(300, {"madvise": 4}), Total(100, {})).unit["madvise"] == 0.02


# ---- lengths ----


START = Probe(10, 0.5, 0.4, MIB)


def after(operations: int, *, wall_s: float, cpu_s: float, grown_b: int = 0) -> Probe:
    """A probe that did so much more than START."""
    return Probe(10 + operations, 0.5 + wall_s, 0.4 + cpu_s, MIB + grown_b)


def test_a_fast_workload_runs_a_quarter_of_a_second_and_shorter_under_a_tool() -> None:
    chosen = lengths.lengths(START, after(4_000_000, wall_s=0.05, cpu_s=0.05))
    assert chosen.plain == 20_000_000
    assert chosen.slow == pytest.approx(lengths.SIMULATED_S / 50 * 4_000_000 / 0.05)


def test_a_program_that_sleeps_is_simulated_as_long_as_it_runs_plain() -> None:
    chosen = lengths.lengths(START, after(500, wall_s=0.5, cpu_s=0.0005))
    assert chosen.plain == chosen.slow == 250


def test_a_program_that_leaks_is_not_run_until_memory_ends() -> None:
    chosen = lengths.lengths(START, after(10_000, wall_s=0.05, cpu_s=0.05, grown_b=200 * MIB))
    assert chosen.plain == lengths.MEMORY_B * 10_000 // (200 * MIB)


def test_a_program_too_slow_to_simulate_says_what_would_permit_it() -> None:
    assert gather.too_slow(0.5, 300) is None
    assert "--timeout 1500" in (gather.too_slow(20, 300) or "")


# ---- caches ----


def test_caches_are_read_as_the_kernel_tells_them(tmp_path: Path) -> None:
    for index, (level, kind, size, ways) in enumerate(
        [
            (1, "Data", "48K", 12),
            (1, "Instruction", "32K", 8),
            (2, "Unified", "1024K", 16),
            (3, "Unified", "36M", 12),
        ]
    ):
        directory = tmp_path / f"index{index}"
        directory.mkdir()
        for name, value in (
            ("level", level),
            ("type", kind),
            ("size", size),
            ("ways_of_associativity", ways),
            ("coherency_line_size", 64),
        ):
            (directory / name).write_text(f"{value}\n")
    assert caches.describe(tmp_path) == {
        "D1": Cache(48 << 10, 12, 64),
        "I1": Cache(32 << 10, 8, 64),
        "LL": Cache(36 << 20, 18, 64),
    }


@pytest.mark.parametrize(
    "shape", [(32 << 10, 8), (36 << 20, 12), (48 << 10, 12), (2560 << 10, 20), (33 << 20, 11)]
)
def test_a_cache_has_a_power_of_two_of_sets(shape: tuple[int, int]) -> None:
    cache = caches.simulable(*shape, 64)
    assert cache is not None
    sets = cache.size_b // (cache.ways * cache.line_b)
    assert sets & (sets - 1) == 0
    assert cache.size_b == pytest.approx(shape[0], rel=0.05)


@pytest.mark.parametrize("shape", [(0, 8, 64), (1024, 0, 64), (1024, 8, 0), (1024, 8, 48), (64, 8, 64)])
def test_what_describes_no_cache_is_left_to_callgrind(shape: tuple[int, int, int]) -> None:
    assert caches.simulable(*shape) is None


# ---- estimates ----


def test_cycles_are_estimated_as_kcachegrind_does() -> None:
    events = {
        "Ir": 1000,
        "Bcm": 3,
        "Bim": 1,
        "I1mr": 2,
        "D1mr": 5,
        "D1mw": 1,
        "DLmr": 1,
        "ILmr": 1,
        "DLmw": 0,
    }
    assert amounts(events)["cycles"] == 1000 + 10 * 4 + 10 * 8 + 100 * 2


# ---- the bill ----


def test_a_bill_never_exceeds_the_processor_time_that_was_taken() -> None:
    bill = draw_up(profile("x", user=2.0, system=0.0), None, COSTS)
    assert sum(entry.cost_ns for entry in bill.entries.values()) == pytest.approx(2.0)


def test_processor_time_beyond_the_bill_is_a_rest() -> None:
    bill = draw_up(profile("x", user=109.0, l1_misses=0.0), None, COSTS)
    charged = 6.0 + 0.1 + 2.5 + 0.5
    assert bill.cost_ns("user_rest") + bill.cost_ns("kernel_rest") == pytest.approx(110 - charged)


def test_first_level_misses_take_of_the_rest_what_a_hit_in_the_last_level_explains() -> None:
    bill = draw_up(profile("x", user=200.0, l1_misses=5.0, system=0.5), None, COSTS)
    assert bill.price_ns("l1_misses") == pytest.approx(COSTS.last_level_hit)


def test_slow_system_calls_take_the_rest_of_the_kernels_time_and_blocking_ones_do_not() -> None:
    calls = (
        SystemCall("getppid", 0.1, 0.1 * 10_000),
        SystemCall("munmap", 0.1, 0.1 * 90_000),
        SystemCall("futex", 0.1, 0.1 * 900_000),
    )
    bill = draw_up(profile("x", *calls, system=1000.0, user=9.0), None, COSTS)
    assert bill.price_ns("call:munmap") > 50 * COSTS.system_call
    assert bill.price_ns("call:getppid") == bill.price_ns("call:futex") == pytest.approx(COSTS.system_call)


def test_the_floor_is_taken_off_first() -> None:
    floor = profile("floor", instructions=50.0, user=8.0)
    bill = draw_up(profile("x", instructions=60.0), floor, COSTS)
    assert bill.entries["instructions"].amount == pytest.approx(10.0)


def test_processor_time_is_spread_over_the_processors_that_are_busy() -> None:
    one, two = (draw_up(profile("x"), None, COSTS, processors) for processors in (1.0, 2.0))
    assert two.cost_ns("instructions") == pytest.approx(one.cost_ns("instructions") / 2)


# ---- findings ----


EXCESSES = (
    ("instructions", {"instructions": 1000.0, "user": 103.0, "wall": 104.0, "whole_wall": 104.0}),
    ("l1_misses", {"l1_misses": 30.0, "user": 70.0, "wall": 70.0, "whole_wall": 70.0}),
    ("last_level_misses", {"last_level_misses": 1.0, "user": 110.0, "wall": 110.0, "whole_wall": 110.0}),
    ("branch_misses", {"branch_misses": 10.0, "user": 57.0, "wall": 57.0, "whole_wall": 57.0}),
    ("minor_faults", {"minor_faults": 0.1, "system": 101.0, "wall": 110.0, "whole_wall": 110.0}),
    ("voluntary_switches", {"voluntary_switches": 0.1, "system": 201.0, "wall": 210.0, "whole_wall": 210.0}),
    ("waiting", {"waiting": 500.0, "wall": 510.0, "whole_wall": 510.0}),
    ("user_rest", {"user": 300.0, "l1_misses": 0.0, "wall": 301.0, "whole_wall": 301.0}),
    ("kernel_rest", {"system": 300.0, "wall": 309.0, "whole_wall": 309.0}),
    ("peak_rss", {"peak_rss": 90.0 * MIB}),
    ("growth", {"growth": 100.0, "peak_rss": 20.0 * MIB + 100e6}),
)


@pytest.mark.parametrize(("resource", "changes"), EXCESSES, ids=[name for name, _ in EXCESSES])
def test_the_resource_of_which_too_much_is_used_comes_first(resource: str, changes: dict[str, float]) -> None:
    found = findings(profile("subject", unlike=changes), profile("peer"))
    assert (found[0].resource, found[0].level, found[0].best) == (resource, Level.SEVERE, "peer")


def test_an_excess_of_system_calls_comes_first_and_names_their_kind() -> None:
    call = SystemCall("madvise", 1.0, 12_000.0)
    subject = profile("subject", call, system=101.0, system_calls=1.0, wall=110.0, whole_wall=110.0)
    found = findings(subject, profile("peer"))
    assert found[0].resource == "call:madvise"
    assert "madvise" in found[0].sentence


def test_who_uses_no_more_than_the_best_peer_has_no_findings() -> None:
    assert findings(profile("subject"), profile("peer")) == ()


def test_each_resource_is_compared_with_the_peer_that_uses_least_of_it() -> None:
    lean = profile("lean", peak_rss=20.0 * MIB, instructions=500.0)
    quick = profile("quick", peak_rss=100.0 * MIB, instructions=20.0)
    found = {each.resource: each for each in findings(profile("subject", peak_rss=60.0 * MIB), lean, quick)}
    assert found["peak_rss"].best == "lean"
    assert found["instructions"].best == "quick"


def test_a_peak_of_a_few_mebibytes_is_not_severe() -> None:
    found = findings(profile("subject", peak_rss=3.0 * MIB), profile("peer", peak_rss=1.5 * MIB))
    assert [each.level for each in found] == [Level.NOTABLE]


def test_memory_that_grows_is_not_counted_again_as_a_peak() -> None:
    found = findings(profile("subject", growth=100.0, peak_rss=20.0 * MIB + 100e6), profile("peer"))
    assert [each.resource for each in found] == ["growth"]


def test_time_that_no_count_explains_is_no_finding_of_a_subject_that_is_not_slower() -> None:
    peer = profile("peer", instructions=3000.0, user=300.0, whole_wall=301.0)
    found = findings(profile("subject", user=300.0, whole_wall=301.0, l1_misses=0.0), peer)
    assert "user_rest" not in [each.resource for each in found]


def test_rounds_that_lie_far_apart_do_not_make_a_finding() -> None:
    steady = profile("subject", user=12.0, l1_misses=0.0)
    noisy = dataclasses.replace(steady, spread={"user": 5.0})
    assert "user_rest" in [each.resource for each in findings(steady, profile("peer"))]
    assert "user_rest" not in [each.resource for each in findings(noisy, profile("peer"))]


def test_findings_are_in_the_order_of_severity_whatever_the_figures() -> None:
    source = random.Random(7)
    for _ in range(50):
        figures = {name: value * source.uniform(0.2, 9) for name, value in ORDINARY.items()}
        found = findings(profile("subject", unlike=figures), profile("peer"))
        severities = [each.severity for each in found]
        assert severities == sorted(severities, reverse=True)


def test_a_subject_alone_is_judged_by_all_that_it_uses() -> None:
    assert findings(profile("subject", minor_faults=0.1, system=101.0))[0].resource == "minor_faults"


def test_a_finding_about_the_program_names_the_functions_with_the_excess() -> None:
    mine = (
        FunctionCost("hot", "subject.so", {"Ir": 900.0}),
        FunctionCost("main", "program", {"Ir": 40.0}),
    )
    theirs = (FunctionCost("main", "program", {"Ir": 40.0}),)
    subject = profile("subject", functions=mine, instructions=940.0, user=103.0, whole_wall=104.0)
    found = findings(subject, profile("peer", functions=theirs))
    assert "hot (subject.so) 100 %" in found[0].look[0]
    assert "main" not in found[0].look[0]


def test_hakmem_is_told_its_settings_and_counters() -> None:
    rates = Rates({"purges": 12, "purged_bytes": 3 * MIB}, {}, ())
    found = findings(profile("hakmem", minor_faults=0.1, system=101.0), profile("peer"), rates=rates)
    assert "retain" in found[0].settings
    assert any("purges 12" in line and "purged_bytes 3 MiB" in line for line in found[0].look)


def test_what_findings_point_to_exists() -> None:
    known_settings = {setting.id for setting in settings.SETTINGS}
    known_counters = {
        counter.id
        for table in (
            counters.PROCESS_COUNTERS,
            counters.CLASS_COUNTERS,
            counters.CALL_COUNTERS,
            counters.BYTE_FIGURES,
        )
        for counter in table
    }
    named = [
        *resources.BILLED,
        resources.WAITING,
        resources.USER_REST,
        resources.KERNEL_REST,
        resources.PEAK,
        resources.GROWTH,
        *map(resources.system_call, {**resources.SYSTEM_CALL_COUNTERS, **resources.SYSTEM_CALL_SETTINGS}),
    ]
    assert {name for resource in named for name in resource.settings} <= known_settings
    assert {name for resource in named for name in resource.counters} <= known_counters
    prices = {field.name for field in dataclasses.fields(Costs)}
    assert {resource.price for resource in named if resource.price} <= prices


# ---- words ----


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0"),
        (0.00038, "0.00038"),
        (0.5, "0.50"),
        (13.54, "13.5"),
        (1234, "1,234"),
        (123456, "123 k"),
        (5e-6, "~0"),
    ],
)
def test_counts_in_tables_are_short(amount: float, text: str) -> None:
    assert words.short(amount) == text


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (0.384, "38 %"),
        (0.0042, "0.42 %"),
        (0.99996, "99.996 %"),
        (0.99999999, "99.9999 %"),
        (1, "100 %"),
        (1e-5, "~0 %"),
        (0, "0 %"),
    ],
)
def test_shares_never_round_to_all_or_nothing(part: float, text: str) -> None:
    assert words.share(part) == text


@pytest.mark.parametrize(
    ("time_ns", "text"), [(0, "0 ns"), (12.3, "12.3 ns"), (1234, "1.23 us"), (2.1e6, "2.10 ms")]
)
def test_times_have_a_unit_that_fits(time_ns: float, text: str) -> None:
    assert words.time(time_ns) == text
