"""A few dozen customers with every situation of the policy: each answer was written down by hand first."""

import csv
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

WORLD = Path(__file__).parents[1] / "cases" / "hand_made_world"
AS_OF = "2026-06-30"


def expected(name: str) -> list[dict[str, str]]:
    with (WORLD / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, refresh) -> Path:
    warehouse = tmp_path_factory.mktemp("hand_made") / "warehouse"
    refresh(WORLD / "landing", warehouse, "--as-of", AS_OF)
    return warehouse


@pytest.mark.parametrize("case", expected("customers.csv"), ids=lambda c: f"{c['record_key']}: {c['why']}")
def test_a_customer_is_what_the_policy_says(world, published, case):
    bi = published(world)
    found = bi.rows(
        f"""
        select spend.tier, service.tier, member.tier, life.stage, life.funnel_stage,
            rfm.recency_days, rfm.frequency, rfm.monetary
        from identity.customer_xref as xref
        join marts.customer_segments as spend on spend.customer_id = xref.customer_id and spend.scheme = 'spend_tier'
        join marts.customer_segments as service
            on service.customer_id = xref.customer_id and service.scheme = 'service_class'
        join marts.customer_segments as member on member.customer_id = xref.customer_id and member.scheme = 'membership'
        join marts.customer_lifecycle as life on life.customer_id = xref.customer_id
        join marts.customer_rfm as rfm on rfm.customer_id = xref.customer_id
        where xref.source = '{case["source"]}' and xref.record_key = '{case["record_key"]}'
        """
    )
    wanted = tuple(case[n] for n in ("spend_tier", "service_class", "membership", "stage", "funnel"))
    assert [row[:5] for row in found] == [wanted]
    (row,) = found
    numbers = tuple(None if value is None else float(value) for value in row[5:])
    assert numbers == tuple(float(case[n]) if case[n] else None for n in ("recency", "frequency", "monetary"))


@pytest.mark.parametrize("case", expected("kpis.csv"), ids=lambda c: f"{c['kpi']}: {c['why']}")
def test_a_kpi_has_the_value_counted_by_hand(world, published, case):
    found = published(world).rows(
        f"select value, numerator, denominator, status from marts.kpi_daily "
        f"where kpi = '{case['kpi']}' and as_of = date '{AS_OF}' and dimension = 'all'"
    )
    ((value, numerator, denominator, status),) = found
    assert (status or "") == case["status"]
    if not case["value"]:
        assert value is None
        return
    assert float(value) == pytest.approx(float(case["value"]), abs=5e-5)
    assert float(numerator) == pytest.approx(float(case["numerator"]))
    assert float(denominator) == pytest.approx(float(case["denominator"]))


@pytest.mark.parametrize("case", expected("audiences.csv"), ids=lambda c: f"{c['audience']}: {c['why']}")
def test_an_audience_holds_whom_its_rule_names(world, published, case):
    found = published(world).rows(
        f"""
        select distinct xref.record_key
        from marts.audience_members as member
        join identity.customer_xref as xref on xref.customer_id = member.customer_id
        where member.audience = '{case["audience"]}' and xref.source in ('pos.members', 'ecommerce.customers')
        """
    )
    # M23 and A23 are one person, written as the member.
    assert {key for (key,) in found} - {"A23"} == set(case["members"].split())


def test_nobody_is_counted_twice_or_left_out(world, published):
    people = {case["record_key"] for case in expected("customers.csv")} - {"A23"}
    assert published(world).one("select count(*) from marts.customer_360") == len(people)


REBUILT_ON = "2026-05-31"
# Table: its day, the columns that say how far the run's own as-of is, and rows that only as-of has.
KEPT = {
    "customer_history": ("month_end", "", ""),
    "kpi_daily": ("as_of", "is_as_of", "kpi in ('tag_coverage', 'profile_completeness')"),
    "tier_migrations": ("month_end", "", ""),
    "lifecycle_transitions": ("month_end", "", ""),
    "tier_sizes": ("month_end", "", ""),
    "value_fits": ("evaluated_on", "", ""),
    # The KPIs over profiles are the data manager's.
    "kpi_cards": ("month_end", "", "owner = 'data_manager'"),
    "points_ledger": ("booked_on", "", ""),
}


@pytest.fixture(scope="module")
def both_nights(world: Path, tmp_path_factory: pytest.TempPathFactory, refresh) -> Iterator[duckdb.DuckDBPyConnection]:
    """What the run of June kept as `kept`, what a run as of the end of May rebuilds as `rebuilt`."""
    warehouse = tmp_path_factory.mktemp("rebuilt") / "warehouse"
    refresh(WORLD / "landing", warehouse, "--as-of", REBUILT_ON)
    with duckdb.connect() as con:
        for name, folder in (("kept", world), ("rebuilt", warehouse)):
            con.execute(f"attach '{folder}/serving/current/c360.duckdb' as {name} (read_only)")
        yield con


@pytest.mark.slow
@pytest.mark.parametrize("table", KEPT)
def test_a_month_rebuilt_is_the_month_that_was_kept(both_nights: duckdb.DuckDBPyConnection, table: str) -> None:
    day, not_compared, only_as_of = KEPT[table]
    # The history of an earlier run begins earlier.
    (first,) = both_nights.execute(
        f"select greatest((select min({day}) from kept.marts.{table}), (select min({day}) from rebuilt.marts.{table}))"
    ).fetchall()[0]
    columns = f"* exclude ({not_compared})" if not_compared else "*"
    rows = f"select {columns} from {{}}.marts.{table} where {day} between date '{first}' and date '{REBUILT_ON}' " + (
        f"and not ({only_as_of})" if only_as_of else ""
    )
    kept, rebuilt = (
        both_nights.execute(rows.format(name) + " order by all").fetchall() for name in ("kept", "rebuilt")
    )
    assert len(kept) > 20
    assert kept == rebuilt


@pytest.mark.slow
def test_who_was_held_out_in_may_still_is_in_june(both_nights: duckdb.DuckDBPyConnection) -> None:
    counted = both_nights.execute(
        """
        select count(*), count(*) filter (kept.arm is distinct from rebuilt.arm)
        from kept.marts.audience_members as kept
        join rebuilt.marts.audience_members as rebuilt using (audience, customer_id, entered_on)
        """
    ).fetchall()
    assert counted[0][0] > 20
    assert counted[0][1] == 0
