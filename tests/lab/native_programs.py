"""Runs the native workloads short, on any allocator, and reads what they print."""

import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hakmem.lab.plan import Job
from hakmem.lab.programs import program

SHORT: Final = (
    "random_mixed 20000 256",
    "random_mixed 20000 256 7 128 128",
    "random_mixed 3000 64 7 65536 4194304",
    "random_mixed --cold 20000 256",
    "hot_pair 5000 64",
    "producer_consumer 1 1 20000 64 64",
    "producer_consumer 1 3 20000 16 1024",
    "producer_consumer 3 1 20000 16 1024",
    "thread_churn 40 4 500",
    "server_mix 4 2000",
    "fragmentation 2097152 5 0",
    "burst 4194304 64 1024 0.01 16",
    "realloc_growth 200 1 1048576 65536",
    "realloc_growth 20000 100 2048 32",
    "calloc_blocks 20000 256",
    "calloc_blocks 300 16 65536 1048576",
    "aligned 20000 64 32 128",
    "aligned 3000 64 4096 65536",
)
"""A command of each program, and of more where allocators take other ways; all deterministic."""


@dataclass(frozen=True, slots=True)
class Result:
    """A result line. seconds: None in a cold run."""

    operations: int
    seconds: float | None
    checksum: str
    figures: Mapping[str, float]


def run(
    command: str,
    library: Path | str | None = None,
    limit: Callable[[], None] | None = None,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Runs "program argument..." with `library` preloaded; `limit` is called in the child before it."""
    name, *arguments = command.split()
    preload = {} if library is None else {"LD_PRELOAD": str(library)}
    return subprocess.run(
        [program(name), *arguments],
        env={**preload, **environment},
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def command_of(job: Job) -> str:
    """The command of `job`, as `run` takes it."""
    return " ".join([Path(job.argv[0]).name, *job.argv[1:]])


def result(done: subprocess.CompletedProcess[str]) -> Result:
    """The result line of a run that went well; what else it wrote to stdout must be points."""
    assert (done.returncode, done.stderr) == (0, ""), (done.args, done.returncode, done.stderr)
    *points, last = done.stdout.splitlines()
    assert all(re.fullmatch(r"lab: point seconds=[\d.]+ live=\d+", line) for line in points), points
    match = re.fullmatch(
        r"lab: result operations=(\d+)(?: seconds=([\d.]+))? checksum=([0-9a-f]{16})((?: \w+=\S+)*)", last
    )
    assert match is not None, last
    figures = {name: float(value) for name, value in re.findall(r"(\w+)=(\S+)", match[4])}
    return Result(int(match[1]), None if match[2] is None else float(match[2]), match[3], figures)
