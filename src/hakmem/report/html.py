"""A suite as one file for a browser: it asks nobody for anything, and reads as tables without scripts."""

from collections.abc import Iterable
from importlib import resources
from string import Template
from typing import Final

from hakmem.lab.result import Suite
from hakmem.report.matrix import MEMORY, TIME, Matrix
from hakmem.report.page import figures, machine, palette
from hakmem.report.page.frame import framed
from hakmem.report.page.headline import headline, omissions, sentence
from hakmem.report.page.markup import items, paragraphs, text
from hakmem.report.page.overview import overview
from hakmem.report.page.payload import payload
from hakmem.report.standing import standings

_LIBRARIES: Final = ("d3.min.js", "plot.umd.min.js")
"""In the order in which they need each other."""
_LICENCES: Final = ("d3.LICENSE", "plot.LICENSE")
_SCRIPTS: Final = (
    "suite.js",
    "drawing.js",
    "means.js",
    "bars.js",
    "tradeoff.js",
    "memory.js",
    "rates.js",
    "table.js",
    "page.js",
)
_SECTIONS: Final = (
    ("At a glance", "glance"),
    ("Workloads", "workloads"),
    ("Time and memory", "tradeoff"),
    ("Memory over time", "memory"),
    ("Hit rates", "rates"),
    ("All figures", "figures"),
    ("Machine and method", "method"),
)


def page(suite: Suite) -> str:
    """The whole page as text, to be written as UTF-8."""
    matrix = Matrix(suite)
    found = standings(matrix)
    time, memory = found[""][TIME], found[""][MEMORY]
    libraries = [_read(f"vendor/{name}") for name in _LIBRARIES]
    ours = _wrapped(_read(f"scripts/{name}") for name in _SCRIPTS)
    scripts = [*libraries, ours]
    said = headline(matrix, time, memory)
    content = Template(_read("template.html")).substitute(
        headline=text(said),
        summary=text(machine.summary(suite)),
        sentences=paragraphs(
            [
                sentence(time, suite.baseline, "time", "takes"),
                sentence(memory, suite.baseline, "peak memory", "needs"),
                *omissions({"time": time, "peak memory": memory}),
            ]
        ),
        interrupted=_interrupted(suite),
        notes=items(suite.notes),
        notes_hidden="" if suite.notes else "hidden",
        overviews="".join(
            f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">'
            f"{overview(matrix, key, over)}</div>"
            for key, over, label in (
                (TIME, time, "Time of each workload, a table"),
                (MEMORY, memory, "Peak memory of each workload, a table"),
            )
            if key in matrix.quantities
        ),
        figures=figures.figures(matrix),
        machine=machine.machine(suite.host),
        allocators=machine.allocators(suite),
        command=text(suite.command),
        seed=suite.seed,
        licences=text("\n\n".join(f"{name}\n{_read(f'vendor/{name}')}" for name in _LICENCES)),
        payload=payload(matrix, found),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )
    return framed(
        content,
        title=said,
        command="bench",
        brand="laboratory",
        sections=_SECTIONS,
        style=palette.variables(matrix.allocators),
        scripts=scripts,
    )


def _interrupted(suite: Suite) -> str:
    if not suite.interrupted:
        return ""
    rounds = "1 round" if suite.rounds == 1 else f"{suite.rounds} rounds"
    return (
        f'<p class="warning" role="note">The run was interrupted after {rounds}. What is shown was measured; '
        "what is missing was not reached.</p>"
    )


def _wrapped(sources: Iterable[str]) -> str:
    """Our scripts as one, with a scope of its own."""
    return '(() => {\n"use strict";\n' + "\n".join(sources) + "\n})();\n"


def _read(name: str) -> str:
    return resources.files(__package__).joinpath("page", *name.split("/")).read_text(encoding="utf-8")
