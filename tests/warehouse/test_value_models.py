"""Value and risk through the models: who never bought, who bought once, and what contacts take away."""

from datetime import date

import pytest

from tests.warehouse.conftest import Build
from tests.warehouse.world import World

# Two dbt builds; the refresh of the sample extracts takes the same way in the default suite.
pytestmark = pytest.mark.slow

AS_OF = date(2026, 6, 30)


@pytest.fixture(scope="module")
def valued(world: World, dbt_build: Build) -> World:
    for customer in ("regular", "once", "contacted", "discounted"):
        world.customer(customer, first_seen_at="2025-01-01 09:00:00", member_count=1)
        world.link("pos.members", customer, customer)
    sales = [("regular", f"2026-0{month}-10 12:00:00", 0) for month in range(1, 7)]
    sales += [("once", "2026-06-30 12:00:00", 0)]
    sales += [("discounted", f"2026-0{month}-10 12:00:00", 300) for month in range(1, 7)]
    world.records(
        "pos_sales",
        [
            {"ticket_id": f"T{number}", "line_no": 1, "sold_at": at, "member_id": member, "sku": "S", "quantity": 1,
             "unit_price": 100 + discount, "discount": discount, "amount": 100}
            for number, (member, at, discount) in enumerate(sales)
        ],
        AS_OF,
    )  # fmt: skip
    world.records(
        "call_center_outreach",
        [{"contact_id": "O1", "sent_at": "2026-06-01 10:00:00", "channel": "phone", "member_id": "contacted"}],
        AS_OF,
    )
    world.link("call_center.outreach", "O1", "contacted")
    dbt_build(world, AS_OF, values=True)
    return world


def test_every_customer_has_a_value_and_a_method(valued: World) -> None:
    rows = valued.query('select customer_id, frequency, recency, "T", method from marts.customer_value order by all')
    assert rows == [
        ("contacted", 0, None, None, "no_purchase"),
        ("discounted", 5, 151, 171, "own_rate"),
        ("once", 0, 0, 0, "own_rate"),
        ("regular", 5, 151, 171, "own_rate"),
    ]


def test_equal_revenue_is_worth_less_at_a_discount_and_nothing_but_cost_before_a_purchase(valued: World) -> None:
    found = {
        customer: (clv, net)
        for customer, clv, net in valued.query("select customer_id, clv_365d, net_clv_365d from marts.customer_value")
    }
    assert found["regular"][0] == found["discounted"][0] > 0
    # Forty percent margin at full price; at a quarter of it the goods cost more than they bring.
    assert float(found["regular"][1]) == pytest.approx(0.4 * float(found["regular"][0]), rel=1e-4)
    assert found["discounted"][1] < 0
    assert found["contacted"] == (0, -5)


def test_risk_health_and_loyalty_are_there_for_everybody(valued: World) -> None:
    rows = dict(valued.query("select customer_id, (churn_score, churn_reasons, health_score) from marts.customer_risk"))
    assert set(rows) == {"regular", "once", "contacted", "discounted"}
    score, reasons, health = (
        tuple(rows["contacted"].values()) if isinstance(rows["contacted"], dict) else rows["contacted"]
    )
    assert (score, reasons, health) == (100, ["silence"], 0)


def test_every_month_end_has_its_own_value(valued: World) -> None:
    found = valued.query(
        "select evaluated_on, frequency, age_days from intermediate.int_customer_values "
        "where customer_id = 'regular' and evaluated_on >= date '2026-04-30' order by all"
    )
    assert found == [(date(2026, 4, 30), 3, 110), (date(2026, 5, 31), 4, 141), (date(2026, 6, 30), 5, 171)]
