"""`python -m benchmarks.identity`: every set through the pipeline and every rival, one table, results as files.

What belongs here: the order of work and the table. What does not: sets, measures, rivals (the other modules).
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from benchmarks.identity.error_pages import SetErrors, write_errors
from benchmarks.identity.measures import Quality, quality
from benchmarks.identity.sets import BenchmarkSet, generated, published
from benchmarks.machine import facts, in_words

RIVALS = ("rule_join", "splink_alone", "recordlinkage_toolkit", "goldenmatch_default")
RESULTS = Path(__file__).resolve().parent / "results"
DEFAULT_SETS = (
    "default:21", "default:22", "noisy:23", "noisy:24", "latin:25", "latin:26",
    "fake_1000", "febrl1", "febrl2", "febrl3", "febrl1_ssn", "febrl2_ssn", "febrl3_ssn",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One line of the table: what one way made of one set."""

    set_name: str
    way: str
    quality: Quality | None
    seconds: float | None
    peak_mb: int | None
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The line as it is written to the results."""
        measured = self.quality.rounded() if self.quality else {}
        cost = {"seconds": self.seconds, "peak_mb": self.peak_mb, "note": self.note}
        return {"set": self.set_name, "way": self.way, **measured, **cost}


def main() -> None:
    """Run what the arguments name and write `identity` and `errors`, each as `.json` and `.md`, to the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.identity", description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=DEFAULT_SETS, help="profile:seed, fake_1000, febrl1…3[_ssn]")
    parser.add_argument("--people", type=int, default=20_000, help="people of a generated world")
    parser.add_argument("--rivals", nargs="*", default=RIVALS, help=f"of {', '.join(RIVALS)}; none: ours alone")
    parser.add_argument("--room", type=Path, help="folder for worlds and warehouses; default is a temporary one")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the results")
    wanted = parser.parse_args()
    room: Path = wanted.room or Path(tempfile.mkdtemp(prefix="identity-"))
    before = _measured_before(wanted.results)
    rows: list[Row] = []
    errors: list[SetErrors] = []
    for name in wanted.sets:
        found = _set(room, name, wanted.people)
        if found is None:
            _say(f"{name}: its file is not at hand, left out")
            continue
        ours, people, wrong = _ours(found)
        rows += ours
        errors.append(wrong)
        for rival in wanted.rivals:
            rows.append(_rival(rival, found, people))
        rows += [r for r in before if r.set_name == found.name and r.way in set(RIVALS) - set(wanted.rivals)]
        for row in rows:
            if row.set_name == found.name:
                _say(_line(row))
        # After every set: what was measured stays when a long run is broken off.
        _write(rows, wanted)
        write_errors(errors, wanted.results)
    if wanted.room is None:
        shutil.rmtree(room, ignore_errors=True)


def _measured_before(folder: Path) -> list[Row]:
    """The rows of rivals that an earlier run wrote: they stand until the rival is run again."""
    file = folder / "identity.json"
    if not file.is_file():
        return []
    rows = [r for r in json.loads(file.read_text(encoding="utf-8"))["rows"] if r["way"] in RIVALS]
    return [
        Row(
            r["set"],
            r["way"],
            Quality(**{f.name: r[f.name] for f in fields(Quality)}) if "f1" in r else None,
            r["seconds"],
            r["peak_mb"],
            r["note"] or "of an earlier run",
        )
        for r in rows
    ]


def _set(room: Path, name: str, people: int) -> BenchmarkSet | None:
    profile, _, seed = name.partition(":")
    return generated(room, profile, int(seed), people) if seed else published(room, name)


def _ours(given: BenchmarkSet) -> tuple[list[Row], Path, SetErrors]:
    """Run the pipeline in a process of its own: peak memory is a process's."""
    folder = given.truth.parents[1]
    subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "benchmarks.identity.ours", given.name, str(given.landing), str(given.truth)],
        cwd=Path(__file__).resolve().parents[2], check=True,
    )  # fmt: skip
    found = json.loads((folder / "ours.json").read_text(encoding="utf-8"))
    known, everyone = Quality(**found["people"]), Quality(**found["everyone"])
    rows = [Row(given.name, "customer360", known, found["seconds"], found["peak_mb"], "members and accounts")]
    if everyone != known:
        rows.append(
            Row(
                given.name,
                "customer360, all linked records",
                everyone,
                found["seconds"],
                found["peak_mb"],
                "mentions too",
            )
        )
    return rows, folder / "people.parquet", SetErrors(given.name, known, found["errors"])


def _rival(rival: str, given: BenchmarkSet, people: Path) -> Row:
    """Run a rival in an environment of its own: they do not all accept the libraries of the project."""
    script = Path(__file__).resolve().parent / "rivals" / f"{rival}.py"
    answer = people.with_name(f"{rival}.json")
    answer.unlink(missing_ok=True)
    uv = shutil.which("uv")
    if uv is None:
        return Row(given.name, rival, None, None, None, "needs uv on the path")
    done = subprocess.run(  # noqa: S603 - a script of this folder
        [uv, "run", "--quiet", "--no-project", "--script", str(script), str(people), str(answer)],
        capture_output=True, text=True, cwd=people.parent, timeout=3600, check=False,
        env={**os.environ, "PYTHONPATH": str(script.parent)},
    )  # fmt: skip
    if done.returncode or not answer.exists():
        fault = done.stderr.strip().splitlines()[-1:] or ["no answer"]
        return Row(given.name, rival, None, None, None, fault[0][:160])
    found = json.loads(answer.read_text(encoding="utf-8"))
    truth = duckdb.connect().execute(
        "select source || '|' || record_key, person_id::varchar from read_parquet(?) where person_id is not null",
        [str(given.truth)],
    )
    person = dict(truth.fetchall())
    ids = pq.read_table(people, columns=["id"])["id"].to_pylist()
    pairs = [(person[i], found["clusters"].get(i, i)) for i in ids if i in person]
    return Row(given.name, rival, quality(pairs), found["seconds"], found["peak_mb"])


def _line(row: Row) -> str:
    if row.quality is None:
        return f"| {row.set_name} | {row.way} | – | – | – | – | – | – | {row.note} |"
    q = row.quality
    earlier = f", {row.note}" if row.way in RIVALS and row.note else ""
    return (
        f"| {row.set_name} | {row.way} | {q.precision:.4f} | {q.recall:.4f} | {q.f1:.4f} | {q.b3_precision:.4f} "
        f"| {q.b3_recall:.4f} | {q.b3_f1:.4f} | {row.seconds} s, {row.peak_mb} MB{earlier} |"
    )


def _write(rows: list[Row], wanted: argparse.Namespace) -> None:
    folder: Path = wanted.results
    folder.mkdir(parents=True, exist_ok=True)
    load = [round(x, 1) for x in os.getloadavg()]
    machine = facts("splink", load_average=load)
    content = {"machine": machine, "rows": [r.as_dict() for r in rows]}
    (folder / "identity.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    head = (
        "# Identity resolution, measured\n\n"
        f"`python -m benchmarks.identity --people {wanted.people} --sets {' '.join(wanted.sets)}` "
        f"on {in_words(machine)}; load average {load[0]}.\n"
        "Ours: seconds of the identity stage, peak memory of the whole pipeline. Rivals get the cleaned members and "
        "accounts. What went wrong, by classes: [errors.md](errors.md).\n\n"
        "| set | way | precision | recall | F1 | B³ precision | B³ recall | B³ F1 | cost |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
    )
    (folder / "identity.md").write_text(head + "\n".join(map(_line, rows)) + "\n", encoding="utf-8")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
