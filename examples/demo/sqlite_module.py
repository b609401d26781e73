"""Runs the SQL on standard input by Python's sqlite3 module, for where the SQLite shell is not installed."""

import sqlite3
import sys


def main() -> None:
    """Prints the rows of every statement as the shell does."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    statement = ""
    for line in sys.stdin:
        statement += line
        if sqlite3.complete_statement(statement):
            for row in database.execute(statement):
                print(*row, sep="|")
            statement = ""


main()
