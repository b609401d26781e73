"""The allocators that are here are found, tell who they are, and are what a program then runs on."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from hakmem.errors import UsageError
from hakmem.lab import allocators
from hakmem.lab.measurement import Status
from hakmem.lab.meter import measure
from hakmem.lab.plan import Allocator, Job, Kind
from hakmem.lab.versions import packages
from hakmem.spec.flavours import FLAVOURS
from tests.real import needs


def test_the_system_is_first_and_hakmem_second() -> None:
    found, _ = allocators.available()
    assert [each.name for each in found[:2]] == ["system", "hakmem"]
    system, hakmem = found[:2]
    assert system.library is None
    assert system.version.startswith("glibc 2.")
    assert hakmem.library is not None
    assert hakmem.version.count(".") == 2
    assert "-O3" in hakmem.build


def test_every_peer_is_found_or_named_with_its_package() -> None:
    found, absent = allocators.available()
    here = {each.name: each for each in found}
    for peer in allocators.PEERS:
        lines = [line for line in absent if line.startswith(f"{peer.name} ")]
        if peer.name in here:
            assert lines == []
            assert here[peer.name].version[:1].isdigit()
            assert here[peer.name].library is not None
        else:
            assert lines == [f"{peer.name} is not installed: apt-get install {peer.package}"]


@pytest.mark.parametrize("peer", allocators.PEERS, ids=lambda peer: peer.name)
def test_a_peer_is_in_the_process_that_runs_on_it(
    peer: allocators.Peer, meter_program: Path, scratch: Path
) -> None:
    try:
        allocator = allocators.choose([peer.name])[0]
    except allocators.AllocatorAbsentError:
        needs.missing(peer.name, f"apt-get install {peer.package}")
    got = measure(
        Job(("/bin/sleep", "0.2")),
        allocator,
        kind=Kind.REAL,
        timeout_s=30,
        scratch=scratch,
        meter=meter_program,
    )
    assert got.status is Status.OK
    if shutil.which("dpkg-query"):
        assert allocator.build.startswith("lib")


def test_an_absent_peer_is_an_error_that_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = allocators.Peer("nomalloc", ("libnomalloc.so.1",), "libnomalloc1")
    monkeypatch.setattr(allocators, "PEERS", (nowhere,))
    assert allocators.available()[1] == ["nomalloc is not installed: apt-get install libnomalloc1"]
    with pytest.raises(allocators.AllocatorAbsentError, match="apt-get install libnomalloc1"):
        allocators.choose(["system", "nomalloc"])


def test_flavours_are_chosen_by_name() -> None:
    names = ["hakmem-debug", "system", "hakmem-count", "hakmem", "hakmem-secure"]
    found = allocators.choose(names)
    assert [each.name for each in found] == names
    files = {each.library.name for each in found if each.library is not None}
    assert files == {flavour.file for flavour in FLAVOURS}


def test_a_name_of_none_is_a_usage_error_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'jemaloc'; did you mean jemalloc\?"):
        allocators.choose(["jemaloc"])


def test_an_allocator_of_your_own_takes_part(fakes: Mapping[str, Allocator]) -> None:
    library = fakes["plain"].library
    assert library is not None
    found, _ = allocators.available({"mine": library})
    assert found[-1] == Allocator("mine", library)
    assert allocators.choose(["mine"], {"mine": library}) == [Allocator("mine", library)]


def test_an_allocator_of_your_own_may_stand_for_a_peer(fakes: Mapping[str, Allocator]) -> None:
    library = fakes["plain"].library
    assert library is not None
    found, absent = allocators.available({"jemalloc": library})
    assert [each.library for each in found if each.name == "jemalloc"] == [library]
    assert not any(line.startswith("jemalloc") for line in absent)


def test_an_allocator_that_breaks_programs_has_no_version(fakes: Mapping[str, Allocator]) -> None:
    library = fakes["crashes"].library
    assert library is not None
    assert allocators.choose(["broken"], {"broken": library})[0].version == ""


@pytest.mark.parametrize("name", ["system", "floor", "hakmem", "hakmem-mine", "", "two words", "a/b"])
def test_names_that_mean_something_else_cannot_be_taken(name: str) -> None:
    with pytest.raises(UsageError, match="another name"):
        allocators.available({name: Path("/lib/x.so")})


def test_what_is_no_library_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no library"):
        allocators.available({"mine": tmp_path / "mine.so"})
    (tmp_path / "mine.so").write_text("text")
    with pytest.raises(UsageError, match="is no shared library"):
        allocators.available({"mine": tmp_path / "mine.so"})


def test_variables_of_allocators_are_dropped_and_told() -> None:
    base = {"PATH": "/bin", "MALLOC_CONF": "stats_print:true", "LD_PRELOAD": "x.so", "HAKMEM_STATS": "1"}
    kept, told = allocators.environment(base)
    assert kept == {"PATH": "/bin"}
    assert [line.partition("=")[0] for line in told] == ["HAKMEM_STATS", "LD_PRELOAD", "MALLOC_CONF"]


def test_a_program_gets_the_library_and_the_allocators_settings(tmp_path: Path) -> None:
    allocator = Allocator("mine", Path("/lib/mine.so"), environment={"MINE": "1"})
    assert allocators.variables(allocator, tmp_path) == {"LD_PRELOAD": "/lib/mine.so", "MINE": "1"}
    assert allocators.variables(Allocator("system", None), tmp_path) == {}


def test_a_file_of_a_package_is_known_by_either_path() -> None:
    if shutil.which("dpkg-query") is None:
        pytest.skip("no dpkg: not a Debian system")
    files = [Path("/bin/true"), Path("/usr/bin/true")]
    assert {package.name for package in packages(files).values()} == {"coreutils"}
    assert packages([Path("/nonexistent")]) == {}
