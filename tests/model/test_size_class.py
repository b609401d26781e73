"""Sizes find the classes that the tables of the spec describe."""

import pytest

from hakmem.model.size_class import CLASSES, class_of, class_of_aligned, is_power_of_two, round_up, units_of
from hakmem.spec.size_classes import (
    CLASSES_PER_DOUBLING,
    MID_MAX_B,
    SIZE_CLASSES,
    TINY_MAX_B,
    TINY_STEP_B,
    UNIT_B,
    WIDE_MAX_B,
)


def arithmetic_class_of(size_b: int) -> int:
    """The core's arithmetic (core/size_class.h), which reads no table."""
    if size_b <= TINY_MAX_B:
        return max((size_b + TINY_STEP_B - 1) // TINY_STEP_B, 1)
    if size_b > MID_MAX_B:
        return len(SIZE_CLASSES) - WIDE_MAX_B // UNIT_B + (size_b - 1) // UNIT_B
    last = size_b - 1
    doubling = last.bit_length() - 1
    log_per_doubling = CLASSES_PER_DOUBLING.bit_length() - 1
    step = (last >> (doubling - log_per_doubling)) & (CLASSES_PER_DOUBLING - 1)
    log_tiny_max = TINY_MAX_B.bit_length() - 1
    return TINY_MAX_B // TINY_STEP_B + 1 + (doubling - log_tiny_max) * CLASSES_PER_DOUBLING + step


def test_every_size_finds_the_first_class_that_holds_it_and_the_core_s_arithmetic_agrees() -> None:
    for size_b in (*range(MID_MAX_B + 1), *range(MID_MAX_B + 1, WIDE_MAX_B + 1, 511), WIDE_MAX_B):
        c = class_of(size_b)
        assert SIZE_CLASSES[c - 1].block_b < max(size_b, 1) <= SIZE_CLASSES[c].block_b
        assert c == arithmetic_class_of(size_b)


@pytest.mark.parametrize("size_b", [-1, WIDE_MAX_B + 1])
def test_a_size_without_a_class_is_refused(size_b: int) -> None:
    with pytest.raises(ValueError, match="not in a size class"):
        class_of(size_b)


def test_an_aligned_class_has_aligned_blocks_and_no_smaller_class_would_do() -> None:
    for alignment_b in (32, 64, 256, 4096, UNIT_B):
        for size_b in range(0, WIDE_MAX_B + 1, 97):
            c = class_of_aligned(alignment_b, size_b)
            fitting = [
                n
                for n in CLASSES
                if SIZE_CLASSES[n].block_b >= max(size_b, 1) and SIZE_CLASSES[n].block_b % alignment_b == 0
            ]
            assert c == fitting[0]


def test_what_no_class_can_align_takes_a_span() -> None:
    assert class_of_aligned(2 * UNIT_B, 16) is None
    assert class_of_aligned(4096, WIDE_MAX_B + 1) is None
    assert class_of_aligned(1 << 62, 1) is None


def test_rounding() -> None:
    assert [round_up(value, 16) for value in (0, 1, 16, 17)] == [0, 16, 16, 32]
    assert [units_of(size_b) for size_b in (0, 1, UNIT_B, UNIT_B + 1)] == [1, 1, 1, 2]
    assert [value for value in range(-2, 9) if is_power_of_two(value)] == [1, 2, 4, 8]
