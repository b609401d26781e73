"""What tools print is read as they mean it; the samples are in captured/."""

import json
from pathlib import Path

import pytest

from hakmem.lab.perf import callgrind, calls, costs, hardware, rates
from hakmem.lab.perf.callgrind import DamagedOutputError
from hakmem.lab.perf.costs import CalibrationError, Costs
from hakmem.lab.perf.counts import Tally
from hakmem.lab.perf.start import RunFailedError

CAPTURED = Path(__file__).parent / "captured"

HAKMEM, LIBC = "libhakmem.so", "libc.so.6"


def test_callgrind_costs_of_callees_are_not_the_callers_own() -> None:
    counted = callgrind.read([CAPTURED / "callgrind.out"])
    assert counted.functions["hak_upkeep", HAKMEM]["Ir"] == 327 + 109 + 109 + 109 + 100
    assert counted.functions["clock_gettime@@GLIBC_2.17", LIBC]["Ir"] == 1090


def test_callgrind_names_are_found_behind_their_abbreviations() -> None:
    counted = callgrind.read([CAPTURED / "callgrind.out"])
    assert set(counted.functions) == {("hak_upkeep", HAKMEM), ("clock_gettime@@GLIBC_2.17", LIBC)}


def test_callgrind_counts_left_out_at_the_end_of_a_line_are_zero() -> None:
    upkeep = callgrind.read([CAPTURED / "callgrind.out"]).functions["hak_upkeep", HAKMEM]
    assert (upkeep["Dr"], upkeep["Dw"], upkeep["Bcm"]) == (110, 218, 0)


def test_callgrind_totals_are_the_last_that_the_file_tells() -> None:
    counted = callgrind.read([CAPTURED / "callgrind.out"])
    assert counted.total["Ir"] == sum(events["Ir"] for events in counted.functions.values()) == 1844
    assert counted.caches == {"I1": 32768, "D1": 49152, "LL": 33554432}


def test_callgrind_files_of_several_processes_add_up() -> None:
    twice = callgrind.read([CAPTURED / "callgrind.out"] * 2)
    assert twice.total["Ir"] == 2 * 1844
    assert twice.functions["hak_upkeep", HAKMEM]["Ir"] == 2 * 754


@pytest.mark.parametrize(
    "text",
    ["", "# callgrind format\nversion: 1\n", "events: Ir\npositions: line\nfn=(1) f\n1 x\ntotals: 1\n"],
)
def test_a_damaged_callgrind_file_is_an_error(text: str) -> None:
    with pytest.raises(DamagedOutputError):
        callgrind.parse(text)


def test_an_strace_summary_gives_calls_and_time_by_kind() -> None:
    counts, time_ns = calls.parse((CAPTURED / "strace.txt").read_text())
    assert counts == {"mmap": 18, "execve": 1, "newfstatat": 4, "mprotect": 5, "madvise": 2, "access": 1}
    assert time_ns["mmap"] == pytest.approx(175_000)


def test_perf_stat_counts_are_read_and_metrics_passed_over() -> None:
    samples = {sample.event: sample for sample in hardware.parse((CAPTURED / "perf-stat.csv").read_text())}
    assert samples["instructions"].value == 319218186844
    assert samples["instructions"].running == 85
    assert samples["branch-misses"].value == 1042705531
    assert len(samples) == 6


def test_an_event_that_perf_could_not_count_has_no_value() -> None:
    samples = {sample.event: sample for sample in hardware.parse((CAPTURED / "perf-stat.csv").read_text())}
    assert samples["cache-misses"].value is None
    assert samples["L1-dcache-stores"].value is None


def test_events_of_both_kinds_of_cores_have_the_events_name() -> None:
    text = "5,,cpu_core/instructions/u,9,100.00,,\n7,,cpu_atom/instructions/u,9,100.00,,\n"
    assert [(sample.event, sample.value) for sample in hardware.parse(text)] == [
        ("instructions", 5),
        ("instructions", 7),
    ]


def test_unit_costs_are_read_by_name() -> None:
    line = "lab: costs instruction=0.12 l1_miss=2.5 last_level_hit=40 last_level_miss=160 branch_miss=7"
    assert costs.parse(f"{line} fault=1500 system_call=124 switch=1900\n") == Costs(
        0.12, 2.5, 40, 160, 7, 1500, 124, 1900
    )


@pytest.mark.parametrize("text", ["", "lab: costs instruction=0.1\n", "lab: costs instruction=fast\n"])
def test_unit_costs_that_lack_something_are_an_error(text: str) -> None:
    with pytest.raises(CalibrationError, match="unit_costs"):
        costs.parse(text)


def statistics(**counters: int) -> str:
    entry = {"size": 64, "allocations": 10, "frees": 8, "malloc_hits": 9, **counters}
    return json.dumps(
        {"schema": rates.SCHEMA, "counters": {"purges": 2}, "bytes": {"live": 128}, "classes": [entry]}
    )


def test_statistics_of_several_processes_add_up(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(statistics())
    (tmp_path / "b").write_text(statistics(lock_waits=3))
    both = rates.merge([rates.read(tmp_path / "a"), rates.read(tmp_path / "b")])
    assert (both.total("allocations"), both.total("lock_waits"), both.process["purges"]) == (20, 3, 4)
    assert [entry.size for entry in both.classes] == [64]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "hakmem-stats/9"}'])
def test_damaged_statistics_are_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").write_text(text)
    with pytest.raises(RunFailedError):
        rates.read(tmp_path / "a")


def test_what_locks_were_taken_for_adds_up_and_may_be_missing(tmp_path: Path) -> None:
    document = json.loads(statistics())
    document["locks"] = {"pool_stock": {"taken": 5, "waits": 1}}
    document["swaps"] = {"slab_push": {"done": 7, "in_vain": 2}}
    (tmp_path / "a").write_text(json.dumps(document))
    (tmp_path / "b").write_text(statistics())  # as of an older version
    parts = [rates.read(tmp_path / "a"), rates.read(tmp_path / "a"), rates.read(tmp_path / "b")]
    both = rates.merge(parts)
    assert both.locks == {"pool_stock": Tally(10, 2)}
    assert both.swaps == {"slab_push": Tally(14, 4)}
    assert rates.merge(parts[2:]).locks == {}
