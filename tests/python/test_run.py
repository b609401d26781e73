"""`hakmem run` as people use it: each test starts it, and looks at what its program became."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import hakmem as package
from hakmem.spec.counters import CALL_COUNTERS, CLASS_COUNTERS, PROCESS_COUNTERS
from hakmem.spec.flavours import FLAVOURS, Flavour

from .command import COMMAND, Compile, Script, environment_seen, hakmem, is_one_line, plain_environment
from .test_cpython import refusing_python
from .test_program import setuid_program

SHOW_MAPS = ("cat", "/proc/self/maps")
SHOW_ENVIRONMENT = ("env", "-0")


@pytest.fixture
def cache(tmp_path: Path) -> dict[str, str]:
    """An environment whose cache is empty and private."""
    return plain_environment(XDG_CACHE_HOME=str(tmp_path / "cache"))


@pytest.mark.parametrize("flavour", FLAVOURS, ids=lambda flavour: flavour.name)
def test_the_program_has_the_library_of_the_flavour(flavour: Flavour) -> None:
    result = hakmem("run", "--flavour", flavour.name, *SHOW_MAPS)
    assert result.returncode == 0
    assert {Path(line.split()[-1]).name for line in result.stdout.splitlines() if "libhakmem" in line} == {
        flavour.file
    }


@pytest.mark.parametrize("dashes", [(), ("--",)])
def test_the_program_keeps_its_own_options(dashes: tuple[str, ...]) -> None:
    result = hakmem("run", *dashes, "printf", "%s,", "--flavour", "-q", "--", "--stats")
    assert result.stdout == "--flavour,-q,--,--stats,"


def test_stats_without_a_file_does_not_take_the_program_for_one() -> None:
    assert environment_seen(hakmem("run", "--stats", *SHOW_ENVIRONMENT))["HAKMEM_STATS"] == "1"


def test_a_summary_goes_to_stderr_and_nothing_to_stdout() -> None:
    result = hakmem("run", "-q", "--stats", sys.executable, "-c", "print('done')")
    assert result.returncode == 0
    assert result.stdout == "done\n"
    assert f"hakmem {package.__version__} (release)" in result.stderr


@pytest.mark.parametrize("flavour", FLAVOURS, ids=lambda flavour: flavour.name)
def test_statistics_in_a_file_name_every_counter(tmp_path: Path, flavour: Flavour) -> None:
    result = hakmem("run", "--flavour", flavour.name, "--stats=s.json", "--", "ls", "-la", "/", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    stats = json.loads((tmp_path / "s.json").read_text())
    assert stats["schema"] == "hakmem-stats/1"
    assert stats["version"] == package.__version__
    assert stats["flavour"] == flavour.name
    assert set(stats["counters"]) == {counter.id for counter in PROCESS_COUNTERS}
    assert {"live", "cached", "free", "purged", "mapped", "metadata"} <= set(stats["bytes"])
    counted = {counter.id for counter in CLASS_COUNTERS}
    if flavour.name == "count":
        counted |= {counter.id for counter in CALL_COUNTERS}
    assert stats["classes"]
    for entry in stats["classes"]:
        assert set(entry) == counted | {"size", "live_blocks", "cached_blocks", "free_blocks", "slabs"}


def test_the_statistics_file_is_the_callers_also_when_the_program_changes_directory(tmp_path: Path) -> None:
    seen = environment_seen(hakmem("run", "--stats=out.%p.json", *SHOW_ENVIRONMENT, cwd=tmp_path))
    assert seen["HAKMEM_STATS_FILE"] == f"{tmp_path}/out.%p.json"


def test_a_dash_as_statistics_file_is_kept() -> None:
    assert environment_seen(hakmem("run", "--stats=-", *SHOW_ENVIRONMENT))["HAKMEM_STATS_FILE"] == "-"


def test_settings_reach_the_program_under_both_names() -> None:
    seen = environment_seen(
        hakmem("run", "--set", "purge_delay_ms=0", "--set=HAKMEM_RETAIN=4096", *SHOW_ENVIRONMENT)
    )
    assert (seen["HAKMEM_PURGE_DELAY_MS"], seen["HAKMEM_RETAIN"]) == ("0", "4K")


def test_what_is_preloaded_already_stays() -> None:
    seen = environment_seen(
        hakmem("run", *SHOW_ENVIRONMENT, env=plain_environment(LD_PRELOAD="libm.so.6 libdl.so.2"))
    )
    own, *kept = seen["LD_PRELOAD"].split(":")
    assert Path(own).name == "libhakmem.so"
    assert kept == ["libm.so.6", "libdl.so.2"]


def test_a_run_inside_a_run_has_one_library() -> None:
    result = hakmem("run", "-q", "--", *COMMAND, "run", "--flavour", "debug", *SHOW_MAPS)
    assert "libhakmem-debug.so" in result.stdout
    assert "libhakmem.so" not in result.stdout


@pytest.mark.parametrize("locale", [{"LC_ALL": ""}, {"LANG": "C"}])
def test_the_program_gets_the_callers_environment_and_no_more(locale: dict[str, str]) -> None:
    given = {"PATH": os.environ["PATH"], "ODD": "a\nb", "EMPTY": "", **locale}
    seen = environment_seen(hakmem("run", *SHOW_ENVIRONMENT, env=given))
    assert {name for name, value in seen.items() if given.get(name) != value} == {"LD_PRELOAD"}
    assert set(given) <= set(seen)


@pytest.mark.parametrize("code", [0, 1, 7, 126, 127, 255])
def test_exit_codes_pass_through(code: int) -> None:
    assert hakmem("run", "sh", "-c", f"exit {code}").returncode == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGABRT, signal.SIGPIPE])
def test_death_by_a_signal_passes_through(number: signal.Signals) -> None:
    assert hakmem("run", "sh", "-c", f"kill -{number.value} $$").returncode == -number


def test_the_program_is_the_very_process_and_gets_its_signals() -> None:
    script = "import os, signal, sys; print(os.getpid(), flush=True); signal.pause()"
    with subprocess.Popen(
        [*COMMAND, "run", "-q", sys.executable, "-c", script],
        env=plain_environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        process.send_signal(signal.SIGUSR1)
        assert process.wait(timeout=30) == -signal.SIGUSR1


def test_the_program_ignores_no_signals_that_the_caller_does_not() -> None:
    result = hakmem("run", "grep", "SigIgn", "/proc/self/status")
    plain = subprocess.run(
        ["grep", "SigIgn", "/proc/self/status"], capture_output=True, text=True, check=True
    )
    assert result.stdout == plain.stdout


def test_standard_input_and_open_files_belong_to_the_program() -> None:
    assert hakmem("run", "cat", text="given").stdout == "given"
    reading, writing = os.pipe()
    with os.fdopen(reading) as pipe:
        subprocess.run(
            [*COMMAND, "run", "sh", "-c", f"echo through >/dev/fd/{writing}"],
            env=plain_environment(),
            pass_fds=[writing],
            check=True,
        )
        os.close(writing)
        assert pipe.read() == "through\n"


def test_arguments_may_be_any_bytes() -> None:
    result = subprocess.run(
        [*COMMAND, "run", "printf", "%s", b"\xff\xfe"],
        env=plain_environment(LC_ALL="C"),
        capture_output=True,
        check=True,
    )
    assert result.stdout == b"\xff\xfe"


def test_a_package_under_a_path_with_blanks_and_colons_works(tmp_path: Path) -> None:
    place = tmp_path / "a b:c"
    shutil.copytree(Path(package.__file__).parent, place / "hakmem")
    env = plain_environment(XDG_CACHE_HOME=str(tmp_path / "cache"))
    result = hakmem("run", *SHOW_MAPS, env=env, cwd=place)
    assert result.returncode == 0, result.stderr
    assert f"{place}/hakmem/lib/libhakmem.so" in result.stdout
    assert result.stderr == ""


def test_a_program_under_a_path_with_blanks_and_colons_works(tmp_path: Path) -> None:
    place = tmp_path / "a b:c"
    place.mkdir()
    shutil.copy("/bin/cat", place / "my cat")
    assert "libhakmem.so" in hakmem("run", "./my cat", "/proc/self/maps", cwd=place).stdout


def test_a_script_runs_on_the_library(script: Script) -> None:
    path = script("tool", "#!/usr/bin/env -S cat\n")
    result = hakmem("run", path, "/proc/self/maps")
    assert "libhakmem.so" in result.stdout


def test_text_without_an_interpreter_runs_as_in_a_shell(script: Script) -> None:
    path = script("tool", 'echo "$0" "$1"\n')
    assert hakmem("run", path, "argument").stdout == f"{path} argument\n"


@pytest.mark.parametrize("name", ["no-such-program", "./no-such-program", "/no/such/program", ""])
def test_a_missing_program_ends_with_127(name: str) -> None:
    result = hakmem("run", "--", name)
    assert result.returncode == 127
    assert is_one_line(result.stderr)
    assert repr(name) in result.stderr


def test_a_script_with_a_missing_interpreter_ends_with_127(script: Script) -> None:
    result = hakmem("run", script("tool", "#!/no/such/interpreter\n"))
    assert result.returncode == 127
    assert is_one_line(result.stderr)
    assert "/no/such/interpreter" in result.stderr


def test_what_cannot_be_executed_ends_with_126(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file"):
        result = hakmem("run", path)
        assert result.returncode == 126
        assert is_one_line(result.stderr)


def test_a_static_program_ends_with_126(compile_c: Compile) -> None:
    result = hakmem("run", compile_c("int main(void) { return 0; }", "-static"))
    assert result.returncode == 126
    assert is_one_line(result.stderr)
    assert "statically linked" in result.stderr


def test_a_setuid_program_ends_with_126(tmp_path: Path) -> None:
    result = hakmem("run", setuid_program(tmp_path))
    assert result.returncode == 126
    assert is_one_line(result.stderr)
    assert "setuid" in result.stderr


def test_a_file_that_is_damaged_ends_with_126(tmp_path: Path) -> None:
    path = tmp_path / "half"
    path.write_bytes(Path("/bin/true").read_bytes()[:100])
    path.chmod(0o755)
    result = hakmem("run", path)
    assert result.returncode == 126
    assert is_one_line(result.stderr)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "which program?"),
        (["--"], "which program?"),
        (["--stats"], "which program?"),
        (["--flavour", "fast", "true"], "invalid choice: 'fast'"),
        (["--flavour"], "expected one argument"),
        (["--flavor=debug", "true"], "unrecognized arguments: --flavor=debug"),
        (["--set", "purge_delay_ms=soon", "true"], "'soon' is not a whole number from 0 to 3600000"),
        (["--set", "purge_delay_ms=-1", "true"], "'-1' is not"),
        (["--set", "purge_dely_ms=1", "true"], "did you mean purge_delay_ms?"),
        (["--set", "nonsense", "true"], "takes NAME=VALUE"),
        (["--stats=", "true"], "a path is missing"),
        (["--stats=/no/such/place/s.json", "true"], "/no/such/place"),
        (["--python-malloc", "pymalloc", "true"], "invalid choice: 'pymalloc'"),
    ],
)
def test_wrong_options_end_with_2_and_one_line(arguments: list[str], says: str) -> None:
    result = hakmem("run", *arguments)
    assert result.returncode == 2
    assert is_one_line(result.stderr), result.stderr
    assert says in result.stderr


def python_sees(result: subprocess.CompletedProcess[str]) -> str:
    """The PYTHONMALLOC that a program which prints it has seen."""
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


SHOW_PYTHONMALLOC = ("-c", "import os; print(os.environ.get('PYTHONMALLOC'))")


def test_auto_puts_pythons_objects_on_the_library_and_says_so(cache: dict[str, str]) -> None:
    result = hakmem("run", sys.executable, *SHOW_PYTHONMALLOC, env=cache)
    assert python_sees(result) == "malloc"
    assert is_one_line(result.stderr)
    assert "PYTHONMALLOC=malloc" in result.stderr


def test_quiet_says_nothing(cache: dict[str, str]) -> None:
    result = hakmem("run", "--quiet", sys.executable, *SHOW_PYTHONMALLOC, env=cache)
    assert (python_sees(result), result.stderr) == ("malloc", "")


def test_auto_respects_what_the_caller_has_set(cache: dict[str, str]) -> None:
    env = {**cache, "PYTHONMALLOC": "pymalloc"}
    result = hakmem("run", sys.executable, *SHOW_PYTHONMALLOC, env=env)
    assert (python_sees(result), result.stderr) == ("pymalloc", "")


def test_keep_sets_nothing(cache: dict[str, str]) -> None:
    result = hakmem("run", "--python-malloc", "keep", sys.executable, *SHOW_PYTHONMALLOC, env=cache)
    assert (python_sees(result), result.stderr) == ("None", "")


def test_auto_leaves_other_programs_alone(cache: dict[str, str]) -> None:
    result = hakmem("run", *SHOW_ENVIRONMENT, env=cache)
    assert "PYTHONMALLOC" not in environment_seen(result)
    assert result.stderr == ""


def test_malloc_can_be_asked_for_on_behalf_of_children(cache: dict[str, str]) -> None:
    result = hakmem("run", "--python-malloc=malloc", *SHOW_ENVIRONMENT, env=cache)
    assert environment_seen(result)["PYTHONMALLOC"] == "malloc"


def test_an_interpreter_that_refuses_malloc_keeps_its_own(cache: dict[str, str], script: Script) -> None:
    python = refusing_python(script)
    result = hakmem("run", python, *SHOW_PYTHONMALLOC, env=cache)
    assert (python_sees(result), result.stderr) == ("None", "")


def test_malloc_for_an_interpreter_that_refuses_it_is_an_error(cache: dict[str, str], script: Script) -> None:
    result = hakmem("run", "--python-malloc", "malloc", refusing_python(script), "-c", "0", env=cache)
    assert result.returncode == 2
    assert is_one_line(result.stderr)


def test_a_script_of_a_python_is_a_python(cache: dict[str, str], script: Script) -> None:
    path = script("tool", f"#!{sys.executable}\nimport os\nprint(os.environ.get('PYTHONMALLOC'))\n")
    assert python_sees(hakmem("run", path, env=cache)) == "malloc"


def test_a_shim_of_a_python_is_a_python(cache: dict[str, str], script: Script) -> None:
    shim = script("python3", f'#!/usr/bin/env bash\nexec "{sys.executable}" "$@"\n')
    assert python_sees(hakmem("run", shim, *SHOW_PYTHONMALLOC, env=cache)) == "malloc"


def test_a_home_that_cannot_be_written_to_does_no_harm() -> None:
    env = plain_environment(XDG_CACHE_HOME="/dev/null", HOME="/dev/null")
    assert python_sees(hakmem("run", "-q", sys.executable, *SHOW_PYTHONMALLOC, env=env)) == "malloc"


def test_only_the_standard_library_is_imported_on_the_way_to_exec(cache: dict[str, str]) -> None:
    site_packages = str(Path(package.__file__).parents[1])
    result = subprocess.run(
        [sys.executable, "-S", "-X", "importtime", "-m", "hakmem", "run", sys.executable, "-c", "0"],
        env={**cache, "PYTHONPATH": site_packages},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in result.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rsplit("|", 1)[1].strip().partition(".")[0] for line in lines[1:]}
    assert "hakmem" in imported
    jython = {"org"}  # which the standard library's copy tries to import and does not find
    assert imported - sys.stdlib_module_names - jython == {"hakmem"}


def test_the_way_to_exec_takes_less_than_100_ms(cache: dict[str, str]) -> None:
    """Of the processor, the least of ten runs to the end of `true`: the machine's other work is not in it."""
    times = []
    for _ in range(10):
        with subprocess.Popen([*COMMAND, "run", "true"], env=cache) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        times.append(usage.ru_utime + usage.ru_stime)
    assert min(times) < 0.1, times


def test_limits_of_the_caller_hold_for_the_program() -> None:
    result = subprocess.run(
        [*COMMAND, "run", "sh", "-c", "ulimit -n"],
        env=plain_environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (123, 123)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "123\n"
