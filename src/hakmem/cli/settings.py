"""`hakmem settings`: the table of settings."""

import json

from hakmem.cli.arguments import Parser
from hakmem.spec.settings import PATH_SETTINGS, SETTINGS


def execute(words: list[str]) -> int:
    """Prints every setting with its default and what it takes."""
    parser = Parser(
        prog="hakmem settings",
        description="Lists the settings: environment variables, or `hakmem run --set NAME=VALUE`.",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    arguments = parser.parse_args(words)
    print(_json() if arguments.json else _table())
    return 0


def _json() -> str:
    numbers = [
        {
            "name": setting.id,
            "environment": setting.env,
            "kind": setting.kind.lower(),
            "default": setting.show(setting.default),
            "minimum": setting.minimum,
            "maximum": setting.maximum,
            "choices": list(setting.choices),
            "summary": setting.summary,
            "detail": setting.detail,
        }
        for setting in SETTINGS
    ]
    paths = [
        {
            "name": setting.id,
            "environment": setting.env,
            "kind": "path",
            "default": None,
            "summary": setting.summary,
            "detail": setting.detail,
        }
        for setting in PATH_SETTINGS
    ]
    return json.dumps(numbers + paths, indent=2)


def _table() -> str:
    rows = [("name", "default", "takes", "what it is")]
    rows += [(s.id, s.show(s.default), s.expected, s.summary) for s in SETTINGS]
    rows += [(s.id, "none", "a path", s.summary) for s in PATH_SETTINGS]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join((*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[3])) for row in rows]
    return "\n".join(
        [
            *lines,
            "",
            "The environment variable is HAKMEM_ and the name in capitals: HAKMEM_PURGE_DELAY_MS.",
        ]
    )
