"""Writes what the build needs from the tables: `hak_spec.h` for the core, `hakmem.map` for the linker.

Run by CMake as `python -m hakmem.spec.generate --out DIR`.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from hakmem.spec import size_classes
from hakmem.spec.counters import (
    CALL_COUNTERS,
    CLASS_COUNTERS,
    LOCK_USES,
    PROCESS_COUNTERS,
    SWAPS,
    Counter,
    LockUse,
)
from hakmem.spec.errors import ERROR_KINDS
from hakmem.spec.exports import EXPORTS
from hakmem.spec.settings import PATH_SETTINGS, SETTINGS, Setting

_WRITTEN = "Written by hakmem.spec.generate from the tables in src/hakmem/spec: change those."


def _string(text: str) -> str:
    """`text` as a C string literal. The tables hold printable ASCII; anything else is a mistake in them."""
    if not (text.isascii() and text.isprintable()):
        raise ValueError(f"not printable ASCII: {text!r}")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _list_macro(name: str, meaning: str, rows: Iterable[str]) -> list[str]:
    """A macro that calls its argument X once for each row."""
    lines = [f"#define {name}(X)", *(f"    X({row})" for row in rows)]
    return [f"/* {meaning} */", *(f"{line} \\" for line in lines[:-1]), lines[-1], ""]


def _setting_row(setting: Setting) -> str:
    choices = _string("|".join(setting.choices)) if setting.choices else "NULL"
    numbers = f"{setting.default}, {setting.minimum}, {setting.maximum}"
    return f"{setting.id}, {_string(setting.env)}, {setting.kind}, {numbers}, {choices}"


def _counter_rows(counters: Iterable[Counter | LockUse]) -> list[str]:
    return [f"{counter.id}, {_string(counter.counts)}" for counter in counters]


def header() -> str:
    """The text of `hak_spec.h`."""
    constants = {
        "HAK_CLASS_COUNT": len(size_classes.SIZE_CLASSES),
        "HAK_TINY_MAX": size_classes.TINY_MAX_B,
        "HAK_MID_MAX": size_classes.MID_MAX_B,
        "HAK_WIDE_MAX": size_classes.WIDE_MAX_B,
        "HAK_LONG_FIRST": size_classes.LONG_FIRST,
        "HAK_LONGER_PART": size_classes.LONGER_PART,
        "HAK_TRANSFER_DEPTH": size_classes.TRANSFER_BATCHES,
        "HAK_CLASSES_PER_DOUBLING": size_classes.CLASSES_PER_DOUBLING,
        "HAK_MID_STEP_SHIFT": size_classes.MID_STEP_SHIFT,
        "HAK_UNIT_SHIFT": size_classes.UNIT_SHIFT,
        "HAK_SUPERSLAB_SHIFT": size_classes.SUPERSLAB_SHIFT,
    }
    return "\n".join(
        [
            f"/* {_WRITTEN} */",
            "#ifndef HAK_SPEC_H",
            "#define HAK_SPEC_H",
            "",
            *(f"#define {name} {value}" for name, value in constants.items()),
            "",
            *_list_macro(
                "HAK_CLASS_TABLE",
                "class, block size in bytes, units of a slab, batches in a shard of the transfer cache",
                (f"{c.number}, {c.block_b}, {c.units}, {c.batches}" for c in size_classes.SIZE_CLASSES),
            ),
            "/* (size - 1) >> HAK_MID_STEP_SHIFT -> class, for mid sizes */",
            f"#define HAK_MID_CLASSES {', '.join(map(str, size_classes.MID_CLASSES))}",
            "",
            *_list_macro(
                "HAK_SETTINGS",
                "id, environment name, kind, default, minimum, maximum, choices",
                map(_setting_row, SETTINGS),
            ),
            *_list_macro(
                "HAK_PATH_SETTINGS",
                "id, environment name",
                (f"{setting.id}, {_string(setting.env)}" for setting in PATH_SETTINGS),
            ),
            *_list_macro("HAK_COUNTERS", "kept once a process", _counter_rows(PROCESS_COUNTERS)),
            *_list_macro("HAK_CLASS_COUNTERS", "kept once a size class", _counter_rows(CLASS_COUNTERS)),
            *_list_macro(
                "HAK_CALL_COUNTERS",
                "kept once a size class, in the count flavour alone",
                _counter_rows(CALL_COUNTERS),
            ),
            *_list_macro(
                "HAK_LOCK_USES", "what locks are taken for; count flavour alone", _counter_rows(LOCK_USES)
            ),
            *_list_macro(
                "HAK_SWAPS", "words changed without a lock; count flavour alone", _counter_rows(SWAPS)
            ),
            *_list_macro(
                "HAK_ERRORS",
                "id, what the line on stderr says, the record's sentence",
                (f"{k.id}, {_string(k.message)}, {_string(k.sentence)}" for k in ERROR_KINDS),
            ),
            "#endif",
            "",
        ]
    )


def version_script() -> str:
    """The text of `hakmem.map`. It names no version: malloc must be found by programs that ask for any."""
    names = "".join(f"        {export.symbol};\n" for export in EXPORTS)
    return f"/* {_WRITTEN} */\n{{\n    global:\n{names}    local:\n        *;\n}};\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes both files into the directory that `--out` names, and makes it when it is missing."""
    parser = argparse.ArgumentParser(prog="python -m hakmem.spec.generate", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the files go")
    out: Path = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    (out / "hak_spec.h").write_text(header(), encoding="ascii")
    (out / "hakmem.map").write_text(version_script(), encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
