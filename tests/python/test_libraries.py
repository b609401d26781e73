"""Libraries under paths that LD_PRELOAD can and cannot hold."""

import os
from pathlib import Path

import pytest

from hakmem.errors import HakmemError
from hakmem.libraries import copy_library, is_loadable, library_path, loadable


@pytest.fixture
def awkward(tmp_path: Path) -> Path:
    """A library in a directory whose name has a blank and a colon."""
    file = tmp_path / "a b:c" / "libhakmem.so"
    file.parent.mkdir()
    file.write_bytes(b"library")
    return file


@pytest.mark.parametrize("path", ["/a b/l.so", "/a:b/l.so", "/a\tb", "/a\nb", "/$LIB/l.so"])
def test_paths_that_the_loader_would_split_or_expand_are_known(path: str) -> None:
    assert not is_loadable(path)


def test_a_plain_path_is_used_as_it_is(tmp_path: Path) -> None:
    assert loadable(tmp_path / "l.so", []) == tmp_path / "l.so"


def test_an_awkward_path_is_reached_by_a_private_link(awkward: Path, tmp_path: Path) -> None:
    link = loadable(awkward, [tmp_path / "cache"])
    assert is_loadable(str(link))
    assert link.name == awkward.name
    assert link.read_bytes() == b"library"
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0
    assert loadable(awkward, [tmp_path / "cache"]) == link


def test_a_link_that_leads_elsewhere_is_replaced(awkward: Path, tmp_path: Path) -> None:
    link = loadable(awkward, [tmp_path / "cache"])
    link.unlink()
    link.symlink_to("/dev/null")
    assert loadable(awkward, [tmp_path / "cache"]).readlink() == awkward


def test_a_directory_that_others_may_write_to_is_passed_over(awkward: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    link = loadable(awkward, [shared, tmp_path / "own"])
    assert link.is_relative_to(tmp_path / "own")


def test_a_link_in_place_of_the_directory_is_passed_over(awkward: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "trap").symlink_to(tmp_path / "real")
    link = loadable(awkward, [tmp_path / "trap", tmp_path / "own"])
    assert link.is_relative_to(tmp_path / "own")


def test_without_any_usable_directory_the_error_names_the_path_and_the_remedy(awkward: Path) -> None:
    with pytest.raises(HakmemError, match="XDG_CACHE_HOME") as caught:
        loadable(awkward, [awkward.parent, Path("/dev/null/x")])
    assert repr(str(awkward)) in str(caught.value)


def test_a_copy_is_complete_and_executable(library: Path, tmp_path: Path) -> None:
    copy = copy_library(library, tmp_path / "new" / "place")
    assert copy == tmp_path / "new" / "place" / "libhakmem.so"
    assert copy.read_bytes() == library.read_bytes()
    assert os.access(copy, os.X_OK)
    assert list(copy.parent.iterdir()) == [copy]


def test_a_copy_over_a_file_of_the_directorys_name_is_refused(library: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HakmemError, match="cannot copy the library"):
        copy_library(library, tmp_path / "file")


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    with pytest.raises(HakmemError, match=r"libhakmem-count\.so is missing"):
        library_path("count", tmp_path)
