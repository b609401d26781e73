"""The user's own command as a workload: what it does on the baseline is what it must do everywhere.

The command is rehearsed on the baseline before anything is measured. That shows whether it works at all, how
long it takes, and which exit code and output the other allocators have to agree with.
"""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from hakmem.errors import HakmemError
from hakmem.lab.measurement import Measurement, Status
from hakmem.lab.plan import PROCESSOR_TIME, WALL_TIME, Allocator, Client, Job, Kind, Workload
from hakmem.lab.runner import Meter

NAME_MAX: Final = 60
"""Characters of a command that name it; params hold it whole."""

_SHELL: Final = "/bin/sh"
_WORDS_MAX: Final = 2000
"""Characters of a failed preparation's output that the error repeats, the last ones."""


class CommandError(HakmemError):
    """The command, or what should be run before it, does not work, whatever the allocator."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What every run has to do as the baseline does it.

    baseline: its name. exit_code: None where the meter ends the program, so that its code says little.
    stdout_digest: None where outputs are not compared.
    """

    baseline: str
    exit_code: int | None
    stdout_digest: str | None

    def judge(self, run: Measurement) -> Measurement:
        """The run, with a status that says whether it agrees. Crashes and the like stay what they are."""
        if run.status not in (Status.OK, Status.FAILED):
            return run
        if self.exit_code is not None and run.exit_code != self.exit_code:
            ours = f"exit code {run.exit_code} where {self.baseline}'s is {self.exit_code}"
            return replace(run, status=Status.FAILED, detail=f"{ours}; {run.detail}" if run.detail else ours)
        if run.status is Status.FAILED and self.exit_code is None:
            return run
        if self.stdout_digest is not None and run.stdout_digest != self.stdout_digest:
            return replace(run, status=Status.WRONG, detail=f"its output differs from {self.baseline}'s")
        return replace(run, status=Status.OK, detail="")


@dataclass(frozen=True, slots=True)
class CommandMeter:
    """A meter that prepares each run, untimed, and holds it to what is expected.

    meter: what measures. prepare: a line for sh(1), run before each run; None: nothing.
    own_time: whether the command tells its time itself, in a result line as workloads of ours do.
    expected: None in the rehearsal.
    """

    meter: Meter
    prepare: str | None = None
    own_time: bool = False
    expected: Expectation | None = None

    def __call__(
        self, job: Job, allocator: Allocator, *, kind: Kind, timeout_s: float, scratch: Path
    ) -> Measurement:
        """One run; CommandError when the preparation fails."""
        if self.prepare is not None:
            _prepare(self.prepare)
        told = Kind.NATIVE if self.own_time else kind  # result lines are read of programs of ours alone
        run = self.meter(job, allocator, kind=told, timeout_s=timeout_s, scratch=scratch)
        return self.expected.judge(run) if self.expected else run


def as_workload(shown: str, job: Job, *, name: str = "", given: Mapping[str, str] | None = None) -> Workload:
    """The workload of a command.

    shown: the command as results may keep it. name: what the user calls it; by default the command itself.
    given: what else decides what it does, such as the name of its input.
    """
    short = shown if len(shown) <= NAME_MAX else f"{shown[: NAME_MAX - 3]}..."
    timed = job.client is None or job.client.operations > 0
    return Workload(
        name=name or short,
        kind=Kind.COMMAND,
        title=shown,
        origin="the user's own command",
        stresses="what its user needs",
        metric=WALL_TIME if timed else PROCESSOR_TIME,
        prepare=lambda _directory, _effort: job,
        params={"command": shown, **(given or {})},
    )


def load(line: str) -> Client:
    """A client for a server: a line for sh(1), whose time is the run's."""
    return Client((_SHELL, "-c", line), ready=None, operations=1)


def silence(seconds: float) -> Client:
    """A client that asks nothing and ends after so many seconds: how a program without an end is ended.

    It does 0 operations, so that the program is compared by what it took of the processor.
    """
    return Client((_SHELL, "-c", f"exec sleep {seconds:g}"), ready=None, operations=0)


def rehearse(
    meter: CommandMeter,
    job: Job,
    baseline: Allocator,
    *,
    timeout_s: float,
    scratch: Path,
    same_output: bool = False,
    ignore_failure: bool = False,
) -> tuple[Expectation, float]:
    """Runs the command on the baseline; what to expect of every run, and the seconds that one took.

    same_output: whether outputs are to be compared; the command is then run twice, since that makes sense
        only where it writes the same each time.
    ignore_failure: whether an exit code other than 0 is what the command is expected to end with.
    CommandError says why the command cannot be compared.
    """
    first = _rehearsed(meter, job, baseline, timeout_s, scratch, ignore_failure=ignore_failure)
    if same_output:
        second = _rehearsed(meter, job, baseline, timeout_s, scratch, ignore_failure=ignore_failure)
        if second.stdout_digest != first.stdout_digest:
            raise CommandError(
                f"the command's output differs from run to run, on {baseline.name} alone; leave --same-output"
                " out, or make the command write the same each time"
            )
    expectation = Expectation(
        baseline=baseline.name,
        exit_code=first.exit_code if job.client is None else None,
        stdout_digest=first.stdout_digest if same_output else None,
    )
    return expectation, first.wall_s


def rounds_within(
    budget_s: float, run_s: float, allocators: int, *, fewest: int, most: int, warm_up: int = 1
) -> int:
    """How many rounds, after `warm_up` that do not count, fit into the budget when a run takes `run_s`.

    Never fewer than `fewest`, which decide what can be said at all, nor more than `most`.
    """
    fitting = int(budget_s / max(run_s * allocators, 1e-3)) - warm_up
    return min(max(fitting, fewest), most)


def _rehearsed(
    meter: CommandMeter,
    job: Job,
    baseline: Allocator,
    timeout_s: float,
    scratch: Path,
    *,
    ignore_failure: bool,
) -> Measurement:
    run = meter(job, baseline, kind=Kind.COMMAND, timeout_s=timeout_s, scratch=scratch)
    if run.status is not Status.OK and not (
        run.status is Status.FAILED and ignore_failure and job.client is None
    ):
        said = f"{run.status}: {run.detail}" if run.detail else str(run.status)
        raise CommandError(f"the command does not work on {baseline.name}: {said}{_remedy(run.status, job)}")
    if meter.own_time and run.seconds is None:
        raise CommandError(
            "--own-time: the command told no time; it must print a line such as"
            " 'lab: result operations=1000 seconds=1.25'"
        )
    return run


def _remedy(status: Status, job: Job) -> str:
    if status is Status.TIMEOUT:
        return "; --timeout gives it more time, --for SECONDS ends a program that never ends"
    if status is not Status.FAILED:
        return ""
    if job.client is not None:
        return "; it has to run until it is told to end by SIGTERM"
    return "; is that as it should be? --ignore-failure expects it of every run"


def _prepare(line: str) -> None:
    done = subprocess.run(
        [_SHELL, "-c", line],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        words = done.stdout.strip()[-_WORDS_MAX:]
        raise CommandError(f"--prepare {line!r} ended with {done.returncode}{': ' if words else ''}{words}")
