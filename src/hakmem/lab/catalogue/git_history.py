"""Generates a history for `git fast-import`: the same commits, files and names of objects each time."""

import random
from collections.abc import Iterator
from typing import Final

_FILES: Final = 40
_FIRST_SECOND: Final = 1_600_000_000


def git_history(commits: int) -> bytes:
    """A stream of `commits` commits on the branch main, each of which changes three of 40 files of text."""
    return b"".join(_commits(commits))


def _commits(commits: int) -> Iterator[bytes]:
    choice = random.Random(commits)
    files = [[_line(choice) for _ in range(60 + 12 * file)] for file in range(_FILES)]
    for number in range(commits):
        message = f"change {number}\n\n{'why ' * (number % 40)}\n".encode()
        yield b"commit refs/heads/main\n"
        yield b"committer C <c@example.org> %d +0000\n" % (_FIRST_SECOND + 60 * number)
        yield b"data %d\n%s\n" % (len(message), message)
        for file in range(_FILES) if number == 0 else sorted(choice.sample(range(_FILES), 3)):
            _change(files[file], choice)
            text = "".join(files[file]).encode()
            yield b"M 100644 inline directory%d/file%d.txt\n" % (file % 5, file)
            yield b"data %d\n%s\n" % (len(text), text)


def _change(lines: list[str], choice: random.Random) -> None:
    """Replaces four lines, moves one, and lets the file grow slowly."""
    for _ in range(4):
        lines[choice.randrange(len(lines))] = _line(choice)
    lines.insert(choice.randrange(len(lines)), lines.pop(choice.randrange(len(lines))))
    if choice.random() < 0.3:
        lines.insert(choice.randrange(len(lines)), _line(choice))


def _line(choice: random.Random) -> str:
    return f"{choice.randbytes(choice.randrange(2, 12)).hex()} = value({choice.randrange(1000)})\n"
