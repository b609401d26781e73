"""Two real programs on the system's malloc and on HAKMEM, compared by `hakmem compare`.

    make demo        (or, where the package is installed:  python examples/demo/demo.py)

A Python service and SQLite each work in bursts and then rest for a moment, as services do between requests:
so there is the time of their work, their peak, and what they still hold when the burst is over. Both tell the
laboratory how long their work took, without their start and their rest. It takes less than two minutes.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROUNDS = 5
OPTIONS = (
    *("--allocators", "system,hakmem"),
    *("--rounds", str(ROUNDS), "--warmup", "0"),
    *("--own-time", "--same-output"),
)


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the demonstration.

    title: what it does. options: further ones of `hakmem compare`. command: how it is started.
    """

    title: str
    options: tuple[str, ...]
    command: tuple[str, ...]


def programs() -> list[Program]:
    """The Python service, and SQLite: its shell where that is installed, else Python's module."""
    version = ".".join(map(str, sys.version_info[:2]))
    script = str(HERE / "burst.sql")
    shell = shutil.which("sqlite3")
    sqlite = (shell, "-batch", "-bail") if shell else (sys.executable, str(HERE / "sqlite_module.py"))
    return [
        Program(
            f"A Python {version} service: JSON requests in 4 threads, and reports that are built and dropped",
            ("--name", "Python service"),
            (sys.executable, str(HERE / "python_service.py")),
        ),
        Program(
            f"SQLite{'' if shell else ' in Python'}: a table of 250,000 rows is filled, queried and dropped",
            ("--name", "SQLite", "--input", script),
            sqlite,
        ),
    ]


def main() -> int:
    """Compares both; what a comparison ends with when one of them fails."""
    for program in programs():
        print(f"\n== {program.title} ==", flush=True)
        command = ("-m", "hakmem", "compare", *OPTIONS, *program.options, "--", *program.command)
        code = subprocess.run([sys.executable, *command], check=False).returncode
        if code:
            return code
    print(
        "\n'at the end' is what the program still holds a second after its last burst."
        "\nYour own:  hakmem compare -- COMMAND    and to stay with it:  hakmem run -- COMMAND"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
