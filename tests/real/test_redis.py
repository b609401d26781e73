"""Redis under redis-benchmark: every answer counted, a snapshot forked off and loaded again."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from . import needs
from .child import Launcher, Running
from .library import Library

KEYS = 30_000

# One hash of every key and value, in an order that does not depend on the tables' layout.
DIGEST = """
local digest = ''
local keys = redis.call('KEYS', '*')
table.sort(keys)
for _, key in ipairs(keys) do
    local value
    if redis.call('TYPE', key).ok == 'string' then
        value = redis.call('GET', key)
    else
        local fields = redis.call('HKEYS', key)
        table.sort(fields)
        value = table.concat(fields, ',') .. table.concat(redis.call('HMGET', key, unpack(fields)), ',')
    end
    digest = redis.sha1hex(digest .. key .. value)
end
return digest
"""


@dataclass(frozen=True, slots=True)
class Redis:
    """A running server."""

    launcher: Launcher
    library: Library
    directory: Path
    server: Running

    @property
    def socket(self) -> str:
        return str(self.directory / "socket")

    def command(self, *words: str, stdin: bytes = b"") -> str:
        """The answer to one command, or to the commands on ``stdin``."""
        finished = self.launcher.run(
            self.library,
            [needs.program("redis-cli"), "-s", self.socket, *words],
            cwd=self.directory,
            stdin=stdin,
            time_limit_s=60,
        )
        return finished.stdout.decode().strip()

    def benchmark(self, *words: str) -> str:
        finished = self.launcher.run(
            self.library,
            [needs.program("redis-benchmark"), "-s", self.socket, "-q", *words],
            cwd=self.directory,
            time_limit_s=60,
        )
        return finished.stdout.decode()


@contextmanager
def redis(launcher: Launcher, library: Library, directory: Path) -> Iterator[Redis]:
    """A server on a Unix socket; stopped in order at the end."""
    command = [
        needs.program("redis-server"), "--port", "0", "--unixsocket", str(directory / "socket"),
        "--dir", str(directory), "--save", "", "--appendonly", "no", "--io-threads", "2",
    ]  # fmt: skip
    with launcher.start(library, command, cwd=directory) as server:
        deadline = time.monotonic() + 30
        while b"ready to accept connections" not in server.output()[0].lower():
            assert server.process.poll() is None, server.output()[0].decode()
            assert time.monotonic() < deadline, f"the server is not ready\n{server.output()[0].decode()}"
            time.sleep(0.05)
        yield Redis(launcher, library, directory, server)
        server.stop(time_limit_s=30)


@pytest.fixture
def directory() -> Iterator[Path]:
    """pytest's own would be too long for the name of a socket."""
    with TemporaryDirectory(prefix="hakmem-redis-") as name:
        yield Path(name)


def test_redis_benchmark_gets_every_answer(library: Library, launcher: Launcher, directory: Path) -> None:
    with redis(launcher, library, directory) as server:
        assert str(library.path) in Path(f"/proc/{server.server.pid}/maps").read_text()
        report = server.benchmark(
            "-n", "10000", "-c", "20", "-r", "5000", "-d", "200", "-P", "8",
            "-t", "set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,mset",
        )  # fmt: skip
        assert report.count("requests per second") == 13
        assert server.command("DBSIZE").isdigit()
        assert server.command("FLUSHALL") == "OK"
        assert server.command("DBSIZE") == "0"


def test_redis_keeps_what_it_was_given(library: Library, launcher: Launcher, directory: Path) -> None:
    writes = "".join(f"SET key:{n} {text(n)}\nHSET hash:{n % 500} field{n} {n}\n" for n in range(KEYS))
    deletions = "".join(f"DEL key:{n}\n" for n in range(0, KEYS, 3))
    keys_left = KEYS - KEYS // 3 + 500
    with redis(launcher, library, directory) as server:
        assert server.command(stdin=writes.encode()).count("OK") == KEYS
        assert server.command(stdin=deletions.encode()).split() == ["1"] * (KEYS // 3)
        assert server.command("DBSIZE") == str(keys_left)
        assert server.command("EXISTS", "key:29997") == "0"
        assert server.command("GET", "key:29998") == text(29_998)
        digest = server.command("EVAL", DIGEST, "0")
        # A child forked off the threaded server writes the snapshot while the parent goes on.
        assert "started" in server.command("BGSAVE")
        server.benchmark("-n", "20000", "-c", "10", "-P", "8", "-t", "ping_mbulk")
        deadline = time.monotonic() + 30
        while "rdb_bgsave_in_progress:0" not in server.command("INFO", "persistence"):
            assert time.monotonic() < deadline, "the snapshot did not end"
            time.sleep(0.05)
        assert "rdb_last_bgsave_status:ok" in server.command("INFO", "persistence")
    with redis(launcher, library, directory) as server:
        assert server.command("DBSIZE") == str(keys_left)
        assert server.command("EVAL", DIGEST, "0") == digest


def text(n: int) -> str:
    return f"{'v' * (n % 700)}{n}"
