"""The meter reports what a run did, with allocators and programs of which that is known."""

import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

from hakmem.lab.measurement import Measurement, Status, Usage
from hakmem.lab.meter import measure
from hakmem.lab.meter_report import MeterError, parse
from hakmem.lab.plan import Allocator, Client, Job, Kind

from .compiled import compile_static

MIB = 1 << 20
PAIRS = 20_000


class Run(Protocol):
    """The fixture `run`."""

    def __call__(
        self, job: Job, allocator: Allocator = ..., *, kind: Kind = ..., timeout_s: float = ...
    ) -> Measurement: ...


@pytest.fixture
def run(meter_program: Path, scratch: Path, system: Allocator) -> Run:
    """Measures a job with this tree's meter: on the system's malloc, with a minute's time, unless told."""

    def run_(
        job: Job, allocator: Allocator = system, *, kind: Kind = Kind.NATIVE, timeout_s: float = 60
    ) -> Measurement:
        return measure(job, allocator, kind=kind, timeout_s=timeout_s, scratch=scratch, meter=meter_program)

    return run_


@pytest.fixture
def pairs(programs: Mapping[str, Path]) -> Job:
    """PAIRS times malloc and free of 1,000 bytes."""
    return Job((str(programs["pairs"]), str(PAIRS), "1000"))


def shell(script: str) -> Job:
    return Job(("/bin/sh", "-c", script))


def usage(measurement: Measurement) -> Usage:
    assert measurement.usage is not None
    return measurement.usage


# ---- what a run took ----


def test_a_good_run_has_its_result(run: Run, pairs: Job) -> None:
    got = run(pairs)
    assert (got.status, got.detail, got.exit_code) == (Status.OK, "", 0)
    assert got.operations == 2 * PAIRS
    assert got.seconds is not None
    assert 0 < got.seconds < got.wall_s < 10
    assert got.checksum == f"{PAIRS ^ 1000:x}"


def test_time_asleep_is_seen_and_is_no_processor_time(
    run: Run, pairs: Job, fakes: Mapping[str, Allocator]
) -> None:
    got = run(pairs, fakes["sleeps"])
    asleep_s = 0.001 * (PAIRS // 1000)
    assert got.seconds is not None
    assert asleep_s <= got.seconds  # a sleep is never shorter than asked for
    assert got.wall_s < asleep_s + 30
    assert usage(got).user_s + usage(got).system_s < got.wall_s
    assert usage(got).voluntary_switches >= PAIRS // 1000


def test_a_leak_is_seen_as_resident_memory(run: Run, pairs: Job, fakes: Mapping[str, Allocator]) -> None:
    many = 10 * PAIRS
    long = replace(pairs, argv=(pairs.argv[0], str(many), "1000"))
    leaking, plain = run(long, fakes["leaks"]), run(long, fakes["plain"])
    # A quarter of the blocks stays, each of 1,008 bytes in glibc, and the heap grows by 132 KiB at a time.
    # The kernel counts a process's pages in batches, so that each peak may be off by some hundred KiB.
    leaked_b = many // 4 * 1008
    grown_b = usage(leaking).peak_rss_b - usage(plain).peak_rss_b
    assert abs(grown_b - leaked_b) < 2 * MIB


def test_page_faults_are_counted(run: Run, pairs: Job, fakes: Mapping[str, Allocator]) -> None:
    faulting, plain = run(pairs, fakes["faults"]), run(pairs, fakes["plain"])
    more = usage(faulting).minor_faults - usage(plain).minor_faults
    assert abs(more - PAIRS) < 200  # the program's own start varies by a few
    assert usage(faulting).peak_rss_b < usage(plain).peak_rss_b + 4 * MIB


def test_instructions_are_seen_as_processor_time(
    run: Run, pairs: Job, fakes: Mapping[str, Allocator]
) -> None:
    long = replace(pairs, argv=(pairs.argv[0], "200000", "1000"))
    busy, plain = usage(run(long, fakes["instructions"])), usage(run(long, fakes["plain"]))
    assert busy.user_s > 3 * plain.user_s


def test_context_switches_are_counted(run: Run, programs: Mapping[str, Path]) -> None:
    got = usage(run(Job((str(programs["switches"]), "500"))))
    # A sleep that ends before the processor was given up is none; a busy machine adds some. Counted twice
    # they would be a thousand.
    assert 450 <= got.voluntary_switches < 1000


# ---- memory ----


def test_the_peak_is_the_process_own_and_not_that_of_who_measures(
    meter_program: Path, programs: Mapping[str, Path], scratch: Path
) -> None:
    script = f"""
from pathlib import Path
from hakmem.lab.meter import measure
from hakmem.lab.plan import Allocator, Job, Kind
ballast = bytearray(500 << 20)
job = Job(({str(programs["holds"])!r}, "0", "8", "1"))
got = measure(job, Allocator("system", None), kind=Kind.NATIVE, timeout_s=30, scratch=Path({str(scratch)!r}),
              meter=Path({str(meter_program)!r}))
print(got.usage.peak_rss_b)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert 8 * MIB <= int(done.stdout) < 12 * MIB


def test_the_peak_of_a_tiny_program_is_below_two_mib(run: Run, programs: Mapping[str, Path]) -> None:
    assert usage(run(Job((str(programs["holds"]), "0", "0", "1")))).peak_rss_b < 2 * MIB


def test_memory_over_time_is_that_of_the_whole_tree(run: Run, programs: Mapping[str, Path]) -> None:
    got = run(Job((str(programs["holds"]), "3", "20", "1000")))
    highest = max(point.resident_b for point in got.memory)
    # Four processes of 20 MiB; the C library's pages, up to 2 MiB each, count in each of them.
    assert 80 * MIB <= highest <= 80 * MIB + 4 * 2 * MIB
    assert 20 * MIB <= usage(got).peak_rss_b < 24 * MIB  # of any one
    times = [point.seconds for point in got.memory]
    assert times == sorted(times)
    assert times[0] < 1  # while the memory is held
    assert times[-1] <= got.wall_s


def test_memory_of_a_process_that_left_its_parent_counts(run: Run, programs: Mapping[str, Path]) -> None:
    got = run(shell(f"( {programs['holds']} 0 30 20000 & ) ; sleep 1"))
    assert max(point.resident_b for point in got.memory) >= 30 * MIB
    assert got.wall_s < 15


def test_live_bytes_stand_beside_the_samples_after_them(run: Run, programs: Mapping[str, Path]) -> None:
    got = run(Job((str(programs["holds"]), "0", "16", "1000", "12345678")))
    assert {point.live_b for point in got.memory} <= {None, 12345678}
    held = [point for point in got.memory if point.live_b is not None]
    assert held
    assert all(point.resident_b >= 16 * MIB for point in held[1:])


# ---- runs that go wrong ----


def test_a_crash_is_a_status_with_the_signal_and_the_last_words(run: Run) -> None:
    got = run(shell("echo working; echo bad >&2; kill -SEGV $$"))
    assert (got.status, got.detail, got.exit_code) == (Status.CRASHED, "ended by SIGSEGV: bad", -11)


def test_a_crash_in_an_allocator_is_a_status(run: Run, pairs: Job, fakes: Mapping[str, Allocator]) -> None:
    got = run(pairs, fakes["crashes"])
    assert (got.status, got.exit_code) == (Status.CRASHED, -11)
    assert got.usage is not None


def test_a_failure_is_a_status_with_the_last_words(run: Run) -> None:
    got = run(shell("echo first >&2; echo 'last  ' >&2; echo >&2; exit 7"))
    assert (got.status, got.detail, got.exit_code) == (Status.FAILED, "exit code 7: last", 7)


def test_a_hang_ends_at_the_timeout(run: Run, pairs: Job, fakes: Mapping[str, Allocator]) -> None:
    begin = time.monotonic()
    got = run(pairs, fakes["hangs"], timeout_s=0.5)
    assert got.status is Status.TIMEOUT
    assert 0.5 <= got.wall_s < 30
    assert time.monotonic() - begin < 40


def test_a_program_that_is_not_there_is_absent(run: Run, tmp_path: Path) -> None:
    got = run(Job((str(tmp_path / "nothing"),)))
    assert got.status is Status.ABSENT
    assert "No such file" in got.detail


def test_a_program_that_cannot_be_started_has_failed(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\x7fELF nonsense")
    file.chmod(0o755)
    got = run(Job((str(file),)))
    assert got.status is Status.FAILED
    assert "Exec format error" in got.detail


def test_input_that_is_not_there_is_a_failure_that_names_it(run: Run, tmp_path: Path) -> None:
    got = run(Job(("/bin/cat",), stdin=tmp_path / "nothing"))
    assert (got.status, got.detail) == (
        Status.FAILED,
        f"cannot run '/bin/cat': there is no {str(tmp_path / 'nothing')!r}",
    )


def test_a_flood_of_output_is_stopped(meter_program: Path, scratch: Path, system: Allocator) -> None:
    got = measure(
        Job(("/bin/sh", "-c", "while :; do echo 0123456789; done")),
        system,
        kind=Kind.COMMAND,
        timeout_s=30,
        scratch=scratch,
        output_limit_b=100_000,
        meter=meter_program,
    )
    assert got.status is Status.FAILED
    assert "limit" in got.detail
    assert got.wall_s < 10


def test_a_broken_meter_is_an_error(scratch: Path, system: Allocator) -> None:
    with pytest.raises(MeterError, match="the meter failed"):
        measure(
            Job(("/bin/true",)),
            system,
            kind=Kind.REAL,
            timeout_s=5,
            scratch=scratch,
            meter=Path("/bin/false"),
        )
    with pytest.raises(MeterError, match="not whole"):
        parse("meter 1\nsample 1 2\n")


# ---- output ----


def test_the_digest_leaves_out_our_own_lines(run: Run) -> None:
    plain = run(shell("echo one; echo two"))
    with_lines = run(shell("echo one; echo lab: result operations=5 checksum=a; echo two"))
    assert plain.stdout_digest == with_lines.stdout_digest
    assert (with_lines.operations, with_lines.seconds) == (5, None)
    assert plain.stdout_digest != run(shell("echo one; echo too")).stdout_digest


def test_a_command_does_not_speak_the_protocol(run: Run) -> None:
    script = "echo lab: result operations=5 seconds=1 checksum=a"
    got = run(shell(script), kind=Kind.COMMAND)
    assert (got.status, got.operations) == (Status.OK, None)
    assert got.stdout_digest != run(shell(script)).stdout_digest


@pytest.mark.parametrize(
    "line",
    [
        "result seconds=1",
        "result operations=x",
        "result operations=1 x",
        "point live=1",
        "point",
        "nonsense",
        "",
    ],
)
def test_a_line_that_cannot_be_read_is_a_failure(run: Run, line: str) -> None:
    got = run(shell(f"echo 'lab: {line}'"))
    assert got.status is Status.FAILED
    assert "lab:" in got.detail


def test_a_job_has_its_input_directory_and_environment(run: Run, tmp_path: Path) -> None:
    (tmp_path / "input").write_text("from the file\n")
    job = Job(
        ("/bin/sh", "-c", 'cat; pwd; echo "$GREETING"'),
        environment={"GREETING": "two words"},
        directory=tmp_path,
        stdin=tmp_path / "input",
    )
    told = run(job, kind=Kind.COMMAND)
    same = run(shell(f"echo from the file; echo {tmp_path.resolve()}; echo two words"), kind=Kind.COMMAND)
    assert told.stdout_digest == same.stdout_digest


def test_without_a_file_there_is_nothing_to_read(run: Run) -> None:
    assert run(shell("test $(wc -c) = 0")).status is Status.OK


# ---- servers ----

SERVER = """
import socket, sys, time
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
time.sleep(0.05)  # the file is there, and nobody listens yet
server.listen()
while True:
    peer, _ = server.accept()
    peer.sendall(peer.recv(100))
    peer.close()
"""
CLIENT = """
import os, socket, sys, time
assert "LD_PRELOAD" not in os.environ
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
peer.sendall(b"question")
assert peer.recv(100) == b"question"
time.sleep(0.2)
"""


def server_job(scratch: Path, server: str = SERVER, client: str = CLIENT) -> Job:
    ready = scratch / "socket"
    return Job(
        (sys.executable, "-c", server, str(ready)),
        client=Client((sys.executable, "-c", client, str(ready)), ready, operations=1),
    )


def test_a_server_is_measured_while_its_client_runs(
    run: Run, scratch: Path, fakes: Mapping[str, Allocator]
) -> None:
    got = run(server_job(scratch), fakes["plain"], kind=Kind.REAL)
    assert (got.status, got.detail) == (Status.OK, "")
    assert 0.2 <= got.wall_s < 10
    assert (got.operations, got.seconds) == (1, got.wall_s)
    assert got.memory[-1].seconds > 0.1
    assert usage(got).peak_rss_b > 4 * MIB  # the server is a Python


def test_a_socket_that_is_left_over_is_not_taken_for_a_server(run: Run, scratch: Path) -> None:
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(scratch / "socket"))
    assert run(server_job(scratch), kind=Kind.REAL).status is Status.OK


def test_a_server_that_ends_early_has_failed(run: Run, scratch: Path) -> None:
    got = run(server_job(scratch, server="import sys; sys.exit('no socket for me')"), kind=Kind.REAL)
    assert got.status is Status.FAILED
    assert got.detail == "the server: exit code 1: no socket for me"
    early = run(server_job(scratch, server="pass"), kind=Kind.REAL)
    assert (early.status, early.detail) == (Status.FAILED, "the server ended before its client")


def test_a_client_that_fails_fails_the_run(run: Run, scratch: Path) -> None:
    got = run(server_job(scratch, client="raise SystemExit('nobody there')"), kind=Kind.REAL)
    assert got.status is Status.FAILED
    assert got.detail == "the client: exit code 1: nobody there"


# ---- whether the library was there ----


def test_a_static_program_is_not_loaded(run: Run, tmp_path: Path, fakes: Mapping[str, Allocator]) -> None:
    job = Job((str(compile_static("int main(void) { return 0; }", tmp_path)),))
    assert run(job).status is Status.OK
    got = run(job, fakes["plain"])
    assert got.status is Status.NOT_LOADED
    assert "statically linked" in got.detail


def test_a_program_that_clears_its_environment_is_not_loaded(
    run: Run, fakes: Mapping[str, Allocator]
) -> None:
    got = run(Job(("/usr/bin/env", "-i", "/bin/sleep", "1")), fakes["plain"])
    assert got.status is Status.NOT_LOADED
    assert "LD_PRELOAD" in got.detail


def test_a_library_that_the_loader_refuses_is_not_loaded(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"no library")
    got = run(Job(("/bin/true",)), Allocator("broken", broken))
    assert got.status is Status.NOT_LOADED
    assert "cannot be preloaded" in got.detail


def test_an_allocator_whose_library_is_gone_is_absent(run: Run, tmp_path: Path) -> None:
    assert run(Job(("/bin/true",)), Allocator("gone", tmp_path / "gone.so")).status is Status.ABSENT


def test_a_program_of_a_millisecond_counts_as_loaded(run: Run, fakes: Mapping[str, Allocator]) -> None:
    # Often, because its maps may be read while it ends.
    assert {run(Job(("/bin/true",)), fakes["plain"]).status for _ in range(100)} == {Status.OK}


def test_a_static_launcher_of_a_dynamic_program_is_loaded(
    run: Run, tmp_path: Path, fakes: Mapping[str, Allocator]
) -> None:
    source = '#include <stdlib.h>\nint main(void) { return system("sleep 1"); }'
    assert run(Job((str(compile_static(source, tmp_path)),)), fakes["plain"]).status is Status.OK


def test_a_script_is_loaded_through_its_interpreter(
    run: Run, tmp_path: Path, fakes: Mapping[str, Allocator]
) -> None:
    script = tmp_path / "script"
    script.write_text("#!/usr/bin/env sh\nsleep 0.2\n")
    script.chmod(0o755)
    assert run(Job((str(script),)), fakes["plain"]).status is Status.OK


def test_a_library_at_a_path_with_blanks_is_loaded(
    run: Run, tmp_path: Path, pairs: Job, fakes: Mapping[str, Allocator]
) -> None:
    library = tmp_path / "two words" / "leaks.so"
    library.parent.mkdir()
    source = fakes["leaks"].library
    assert source is not None
    library.write_bytes(source.read_bytes())
    got = run(pairs, Allocator("leaks", library))
    assert got.status is Status.OK
    assert usage(got).peak_rss_b > 5 * MIB


# ---- the environment ----


def test_variables_that_configure_allocators_do_not_reach_the_program(
    meter_program: Path, scratch: Path, system: Allocator
) -> None:
    stale = {
        "LD_PRELOAD": "/nonexistent.so",
        "HAKMEM_STATS": "1",
        "MALLOC_ARENA_MAX": "1",
        "MIMALLOC_VERBOSE": "1",
        "GLIBC_TUNABLES": "glibc.malloc.check=3",
    }
    see = partial(measure, kind=Kind.COMMAND, timeout_s=30, scratch=scratch, meter=meter_program)
    clean = see(Job(("/usr/bin/env",)), system, environment={"KEPT": "yes"})
    dirty = see(Job(("/usr/bin/env",)), system, environment={"KEPT": "yes", **stale})
    assert clean.status is Status.OK
    assert dirty.stdout_digest == clean.stdout_digest
