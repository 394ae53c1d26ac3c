"""What `cargo xtask bench journeys` has Python do: one measured answer of ours.

    python journeys.py BINARY EVENTS.parquet FOLDER funnel|paths|trans

The columns are read from Parquet by pyarrow with both cores and handed over as files in
FOLDER; the seconds of that count as ours. Prints one JSON line in the form of the peer
kit, whose sums of an answer are made here as the kit makes them.
"""
import hashlib, json, os, subprocess, sys, time

import numpy, pyarrow.parquet


def columns(events, folder):
    table = pyarrow.parquet.read_table(events, columns=["user_id", "ts", "event"], read_dictionary=["event"])
    event = table["event"].unify_dictionaries().combine_chunks()
    event = event.chunk(0) if hasattr(event, "chunk") else event
    table["user_id"].to_numpy().astype(numpy.uint32).tofile(f"{folder}/profile.u32")
    table["ts"].to_numpy().view(numpy.int64).tofile(f"{folder}/occurred_at.i64")
    event.indices.to_numpy().astype(numpy.uint32).tofile(f"{folder}/touchpoint.u32")
    with open(f"{folder}/names.txt", "w", encoding="utf-8") as names:
        names.write("\n".join(event.dictionary.to_pylist()))


def sums(question, rows):
    if question == "funnel":
        return {"reach": rows}
    rows = [tuple(row) for row in rows]
    return {"rows": len(rows), "total": sum(row[-1] for row in rows), "first": rows[0] if question == "paths" else None,
            "md5": hashlib.md5(repr(sorted(rows)).encode()).hexdigest()[:8]}


binary, events, folder, question = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
started = time.perf_counter()
columns(events, folder)
handed_over = time.perf_counter() - started
answer = json.loads(subprocess.run([binary, folder, question], check=True, capture_output=True, text=True).stdout)
rows = answer.pop("rows")
print(json.dumps({**answer, "task": f"C.{question}", "ours_s": answer["seconds"], "handed_over_s": handed_over,
                  "seconds": answer["seconds"] + handed_over, "quality": sums(question, rows)}))
