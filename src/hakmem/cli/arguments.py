"""What the commands' argument parsers share."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from hakmem.errors import UsageError
from hakmem.launch import assignment
from hakmem.spec.flavours import DEFAULT_FLAVOUR, FLAVOURS
from hakmem.spec.settings import PATH_SETTINGS


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError, keeps line breaks in its help, and takes no abbreviated options."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        """Raises instead of printing the usage and ending the process."""
        raise UsageError(f"{message}; `{self.prog} --help` tells more")


def add_flavour(parser: Parser) -> None:
    """Adds --flavour."""
    parser.add_argument(
        "--flavour",
        choices=[flavour.name for flavour in FLAVOURS],
        default=DEFAULT_FLAVOUR,
        help="which build of the library: " + "; ".join(f"{f.name} ({f.summary})" for f in FLAVOURS),
    )


def add_settings(parser: Parser) -> None:
    """Adds --set."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="settings",
        help="change a setting; `hakmem settings` lists them",
    )


def settings_of(assignments: list[str]) -> dict[str, str]:
    """The environment names and values of all --set, checked.

    A path is made absolute, because the program may change its directory before it is used.
    """
    settings = dict(assignment(text) for text in assignments)
    for setting in PATH_SETTINGS:
        path = settings.get(setting.env, "-")
        if path != "-":
            settings[setting.env] = str(Path(path).absolute())
    return settings


def cache_directory(environment: Mapping[str, str]) -> Path | None:
    """Where this person's caches belong by the XDG base directory specification; None when nobody says."""
    for name, below in (("XDG_CACHE_HOME", ""), ("HOME", ".cache")):
        directory = environment.get(name, "")
        if directory.startswith("/"):
            return Path(directory) / below / "hakmem"
    return None


def link_directories(environment: Mapping[str, str], user: int) -> list[Path]:
    """Where a link to the library may be put when its own path has characters that LD_PRELOAD cannot hold."""
    cache = cache_directory(environment)
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    return [
        *([cache] if cache else []),
        *([Path(runtime) / "hakmem"] if runtime.startswith("/") else []),
        Path(f"/tmp/hakmem-{user}"),  # noqa: S108  (used only when it belongs to the user alone)
    ]
