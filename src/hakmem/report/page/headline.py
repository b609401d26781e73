"""The verdict in words: one line that says who leads, and two sentences that say by how much."""

from collections.abc import Iterator, Mapping, Sequence

from hakmem.report.matrix import Matrix
from hakmem.report.page import quantities
from hakmem.report.sentence import shown
from hakmem.report.standing import Standing


def headline(matrix: Matrix, time: Standing, memory: Standing) -> str:
    """Who leads in time and in memory."""
    if not matrix.rows:
        return "Nothing was measured"
    if len(matrix.allocators) < 2:
        return f"Only {shown(matrix.allocators[0])} was measured: there is nothing to compare it with"
    if not _compares(time) and not _compares(memory):
        return "There are too few finished rounds to name a leader"
    if len(time.leaders) == 1 and time.leaders == memory.leaders:
        return f"{shown(time.leaders[0])} leads in time and in memory"
    parts = [_leading(standing, what) for standing, what in ((time, "time"), (memory, "memory"))]
    return "; ".join(part for part in parts if part)


def sentence(standing: Standing, baseline: str, what: str, verb: str) -> str:
    """By how much the best is ahead; "" when nothing can be compared.

    verb: what an allocator does with `what`: "takes" time, "needs" memory.
    """
    if not _compares(standing):
        return ""
    best = standing.means[0]
    named = best if best.allocator != baseline else standing.means[1]
    low, high = quantities.ratio(named.interval.low), quantities.ratio(named.interval.high)
    over = (
        "on the only workload"
        if standing.workloads == 1
        else f"in the geometric mean over {standing.workloads} workloads"
    )
    amount = quantities.percent(
        named.interval.median, f"less {what} than", f"more {what} than", f"the {what} of"
    )
    ahead = "" if best is named else f"None is ahead of {shown(baseline)} in {what}; the next, "
    return (
        f"{ahead}{shown(named.allocator)}{',' if ahead else ''} {verb} {amount} {shown(baseline)} "
        f"({quantities.ratio(named.interval.median)}; 95 % interval {low} to {high}), "
        f"{over}."
    )


def omissions(standings: Mapping[str, Standing]) -> tuple[str, ...]:
    """Which workloads and allocators the means leave out, and why, in sentences.

    standings: by what is compared, "time" and "peak memory"; what they have in common is said once.
    """
    said: dict[str, list[str]] = {}
    for what, standing in standings.items():
        for sentence in _omitted(standing) if standing.means else ():
            said.setdefault(sentence, []).append(what)
    return tuple(f"{' and '.join(what).capitalize()}: {sentence}" for sentence, what in said.items())


def _omitted(standing: Standing) -> Iterator[str]:
    if standing.left_out:
        each = "; ".join(f"{workload} ({_list(names)})" for workload, names in standing.left_out.items())
        yield f"the means leave out what not every allocator finished: {each}."
    if standing.outsiders:
        yield f"not ranked, for want of finished workloads: {_list(standing.outsiders)}."


def _leading(standing: Standing, what: str) -> str:
    if not _compares(standing):
        return ""
    if len(standing.leaders) == len(standing.means):
        return f"No difference seen in {what}"
    if len(standing.leaders) == 1:
        return f"{shown(standing.leaders[0])} leads in {what}"
    return f"{_list(standing.leaders)} share the lead in {what}"


def _compares(standing: Standing) -> bool:
    return len(standing.means) > 1


def _list(names: Sequence[str]) -> str:
    """Allocators in a sentence: "a", "a and b", "a, b and c"."""
    said = [shown(name) for name in names]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"
