"""Forks from a Python program whose threads allocate; every child allocates, in a thread too, and exits."""

import os
import threading

FORKS = 40
THREADS = 3


def allocate(stop: threading.Event) -> None:
    while not stop.is_set():
        rows = [{"text": "x" * (n % 300)} for n in range(300)]
        rows.sort(key=lambda row: row["text"])


def live_as_child() -> None:
    rows = [bytes(n) for n in range(2000)]
    thread = threading.Thread(target=lambda: [str(n) * 20 for n in range(5000)])
    thread.start()
    thread.join()
    os._exit(0 if sum(map(len, rows)) == 1999000 else 1)


def main() -> None:
    stop = threading.Event()
    threads = [threading.Thread(target=allocate, args=(stop,)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    statuses = []
    for _ in range(FORKS):
        child = os.fork()
        if child == 0:
            live_as_child()
        statuses.append(os.waitpid(child, 0)[1])
    stop.set()
    for thread in threads:
        thread.join()
    assert statuses == [0] * FORKS, statuses
    print("ok")


main()
