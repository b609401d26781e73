"""However a measurement ends, no process of it is left, not even one that tries to escape."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hakmem.lab.measurement import Status
from hakmem.lab.meter import measure
from hakmem.lab.plan import Allocator, Job, Kind

PATIENCE_S = 20

Start = Callable[[], tuple[subprocess.Popen[bytes], list[int]]]
"""Starts a Python that measures `escapes`; gives it and the numbers of every process that it started."""


def wait_for(condition: Callable[[], bool], what: str) -> None:
    limit = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < limit, what
        time.sleep(0.01)


def is_running(process: int) -> bool:
    """Whether there is such a process, and it is not a mere entry that waits for its parent."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def numbers_in(file: Path) -> list[int]:
    wait_for(lambda: file.exists() and file.read_text().endswith("\n"), "the program did not start")
    return [int(word) for word in file.read_text().split()]


def children_of(process: int) -> list[int]:
    return [int(w) for w in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.fixture
def start(meter_program: Path, programs: Mapping[str, Path], scratch: Path, tmp_path: Path) -> Start:
    numbers = tmp_path / "numbers"
    script = f"""
import signal
from pathlib import Path
from hakmem.lab.meter import measure
from hakmem.lab.plan import Allocator, Job, Kind
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which nohup ignores
job = Job(({str(programs["escapes"])!r}, {str(numbers)!r}))
try:
    measure(job, Allocator("system", None), kind=Kind.NATIVE, timeout_s=300, scratch=Path({str(scratch)!r}),
            meter=Path({str(meter_program)!r}))
except KeyboardInterrupt:
    raise SystemExit(77)
"""

    def start_() -> tuple[subprocess.Popen[bytes], list[int]]:
        process = subprocess.Popen([sys.executable, "-c", script], process_group=0)
        return process, [*numbers_in(numbers), *children_of(process.pid)]

    return start_


def assert_all_gone(processes: list[int]) -> None:
    assert len(processes) == 4  # the program, the daemon, the one of another group, the meter
    wait_for(lambda: not any(map(is_running, processes)), "a process is left")


def test_ctrl_c_ends_all_and_comes_back_at_once(start: Start, scratch: Path) -> None:
    process, others = start()
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(PATIENCE_S) == 77
    # The meter is waited for: when measure has raised, nothing runs any more.
    assert not any(map(is_running, others))
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_all_ends_with_who_measures(start: Start, how: signal.Signals) -> None:
    process, others = start()
    process.send_signal(how)
    assert process.wait(PATIENCE_S) == -how
    assert_all_gone(others)


def test_the_program_ends_with_the_meter(start: Start) -> None:
    process, others = start()
    os.kill(others[-1], signal.SIGKILL)
    process.wait(PATIENCE_S)
    wait_for(lambda: not is_running(others[0]), "the program outlived the meter")
    for other in others[1:]:  # what had left the program cannot be known by then
        if is_running(other):
            os.kill(other, signal.SIGKILL)


def test_a_timeout_ends_all(
    meter_program: Path, programs: Mapping[str, Path], scratch: Path, tmp_path: Path, system: Allocator
) -> None:
    numbers = tmp_path / "numbers"
    job = Job((str(programs["escapes"]), str(numbers)))
    got = measure(job, system, kind=Kind.NATIVE, timeout_s=1, scratch=scratch, meter=meter_program)
    assert got.status is Status.TIMEOUT
    assert not any(map(is_running, numbers_in(numbers)))


def test_what_a_program_leaves_behind_ends_with_it(
    meter_program: Path, programs: Mapping[str, Path], scratch: Path, tmp_path: Path, system: Allocator
) -> None:
    numbers = tmp_path / "numbers"
    script = f"{programs['escapes']} {numbers} & while ! [ -s {numbers} ]; do sleep 0.01; done"
    got = measure(
        Job(("/bin/sh", "-c", script)),
        system,
        kind=Kind.COMMAND,
        timeout_s=30,
        scratch=scratch,
        meter=meter_program,
    )
    assert got.status is Status.OK
    assert not any(map(is_running, numbers_in(numbers)))
