"""How a run ended, in a status and a line for people."""

import os
import signal
from pathlib import Path
from typing import Final

from hakmem.lab.measurement import Status
from hakmem.lab.meter_report import Report
from hakmem.lab.plan import Client, Job

READY_S: Final = 30.0
"""Seconds that a server has until it can be asked."""

_LAST_WORDS_B: Final = 4096
_LAST_WORDS_MAX: Final = 200
"""Characters of a program's last line on stderr that a detail quotes."""


def judge(job: Job, report: Report, errors: Path, client_errors: Path) -> tuple[Status, str]:
    """How the run ended, and a line about it unless it ended well.

    errors, client_errors: files with what the program and its client wrote to stderr.
    """
    last = last_line(errors)
    if report.stopped:
        return _stopped(job, report.stopped, last)
    if report.ended is None:
        return Status.TIMEOUT, "could not be ended"
    if job.client is None:
        return _ending("", report.ended.code, last)
    return _server(job.client, report, report.ended.code, last, last_line(client_errors))


def _server(client: Client, report: Report, code: int, last: str, client_last: str) -> tuple[Status, str]:
    """How a server's run ended: `code` is the server's, and that SIGTERM ended it is as it should be."""
    if not report.told:
        status, detail = _ending("the server", code, last)
        return (status, detail) if detail else (Status.FAILED, "the server ended before its client")
    if report.client_refused is not None:
        return (
            Status.FAILED,
            f"cannot run the client {client.argv[0]!r}: {os.strerror(report.client_refused)}",
        )
    if report.client is None or report.client.code != 0:
        client_code = report.client.code if report.client else -signal.SIGKILL
        return Status.FAILED, _ending("the client", client_code, client_last)[1]
    if code in (0, -signal.SIGTERM, 128 + signal.SIGTERM):
        return Status.OK, ""
    return _ending("the server", code, last)


def _ending(who: str, code: int, last: str) -> tuple[Status, str]:
    """How one process ended, in parts with colons between: who, what, its last words."""
    if code == 0:
        return Status.OK, ""
    if code < 0:
        status, what = Status.CRASHED, f"ended by {_signal_name(-code)}"
    else:
        status, what = Status.FAILED, f"exit code {code}"
    return status, ": ".join(filter(None, [who, what, last]))


def _stopped(job: Job, why: str, last: str) -> tuple[Status, str]:
    ready = job.client.ready if job.client else None
    sentences = {
        "timeout": (Status.TIMEOUT, "did not end in time"),
        "output": (Status.FAILED, "wrote more than the limit to stdout and stderr"),
        "unready": (Status.TIMEOUT, f"the server could not be asked after {READY_S:.0f} s: no {ready}"),
        "stubborn": (Status.TIMEOUT, "the server did not end on SIGTERM"),
        "interrupt": (Status.FAILED, "the meter was told to end"),
    }
    status, what = sentences[why]
    return status, what + (f": {last}" if last else "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def last_line(path: Path) -> str:
    """The last line of a file that says something, as one that can be printed."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_WORDS_B))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    last = "".join(c if c.isprintable() else " " for c in lines[-1]) if lines else ""
    return last if len(last) <= _LAST_WORDS_MAX else f"{last[:_LAST_WORDS_MAX]}..."
