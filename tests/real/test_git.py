"""Git: import a history of some hundred commits, clone, repack, log, blame, merge and check it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from . import needs
from .child import Launcher
from .library import SYSTEM, Library

COMMITS = 400
FILES = 60

ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_NAME": "C",
    "GIT_COMMITTER_EMAIL": "c@example.org",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}
SETTINGS = ("-c", "gc.auto=0", "-c", "pack.threads=2", "-c", "init.defaultBranch=main")


def history(commits: int) -> bytes:
    """A stream for ``git fast-import``, each of whose commits changes a few of FILES files."""
    return b"".join(_commits(commits))


def _commits(count: int) -> Iterator[bytes]:
    for number in range(1, count + 1):
        message = f"change {number}\n\n{'why ' * (number % 40)}\n".encode()
        yield b"commit refs/heads/main\nmark :%d\n" % number
        yield b"committer C <c@example.org> %d +0000\n" % (1_600_000_000 + 60 * number)
        yield b"data %d\n%s\n" % (len(message), message)
        for file in {number % FILES, number * number % FILES, number * 7 % FILES}:
            text = "".join(
                f"line {line} of file {file}, last written by change {number - (number + line) % 50}\n"
                for line in range(50 + file * 10)
            ).encode()
            yield b"M 100644 inline directory%d/file%d.txt\n" % (file % 5, file)
            yield b"data %d\n%s\n" % (len(text), text)


def work_with_a_repository(
    launcher: Launcher, library: Library, directory: Path, commits: int = COMMITS
) -> bytes:
    """Everything that Git printed, the same on every malloc."""
    output = []

    def git(repository: str, *words: str, stdin: bytes = b"") -> None:
        finished = launcher.run(
            library,
            [needs.program("git"), *SETTINGS, "-C", directory / repository, *words],
            cwd=directory,
            environment=ENVIRONMENT,
            stdin=stdin,
            time_limit_s=60,
        )
        output.append(finished.stdout)

    (directory / "origin").mkdir()
    git("origin", "init", "--quiet")
    git("origin", "fast-import", "--quiet", stdin=history(commits))
    git("origin", "reset", "--quiet", "--hard", "main")
    git(".", "clone", "--quiet", "--no-local", "origin", "copy")
    git("copy", "gc", "--quiet", "--aggressive", "--prune=now")
    git("copy", "checkout", "--quiet", "-b", "side", "HEAD~20")
    (directory / "copy" / "directory0" / "new.txt").write_text("new\n" * 10_000)
    git("copy", "add", "--all")
    git("copy", "commit", "--quiet", "-m", "a side branch")
    git("copy", "merge", "--quiet", "-m", "merge", "main")
    git("copy", "log", "--patch", "--stat", "--find-renames", "HEAD")
    git("copy", "blame", "directory0/file30.txt")
    git("copy", "grep", "-c", "change 3[0-9]*$", "HEAD")
    git("copy", "archive", "--format=tar", "HEAD")
    git("copy", "fsck", "--full", "--strict", "--no-progress")
    git("copy", "rev-parse", "HEAD", "HEAD^{tree}")
    return b"\0".join(output)


@pytest.fixture(scope="session")
def expected(launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return work_with_a_repository(launcher, SYSTEM, tmp_path_factory.mktemp("git"))


def test_git_builds_the_same_repository(
    library: Library, launcher: Launcher, expected: bytes, tmp_path: Path
) -> None:
    assert work_with_a_repository(launcher, library, tmp_path) == expected
