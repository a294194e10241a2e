"""The sets to measure on: generated worlds and published person records, each as a landing zone with its truth.

What belongs here: how a set becomes a landing zone. What does not: running or measuring anything.
"""

import csv
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from seeds.generate import generate

END = date(2026, 6, 30)
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "identity"


@dataclass(frozen=True)
class BenchmarkSet:
    """A named landing zone and the Parquet file with its truth (`source, record_key, person_id`)."""

    name: str
    landing: Path
    truth: Path


def generated(room: Path, profile: str, seed: int, people: int) -> BenchmarkSet:
    """Write a generated world, or reuse the one that lies there."""
    name = f"{profile}_{people}_{seed}"
    folder = room / name
    if not (folder / "truth" / "records.parquet").exists():
        generate(folder / "landing", people=people, lines=2 * people, days=2, seed=seed, end=END, profile=profile)
    return BenchmarkSet(name, folder / "landing", folder / "truth" / "records.parquet")


def published(room: Path, name: str) -> BenchmarkSet | None:
    """Write a published set as a landing zone; None where its file is not at hand.

    `fake_1000` comes as shop accounts; `febrl1`, `febrl2` and `febrl3` as members, with `_ssn` with their
    social security number as ID card, without it otherwise.
    """
    if name == "fake_1000":
        return _fake_1000(room)
    return _febrl(room, int(name[5]), with_number=name.endswith("_ssn"))


def _fake_1000(room: Path) -> BenchmarkSet | None:
    path = SHARED / "fake_1000.csv"
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    people = [
        {
            "account_id": r["unique_id"],
            "name": f"{r['first_name']} {r['surname']}".strip(),
            "birthday": r["dob"],
            "city": r["city"],
            "email": r["email"],
        }
        for r in rows
    ]
    truth = [("ecommerce.customers", r["unique_id"], r["cluster"]) for r in rows]
    return _write(room, "fake_1000", "ecommerce/{}/customers.csv", people, truth)


def _febrl(room: Path, number: int, *, with_number: bool) -> BenchmarkSet | None:
    path = SHARED / "febrl" / f"dataset{number}.csv"
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as handle:
        rows = [{k.strip(): (v or "").strip() for k, v in r.items()} for r in csv.DictReader(handle)]
    people = []
    for r in rows:
        street = f"{r['street_number']} {r['address_1']}".strip()
        lines = (street, r["address_2"], r["suburb"], r["state"], r["postcode"])
        person = {
            "member_id": r["rec_id"],
            "name": f"{r['given_name']} {r['surname']}".strip(),
            "birthday": _day(r["date_of_birth"]),
            "city": r["suburb"],
            "address": ", ".join(x for x in lines if x),
        }
        if with_number:
            person["id_card"] = r["soc_sec_id"]
        people.append(person)
    truth = [("pos.members", r["rec_id"], re.sub(r"rec-(\d+)-.*", r"\1", r["rec_id"])) for r in rows]
    name = f"febrl{number}_ssn" if with_number else f"febrl{number}"
    return _write(room, name, "pos/{}/members.csv", people, truth)


def _day(written: str) -> str:
    """`19081209` as an ISO date; empty where the digits are no day."""
    try:
        return date(int(written[:4]), int(written[4:6]), int(written[6:8])).isoformat()
    except ValueError:
        return ""


def _write(
    room: Path, name: str, file: str, people: list[dict[str, str]], truth: list[tuple[str, str, str]]
) -> BenchmarkSet:
    path = room / name / "landing" / file.format(END.isoformat())
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(people[0]))
        writer.writeheader()
        writer.writerows(people)
    records = room / name / "truth" / "records.parquet"
    records.parent.mkdir(parents=True, exist_ok=True)
    columns = zip(*truth, strict=True)
    pq.write_table(pa.table(dict(zip(("source", "record_key", "person_id"), map(list, columns), strict=True))), records)
    return BenchmarkSet(name, room / name / "landing", records)
