"""Strings and dicts: lines of a log are split, joined and counted in dicts that grow and are dropped.

An operation is one line.
"""

import random

from lab_protocol import Run, operations, size_of

_LINES = 2000
_LINES_A_REPORT = 20_000


def log(choice: random.Random) -> list[str]:
    """Lines of a web server's log."""
    agents = ["Mozilla/5.0 (X11; Linux x86_64)", "curl/8.5", "Python-urllib/3.12", "a feed reader, version 7"]
    return [
        f"10.0.{choice.randrange(250)}.{choice.randrange(250)} user{choice.randrange(900)}"
        f" GET /shop/{choice.choice('abcdefgh') * choice.randrange(1, 30)}/{choice.randrange(5000)}?ref=mail"
        f" {choice.choice((200, 200, 200, 304, 404, 500))} {choice.randrange(90_000)} {choice.choice(agents)}"
        for _ in range(_LINES)
    ]


class Report:
    """What is counted until the next report begins."""

    def __init__(self) -> None:
        self.hits: dict[str, int] = {}
        self.bytes_of: dict[tuple[str, str], int] = {}
        self.last_seen: dict[str, str] = {}

    def add(self, number: int, line: str) -> None:
        """Counts one line."""
        address, user, method, path, status, size, agent = line.split(" ", 6)
        name = f"{path.partition('?')[0].removeprefix('/shop')}#{number % 4096}"
        self.hits[name] = self.hits.get(name, 0) + 1
        key = (user, status)
        self.bytes_of[key] = self.bytes_of.get(key, 0) + int(size)
        self.last_seen[address] = "\t".join((method, user.upper(), agent.replace(" ", "_"), str(number)))

    def summary(self) -> str:
        """A few lines about it."""
        best = sorted(self.hits.items(), key=lambda item: (-item[1], item[0]))[:10]
        return f"{best} {len(self.hits)} {sum(self.bytes_of.values())} {max(self.last_seen.values())}"


def main() -> None:
    """Reads as many lines as the command line says, over and over the same log."""
    count = operations()
    run = Run()
    lines = log(random.Random(4))
    report = Report()
    with run.timed():
        for number in range(count):
            if number and number % _LINES_A_REPORT == 0:
                run.check(report.summary())
                report = Report()
            report.add(number, lines[number % _LINES])
        run.check(report.summary())
    run.point(size_of(report, *lines))
    run.result(count)


if __name__ == "__main__":
    main()
