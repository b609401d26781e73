"""Uses up its address space, lives on, and says how far it came.

Argument: the limit on address space in MiB, set here after the start; 0 leaves the limit that is there.
"""

import resource
import sys
import threading

MIB = 1 << 20
MOST_MIB = 6000


def take_until_refused() -> int:
    """Take blocks of 1 MiB and small objects until MemoryError; the MiB taken. Everything is given back."""
    held: list[bytes] = []
    try:
        # bytes(n) takes zeroed memory, which stays untouched: the test is of address space, not of RAM.
        held.extend(bytes(MIB) for _ in range(MOST_MIB))
    except MemoryError:
        return len(held)
    raise SystemExit(f"no MemoryError after {MOST_MIB} MiB under a limit of {LIMIT_MIB} MiB")


def live_on() -> None:
    rows = [{"n": n, "text": "x" * (n % 100)} for n in range(20_000)]
    assert sum(len(str(row["text"])) for row in rows) == 990_000


def live_on_in_threads() -> None:
    threads = [threading.Thread(target=live_on) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


LIMIT_MIB = int(sys.argv[1])


def main() -> None:
    if LIMIT_MIB:
        resource.setrlimit(resource.RLIMIT_AS, (LIMIT_MIB * MIB, LIMIT_MIB * MIB))
    live_on()
    live_on_in_threads()
    import _ctypes  # noqa: F401, PLC0415  # a file that must find room to be mapped

    first = take_until_refused()
    live_on_in_threads()
    second = take_until_refused()
    live_on()
    # What was given back can be had again.
    assert second > first // 2, (first, second)
    print(f"ok {first}")


main()
