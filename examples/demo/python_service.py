"""A service in miniature: requests in JSON, worker threads, and bursts of objects that are built and dropped.

It checks its own results, then does light work for a while, as services do between bursts. Its last line
tells the laboratory how long the bursts took, without the interpreter's start and the light work.
"""

import json
import queue
import threading
import time
from dataclasses import dataclass

WORKERS = 4
ROUNDS = 2
REQUESTS = 1500
RECORDS = 600_000
CACHED_EVERY = 1000
LIGHT_WORK_S = 1.2


def request(number: int) -> str:
    """What a client sends: an order with some rows."""
    rows = [{"id": n, "name": f"item {n * number % 997}", "price": n * 0.25} for n in range(number % 60 + 5)]
    return json.dumps({"customer": number % 113, "rows": rows})


def answer(text: str) -> str:
    """The order's totals by name."""
    order = json.loads(text)
    groups: dict[str, list[float]] = {}
    for row in order["rows"]:
        groups.setdefault(row["name"], []).append(row["price"])
    totals = {name: sum(prices) for name, prices in sorted(groups.items())}
    return json.dumps({"customer": order["customer"], "totals": totals})


def serve() -> int:
    """Answer REQUESTS requests in WORKERS threads; the characters sent and received."""
    todo: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    done: queue.SimpleQueue[int] = queue.SimpleQueue()

    def work() -> None:
        while (text := todo.get()) is not None:
            done.put(len(text) + len(answer(text)))

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for number in range(REQUESTS):
        todo.put(request(number))
    for _ in threads:
        todo.put(None)
    for thread in threads:
        thread.join()
    return sum(done.get() for _ in range(REQUESTS))


@dataclass(slots=True)
class Record:
    """One line of the report."""

    number: int
    title: str
    tags: list[str]


def burst(cache: dict[int, Record]) -> int:
    """Build a report of RECORDS records and drop it, but for the few that a cache keeps, as caches do."""
    records = [Record(n, f"record {n}", [f"tag {n % 5003}", f"kind {n % 7}"]) for n in range(RECORDS)]
    by_tag: dict[str, list[int]] = {}
    for record in records:
        for tag in record.tags:
            by_tag.setdefault(tag, []).append(record.number)
    cache.clear()
    cache.update((record.number, record) for record in records[::CACHED_EVERY])
    return sum(len(numbers) * len(tag) for tag, numbers in by_tag.items())


def main() -> None:
    """Work, rest, tell."""
    started = time.perf_counter()
    cache: dict[int, Record] = {}
    results = {(serve(), burst(cache)) for _ in range(ROUNDS)}
    seconds = time.perf_counter() - started
    if len(results) != 1:
        raise SystemExit(f"rounds of the same work gave different results: {results}")

    quiet_after = time.monotonic() + LIGHT_WORK_S
    while time.monotonic() < quiet_after:
        answer(request(50))
        time.sleep(0.002)
    served, reported = results.pop()
    print(f"{served} characters served, {reported} reported")
    print(f"lab: result operations={ROUNDS * (REQUESTS + RECORDS)} seconds={seconds:.6f}")


main()
