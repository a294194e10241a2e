"""What `seeds.generate` promises: same bytes, readable files, true counts, a lifelike world."""

import hashlib
import json
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import duckdb
import phonenumbers
import pytest

from data_quality.contract import load_contracts
from orchestration.errors import UserError
from seeds.generate import WorldSummary, generate
from seeds.generator.vocabulary import profile_names

END = date(2026, 11, 20)
World = tuple[Path, WorldSummary]
Reader = Callable[[Path, str], list[dict[str, Any]]]


def truth(landing: Path, name: str) -> str:
    return f"read_parquet('{landing.parent / 'truth' / name}.parquet')"


def files(landing: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads((landing.parent / "truth" / "files.json").read_text(encoding="utf-8"))
    return listed


def checksums(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def number(value: object) -> Decimal:
    try:
        return Decimal(unicodedata.normalize("NFKC", str(value)).replace(",", "").strip("¥￥"))
    except InvalidOperation:
        return Decimal(0)


def meant(table: str, row: dict[str, Any]) -> dict[str, str]:
    """Contract column to header of a file, by its first row."""
    found = {load_contracts()[table].column_of_header(h): h for h in row}
    return {column: header for column, header in found.items() if column}


def small(landing: Path, **changes: Any) -> WorldSummary:
    arguments: dict[str, Any] = {"people": 120, "lines": 700, "days": 4, "seed": 3, "end": END, **changes}
    return generate(landing, **arguments)


def test_same_arguments_give_the_same_bytes_on_any_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(tmp_path / "a" / "landing", lines=4000)
    connect = duckdb.connect
    monkeypatch.setattr("seeds.generate.duckdb.connect", lambda: connect(config={"threads": 1}))
    small(tmp_path / "b" / "landing", lines=4000)
    assert checksums(tmp_path / "a") == checksums(tmp_path / "b")


def test_another_seed_gives_another_world(tmp_path: Path) -> None:
    small(tmp_path / "a" / "landing")
    small(tmp_path / "b" / "landing", seed=4)
    names = [
        duckdb.sql(f"select name from {truth(tmp_path / x / 'landing', 'people')} order by person_id").fetchall()
        for x in "ab"
    ]
    assert names[0] != names[1]


@pytest.mark.parametrize("profile", profile_names())
def test_every_profile_gives_files_in_their_encoding_with_known_headers(
    tmp_path: Path, read_extract: Reader, profile: str
) -> None:
    landing = tmp_path / "landing"
    small(landing, profile=profile, days=7, lines=2000)
    contracts = load_contracts()
    seen: set[tuple[str, str]] = set()
    for entry in files(landing):
        rows = read_extract(landing / entry["file"], entry["encoding"])
        assert len(rows) == entry["rows"]
        contract = contracts[f"{entry['source']}_{entry['dataset']}"]
        assert set(meant(contract.table, rows[0])) == set(contract.columns), entry["file"]
        seen.add((entry["format"], entry["encoding"]))
    assert {f for f, _ in seen} == {"csv", "csv.gz", "tsv", "jsonl", "parquet", "xlsx"}
    assert profile == "latin" or {"utf-8", "utf-8-sig", "gbk", "gb18030"} <= {e for _, e in seen}


def test_rows_and_amounts_of_each_delivery_are_what_the_truth_says(world: World, read_extract: Reader) -> None:
    landing, _ = world
    contracts = load_contracts()
    rows: Counter[tuple[str, str]] = Counter()
    amounts: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for entry in files(landing):
        table = f"{entry['source']}_{entry['dataset']}"
        contract, key = contracts[table], (table, entry["delivery_date"])
        delivered = read_extract(landing / entry["file"], entry["encoding"])
        rows[key] += len(delivered)
        if contract.amount:
            header = meant(table, delivered[0])[contract.amount]
            amounts[key] += sum(number(row[header]) for row in delivered)
    counted = duckdb.sql(
        f"""select source || '_' || dataset, delivery_date, rows_received, amount_received,
                   rows_loaded + rows_superseded + rows_repeated + rows_quarantined,
                   amount_loaded + amount_superseded + amount_repeated + amount_quarantined
            from {truth(landing, "deliveries")}"""
    ).fetchall()
    assert {(t, d): n for t, d, n, *_ in counted} == rows
    for table, day, received, amount, rows_by_status, amount_by_status in counted:
        assert received == rows_by_status
        assert amount == amount_by_status
        assert Decimal(amount) / 100 == amounts[table, day]


def test_the_key_of_every_loaded_row_is_loaded_once(world: World, read_extract: Reader) -> None:
    landing, summary = world
    contracts = load_contracts()
    keys: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for entry in files(landing):
        table = f"{entry['source']}_{entry['dataset']}"
        rows = read_extract(landing / entry["file"], entry["encoding"])
        headers = meant(table, rows[0])
        for row in rows:
            key = tuple(str(row[headers[k]] or "").removesuffix(".0") for k in contracts[table].key)
            if all(key):
                keys[table].add(key)
    for table, total in summary.datasets.items():
        # Bad rows have keys too, unless that is what is wrong with them.
        assert total.rows_loaded <= len(keys[table]) <= total.rows_loaded + total.rows_quarantined


def test_purchase_lines_are_as_many_as_asked_for(clean_world: World) -> None:
    _, summary = clean_world
    loaded = summary.datasets["pos_sales"].rows_loaded + summary.datasets["ecommerce_orders"].rows_loaded
    assert loaded == summary.lines == 30_000


def test_a_clean_world_has_no_fault(clean_world: World) -> None:
    _, summary = clean_world
    assert {k: d.rows_quarantined for k, d in summary.datasets.items() if d.rows_quarantined} == {}
    assert {k: d.rows_repeated for k, d in summary.datasets.items() if d.rows_repeated} == {}
    behaviour = ("complaint", "gift", "guest_order", "ticket_", "lines_returned", "number_changed")
    faults = {k: v for k, v in summary.planted.items() if not k.split(":")[1].startswith(behaviour)}
    assert faults == {}


def test_planted_faults_come_at_their_rates(world: World) -> None:
    _, summary = world
    members = summary.datasets["pos_members"].rows_loaded + summary.datasets["pos_members"].rows_quarantined
    for fault, rate in (
        ("name_title", 0.12),
        ("name_masked", 0.05),
        ("phone_masked", 0.06),
        ("birthday_missing", 0.45),
    ):
        found = summary.planted[f"pos_members:{fault}"]
        assert abs(found - members * rate) < 5 * (members * rate) ** 0.5, fault
    for name, total in summary.datasets.items():
        received = total.rows_received
        assert abs(total.rows_quarantined - received * 0.02) < 5 * (received * 0.02) ** 0.5 + 2, name
        assert total.rows_loaded > 0, name
    assert sum(d.rows_superseded for d in summary.datasets.values()) > 50
    assert sum(d.rows_repeated for d in summary.datasets.values()) > 20


def test_every_record_of_the_truth_has_one_person(world: World) -> None:
    landing, summary = world
    con = duckdb.connect()
    total, distinct, orphans = con.sql(
        f"""select count(*), count(distinct (source, record_key)), count(*) filter (p.person_id is null)
            from {truth(landing, "records")} as r left join {truth(landing, "people")} as p using (person_id)"""
    ).fetchall()[0]
    assert (total, orphans) == (distinct, 0)
    loaded = dict(
        con.sql(f"select source, count(*) filter (loaded) from {truth(landing, 'records')} group by all").fetchall()
    )
    for table in ("pos_members", "ecommerce_customers"):
        assert loaded[table.replace("_", ".", 1)] == summary.datasets[table].rows_loaded
    assert loaded["call_center.cases"] == summary.datasets["call_center_cases"].rows_loaded
    several = con.sql(
        f"""select count(*) from (select person_id from {truth(landing, "records")}
            where source in ('pos.members', 'ecommerce.customers') group by all having count(*) > 1)"""
    ).fetchall()[0][0]
    assert several > 300


def test_numbers_are_possible_and_recycled_ones_have_two_owners_in_turn(world: World) -> None:
    landing, _ = world
    con = duckdb.connect()
    for (written,) in con.sql(f"select phone from {truth(landing, 'people')}").fetchall():
        assert phonenumbers.is_valid_number(phonenumbers.parse(written, "CN")), written
    recycled = con.sql(
        f"""select a.phone_changed_on, b.won_on from {truth(landing, "people")} as a
            join {truth(landing, "people")} as b on a.old_phone = b.phone"""
    ).fetchall()
    assert len(recycled) > 5
    assert all(taken >= given + timedelta(90) for given, taken in recycled)


def test_homonyms_and_households_exist(world: World) -> None:
    landing, _ = world
    homonyms, households = duckdb.sql(
        f"""select count(*) - count(distinct name), count(distinct household_id) from {truth(landing, "people")}"""
    ).fetchall()[0]
    assert homonyms > 30
    assert 600 < households < 1000


def test_a_few_people_bring_much_of_the_revenue(clean_world: World, read_extract: Reader) -> None:
    landing, _ = clean_world
    spend: Counter[str] = Counter()
    for entry in files(landing):
        table = f"{entry['source']}_{entry['dataset']}"
        who = {"pos_sales": "member_id", "ecommerce_orders": "account_id"}.get(table)
        if not who:
            continue
        rows = read_extract(landing / entry["file"], entry["encoding"])
        headers = meant(table, rows[0])
        for row in rows:
            customer = row[headers[who]]
            spend[f"{table}{customer}"] += float(number(row[headers["amount"]])) if customer else 0
    ordered = sorted(spend.values(), reverse=True)
    top = sum(ordered[: len(ordered) // 20]) / sum(ordered)
    assert 0.25 < top < 0.6


def test_a_shorter_history_and_one_person_work(tmp_path: Path) -> None:
    summary = small(tmp_path / "landing", people=1, lines=0, days=1, history_days=1)
    assert summary.people == 1
    assert summary.first_delivery == summary.last_delivery == "2026-11-20"


def test_a_world_replaces_the_one_before_and_nothing_else(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    small(landing, days=6)
    small(landing, days=2)
    assert {p.name for p in landing.glob("*/*")} == {"2026-11-19", "2026-11-20"}
    (landing / "pos" / "2026-11-20" / "sales_mine.csv").write_text("ticket_id\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"sales_mine\.csv.*Choose an empty folder"):
        small(landing)
    assert (landing / "pos" / "2026-11-20" / "sales_mine.csv").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"profile": "quiet"}, "no noise profile 'quiet'. Choose one of: clean, default, noisy, latin"),
        ({"people": 0}, "people is 0: give at least 1"),
        ({"lines": -1}, "lines is -1: give at least 0"),
        ({"days": 0}, "days is 0: give at least 1"),
        ({"history_days": 0}, "history_days is 0: give at least 1"),
    ],
)
def test_an_argument_out_of_range_says_what_to_give(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as error:
        small(tmp_path / "landing", **changes)
    assert message in str(error.value)
    assert not (tmp_path / "landing").exists()
