"""How often locks are taken: the bounds of docs/design/scaling.md, on workloads of 16 to 64 threads."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from hakmem.errors import HakmemError
from hakmem.lab import scaling
from hakmem.lab.perf import rates
from hakmem.lab.perf.counts import Rates, Tally
from hakmem.libraries import library_path
from hakmem.model.arena import SUPERSLAB_UNITS
from hakmem.model.policy import Policy
from hakmem.model.scale import Visit

from . import native_programs


def counted(command: str, tmp_path: Path) -> Rates:
    file = tmp_path / "statistics.json"
    done = native_programs.run(command, library_path("count"), HAKMEM_STATS_FILE=str(file))
    native_programs.result(done)
    return rates.read(file)


@pytest.mark.parametrize("threads", [1, 16, 32, 64])
@pytest.mark.parametrize("program", ["server_mix {0} 20000", "producer_consumer {0} {0} 300000 16 1024"])
def test_a_batch_costs_one_shard_lock_a_slab_one_of_a_stock_and_a_superslab_few_of_the_pool(
    program: str, threads: int, tmp_path: Path
) -> None:
    run = counted(program.format(threads), tmp_path)
    assert scaling.broken_promises(run) == []
    locks = {name: tally.done for name, tally in run.locks.items()}
    # With no other thread left, the bounds are equations.
    taken = locks["shard_take"] + locks["shard_steal"]
    assert taken == run.total("transfer_hits") + run.swaps["shelf_hint"].refused
    given = locks["shard_put"] + locks["shard_spill"]
    assert given == run.total("transfer_puts") + run.total("transfer_full")
    assert locks["class_refill"] == run.total("refills") - run.total("transfer_hits")
    assert locks["stock_slab"] == run.total("slabs_made") + run.total("slabs_retired")
    assert (
        locks["stock_large"] + locks["pool_large"] == run.process["large_allocs"] + run.process["large_frees"]
    )
    # Each trade with the pool moves a superslab, or half of what one of so many stocks may keep; twice as
    # many where the pool has pieces, and two for each time that a stock was empty.
    stocks = os.cpu_count() or 1
    part = min(max(Policy().stock_limit_units // stocks // 2, 1) / SUPERSLAB_UNITS, 1)
    assert locks["pool_stock"] <= 2 * (scaling.superslabs(run) / part + locks["stock_idle"] + stocks)
    # Every thread comes and goes: two locks when it starts, one when it ends. The rest are ticks.
    started = run.process["threads_started"]
    assert locks["registry"] >= 2 * started + run.process["threads_ended"]


def test_calls_that_the_thread_cache_serves_take_no_lock(tmp_path: Path) -> None:
    short = counted("hot_pair 20000 1", tmp_path)
    long = counted("hot_pair 2000000 1", tmp_path)
    assert scaling.operations(long) > 50 * scaling.operations(short)
    # How many processors the thread sees is the scheduler's choice; statistics look at each one's shard.
    for name in (name for name in long.locks if not name.endswith("_look") and name != "start"):
        assert long.locks[name].done == short.locks[name].done, name


def test_a_thread_that_frees_what_others_allocate_anew_is_not_trapped(tmp_path: Path) -> None:
    # 192 MB pass through the slabs, at most 1 MiB is on its way, and 8 MiB may be free without a debt.
    run = counted("producer_consumer 2 2 3000000 64 64", tmp_path)
    assert run.total("trapped") <= run.total("frees") / 10


def test_statistics_without_locks_are_an_error(tmp_path: Path) -> None:
    file = tmp_path / "statistics.json"
    native_programs.run("hot_pair 1000 1", library_path("release"), HAKMEM_STATS_FILE=str(file))
    with pytest.raises(HakmemError, match="count no locks"):
        scaling.demand(rates.read(file), 1.0)


def test_a_run_becomes_the_average_operation(tmp_path: Path) -> None:
    run = counted("server_mix 16 20000", tmp_path)
    demand = scaling.demand(run, 40.0)
    assert demand.work_ns == 40.0
    assert demand.visits[Visit.PUT] * scaling.operations(run) == pytest.approx(run.locks["shard_put"].done)
    assert sum(demand.classes) == pytest.approx(1)


def test_a_lock_too_many_is_told(tmp_path: Path) -> None:
    run = counted("server_mix 16 5000", tmp_path)
    shards = ("shard_take", "shard_put", "shard_spill")
    names = (*shards, "class_refill", "class_idle", "class_push", "stock_slab")
    for name in names:
        more = Tally(10 * run.locks[name].done + 10**6, 0)
        told = scaling.broken_promises(replace(run, locks={**run.locks, name: more}))
        assert any(re.search(r": [\d,]+ > [\d,]+$", line) for line in told), name
