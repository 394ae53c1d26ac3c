"""What `cargo xtask bench import` has Python do: the table, and one measured run.

    python import.py csv MESSAGES TABLE
    python import.py throng BINARY THREADS HOME FORM FILE [MAPPING]
    python import.py duckdb-table THREADS FILE
    python import.py duckdb-parquet THREADS FILE OUTPUT

A run is a process of its own and prints one JSON line in the form of the peer kit:
`quality` holds sums that must be equal whoever read the file, and is computed after
the clock has stopped. Needs Unix, for wait4.
"""
import csv, json, os, resource, subprocess, sys, time

# What ru_maxrss is counted in.
RSS_UNITS_PER_MB = 1 << 20 if sys.platform == "darwin" else 1 << 10


def write_table(messages, table):
    """Writes one row a message: the nested fields become columns, lists become words."""

    def leaves(value, name):
        if isinstance(value, dict):
            for key, part in value.items():
                yield from leaves(part, f"{name}_{key}" if name else key)
        else:
            yield name, " ".join(value) if isinstance(value, list) else value

    def cells(message):
        row = {}
        for name, value in message.items():
            row.update(leaves(value, "" if name in ("properties", "context") else name))
        return row

    unfinished = table + ".tmp"
    with open(messages, encoding="utf-8") as lines, open(unfinished, "w", encoding="utf-8", newline="") as file:
        writer = None
        for line in lines:
            row = cells(json.loads(line))
            if writer is None:
                writer = csv.DictWriter(file, row)
                writer.writeheader()
            writer.writerow(row)
    os.rename(unfinished, table)
    print(table)


def run_throng(binary, n_threads, home, form, file, mapping=None):
    """Imports the file into a new home; all of the process counts, its start included."""
    throng = [binary, "--home", home, "--quiet"]
    subprocess.run([*throng, "init"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    os.sync()
    words = [*throng, "--threads", n_threads, "import", form, file]
    started = time.perf_counter()
    process = subprocess.Popen(words + (["--mapping", mapping] if mapping else []),
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        sys.exit(f"`{' '.join(words)}` ended with {os.waitstatus_to_exitcode(status)}")
    sums = "SELECT count(*) AS n_rows, sum(p_price) AS price, sum(p_quantity) AS quantity FROM events"
    rows = subprocess.run([*throng, "--format", "json", "sql", sums], check=True, stdout=subprocess.PIPE)
    files = [os.path.join(folder, name) for folder, _, names in os.walk(home) for name in names]
    emit("throng", seconds, used, sum(map(os.path.getsize, files)), json.loads(rows.stdout)[0])


def run_duckdb(n_threads, file, output=None):
    """Reads the file into a table in memory, or into a Parquet file; only the statement counts."""
    import duckdb
    path = file.replace("'", "''")
    nested = file.endswith(".ndjson")
    source = f"read_json_auto('{path}')" if nested else f"read_csv('{path}')"
    connection = duckdb.connect()
    connection.execute(f"SET threads={int(n_threads)}; SET preserve_insertion_order=false")
    statement = f"CREATE TABLE t AS SELECT * FROM {source}"
    if output:
        target = output.replace("'", "''")
        statement = f"COPY (SELECT * FROM {source}) TO '{target}' (FORMAT parquet, COMPRESSION snappy)"
    os.sync()
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    connection.execute(statement)
    seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    table, fields = (f"'{target}'" if output else "t"), ("properties." if nested else "")
    sums = f"SELECT count(*), sum({fields}price), sum({fields}quantity) FROM {table}"
    checked = dict(zip(("n_rows", "price", "quantity"), connection.execute(sums).fetchone()))
    n_bytes = os.path.getsize(output) if output else 0
    emit("duckdb", seconds, used, n_bytes, checked, before.ru_utime + before.ru_stime)


def emit(engine, seconds, used, n_bytes, quality, processor_s_before=0.0):
    print(json.dumps({
        "engine": engine,
        "seconds": seconds,
        "processor_s": used.ru_utime + used.ru_stime - processor_s_before,
        "peak_rss_mb": used.ru_maxrss / RSS_UNITS_PER_MB,
        "output_mb": n_bytes / 1e6,
        "quality": quality,
    }, default=float))


if __name__ == "__main__":
    modes = {"csv": write_table, "throng": run_throng, "duckdb-table": run_duckdb, "duckdb-parquet": run_duckdb}
    modes[sys.argv[1]](*sys.argv[2:])
