"""Whether every allocator's runs of a workload computed the same."""

from collections import Counter

from hakmem.lab.measurement import Measurement, Status
from hakmem.lab.plan import FLOOR, Kind, Workload
from hakmem.lab.runner import Runs


def disagreements(runs: Runs, workload: Workload, baseline: str) -> dict[str, str]:
    """Allocators under which the workload computed something else -> a line that says what.

    Each allocator has one vote, its most frequent checksum, and the most frequent vote is right; in a tie the
    baseline's is. The floor has no vote. Nobody disagrees where the checksum is not the same in every run by
    the workload's nature, or where it tells none.
    """
    if not workload.checks:
        return {}
    told = {
        allocator.name: _checksums(workload, runs.measurements.get((workload.name, allocator.name), ()))
        for allocator in runs.allocators
    }
    votes = {name: found.most_common(1)[0][0] for name, found in told.items() if found and name != FLOOR}
    if not votes:
        return {}
    tally = Counter(votes.values())
    right = max(tally, key=lambda checksum: (tally[checksum], checksum == votes.get(baseline)))
    return {
        name: f"checksum {next(each for each in found if each != right)} in {wrong} of {found.total()} runs,"
        f" where {right} is right"
        for name, found in told.items()
        if (wrong := found.total() - found[right])
    }


def checksum(workload: Workload, run: Measurement) -> str:
    """What stands for the work that a run did: its result line's checksum.

    A program of the distribution has no such line: there it is the digest of what it wrote. "" when there is
    neither, or when it is not the same in every run by the workload's nature.
    """
    if not workload.checks:
        return ""
    return run.checksum or (run.stdout_digest if workload.kind is Kind.REAL else "")


def _checksums(workload: Workload, measurements: tuple[Measurement | None, ...]) -> Counter[str]:
    told = (checksum(workload, run) for run in measurements if run is not None and run.status is Status.OK)
    return Counter(filter(None, told))
