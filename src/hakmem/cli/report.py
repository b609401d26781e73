"""`hakmem report`: shows a suite that was stored, or what changed between two."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from hakmem.cli import terminal
from hakmem.cli.arguments import Parser
from hakmem.cli.lab_arguments import Outputs, add_output_options, write
from hakmem.errors import UsageError
from hakmem.lab import store
from hakmem.lab.codec import encode
from hakmem.lab.plan import Kind
from hakmem.lab.result import Suite
from hakmem.report import changes_text, command_text, machines, text
from hakmem.report.changes import Change, compare, counted, drift, regressions
from hakmem.report.sentence import phrase, shown
from hakmem.report.side_by_side import side_by_side

REGRESSION: Final = 3
"""The exit code that says so."""

_CHANGES_SCHEMA: Final = "hakmem-changes/1"


class DifferentMachinesError(UsageError):
    """Two suites are from machines that differ, and nobody said that this is intended."""

    exit_code: ClassVar[int] = 2


def execute(words: list[str]) -> int:
    """Shows what the files hold; REGRESSION when that was asked for and there is one."""
    arguments = _parser().parse_args(words)
    outputs = Outputs(arguments.json, arguments.html)
    outputs.check()
    if len(arguments.files) > 2:
        raise UsageError(f"{len(arguments.files)} files; one is shown, two are compared")
    after = store.load(Path(arguments.files[-1]))
    if len(arguments.files) == 1:
        return _one(after, arguments, outputs)
    return _two(store.load(Path(arguments.files[0])), after, arguments, outputs)


def _parser() -> Parser:
    parser = Parser(
        prog="hakmem report",
        usage="hakmem report [OPTION]... FILE | hakmem report [OPTION]... BEFORE AFTER",
        description="Shows a result that `hakmem bench --json` or `hakmem compare --json` wrote; of two,\n"
        "what changed from the first to the second. Exit codes: 3 when --fail-on-regression finds one,\n"
        "2 when the two cannot be compared.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help=argparse.SUPPRESS)
    two = parser.add_argument_group("with two files")
    two.add_argument(
        "--fail-on-regression",
        type=_percent,
        metavar="PCT",
        help="end with 3 when a figure is worse beyond its interval and by more than PCT percent, or when"
        " what ran before does not run now",
    )
    two.add_argument(
        "--allocators",
        metavar="A,B",
        help="whose regressions count (default: HAKMEM's flavours, or all when there are none)",
    )
    two.add_argument(
        "--relative",
        action="store_true",
        help="compare each figure with the baseline's of the same rounds: what changed the whole machine"
        " cancels",
    )
    two.add_argument("--all", action="store_true", help="list every figure, not only what changed")
    two.add_argument(
        "--allow-different-machines", action="store_true", help="compare although the machines differ"
    )
    add_output_options(parser)
    return parser


def _one(suite: Suite, arguments: argparse.Namespace, outputs: Outputs) -> int:
    for option in ("fail_on_regression", "allocators", "relative", "all", "allow_different_machines"):
        if getattr(arguments, option) not in (None, False):
            raise UsageError(f"--{option.replace('_', '-')} needs two files: hakmem report BEFORE AFTER")
    if outputs.json:
        write(outputs.json, store.dumps(suite))
    if outputs.html:
        _page(outputs.html, suite)
    if not outputs.data_on_stdout:
        commands = all(cell.kind == Kind.COMMAND for cell in suite.cells)
        render = command_text.render if commands else text.render
        print(render(suite, terminal.width(sys.stdout), colour=terminal.colour(sys.stdout)), end="")
    return 0


def _two(before: Suite, after: Suite, arguments: argparse.Namespace, outputs: Outputs) -> int:
    _check_comparable(before, after, arguments)
    who = _counted(after, arguments.allocators)
    changes = compare(before, after, relative=arguments.relative)
    comparison = changes_text.Comparison(
        before, after, changes, drift(changes, before, after), arguments.relative
    )
    if outputs.json:
        write(outputs.json, _as_json(before, after, changes, relative=arguments.relative))
    if outputs.html:
        _page(outputs.html, side_by_side(before, after, who))
    if not outputs.data_on_stdout:
        told = changes_text.render(
            comparison,
            terminal.width(sys.stdout),
            colour=terminal.colour(sys.stdout),
            everything=arguments.all,
        )
        print(told, end="")
    if arguments.fail_on_regression is None:
        return 0
    worse = regressions(changes, who, arguments.fail_on_regression)
    print(_judgement(worse, who, arguments.fail_on_regression), file=sys.stderr)
    return REGRESSION if worse else 0


def _check_comparable(before: Suite, after: Suite, arguments: argparse.Namespace) -> None:
    lengths = any(cell.kind != Kind.COMMAND for cell in after.cells)  # a command decides its length itself
    if lengths and before.effort != after.effort:
        raise UsageError(
            f"the first was measured with effort {before.effort}, the second with {after.effort}: their runs"
            " differ in length; measure both alike"
        )
    if arguments.relative and before.baseline != after.baseline:
        raise UsageError(
            f"--relative: the baselines are {before.baseline} and then {after.baseline}; measure with one"
        )
    differences = machines.differences(before, after)
    if differences and not arguments.allow_different_machines:
        raise DifferentMachinesError(
            f"these are from different machines ({'; '.join(differences)}), so a change may be the machine's;"
            " --allow-different-machines compares them all the same"
        )
    for difference in differences:
        print(f"hakmem: the machines differ in {difference}", file=sys.stderr)


def _counted(after: Suite, wanted: str | None) -> tuple[str, ...]:
    """The allocators whose regressions count."""
    if wanted is None:
        return counted(after)
    names = tuple(dict.fromkeys(name.strip() for name in wanted.split(",") if name.strip()))
    known = [record.name for record in after.allocators]
    missing = [name for name in names if name not in known]
    if missing or not names:
        raise UsageError(f"--allocators {wanted}: the second file has {', '.join(known)}")
    return names


def _judgement(worse: Sequence[Change], allocators: Sequence[str], percent: float) -> str:
    """What is said of regressions, a line each."""
    who = ", ".join(shown(name) for name in allocators)
    if not worse:
        return f"No regression of {who} beyond its interval and {percent:g} %."
    lines = [f"{len(worse)} regression{'s' if len(worse) > 1 else ''} of {who}:"]
    for change in worse:
        ratio = change.ratio
        said = (
            f"{phrase(change.metric, ratio.median, (ratio.low, ratio.high), change.verdict)}"
            f" (ratio {ratio.low:.3f} to {ratio.high:.3f})"
            if ratio
            else f"{change.outcome}: {change.detail}"
        )
        lines.append(f"  {change.workload} on {shown(change.allocator)}: {said}")
    return "\n".join(lines)


def _as_json(before: Suite, after: Suite, changes: Sequence[Change], *, relative: bool) -> str:
    fields = {
        "schema": _CHANGES_SCHEMA,
        "before": {"command": before.command, "created": before.created, "host": encode(before.host)},
        "after": {"command": after.command, "created": after.created, "host": encode(after.host)},
        "relative": relative,
        "changes": encode(changes),
    }
    return json.dumps(fields, indent=1, ensure_ascii=False) + "\n"


def _page(file: str, suite: Suite) -> None:
    from hakmem.report import html  # noqa: PLC0415  (with the charts, which only a page needs)

    write(file, html.page(suite))


def _percent(text: str) -> float:
    try:
        percent = float(text)
    except ValueError:
        percent = -1.0
    if not 0 <= percent < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of percent from 0 on")
    return percent
