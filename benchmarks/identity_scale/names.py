"""`python -m benchmarks.identity_scale.names`: what a million distinct names cost to read, and a night's new ones.

What belongs here: names of every kind in the shares of a retail file, CPU seconds of the dictionary of names. What
does not: whether names are read right (`tests/cases/chinese_names.csv`).
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.cleaning.dictionaries import build_names
from orchestration.cleaning.wordlists import REFERENCE_DIR, read_rows
from orchestration.settings import Settings

_TITLES = ("先生", "女士", "小姐", "总", "经理", "老师", "阿姨", "哥")


def main() -> None:
    """Print seconds and CPU seconds for a first run, a run without news and a night with 1% new names."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.identity_scale.names", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--names", type=int, default=1_000_000, help="distinct names as written")
    parser.add_argument("--seed", type=int, default=31)
    wanted = parser.parse_args()
    written = distinct_names(round(wanted.names * 1.01), random.Random(wanted.seed))  # noqa: S311 - made-up names
    with tempfile.TemporaryDirectory(prefix="names-") as folder, duckdb.connect() as con:
        settings = Settings(warehouse=Path(folder))
        con.execute("set threads = 2; create schema clean; create table clean.pos_members (name varchar)")
        for title, new in (
            ("first run", written[: wanted.names]),
            ("again", []),
            ("1% new", written[wanted.names :]),
        ):
            arrived = pa.table({"name": pa.array(new, pa.string())})
            con.register("arrived", arrived)
            con.execute("insert into clean.pos_members select name from arrived")
            con.unregister("arrived")
            started, worked = time.perf_counter(), time.process_time()
            held = build_names(con, settings)
            sys.stdout.write(
                f"{title}: {held:,} names held, {len(new):,} read; {time.perf_counter() - started:.1f} s, "
                f"CPU {time.process_time() - worked:.1f} s\n"
            )
            sys.stdout.flush()


def distinct_names(number: int, chance: random.Random) -> list[str]:
    """Distinct names as written: Chinese in full, with titles, masked, in pinyin and Latin, in a fixed order."""
    surnames = read_rows(REFERENCE_DIR / "surnames.csv", ["surname", "frequency", "reading"])
    weights = [float(row["frequency"]) for row in surnames]
    characters = [r["character"] for r in read_rows(REFERENCE_DIR / "given_name_characters.csv", ["character"])]
    found: dict[str, None] = {}
    while len(found) < number:
        for row in chance.choices(surnames, weights, k=10_000):
            given = "".join(chance.choices(characters, k=2 if chance.random() < 0.85 else 1))
            kind = chance.random()
            if kind < 0.75:
                name = row["surname"] + given
            elif kind < 0.85:
                name = row["surname"] + given + chance.choice(_TITLES)
            elif kind < 0.9:
                name = f"{row['surname']}{given[0]}*{chance.randrange(1000)}"
            elif kind < 0.95:
                name = f" {row['surname']}\u3000{given}（{chance.randrange(10_000)}）"
            else:
                word = "".join(chance.choices("aeionrstlmk", k=7)).capitalize()
                name = f"{word} {row['reading'].capitalize()}"
            found[name] = None
    return list(found)[:number]


if __name__ == "__main__":
    main()
