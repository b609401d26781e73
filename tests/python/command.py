"""Starts the installed command, as a person would, and looks at what the program behind it got."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

Compile = Callable[..., Path]
"""The fixture compile_c."""

Script = Callable[[str, str], Path]
"""The fixture script."""

COMMAND = (sys.executable, "-m", "hakmem")


def plain_environment(**changes: str) -> dict[str, str]:
    """This process's environment without anything that would reach into the command."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HAKMEM_", "PYTHON", "LD_", "XDG_", "PYENV_VERSION"))
    }
    return {**kept, **changes}


def hakmem(
    *arguments: str | Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    text: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Runs `hakmem arguments...` to its end; `text` goes to its standard input."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=plain_environment() if env is None else env,
        cwd=cwd,
        input=text or "",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def environment_seen(result: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The environment that a program got, from the output of `env -0`."""
    assert result.returncode == 0, result.stderr
    return dict(entry.split("=", 1) for entry in result.stdout.split("\0") if entry)


def is_one_line(text: str) -> bool:
    """Whether `text` is a single line that hakmem wrote, and no traceback."""
    return text.startswith("hakmem: ") and text.count("\n") == 1 and text.endswith("\n")
