"""Environment variables in the languages of the places that set them for good."""

import json
import shlex
from collections.abc import Callable, Mapping
from typing import Final

from hakmem.errors import UsageError
from hakmem.launch import PRELOAD


def as_sh(variables: Mapping[str, str]) -> str:
    """Lines for a POSIX shell; what LD_PRELOAD names already stays behind the library."""
    lines = []
    for name, value in variables.items():
        kept = f'"${{{PRELOAD}:+:${PRELOAD}}}"' if name == PRELOAD else ""
        lines.append(f"export {name}={shlex.quote(value)}{kept}")
    return "\n".join(lines)


def as_dockerfile(variables: Mapping[str, str]) -> str:
    """ENV instructions; in their quotes a Dockerfile expands $ and reads a backslash as an escape."""
    return "\n".join(
        f'ENV {name}="{_escape(value, chr(92) + chr(34) + "$")}"' for name, value in variables.items()
    )


def as_systemd(variables: Mapping[str, str]) -> str:
    """A drop-in for a unit; systemd expands % in Environment=, see systemd.exec(5)."""
    lines = [f'Environment="{name}={_escape(value, chr(92) + chr(34))}"' for name, value in variables.items()]
    return "\n".join(["[Service]", *(line.replace("%", "%%") for line in lines)])


def as_json(variables: Mapping[str, str]) -> str:
    """An object whose members are the variables."""
    return json.dumps(variables, indent=2)


FORMATS: Final[Mapping[str, Callable[[Mapping[str, str]], str]]] = {
    "sh": as_sh,
    "dockerfile": as_dockerfile,
    "systemd": as_systemd,
    "json": as_json,
}
"""Every format by its name; the first is the default."""


def _escape(value: str, special: str) -> str:
    if "\n" in value:
        raise UsageError(f"{value!r} has a line break, which this format cannot hold")
    return "".join("\\" + character if character in special else character for character in value)
