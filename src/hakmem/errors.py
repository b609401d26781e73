"""What can go wrong, as exceptions whose text a person can act on. `cli` alone catches them."""

from typing import ClassVar


class HakmemError(Exception):
    """Something failed; the text says what and what to do next.

    exit_code: what the command ends with. 126 and 127 are those of shells and of env(1).
    """

    exit_code: ClassVar[int] = 1


class UsageError(HakmemError):
    """The command was given something that it cannot take."""

    exit_code: ClassVar[int] = 2


class CannotPreloadError(HakmemError):
    """The program exists, and the dynamic loader would not put the library under it."""

    exit_code: ClassVar[int] = 126


class ProgramNotFoundError(HakmemError):
    """There is no such program, or its interpreter is missing."""

    exit_code: ClassVar[int] = 127
