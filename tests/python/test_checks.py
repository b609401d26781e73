"""The debug flavour's full checks find each wrong use of the heap and name it, and find nothing else.

The programs are those of tests/c/misuse/wrongs.c; the records are those of docs/reference/check-file.md.
"""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hakmem.libraries import library_path
from hakmem.spec.errors import ERROR_KINDS
from hakmem.spec.settings import SETTINGS
from tests.compiler import compile_to

SOURCE = Path(__file__).resolve().parents[1] / "c" / "misuse" / "wrongs.c"
SIZES = (8, 100, 1 << 10, 10 << 10, 100 << 10, 4 << 20)
LEAKS = next(setting for setting in SETTINGS if setting.id == "check_leaks").show(1)
# Some hundreds are a matter of minutes: HAKMEM_TEST_SEEDS=300; others: HAKMEM_TEST_FIRST_SEED=5000.
FIRST_SEED = int(os.environ.get("HAKMEM_TEST_FIRST_SEED", "0"))
HOSTILE_SEEDS = range(FIRST_SEED, FIRST_SEED + int(os.environ.get("HAKMEM_TEST_SEEDS", "12")))
HOSTILE_SETTINGS: list[dict[str, str]] = [
    {"quarantine": "32K"},
    {"quarantine": "0", "stacks": "0"},
    {"quarantine": "32K", "sweep": "1", "leaks": LEAKS},
    {"guard": "end", "leaks": LEAKS},
]
REPORTER_ALLOCATES = "a report used the heap"
KINDS = {kind.id for kind in ERROR_KINDS}
ABORTED = -signal.SIGABRT


@dataclass(frozen=True, slots=True)
class Run:
    """What a program did and what its check file says: the records, by type."""

    exit_code: int
    text: str
    records: list[dict[str, Any]]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [record for record in self.records if record["type"] == kind]

    @property
    def errors(self) -> list[str]:
        return [record["error"] for record in self.of("error")]


Wrong = Callable[..., Run]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("wrongs") / "wrongs"
    return compile_to(built, "-O1", "-g", "-Wall", "-Wextra", "-pthread", SOURCE, "-ldl")


@pytest.fixture
def wrong(program: Path, tmp_path: Path) -> Wrong:
    """Runs wrong(name, size, bytes, setting=value...) under full checks."""

    def run(
        name: str,
        size: int = 100,
        beyond: int = 1,
        preload: str = "",
        may_allocate: bool = False,
        **settings: str,
    ) -> Run:
        file = tmp_path / "checks.jsonl"
        environment = {
            "PATH": os.environ["PATH"],
            "LD_PRELOAD": f"{preload} {library_path('debug')}".strip(),
            "HAKMEM_CHECK_FILE": str(file),
            **{f"HAKMEM_CHECK_{key.upper()}": value for key, value in settings.items()},
        }
        command = [str(program), name, str(size), str(beyond)]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        lines = file.read_text(encoding="utf-8").splitlines()
        file.unlink()
        assert may_allocate or REPORTER_ALLOCATES not in done.stderr
        return Run(done.returncode, done.stdout + done.stderr, [json.loads(line) for line in lines])

    return run


AT_ONCE = {
    "twice": "double_free",
    "twice_later": "double_free",
    "twice_after_reuse": "double_free",
    "twice_interleaved": "double_free",
    "twice_by_another_thread": "double_free",
    "resize_freed": "double_free",
    "size_of_freed": "double_free",
    "inside": "interior_pointer",
    "unaligned": "interior_pointer",
    "delete_with_another_size": "size_mismatch",
    "delete_with_another_alignment": "alignment_mismatch",
    "delete_without_alignment": "alignment_mismatch",
    "delete_an_array": "kind_mismatch",
    "delete_from_malloc": "kind_mismatch",
    "free_from_new": "kind_mismatch",
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", AT_ONCE)
def test_a_wrong_call_is_found_at_once_with_its_block_and_stacks(name: str, size: int, wrong: Wrong) -> None:
    done = wrong(name, size)
    assert (done.exit_code, done.errors) == (ABORTED, [AT_ONCE[name]])
    error = done.of("error")[0]
    assert error["block"]["size"] == size
    assert error["when"] == "call"
    stacks = {record["id"]: record["pcs"] for record in done.of("stack")}
    named = [error["block"]["allocated"]["stack"], error["detected"]["stack"]]
    if AT_ONCE[name] == "double_free":
        named.append(error["block"]["freed"]["stack"])
        assert error["block"]["state"] == "quarantined"
    assert all(stacks[each] for each in named)
    assert len(set(named)) == len(named)
    modules = [(int(m["start"], 16), int(m["end"], 16)) for m in done.of("module")]
    innermost = int(stacks[error["block"]["allocated"]["stack"]][0], 16) - 1
    assert any(start <= innermost < end for start, end in modules)
    assert error["events"][0]["call"]


@pytest.mark.parametrize("name", ["on_the_stack", "of_a_global", "far_away", "unmapped"])
def test_a_pointer_that_nobody_allocated_is_found(name: str, wrong: Wrong) -> None:
    done = wrong(name)
    assert (done.exit_code, done.errors) == (ABORTED, ["foreign_pointer"])
    assert done.of("error")[0]["block"] is None


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("beyond", [1, 8, 32])
def test_a_write_beside_a_block_is_found_when_it_is_freed(size: int, beyond: int, wrong: Wrong) -> None:
    done = wrong("write_behind_and_free", size, beyond)
    assert (done.exit_code, done.errors) == (ABORTED, ["overrun"])
    error = done.of("error")[0]
    assert error["damage"] == {"offset": size + beyond - 1, "length": 1}
    assert error["block"]["size"] == size
    done = wrong("write_before_and_free", size, beyond)
    assert (done.exit_code, done.errors) == (ABORTED, ["underrun"])
    assert done.of("error")[0]["damage"] == {"offset": -beyond, "length": 1}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["write_all_behind_and_free", "write_all_before_and_free"])
def test_a_mebibyte_written_beside_a_block_is_found(name: str, size: int, wrong: Wrong) -> None:
    done = wrong(name, size, 1 << 20)
    assert done.exit_code == ABORTED
    assert done.errors[0] in {"overrun", "underrun", "out_of_bounds_write"}
    assert done.of("error")[0]["block"]["size"] == size


@pytest.mark.parametrize("size", SIZES)
def test_a_write_beside_a_block_that_is_never_freed_is_found_at_the_end(size: int, wrong: Wrong) -> None:
    done = wrong("write_behind", size)
    assert (done.exit_code, done.errors) == (0, ["overrun"])
    assert done.of("error")[0]["when"] == "exit"
    assert done.of("end")[0]["errors"] == 1


def test_a_program_that_exits_quickly_is_looked_at_as_well(wrong: Wrong) -> None:
    done = wrong("write_behind_and_exit_quickly", leaks=LEAKS)
    assert (done.exit_code, done.errors) == (0, ["overrun"])
    assert (done.of("error")[0]["when"], done.of("end")[0]["errors"]) == ("exit", 1)
    assert done.of("leak")


@pytest.mark.parametrize("size", SIZES)
def test_a_write_after_free_is_found_at_the_end_or_by_a_fault(size: int, wrong: Wrong) -> None:
    done = wrong("write_freed", size)
    assert done.errors == ["write_after_free"]
    error = done.of("error")[0]
    assert error["when"] == ("fault" if size > 256 << 10 else "exit")
    assert error["damage"]["offset"] == size // 2
    assert error["block"]["freed"]["stack"]


@pytest.mark.parametrize("size", SIZES[:-1])
@pytest.mark.parametrize("quarantine", ["0", "64K"])
def test_a_write_after_free_is_found_when_the_block_is_used_again(
    size: int, quarantine: str, wrong: Wrong
) -> None:
    done = wrong("write_freed_and_go_on", size, quarantine=quarantine)
    assert (done.exit_code, done.errors) == (ABORTED, ["write_after_free"])
    assert done.of("error")[0]["when"] == "reuse"


@pytest.mark.parametrize("size", [100, 100 << 10])
@pytest.mark.parametrize(
    ("name", "error"), [("write_freed_and_wait", "write_after_free"), ("write_behind_and_wait", "overrun")]
)
def test_a_sweep_finds_damage_while_the_program_sleeps(
    name: str, error: str, size: int, wrong: Wrong
) -> None:
    done = wrong(name, size, sweep="20")
    assert (done.exit_code, done.errors) == (ABORTED, [error])
    assert done.of("error")[0]["when"] == "sweep"


GUARDED = {
    ("end", "write_behind"): "out_of_bounds_write",
    ("end", "read_behind"): "out_of_bounds_read",
    ("exact", "write_behind"): "out_of_bounds_write",
    ("exact", "read_behind"): "out_of_bounds_read",
    ("start", "write_before_and_free"): "out_of_bounds_write",
    ("start", "read_before"): "out_of_bounds_read",
    ("end", "write_freed"): "write_after_free",
    ("start", "read_freed"): "read_after_free",
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("guard", "name"), GUARDED)
def test_guard_mode_stops_a_wrong_access_where_it_happens(
    guard: str, name: str, size: int, wrong: Wrong
) -> None:
    beyond = 16 if guard == "end" else 1  # what keeps the alignment of 16 leaves up to 15 bytes
    done = wrong(name, size, beyond, guard=guard)
    assert (done.exit_code, done.errors) == (ABORTED, [GUARDED[guard, name]])
    error = done.of("error")[0]
    assert error["when"] == "fault"
    assert error["block"]["size"] == size
    assert error["detected"]["stack"]


@pytest.mark.parametrize("beyond", [1, 8, 32, 1 << 20])
@pytest.mark.parametrize(("guard", "name"), [("exact", "read_all_behind"), ("start", "read_all_before")])
def test_guard_mode_stops_reads_however_long_they_are(
    guard: str, name: str, beyond: int, wrong: Wrong
) -> None:
    done = wrong(name, 100, beyond, guard=guard)
    assert (done.exit_code, done.errors) == (ABORTED, ["out_of_bounds_read"])


def test_a_program_that_goes_on_gets_past_each_error(wrong: Wrong) -> None:
    done = wrong("twice_interleaved", on_error="continue")
    assert (done.exit_code, done.errors) == (0, ["double_free"])
    assert wrong("read_freed", 4 << 20, on_error="continue").exit_code == 0
    assert wrong("resize_freed", on_error="continue").errors == ["double_free"]
    assert wrong("write_behind", 1024, guard="end", on_error="continue").exit_code == 0


def test_new_and_freed_memory_show_by_their_patterns(wrong: Wrong) -> None:
    for size in SIZES:
        assert wrong("show_new", size).text == "a5a5\n"
    assert wrong("show_freed", 1000).text == "dfdf\n"


def test_a_write_to_a_block_of_no_bytes_is_found(wrong: Wrong) -> None:
    assert wrong("write_to_nothing").errors == ["zero_size_write"]
    assert wrong("write_to_nothing", guard="end").errors == ["out_of_bounds_write"]


def test_sizes_that_no_block_can_have_are_told_and_fail_as_always(wrong: Wrong) -> None:
    done = wrong("sizes_beyond_all")
    assert (done.exit_code, done.errors) == (0, ["bad_size"] * 4)
    calls = [error["call"] for error in done.of("error")]
    assert calls == ["malloc", "calloc", "realloc", "reallocarray"]


def test_lost_blocks_are_told_apart_from_reachable_ones(wrong: Wrong) -> None:
    done = wrong("lose", 12345, leaks="all")
    leaks = [(leak["kind"], leak["bytes"], leak["blocks"]) for leak in done.of("leak")]
    assert ("lost", 2 * 12345, 2) in leaks or leaks.count(("lost", 12345, 1)) == 2
    assert ("reachable", 12345, 1) in leaks
    reachable = sum(size for kind, size, _ in leaks if kind == "reachable")
    summed = wrong("lose", 12345, leaks="lost").of("leak")
    assert sum(leak["bytes"] for leak in summed if leak["kind"] == "lost") == 2 * 12345
    sums = [(leak["stack"], leak["bytes"]) for leak in summed if leak["kind"] == "reachable"]
    assert sums == [(0, reachable)]
    assert not wrong("lose", leaks="off").of("leak")


def test_a_process_that_neither_errs_nor_exits_is_known_to_be_checked(wrong: Wrong) -> None:
    done = wrong("leave_at_once")
    assert [record["type"] for record in done.records] == ["start"]
    assert (done.exit_code, done.errors) == (0, [])


def test_a_child_of_fork_records_its_own_errors(wrong: Wrong) -> None:
    done = wrong("fork_and_free_twice")
    assert (done.exit_code, done.errors) == (0, ["double_free"])
    parent, child = (record["pid"] for record in done.of("start")) if len(done.of("start")) == 2 else (0, 0)
    assert {parent, child} == {record["pid"] for record in done.records}
    assert [end["errors"] for end in done.of("end") if end["pid"] != done.of("error")[0]["pid"]] == [0]


def test_a_program_that_closes_every_file_still_reports(wrong: Wrong) -> None:
    assert wrong("close_all_and_free_twice").errors == ["double_free"]


def test_faults_that_are_the_programs_own_go_to_its_handler(wrong: Wrong) -> None:
    done = wrong("have_a_handler", guard="end")
    assert (done.exit_code, done.errors) == (7, [])


def test_a_handler_may_be_left_by_a_jump_each_time(wrong: Wrong) -> None:
    done = wrong("leave_a_handler", guard="end")
    assert (done.exit_code, done.errors) == (5, [])


def test_a_program_may_exit_where_a_sweep_ends_it(wrong: Wrong) -> None:
    done = wrong("exit_when_a_sweep_aborts", 40, sweep="20", leaks=LEAKS)
    assert (done.exit_code, done.errors) == (7, ["overrun"])


def test_what_a_sweep_has_passed_is_looked_at_once_more_at_the_end(wrong: Wrong) -> None:
    for _ in range(5):
        done = wrong("write_behind_while_a_sweep_is_on_its_way", 40, sweep="1", leaks="off")
        assert done.errors == ["overrun"]


@pytest.mark.parametrize("guard", ["off", "end"])
def test_right_programs_are_left_alone(guard: str, wrong: Wrong) -> None:
    done = wrong("right_forms_of_delete", guard=guard)
    assert (done.exit_code, done.errors) == (0, [])
    done = wrong("churn_in_threads", guard=guard, sweep="3", quarantine="1M", leaks="lost")
    assert (done.exit_code, done.errors) == (0, [])
    assert done.of("end")[0]["live_blocks"] > 0


@pytest.mark.parametrize("quarantine", ["0", "64K"])
def test_a_right_program_that_uses_each_place_in_every_way_is_left_alone(
    quarantine: str, wrong: Wrong
) -> None:
    done = wrong("churn_all_ways_in_threads", sweep="3", quarantine=quarantine, leaks=LEAKS)
    assert (done.exit_code, done.errors) == (0, [])


def test_a_search_for_leaks_waits_for_no_thread_that_it_stopped(wrong: Wrong) -> None:
    for _ in range(20):  # where it did, two runs of forty hung
        done = wrong("exit_while_threads_begin", leaks=LEAKS)
        assert (done.exit_code, done.errors) == (0, [])


def test_damage_all_over_the_heap_ends_in_a_report(wrong: Wrong) -> None:
    done = wrong("write_all_over", 64, 8000)
    assert done.exit_code < 0
    assert {"overrun", "underrun"} & set(done.errors)


@pytest.mark.parametrize("on_error", ["abort", "continue"])
@pytest.mark.parametrize("settings", HOSTILE_SETTINGS, ids=" ".join)
@pytest.mark.parametrize("name", ["damage_at_random", "spoil_the_tables"])
def test_hostile_programs_neither_hang_the_reporter_nor_spoil_its_lines(
    name: str, settings: dict[str, str], on_error: str, wrong: Wrong
) -> None:
    for seed in HOSTILE_SEEDS:
        done = wrong(name, seed, on_error=on_error, **settings)
        assert done.exit_code in {0, ABORTED, -signal.SIGSEGV, -signal.SIGBUS}, seed
        assert "a report ended in a fault" not in done.text, seed
        assert set(done.errors) <= KINDS, seed
        assert done.errors or name == "spoil_the_tables", seed  # where nothing may be left to tell
        if done.exit_code in {-signal.SIGSEGV, -signal.SIGBUS}:
            # Another thread's sweep may tell more before the process has ended.
            assert "fault" in {error["when"] for error in done.of("error")}, seed


@pytest.mark.parametrize("on_error", ["abort", "continue"])
def test_a_link_of_the_heap_that_points_inside_a_block_is_found(on_error: str, wrong: Wrong) -> None:
    """The block that it names would be filled from there to the end of the heap."""
    done = wrong("bend_a_link", quarantine="0", on_error=on_error)
    assert (done.exit_code, done.errors[-1]) == (ABORTED, "corrupt_list")
    assert done.of("end")


ALLOCATING = """
#include <stdlib.h>
int prctl(int option, char *name) { /* with which a report asks for the thread's name */
    void *volatile block = malloc(100);
    free(block);
    name[0] = 0;
    return option == 0;
}
"""


def test_a_report_that_allocates_is_told(wrong: Wrong, tmp_path: Path) -> None:
    source = tmp_path / "allocating.c"
    source.write_text(ALLOCATING)
    library = compile_to(tmp_path / "allocating.so", "-shared", "-fPIC", source)
    done = wrong("twice", preload=str(library), may_allocate=True, on_error="continue")
    assert done.text.count(REPORTER_ALLOCATES) == 1
    assert done.errors == ["double_free"]


def test_a_file_that_cannot_be_opened_is_told_and_the_program_runs(program: Path, tmp_path: Path) -> None:
    environment = {"LD_PRELOAD": str(library_path("debug")), "HAKMEM_CHECK_FILE": str(tmp_path / "no" / "f")}
    done = subprocess.run(
        [str(program), "nothing", "8"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stderr.startswith("hakmem: no full checks: cannot open HAKMEM_CHECK_FILE:")
    assert done.stderr.count("\n") == 1
