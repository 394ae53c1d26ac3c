"""Runs SQL over tables that are given, in one process; both come and go as JSON.

In:  {"lake": folder or null, "tables": [[name, columns, rows]], "steps": [[name or null, sql]]}
Out: {name: rows}; a step without a name only prepares.
"""
import json
import sys

import duckdb
import pyarrow

asked = json.load(sys.stdin)
database = duckdb.connect()
if asked["lake"]:
    import deltalake

    events = deltalake.DeltaTable(asked["lake"] + "/events").to_pyarrow_table()
    database.register("lake_events", events)
for name, columns, rows in asked["tables"]:
    database.execute(f"CREATE TABLE {name} ({columns})")
    if rows:
        given = pyarrow.table([list(column) for column in zip(*rows)], [f"c{number}" for number in range(len(rows[0]))])
        database.execute(f"INSERT INTO {name} SELECT * FROM given")
answers = {}
for name, sql in asked["steps"]:
    try:
        found = database.execute(sql)
        if name:
            answers[name] = found.fetchall()
    except duckdb.Error as error:
        sys.exit(f"{name or sql}: {error}")
json.dump(answers, sys.stdout)
