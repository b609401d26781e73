"""One workload being profiled: what was found so far, and what could not be."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hakmem.errors import HakmemError, UsageError
from hakmem.lab.perf import costs, gather, lengths, rates, times
from hakmem.lab.perf.costs import CalibrationError, Costs
from hakmem.lab.perf.counts import Profile, Rates
from hakmem.lab.perf.gather import Gathered, Jobs, Told, Tools
from hakmem.lab.perf.lengths import Lengths
from hakmem.lab.perf.start import RunFailedError, Starter, operations
from hakmem.lab.perf.times import Times
from hakmem.lab.plan import Allocator, Effort, Job, Workload
from hakmem.lab.programs import ProgramsMissingError, program

ROUNDS: Final = 5
"""Plain runs of each allocator."""


_UNSTEADY: Final = 0.9


class NothingToTellError(HakmemError):
    """The subject could not be run."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be profiled.

    allocators: who takes part, the floor not among them; subject: the one that findings are about.
    floor: the allocator that does nothing, for workloads that have a floor; else None.
    operations: how many of them a plain run shall do; None: as many as a quarter of a second takes.
    """

    workload: Workload
    allocators: tuple[Allocator, ...]
    subject: Allocator
    floor: Allocator | None
    operations: int | None = None
    rounds: int = ROUNDS
    seed: int = 0


class Session:
    """The steps of a profile, in their order: choose_lengths, run_plain, use_tools; then what they gave.

    jobs: what is run. unit: "operation" or "run"; work, simulated_work: how many of them a long run did,
    plain and under a tool. processors: how many the workload keeps busy. caches: the simulated ones.
    notes: sentences about what is missing.
    """

    def __init__(self, plan: Plan, starter: Starter, tools: Tools, on_step: Told, notes: list[str]) -> None:
        self._plan = plan
        self._starter = starter
        self._tools = tools
        self._on_step = on_step
        self.notes = notes
        self._everyone = [*plan.allocators, *([plan.floor] if plan.floor else [])]
        self._ratio = 1.0
        self._found: dict[str, Gathered] = {each.name: Gathered() for each in self._everyone}
        self._times: dict[str, Times] = {}
        self._cpu_s = 0.0
        self.jobs = Jobs((Job(()), None), (Job(()), None))
        self.unit, self.work, self.simulated_work = "run", 1.0, 1.0
        self.processors = 1.0
        self.caches: dict[str, int] = {}

    def choose_lengths(self) -> None:
        """Makes the jobs: two lengths where the workload can be asked for them, else its quick one."""
        scaled = self._plan.workload.scaled
        scratch = self._starter.scratch
        if scaled is None:
            if self._plan.operations is not None:
                raise UsageError(f"--operations: the length of {self._plan.workload.name} cannot be chosen")
            job = self._plan.workload.prepare(scratch, Effort.QUICK)
            self.jobs = Jobs((job, None), (job, None))
            return
        self._on_step("length of runs", "")
        asked = self._plan.operations
        chosen = (
            Lengths(asked, asked)
            if asked is not None
            else lengths.choose(self._starter, scaled, self._plan.allocators)
        )
        self._ratio = chosen.plain / chosen.slow
        plain, slow = (
            (scaled(scratch, number), scaled(scratch, max(1, number // lengths.RATIO)))
            for number in (chosen.plain, chosen.slow)
        )
        self.jobs = Jobs(plain, slow, scaled(scratch, 1))

    def run_plain(self) -> None:
        """Times all, and leaves out those whose runs failed."""
        plan = self._plan
        rounds = times.run(
            self._starter,
            (*self.jobs.plain, self.jobs.least),
            self._everyone,
            rounds=plan.rounds,
            seed=plan.seed,
            on_run=lambda name: self._on_step("plain runs", name),
        )
        if rounds[plan.subject.name].failure:
            raise NothingToTellError(rounds[plan.subject.name].failure)
        self.notes += [f"left out: {each.failure}" for each in rounds.values() if each.failure]
        self._everyone = [each for each in self._everyone if not rounds[each.name].failure]
        able = {each.name: rounds[each.name] for each in self._everyone}
        self.processors = processors = times.parallelism(able)
        self._times = {name: times.summarise(mine, processors) for name, mine in able.items()}
        self._cpu_s = max(times.cpu_s(run) for mine in able.values() for run in mine.long)
        first = able[plan.subject.name].long[0]
        done = operations(first)
        self.unit, self.work = ("run", 1.0) if done is None else ("operation", float(done))

    def use_tools(self) -> None:
        """Counters, simulation and traces, as far as this machine has them."""
        tools, starter, jobs = self._tools, self._starter, self.jobs
        simulation = tools.simulation
        if simulation and self._plan.workload.scaled is None:
            slow = gather.too_slow(self._cpu_s, starter.timeout_s)
            simulation = slow is None
            self.notes += [slow] if slow else []
        for each in self._everyone:
            mine = self._found[each.name]
            if tools.hardware:
                self._on_step("hardware counters", each.name)
                gather.count(starter, jobs, each, mine)
            if simulation:
                self._on_step("simulation", each.name)
                done, caches = gather.simulate(starter, jobs, each, tools.caches, mine)
                self.simulated_work = done or self.simulated_work
                self.caches.update(caches)
            if tools.trace and each is not self._plan.floor:
                self._on_step("system calls", each.name)
                gather.trace(starter, jobs, each, mine, self._ratio)
            self.notes += mine.problems

    def costs(self) -> Costs | None:
        """The unit costs; without them there are figures and no findings."""
        self._on_step("unit costs", "")
        last_level = self._tools.caches.get("LL")
        try:
            return costs.measure(program("unit_costs"), last_level.size_b if last_level else 0)
        except (CalibrationError, ProgramsMissingError) as error:
            self.notes.append(f"no bottlenecks: {error}")
            return None

    def rates(self) -> Rates | None:
        """The count flavour's statistics, where the subject is HAKMEM."""
        counting = rates.count_flavour(self._plan.subject)
        if counting is None:
            return None
        self._on_step("count flavour", counting.name)
        try:
            return rates.run(self._starter, self.jobs.plain[0], counting)
        except RunFailedError as error:
            self.notes.append(f"no rates: {error}")
            return None

    def judge_steadiness(self, profiles: Iterable[Profile], floor: Profile | None) -> None:
        """Notes when times cannot be right: nothing is faster than an allocator that does nothing."""
        least = (floor.amount("wall") or 0.0) if floor else 0.0
        early = [each.allocator for each in profiles if (each.amount("wall") or 0.0) < _UNSTEADY * least]
        if early:
            self.notes.append(
                f"the machine is too noisy to trust these times: the workload took longer on the floor than"
                f" on {', '.join(early)}"
            )

    def profiles(self) -> dict[str, Profile]:
        """What was found, by allocator."""
        return {
            each.name: _profile(each, self._times[each.name], self._found[each.name])
            for each in self._everyone
        }


def _profile(allocator: Allocator, timed: Times, found: Gathered) -> Profile:
    return Profile(
        allocator=allocator.name,
        library=allocator.library.resolve().name if allocator.library else "",
        figures={**timed.figures, **found.figures},
        start={**timed.start, **found.start},
        spread=timed.spread,
        functions=found.functions,
        calls=found.calls,
        problems=tuple(found.problems),
    )
