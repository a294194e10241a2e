"""Scores and segments equal those the R package rfm publishes, customer by customer."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.warehouse.conftest import Build
from tests.warehouse.world import World

DATA = Path(__file__).parents[3] / "shared" / "data" / "rfm"
AS_OF = date(2006, 12, 31)
OUR_NAME = {
    "Champions": "champions",
    "Potential Loyalist": "potential",
    "Loyal Customers": "loyal",
    "Promising": "promising",
    "New Customers": "new",
    "Can't Lose Them": "cannot_lose",
    "At Risk": "at_risk",
    "Need Attention": "needs_attention",
    "About To Sleep": "about_to_sleep",
    "Lost": "lost",
}


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data/rfm is not there")
def test_995_of_995_customers_have_the_published_scores_and_segment(world: World, dbt_build: Build) -> None:
    orders = pd.read_csv(DATA / "rfm_data_orders.csv")
    orders["ticket_id"] = [f"T{n}" for n in range(len(orders))]
    world.load(
        "clean.pos_sales",
        orders,
        "ticket_id || '|1' as record_key, ticket_id, 1 as line_no, order_date::timestamp as sold_at, "
        "customer_id as member_id, 'K' as sku, 1 as quantity, revenue as amount",
    )
    customers = orders.groupby("customer_id", as_index=False)["order_date"].min()
    world.load("identity.customers", customers, "customer_id, order_date::timestamp as first_seen_at")
    world.load(
        "identity.customer_xref",
        customers,
        "'pos.members' as source, customer_id as record_key, customer_id, 'member_id' as matched_by",
    )
    dbt_build(world, AS_OF)

    ours = pd.DataFrame(
        world.query("select recency_days, frequency, monetary::bigint, rfm_cell, rfm_segment from marts.customer_rfm"),
        columns=["recency_days", "orders", "total_spend", "rfm_cell", "rfm_segment"],
    )
    published = pd.read_csv(DATA / "published_scores_orders.csv")
    # Names carry titles in one file only; the three measures identify each customer.
    both = published.merge(ours, on=["recency_days", "orders", "total_spend"], validate="one_to_one")
    assert len(both) == len(published) == len(ours) == 995
    assert (both["rfm_score"].astype(str) == both["rfm_cell"]).sum() == 995
    assert (both["segment"].map(OUR_NAME) == both["rfm_segment"]).sum() == 995
