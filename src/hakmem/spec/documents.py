"""Writes the reference pages from the tables: `settings.md`, `c-api.md` and `statistics.md`.

Run in a checkout as `python -m hakmem.spec.documents`; a test fails when the pages are stale.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hakmem.spec.counters import (
    BYTE_FIGURES,
    CALL_COUNTERS,
    CLASS_COUNTERS,
    CLASS_FIGURES,
    LOCK_USES,
    PROCESS_COUNTERS,
    SWAPS,
    Counter,
)
from hakmem.spec.errors import ERROR_KINDS
from hakmem.spec.exports import EXPORTS, Export, Family
from hakmem.spec.settings import PATH_SETTINGS, SETTINGS, PathSetting, Setting

_WRITTEN = "<!-- Written by `make docs` from src/hakmem/spec; change the tables there. -->"

_FAMILY_NOTES: Mapping[Family, str] = {
    Family.C: (
        "A program that runs under the preload library, or is linked with it, calls these without knowing."
        " Where a standard leaves something open they do what glibc does."
    ),
    Family.CXX: "Every form of `new` and `delete`. Declarations omit `noexcept` and parameter names.",
    Family.HAK: (
        "Declared in `hakmem.h`. They work preloaded, linked, and when the library is opened late by `dlopen`"
        " beside another malloc; a block from one of them goes back through one of them."
    ),
}


def settings_page() -> str:
    """The text of `settings.md`."""
    rows = [f"| `{s.id}` | `{s.show(s.default)}` | {s.expected} | {s.summary} |" for s in SETTINGS]
    rows += [f"| `{s.id}` | none | a path | {s.summary} |" for s in PATH_SETTINGS]
    details = [line for s in SETTINGS for line in _setting(s)]
    details += [line for s in PATH_SETTINGS for line in _setting(s)]
    return "\n".join(
        [
            _WRITTEN,
            "# Settings",
            "",
            "A setting is made by an environment variable, `HAKMEM_` and its name in capitals, or for one",
            "program by `hakmem run --set NAME=VALUE`. The library reads them once, at its start. It reports",
            "values that it cannot take, and names with `HAKMEM_` that it does not know, in one line each on",
            "stderr, and goes on with the default. In a setuid program it reads none.",
            "",
            "| setting | default | takes | what it is |",
            "|---|---|---|---|",
            *rows,
            "",
            *details,
        ]
    )


def _setting(setting: Setting | PathSetting) -> list[str]:
    return [f"## {setting.id}", "", f"`{setting.env}`: {setting.summary}.", "", setting.detail, ""]


def c_api_page() -> str:
    """The text of `c-api.md`."""
    lines = [
        _WRITTEN,
        "# C and C++ interface",
        "",
        "The libraries export the functions below and nothing else.",
        "",
    ]
    for family in (Family.HAK, Family.C, Family.CXX):
        lines += [f"## {family}", "", _FAMILY_NOTES[family], ""]
        for export in EXPORTS:
            if export.family is family:
                lines += _function(export)
    lines += [
        "## Fatal errors",
        "",
        "Misuse that the library sees ends the process by `abort`, after one line on stderr with the pointer",
        "and one of these messages. The debug flavour checks every call and sees most.",
        "",
        "| kind | message | cause |",
        "|---|---|---|",
        *(f"| `{kind.id}` | {kind.message} | {kind.cause} |" for kind in ERROR_KINDS),
        "",
    ]
    return "\n".join(lines)


def _function(export: Export) -> list[str]:
    facts = [("Returns", export.returns), ("Errors", export.errors)]
    if export.family is Family.CXX:
        facts.insert(0, ("Symbol", f"`{export.symbol}`"))
    return [
        f"### `{export.declaration}`",
        "",
        _sentence(export.does),
        "",
        *(f"- {name}: {_sentence(text, capital=False)}" for name, text in facts if text),
        "",
    ]


def statistics_page() -> str:
    """The text of `statistics.md`."""
    return "\n".join(
        [
            _WRITTEN,
            "# Statistics",
            "",
            "`HAKMEM_STATS_FILE` (or `hakmem run --stats=FILE`) writes them as JSON when the program ends,",
            "`hak_stats_json` at any time; `HAKMEM_STATS` (or `hakmem run --stats`) writes a summary for",
            'people. The schema is "hakmem-stats/1": `schema`, `version`, `flavour`, `build`, `pid`,',
            "`bytes`, `counters`, and `classes` with an entry for each size class that was ever used.",
            "Other threads' caches are read at a glance: figures of a running program may be off by what",
            "moves meanwhile.",
            "",
            *_figures("bytes", BYTE_FIGURES),
            *_figures("counters", PROCESS_COUNTERS),
            *_figures("classes, each entry", CLASS_FIGURES + CLASS_COUNTERS),
            *_figures("classes, in the count flavour also", CALL_COUNTERS),
            "What follows is in the count flavour alone. What a report itself locks counts as `_look`.",
            "",
            *_locks(),
            *_figures("swaps, each with done and in_vain", SWAPS),
        ]
    )


def _figures(title: str, figures: Sequence[Counter]) -> list[str]:
    rows = [f"| `{figure.id}` | {figure.counts} |" for figure in figures]
    return [f"## {title}", "", "| name | what |", "|---|---|", *rows, ""]


def _locks() -> list[str]:
    rows = [f"| `{use.id}` | {use.reach} | {use.counts} |" for use in LOCK_USES]
    head = ["## locks, each with taken and waits", "", "A wait is a lock that was not free at once.", ""]
    return [*head, "| name | one for each | taken when |", "|---|---|---|", *rows, ""]


def _sentence(text: str, *, capital: bool = True) -> str:
    return (text[0].upper() if capital else text[0]) + text[1:] + "."


PAGES = {"settings.md": settings_page, "c-api.md": c_api_page, "statistics.md": statistics_page}
"""Every page's file name, and what makes its text."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the pages into the directory that `--out` names."""
    parser = argparse.ArgumentParser(prog="python -m hakmem.spec.documents", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/reference"), metavar="DIR")
    out: Path = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (out / name).write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
