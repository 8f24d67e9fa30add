"""DuckDB's own client: each line of its input is a JSON document that says which file to open, what to run, and what to show."""

import json
import sys

import duckdb


def answer(asked):
    connection = duckdb.connect(asked["path"], config={"threads": 1})
    for statement in asked["run"]:
        try:
            connection.execute(statement)
        except (duckdb.Error, UnicodeDecodeError) as error:
            # The engine refuses some of the rows; its message may quote a statement that was cut inside of a character.
            if not statement.startswith("INSERT"):
                raise RuntimeError(statement) from error
    for select in asked["show"]:
        try:
            for (shown,) in connection.execute(select).fetchall():
                print(shown)
        except duckdb.Error as error:
            raise RuntimeError(select) from error
    connection.close()


for line in sys.stdin:
    asked = json.loads(line)
    try:
        answer(asked)
    except Exception as error:
        print(f"cannot be shown: {error}: {error.__cause__}".replace("\n", " "))
    print(asked["done"], flush=True)
