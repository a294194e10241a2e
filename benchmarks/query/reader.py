"""One reader of the published file, in a process of its own, as a BI tool's connection is.

What belongs here: opening the file read-only, asking each question so many times, telling how long each took. What
does not: how many readers there are (`__main__`).
"""

import json
import random
import sys
import time
from pathlib import Path

import duckdb

from orchestration.database import literal

QUESTIONS = Path(__file__).with_name("questions")
_CANDIDATES = 1000


def main() -> None:
    """`reader.py <file> <rounds> <seed> <answer>`: writes milliseconds by question into `<answer>`."""
    file, rounds, seed, answer = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    questions = {path.stem: path.read_text(encoding="utf-8") for path in sorted(QUESTIONS.glob("*.sql"))}
    drawn = random.Random(seed)  # noqa: S311 - which customers are asked for is no secret
    started = time.perf_counter()
    spill = {"temp_directory": str(answer.with_suffix(".spill"))}
    with duckdb.connect(str(file), read_only=True, config={**spill, "memory_limit": "2GB"}) as con:
        con.execute("set enable_progress_bar = false")
        opened = (time.perf_counter() - started) * 1000
        customers = [
            str(row[0])
            for row in con.execute(
                f"select customer_id from marts.customer_360 using sample {_CANDIDATES} rows (reservoir, {seed})"
            ).fetchall()
        ]
        took: dict[str, list[float]] = {name: [] for name in questions}
        cpu: dict[str, list[float]] = {name: [] for name in questions}
        for _ in range(rounds):
            for name, sql in drawn.sample(list(questions.items()), len(questions)):
                # Written into the statement, as BI tools do: a parameter has DuckDB's Python client import pandas once.
                asked = sql.replace("$customer", literal(drawn.choice(customers)))
                before, cpu_before = time.perf_counter(), time.process_time()
                con.execute(asked).fetchall()
                took[name].append(round((time.perf_counter() - before) * 1000, 2))
                cpu[name].append(round((time.process_time() - cpu_before) * 1000, 2))
    answer.write_text(json.dumps({"opened": round(opened, 1), "took": took, "cpu": cpu}), encoding="utf-8")


if __name__ == "__main__":
    main()
