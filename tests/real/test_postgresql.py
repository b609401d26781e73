"""PostgreSQL under pgbench: a cluster of its own, every server process on the library, its books balanced."""

import os
import pwd
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from . import needs
from .child import Finished, Launcher, Running
from .library import Library

SCALE = 2
CLIENTS = 4
TRANSACTIONS = 400
ACCOUNTS = 100_000 * SCALE  # pgbench(1), "Standard tables"


def unprivileged_user() -> int | None:
    """A user id that the server agrees to run as; None is the tests' own."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    return needs.refused("this is root, and there is no user postgres or nobody that the server could run as")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running server and the means to talk to it."""

    launcher: Launcher
    library: Library
    directory: Path
    user: int | None
    server: Running

    def client(self, program: str, *words: str) -> Finished:
        """Run one of PostgreSQL's programs on the library, connected to the server."""
        command = [needs.program(program), "-h", str(self.directory), "-U", "hakmem", *words]
        return self.launcher.run(self.library, command, cwd=self.directory, user=self.user, time_limit_s=120)

    def answer(self, query: str) -> str:
        return self.client("psql", "-d", "postgres", "-XAtc", query).stdout.decode().strip()

    def server_processes(self) -> list[int]:
        """The postmaster and its children."""
        children = Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children").read_text()
        return [self.server.pid, *map(int, children.split())]


@contextmanager
def cluster(launcher: Launcher, library: Library) -> Iterator[Cluster]:
    """A new cluster, its server started and ready; stopped in order at the end."""
    user = unprivileged_user()
    # Not pytest's directory: that is closed to other users, and too long for the name of a socket.
    with TemporaryDirectory(prefix="hakmem-pg-") as name:
        directory = Path(name)
        if user is not None:
            os.chown(directory, user, -1)
        data = directory / "data"
        launcher.run(
            library,
            [needs.program("initdb"), "-D", data, "-U", "hakmem", "-A", "trust", "-E", "UTF8", "--no-sync"],
            cwd=directory,
            user=user,
            time_limit_s=120,
        )
        # jit=off: LLVM would compile the queries; that is a different program's test.
        settings = ("listen_addresses=", "fsync=off", "shared_buffers=32MB", "jit=off", "max_connections=20")
        command: Sequence[str | Path] = [
            needs.program("postgres"), "-D", data, "-k", directory,
            *(word for setting in settings for word in ("-c", setting)),
        ]  # fmt: skip
        with launcher.start(library, command, cwd=directory, user=user) as server:
            _wait_until_ready(server, data / "postmaster.pid")
            yield Cluster(launcher, library, directory, user, server)
            # SIGINT is "fast shutdown", postgres(1).
            server.stop(time_limit_s=30, with_signal=signal.SIGINT)


def _wait_until_ready(server: Running, status_file: Path) -> None:
    deadline = time.monotonic() + 60
    while not (status_file.exists() and b"ready" in status_file.read_bytes()):
        assert server.process.poll() is None, server.output()[1].decode()
        assert time.monotonic() < deadline, f"the server is not ready\n{server.output()[1].decode()}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def running_cluster(library: Library, launcher: Launcher) -> Iterator[Cluster]:
    with cluster(launcher, library) as running:
        running.client("pgbench", "-i", "-s", str(SCALE), "-q", "postgres")
        yield running


def test_every_server_process_has_the_library(running_cluster: Cluster) -> None:
    maps = []
    for pid in running_cluster.server_processes():
        with suppress(FileNotFoundError, ProcessLookupError):  # a worker's work may be done by now
            maps.append(Path(f"/proc/{pid}/maps").read_text())
    maps = [each for each in maps if each]
    assert len(maps) > 4, "the postmaster has no children: checkpointer, writers, autovacuum launcher"
    assert all(str(running_cluster.library.path) in each for each in maps)


def test_pgbench_leaves_balanced_books(running_cluster: Cluster) -> None:
    report = running_cluster.client(
        "pgbench", "-c", str(CLIENTS), "-j", "2", "-t", str(TRANSACTIONS), "-n", "postgres"
    ).stdout.decode()
    done = CLIENTS * TRANSACTIONS
    assert f"number of transactions actually processed: {done}/{done}" in report
    # TPC-B: what every transaction adds to one account, teller and branch is also in the history.
    sums = running_cluster.answer(
        "SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers),"
        " (SELECT sum(bbalance) FROM pgbench_branches), (SELECT sum(delta) FROM pgbench_history),"
        " (SELECT count(*) FROM pgbench_history)"
    ).split("|")
    assert len(set(sums[:4])) == 1
    assert int(sums[4]) == done


def test_large_sorts_hashes_and_aggregates_are_right(running_cluster: Cluster) -> None:
    # work_mem is what a sort or hash takes by malloc.
    answer = running_cluster.answer(
        "SET work_mem = '64MB';"
        "SELECT count(*), sum(n), md5(string_agg(k, '' ORDER BY k)) FROM ("
        "  SELECT md5(a.aid::text) AS k, count(*) AS n FROM pgbench_accounts a"
        "  JOIN pgbench_accounts b ON b.aid = a.aid % 1000 + 1 GROUP BY 1) AS t"
    ).splitlines()
    ours = answer[-1].split("|")
    assert ours[:2] == [str(ACCOUNTS), str(ACCOUNTS)]
    assert ours[2] == _digest_of_sorted_digests()


def _digest_of_sorted_digests() -> str:
    """The same computed here."""
    keys = sorted(md5(str(aid).encode()).hexdigest() for aid in range(1, ACCOUNTS + 1))
    return md5("".join(keys).encode()).hexdigest()


def test_many_short_connections_come_and_go(running_cluster: Cluster) -> None:
    report = running_cluster.client(
        "pgbench", "-S", "-C", "-c", "4", "-j", "2", "-t", "50", "-n", "postgres"
    ).stdout.decode()
    assert "number of transactions actually processed: 200/200" in report
