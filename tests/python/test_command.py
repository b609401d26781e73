"""`hakmem` without run: env, lib, settings, --version, and what it says about wrong words."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import hakmem as package
from hakmem.env_formats import as_dockerfile, as_sh, as_systemd
from hakmem.errors import HakmemError, UsageError
from hakmem.libraries import library_path
from hakmem.native import Library
from hakmem.spec.flavours import FLAVOURS, Flavour
from hakmem.spec.settings import PATH_SETTINGS, SETTINGS

from .command import COMMAND, hakmem, is_one_line, plain_environment

AWKWARD = {"LD_PRELOAD": "/l.so", "HAKMEM_STATS_FILE": "/a b'c\"d$HOME\\e%p`x`"}


def test_the_lines_for_sh_put_the_library_before_what_is_preloaded() -> None:
    lines = hakmem("env", "--set", "purge_delay_ms=0", "--python-malloc", "malloc").stdout
    seen = subprocess.run(
        ["sh", "-c", f"{lines}\nexec env -0"],
        env=plain_environment(LD_PRELOAD="libm.so.6"),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    assert f"LD_PRELOAD={library_path('release')}:libm.so.6" in seen
    assert "HAKMEM_PURGE_DELAY_MS=0" in seen
    assert "PYTHONMALLOC=malloc" in seen


def test_the_lines_for_sh_work_where_nothing_is_preloaded() -> None:
    lines = hakmem("env").stdout
    result = subprocess.run(
        ["sh", "-ec", f"set -u; unset LD_PRELOAD\n{lines}\ncat /proc/self/maps"],
        env=plain_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "libhakmem.so" in result.stdout, result.stderr


def test_any_value_survives_sh() -> None:
    script = f'{as_sh({"HAKMEM_STATS_FILE": AWKWARD["HAKMEM_STATS_FILE"]})}\nprintf %s "$HAKMEM_STATS_FILE"'
    seen = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout
    assert seen == AWKWARD["HAKMEM_STATS_FILE"]


def test_json_holds_the_variables() -> None:
    result = hakmem("env", "--format", "json", "--flavour", "debug", "--set", "retain=1M")
    assert json.loads(result.stdout) == {"LD_PRELOAD": str(library_path("debug")), "HAKMEM_RETAIN": "1M"}


def test_a_dockerfile_escapes_what_it_would_expand() -> None:
    assert as_dockerfile(AWKWARD).splitlines() == [
        'ENV LD_PRELOAD="/l.so"',
        'ENV HAKMEM_STATS_FILE="/a b\'c\\"d\\$HOME\\\\e%p`x`"',
    ]


def test_a_systemd_unit_escapes_what_it_would_expand() -> None:
    assert as_systemd(AWKWARD).splitlines() == [
        "[Service]",
        'Environment="LD_PRELOAD=/l.so"',
        'Environment="HAKMEM_STATS_FILE=/a b\'c\\"d$HOME\\\\e%%p`x`"',
    ]


def test_systemd_accepts_the_lines(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "hakmem-test.service"
    unit.write_text(as_systemd(AWKWARD) + "\nExecStart=/bin/true\n")
    result = subprocess.run([analyze, "verify", unit], capture_output=True, text=True, check=False)
    assert "Invalid" not in result.stderr
    assert "Environment" not in result.stderr


@pytest.mark.parametrize("render", [as_dockerfile, as_systemd])
def test_a_line_break_is_refused_where_it_cannot_be_held(render: object) -> None:
    assert callable(render)
    with pytest.raises(UsageError, match="line break"):
        render({"HAKMEM_STATS_FILE": "/a\nb"})


def test_env_under_an_awkward_path_names_a_link_and_says_so(tmp_path: Path) -> None:
    place = tmp_path / "a b:c"
    shutil.copytree(Path(package.__file__).parent, place / "hakmem")
    env = plain_environment(XDG_CACHE_HOME=str(tmp_path / "cache"))
    result = hakmem("env", "--format", "json", env=env, cwd=place)
    link = Path(json.loads(result.stdout)["LD_PRELOAD"])
    assert link.is_relative_to(tmp_path / "cache")
    assert link.samefile(place / "hakmem" / "lib" / "libhakmem.so")
    assert is_one_line(result.stderr)


@pytest.mark.parametrize("flavour", FLAVOURS, ids=lambda flavour: flavour.name)
def test_lib_prints_the_path_of_each_flavour(flavour: Flavour) -> None:
    path = Path(hakmem("lib", "--flavour", flavour.name).stdout.rstrip("\n"))
    assert path.name == flavour.file
    assert path.is_file()


def test_a_copy_of_the_library_works_without_the_package(tmp_path: Path) -> None:
    result = hakmem("lib", "--copy-to", tmp_path / "image" / "lib")
    copy = tmp_path / "image" / "lib" / "libhakmem.so"
    assert result.stdout == f"{copy}\n"
    maps = subprocess.run(
        ["cat", "/proc/self/maps"], env={"LD_PRELOAD": str(copy)}, capture_output=True, text=True, check=True
    )
    assert str(copy) in maps.stdout


def test_a_copy_that_cannot_be_made_ends_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = hakmem("lib", "--copy-to", tmp_path / "file" / "below")
    assert result.returncode == 1
    assert is_one_line(result.stderr)


def test_settings_lists_every_setting() -> None:
    lines = hakmem("settings").stdout.splitlines()
    names = [line.split()[0] for line in lines[1 : 1 + len(SETTINGS) + len(PATH_SETTINGS)]]
    assert names == [setting.id for setting in SETTINGS] + [setting.id for setting in PATH_SETTINGS]


def test_settings_as_json_name_what_they_take() -> None:
    listed = {entry["name"]: entry for entry in json.loads(hakmem("settings", "--json").stdout)}
    assert listed["retain"]["environment"] == "HAKMEM_RETAIN"
    assert listed["retain"]["default"] == "8M"
    assert listed["huge_pages"]["choices"] == ["system", "always", "never"]
    assert listed["stats_file"]["kind"] == "path"
    assert len(listed) == len(SETTINGS) + len(PATH_SETTINGS)


def test_the_version_is_the_packages() -> None:
    assert hakmem("--version").stdout == f"hakmem {package.__version__}\n"


@pytest.mark.parametrize("words", [("--version", "-v"), ("-v", "--version")])
def test_the_long_version_tells_how_each_library_was_built(words: tuple[str, ...]) -> None:
    output = hakmem(*words).stdout
    for flavour in FLAVOURS:
        line = next(line for line in output.splitlines() if line.startswith(f"{flavour.name}: "))
        assert re.fullmatch(
            rf"\w+: {re.escape(package.__version__)}, \w+ \d+\S* \S+: -O\d .*-std=c11.*", line
        )
        assert str(library_path(flavour.name)) in output


def test_the_library_of_each_flavour_knows_its_version_and_its_figures(each_library: Path) -> None:
    library = Library(each_library)
    assert library.version == package.__version__
    stats = json.loads(library.stats_json())
    assert stats["schema"] == "hakmem-stats/1"
    assert stats["build"] == library.build_info


def test_a_library_that_is_none_of_ours_is_named() -> None:
    for path in (Path("/dev/null"), Path("libm.so.6")):
        with pytest.raises(HakmemError, match=re.escape(str(path))):
            Library(path)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["rum"], "did you mean `hakmem run`?"),
        (["python3"], "To run a program: hakmem run -- python3"),
        (["--flavour", "debug", "run", "true"], "unrecognized arguments: --flavour"),
        (["--verbose", "run"], "options of `hakmem run` go behind it"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["env", "--format", "xml"], "invalid choice: 'xml'"),
        (["env", "--set", "retain=lots"], "'lots' is not"),
        (["env", "extra"], "unrecognized arguments: extra"),
        (["lib", "--flavour", "fast"], "invalid choice: 'fast'"),
        (["settings", "retain"], "unrecognized arguments: retain"),
    ],
)
def test_wrong_words_end_with_2_and_one_line(words: list[str], says: str) -> None:
    result = hakmem(*words)
    assert result.returncode == 2
    assert is_one_line(result.stderr), result.stderr
    assert says in result.stderr


def test_without_words_the_help_goes_to_stderr() -> None:
    result = hakmem()
    assert result.returncode == 2
    assert result.stdout == ""
    assert "usage: hakmem COMMAND" in result.stderr


@pytest.mark.parametrize(
    "words", [["--help"], ["run", "--help"], ["env", "-h"], ["lib", "-h"], ["settings", "-h"]]
)
def test_help_goes_to_stdout(words: list[str]) -> None:
    result = hakmem(*words)
    assert result.returncode == 0
    assert result.stdout.startswith("usage: hakmem")
    assert result.stderr == ""


def test_the_installed_command_is_the_same() -> None:
    command = Path(sys.executable).parent / "hakmem"
    if not command.exists():
        pytest.skip("the package was installed without its command")
    result = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert result.stdout == hakmem("--version").stdout


def test_a_reader_that_goes_away_causes_no_traceback() -> None:
    with subprocess.Popen(
        [*COMMAND, "settings", "--json"],
        env=plain_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        process.wait(timeout=30)


def test_a_full_disk_is_reported_in_one_line() -> None:
    if not os.path.exists("/dev/full"):  # noqa: PTH110
        pytest.skip("/dev/full does not exist")
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [*COMMAND, "settings"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=plain_environment(),
            check=False,
        )
    assert result.returncode != 0
    assert is_one_line(result.stderr), result.stderr
