"""The slab protocol (slab.pml) holds in every interleaving; each mistake that it guards against is found."""

from pathlib import Path

import pytest

from tests.spin.checker import DEADLOCK, read_search, search

MODEL = "slab.pml"


@pytest.mark.parametrize(
    "switches",
    [
        pytest.param(("THREADS=2",), id="two threads, two classes that reuse each other's units"),
        pytest.param(("THREADS=2", "WIDE"), id="two threads, slabs of one and of two units"),
        pytest.param(("THREADS=3", "WIDE"), id="three threads, slabs of one and of two units"),
    ],
)
def test_the_protocol_holds(switches: tuple[str, ...], tmp_path: Path) -> None:
    found = search(MODEL, tmp_path, *switches, depth=12_000_000)
    assert found.proves, found.output


MISTAKES = {
    "NO_RULE": {"retired_twice", "unit_lost", "listed_slab_is_not_of_the_class"},
    "LISTED_FROM_MEMORY": {"listed_slab_is_not_of_the_class", "listed_slab_has_no_free_block"},
    "CLASS_UNREAD": {"retired_twice", "unit_lost", "listed_slab_is_not_of_the_class"},
    "RETIRE_ON_HINT": {"retired_with_blocks_outside"},
    "WORD_LEFT": {"free_exceeds_carved", "block_given_out_twice"},
    "RETIRED_STAYS_LISTED": {"listed_slab_is_not_of_the_class"},
    "LISTED_UNCHECKED": {"slab_listed_twice"},
    "REST_UNLISTED": {"slab_lost"},
    "NO_SECOND_LOOK": {"slab_lost", "free_slab_not_retired"},
    "CURRENT_NOT_EXEMPT": {"current_slab_is_not_of_the_class", "current_slab_listed"},
    "CURRENT_SKIPPED_EARLY": {"slab_lost"},
    "CARVED_EARLY": {"free_exceeds_carved"},
    "CARVED_LATE": {"free_exceeds_carved"},
    "POOL_BEFORE_CLASS": {"retired_twice", "unit_lost"},
    "CLASS_KEPT": {"retired_twice", "listed_slab_is_not_of_the_class"},
    "ASK_UNREAD": {"slab_lost", "free_slab_not_retired", "retired_with_blocks_outside"},
}
"""Switch of slab.pml -> properties of which the mistake breaks at least one; README.md tells each."""


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_checker_finds_the_mistake(mistake: str, tmp_path: Path) -> None:
    found = search(MODEL, tmp_path, mistake, "THREADS=2", "WIDE", short=True)
    assert found.errors == 1, found.output
    assert set(found.violated) & MISTAKES[mistake], found.output


@pytest.mark.parametrize("liberty", ["HEAD_UNREAD", "CURRENT_SKIPPED_LATE"])
def test_the_protocol_allows_the_liberty(liberty: str, tmp_path: Path) -> None:
    found = search(MODEL, tmp_path, liberty, "THREADS=2", "WIDE")
    assert found.proves, found.output


def test_every_switch_of_the_model_is_tested() -> None:
    text = (Path(__file__).parent / MODEL).read_text(encoding="utf-8")
    switches = {
        word.removeprefix("defined(").rstrip(")")
        for line in text.splitlines()
        if line.startswith(("#ifdef", "#ifndef", "#if ", "#elif"))
        for word in line.replace("!", "").split()[1:]
        if word.strip("!|&") and word[0].isalpha()
    }
    shape = {"THREADS", "PUSHERS", "PLACES", "WIDE", "BLOCKS"}
    assert switches - shape == set(MISTAKES) | {"HEAD_UNREAD", "CURRENT_SKIPPED_LATE"}


def test_a_search_that_was_cut_short_proves_nothing(tmp_path: Path) -> None:
    found = search(MODEL, tmp_path, "THREADS=2", "WIDE", depth=1_000, short=True)
    assert found.errors == 0
    assert not found.proves


@pytest.mark.parametrize(
    "output",
    [
        "",
        "pan: out of memory\nerrors: 0\n 12 states, stored",
        "pan: reached -DMEMLIM bound\nerrors: 0\n 12 states, stored",
        "Warning: Search not completed\nerrors: 0\n 12 states, stored",
        "errors: 0\n 0 states, stored",
        "errors: 1\n 12 states, stored",
    ],
)
def test_only_a_whole_report_without_errors_is_a_proof(output: str) -> None:
    assert not read_search(output).proves


def test_threads_that_wait_for_each_other_are_a_violation() -> None:
    report = "pan:1: invalid end state (at depth 3)\n\tinvalid end states\t+\nerrors: 1\n 12 states, stored"
    assert read_search(report).violated == (DEADLOCK,)
    assert read_search(report.partition("\n")[2]).violated == ()
