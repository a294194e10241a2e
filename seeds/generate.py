"""A retail world of any size and seed, as the sources would deliver it, with the truth beside it.

What belongs here: the one function that writes a world, and what it says about it. What does not: the steps
themselves (`seeds/generator`).
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.errors import UserError
from seeds.generator.deliveries import STATUSES, Delivered, deliver, faults_of
from seeds.generator.files import plan_for, write_file
from seeds.generator.people import People, language_of, make_people, true_names
from seeds.generator.tables import Column, Table, coded, identifiers
from seeds.generator.vocabulary import Bools, Profile, load_profile
from seeds.generator.world import World, make_world

HISTORY_DAYS = 730
# A file of the back history holds at most this many rows.
FILE_ROWS = 1_000_000
EPOCH = date(1970, 1, 1)
Progress = Callable[[str, float], None]
# The share of the work that lies behind before the world, before its tables and before the truth.
_PEOPLE, _WORLD, _TABLES = 0.05, 0.3, 0.9


@dataclass
class DatasetSummary:
    """Delivered rows of one dataset by what a right loader makes of them; amounts in fen."""

    files: int = 0
    rows_received: int = 0
    rows_loaded: int = 0
    rows_superseded: int = 0
    rows_repeated: int = 0
    rows_quarantined: int = 0
    amount_received: int = 0
    amount_loaded: int = 0
    amount_superseded: int = 0
    amount_repeated: int = 0
    amount_quarantined: int = 0


@dataclass
class WorldSummary:
    """What was written; the same as `truth/summary.json`."""

    target: str
    profile: str
    seed: int
    people: int
    lines: int
    first_delivery: str
    last_delivery: str
    files: int
    bytes: int
    datasets: dict[str, DatasetSummary] = field(default_factory=dict)
    planted: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


def generate(
    target: Path,
    *,
    people: int,
    lines: int,
    days: int,
    seed: int,
    end: date,
    profile: str = "default",
    history_days: int = HISTORY_DAYS,
    progress: Progress | None = None,
) -> WorldSummary:
    """Write a landing zone at `target` and its truth at `truth/` beside it.

    The same arguments give the same bytes. A landing zone that this function wrote before is replaced; files of
    anyone else are never touched.

    Args:
        target: The landing zone; made where it is not there.
        people: Persons of the world (at least 1).
        lines: Purchase lines over both channels, returns included.
        days: Daily deliveries up to and including `end`; the first holds the back history.
        seed: Any whole number from 0.
        end: Date of the last delivery.
        profile: Noise profile: a column of `seeds/generator/data/profiles.csv`.
        history_days: Days of back history before the first delivery.
        progress: Called before each step with its name and the share of the work that lies behind, 0 to 1.

    Returns:
        Rows, amounts and planted faults.

    Raises:
        UserError: an argument is out of range, or the target holds files that were not generated.
    """
    started = time.perf_counter()
    for name, value, least in (("people", people, 1), ("lines", lines, 0), ("days", days, 1), ("seed", seed, 0)):
        if value < least:
            raise UserError(f"{name} is {value}: give at least {least}.")
    if history_days < 1:
        raise UserError(f"history_days is {history_days}: give at least 1.")
    noise = load_profile(profile)
    truth = target.parent / "truth"
    _clear(target, truth)
    say = progress or (lambda message, share: None)

    last_day = (end - EPOCH).days
    first_delivery = last_day - days + 1
    first_day = first_delivery - history_days
    say(f"{people:,} people", 0.0)
    who = make_people(seed, people, noise, first_day, last_day)
    say(f"{lines:,} purchase lines, and what goes with them", _PEOPLE)
    world = make_world(seed, who, lines=lines, first_day=first_day, last_day=last_day, first_delivery=first_delivery)

    summary = WorldSummary(
        target=target.name, profile=profile, seed=seed, people=people, lines=lines,
        first_delivery=(EPOCH + timedelta(first_delivery)).isoformat(), last_delivery=end.isoformat(), files=0, bytes=0,
    )  # fmt: skip
    truth.mkdir(parents=True, exist_ok=True)
    files: list[dict[str, object]] = []
    counts: list[dict[str, object]] = []
    loaded: dict[str, tuple[Column, Delivered, Bools]] = {}
    with duckdb.connect() as connection:
        connection.execute("set preserve_insertion_order = true")
        rows = sum(len(table) for table in world.tables.values())
        written = 0
        for name in list(world.tables):
            table = world.tables.pop(name)
            delivered = deliver(seed, table, noise, first_delivery, days)
            say(f"{name}: {len(delivered.row):,} rows", _WORLD + (_TABLES - _WORLD) * written / max(rows, 1))
            written += len(table)
            files += _write_table(connection, target, table, delivered, noise, first_delivery, days)
            counts += _count(table, delivered, first_delivery, days)
            if name in RECORD_KEYS:
                loaded[name] = (table.columns[RECORD_KEYS[name][1]], delivered, table.identified())
    say("truth", _TABLES)
    _summarise(summary, files, counts, world)
    _write_truth(truth, world, who, loaded, files, counts)
    summary.bytes = sum(p.stat().st_size for p in target.rglob("*") if p.is_file())
    content = asdict(summary)
    del content["seconds"]
    (truth / "summary.json").write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    summary.seconds = round(time.perf_counter() - started, 1)
    return summary


def _clear(target: Path, truth: Path) -> None:
    """Remove the files of an earlier world; refuse to mix with files of anyone else."""
    listed = truth / "files.json"
    if listed.exists():
        for entry in json.loads(listed.read_text(encoding="utf-8")):
            (target / entry["file"]).unlink(missing_ok=True)
    if target.exists():
        strangers = sorted(p for p in target.rglob("*") if p.is_file())
        if strangers:
            raise UserError(
                f"{target} holds {len(strangers)} file(s) that were not generated, such as "
                f"{strangers[0].relative_to(target)}. Choose an empty folder."
            )
        for folder in sorted((p for p in target.rglob("*") if p.is_dir()), reverse=True):
            folder.rmdir()
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{target} cannot be made: {error.strerror}. Choose another folder.") from error


def _write_table(
    connection: duckdb.DuckDBPyConnection,
    target: Path,
    table: Table,
    delivered: Delivered,
    profile: Profile,
    first_delivery: int,
    days: int,
) -> list[dict[str, object]]:
    """Write every file of a dataset; returns one entry per file."""
    source, dataset = split_name(table.name)
    part = np.zeros(len(table), np.int64) if table.part is None else table.part
    parts = len(table.part_labels)
    group = delivered.turn * parts + part[delivered.row]
    bounds = np.searchsorted(group, np.arange(days * parts + 1))
    files: list[dict[str, object]] = []
    for number in range(days * parts):
        low, high = int(bounds[number]), int(bounds[number + 1])
        if low == high:
            continue
        turn, which = divmod(number, parts)
        day = EPOCH + timedelta(first_delivery + turn)
        folder = target / source / day.isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        for chunk, start in enumerate(range(low, high, FILE_ROWS)):
            stop = min(start + FILE_ROWS, high)
            plan = plan_for(table, turn + which + chunk, profile, stop - start)
            label = table.part_labels[which] + (f"_{chunk + 1:02d}" if high - low > FILE_ROWS else "")
            path = folder / f"{dataset}{label}.{plan.format}"
            here = slice(start, stop)
            write_file(
                connection, table, plan, path,
                delivered.row[here], delivered.stale[here], delivered.fault[here], day.year, turn,
            )  # fmt: skip
            files.append(
                {
                    "file": path.relative_to(target).as_posix(),
                    "source": source,
                    "dataset": dataset,
                    "delivery_date": day.isoformat(),
                    "rows": stop - start,
                    "format": plan.format,
                    "encoding": plan.encoding,
                }
            )
    return files


def split_name(table: str) -> tuple[str, str]:
    """Source and dataset of a table name, e.g. `call_center_cases`."""
    source, _, dataset = table.rpartition("_")
    return source, dataset


def _count(table: Table, delivered: Delivered, first_delivery: int, days: int) -> list[dict[str, object]]:
    """Rows and amounts per delivery and status: what `quality.deliveries` must show."""
    source, dataset = split_name(table.name)
    amount = np.zeros(len(delivered.row), np.int64)
    if table.amount:
        amount = table.columns[table.amount].values[delivered.row].copy()
        if table.amount in table.stale:
            amount = np.where(delivered.stale, table.stale[table.amount].values[delivered.row], amount)
        amount = np.where(np.isin(delivered.fault, _unreadable(table)), 0, amount)
    entries: list[dict[str, object]] = []
    for turn in range(days):
        here = slice(*np.searchsorted(delivered.turn, [turn, turn + 1]).tolist())
        if here.start == here.stop:
            continue
        status, money = delivered.status[here], amount[here]
        entry: dict[str, object] = {
            "source": source,
            "dataset": dataset,
            "delivery_date": (EPOCH + timedelta(first_delivery + turn)).isoformat(),
            "rows_received": len(status),
            "amount_received": int(money.sum()),
        }
        for code, name in enumerate(STATUSES):
            entry[f"rows_{name}"] = int((status == code).sum())
            entry[f"amount_{name}"] = int(money[status == code].sum())
        entries.append(entry)
    return entries


def _unreadable(table: Table) -> list[int]:
    """Numbers of the faults that make the amount unreadable: it counts 0 everywhere."""
    return [n for n, f in enumerate(faults_of(table.name), start=1) if f.column == table.amount]


RECORD_KEYS = {
    "pos_members": ("pos.members", "member_id"),
    "ecommerce_customers": ("ecommerce.customers", "account_id"),
    "call_center_cases": ("call_center.cases", "case_id"),
    "call_center_surveys": ("call_center.surveys", "survey_id"),
    "call_center_outreach": ("call_center.outreach", "contact_id"),
    "ecommerce_orders": ("ecommerce.orders", "order_id"),
    "pos_sales": ("pos.sales", "ticket_id"),
}


def _summarise(
    summary: WorldSummary, files: list[dict[str, object]], counts: list[dict[str, object]], world: World
) -> None:
    """Add up the entries."""
    for entry in counts:
        name = f"{entry['source']}_{entry['dataset']}"
        total = summary.datasets.setdefault(name, DatasetSummary())
        for key, value in entry.items():
            if key.startswith(("rows_", "amount_")) and isinstance(value, int):
                setattr(total, key, getattr(total, key) + value)
    for entry in files:
        summary.datasets[f"{entry['source']}_{entry['dataset']}"].files += 1
    summary.files = len(files)
    summary.planted = dict(sorted((k, v) for k, v in world.planted.items() if v))


def _write_truth(
    truth: Path,
    world: World,
    people: People,
    loaded: dict[str, tuple[Column, Delivered, Bools]],
    files: list[dict[str, object]],
    counts: list[dict[str, object]],
) -> None:
    """Write `records`, `people`, `deliveries` and the list of files."""
    labels = identifiers("P", np.arange(1, len(people) + 1), 8)
    tables: list[pa.Table] = []
    for name, (column, delivered, identified) in sorted(loaded.items()):
        source = RECORD_KEYS[name][0]
        numbers, person = world.records[source]
        good = np.zeros(int(column.values.max(initial=0)) + 2, bool)
        good[column.values[delivered.loaded]] = True
        named = np.zeros(len(good), bool)
        named[column.values[identified]] = True
        tables.append(
            pa.table(
                {
                    "source": coded([source], np.zeros(len(person), np.int64)).take(np.arange(len(person))),
                    "record_key": identifiers(column.prefix, numbers, column.width).take(np.arange(len(person))),
                    "person_id": labels.take(person),
                    "loaded": pa.array(good[numbers]),
                    "identified": pa.array(named[numbers]),
                }
            )
        )
    pq.write_table(pa.concat_tables(tables), truth / "records.parquet", compression="zstd")
    pq.write_table(_people_table(people), truth / "people.parquet", compression="zstd")
    pq.write_table(pa.Table.from_pylist(counts), truth / "deliveries.parquet", compression="zstd")
    (truth / "files.json").write_text(json.dumps(files, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _people_table(people: People) -> pa.Table:
    """One row per person: who they are without any fault of writing."""
    everyone = np.arange(len(people))
    old = people.old_phone > 0
    days = pa.date32()
    return pa.table(
        {
            "person_id": identifiers("P", everyone + 1, 8).take(everyone),
            "household_id": identifiers("H", people.household + 1, 8).take(everyone),
            "name": true_names(people),
            "gender": coded(["male", "female"], people.female.astype(np.int64)).take(everyone),
            "birthday": pa.array(people.birthday.astype(np.int32)).cast(days),
            "city": language_of(people.profile).cities.column("city").take(pa.array(people.city)),
            "address": people.address,
            "phone": pa.array(people.phone).cast(pa.string()),
            "old_phone": pa.array(people.old_phone, mask=~old).cast(pa.string()),
            "phone_changed_on": pa.array(people.changed_on.astype(np.int32), mask=~old).cast(days),
            "landline": people.landline,
            "email": people.email,
            "won_on": pa.array(people.start.astype(np.int32)).cast(days),
            "lost_on": pa.array(people.end.astype(np.int32)).cast(days),
        }
    )
