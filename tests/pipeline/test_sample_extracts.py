"""The whole way on the sample extracts: twice the same, and then with a late delivery."""

import csv
import json
import shutil
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import sqlalchemy

from orchestration.publication.diff import content_checksums

SEEDS = Path(__file__).parents[2] / "seeds"
EXTRACTS = SEEDS / "extracts"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAYS = sorted({folder.name for source in EXTRACTS.glob("*") if source.is_dir() for folder in source.glob("20*")})
LATE = DAYS[-1]

XREF = "select source, record_key, customer_id from identity.customer_xref order by all"


def copy_deliveries(target: Path, *, late: bool) -> None:
    for folder in EXTRACTS.glob("*/20*"):
        if late or folder.name != LATE:
            shutil.copytree(folder, target / folder.parent.name / folder.name, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, refresh):
    """Landing zone and warehouse after the first two deliveries."""
    root = tmp_path_factory.mktemp("sample")
    copy_deliveries(root / "landing", late=False)
    refresh(root / "landing", root / "warehouse")
    return root


def test_a_second_refresh_without_news_says_so_and_changes_nothing(sample, refresh):
    before = (sample / "warehouse" / "serving" / "current").resolve()
    done = refresh(sample / "landing", sample / "warehouse")
    assert "Nothing new" in done.stdout
    assert (sample / "warehouse" / "serving" / "current").resolve() == before


COMMANDS_THAT_READ = """
import contextlib, io, json, sys
from orchestration.cli import app
for command in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()):
        app(command, standalone_mode=False)
    modules = sorted(name for name in sys.modules if "." not in name)
    with contextlib.redirect_stdout(io.StringIO()) as told:
        app([*command, "--json"], standalone_mode=False)
    print(json.dumps({"command": command[:-2], "modules": modules, "told": told.getvalue()}))
"""


@pytest.fixture(scope="module")
def read_by_commands(sample, tmp_path_factory):
    """What each command that only reads has imported at its end, and what it tells as JSON."""
    with duckdb.connect(str(sample / "warehouse" / "serving" / "current" / "c360.duckdb"), read_only=True) as bi:
        (customer,) = bi.execute("select min(customer_id) from marts.customer_360").fetchone()
        (audience,) = bi.execute("select min(audience) from marts.audience_members").fetchone()
    commands = [
        ["status"],
        ["customer", customer],
        ["export", audience, "--out", str(tmp_path_factory.mktemp("exports"))],
        ["versions"],
        ["quarantine", "list"],
        ["doubtful", "list"],
        ["review", "list"],
        ["review", "list", "--decided"],
        ["identity", "status"],
        ["explain", customer],
        ["alerts"],
    ]
    asked = json.dumps([[*command, "--warehouse", str(sample / "warehouse")] for command in commands])
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS_THAT_READ, asked],
        capture_output=True,
        text=True,
        cwd=SEEDS.parent,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [read["command"] for read in found] == commands
    return found


def test_commands_that_only_read_import_neither_pipeline_nor_statistics(read_by_commands):
    slow = {"dagster", "dagster_dbt", "dbt", "great_expectations", "scipy", "splink", "sqlglot", "altair"}
    imported = {" ".join(read["command"]): slow & set(read["modules"]) for read in read_by_commands}
    assert {command: modules for command, modules in imported.items() if modules} == {}


def test_commands_that_only_read_tell_one_json_document(read_by_commands):
    documents = {" ".join(read["command"][:2]): json.loads(read["told"]) for read in read_by_commands}
    assert documents["status"]["published"]["version"] == documents["versions"][0]["version"]
    assert {type(document) for document in documents.values()} == {dict, list}


def test_one_customer_is_shown_with_profile_tags_and_timeline_and_nothing_unmasked(sample, c360, published):
    bi = published(sample / "warehouse")
    query = "select customer_id from marts.fct_sales join marts.fct_cases using (customer_id) order by all limit 1"
    ((customer,),) = bi.rows(query)
    shown = c360("customer", customer, "--json", "--warehouse", sample / "warehouse")
    assert shown.returncode == 0, shown.stderr
    (view,) = json.loads(shown.stdout)
    assert view["customer_id"] == customer
    assert set(view["profile"]["person"]) & {"name", "phone", "email", "birthday"} == set()
    assert view["profile"]["purchases"]["orders"] >= 1
    assert {tag["tag"] for tag in view["tags"]} == set(view["profile"]["profile"].get("tags", []))
    times = [moment["happened_at"] for moment in view["timeline"]]
    assert times == sorted(times, reverse=True)
    assert {"spend_tier", "lifecycle_stage"} <= {segment["scheme"] for segment in view["segments"]}


def test_every_published_table_and_column_says_what_it_is(sample, published):
    bi = published(sample / "warehouse")
    silent = bi.rows("select schema_name, table_name from duckdb_tables() where comment is null")
    silent += bi.rows("select table_name, column_name from duckdb_columns() where not internal and comment is null")
    assert silent == []


def test_sqlalchemy_and_pandas_read_the_published_file(sample):
    file = sample / "warehouse" / "serving" / "current" / "c360.duckdb"
    engine = sqlalchemy.create_engine(f"duckdb:///{file}", connect_args={"read_only": True})
    with engine.connect() as connection:
        inspector = sqlalchemy.inspect(connection)
        assert {"customer_360", "fct_sales", "kpi_daily"} <= set(inspector.get_table_names(schema="marts"))
        described = inspector.get_columns("customer_xref", schema="identity")
        assert [column["name"] for column in described][:3] == ["source", "record_key", "customer_id"]
        customers = sqlalchemy.Table("customer_360", sqlalchemy.MetaData(), schema="marts", autoload_with=connection)
        assert {"customer_id", "net_revenue", "tags", "as_of"} <= set(customers.columns.keys())
        counted = connection.execute(sqlalchemy.select(sqlalchemy.func.count()).select_from(customers)).scalar_one()
        frame = pd.read_sql(sqlalchemy.select(customers), connection, parse_dates=["as_of"])
        assert len(frame) == counted > 0
        assert frame["customer_id"].is_unique
        with pytest.raises(sqlalchemy.exc.DBAPIError, match="read-only"):
            connection.execute(sqlalchemy.text("delete from marts.customer_360"))
    engine.dispose()


def test_each_version_has_a_dashboard_that_needs_nothing_else(sample, c360):
    told = c360("dashboard", "--warehouse", sample / "warehouse")
    assert told.returncode == 0, told.stderr
    page = Path(told.stdout.strip())
    assert page.samefile(sample / "warehouse" / "serving" / "current" / "dashboard.html")
    html = page.read_text(encoding="utf-8")
    assert len(html.encode()) < 3_000_000
    assert "window.vegaEmbed=" in html
    assert json.loads((page.parent / "manifest.json").read_text(encoding="utf-8"))["version"] in html
    with duckdb.connect(str(sample / "warehouse" / "warehouse.duckdb"), read_only=True) as working:
        phones = working.execute("select right(phone, 11) from identity.customers where phone is not null").fetchall()
        names = working.execute(
            "select name from identity.customers where regexp_full_match(name, '[一-鿿]{3,4}')"
        ).fetchall()
    assert [value for (value,) in [*phones, *names] if value in html] == []


def test_a_backup_restored_elsewhere_is_the_same_warehouse(sample, tmp_path, c360, refresh):
    taken = c360("backup", tmp_path / "backup", "--warehouse", sample / "warehouse", "--json")
    assert taken.returncode == 0, taken.stderr
    seal = json.loads(taken.stdout)["sha256"]
    done = c360("restore", tmp_path / "backup", "--expect", seal, "--warehouse", tmp_path / "restored")
    assert done.returncode == 0, done.stderr
    first, second = (
        content_checksums(warehouse / "serving" / "current" / "c360.duckdb")
        for warehouse in (sample / "warehouse", tmp_path / "restored")
    )
    assert len(first) > 30
    assert first == second
    assert "Nothing new" in refresh(sample / "landing", tmp_path / "restored").stdout


def test_what_a_night_could_know_rebuilt_elsewhere_is_what_it_published(sample, tmp_path, refresh, published):
    copy_deliveries(tmp_path / "landing", late=True)
    refresh(tmp_path / "landing", tmp_path / "warehouse", "--known-on", DAYS[-2])
    first, second = published(sample / "warehouse"), published(tmp_path / "warehouse")
    assert first.rows(XREF) == second.rows(XREF)
    tables = [
        t
        for (t,) in first.rows(
            "select table_name from information_schema.tables where table_schema = 'marts' order by 1"
        )
    ]
    assert tables
    for table in tables:
        assert first.rows(f"select * from marts.{table} order by all") == second.rows(
            f"select * from marts.{table} order by all"
        )


def test_a_late_delivery_adds_its_rows_and_keeps_the_ids(sample, refresh, published):
    before = {(source, key): customer for source, key, customer in published(sample / "warehouse").rows(XREF)}
    copy_deliveries(sample / "landing", late=True)
    refresh(sample / "landing", sample / "warehouse")
    bi = published(sample / "warehouse")
    after = {(source, key): customer for source, key, customer in bi.rows(XREF)}
    merged = dict(bi.rows("select old_customer_id, new_customer_id from identity.id_history where change = 'merge'"))

    assert before.keys() <= after.keys()
    changed = {
        key: (before[key], after[key]) for key in before if before[key] != after[key] and before[key] is not None
    }
    assert all(merged.get(old) == new for old, new in changed.values())
    assert bi.one(f"select count(*) from quality.deliveries where delivery_date = date '{LATE}'") > 0


def test_what_a_rollback_took_back_is_not_published_again_by_the_next_refresh(sample, c360, refresh, published):
    options = ("--warehouse", sample / "warehouse")
    found = json.loads(c360("versions", "--json", *options).stdout)
    newest, before = found[0]["version"], found[1]["version"]
    differs = json.loads(c360("diff", *options, "--json").stdout)
    assert (differs["before"], differs["after"], differs["same"]) == (before, newest, False)
    assert {t["table"] for t in differs["tables"]} >= {"marts.fct_sales", "quality.deliveries"}
    gone_back = c360("rollback", "--why", "the late delivery is wrong", *options)
    assert gone_back.returncode == 0, gone_back.stderr
    assert f"versions/{before}/" in str(published(sample / "warehouse").path.resolve())
    said = refresh(sample / "landing", sample / "warehouse").stdout
    assert "the late delivery is wrong" in said
    assert "--publish" in said
    assert c360("rollback", newest, "--why", "it was right", *options).returncode == 0
    assert f"versions/{newest}/" in str(published(sample / "warehouse").path.resolve())


def working_minutes(opened: datetime, ended: datetime) -> float:
    """Working minutes as a person counts them: day after day, the part of each opening that lies between the two."""
    hours = list(csv.DictReader((SEEDS / "policy" / "working_hours.csv").open(encoding="utf-8")))
    holidays = {
        date.fromisoformat(row["day"]): "make_up" if row["kind"] == "make_up" else "holiday"
        for row in csv.DictReader((SEEDS / "reference" / "holidays.csv").open(encoding="utf-8"))
    }
    total, day = timedelta(), opened.date()
    while day <= ended.date():
        kind = holidays.get(day, WEEKDAYS[day.weekday()])
        for row in hours:
            if row["weekday"] == kind:
                opens, closes = (datetime.fromisoformat(f"{day} {row[edge]}") for edge in ("opens", "closes"))
                total += max(min(closes, ended) - max(opens, opened), timedelta())
        day += timedelta(days=1)
    return total.total_seconds() / 60


def test_working_minutes_are_those_counted_day_by_day(sample, published):
    cases = published(sample / "warehouse").rows(
        "select opened_at, first_response_at, resolved_at, first_response_minutes_working, handling_minutes_working, "
        "resolution_minutes_working from marts.fct_cases "
        "where first_response_at is not null and resolved_at is not null"
    )
    assert any(opened.date() < resolved.date() for opened, _, resolved, *_ in cases)
    for opened, responded, resolved, *counted in cases:
        expected = [
            working_minutes(opened, responded),
            working_minutes(responded, resolved),
            working_minutes(opened, resolved),
        ]
        assert [float(minutes) for minutes in counted] == pytest.approx(expected, abs=0.01)


def test_the_service_measures_add_up_to_the_cases(sample, published):
    reader = published(sample / "warehouse")
    by_case = reader.rows(
        "select count(*), sum(first_response_minutes), count(*) filter (where is_solved), "
        "count(*) filter (where is_complaint) from marts.fct_cases"
    )
    by_day = reader.rows(
        "select sum(cases), sum(first_response_minutes), sum(solved_cases), sum(complaints) from marts.service_daily"
    )
    assert by_day == by_case
    by_dimension = reader.rows(
        "select distinct sum(numerator), sum(denominator) from marts.service_measures where measure = 'solved_rate' "
        "group by dimension"
    )
    assert len(by_dimension) == 1, "every dimension divides the same cases"


def test_the_contact_plan_breaks_no_rule(sample, published):
    bi = published(sample / "warehouse")
    assert bi.one("select count(*) from marts.contact_plan") > 0
    broken = bi.rows(
        """
        select plan.audience, 'held out' as rule from marts.contact_plan as plan
        join marts.audience_members as members using (audience, customer_id) where members.arm = 'control'
        union all
        select plan.audience, 'no consent' from marts.contact_plan as plan
        join marts.customer_360 as profiles using (customer_id)
        where plan.is_marketing and profiles.marketing_consent is distinct from true
        union all
        select audience, 'call on a day off' from marts.contact_plan where channel = 'phone' and isodow(planned_on) > 5
        union all
        select audience, 'not in the horizon' from marts.contact_plan
        where planned_on not between as_of + 1 and as_of + 7
        union all
        select any_value(audience), 'two adverts a day' from marts.contact_plan
        where is_marketing group by customer_id, planned_on having count(*) > 1
        union all
        select audience, 'entered after as-of' from marts.audience_members where entered_on > as_of
        """
    )
    assert broken == []


def test_every_point_is_on_the_balance_expired_or_taken_back(sample, published):
    bi = published(sample / "warehouse")
    differing = bi.one(
        """
        select count(*) from marts.points_balances as balances
        join (
            select customer_id,
                sum(points) filter (where points > 0) as earned, sum(points) as balance,
                -sum(points) filter (where entry_type = 'expired') as expired,
                -sum(points) filter (where entry_type = 'taken_back') as taken_back
            from marts.points_ledger group by customer_id
        ) as ledger using (customer_id)
        where balances.earned <> coalesce(ledger.earned, 0) or balances.balance <> ledger.balance
            or balances.expired <> coalesce(ledger.expired, 0) or balances.taken_back <> coalesce(ledger.taken_back, 0)
            or balances.earned <> balances.balance + balances.expired + balances.taken_back
        """
    )
    assert differing == 0
    # One point a yuan, whole points of an order; nobody of the sample is a gold member in the month of his birthday.
    by_hand = bi.one(
        """
        select sum(points) from (
            select floor(sum(gross_amount)) as points from marts.fct_sales
            where customer_id is not null group by order_key, customer_id, purchased_on
        )
        """
    )
    assert bi.one("select sum(points) from marts.points_ledger where entry_type = 'purchase'") == by_hand
