"""Rules that leave known errors out, from a small file that people write.

    [the cache of libfoo, bug 123]
    error: overrun
    allocated: function=foo_cache_* module=libfoo.so*
    freed: file=*/foo/cache.c

A rule is a name in brackets and conditions. "error" is a kind of error or "leak". "allocated", "freed",
"detected" and "stack" (any of the three) hold when one frame of that stack fits all that is given about it.
In every value * is any text and ? any character. A rule applies when all of its conditions hold.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path, PurePath
from typing import Final

from hakmem.check.findings import LATE, Finding
from hakmem.check.leaks import Leak
from hakmem.check.stacks import Frame, culprit
from hakmem.errors import UsageError
from hakmem.spec.errors import ERROR_KINDS

LEAK: Final = "leak"
ANY: Final = "stack"
STACKS: Final = ("allocated", "freed", "detected", ANY)
FRAME_FIELDS: Final = ("function", "module", "file")

_KEYS: Final = ("error", *STACKS)
_KINDS: Final = (*(kind.id for kind in ERROR_KINDS), LEAK)


@dataclass(frozen=True, slots=True)
class Condition:
    """stack: one of STACKS. globs: what a frame of it must fit, by FRAME_FIELDS."""

    stack: str
    globs: tuple[tuple[str, str], ...]

    def holds(self, stacks: Mapping[str, Sequence[Frame]]) -> bool:
        """Whether a frame of the stack fits."""
        names = stacks if self.stack == ANY else (self.stack,)
        return any(self._fits(frame) for name in names for frame in stacks.get(name, ()))

    def _fits(self, frame: Frame) -> bool:
        return all(
            any(_glob(glob).fullmatch(text) for text in _texts(frame, name)) for name, glob in self.globs
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """name: what people call it. place: its file and line. error: a glob for the kind; "" for any."""

    name: str
    place: str
    error: str
    conditions: tuple[Condition, ...]

    def applies(self, kind: str, stacks: Mapping[str, Sequence[Frame]]) -> bool:
        """Whether an error of that kind, with those stacks, is left out."""
        if self.error and not _glob(self.error).fullmatch(kind):
            return False
        return all(condition.holds(stacks) for condition in self.conditions)


class Suppressions:
    """All rules of a run, and how often each applied."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self.rules = tuple(rules)
        self.used = dict.fromkeys(range(len(self.rules)), 0)
        """Place of a rule -> errors that it left out."""

    def covers(self, found: Finding | Leak) -> int | None:
        """The place of the first rule that leaves `found` out; None when none does."""
        kind = found.kind if isinstance(found, Finding) else LEAK
        stacks = found.stacks if isinstance(found, Finding) else {"allocated": found.stack}
        return next((at for at, rule in enumerate(self.rules) if rule.applies(kind, stacks)), None)

    @property
    def unused(self) -> tuple[Rule, ...]:
        """Rules that left nothing out."""
        return tuple(rule for at, rule in enumerate(self.rules) if not self.used[at])


def load(path: str) -> tuple[Rule, ...]:
    """The rules in a file; UsageError names the line that is none."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"--suppressions {path}: it is not text in UTF-8") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"--suppressions {path}: it cannot be read: {reason}") from None
    return parse(text, path)


def parse(text: str, name: str) -> tuple[Rule, ...]:
    """The rules in `text`; `name` stands for it in errors."""
    rules: list[Rule] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        place = f"{name}:{number}"
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            if not line.endswith("]") or not line[1:-1].strip():
                raise UsageError(f"{place}: a rule begins with its name in brackets: [what is left out]")
            rules.append(Rule(line[1:-1].strip(), place, "", ()))
            continue
        if not rules:
            raise UsageError(
                f"{place}: a rule begins with its name in brackets; {line[:40]!r} stands before any"
            )
        rules[-1] = _with(rules[-1], line, place)
    for rule in rules:
        if not rule.error and not rule.conditions:
            raise UsageError(
                f"{rule.place}: the rule [{rule.name}] has no condition and would hide every error"
            )
    return tuple(rules)


def proposed(found: Finding | Leak) -> str:
    """A rule that leaves `found` out, by the innermost frame of the program in each stack that matters."""
    told: tuple[str, ...] = ("allocated",)
    kind, stacks = LEAK, {"allocated": found.stack} if isinstance(found, Leak) else found.stacks
    if isinstance(found, Finding):
        kind = found.kind
        told = ("allocated", "freed") if found.when in LATE else ("allocated", "detected")
    lines = [f"[{kind}: say why it is left out]", f"error: {kind}"]
    for name in told:
        frame = culprit(stacks.get(name, ()))
        fields = _fields(frame) if frame else []
        if fields:
            lines.append(f"{name}: {' '.join(fields)}")
    return "\n".join(lines) + "\n"


def _with(rule: Rule, line: str, place: str) -> Rule:
    key, colon, value = (part.strip() for part in line.partition(":"))
    if key not in _KEYS or not colon:
        raise UsageError(f"{place}: {_unknown(key, _KEYS)}")
    if key == "error":
        if rule.error:
            raise UsageError(f"{place}: the rule [{rule.name}] names its error twice; write a rule for each")
        if not any(_glob(value).fullmatch(kind) for kind in _KINDS):
            raise UsageError(f"{place}: {_unknown(value, _KINDS, 'kind of error')}")
        return Rule(rule.name, rule.place, value, rule.conditions)
    return Rule(rule.name, rule.place, rule.error, (*rule.conditions, _condition(key, value, place)))


def _condition(stack: str, value: str, place: str) -> Condition:
    try:
        words = shlex.split(value)
    except ValueError as error:
        raise UsageError(f"{place}: {error}; quotes come in pairs") from None
    globs: list[tuple[str, str]] = []
    for word in words:
        name, equals, glob = word.partition("=")
        if name not in FRAME_FIELDS or not equals:
            raise UsageError(f"{place}: {_unknown(name, FRAME_FIELDS)}")
        if not glob:
            raise UsageError(f"{place}: {name}= lacks its value; {name}=* is any")
        globs.append((name, glob))
    if not globs:
        raise UsageError(f"{place}: {stack} needs a frame: {stack}: function=NAME module=NAME file=NAME")
    return Condition(stack, tuple(globs))


def _unknown(word: str, known: Sequence[str], what: str = "key") -> str:
    near = get_close_matches(word, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it may be {', '.join(known)}"
    return f"{word[:40]!r} is no {what}; {hint}"


def _fields(frame: Frame) -> list[str]:
    if frame.python:
        return [_quoted("function", frame.function), _quoted("file", f"*{PurePath(frame.file).name}")]
    named = [_quoted("function", frame.function)] if frame.function else []
    return [*named, *([_quoted("module", PurePath(frame.module).name)] if frame.module else [])]


def _quoted(name: str, value: str) -> str:
    return shlex.quote(f"{name}={value}")


def _texts(frame: Frame, name: str) -> tuple[str, ...]:
    """What a glob is held against: of a path the whole and its last part."""
    if name == "function":
        return (frame.function,)
    path = frame.module if name == "module" else frame.file
    return (path, PurePath(path).name)


@cache
def _glob(text: str) -> re.Pattern[str]:
    """Only * and ? mean something: names of C++ functions have brackets."""
    parts = ({"*": ".*", "?": "."}.get(character) or re.escape(character) for character in text)
    return re.compile("".join(parts), re.DOTALL)
