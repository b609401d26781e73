"""The model's numbers are those of the core's sources: a change there must be made here too."""

import ast
import operator
import re
from dataclasses import fields
from pathlib import Path

import pytest

from hakmem.model.policy import Policy, Settings
from hakmem.spec.settings import SETTINGS

CORE = Path(__file__).parents[2] / "core"

MIRRORED = [entry for entry in fields(Policy) if "file" in entry.metadata]

NOT_IN_THE_MODEL = {
    ("thread.c", "CHUNK_BYTES"): "memory of the caches themselves",
    ("large.c", "REFUSAL_COST"): "failures of the system",
    ("arena.c", "TABLE_COUNT"): "layout of the tables",
    ("arena.c", "LIVE_BITS"): "layout of the tables",
    ("arena.c", "IN_GIB"): "layout of the tables",
    ("arena.c", "SMALL_HEAP_BYTES"): "huge pages",
    ("arena.c", "WHOLE_MAX_BYTES"): "the reservation where the usual place is taken",
    ("span.c", "LOG_EXACT"): "the logarithm of EXACT",
    ("span.c", "STEPS"): "the power of LOG_STEPS",
    ("span.c", "DOUBLINGS"): "length of a table",
    ("span.c", "BINS"): "length of a table",
    ("span.c", "NEWEST"): "stands for a place in a list",
    ("span.c", "PURGE_RUNS_MAX"): "length of a table",
    ("stock.c", "LONGER"): "the list behind that of HAK_STOCK_UNITS",
    ("slab.h", "HAK_SLAB_COUNT_SHIFT"): "layout of a word",
    ("thread_cache.h", "HAK_CALL_CLASSES"): "length of a table",
    ("large.c", "GUARD_NS"): "guards, of the secure flavour alone",
    ("upkeep.c", "SAMPLE_TICK_MS"): "sampled guard blocks, which are off by default",
    ("upkeep.c", "CALL_BUDGET_NS"): "no time passes in a call of the model",
    ("transfer.c", "OTHERS_MAX"): "other shards, of which the model has none",
    ("upkeep.c", "long_ago"): "LONG_AGO of span.py",
    **{
        ("thread_cache.c", f"LOOK_{name}"): "looks for damage, of which the model has none"
        for name in ("FULL", "SPARE", "FILLED", "FIRST", "EVERY")
    },
}
"""Constants of the same files that decide nothing here, and why."""

OPERATORS = {
    ast.Mult: operator.mul,
    ast.Div: operator.floordiv,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.LShift: operator.lshift,
}
NAMES = {"MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}
CONSTANT = re.compile(
    r"""^\#define[ ](?P<define>[A-Z_]+)[ ](?P<define_value>.+)$
      | ^static[ ]const[ ]\w+[ ](?P<variable>\w+)[ ]=[ ](?P<variable_value>[^;]+);
      | ^enum[ ]?\{(?P<enum>[^}]*)\}""",
    re.VERBOSE | re.MULTILINE,
)


def constants(file: str) -> dict[str, str]:
    """Every constant of a file of the core that is given a value, with the text of that value."""
    text = re.sub(r"/\*.*?\*/", "", (CORE / file).read_text(), flags=re.DOTALL)
    found: dict[str, str] = {}
    for match in CONSTANT.finditer(text):
        if match["define"]:
            found[match["define"]] = match["define_value"].strip()
        elif match["variable"]:
            found[match["variable"]] = match["variable_value"]
        else:
            rows = (row.partition("=") for row in match["enum"].split(","))
            found |= {name.strip(): value.strip() for name, equals, value in rows if equals}
    return {name: value for name, value in found.items() if not name.endswith("_H") and name not in NAMES}


def value_of(text: str) -> int:
    """The value of an expression of C with numbers, names of sizes and the usual operators."""

    def walk(node: ast.expr) -> int:
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return node.value
        if isinstance(node, ast.Name):
            return NAMES[node.id]
        if isinstance(node, ast.BinOp):
            return int(OPERATORS[type(node.op)](walk(node.left), walk(node.right)))
        raise ValueError(f"cannot read the value {text!r}; extend value_of")

    return walk(ast.parse(text.replace("(size_t)", ""), mode="eval").body)


@pytest.mark.parametrize("name", [entry.name for entry in MIRRORED])
def test_a_number_of_the_policy_is_that_of_the_core(name: str) -> None:
    entry = next(entry for entry in MIRRORED if entry.name == name)
    file, constant = entry.metadata["file"], entry.metadata["name"]
    found = constants(file)
    assert constant in found, f"core/{file} has no {constant} any more; hakmem.model.policy must follow"
    assert value_of(found[constant]) == entry.default, f"core/{file}: {constant}"


def test_no_constant_of_the_core_is_overlooked() -> None:
    files = {entry.metadata["file"] for entry in MIRRORED} | {"thread_cache.h"}
    mirrored = {(entry.metadata["file"], entry.metadata["name"]) for entry in MIRRORED}
    found = {(file, name) for file in files for name in constants(file)}
    assert found - mirrored - NOT_IN_THE_MODEL.keys() == set(), "model these, or say here why not"
    assert NOT_IN_THE_MODEL.keys() - found == set(), "these are gone"


def test_the_derived_numbers_of_the_span_bins_fit_their_sources() -> None:
    found = constants("span.c")
    assert 1 << value_of(found["LOG_EXACT"]) == Policy().exact_units
    assert found["STEPS"] == "1 << LOG_STEPS"


def test_settings_of_the_model_are_settings_of_the_spec() -> None:
    defaults = {setting.id: setting.default for setting in SETTINGS}
    model = {entry.name: entry.default for entry in fields(Settings)}
    assert model.items() <= defaults.items()


def test_settings_are_written_so_that_the_core_reads_them() -> None:
    changed = Settings(retain=3 << 20, prewarm=1, purge_delay_ms=7, arena_max=64 << 20)
    by_env = {setting.env: setting for setting in SETTINGS}
    read = {by_env[name].id: by_env[name].parse(text) for name, text in changed.environment().items()}
    assert Settings(**read) == changed
