"""What the environment of a program must hold so that it runs on HAKMEM. Pure: nothing is read or started."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final

from hakmem.errors import UsageError
from hakmem.spec.flavours import FLAVOURS
from hakmem.spec.settings import PATH_SETTINGS, PREFIX, SETTINGS

PRELOAD: Final = "LD_PRELOAD"
PYTHON_MALLOC: Final = "PYTHONMALLOC"

_OWN_FILES: Final = frozenset(flavour.file for flavour in FLAVOURS)


@dataclass(frozen=True, slots=True)
class Launch:
    """How a program is to be run.

    library: the preload library, under a path that LD_PRELOAD can hold (see libraries.loadable).
    settings: environment names and values of settings.
    python_malloc: whether PYTHONMALLOC=malloc puts Python's objects on the library too.
    """

    library: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    python_malloc: bool = False

    def variables(self) -> dict[str, str]:
        """The variables that must be set, LD_PRELOAD first."""
        python = {PYTHON_MALLOC: "malloc"} if self.python_malloc else {}
        return {PRELOAD: str(self.library), **self.settings, **python}

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """`base` with those variables; what LD_PRELOAD already names stays behind the library."""
        variables = self.variables()
        return {**base, **variables, PRELOAD: prepend(variables[PRELOAD], base.get(PRELOAD, ""))}


def prepend(library: str, preload: str) -> str:
    """The value of LD_PRELOAD with `library` in front of what `preload` names.

    Other flavours of HAKMEM are dropped from it: with two of them loaded one would be idle, and both would
    write statistics.
    """
    kept = [
        entry for entry in re.split(r"[:\s]+", preload) if entry and PurePath(entry).name not in _OWN_FILES
    ]
    return ":".join([library, *kept])


def assignment(text: str) -> tuple[str, str]:
    """The environment name and the checked value of "NAME=VALUE", as `--set` takes it.

    NAME is a setting's short name or its environment name, in any case.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set takes NAME=VALUE, not {text!r}")
    wanted = name.upper().removeprefix(PREFIX)
    for setting in SETTINGS:
        if setting.id.upper() == wanted:
            try:
                return setting.env, setting.show(setting.parse(value))
            except ValueError as error:
                raise UsageError(f"--set {name}: {error}") from None
    for path_setting in PATH_SETTINGS:
        if path_setting.id.upper() == wanted:
            if not value:
                raise UsageError(f"--set {name}: a path is missing")
            return path_setting.env, value
    raise UsageError(_unknown(name, wanted))


def _unknown(name: str, wanted: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  (only for this message)

    known = [setting.id for setting in SETTINGS] + [setting.id for setting in PATH_SETTINGS]
    near = get_close_matches(wanted.lower(), known, n=1)
    hint = f"did you mean {near[0]}?" if near else "`hakmem settings` lists them"
    return f"--set {name}: no such setting; {hint}"
