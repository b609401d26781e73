"""What a person sees while a suite runs: on a terminal a bar with the time left, elsewhere mishaps alone."""

from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from hakmem.lab.events import Event, GaveUp, LeftOut, Preparing, RunStarted
from hakmem.lab.runner import WARM_UP
from hakmem.report.figures import duration


class Display:
    """Shows the runner's events; a context manager, whose bar goes when it ends.

    stream: where to, such as standard error. live: whether that is a terminal on which lines can be
    rewritten. colour: whether it is to be coloured.
    """

    def __init__(self, stream: TextIO, *, live: bool, colour: bool) -> None:
        self._stream = stream
        self._console = Console(
            file=stream,
            force_terminal=live,
            no_color=not colour,
            highlight=False,
            emoji=False,
            markup=False,
        )
        self._bar = Progress(
            TextColumn("{task.fields[round]}"),
            BarColumn(bar_width=12),
            _Left(),
            TextColumn("{task.description}"),
            console=self._console,
            auto_refresh=False,  # nothing of ours wakes up while a program is measured
            transient=True,
            disable=not live,
        )
        self._task = self._bar.add_task("", total=None, round="preparing", left="")
        self._runs = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, event: Event) -> None:
        """Shows one event."""
        match event:
            case Preparing():
                self._bar.update(self._task, description=event.workload, refresh=True)
            case RunStarted():
                self._started(event)
            case LeftOut():
                self.say(f"{event.workload} is left out: {event.reason}")
            case GaveUp():
                self.say(f"{event.workload} on {event.allocator} is not tried again: {event.reason}")
            case _:
                pass  # the next run's start says the rest

    def doing(self, what: str) -> None:
        """Says what is done after the rounds."""
        self._bar.update(self._task, round="afterwards", description=what, left="", refresh=True)

    def say(self, line: str) -> None:
        """A line that stays, above the bar."""
        if self._bar.disable:
            self._stream.write(f"hakmem: {line}\n")
            self._stream.flush()
        else:
            self._bar.console.print(Text(f"hakmem: {line}"))

    def _started(self, event: RunStarted) -> None:
        self._runs = max(self._runs, event.runs_left)
        what = "warm-up" if event.round <= WARM_UP else f"round {event.round} of {event.rounds}"
        self._bar.update(
            self._task,
            total=self._runs,
            completed=self._runs - event.runs_left,
            round=what,
            left=f"{duration(event.seconds_left)} left" if event.seconds_left else "",
            description=f"{event.workload} on {event.allocator}",
            refresh=True,
        )


class _Left(ProgressColumn):
    """The time left, by the runner's forecast; rich's own would take all runs to be alike."""

    def render(self, task: Task) -> Text:
        return Text(str(task.fields["left"]))
