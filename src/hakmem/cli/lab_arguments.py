"""What the command lines of the laboratory share: who takes part, how much of it, and where it goes."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hakmem.cli.arguments import Parser
from hakmem.errors import HakmemError, UsageError
from hakmem.lab.plan import FLOOR, SYSTEM, Effort

ROUNDS: Final = {Effort.QUICK: 3, Effort.DEFAULT: 5, Effort.FULL: 15}
"""Paired rounds. Of 3, 5, 15 samples smallest to largest covers the median with 75, 93.75, 99.99 %."""
TIMEOUT_S: Final = {Effort.QUICK: 30.0, Effort.DEFAULT: 60.0, Effort.FULL: 120.0}
"""Some twenty times what the longest workload of the effort takes on the system's malloc."""
STANDARD_OUTPUT: Final = "-"

_OUTPUTS: Final = ("--json", "--html")
_OTHER_OUTPUTS: Final = ("--svg",)


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where results are written: a path, for `json` also "-" for standard output; None: not at all."""

    json: str | None = None
    html: str | None = None

    @property
    def data_on_stdout(self) -> bool:
        """Whether standard output belongs to data, so that words for people go to standard error."""
        return self.json == STANDARD_OUTPUT

    def check(self) -> None:
        """Raises UsageError when a file could not be written: better now than after an hour of measuring."""
        for option, name in zip(_OUTPUTS, (self.json, self.html), strict=True):
            if name is not None and name != STANDARD_OUTPUT:
                check_writable(option, Path(name))
        if self.html == STANDARD_OUTPUT:
            raise UsageError("--html -: a page needs a file: --html report.html")


@dataclass(frozen=True, slots=True)
class LabOptions:
    """The options that `add_lab_options` adds, checked.

    allocators: names in the order given; empty: all that are there.
    extra: the user's own allocators: name -> library, an absolute path.
    baseline: what ratios refer to; None where the user left it open.
    rounds: how many paired rounds; timeout_s: seconds after which a run is ended.
    """

    effort: Effort
    allocators: tuple[str, ...]
    extra: Mapping[str, Path]
    baseline: str | None
    rounds: int
    seed: int
    timeout_s: float
    outputs: Outputs = field(default_factory=Outputs)

    def baseline_among(self, names: Sequence[str]) -> str:
        """The baseline for a run of the allocators `names`, of which there is one at least.

        Where the user left it open: the system's, or without it the first.
        """
        if self.baseline is None:
            return SYSTEM if SYSTEM in names else names[0]
        if self.baseline not in names:
            raise UsageError(
                f"--baseline {self.baseline}: it does not take part; taking part: {', '.join(names)}"
            )
        return self.baseline


def add_lab_options(parser: Parser, *, html: bool = True) -> None:
    """Adds the options of LabOptions; `html`: whether the command can write a page."""
    add_allocator_options(parser)
    much = parser.add_argument_group("how much")
    add_effort_options(
        much,
        lambda choice: (
            f"{ROUNDS[choice]} rounds of {'short' if choice is Effort.QUICK else 'long'} runs"
            f" (default: {ROUNDS[Effort.DEFAULT]} rounds)"
        ),
    )
    much.add_argument(
        "--timeout",
        type=seconds,
        metavar="S",
        help="end a run that takes longer, in seconds (default: "
        + ", ".join(f"{limit:.0f}" for limit in TIMEOUT_S.values())
        + " with --quick, without, with --full)",
    )
    add_round_options(much)
    add_output_options(parser, html=html)


def add_allocator_options(
    parser: Parser, *, baseline: bool = True, standard: str = "every one that is installed"
) -> None:
    """Adds --allocators, --allocator and, where the command takes ratios, --baseline.

    standard: who takes part where nobody is named, for the help.
    """
    who = parser.add_argument_group("who takes part")
    who.add_argument(
        "--allocators",
        type=_names,
        default=(),
        metavar="A,B",
        help=f"these alone (default: {standard}); hakmem-count, hakmem-secure and hakmem-debug are HAKMEM's"
        " other flavours",
    )
    who.add_argument(
        "--allocator",
        action="append",
        default=[],
        type=_named_library,
        metavar="NAME=PATH",
        help="one of your own: a library to preload; may be given several times",
    )
    if baseline:
        who.add_argument("--baseline", metavar="NAME", help="what ratios refer to (default: system)")


def add_effort_options(group: argparse._ArgumentGroup, told: Callable[[Effort], str]) -> None:
    """Adds --quick and --full; `told`: what each means to the command, for the help."""
    effort = group.add_mutually_exclusive_group()
    for choice in (Effort.QUICK, Effort.FULL):
        effort.add_argument(
            f"--{choice.value}", action="store_const", const=choice, dest="effort", help=told(choice)
        )


def add_round_options(group: argparse._ArgumentGroup) -> None:
    """Adds --rounds and --seed."""
    group.add_argument(
        "--rounds", type=positive, metavar="N", help="so many rounds; fewer than 3 give no ratio"
    )
    group.add_argument(
        "--seed", type=natural, default=0, metavar="N", help="of the random order (default: 0)"
    )


def add_output_options(parser: Parser, *, html: bool = True) -> None:
    """Adds --json, and --html where the command can write a page."""
    where = parser.add_argument_group("where results go")
    where.add_argument("--json", metavar="FILE", help="write the figures; - is standard output")
    if html:
        where.add_argument("--html", metavar="FILE", help="write a page that works offline")


def lab_options(arguments: argparse.Namespace) -> LabOptions:
    """The checked options. Nothing is measured or written yet; see Outputs.check."""
    effort = arguments.effort or Effort.DEFAULT
    outputs = Outputs(arguments.json, getattr(arguments, "html", None))
    outputs.check()
    return LabOptions(
        effort=effort,
        allocators=arguments.allocators,
        extra=own_allocators(arguments),
        baseline=arguments.baseline,
        rounds=arguments.rounds or ROUNDS[effort],
        seed=arguments.seed,
        timeout_s=arguments.timeout or TIMEOUT_S[effort],
        outputs=outputs,
    )


def own_allocators(arguments: argparse.Namespace) -> dict[str, Path]:
    """The libraries of --allocator by their names. Errors: UsageError for a name given twice."""
    extra: dict[str, Path] = {}
    for name, path in arguments.allocator:
        if name in extra:
            raise UsageError(f"--allocator {name}=...: given twice; give each its own name")
        extra[name] = path
    return extra


def recorded(command: str, words: Sequence[str]) -> str:
    """The command line as a result may keep it, for a shell: without directories and without outputs."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if option in (*_OUTPUTS, *_OTHER_OUTPUTS):
            if not equals:
                next(rest, None)
        elif option == "--allocator":
            name, _, path = (value if equals else next(rest, "")).partition("=")
            kept += [option, f"{name}={Path(path).name}"]
        else:
            kept.append(word)
    return shlex.join(["hakmem", command, *kept])


def write(path: str, text: str) -> None:
    """Writes a result to a file, whole or not at all, or to standard output for "-"."""
    if path == STANDARD_OUTPUT:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        target.write_text(text, encoding="utf-8")  # /dev/stderr, a pipe: nothing to put in its place
        return
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(target)
    except OSError as error:
        raise HakmemError(f"cannot write {path!r}: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(option: str, path: Path) -> None:
    """Raises UsageError when a file could not be written to `path`, which `option` names."""
    if path.is_dir():
        raise UsageError(f"{option} {path}: that is a directory; name a file in it")
    if not path.parent.is_dir():
        raise UsageError(f"{option} {path}: there is no directory {str(path.parent)!r}; make it first")
    special = path.exists() and not path.is_file()  # a pipe, /dev/stderr
    if not os.access(path if special else path.parent, os.W_OK):
        raise UsageError(f"{option} {path}: it cannot be written there; name a file that can")


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise argparse.ArgumentTypeError(f"{text!r} names no allocator")
    if FLOOR in names:
        raise argparse.ArgumentTypeError(f"{FLOOR!r} is no allocator to choose: it runs where a workload can")
    return names


def _named_library(text: str) -> tuple[str, Path]:
    """The library is looked at where allocators are sought: lab.allocators."""
    name, _, path = text.partition("=")
    if not name or not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH")
    return name, Path(path).absolute()


def positive(text: str) -> int:
    """An option's whole number above 0."""
    number = natural(text)
    if number == 0:
        raise argparse.ArgumentTypeError("there must be one at least")
    return number


def natural(text: str) -> int:
    """An option's whole number."""
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)


def seconds(text: str) -> float:
    """An option's number of seconds above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return number
