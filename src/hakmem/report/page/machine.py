"""Where the figures come from: the machine, the allocators, the command."""

from collections.abc import Iterator

from hakmem.lab.plan import SYSTEM
from hakmem.lab.result import Host, Suite
from hakmem.report.figures import figure
from hakmem.report.page.markup import NOTHING, text
from hakmem.report.sentence import shown


def machine(host: Host) -> str:
    """The machine as a list of terms."""
    return "".join(
        f"<div><dt>{term}</dt><dd>{text(value)}</dd></div>" for term, value in _terms(host) if value
    )


def _terms(host: Host) -> Iterator[tuple[str, str]]:
    yield "Processor", host.cpu
    yield "Cores", f"{host.cores} ({host.machine})"
    yield "Memory", figure(host.memory_b, "B")
    yield "Kernel", host.kernel
    yield "Virtual machine", host.virtualised
    yield "Frequency governor", host.governor
    yield "Load at start", f"{host.load_at_start:.2f}"
    yield "Transparent huge pages", host.thp
    yield "Overcommit", host.overcommit
    yield "C library", host.libc
    yield "Python", host.python


def allocators(suite: Suite) -> str:
    """The rows of the table of allocators."""
    rows = []
    for record in suite.allocators:
        path = record.path or ("the C library's own" if record.name == SYSTEM else "")
        cells = "".join(f"<td>{text(each) or NOTHING}</td>" for each in (record.version, record.build, path))
        rows.append(f'<tr><th scope="row">{text(shown(record.name))}</th>{cells}</tr>')
    return "".join(rows)


def summary(suite: Suite) -> str:
    """When, how often and where, in one line."""
    rounds = "1 round" if suite.rounds == 1 else f"{suite.rounds} rounds"
    when = suite.created.replace("T", " ").replace("Z", " UTC").replace("+00:00", " UTC")
    return f"{when}; {rounds}, effort {suite.effort}; {suite.host.cpu or suite.host.machine}"
