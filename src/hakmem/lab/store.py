"""A suite <-> JSON of the schema `hakmem-bench/1`.

The fields are those of `result`, in their order. One allocator and one cell a line, so that two files can
be compared by eye and by diff(1). A series of memory is stored in columns; its points are many.
"""

import json
from pathlib import Path
from typing import Any, Final

from hakmem.errors import HakmemError
from hakmem.lab.codec import decode, encode
from hakmem.lab.result import SCHEMA, Suite

_FAMILY: Final = SCHEMA.partition("/")[0]
_COLUMNS: Final = {"seconds": "seconds", "resident_b": "resident_bytes", "live_b": "live_bytes"}
"""Field of a point -> its column's name in the file."""


class ResultFileError(HakmemError):
    """A file of results cannot be read, or is none."""


def dumps(suite: Suite) -> str:
    """The suite as a file's text. The same suite gives the same text."""
    fields: dict[str, Any] = {"schema": SCHEMA, **encode(suite)}
    for cell in fields["cells"]:
        cell["memory"] = {
            column: [point[field] for point in cell["memory"]] for field, column in _COLUMNS.items()
        }
    return "{\n" + ",\n".join(_entry(name, value) for name, value in fields.items()) + "\n}\n"


def load(path: Path) -> Suite:
    """The suite in the file `path`; ResultFileError when that cannot be read or holds something else."""
    try:
        return loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultFileError(f"cannot read {str(path)!r}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ResultFileError(f"{str(path)!r} is not text; `hakmem bench --json FILE` writes one") from None
    except RecursionError:
        raise ResultFileError(f"{str(path)!r} is nested too deeply to be a result") from None
    except ValueError as error:
        raise ResultFileError(f"{str(path)!r}: {error}") from None


def loads(text: str) -> Suite:
    """The suite in `text`; ValueError with what is wrong and what to do about it."""
    try:
        fields = json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"not JSON, or cut off (line {error.lineno}: {error.msg}); measure again with --json"
        ) from None
    _check_schema(fields)
    try:
        for cell in fields.get("cells", []):
            cell["memory"] = _points(cell.get("memory"))
        return decode(Suite, fields)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"not a whole {SCHEMA} file ({error}); measure again with --json") from None


def _entry(name: str, value: object) -> str:
    """A member of the outermost object: on one line, or for a list of objects a line an object."""
    key = json.dumps(name)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return f"{key}: [\n" + ",\n".join(_line(item) for item in value) + "\n]"
    return f"{key}: {_line(value)}"


def _line(value: object) -> str:
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def _refuse(constant: str) -> object:
    raise ValueError(f"damaged: it holds {constant}, which is no JSON figure; measure again with --json")


def _check_schema(fields: object) -> None:
    schema = fields.get("schema") if isinstance(fields, dict) else None
    if schema == SCHEMA:
        return
    if isinstance(schema, str) and schema.startswith(f"{_FAMILY}/"):
        raise ValueError(f"it is {schema}, and this hakmem reads {SCHEMA}; measure again, or update hakmem")
    found = f"its schema is {schema!r}" if schema is not None else "it has no schema"
    raise ValueError(f"not a result of `hakmem bench`: {found}, not {SCHEMA!r}")


def _points(columns: object) -> list[dict[str, object]]:
    if columns is None:
        return []
    if not isinstance(columns, dict):
        raise TypeError("memory is not an object of columns")
    rows = zip(*(columns[column] for column in _COLUMNS.values()), strict=True)
    return [dict(zip(_COLUMNS, row, strict=True)) for row in rows]
