"""One run: a fresh process under one allocator, measured by workloads/meter.c.

The meter is a small program of its own so that the child's peak memory is the child's: a process starts
with the peak of the one that made it. Nothing that a run starts outlives it, whether this process is
interrupted or killed (see the header of meter.c).
"""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hakmem.lab import protocol, verification
from hakmem.lab.allocators import inherited, variables
from hakmem.lab.endings import READY_S, judge, last_line
from hakmem.lab.measurement import Measurement, Status
from hakmem.lab.meter_report import End, MeterError, Report, parse
from hakmem.lab.plan import Allocator, Job, Kind
from hakmem.lab.programs import program

OUTPUT_LIMIT_B: Final = 1 << 30
"""Bytes that a program may write to stdout and stderr together before it is stopped."""

_ALWAYS_THERE: Final = "/"
_LINE_B: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class _Files:
    """What one run writes, in a directory of its own."""

    directory: Path

    @property
    def report(self) -> Path:
        return self.directory / "report"

    def output(self, who: str) -> Path:
        return self.directory / f"{who}.out"

    def errors(self, who: str) -> Path:
        return self.directory / f"{who}.err"


def measure(
    job: Job,
    allocator: Allocator,
    *,
    kind: Kind,
    timeout_s: float,
    scratch: Path,
    sample_interval_s: float = 0.02,
    output_limit_b: int = OUTPUT_LIMIT_B,
    environment: Mapping[str, str] | None = None,
    meter: Path | None = None,
) -> Measurement:
    """Runs `job` once under `allocator` and says how it went; what the program does is never an exception.

    timeout_s: seconds after which it is killed with all that it started.
    scratch: a directory for the run's files, which are removed after it.
    sample_interval_s: seconds between two samples of its memory; more, if sampling were to cost much.
    environment: the variables of the caller, without those of `allocators.inherited`; None: this process's.
    meter: the meter's program; None: the installed one.
    Errors: MeterError when the meter itself fails, ProgramsMissingError when it is not built.
    """
    if allocator.library is not None and not allocator.library.is_file():
        return _nothing(Status.ABSENT, f"there is no library {str(allocator.library)!r}")
    if job.client is not None and job.client.ready is not None:
        job.client.ready.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=scratch) as name:
        files = _Files(Path(name))
        base = inherited(os.environ if environment is None else environment)
        changes = {**variables(allocator, files.directory), **job.environment}
        command = [
            str(meter or program("meter")),
            f"--parent={os.getpid()}",
            f"--timeout={timeout_s:.9f}",
            f"--interval={sample_interval_s:.9f}",
            f"--output-limit={output_limit_b}",
            *_words(job, allocator, files),
            *(f"--set={variable}={value}" for variable, value in changes.items()),
            "--",
            *job.argv,
        ]
        report = _run(command, base, files)
        if report.refused is not None:
            return _refused(job, report.refused)
        status, detail = judge(job, report, files.errors("job"), files.errors("client"))
        reason = verification.why_not_loaded(
            job.argv[0],
            allocator.library,
            report.loaded,
            files.errors("job"),
            search_path=base.get("PATH", os.defpath),
        )
        if reason:
            status, detail = Status.NOT_LOADED, reason
        told = _told(files.output("client" if job.client else "job"), kind)
        if status is Status.OK and told.broken:
            status, detail = Status.FAILED, told.broken
        return _measurement(job, report, told, status, detail)


def _words(job: Job, allocator: Allocator, files: _Files) -> list[str]:
    words = [
        f"--report={files.report}",
        f"--stdout={files.output('job')}",
        f"--stderr={files.errors('job')}",
    ]
    if job.stdin is not None:
        words.append(f"--stdin={job.stdin}")
    if job.directory is not None:
        words.append(f"--directory={job.directory}")
    if allocator.library is not None:
        words.append(f"--library={allocator.library.resolve()}")
    if job.client is not None:
        words += [
            *(f"--client={word}" for word in job.client.argv),
            f"--client-stdout={files.output('client')}",
            f"--client-stderr={files.errors('client')}",
            f"--ready={job.client.ready or _ALWAYS_THERE}",
            f"--ready-timeout={READY_S}",
        ]
    return words


def _run(command: list[str], environment: Mapping[str, str], files: _Files) -> Report:
    """Runs the meter to its end. In a group of its own, so that Ctrl-C is for us to pass on."""
    errors = files.directory / "meter.err"
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            process_group=0,
        )
        try:
            code = process.wait()
        except BaseException:
            _end(process)
            raise
    if code != 0:
        raise MeterError(f"the meter failed ({code}): {last_line(errors) or 'it was killed'}")
    return parse(files.report.read_text(encoding="ascii"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the meter, which ends what it runs first; a second Ctrl-C does not keep us from that."""
    process.terminate()
    while process.returncode is None:
        with contextlib.suppress(KeyboardInterrupt):
            process.wait()


def _told(output: Path, kind: Kind) -> protocol.Told:
    try:
        with output.open("rb") as lines:
            return protocol.read(iter(lambda: lines.readline(_LINE_B), b""), ours=kind is not Kind.COMMAND)
    except FileNotFoundError:  # of a client that was never started
        return protocol.Told()


def _measurement(job: Job, report: Report, told: protocol.Told, status: Status, detail: str) -> Measurement:
    ended = report.ended or End(0.0, -signal.SIGKILL)
    wall_s, seconds, operations = ended.seconds, told.seconds, told.operations
    if job.client is not None:
        wall_s = report.client.seconds if report.client else 0.0
        if operations is None:
            seconds, operations = wall_s, job.client.operations
    return Measurement(
        status=status,
        detail=detail,
        wall_s=wall_s,
        usage=report.usage,
        seconds=seconds,
        operations=operations,
        checksum=told.checksum,
        figures=told.figures,
        memory=protocol.merge(report.samples, told.points, report.asked_s),
        stdout_digest=told.digest,
        exit_code=ended.code,
    )


def _refused(job: Job, error: int) -> Measurement:
    """Of a program that could not be started; where what it needs is missing, that is what failed."""
    status = Status.FAILED if Path(job.argv[0]).exists() else Status.ABSENT
    missing = [str(path) for path in (job.stdin, job.directory) if path is not None and not path.exists()]
    reason = f"there is no {missing[0]!r}" if missing else os.strerror(error)
    return _nothing(status, f"cannot run {job.argv[0]!r}: {reason}")


def _nothing(status: Status, detail: str) -> Measurement:
    return Measurement(status=status, detail=detail, wall_s=0.0, usage=None, exit_code=127)
