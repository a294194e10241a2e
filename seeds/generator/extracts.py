"""The small delivery in `seeds/extracts`: a quiet generated neighbourhood, and the hard cases of `data/planted/*.csv`.

What belongs here: writing those files and stating what must come out of them. What does not: anything random of its
own. Run `python -m seeds.generator.extracts` after a change; a test compares the committed bytes.
"""

import csv
import gzip
import json
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from io import StringIO
from pathlib import Path

import duckdb
import numpy as np

from seeds.generator.deliveries import STATUSES, deliver
from seeds.generator.files import Plan, headers_of, write_file, write_sheet
from seeds.generator.people import make_people
from seeds.generator.tables import Column, Table, identifiers
from seeds.generator.vocabulary import DATA_DIR, load_profile
from seeds.generator.world import World, make_world

ROOT = Path(__file__).resolve().parents[2]
EXTRACTS_DIR = ROOT / "seeds" / "extracts"
CASES_DIR = ROOT / "tests" / "cases"
EPOCH = date(1970, 1, 1)

# The third delivery comes two days late: it holds the rows of three days.
DELIVERY_DATES = (date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 5))
SEED = 20260301
PEOPLE = 48
LINES = 360
HISTORY_DAYS = 420

KEYS = {
    "pos_members": ("member_id",),
    "pos_sales": ("ticket_id", "line_no"),
    "ecommerce_customers": ("account_id",),
    "ecommerce_orders": ("order_id", "line_no"),
    "ecommerce_events": ("event_id",),
    "call_center_cases": ("case_id",),
    "call_center_surveys": ("survey_id",),
    "call_center_outreach": ("contact_id",),
}
RECORD_SOURCES = {
    "pos_members": "pos.members",
    "pos_sales": "pos.sales",
    "ecommerce_customers": "ecommerce.customers",
    "ecommerce_orders": "ecommerce.orders",
    "call_center_cases": "call_center.cases",
    "call_center_surveys": "call_center.surveys",
    "call_center_outreach": "call_center.outreach",
}

# One plan per delivery: format, encoding, headers, times, numbers, extra column.
PLANS: dict[str, tuple[Plan, Plan, Plan]] = {
    "pos_members": (
        Plan("csv", "gbk", "chinese", "slash", "plain", ""),
        Plan("xlsx", "utf-8", "chinese", "excel", "plain", ""),
        Plan("tsv", "utf-8", "english", "iso", "plain", ""),
    ),
    "pos_sales": (
        Plan("csv", "gbk", "chinese", "slash", "grouped", ""),
        Plan("csv.gz", "utf-8", "english", "iso", "plain", ""),
        Plan("csv", "gb18030", "chinese", "dash", "yuan", "cashier_id"),
    ),
    "ecommerce_customers": (
        Plan("jsonl", "utf-8", "english", "iso_offset", "plain", ""),
        Plan("csv", "utf-8-sig", "english", "dash", "plain", ""),
        Plan("parquet", "utf-8", "english", "dash", "plain", ""),
    ),
    "ecommerce_orders": (
        Plan("parquet", "utf-8", "english", "dash", "plain", ""),
        Plan("csv", "utf-8-sig", "chinese", "dash", "plain", ""),
        Plan("jsonl", "utf-8", "english", "epoch", "plain", ""),
    ),
    "ecommerce_events": (
        Plan("csv.gz", "utf-8", "english", "dash_seconds", "plain", ""),
        Plan("jsonl", "utf-8", "english", "epoch", "plain", ""),
        Plan("parquet", "utf-8", "english", "dash_seconds", "plain", ""),
    ),
    "call_center_cases": (
        Plan("csv", "gb18030", "chinese", "dash", "plain", ""),
        Plan("xlsx", "utf-8", "chinese", "excel", "plain", ""),
        Plan("csv", "utf-8", "english", "iso", "plain", ""),
    ),
    "call_center_surveys": (
        Plan("xlsx", "utf-8", "chinese", "slash", "plain", ""),
        Plan("csv", "utf-8-sig", "english", "dash", "plain", ""),
        Plan("csv", "gbk", "chinese", "slash", "plain", ""),
    ),
    "call_center_outreach": (
        Plan("csv", "utf-8", "english", "dash", "plain", ""),
        Plan("tsv", "utf-8", "english", "slash", "plain", ""),
        Plan("jsonl", "utf-8", "english", "iso", "plain", ""),
    ),
}
# Files of planted rows by name: encoding and headers; the format is in the name.
PLANTED_FILES = {
    "members_shop.csv": ("gbk", "chinese"),
    "members_kiosk.csv": ("utf-8", "chinese"),
    "customers_wechat.jsonl": ("utf-8", "english"),
    "sales_store0399.csv": ("gbk", "chinese"),
    "sales_store0398.csv.gz": ("utf-8", "english"),
    "orders_back_office.csv": ("utf-8-sig", "chinese"),
    "cases_hotline.csv": ("gbk", "chinese"),
    "surveys_hotline.xlsx": ("utf-8", "chinese"),
}


@dataclass(frozen=True)
class Planted:
    """One hand-made row: where it is delivered, whose it is, what is wrong with it, and its cells as text."""

    turn: int
    file: str
    person: str
    fault: str
    raw: str
    cells: dict[str, str]


def planted_rows(dataset: str) -> list[Planted]:
    """The hand-made rows of a dataset, in file order."""
    path = DATA_DIR / "planted" / f"{dataset}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    notes = {"delivery", "file", "person", "fault", "raw", "case"}
    return [
        Planted(
            int(r["delivery"]) - 1,
            r["file"],
            r["person"],
            r["fault"],
            r["raw"],
            {k: v for k, v in r.items() if k not in notes},
        )
        for r in rows
    ]


def write_extracts(target: Path) -> dict[str, object]:
    """Write the three deliveries below `target`; returns the facts that must come out of them.

    Facts: `rows` (dataset to status to count, rows of unreadable files left out), `amounts` (the same in yuan as text),
    `files_quarantined` (file to reason), `quarantine_open` and `quarantine_released` (row level), `customers` (people
    who can be told apart), `revenue` (gross, net, by channel), `truth` (source, record key, person;
    empty: nobody can tell).
    """
    world = _neighbourhood()
    rows: dict[str, dict[str, int]] = {}
    amounts: dict[str, dict[str, Decimal]] = {}
    for dataset in PLANS:
        counted, summed = _write_generated(world.tables[dataset], target)
        for turn in range(len(DELIVERY_DATES)):
            _write_planted(dataset, turn, target)
        _count_planted(dataset, counted, summed)
        rows[dataset], amounts[dataset] = counted, summed
    truth = _truth(world)
    broken = _released(world)
    return {
        "delivery_dates": [d.isoformat() for d in DELIVERY_DATES],
        "rows": rows,
        "amounts": {d: {s: str(a) for s, a in v.items()} for d, v in amounts.items() if any(v.values())},
        "files_quarantined": {
            "pos/2026-03-02/members_kiosk.csv": "missing_key_column",
            "pos/2026-03-02/sales_store0398.csv.gz": "truncated_archive",
        },
        "quarantine_released": broken,
        "quarantine_open": sum(r["quarantined"] for r in rows.values()) - broken,
        "customers": len({person for _, _, person in truth if person}),
        "revenue": _revenue(world),
        "truth": [list(entry) for entry in truth],
    }


def _neighbourhood() -> World:
    """The quiet part: nothing misspelt, nobody changes a number."""
    clean = load_profile("clean")
    profile = replace(clean, rates={**clean.rates, "number_changed": 0.0})
    first, last = ((d - EPOCH).days for d in (DELIVERY_DATES[0], DELIVERY_DATES[-1]))
    people = make_people(SEED, PEOPLE, profile, first - HISTORY_DAYS, last)
    return make_world(SEED, people, lines=LINES, first_day=first - HISTORY_DAYS, last_day=last, first_delivery=first)


def _turn_of(days: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Number of the delivery that first can hold a day."""
    bounds = np.array([(d - EPOCH).days for d in DELIVERY_DATES])
    return np.searchsorted(bounds, days).astype(np.int64)


def _write_generated(table: Table, target: Path) -> tuple[dict[str, int], dict[str, Decimal]]:
    """Write the generated rows of a dataset; returns rows and amounts by status."""
    settled = replace(table, born=_turn_of(table.born), settled=_turn_of(table.settled), part=None, part_labels=("",))
    delivered = deliver(SEED, settled, load_profile("clean"), 0, len(DELIVERY_DATES))
    source, _, dataset = table.name.rpartition("_")
    with duckdb.connect() as connection:
        for turn, day in enumerate(DELIVERY_DATES):
            here = delivered.turn == turn
            if not here.any():
                continue
            plan = PLANS[table.name][turn]
            folder = target / source / day.isoformat()
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{dataset}.{plan.format}"
            write_file(
                connection, settled, plan, path, delivered.row[here], delivered.stale[here], delivered.fault[here],
                day.year, turn,
            )  # fmt: skip
    counted = {name: int((delivered.status == code).sum()) for code, name in enumerate(STATUSES)}
    summed = dict.fromkeys(STATUSES, Decimal(0))
    if table.amount:
        values = table.columns[table.amount].values[delivered.row]
        summed = {name: _yuan(int(values[delivered.status == code].sum())) for code, name in enumerate(STATUSES)}
    return counted, summed


def _yuan(fen: int) -> Decimal:
    """Fen as yuan."""
    return Decimal(fen) / 100


def _write_planted(dataset: str, turn: int, target: Path) -> None:
    """Write the hand-made files of a dataset and delivery."""
    files: dict[str, list[Planted]] = defaultdict(list)
    for row in planted_rows(dataset):
        if row.turn == turn:
            files[row.file].append(row)
    folder = target / dataset.rpartition("_")[0] / DELIVERY_DATES[turn].isoformat()
    for file, rows in files.items():
        folder.mkdir(parents=True, exist_ok=True)
        encoding, language = PLANTED_FILES[file]
        # The key column is left out of a file whose rows hold no key and no fault: that is the broken file.
        key = KEYS[dataset][0]
        names = [n for n in rows[0].cells if n != key or any(r.cells[key] or r.fault for r in rows)]
        headers = headers_of(dataset, Plan("csv", encoding, language, "dash", "plain", ""), names)
        path = folder / file
        if file.endswith(".xlsx"):
            write_sheet(path, headers, [tuple(r.cells[n] or None for n in names) for r in rows])
            continue
        content = _json(names, rows) if file.endswith(".jsonl") else _csv(headers, names, rows)
        data = content.encode(encoding)
        if file.endswith(".gz"):
            data = gzip.compress(data, mtime=0)
            if any(r.fault == "broken" for r in rows):
                data = data[: len(data) // 2]
        path.write_bytes(data)


def _json(names: list[str], rows: list[Planted]) -> str:
    """Rows as one JSON object a line."""
    return "".join(json.dumps({n: r.cells[n] or None for n in names}, ensure_ascii=False) + "\n" for r in rows)


def _csv(headers: list[str], names: list[str], rows: list[Planted]) -> str:
    """Rows as CSV; a raw line goes in as it is."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(headers)
    for row in rows:
        if row.raw:
            out.write(row.raw + "\r\n")
        else:
            writer.writerow([row.cells[n] for n in names])
    return out.getvalue()


def _unreadable_file(dataset: str, row: Planted) -> bool:
    """Whether the row lies in a file that cannot be read at all."""
    return row.fault == "broken" or not (row.raw or row.cells[KEYS[dataset][0]] or row.fault)


def _amount(row: Planted) -> Decimal:
    """The row's amount in yuan; what cannot be read counts 0."""
    written = unicodedata.normalize("NFKC", row.cells.get("amount", "")).strip("¥￥").replace(",", "")
    try:
        return Decimal(written or "0")
    except InvalidOperation:
        return Decimal(0)


def _statuses(dataset: str) -> list[tuple[Planted, str]]:
    """What a right loader makes of each hand-made row of a readable file."""
    rows = [r for r in planted_rows(dataset) if not _unreadable_file(dataset, r)]
    good = [r for r in rows if not r.fault]
    newest: dict[tuple[str, ...], Planted] = {}
    for row in sorted(good, key=lambda r: r.turn):
        newest[tuple(row.cells[k] for k in KEYS[dataset])] = row
    seen: set[tuple[str, ...]] = set()
    found: list[tuple[Planted, str]] = []
    for row in rows:
        key = tuple(row.cells[k] for k in KEYS[dataset])
        if row.fault:
            status = "quarantined"
        elif row.cells != newest[key].cells:
            status = "superseded"
        else:
            status = "repeated" if key in seen else "loaded"
            seen.add(key)
        found.append((row, status))
    return found


def _count_planted(dataset: str, counted: dict[str, int], summed: dict[str, Decimal]) -> None:
    """Add the hand-made rows to the counts."""
    for row, status in _statuses(dataset):
        counted[status] += 1
        summed[status] += _amount(row)


def _released(world: World) -> int:
    """Bad rows whose key came again in a good row."""
    count = 0
    for dataset in world.tables:
        good = {tuple(r.cells[k] for k in KEYS[dataset]) for r, s in _statuses(dataset) if s != "quarantined"}
        count += sum(
            1
            for r, s in _statuses(dataset)
            if s == "quarantined" and not r.raw and tuple(r.cells[k] for k in KEYS[dataset]) in good
        )
    return count


def _truth(world: World) -> list[tuple[str, str, str]]:
    """Source, record key and person of each source record; no person where the record names nobody."""
    entries: list[tuple[str, str, str]] = []
    for dataset, source in RECORD_SOURCES.items():
        numbers, person = world.records[source]
        table = world.tables[dataset]
        key: Column = table.columns[KEYS[dataset][0]]
        known = table.identified()
        named = set(key.values[known].tolist())
        keys = identifiers(key.prefix, numbers, key.width).take(np.arange(len(numbers))).to_pylist()
        for text, number, who in zip(keys, numbers.tolist(), person.tolist(), strict=True):
            entries.append((source, str(text), f"P{who + 1:04d}" if number in named else ""))
        found = {r.cells[KEYS[dataset][0]]: r.person for r, s in _statuses(dataset) if s == "loaded" and r.person}
        entries += [(source, k, "" if who.startswith("nobody") else who) for k, who in found.items()]
    return sorted(entries)


def _revenue(world: World) -> dict[str, str]:
    """Gross (all lines sold) and net (less refunds, cancellations and returns) in yuan, by channel."""
    shop = [Decimal(int(a)) / 100 for a in world.tables["pos_sales"].columns["amount"].values]
    shop += [_amount(r) for r, s in _statuses("pos_sales") if s == "loaded"]
    orders = world.tables["ecommerce_orders"]
    states = orders.columns["status"].take(np.arange(len(orders))).to_pylist()
    online = [(Decimal(int(a)) / 100, str(s)) for a, s in zip(orders.columns["amount"].values, states, strict=True)]
    online += [(_amount(r), r.cells["status"]) for r, s in _statuses("ecommerce_orders") if s == "loaded"]
    gone = {"refunded", "cancelled"}
    return {
        "shop_gross": str(sum(a for a in shop if a > 0)),
        "shop_net": str(sum(shop)),
        "online_gross": str(sum(a for a, _ in online)),
        "online_net": str(sum(a for a, s in online if s not in gone)),
    }


def main() -> None:
    """Write the committed extracts, their facts and their truth."""
    for old in sorted(EXTRACTS_DIR.glob("*/*/*")):
        old.unlink()
    facts = write_extracts(EXTRACTS_DIR)
    write_facts(facts, CASES_DIR)


def write_facts(facts: dict[str, object], folder: Path) -> None:
    """Write `extracts_expected.json` and `extracts_truth.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = facts["truth"]
    rest = {k: v for k, v in facts.items() if k != "truth"}
    shown = json.dumps(rest, ensure_ascii=False, indent=1) + "\n"
    (folder / "extracts_expected.json").write_text(shown, encoding="utf-8")
    with (folder / "extracts_truth.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["source", "record_key", "person"])
        if isinstance(truth, list):
            writer.writerows(truth)


if __name__ == "__main__":
    main()
