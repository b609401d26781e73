"""The list of workloads, and choosing from it."""

import pytest

from hakmem.errors import UsageError
from hakmem.lab import catalogue
from hakmem.lab.plan import THROUGHPUT, Kind


def names(*globs: str) -> list[str]:
    return [workload.name for workload in catalogue.select(globs)]


def test_names_are_unique_and_the_quick_ones_are_there() -> None:
    everything = names()
    assert len(set(everything)) == len(everything)
    assert set(catalogue.QUICK) <= set(everything)


def test_every_workload_tells_what_it_is_where_it_is_from_and_what_it_stresses() -> None:
    for workload in catalogue.all():
        assert "/" in workload.name
        assert workload.name == workload.name.lower()
        assert workload.title
        assert workload.origin
        assert workload.stresses


def test_native_workloads_have_a_floor_and_rates_are_for_larson_alone() -> None:
    for workload in catalogue.all():
        assert workload.has_floor == (workload.kind is Kind.NATIVE)
        assert (workload.metric == THROUGHPUT) == workload.name.startswith("larson/")


def test_a_glob_chooses_by_the_whole_name_or_its_first_parts() -> None:
    assert names("larson/mixed-?") == ["larson/mixed-1", "larson/mixed-2", "larson/mixed-4"]
    assert names("larson") == names("larson/*")
    assert names("python/json") == ["python/json/pymalloc", "python/json/malloc"]
    assert names("larson/tiny", "random_mixed/256", "larson/t*") == ["random_mixed/256", "larson/tiny"]


@pytest.mark.parametrize(
    ("glob", "hint"),
    [
        ("lasron", "did you mean larson"),
        ("random_mixd/256", "did you mean random_mixed/256"),
        ("zzz", "there are random_mixed, "),
    ],
)
def test_a_glob_that_matches_nothing_is_refused_with_names_that_look_like_it(glob: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"no workload matches '{glob}'; {hint}"):
        catalogue.select(["larson", glob])
