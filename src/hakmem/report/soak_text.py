"""A long run as a few lines for people."""

from hakmem.lab.soak.creep import CONFIDENCE, Growth
from hakmem.lab.soak.limits import Finding
from hakmem.lab.soak.result import Soak

_MIB = 1 << 20


def render(soak: Soak) -> str:
    """What ran, whether each limit held, and whether memory creeps."""
    allocator = f"{soak.allocator.name} {soak.allocator.version}".strip()
    ran = (
        f"{allocator}: {soak.samples[-1].seconds:.0f} s, {soak.plan.threads} threads, two that come and go,"
        f" {soak.operations / 1e6:.1f} M operations, {len(soak.samples)} samples"
    )
    limits = [line for finding in soak.findings for line in _finding(finding)]
    if not limits:
        limits = [_line("limits", "not judged: this allocator tells no figures of its own")]
    return "\n".join([ran, *limits, *_growth(soak.growth)]) + "\n"


def _line(what: str, words: str) -> str:
    return f"  {what:<22}  {words}"


def _finding(finding: Finding) -> list[str]:
    nearest = finding.tightest
    if nearest is None:
        return [_line(finding.limit, "not judged: too few samples")]
    amounts = f"{_mib(nearest.amount_b)} of {_mib(nearest.allowed_b)} MiB ({nearest.share:.0%})"
    at = f"{amounts} at {nearest.seconds:.1f} s"
    if finding.held:
        return [_line(finding.limit, f"held at {finding.judged} samples; nearest: {at}")]
    broken = f"BROKEN at {len(finding.breaches)} of {finding.judged} samples; worst: {at}"
    return [_line(finding.limit, broken), _line("", finding.rule)]


def _growth(growth: Growth | None) -> list[str]:
    if growth is None:
        return [_line("resident memory", "not judged: too few cycles")]
    verdict = "CREEPS" if growth.creeps else "no creep seen"
    amounts = f"mean {_mib(growth.resident_b)} MiB, {_mib(growth.above_b)} above live"
    interval = f"{CONFIDENCE:.0%} interval {_mib(growth.low_b)} to {_mib(growth.high_b)}"
    return [
        _line("resident memory", f"{verdict}: {amounts}, from {growth.from_s:.0f} s on"),
        _line("", f"growth an hour: {_mib(growth.an_hour_b)} MiB, {interval};"),
        _line("", f"creep is an interval above {_mib(growth.bound_b)}"),
    ]


def _mib(amount_b: int) -> str:
    return f"{amount_b / _MIB:.1f}"
