"""Everything about one workload: plain runs, counters, simulation, system calls, rates, what they mean."""

import datetime as dt
from collections.abc import Sequence

from hakmem.lab.perf.findings import Case, rank
from hakmem.lab.perf.gather import Told, Tools
from hakmem.lab.perf.outcome import SCHEMA, Outcome, Payment
from hakmem.lab.perf.session import Plan, Session
from hakmem.lab.perf.start import Starter
from hakmem.lab.plan import Allocator
from hakmem.lab.result import AllocatorRecord, Host


def profile(
    plan: Plan,
    starter: Starter,
    tools: Tools,
    *,
    host: Host,
    command: str,
    on_step: Told,
    notes: Sequence[str] = (),
) -> Outcome:
    """Measures and judges. Errors: NothingToTellError where the subject cannot be run.

    command, host, notes: kept in the outcome, with further notes. on_step: told what begins.
    """
    session = Session(plan, starter, tools, on_step, [*notes, *tools.notes])
    session.choose_lengths()
    session.run_plain()
    session.use_tools()
    unit_costs = session.costs()
    counted = session.rates()
    profiles = session.profiles()
    floor = profiles.pop(plan.floor.name, None) if plan.floor else None
    subject = profiles[plan.subject.name]
    session.judge_steadiness(profiles.values(), floor)
    case = None
    if unit_costs is not None:
        peers = [each for each in profiles.values() if each is not subject]
        case = Case(
            subject, peers, floor, unit_costs, counted, session.unit, session.work, session.processors
        )
    return Outcome(
        schema=SCHEMA,
        command=command,
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        host=host,
        workload=plan.workload.name,
        title=plan.workload.title,
        unit=session.unit,
        start_apart=session.jobs.plain[1] is not None,
        work=session.work,
        simulated_work=session.simulated_work,
        rounds=plan.rounds,
        subject=subject.allocator,
        allocators=tuple(_record(each) for each in plan.allocators if each.name in profiles),
        profiles=tuple(profiles.values()),
        floor=floor,
        costs=unit_costs,
        caches=session.caches,
        bill=_bill(case) if case else (),
        findings=rank(case) if case else (),
        rates=counted,
        notes=tuple(dict.fromkeys(session.notes)),
    )


def _bill(case: Case) -> tuple[Payment, ...]:
    payments = [
        Payment(each.resource.id, each.resource.title, each.amount, each.cost_ns)
        for each in case.bill(case.subject).entries.values()
    ]
    return tuple(sorted(payments, key=lambda payment: -payment.cost_ns))


def _record(allocator: Allocator) -> AllocatorRecord:
    path = allocator.library.name if allocator.library else ""
    return AllocatorRecord(allocator.name, allocator.version, path, allocator.build)
