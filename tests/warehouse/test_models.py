"""What the marts say about a world small enough to work out by hand. As-of is 2026-06-30."""

import json
import re
from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from orchestration.settings import Settings
from orchestration.warehouse import runner
from orchestration.warehouse.kpi_files import OTHER_KPIS, WINDOWED_KPIS
from orchestration.warehouse.seed_tables import load_seeds
from tests.warehouse.conftest import Build
from tests.warehouse.world import World

AS_OF = date(2026, 6, 30)


def _ticket(ticket: str, member: str | None, sold_at: str, amount: str, quantity: int = 1) -> dict[str, Any]:
    return {
        "ticket_id": ticket,
        "line_no": 1,
        "sold_at": sold_at,
        "store_id": "S1",
        "member_id": member,
        "sku": "K1",
        "category": "tea",
        "quantity": quantity,
        "amount": amount,
    }


NAME_WITH_NUMBERS = "cup for 13912345678 13812345678, mail zhang@example.cn, article 20261234"


def _order(order: str, account: str | None, ordered_at: str, amount: str, status: str, line: int = 1) -> dict[str, Any]:
    return {
        "order_id": order,
        "line_no": line,
        "ordered_at": ordered_at,
        "account_id": account,
        "sku": "K2",
        "product_name": NAME_WITH_NUMBERS if order == "O3" else "cup",
        "category": "cups",
        "quantity": -1 if amount.startswith("-") else 1,
        "amount": amount,
        "status": status,
        "channel": "web",
    }


def _event(event: str, account: str, day: str) -> dict[str, Any]:
    return {"event_id": event, "occurred_at": f"{day} 12:00:00", "account_id": account, "event_type": "view"}


# customer: first seen, tickets as (sold at, amount, quantity)
MEMBERS: dict[str, tuple[str | None, list[tuple[str, str, int]]]] = {
    "diamond_at_50000": ("2025-12-01", [("2026-01-10 10:00", "50000", 1)]),
    "gold_below_50000": ("2025-12-01", [("2026-01-10 10:00", "49999.9999", 1)]),
    "gold_at_10000": ("2025-12-01", [("2026-01-10 10:00", "10000", 1)]),
    "silver_below_10000": ("2025-12-01", [("2026-01-10 10:00", "9999.99", 1)]),
    "vip_at_8000": ("2025-12-01", [("2026-01-10 10:00", "4000", 1), ("2026-02-10 10:00", "4000", 1)]),
    "regular_below_8000": ("2025-12-01", [("2026-01-10 10:00", "4000", 1), ("2026-02-10 10:00", "3999.99", 1)]),
    "premium_new_with_4_units": ("2025-12-01", [("2026-01-10 10:00", "40", 4)]),
    "new_with_3_units": ("2025-12-01", [("2026-01-10 10:00", "40", 3)]),
    "prospect": ("2025-12-01", []),
    "bought_365_days_ago": ("2025-01-01", [("2025-06-30 10:00", "10", 1)]),
    "bought_366_days_ago": ("2025-01-01", [("2025-06-29 10:00", "10", 1)]),
    "bought_at_midnight": ("2026-06-01", [("2026-06-30 23:59:59", "10", 1), ("2026-07-01 00:00:00", "1000", 1)]),
    "left_the_window": ("2025-01-01", [("2025-06-20 10:00", "12000", 1), ("2026-06-01 10:00", "10", 1)]),
    "seen_after_as_of": ("2026-07-05", [("2026-07-05 10:00", "10", 1)]),
    "of_unknown_age": (None, []),
}

# customer: first seen, days with an event
ACCOUNTS: dict[str, tuple[str, list[str]]] = {
    "lost_after_366_days": ("2025-01-01", ["2025-06-29"]),
    "at_risk_after_365_days": ("2025-01-01", ["2025-06-30"]),
    "at_risk_after_91_days": ("2025-01-01", ["2026-03-31"]),
    "steady_after_90_days": ("2025-01-01", ["2026-04-01"]),
    "new_after_90_days": ("2026-04-01", ["2026-04-01"]),
    "growing": ("2025-09-01", ["2026-02-01", "2026-05-01", "2026-05-02"]),
    "not_growing": ("2025-09-01", ["2026-02-01", "2026-05-01"]),
}


@pytest.fixture(scope="module")
def built(world: World, dbt_build: Build) -> World:
    """The hand-made world after `dbt build`, unit tests and all."""
    world.insert(
        "quality.deliveries", [{"source": "pos", "dataset": "sales", "delivery_date": AS_OF, "rows_loaded": 1}]
    )
    for customer, (first_seen, tickets) in MEMBERS.items():
        world.customer(customer, first_seen_at=first_seen, member_count=1)
        world.link("pos.members", customer, customer)
        world.records(
            "pos_sales",
            [_ticket(f"{customer}-{n}", customer, *ticket) for n, ticket in enumerate(tickets)],
            AS_OF,
        )
    for customer, (first_seen, days) in ACCOUNTS.items():
        world.customer(customer, first_seen_at=first_seen, account_count=1)
        world.link("ecommerce.customers", customer, customer)
        world.records("ecommerce_events", [_event(f"{customer}-{day}", customer, day) for day in days], AS_OF)

    world.customer("returner", first_seen_at="2025-01-01", birthday="1990-07-01", member_count=1, account_count=1)
    world.link("pos.members", "M1", "returner")
    world.link("ecommerce.customers", "A1", "returner")
    world.records(
        "ecommerce_orders",
        [
            _order("O1", "A1", "2026-06-01 10:00", "100", "completed"),
            _order("O1", "A1", "2026-06-01 10:00", "200", "refunded", line=2),
            _order("O2", "A1", "2026-06-02 10:00", "500", "refunded"),
            _order("O3", "A1", "2026-06-03 10:00", "700", "cancelled"),
            _order("O4", "A1", "2026-06-04 10:00", "-30", "refunded"),
            _order("O5", "A1", "2026-06-04 10:00", "-40", "cancelled"),
        ],
        AS_OF,
    )
    world.records(
        "pos_sales",
        [
            _ticket("T1", "M1", "2026-06-05 10:00", "60"),
            _ticket("T2", "M1", "2026-06-10 10:00", "-20", quantity=-1),
            _ticket("T3", None, "2026-06-11 10:00", "77"),
            _ticket("T4", None, "2026-06-12 10:00", "15"),
        ],
        AS_OF,
    )
    world.link("pos.sales", "T3", None)
    world.customer("walk_in", first_seen_at="2026-06-12")
    world.link("pos.sales", "T4", "walk_in")
    world.customer("guest", first_seen_at="2026-06-12")
    world.records("ecommerce_orders", [_order("O9", None, "2026-06-12 10:00", "25", "paid")], AS_OF)
    world.link("ecommerce.orders", "O9", "guest")

    world.records(
        "call_center_cases",
        [
            {
                "case_id": "C1",
                "opened_at": "2026-06-20 10:00",
                "first_response_at": "2026-06-20 10:05",
                "resolved_at": "2026-06-20 10:45",
                "channel": "phone",
                "case_type": "complaint",
                "is_resolved": True,
            },
            {"case_id": "C2", "opened_at": "2026-06-25 10:00", "channel": "chat", "case_type": "inquiry"},
            {
                "case_id": "C3",
                "opened_at": "2026-06-30 22:00",
                "resolved_at": "2026-07-01 09:00",
                "channel": "chat",
                "case_type": "complaint",
                "is_resolved": True,
            },
        ],
        AS_OF,
    )
    for case in ("C1", "C2", "C3"):
        world.link("call_center.cases", case, "returner")
    world.records(
        "call_center_surveys",
        [
            {"survey_id": "V1", "responded_at": "2026-06-21 10:00", "nps": 3, "csat": 2},
            {"survey_id": "V2", "responded_at": "2026-06-26 10:00", "nps": 9, "csat": 5, "comment": "打给 13800001234"},
        ],
        AS_OF,
    )
    for survey in ("V1", "V2"):
        world.link("call_center.surveys", survey, "returner")
    world.records(
        "call_center_outreach",
        [
            {"contact_id": "K1", "sent_at": "2026-06-27 10:00", "channel": "sms", "responded_at": "2026-06-27 11:00"},
            {"contact_id": "K2", "sent_at": "2026-06-28 10:00", "channel": "email"},
        ],
        AS_OF,
    )
    for contact in ("K1", "K2"):
        world.link("call_center.outreach", contact, "returner")
    output = dbt_build(world, AS_OF, unit_tests=True)
    assert "ERROR=0" in output
    return world


def _profile(world: World, customer: str, *columns: str) -> tuple[Any, ...]:
    rows = world.query(f"select {', '.join(columns)} from marts.customer_360 where customer_id = '{customer}'")
    assert len(rows) == 1
    return rows[0]


def test_a_refunded_line_is_in_gross_and_not_in_net(built: World) -> None:
    assert _profile(built, "returner", "gross_revenue", "net_revenue") == (Decimal(860), Decimal(110))


def test_a_cancelled_line_counts_nowhere_even_when_negative(built: World) -> None:
    rows = built.query(
        "select gross_amount, returned_amount, net_amount, net_quantity from marts.fct_sales "
        "where order_id in ('O3', 'O5')"
    )
    assert rows == [(0, 0, 0, 0)] * 2


def test_only_tickets_and_orders_with_money_left_are_purchases(built: World) -> None:
    columns = ("orders", "average_order_value", "first_purchase_on", "last_purchase_on", "purchase_cycle_days")
    assert _profile(built, "returner", *columns) == (2, Decimal(80), date(2026, 6, 1), date(2026, 6, 5), Decimal(4))


def test_habits_prefer_the_later_channel_and_the_answered_contact(built: World) -> None:
    columns = ("preferred_channel", "favourite_category", "preferred_contact_channel", "age_band")
    assert _profile(built, "returner", *columns) == ("store", "cups", "sms", "35-44")


def test_the_profile_tells_habits_of_buying(built: World) -> None:
    columns = ("favourite_category_share", "price_band", "coupon_share", "channel_habit", "store_share", "web_share")
    # cups 70 (100 less the return of 30), tea 40 (60 less the return of 20); one unit at 100 and one at 60.
    assert _profile(built, "returner", *columns) == (
        Decimal("0.6364"),
        "value",
        Decimal(0),
        "store_and_online",
        Decimal("0.5"),
        Decimal("0.5"),
    )
    assert _profile(built, "returner", "expected_next_purchase_on") == (date(2026, 6, 9),)
    assert _profile(built, "prospect", "price_band", "expected_next_purchase_on") == (None, None)


def test_the_profile_tells_how_to_reach_a_customer_and_what_about(built: World) -> None:
    columns = ("preferred_contact_hour", "contacts_received", "contact_answer_rate", "last_contact_kind")
    assert _profile(built, "returner", *columns) == (11, 2, Decimal("0.5"), "case")
    assert _profile(built, "returner", "last_contact_about", "open_complaints") == ("complaint", 1)


def test_activity_is_counted_over_thirty_days_with_as_of_the_last(built: World) -> None:
    # 1, 5, 20, 25, 27 and 30 June; the returns are no interaction.
    assert _profile(built, "returner", "active_days", "activity_class") == (6, "weekly")
    assert _profile(built, "growing", "active_days", "activity_class") == (0, "inactive")


def test_the_birthday_is_known_by_its_month_and_completes_the_profile(built: World) -> None:
    columns = ("birthday_month", "is_birthday_month", "profile_completeness")
    # Name 15, birthday 15, card and account 10 of 100.
    assert _profile(built, "returner", *columns) == (7, False, Decimal(40))
    assert _profile(built, "prospect", *columns) == (None, None, Decimal(15))


def test_service_counts_hold_at_the_end_of_as_of(built: World) -> None:
    columns = ("cases", "complaints", "open_cases", "nps_last", "nps_average", "csat_last", "csat_average")
    assert _profile(built, "returner", *columns) == (3, 2, 2, 9, Decimal(6), 5, Decimal("3.5"))


def test_a_case_has_its_clocks_in_minutes(built: World) -> None:
    rows = built.query("select case_id, first_response_minutes, resolution_minutes from marts.fct_cases order by 1")
    assert rows == [("C1", Decimal(5), Decimal(45)), ("C2", None, None), ("C3", None, None)]


def test_personal_data_in_a_product_name_is_starred_out(built: World) -> None:
    names = {name for (name,) in built.query("select product_name from marts.fct_sales where order_id = 'O3'")}
    assert len(names) == 1
    (name,) = names
    assert not any(secret in name for secret in ("13912345678", "13812345678", "zhang@"))
    assert name.startswith("cup for")
    assert name.endswith("article 20261234")
    assert built.query("select distinct product_name from marts.fct_sales where order_id = 'O5'") == [("cup",)]


def test_sales_nobody_can_be_linked_to_are_counted(built: World) -> None:
    assert built.query("select order_id, net_amount from marts.fct_sales where customer_id is null") == [
        ("T3", Decimal(77))
    ]


def test_tickets_and_orders_without_an_account_find_their_customer(built: World) -> None:
    assert _profile(built, "walk_in", "net_revenue") == (Decimal(15),)
    assert _profile(built, "guest", "net_revenue") == (Decimal(25),)


def test_the_day_ends_at_midnight_of_the_business_zone(built: World) -> None:
    assert _profile(built, "bought_at_midnight", "orders", "net_revenue", "recency_days") == (1, Decimal(10), 0)


def test_somebody_first_seen_later_is_not_a_customer_yet(built: World) -> None:
    assert built.query("select 1 from marts.customer_360 where customer_id = 'seen_after_as_of'") == []


@pytest.mark.parametrize(
    ("customer", "tier", "since", "previous"),
    [
        ("diamond_at_50000", "diamond", date(2026, 1, 10), "dormant"),
        ("gold_below_50000", "gold", date(2026, 1, 10), "dormant"),
        ("gold_at_10000", "gold", date(2026, 1, 10), "dormant"),
        ("silver_below_10000", "silver", date(2026, 1, 10), "dormant"),
        ("bought_365_days_ago", "silver", date(2025, 6, 30), "dormant"),
        ("bought_366_days_ago", "dormant", date(2026, 6, 30), "silver"),
        # 12,000 of 2025-06-20 is in the window up to 2026-06-20.
        ("left_the_window", "silver", date(2026, 6, 21), "gold"),
        ("prospect", "dormant", date(2025, 12, 1), None),
        ("of_unknown_age", "dormant", None, None),
    ],
)
def test_spend_tier_is_taken_on_the_very_day(
    built: World, customer: str, tier: str, since: date, previous: str
) -> None:
    rows = built.query(
        "select tier, since, previous_tier from marts.customer_segments "
        f"where scheme = 'spend_tier' and customer_id = '{customer}'"
    )
    assert rows == [(tier, since, previous)]


@pytest.mark.parametrize(
    ("customer", "service_class"),
    [
        ("vip_at_8000", "vip"),
        ("regular_below_8000", "regular"),
        ("premium_new_with_4_units", "premium_new"),
        ("new_with_3_units", "new"),
        ("prospect", "prospect"),
    ],
)
def test_service_class_boundaries_are_inclusive(built: World, customer: str, service_class: str) -> None:
    assert _profile(built, customer, "service_class") == (service_class,)


@pytest.mark.parametrize(
    ("customer", "stage"),
    [
        ("lost_after_366_days", "lost"),
        ("at_risk_after_365_days", "at_risk"),
        ("at_risk_after_91_days", "at_risk"),
        ("steady_after_90_days", "steady"),
        ("new_after_90_days", "new"),
        ("growing", "growing"),
        ("not_growing", "steady"),
        ("returner", "new"),
        ("of_unknown_age", "lost"),
    ],
)
def test_lifecycle_stage_at_its_boundaries(built: World, customer: str, stage: str) -> None:
    assert _profile(built, customer, "lifecycle_stage") == (stage,)


def test_a_stage_names_the_rule_that_decided_it(built: World) -> None:
    rows = built.query(
        "select decided_by, funnel_stage, funnel_decided_by from marts.customer_lifecycle "
        "where customer_id = 'lost_after_366_days'"
    )
    assert rows == [("days_since_interaction >= 366", "acquired", "total_purchases < 1")]


@pytest.mark.parametrize(
    ("customer", "funnel"),
    [
        ("prospect", "acquired"),
        ("new_with_3_units", "converted"),
        ("vip_at_8000", "retained"),
        ("bought_366_days_ago", "churned"),
    ],
)
def test_funnel_stage(built: World, customer: str, funnel: str) -> None:
    assert _profile(built, customer, "funnel_stage") == (funnel,)


def test_history_holds_each_month_end_with_its_own_tier_and_revenue(built: World) -> None:
    rows = built.query(
        "select month_end, spend_tier, revenue from marts.customer_history "
        "where customer_id = 'diamond_at_50000' and month_end <= date '2026-02-28' order by 1"
    )
    assert rows == [
        (date(2025, 12, 31), "dormant", Decimal(0)),
        (date(2026, 1, 31), "diamond", Decimal(50000)),
        (date(2026, 2, 28), "diamond", Decimal(0)),
    ]


def test_history_ends_at_as_of_and_agrees_with_today(built: World) -> None:
    rows = built.query(
        "select count(*) from marts.customer_history h join marts.customer_360 c using (customer_id) "
        "where h.month_end = c.as_of and (h.spend_tier, h.service_class, h.lifecycle_stage, h.rfm_segment) "
        "is distinct from (c.spend_tier, c.service_class, c.lifecycle_stage, c.rfm_segment)"
    )
    assert rows == [(0,)]
    assert built.query("select max(month_end) from marts.customer_history") == [(AS_OF,)]


def test_every_customer_has_exactly_one_tier_per_scheme(built: World) -> None:
    rows = built.query(
        "select scheme, count(*), count(distinct customer_id) from marts.customer_segments group by 1 order by 1"
    )
    customers = len(MEMBERS) - 1 + len(ACCOUNTS) + 3
    schemes = ("behaviour_type", "membership", "rfm", "service_class", "spend_tier", "value_layer", "value_level")
    assert rows == [(scheme, customers, customers) for scheme in schemes]


@pytest.mark.parametrize(
    ("customer", "tags"),
    [
        ("diamond_at_50000", ["at_risk", "high_value", "lapsed_valuable", "profile_thin", "store_only"]),
        ("at_risk_after_91_days", ["at_risk", "profile_thin"]),
        ("of_unknown_age", ["profile_thin"]),
        (
            "returner",
            [
                "answers_sms",
                "complaint_open",
                "newcomer",
                "profile_thin",
                "promoter",
                "replenishment_due",
                "store_and_online",
            ],
        ),
    ],
)
def test_a_customer_carries_the_tags_whose_rules_hold(built: World, customer: str, tags: list[str]) -> None:
    assert _profile(built, customer, "tags") == (tags,)
    listed = built.query(f"select tag from marts.customer_tags where customer_id = '{customer}' order by tag")
    assert [tag for (tag,) in listed] == tags


def test_every_kpi_has_a_row_for_all_customers_on_each_of_its_days(built: World) -> None:
    rows = built.query(
        "select kpi, count(distinct as_of), count(*) from marts.kpi_daily where dimension = 'all' group by 1"
    )
    # The month ends of 13 months, and as-of, which is a month end here.
    assert sorted(rows) == [(kpi, 14, 14) for kpi in sorted((*WINDOWED_KPIS, *OTHER_KPIS))]


def test_kpis_over_profiles_are_known_on_as_of_alone(built: World) -> None:
    """Their definitions say so: a year of profiles, most of which is no history, would cost more than it tells."""
    rows = built.query(
        "select kpi, count(value), bool_and(is_as_of) from marts.kpi_daily "
        "where kpi in ('tag_coverage', 'profile_completeness') and dimension = 'all' and value is not null group by kpi"
    )
    assert sorted(rows) == [("profile_completeness", 1, True), ("tag_coverage", 1, True)]
    assert built.query(
        "select kpi from policy.kpi_definitions where why like 'Counted on the as-of day only%' order by kpi"
    ) == [("profile_completeness",), ("tag_coverage",)]


def test_a_red_kpi_opens_a_remediation_with_owner_and_due_date(built: World) -> None:
    kpi = "select value, numerator, denominator, target, red_below, status from marts.kpi_daily "
    # One promoter and one detractor.
    assert built.query(f"{kpi} where kpi = 'nps' and dimension = 'all' and is_as_of") == [(0, 0, 2, 45, 40, "red")]
    assert built.query(
        "select opened_on, closed_on, status, owner, due_on, is_overdue from marts.kpi_remediation where kpi = 'nps'"
    ) == [(AS_OF, None, "open", "service_manager", date(2026, 7, 30), False)]


def test_the_parts_of_a_kpi_add_up_to_the_whole(built: World) -> None:
    rows = built.query(
        "select kpi, as_of, sum(numerator) filter (dimension = 'all'), sum(denominator) filter (dimension = 'all'), "
        "sum(numerator) filter (dimension = 'tier'), sum(denominator) filter (dimension = 'tier') from marts.kpi_daily "
        "where not kpi in ('aov_change', 'clv_change', 'aov_repeat_vs_first', 'revenue_concentration_top5') "
        "and value is not null group by 1, 2"
    )
    assert len(rows) > 20
    assert [row for row in rows if row[2:4] != row[4:6]] == []


def test_no_personal_data_reaches_the_marts(built: World) -> None:
    columns = {
        row[0] for row in built.query("select column_name from information_schema.columns where table_schema = 'marts'")
    }
    personal = {"name", "phone", "email", "address", "birthday", "id_card", "comment", "note", "receiver_name"}
    assert columns & personal == set()
    assert built.query("select count(*) from marts.fct_surveys where fct_surveys::varchar like '%13800001234%'") == [
        (0,)
    ]


def test_a_build_on_empty_sources_gives_empty_marts(tmp_path_factory: pytest.TempPathFactory, dbt_build: Build) -> None:
    empty = World(tmp_path_factory.mktemp("empty"))
    assert "ERROR=0" in dbt_build(empty, None)
    assert empty.query("select count(*) from marts.customer_360") == [(0,)]
    # Where nothing was counted, nothing is green.
    assert empty.query("select count(*) from marts.kpi_daily where status is not null") == [(0,)]


def test_seeds_of_a_run_are_what_dbt_loads(built: World) -> None:
    settings = Settings()
    nodes = json.loads(runner.prepare_manifest(settings).read_bytes())["nodes"].values()
    seeds = [node for node in nodes if node["resource_type"] == "seed"]
    with duckdb.connect() as con:
        con.execute(f"attach '{built.path}' as by_dbt (read_only)")
        con.execute("create schema policy")
        con.execute("create schema reference")
        load_seeds(con, runner.project_dir(settings), seeds)
        for table in (f"{seed['schema']}.{seed['alias']}" for seed in seeds):
            for what in ("describe", "from"):
                ours, dbts = (con.execute(f"{what} {name}").fetchall() for name in (table, f"by_dbt.{table}"))
                assert Counter(ours) == Counter(dbts), table


def test_every_column_of_a_fact_that_a_kept_row_is_counted_from_is_in_the_fingerprint(built: World) -> None:
    nodes = json.loads(runner.prepare_manifest(Settings()).read_bytes())["nodes"]
    kept = {node["name"] for node in nodes.values() if node["config"].get("materialized") == "kept"}
    compiled = {path.stem: path.read_text() for path in (built.warehouse / "dbt" / "compiled").rglob("*/int_*.sql")}
    compiled |= {path.stem: path.read_text() for path in (built.warehouse / "dbt" / "compiled").rglob("marts/*.sql")}
    noted = _columns_scanned(built, compiled["int_customer_fingerprints"])
    facts = {table for table, _ in noted}
    for model in kept:
        read = {column for column in _columns_scanned(built, compiled[model]) if column[0] in facts}
        assert read <= noted, model


def _columns_scanned(world: World, query: str) -> set[tuple[str, str]]:
    """Table and column of all that a query needs of the tables below it, through views, as DuckDB plans it."""
    with duckdb.connect(str(world.path), read_only=True) as con:
        # Tables of few rows must not answer by their statistics.
        con.execute("set disabled_optimizers = 'statistics_propagation'")
        nodes = json.loads(con.execute(f"explain (format json) {query}").fetchall()[0][1])
        found = set()
        while nodes:
            node = nodes.pop()
            nodes += node["children"]
            scan = node["extra_info"]
            if "Table" in scan:
                told = f"{scan.get('Projections')} {scan.get('Filters')}"
                table = scan["Table"].split(".")[-1].strip('"')
                named = con.execute("select column_name from duckdb_columns() where table_name = ?", [table]).fetchall()
                found |= {(table, column) for (column,) in named if re.search(rf"\b{column}\b", told)}
        return found
