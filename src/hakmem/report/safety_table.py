"""The table of memory errors and who finds them, as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Final

from hakmem.lab.safety import SIZES, Case, Outcome, found

_SIGNS: Final = {
    Outcome.AT_ONCE: "**●**",
    Outcome.LATER: "○",
    Outcome.TOLD: "◐",
    Outcome.CRASHED: "✗",
    Outcome.MISSED: "·",
}

_GROUPS: Final = {
    "free": "Wrong frees",
    "write": "Wrong writes",
    "read": "Wrong reads",
    "size": "Sizes that cannot be",
    "leak": "Leaks",
}


def table(outcomes: Mapping[str, Mapping[Case, Outcome]]) -> str:
    """Sums a group, then a table a group: a row an error, a column an allocator, a sign a size."""
    columns = list(outcomes)
    return "\n\n".join([_sums(outcomes), *(_group(outcomes, columns, group) for group in _GROUPS)]) + "\n"


def _size(size_b: int) -> str:
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size_b >= unit and size_b % unit == 0:
            return f"{size_b // unit} {name}"
    return f"{size_b} B"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _sums(outcomes: Mapping[str, Mapping[Case, Outcome]]) -> str:
    lines = [
        _row(["", *(title.lower() for title in _GROUPS.values()), "frees and writes"]),
        _row(["---"] * (len(_GROUPS) + 2)),
    ]
    for column, cells in outcomes.items():
        sums = [found(cells, [group]) for group in _GROUPS]
        wrong, all_wrong = found(cells, ["free", "write"])
        share = f"**{100 * wrong / all_wrong:.0f} %** ({wrong} of {all_wrong})"
        lines.append(_row([column, *(f"{some} of {every}" for some, every in sums), share]))
    return "\n".join(lines)


def _group(outcomes: Mapping[str, Mapping[Case, Outcome]], columns: Sequence[str], group: str) -> str:
    first = next(iter(outcomes.values()))
    names = dict.fromkeys(case.name for case in first if case.group == group)
    lines = [f"## {_GROUPS[group]}", "", _row(["error", *columns]), _row(["---"] * (len(columns) + 1))]
    for name in names:
        cells = [
            "&nbsp;".join(_SIGNS[outcome] for case, outcome in outcomes[column].items() if case.name == name)
            for column in columns
        ]
        lines.append(_row([f"`{name}`", *cells]))
    return "\n".join(lines)


def legend() -> str:
    """What the signs mean."""
    sizes = ", ".join(map(_size, SIZES))
    at_once, later, told, crashed, missed = (_SIGNS[outcome] for outcome in Outcome)
    return (
        f"{at_once} reported in the call or at the instruction that made it, {later} reported later,"
        f" {told} reported while the program went on unharmed,"
        f" {crashed} the process crashed or hung without a report, {missed} nothing happened. Six signs are"
        f" the sizes {sizes}, in this order; one sign is an error without a size."
    )
