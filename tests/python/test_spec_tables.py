"""The tables in hakmem.spec keep what they promise."""

import re
from collections import Counter as Tally
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakmem.spec import size_classes as sizes
from hakmem.spec.counters import CALL_COUNTERS, CLASS_COUNTERS, PROCESS_COUNTERS
from hakmem.spec.errors import ERROR_KINDS, PLACES
from hakmem.spec.exports import EXPORTS, Family
from hakmem.spec.flavours import FLAVOURS
from hakmem.spec.settings import PATH_SETTINGS, SETTINGS, Kind, Setting, format_size

REAL_CLASSES = sizes.SIZE_CLASSES[1:]
SHARED_SLABS = [c for c in REAL_CLASSES if c.block_b <= sizes.MID_MAX_B]
BY_ID = {setting.id: setting for setting in SETTINGS}


def test_class_zero_is_no_class() -> None:
    none = sizes.SIZE_CLASSES[0]
    assert (none.number, none.block_b, none.units, none.blocks) == (0, 0, 0, 0)


def test_classes_are_numbered_and_their_sizes_grow() -> None:
    assert [c.number for c in sizes.SIZE_CLASSES] == list(range(len(sizes.SIZE_CLASSES)))
    blocks = [c.block_b for c in sizes.SIZE_CLASSES]
    assert blocks == sorted(set(blocks))
    assert blocks[-1] == sizes.WIDE_MAX_B


def test_blocks_keep_the_alignment_of_malloc() -> None:
    assert all(c.block_b % sizes.TINY_STEP_B == 0 for c in REAL_CLASSES)


def test_a_tiny_class_is_its_size_over_the_step() -> None:
    tiny = [c for c in REAL_CLASSES if c.block_b <= sizes.TINY_MAX_B]
    assert [c.block_b for c in tiny] == [c.number * sizes.TINY_STEP_B for c in tiny]
    assert tiny[-1].block_b == sizes.TINY_MAX_B


def test_a_block_above_tiny_loses_less_than_the_step_of_its_doubling() -> None:
    for smaller, larger in pairwise(REAL_CLASSES):
        if sizes.TINY_MAX_B < larger.block_b <= sizes.MID_MAX_B:
            assert (larger.block_b - smaller.block_b) * sizes.CLASSES_PER_DOUBLING <= smaller.block_b


def test_wide_blocks_are_every_number_of_units_and_alone_in_their_slabs() -> None:
    wide = [c for c in REAL_CLASSES if c.block_b > sizes.MID_MAX_B]
    first = sizes.MID_MAX_B // sizes.UNIT_B + 1
    assert [c.units for c in wide] == list(range(first, sizes.WIDE_MAX_B // sizes.UNIT_B + 1))
    assert all(c.block_b == c.units * sizes.UNIT_B and c.blocks == 1 for c in wide)


def test_a_shard_of_the_transfer_cache_holds_some_batches_of_each_class_but_few_bytes() -> None:
    for c in REAL_CLASSES:
        assert 1 <= c.batches <= sizes.TRANSFER_BATCHES
        assert c.batches == 1 or c.batches * 2 * c.block_b <= sizes.TRANSFER_B


def test_each_slab_of_several_holds_enough_blocks_and_loses_little() -> None:
    for c in SHARED_SLABS:
        assert 1 <= c.units <= sizes.SLAB_UNITS_MAX
        assert c.blocks >= sizes.SLAB_BLOCKS_MIN
        assert c.tail_b * sizes.SLAB_TAIL_DIVISOR <= c.units * sizes.UNIT_B, c


def test_no_smaller_slab_would_do() -> None:
    for c in SHARED_SLABS:
        for units in range(1, c.units):
            room = units * sizes.UNIT_B
            too_few = room // c.block_b < sizes.SLAB_BLOCKS_MIN
            too_wasteful = (room % c.block_b) * sizes.SLAB_TAIL_DIVISOR > room
            assert too_few or too_wasteful, (c, units)


def test_where_every_slab_wastes_much_the_least_wasteful_is_taken() -> None:
    block_b = 31 * 1024
    waste = {u: (u * sizes.UNIT_B % block_b) / u for u in range(1, 17) if u * sizes.UNIT_B >= 8 * block_b}
    assert sizes.slab_units(block_b) == min(waste, key=lambda u: waste[u])


def test_blocks_too_large_for_a_slab_are_refused() -> None:
    with pytest.raises(ValueError, match="exceed 16 units"):
        sizes.slab_units(sizes.WIDE_MAX_B + 16)


@pytest.mark.parametrize(
    "names",
    [
        [setting.id for setting in SETTINGS] + [setting.id for setting in PATH_SETTINGS],
        [counter.id for counter in PROCESS_COUNTERS],
        [counter.id for counter in CLASS_COUNTERS + CALL_COUNTERS],
        [kind.id for kind in ERROR_KINDS],
        [flavour.name for flavour in FLAVOURS],
    ],
    ids=["settings", "process counters", "class counters", "errors", "flavours"],
)
def test_names_are_unique_and_words_of_c(names: list[str]) -> None:
    assert max(Tally(names).values()) == 1
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)


def test_exported_symbols_and_declarations_are_unique() -> None:
    assert max(Tally(export.symbol for export in EXPORTS).values()) == 1
    assert max(Tally(export.declaration for export in EXPORTS).values()) == 1


def test_declarations_declare_their_symbols() -> None:
    for export in EXPORTS:
        if export.family is not Family.CXX:
            assert re.search(rf"\b{export.symbol}\(", export.declaration), export
        returns_nothing = re.match(r"void [^*]", export.declaration) is not None
        assert bool(export.returns) != returns_nothing, export


def test_flavours_have_their_own_numbers_and_files() -> None:
    assert len({flavour.number for flavour in FLAVOURS}) == len(FLAVOURS)
    assert len({flavour.file for flavour in FLAVOURS}) == len(FLAVOURS)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.id)
def test_a_default_lies_in_its_range(setting: Setting) -> None:
    assert setting.minimum <= setting.default <= setting.maximum
    assert setting.parse(setting.show(setting.default)) == setting.default


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.id)
def test_choices_are_numbered_from_zero(setting: Setting) -> None:
    if setting.kind is Kind.CHOICE:
        assert (setting.minimum, setting.maximum) == (0, len(setting.choices) - 1)
    else:
        assert setting.choices == ()


@given(st.sampled_from(SETTINGS), st.data())
def test_what_a_setting_shows_it_parses_to_the_same_value(setting: Setting, data: st.DataObject) -> None:
    value = data.draw(st.integers(setting.minimum, setting.maximum))
    assert setting.parse(setting.show(value)) == value


@given(st.sampled_from(SETTINGS), st.text())
def test_any_text_is_a_value_in_range_or_refused(setting: Setting, text: str) -> None:
    try:
        value = setting.parse(text)
    except ValueError:
        return
    assert setting.minimum <= value <= setting.maximum


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("retain", "8M", 8 << 20),
        ("retain", "8m", 8 << 20),
        ("retain", "4096", 4096),
        ("retain", "1T", 1 << 40),
        ("purge_delay_ms", "0", 0),
        ("huge_pages", "never", 2),
        ("stats", "1", 1),
    ],
)
def test_values_are_read_as_people_write_them(name: str, text: str, value: int) -> None:
    assert BY_ID[name].parse(text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("retain", "2T"),
        ("retain", "-1"),
        ("retain", "M"),
        ("retain", "8MB"),
        ("retain", " 8M"),
        ("purge_delay_ms", "1s"),
        ("purge_delay_ms", "3600001"),
        ("purge_delay_ms", "\u0663"),
        ("huge_pages", "0"),
        ("stats", "yes"),
        ("stats", ""),
    ],
)
def test_wrong_values_are_refused_with_what_would_be_right(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(BY_ID[name].expected)):
        BY_ID[name].parse(text)


@pytest.mark.parametrize(("size_b", "text"), [(0, "0"), (1023, "1023"), (1 << 10, "1K"), (3 << 19, "1536K")])
def test_sizes_are_shown_in_the_largest_unit_that_divides_them(size_b: int, text: str) -> None:
    assert format_size(size_b) == text


def test_sentences_have_the_places_that_the_core_fills() -> None:
    for kind in ERROR_KINDS:
        assert set(re.findall(r"\{(\w*)\}", kind.sentence)) <= set(PLACES), kind.id
