"""What `cargo xtask bench journeys` has Python do: one measured answer of ours.

    python journeys.py BINARY EVENTS.parquet funnel|paths|trans

Prints one JSON line in the form of the peer kit, whose sums of an answer are made here as
the kit makes them.
"""
import hashlib, json, subprocess, sys


def sums(question, rows):
    if question == "funnel":
        return {"reach": rows}
    rows = [tuple(row) for row in rows]
    return {"rows": len(rows), "total": sum(row[-1] for row in rows), "first": rows[0] if question == "paths" else None,
            "md5": hashlib.md5(repr(sorted(rows)).encode()).hexdigest()[:8]}


binary, events, question = sys.argv[1:]
answer = json.loads(subprocess.run([binary, events, question], check=True, capture_output=True, text=True).stdout)
rows = answer.pop("rows")
print(json.dumps({**answer, "task": f"C.{question}", "quality": sums(question, rows)}))
