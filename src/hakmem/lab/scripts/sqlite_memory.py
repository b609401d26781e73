"""SQLite in memory, by Python's sqlite3 module: rows are put in, found, joined, changed and deleted.

An operation is one row put in; the queries that go with it come at fixed distances.
"""

import random
import sqlite3
from collections.abc import Iterator

from lab_protocol import Run, operations

_ROWS_A_BATCH = 500
_ROWS_KEPT = 20_000

_TABLES = """
CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT, town TEXT, note TEXT);
CREATE TABLE payment(id INTEGER PRIMARY KEY, person INTEGER, amount INTEGER, picture BLOB);
CREATE INDEX person_by_town ON person(town, name);
CREATE INDEX payment_by_person ON payment(person);
"""


def people(choice: random.Random, first: int, count: int) -> Iterator[tuple[int, str, str, str]]:
    """Rows of the table person."""
    for number in range(first, first + count):
        note = f"{number:x} " * choice.randrange(60)
        yield number, f"person {choice.randrange(10**6)}", f"town {choice.randrange(300)}", note


def payments(choice: random.Random, first: int, count: int) -> Iterator[tuple[int, int, bytes]]:
    """Rows of the table payment: two for every third of the people."""
    for number in range(first, first + count, 3):
        for _ in range(2):
            yield number, choice.randrange(100_000), choice.randbytes(choice.randrange(400))


def batch(database: sqlite3.Connection, choice: random.Random, first: int, count: int) -> list[object]:
    """Puts `count` people in, asks, changes, and deletes the oldest; what the questions gave."""
    last = first + count
    with database:
        database.executemany("INSERT INTO person VALUES (?, ?, ?, ?)", people(choice, first, count))
        database.executemany(
            "INSERT INTO payment(person, amount, picture) VALUES (?, ?, ?)", payments(choice, first, count)
        )
        database.execute(
            "UPDATE person SET note = note || name WHERE id % 7 = 0 AND id >= ?", (last - 2 * _ROWS_A_BATCH,)
        )
        database.execute("DELETE FROM person WHERE id < ?", (last - _ROWS_KEPT,))
        database.execute("DELETE FROM payment WHERE person < ?", (last - _ROWS_KEPT,))
    answers: list[object] = []
    for number in range(first, last, 5):
        answers += database.execute("SELECT name, length(note) FROM person WHERE id = ?", (number,))
    for town in range(0, 300, 30):
        answers += database.execute(
            "SELECT town, count(*), sum(amount), max(name) FROM person"
            " JOIN payment ON payment.person = person.id WHERE town = ? GROUP BY town",
            (f"town {town}",),
        )
    return answers


def main() -> None:
    """Puts as many rows in as the command line says."""
    count = operations()
    run = Run()
    choice = random.Random(6)
    with run.timed():
        database = sqlite3.connect(":memory:")
        database.executescript(_TABLES)
        for first in range(0, count, _ROWS_A_BATCH):
            run.check(batch(database, choice, first, min(_ROWS_A_BATCH, count - first)))
        run.check(
            database.execute("SELECT substr(name, 1, 8), group_concat(id) FROM person GROUP BY 1").fetchall()
        )
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    (page_b,) = database.execute("PRAGMA page_size").fetchone()
    run.point(pages * page_b)
    with run.timed():
        database.close()
    run.result(count)


if __name__ == "__main__":
    main()
