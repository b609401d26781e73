"""Threads: four in a ring; each makes messages, and the next one reads and drops them.

So every object is freed by another thread than the one that made it. An operation is one message.
"""

import threading
from dataclasses import dataclass, field
from itertools import pairwise
from queue import SimpleQueue

from lab_protocol import Run, operations

_THREADS = 4
_MESSAGES_A_PACKET = 20
_PACKETS_AHEAD = 50
"""How many packets of each sender wait to be read."""


@dataclass(slots=True)
class Message:
    """Some 200 to 1,500 bytes."""

    number: int
    body: str
    parts: list[int]
    fields: dict[str, float]


Packet = list[Message]


def message(number: int) -> Message:
    """The message of that number."""
    return Message(
        number,
        f"message {number} " * (1 + number % 40),
        [number + part for part in range(number % 17)],
        {f"field{index}": number * 0.5 for index in range(number % 5)},
    )


@dataclass(slots=True)
class Member:
    """One thread of the ring: makes the messages `numbers`, and reads what it is sent.

    total: lengths and sums of what it read.
    """

    numbers: range
    inbox: SimpleQueue[Packet] = field(default_factory=SimpleQueue)
    total: int = 0

    def work(self, packets: int, onward: SimpleQueue[Packet]) -> None:
        """Sends `packets` packets, the last ones perhaps empty, and reads as many."""
        for index in range(packets):
            begin = index * _MESSAGES_A_PACKET
            onward.put([message(number) for number in self.numbers[begin : begin + _MESSAGES_A_PACKET]])
            if index >= _PACKETS_AHEAD:
                self.read()
        for _ in range(min(packets, _PACKETS_AHEAD)):
            self.read()

    def read(self) -> None:
        """Waits for one packet, and drops it."""
        for received in self.inbox.get():
            self.total += len(received.body) + sum(received.parts) + int(sum(received.fields.values()))


def main() -> None:
    """Passes on as many messages as the command line says, shared out to the four threads."""
    count = operations()
    run = Run()
    bounds = [count * index // _THREADS for index in range(_THREADS + 1)]
    members = [Member(range(*pair)) for pair in pairwise(bounds)]
    packets = -(-max(len(member.numbers) for member in members) // _MESSAGES_A_PACKET)
    threads = [
        threading.Thread(target=member.work, args=(packets, members[index - 1].inbox))
        for index, member in enumerate(members)
    ]
    with run.timed():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    run.check(*(member.total for member in members))
    run.result(count)


if __name__ == "__main__":
    main()
