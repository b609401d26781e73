"""The environment that `launch` makes."""

from pathlib import Path

import pytest

from hakmem.errors import UsageError
from hakmem.launch import Launch, assignment, prepend

LIBRARY = Path("/opt/libhakmem.so")


def test_an_empty_preload_becomes_the_library_alone() -> None:
    assert prepend("/a.so", "") == "/a.so"


@pytest.mark.parametrize("preload", ["/x.so:/y.so", "/x.so /y.so", " /x.so : /y.so:", "/x.so\t/y.so"])
def test_what_is_preloaded_already_stays_behind_the_library(preload: str) -> None:
    assert prepend("/a.so", preload) == "/a.so:/x.so:/y.so"


def test_other_flavours_of_the_library_are_replaced() -> None:
    assert prepend("/a/libhakmem-debug.so", "/b/libhakmem.so:/x.so") == "/a/libhakmem-debug.so:/x.so"


def test_running_inside_a_run_changes_nothing_more() -> None:
    launch = Launch(LIBRARY, {"HAKMEM_STATS": "1"})
    once = launch.environment({"LD_PRELOAD": "/x.so", "HOME": "/"})
    assert launch.environment(once) == once


def test_the_rest_of_the_environment_is_kept() -> None:
    base = {"HOME": "/", "HAKMEM_RETAIN": "1M", "PYTHONMALLOC": "debug"}
    seen = Launch(LIBRARY, {"HAKMEM_STATS": "1"}).environment(base)
    assert seen == {**base, "HAKMEM_STATS": "1", "LD_PRELOAD": str(LIBRARY)}
    assert base == {"HOME": "/", "HAKMEM_RETAIN": "1M", "PYTHONMALLOC": "debug"}


def test_python_malloc_is_set_only_when_asked_for() -> None:
    assert Launch(LIBRARY, python_malloc=True).variables()["PYTHONMALLOC"] == "malloc"
    assert "PYTHONMALLOC" not in Launch(LIBRARY).variables()


@pytest.mark.parametrize(
    "name", ["purge_delay_ms", "PURGE_DELAY_MS", "HAKMEM_PURGE_DELAY_MS", "hakmem_purge_delay_ms"]
)
def test_a_setting_goes_by_its_short_and_its_environment_name(name: str) -> None:
    assert assignment(f"{name}=0") == ("HAKMEM_PURGE_DELAY_MS", "0")


def test_values_are_written_as_the_core_reads_them() -> None:
    assert assignment("retain=8192k") == ("HAKMEM_RETAIN", "8M")
    assert assignment("stats_file=a=b c") == ("HAKMEM_STATS_FILE", "a=b c")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("retain", "takes NAME=VALUE"),
        ("=1", "no such setting"),
        ("purge_delay=5", "did you mean purge_delay_ms"),
        ("HAKMEM_RETIAN=5", "did you mean retain"),
        ("qqqq=5", "`hakmem settings` lists them"),
        ("retain=lots", "'lots' is not a size"),
        ("stats_file=", "a path is missing"),
    ],
)
def test_a_wrong_assignment_says_what_would_be_right(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        assignment(text)
    assert says in str(caught.value)
