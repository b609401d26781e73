"""Runs -> the suite that is stored and shown."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from hakmem.lab import noise
from hakmem.lab.plan import FLOOR, Allocator, Effort
from hakmem.lab.result import AllocatorRecord, Cell, ClassRate, Host, Suite
from hakmem.lab.runner import Runs

_SYSTEM_DIRECTORIES: Final = ("/usr/lib/", "/usr/local/lib/", "/lib/", "/lib64/", "/opt/")


def assemble(
    runs: Runs,
    cells: Sequence[Cell],
    *,
    command: str,
    effort: Effort,
    seed: int,
    baseline: str,
    host: Host,
    notes: Sequence[str] = (),
    rates: Mapping[str, tuple[ClassRate, ...]] | None = None,
    private: Sequence[Path] = (),
) -> Suite:
    """Puts together what was measured, with notes on what is missing from it and how steady it was.

    notes: sentences that come first. private: directories (the user's home, the scratch directory) whose
    names are not to appear in a result; they are taken out of details and notes.
    """
    all_notes = [*notes, *_about(runs), *noise.of_baseline(cells, baseline)]
    return Suite(
        command=command,
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        effort=effort.value,
        seed=seed,
        baseline=baseline,
        rounds=runs.rounds,
        interrupted=runs.interrupted,
        host=host,
        allocators=tuple(allocator_record(each) for each in runs.allocators if each.name != FLOOR),
        cells=tuple(replace(cell, detail=_without(cell.detail, private)) for cell in cells),
        notes=tuple(_without(note, private) for note in all_notes),
        rates=rates or {},
        workloads={workload.name: workload.title for workload in runs.workloads},
    )


def _about(runs: Runs) -> list[str]:
    """Sentences about what was planned and is not there."""
    told = [f"{name} is left out: {reason}." for name, reason in runs.left_out.items()]
    told += [
        f"The floor of {workload} is missing, because the program does not run on it: {failures[0].detail}"
        for (workload, allocator), failures in runs.failures.items()
        if allocator == FLOOR
    ]
    if runs.interrupted:
        told.append(f"Interrupted after {runs.rounds} of {runs.planned} rounds; what was measured is valid.")
    elif runs.out_of_time:
        told.append(f"Time was up after {runs.rounds} of {runs.planned} rounds.")
    return told


def allocator_record(allocator: Allocator) -> AllocatorRecord:
    """Who took part; a library outside the system's directories is told by its file name alone."""
    library = allocator.library
    path = "" if library is None else str(library)
    if library is not None and (
        not path.startswith(_SYSTEM_DIRECTORIES) or library.name.startswith("libhakmem")
    ):
        path = library.name
    return AllocatorRecord(allocator.name, allocator.version, path, allocator.build)


def _without(text: str, private: Sequence[Path]) -> str:
    for directory in private:
        if str(directory) != directory.root:
            text = text.replace(f"{directory}/", "").replace(str(directory), "~")
    return text
