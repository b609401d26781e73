"""Records: what the core writes is read in full, and what it would never write costs its own line alone."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hakmem.check.lines import RecordError, parse
from hakmem.check.reader import Reader
from hakmem.check.records import Error, Leak, Module, Stack, Start
from hakmem.report.check import data, page, text

from . import made_up

_STYLE = text.Style(width=80, colour=False, here="/")


def test_an_error_is_read_with_all_of_its_fields() -> None:
    record = parse(json.dumps(made_up.error(neighbour=made_up.block(size=8))).encode())
    assert isinstance(record, Error)
    assert (record.kind, record.call, record.when, record.thread) == ("overrun", "free", "call", "worker")
    assert record.block is not None
    assert record.neighbour is not None
    assert (record.block.size, record.block.size_class, record.neighbour.size) == (100, 144, 8)
    assert record.block.allocated is not None
    assert record.block.freed is None
    assert record.damage is not None
    assert record.memory is not None
    assert record.memory.data == b"a" * 13 + b"\xfb" * 19
    assert [event.call for event in record.events] == ["malloc", "free"]


def test_a_block_that_was_never_freed_has_no_place_where_it_was() -> None:
    never = {"stack": 0, "tid": 0}
    record = parse(json.dumps(made_up.error(block=made_up.block(freed=never))).encode())
    assert isinstance(record, Error)
    assert record.block is not None
    assert record.block.freed is None


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        (made_up.start(), Start),
        (made_up.module("/a"), Module),
        (made_up.stack(1, [1, 2]), Stack),
        (made_up.leak(), Leak),
    ],
)
def test_every_kind_is_read_and_unknown_fields_are_passed_over(record: dict[str, Any], kind: type) -> None:
    assert isinstance(parse(json.dumps({**record, "new_in_2": [1]}).encode()), kind)


def test_a_kind_of_a_newer_core_is_passed_over() -> None:
    assert parse(b'{"type": "weather", "pid": 1}') is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "it is not JSON"),
        (b"[1]", "it is a list, not an object"),
        (b"{}", "type is missing"),
        (b'{"type": 7}', "type is 7, not a string"),
        (b'{"type": "end", "pid": -1}', "pid is -1, not a whole number from 0 on"),
        (b'{"type": "end", "pid": true}', "pid is True, not a whole number"),
        (b'{"type": "end", "pid": 18446744073709551616}', "not a whole number from 0 on"),
        (b'{"type": "start", "pid": 1, "schema": "hakmem-check/9"}', "this command reads 'hakmem-check/1'"),
        (
            b'{"type": "stack", "pid": 1, "id": 1, "pcs": ["12"]}',
            "pcs[0] is '12', not an address such as \"0x7f12\"",
        ),
        (b'{"type": "stack", "pid": 1, "id": 1, "pcs": "0x1"}', "pcs is '0x1', not a list"),
        (b'{"type": "stack", "pid": 1, "id": 1, "pcs": [], "python": [7]}', "python[0] is 7, not an object"),
        (
            json.dumps(made_up.error(block=made_up.block(size=-1))).encode(),
            "block.size is -1, not a whole number from 0 on",
        ),
        (json.dumps(made_up.error(bytes={"address": "0x1", "hex": "6"})).encode(), "bytes.hex is '6'"),
        (b"[" * 100_000, "it is not JSON"),
        (b'{"type": "end", "pid": ' + b"9" * 5000 + b"}", "it is not JSON"),
        (b'{"type": "end", "pid": "\xff"}', "it is not JSON"),
    ],
)
def test_a_wrong_line_is_an_error_that_names_the_field(line: bytes, said: str) -> None:
    with pytest.raises(RecordError) as caught:
        parse(line)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 200


def test_text_that_utf8_cannot_hold_can_be_written_out() -> None:
    record = parse(b'{"type": "start", "schema": "hakmem-check/1", "pid": 1, "exe": "/a\\ud800b"}')
    assert isinstance(record, Start)
    assert record.exe.encode() == b"/a?b"


@settings(deadline=None)
@given(cut=st.integers(min_value=0), pieces=st.lists(st.integers(min_value=1, max_value=400), max_size=20))
def test_a_file_that_grows_in_pieces_gives_each_whole_line_once(
    tmp_path_factory: pytest.TempPathFactory, cut: int, pieces: list[int]
) -> None:
    written = made_up.lines(*made_up.simple())
    written = written[: cut % (len(written) + 1)]
    path = tmp_path_factory.mktemp("record") / "record"
    path.touch()
    reader, read, at = Reader(path), 0, 0
    for size in [*pieces, len(written)]:
        with path.open("ab") as file:
            file.write(written[at : at + size])
        at += size
        read += len(list(reader.poll()))
    assert read == written.count(b"\n")
    assert reader.torn == (not written.endswith(b"\n") and written != b"")
    assert reader.unread == 0


def test_wrong_lines_are_counted_and_those_around_them_read(tmp_path: Path) -> None:
    good = made_up.lines(made_up.start())
    path = tmp_path / "record"
    path.write_bytes(good + b"oops\n\n" + good + b"{}\n" + good)
    reader = Reader(path)
    assert len(list(reader.poll())) == 3
    assert reader.unread == 2
    assert reader.problems[0].startswith("line 2: it is not JSON")
    assert reader.problems[1] == "line 5: type is missing"


def test_what_follows_a_torn_line_is_read(tmp_path: Path) -> None:
    path = tmp_path / "record"
    path.write_bytes(b'{"type":"error","pid":7,"sent' + b'{"type":"end","pid":7,"errors":1}\n')
    reader = Reader(path)
    assert [record.pid for record in reader.poll()] == [7]
    assert reader.unread == 1


def test_a_line_without_end_is_passed_over_and_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "record"
    path.write_bytes(b"x" * (9 << 20) + b"\n" + made_up.lines(made_up.start()))
    reader = Reader(path)
    assert len(list(reader.poll())) == 1
    assert (reader.unread, reader.problems) == (1, ["line 1: it is longer than 4 MiB"])


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "absent")
    assert list(reader.poll()) == []
    assert "No such file" in reader.problems[0]


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(1 << 70), max_value=1 << 70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["0x0", "0xffffffffffffffff", "-0x1", "lost", "live", "call", "6162", "\x1b[2J"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["stack", "tid", "address", "size", "offset", "length", "hex"]), inner
        )
    ),
    max_leaves=6,
)


def _changed(record: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """The record with some fields, at the top or in its block, replaced by anything."""
    wrong = st.dictionaries(st.sampled_from([key for key in record if key != "type"]), _VALUES, max_size=2)
    inner = st.dictionaries(st.sampled_from(sorted(made_up.block())), _VALUES, max_size=2)
    return st.builds(
        lambda top, below: {
            **record,
            **({"block": {**made_up.block(), **below}} if "block" in record else {}),
            **top,
        },
        wrong,
        inner,
    )


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(records=st.tuples(*map(_changed, [*made_up.simple(), made_up.leak()])))
def test_hostile_records_never_break_a_report(
    tmp_path_factory: pytest.TempPathFactory, records: tuple[dict[str, Any], ...]
) -> None:
    path = tmp_path_factory.mktemp("record") / "record"
    found, collector, reader = made_up.collect(path, made_up.lines(*records))
    result = made_up.result(collector, leaks=True)
    told = "".join(text.finding(each, _STYLE) for each in found) + text.closing(
        result, _STYLE, reachable=True
    )
    told += page.page(result)
    assert all(line.isprintable() for line in told.splitlines())
    assert reader.unread + len(result.found) <= len(records)
    assert json.loads(data.dumps(result))["schema"] == data.SCHEMA
