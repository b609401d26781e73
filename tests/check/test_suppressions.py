"""Rules: what they say, what they fit, and what is no rule."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hakmem.check.leaks import Kind, Leak
from hakmem.check.stacks import Frame, Part
from hakmem.check.suppressions import Rule, Suppressions, load, parse, proposed
from hakmem.errors import UsageError

from .made_up import collect, leak, lines, simple

_C = Frame(
    Part.PROGRAM, "std::vector<int*>::push_back(int* [3])", "/src/lib/list.cc", 7, "/opt/liblist.so.2", 16
)
_PYTHON = Frame(Part.PYTHON, "Cache.fill", "/opt/app/cache.py", 20)
_STACKS = {"allocated": (_C, _PYTHON), "detected": (_PYTHON,)}


def _rule(*conditions: str) -> Rule:
    return parse("[it]\n" + "\n".join(conditions), "rules")[0]


@pytest.mark.parametrize(
    ("condition", "applies"),
    [
        ("error: overrun", True),
        ("error: over???", True),
        ("error: *run", True),
        ("error: leak", False),
        ("allocated: module=liblist.so*", True),
        ("allocated: module=/opt/*.2", True),
        ("allocated: module=list", False),
        ("freed: module=*", False),
        ("detected: file=cache.py", True),
        ("detected: file=*/app/*", True),
        ("detected: file=list.cc", False),
        ("stack: file=list.cc", True),
        ("allocated: 'function=std::vector<int?>::push_back(int? [3])'", True),
        ("allocated: 'function=std::vector<int[*]>::push_back*'", False),
        ("allocated: function=Cache.fill module=liblist.so.2", False),
        ("allocated: function=Cache.fill file=cache.py", True),
    ],
)
def test_a_condition_fits_a_frame(condition: str, applies: bool) -> None:
    assert _rule(condition).applies("overrun", _STACKS) is applies


def test_all_conditions_must_hold() -> None:
    rule = _rule("error: overrun", "allocated: function=Cache.*", "detected: function=Cache.*")
    assert rule.applies("overrun", _STACKS)
    assert not rule.applies("underrun", _STACKS)
    assert not rule.applies("overrun", {"allocated": (_PYTHON,)})


def test_comments_and_blank_lines_are_nothing() -> None:
    rules = parse("# first\n\n[a b]\n  error: leak\n# more\n[c]\nstack: file=*\n", "rules")
    assert [(rule.name, rule.place) for rule in rules] == [("a b", "rules:3"), ("c", "rules:6")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("error: leak", "rules:1: a rule begins with its name in brackets; 'error: leak' stands before any"),
        ("[a", "rules:1: a rule begins with its name in brackets: [what is left out]"),
        ("[ ]", "rules:1: a rule begins"),
        ("[a]", "rules:1: the rule [a] has no condition and would hide every error"),
        ("[a]\nerrors: leak", "rules:2: 'errors' is no key; did you mean 'error'?"),
        ("[a]\nerror leak", "rules:2: 'error leak' is no key"),
        ("[a]\nerror: overun", "rules:2: 'overun' is no kind of error; did you mean 'overrun'?"),
        (
            "[a]\nerror: leak\nerror: overrun",
            "rules:3: the rule [a] names its error twice; write a rule for each",
        ),
        ("[a]\nstack: functoin=f", "rules:2: 'functoin' is no key; did you mean 'function'?"),
        ("[a]\nstack:", "rules:2: stack needs a frame: stack: function=NAME module=NAME file=NAME"),
        ("[a]\nstack: function=", "rules:2: function= lacks its value; function=* is any"),
        ("[a]\nstack: 'function=f", "rules:2: No closing quotation; quotes come in pairs"),
    ],
)
def test_what_is_no_rule_is_an_error_with_its_line(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text, "rules")
    assert str(caught.value).startswith(said)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--suppressions .*absent: it cannot be read: No such file"):
        load(str(tmp_path / "absent"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="it is not text in UTF-8"):
        load(str(tmp_path / "binary"))


@given(st.text())
def test_any_text_is_rules_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        assert all(rule.error or rule.conditions for rule in parse(text, "rules"))


def test_a_proposed_rule_leaves_out_what_it_was_proposed_for(tmp_path: Path) -> None:
    records = lines(*simple(), leak())
    found, collector, _ = collect(tmp_path / "record", records)
    text = proposed(found[0]) + "\n" + proposed(collector.leaks()[0])
    again, collector, _ = collect(tmp_path / "record", records, Suppressions(parse(text, "rules")))
    assert (again, collector.leaks()) == ([], ())


@given(function=st.text(min_size=1).filter(lambda name: name.isprintable()), python=st.booleans())
def test_proposed_rules_quote_any_name(function: str, python: bool) -> None:
    frame = (
        Frame(Part.PYTHON, function, "/a b/c.py", 1)
        if python
        else Frame(Part.PROGRAM, function, "", 0, "/a b")
    )
    found = Leak(Kind.LOST, "/app", 1, 1, (frame,))
    assert Suppressions(parse(proposed(found), "rules")).covers(found) == 0
