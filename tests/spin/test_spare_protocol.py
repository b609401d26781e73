"""A spare batch (spare.pml) has one holder at any time, whoever exchanges the slot."""

from pathlib import Path

import pytest

from tests.spin.checker import search

MODEL = "spare.pml"


@pytest.mark.parametrize("thieves", [1, 2])
def test_a_batch_never_has_two_holders_and_is_never_lost(thieves: int, tmp_path: Path) -> None:
    found = search(MODEL, tmp_path, f"THIEVES={thieves}")
    assert found.proves, found.output


@pytest.mark.parametrize(
    ("mistake", "broken"),
    [
        ("TAKEN_BY_LOAD_AND_STORE", "batch_has_two_holders"),
        ("PARKED_BY_LOAD_AND_STORE", "batch_has_two_holders"),
        ("COUNTED_LATE", "count_is_not_there"),
        ("OLD_DROPPED", "batch_lost"),
        ("END_LEAVES_SPARE", "batch_lost"),
    ],
)
def test_the_checker_finds_the_mistake(mistake: str, broken: str, tmp_path: Path) -> None:
    found = search(MODEL, tmp_path, mistake, short=True)
    assert found.errors == 1, found.output
    assert found.violated == (broken,), found.output


def test_an_owner_that_sees_its_slot_empty_may_fill_it_with_a_plain_store(tmp_path: Path) -> None:
    found = search(MODEL, tmp_path, "STORED_IF_EMPTY")
    assert found.proves, found.output
