"""Programs of the distribution as workloads: they run, and do the same on every malloc."""

import os
import subprocess
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from hakmem.errors import HakmemError, ProgramNotFoundError
from hakmem.lab.catalogue import real
from hakmem.lab.catalogue.c_source import c_source
from hakmem.lab.catalogue.git_history import git_history
from hakmem.lab.catalogue.sql_script import sql_script
from hakmem.lab.measurement import Measurement, Status
from hakmem.lab.meter import measure
from hakmem.lab.plan import Effort, Job, Kind
from tests.real import needs

from .on_both import ON_SYSTEM, run_on_both

PROGRAMS = {
    "real/redis": ("redis-server", "redis-benchmark"),
    "real/sqlite": ("sqlite3",),
    "real/gcc": ("gcc",),
    "real/git": ("git",),
}
EMPTY_OUTPUT = blake2b(digest_size=16).hexdigest()


@pytest.fixture
def scratch() -> Iterator[Path]:
    """pytest's own directory would be too long for the name of a socket."""
    with TemporaryDirectory(prefix="hakmem-real-") as name:
        yield Path(name)


def prepared(name: str, scratch: Path, effort: Effort = Effort.QUICK) -> Job:
    """The job of a workload; without its programs the test ends here."""
    for program in PROGRAMS[name]:
        needs.program(program)
    return next(each for each in real.WORKLOADS if each.name == name).prepare(scratch, effort)


def test_these_are_all() -> None:
    assert {each.name for each in real.WORKLOADS} == set(PROGRAMS)


@pytest.mark.parametrize("name", ["real/sqlite", "real/gcc", "real/git"])
def test_a_program_writes_the_same_on_every_malloc(name: str, scratch: Path) -> None:
    system, hakmem = run_on_both(prepared(name, scratch), Kind.REAL, scratch)
    assert system.stdout_digest == hakmem.stdout_digest != EMPTY_OUTPUT


def test_the_client_of_redis_sets_the_time_and_the_count(scratch: Path) -> None:
    job = prepared("real/redis", scratch)
    assert job.client is not None
    for measured in run_on_both(job, Kind.REAL, scratch):
        assert measured.operations == job.client.operations
        assert measured.wall_s > 0.1
        assert measured.usage is not None
        assert measured.usage.peak_rss_b > 20 << 20, "the server holds the keys"
    assert list(scratch.glob("*.rdb")) == [], "nothing is kept"


def test_a_client_of_redis_that_fails_is_told(scratch: Path) -> None:
    job = prepared("real/redis", scratch)
    assert job.client is not None
    at = job.client.argv.index(str(job.client.ready))
    command = [*job.client.argv[:at], str(scratch / "nobody-listens"), *job.client.argv[at + 1 :]]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def test_redis_without_another_allocator_is_on_the_c_library(scratch: Path) -> None:
    shell, option, script, name, server, *_ = prepared("real/redis", scratch).argv
    bindings = subprocess.run(
        [shell, option, script, name, server, "--version"],
        env={"PATH": os.defpath, "LD_DEBUG": "bindings", "LD_BIND_NOW": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    bound = [
        line for line in bindings.splitlines() if f"file {server} " in line and "symbol `malloc'" in line
    ]
    assert bound
    assert all("/libc.so.6 " in line for line in bound)


def test_settings_of_the_person_do_not_reach_git(scratch: Path) -> None:
    job = prepared("real/git", scratch)
    meddled = {
        "GIT_DIR": "/nonexistent",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "pack.compression",
        "GIT_CONFIG_VALUE_0": "0",
    }

    def gc(**more: str) -> Measurement:
        environment = {"PATH": os.defpath, **more}
        return measure(job, ON_SYSTEM, kind=Kind.REAL, timeout_s=60, scratch=scratch, environment=environment)

    alone, amid = gc(), gc(**meddled)
    assert (alone.status, amid.status) == (Status.OK, Status.OK), amid.detail
    assert alone.stdout_digest == amid.stdout_digest


def test_a_directory_whose_name_no_socket_can_have_is_refused(scratch: Path) -> None:
    deep = scratch / ("x" * 110)
    deep.mkdir()
    with pytest.raises(HakmemError, match=r"too long for a socket \(at most 107 bytes\); set TMPDIR"):
        prepared("real/redis", deep)


def test_a_higher_effort_is_more_work(scratch: Path) -> None:
    for name in ("real/sqlite", "real/gcc"):
        prepared(name, scratch, Effort.QUICK)
        prepared(name, scratch, Effort.FULL)
    for pattern in ("sqlite-{}.sql", "gcc-{}/program.c"):
        quick, full = (scratch / pattern.format(effort) for effort in (Effort.QUICK, Effort.FULL))
        assert quick.stat().st_size * 3 < full.stat().st_size
    requests = [prepared("real/redis", scratch, effort).client for effort in Effort]
    counts = [client.operations for client in requests if client is not None]
    assert counts == sorted(set(counts))


def test_inputs_are_the_same_each_time_and_as_long_as_asked() -> None:
    for generator, less, more in ((c_source, 5, 20), (sql_script, 100, 400), (git_history, 5, 20)):
        assert generator(more) == generator(more)
        assert len(generator(less)) < len(generator(more))


def test_a_program_that_is_absent_is_named_with_its_package(tmp_path: Path) -> None:
    found = {each.name: each for each in real.workloads(str(tmp_path))}
    assert {name: tuple(each.needs) for name, each in found.items()} == PROGRAMS
    assert found["real/redis"].needs["redis-benchmark"] == "apt-get install redis-tools"
    for each in found.values():
        with pytest.raises(ProgramNotFoundError, match="apt-get install"):
            each.prepare(tmp_path, Effort.QUICK)
    assert list(tmp_path.iterdir()) == [], "nothing is prepared for a program that is absent"
