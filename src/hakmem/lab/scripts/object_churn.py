"""Object churn: a table of live objects of six shapes, of which one after the other is replaced at random.

An operation is one object replaced, with all of its parts.
"""

from itertools import repeat

from lab_protocol import Run, estimate, operations

_SLOTS = 20_000
_SAMPLED = 50
_MASK = (1 << 32) - 1


class Account:
    """An instance with a dict of attributes."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.name = f"account {number}"
        self.history = [number, number + 1000]


class Point:
    """An instance with fixed attributes."""

    __slots__ = ("x", "y")

    def __init__(self, x: float, y: float) -> None:
        self.x = x
        self.y = y


def made(number: int) -> object:
    """An object of the shape and size that `number` stands for."""
    match number % 6:
        case 0:
            return Account(number)
        case 1:
            return Point(number * 0.5, number * 0.25)
        case 2:
            return (number, str(number), -number)
        case 3:
            return list(range(number, number + number // 8 % 64))
        case 4:
            return {f"key{index}": number + index for index in range(number // 8 % 12)}
        case _:
            return b"x" * (number // 8 % 700)


def worth(value: object) -> int:
    """A figure of an object's content, for the checksum."""
    match value:
        case Account(number=number, history=history):
            return int(number) + len(history)
        case Point(x=x, y=y):
            return int(x + y)
        case tuple():
            return len(value[1])
        case None:
            return 0
        case list() | dict() | bytes():
            return len(value)
        case _:
            raise TypeError(value)


def main() -> None:
    """Replaces as many objects as the command line says."""
    count = operations()
    run = Run()
    table: list[object] = [made(number) for number in range(_SLOTS)]
    run.point(estimate(table, _SAMPLED))
    total = 0
    state = 1
    with run.timed():
        for _ in repeat(None, count):
            # Knuth's linear congruential generator (The Art of Computer Programming 3.3.4, modulus 2^32).
            state = (state * 1_664_525 + 1_013_904_223) & _MASK
            slot = (state >> 8) % _SLOTS
            total += worth(table[slot])
            table[slot] = made(state >> 12)
    run.point(estimate(table, _SAMPLED))
    run.check(total, sum(map(worth, table)))
    run.result(count)


if __name__ == "__main__":
    main()
