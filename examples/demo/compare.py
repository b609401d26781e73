"""Runs a real Python program and a real native one on the system's malloc and on HAKMEM, and compares them.

    make demo        (or, where the package is installed:  python examples/demo/compare.py [ROUNDS])

The runs are interleaved, so that a noisy moment of the machine meets both sides. It takes less than two
minutes: after the first three rounds no new one is begun that would not fit.
"""

import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from subjects import DemoError, Sample, Subject, native_subject, python_subject

ROUNDS = 5
FEWEST_ROUNDS = 3
TIME_BUDGET_S = 100

HAKMEM = (sys.executable, "-m", "hakmem")
LAUNCHERS: dict[str, tuple[str, ...]] = {
    "system": (),
    "HAKMEM": (*HAKMEM, "run", "--quiet", "--"),
}
"""What is put before a program's command to run it on a malloc."""

Samples = dict[str, list[Sample]]


NOTES = """\
Medians of {runs} runs each, in turn. peak: most resident memory. after: resident memory when 1.2 s of light
work have passed since the last burst. ratio: HAKMEM's figure by the system's; below 1, HAKMEM took less.
system: the malloc of {libc}, where Python keeps its objects in its own pymalloc.
HAKMEM: `hakmem run -- PROGRAM`, which by default puts Python's objects on HAKMEM too."""


def compare(subjects: list[Subject], rounds: int) -> list[Samples]:
    """Measure every subject on every malloc, in turn; the results must be the same on all."""
    started = time.monotonic()
    samples: list[Samples] = [{name: [] for name in LAUNCHERS} for _ in subjects]
    for number in range(rounds):
        elapsed = time.monotonic() - started
        if number >= FEWEST_ROUNDS and elapsed * (number + 1) / number > TIME_BUDGET_S:
            break
        for subject, its in zip(subjects, samples, strict=True):
            # Each round begins with the other side, so that neither always comes after the other's heat.
            for name in list(LAUNCHERS)[:: 1 if number % 2 == 0 else -1]:
                progress(f"round {number + 1} of {rounds}: {subject.title.split(':')[0]} on {name}")
                its[name].append(subject.measure(LAUNCHERS[name]))
            if len({sample.result for runs in its.values() for sample in runs}) != 1:
                raise DemoError(f"{subject.title}: the results differ between the mallocs")
    progress("")
    return samples


def progress(text: str) -> None:
    """What is being done now, where a person watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def median(runs: list[Sample], figure: Callable[[Sample], float | None]) -> float | None:
    """The median of a figure; None where the program has no such figure."""
    values = [value for sample in runs if (value := figure(sample)) is not None]
    return statistics.median(values) if values else None


FIGURES: dict[str, Callable[[Sample], float | None]] = {
    "time, s": lambda sample: sample.seconds,
    "peak, MiB": lambda sample: sample.peak_kib / 1024,
    "after, MiB": lambda sample: None if sample.after_kib is None else sample.after_kib / 1024,
}


def table(subjects: list[Subject], samples: list[Samples]) -> str:
    """The medians, and HAKMEM's as a ratio of the system's."""
    lines = [f"{'':10}" + "".join(f"{name:>12}" for name in FIGURES)]
    for subject, its in zip(subjects, samples, strict=True):
        medians = {name: [median(its[name], figure) for figure in FIGURES.values()] for name in LAUNCHERS}
        ratios = [
            None if ours is None or theirs is None else ours / theirs
            for ours, theirs in zip(medians["HAKMEM"], medians["system"], strict=True)
        ]
        lines += ["", subject.title]
        lines += [f"{name:10}" + "".join(cell(value) for value in row) for name, row in medians.items()]
        lines.append(f"{'ratio':10}" + "".join(cell(ratio) for ratio in ratios))
        lines.append(f"{'':10}time from run to run: {spreads(its)}")
    return "\n".join(lines)


def cell(value: float | None) -> str:
    """A figure as the table shows it."""
    return f"{'-':>12}" if value is None else f"{value:12.2f}" if value < 10 else f"{value:12.1f}"


def spreads(its: Samples) -> str:
    """The fastest and the slowest run on each malloc: how far the machine's noise reaches."""
    return ", ".join(
        f"{name} {min(s.seconds for s in runs):.2f} to {max(s.seconds for s in runs):.2f} s"
        for name, runs in its.items()
    )


def library_and_build() -> str:
    """The lines of ``hakmem --version -v`` on the release flavour, which the programs run on."""
    answer = subprocess.run([*HAKMEM, "--version", "-v"], capture_output=True, text=True, check=True)
    lines = answer.stdout.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("release"))
    return "\n".join(line.strip() for line in lines[first : first + 2])


def main() -> int:
    """Measure and print; 0 if every program did the same work on both mallocs."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory() as directory:
        subjects = [python_subject()]
        native = native_subject(Path(directory))
        if native is not None:
            subjects.append(native)
        try:
            samples = compare(subjects, rounds)
        except DemoError as error:
            print(error, file=sys.stderr)
            return 1
    print(table(subjects, samples))
    print()
    print(NOTES.format(runs=len(samples[0]["HAKMEM"]), libc=" ".join(platform.libc_ver())))
    print(library_and_build())
    if native is None:
        print("No native program was found: install sqlite3, or a C compiler, and run this again.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
