"""The workloads: C programs of ours, Python scripts of ours, and programs of the distribution."""

from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final

from hakmem.errors import UsageError
from hakmem.lab.catalogue import native, python, real
from hakmem.lab.plan import Workload

QUICK: Final = (
    "random_mixed/256",
    "random_mixed/8192",
    "random_mixed/mid",
    "random_mixed/short",
    "larson/mixed-4",
    "producer_consumer/2-2",
    "server_mix/4",
    "burst/light-load",
    "realloc/strings",
    "calloc/large",
    "python/objects/pymalloc",
    "python/objects/malloc",
    "python/json/malloc",
    "real/sqlite",
)
"""Names of the workloads that stand for the others where there is little time: one of each kind of stress."""


def all() -> tuple[Workload, ...]:  # noqa: A001  (read as catalogue.all())
    """Every workload, native ones first; also those that cannot run here: their `needs` say why."""
    return native.WORKLOADS + python.WORKLOADS + real.WORKLOADS


def select(globs: Sequence[str]) -> tuple[Workload, ...]:
    """The workloads that any of `globs` matches, in the catalogue's order; all of them without globs.

    A glob is a shell pattern for a whole name ("larson/*") or for its first parts ("larson", "python/json").
    Errors: UsageError for a glob that matches nothing, with names that look like it.
    """
    workloads = all()
    for glob in globs:
        if not any(_matches(workload.name, glob) for workload in workloads):
            raise UsageError(_unknown(glob, [workload.name for workload in workloads]))
    return tuple(
        workload
        for workload in workloads
        if not globs or any(_matches(workload.name, glob) for glob in globs)
    )


def _matches(name: str, glob: str) -> bool:
    return fnmatchcase(name, glob) or fnmatchcase(name, f"{glob}/*")


def _unknown(glob: str, names: Sequence[str]) -> str:
    families = dict.fromkeys(name.partition("/")[0] for name in names)
    near = get_close_matches(glob, [*names, *families], n=4, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else f"there are {', '.join(families)}"
    return f"no workload matches {glob!r}; {hint} (hakmem bench --list shows all)"
