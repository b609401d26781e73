"""Generates a script for the SQLite shell: tables are built, indexed, asked, changed and dropped."""

import random
from collections.abc import Iterator
from typing import Final

_ROWS_A_STATEMENT: Final = 50
_WORDS: Final = ("amber", "birch", "cedar", "dune", "ember", "fjord", "grove", "heath", "iris", "jade")

_TABLES: Final = """\
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT NOT NULL, kind TEXT, price INTEGER, note TEXT);
CREATE TABLE sale(id INTEGER PRIMARY KEY, item INTEGER REFERENCES item, count INTEGER, day TEXT, slip BLOB);
"""

_SALES: Final = """\
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < {sales})
INSERT INTO sale SELECT n, 1 + (n * 7927) % {rows}, 1 + n % 9,
    date('2020-01-01', '+' || (n % 700) || ' days'), zeroblob(n % 300) FROM i;
CREATE INDEX sale_by_item ON sale(item, day);
CREATE INDEX item_by_kind ON item(kind, name);
ANALYZE;
"""

_QUESTIONS: Final = """\
SELECT kind, count(*), sum(count * price) AS turnover FROM sale JOIN item ON item.id = sale.item
    GROUP BY kind ORDER BY turnover DESC, kind;
SELECT substr(day, 1, 7) AS month, count(DISTINCT item), max(price), sum(length(slip)) FROM sale
    JOIN item ON item.id = item GROUP BY month ORDER BY month;
SELECT name, day, sum(count) OVER (PARTITION BY item ORDER BY day, sale.id) FROM sale
    JOIN item ON item.id = item WHERE item % 97 = 3 ORDER BY item, day, sale.id LIMIT 200;
SELECT length(group_concat(name, ';')), min(name), max(note)
    FROM (SELECT name, note FROM item ORDER BY name, id);
SELECT kind, count(*) FROM item WHERE note LIKE '%fjord%iris%' OR name GLOB '*7?' GROUP BY kind ORDER BY kind;
"""

_CHANGES: Final = """\
UPDATE item SET note = upper(note) || ' ' || name, price = price + 1 WHERE id % 3 = 0;
DELETE FROM sale WHERE item % 5 = 0;
CREATE TABLE best AS SELECT item, sum(count) AS count FROM sale GROUP BY item ORDER BY 2 DESC, 1 LIMIT 5000;
INSERT INTO sale(item, count, day, slip) SELECT item, count, '2024-01-01', randomblob(0) FROM best;
SELECT count(*), sum(price), sum(length(note)) FROM item;
SELECT count(*), sum(count), sum(length(slip)), max(id) FROM sale;
PRAGMA integrity_check;
"""

_DROP: Final = """\
DROP TABLE best;
DROP TABLE sale;
DROP TABLE item;
VACUUM;
PRAGMA page_count;
"""


def sql_script(rows: int) -> str:
    """A script about `rows` items and five sales of each; what it prints does not depend on the machine."""
    return "".join(
        [
            _TABLES,
            *_items(rows),
            _SALES.format(rows=rows, sales=5 * rows),
            _QUESTIONS,
            _CHANGES,
            _QUESTIONS,
            _DROP,
        ]
    )


def _items(rows: int) -> Iterator[str]:
    """The rows of the table item as text, so that the parser has work too."""
    choice = random.Random(rows)
    yield "BEGIN;\n"
    for first in range(1, rows + 1, _ROWS_A_STATEMENT):
        values = ",\n".join(
            f"({number}, '{choice.choice(_WORDS)} {number % 9973}', '{choice.choice(_WORDS)}',"
            f" {choice.randrange(1, 10_000)}, '{' '.join(choice.choices(_WORDS, k=choice.randrange(30)))}')"
            for number in range(first, min(first + _ROWS_A_STATEMENT, rows + 1))
        )
        yield f"INSERT INTO item VALUES {values};\n"  # noqa: S608  (nobody's words are in it)
    yield "COMMIT;\n"
