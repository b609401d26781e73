"""What is shown while a suite runs."""

import io
import re

from hakmem.lab.events import GaveUp, LeftOut, Preparing, RunEnded, RunStarted
from hakmem.report.progress import Display
from tests.lab.made_up import measurement

EVENTS = (
    Preparing("larson/churn"),
    LeftOut("real/git", "git is not here: apt-get install git"),
    RunStarted("larson/churn", "system", 0, 5, 12, 0.0),
    RunEnded("larson/churn", "system", 0, 5, measurement()),
    RunStarted("larson/churn", "mimalloc", 2, 5, 6, 75.0),
    GaveUp("larson/churn", "mimalloc", "crashed: signal 11"),
)


def shown(*, live: bool, colour: bool = False) -> str:
    stream = io.StringIO()
    with Display(stream, live=live, colour=colour) as display:
        for event in EVENTS:
            display.show(event)
        display.doing("hit rates of larson/churn")
    return stream.getvalue()


def test_a_pipe_gets_mishaps_alone() -> None:
    assert shown(live=False) == (
        "hakmem: real/git is left out: git is not here: apt-get install git\n"
        "hakmem: larson/churn on mimalloc is not tried again: crashed: signal 11\n"
    )


def test_a_terminal_gets_the_round_the_time_left_and_what_runs() -> None:
    stream = io.StringIO()
    with Display(stream, live=True, colour=False) as display:
        display.show(EVENTS[4])
    assert re.search(r"round 2 of 5 .* 1 min 15 s left larson/churn on mimalloc", stream.getvalue())


def test_a_terminal_keeps_mishaps_and_loses_the_bar() -> None:
    told = shown(live=True)
    assert "hakmem: larson/churn on mimalloc is not tried again: crashed: signal 11" in told
    assert told.endswith("\x1b[2K")  # the bar's line is erased


def test_colours_are_left_out_when_they_are_not_wanted() -> None:
    colours = re.compile(r"\x1b\[[0-9;]*m")
    assert not [each for each in colours.findall(shown(live=True)) if each not in ("\x1b[0m", "\x1b[m")]
