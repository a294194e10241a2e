from datetime import date

from orchestration.dashboard.aggregates import collect
from orchestration.dashboard.sections import SECTIONS

AS_OF = date(2026, 6, 30)
TWO_BUYERS = """
insert into marts.customer_360 by name
select *, '2026-06-30'::date as as_of from (values
    ('c1', 'gold', 'store', '广东省', 'champions', '2025-09-01'::date, 3, 900.0, 10, 5, 5),
    ('c2', 'silver', 'web', null, 'new', '2025-09-01'::date, 1, 100.0, 0.5, 1, 1),
    ('c3', 'dormant', null, null, 'lost', null, 0, 0, null, null, null)
) as c(customer_id, official_tier, preferred_channel, province, rfm_segment, first_purchase_on, orders_12m,
       net_revenue_12m, clv_365d, r_score, f_score);
insert into marts.customer_history by name
select customer_id, month_end, tier as spend_tier, 'new' as lifecycle_stage, revenue
from (values
    ('c1', '2026-04-30'::date, 'silver', 0), ('c1', '2026-05-31'::date, 'gold', 500),
    ('c2', '2026-05-31'::date, 'silver', 0)
) as h(customer_id, month_end, tier, revenue);
insert into marts.customer_segments by name
select 'c1' as customer_id, 'spend_tier' as scheme, 'gold' as tier, '黄金' as label_zh, true as is_official;
insert into marts.fct_sales by name
select * from (values
    ('c1', 'o1', '2025-09-01'::date, 400.0, 'store'), ('c1', 'o2', '2025-09-21'::date, -5.0, 'store'),
    ('c1', 'o3', '2025-10-10'::date, 500.0, 'web'), ('c2', 'o4', '2025-09-01'::date, 100.0, 'web')
) as s(customer_id, order_key, purchased_on, net_amount, channel);
"""


def rows(datasets, name):
    return datasets[name].rows()


def test_a_file_without_a_customer_gives_every_dataset_without_a_row(published) -> None:
    datasets = collect(published(), AS_OF)
    asked = {panel.dataset for panels in SECTIONS.values() for panel in panels} | {"headline", "remediations"}
    assert asked <= set(datasets)
    assert [name for name in asked if rows(datasets, name)] == []


def test_figures_add_up_over_cells(published) -> None:
    datasets = collect(published(TWO_BUYERS), AS_OF)
    headline = rows(datasets, "headline")
    assert sum(row["customers"] for row in headline) == 3
    assert sum(row["buyers"] for row in headline) == 2
    assert sum(row["revenue"] for row in headline) == 1000
    assert {(row["tier"], row["channel"], row["region"]) for row in headline} == {
        ("gold", "store", "广东省"), ("silver", "web", "unknown"), ("dormant", "none", "unknown"),
    }  # fmt: skip


def test_a_customer_flows_from_the_tier_of_one_month_end_to_that_of_the_next(published) -> None:
    flows = rows(collect(published(TWO_BUYERS), AS_OF), "tier_flows")
    moved = {(row["from_state"], row["to_state"]): row["customers"] for row in flows}
    assert moved == {("silver", "gold"): 1, ("not_yet", "silver"): 1}


def test_the_second_purchase_is_the_next_one_worth_something(published) -> None:
    """The ticket of 21 September is a return: the second purchase came after 39 days, in the stretch from 30 to 44."""
    seconds = rows(collect(published(TWO_BUYERS), AS_OF), "second_purchase")
    assert {(row["tier"], row["days_from"]) for row in seconds} == {("gold", 30), ("silver", None)}


def test_clv_below_one_yuan_is_one_bin(published) -> None:
    bins = {
        (row["bin_from"], row["bin_to"]): row["customers"] for row in rows(collect(published(TWO_BUYERS), AS_OF), "clv")
    }
    assert bins == {(0, 1): 1, (10, 12.5893): 1}


def test_small_regions_are_shown_together(published) -> None:
    people = (
        "insert into marts.customer_360 by name "
        "select 'c' || i as customer_id, 'r' || (i % 12) as province from range(120) as t(i)"
    )
    regions = {row["region"] for row in rows(collect(published(people), AS_OF), "headline")}
    assert len(regions) == 9
    assert "other" in regions


def test_a_page_grows_with_cells_not_with_customers(published) -> None:
    people = (
        "insert into marts.customer_360 by name select 'c' || i as customer_id, 'gold' as official_tier, "
        "'store' as preferred_channel, 1 + i % 5 as r_score, 1 + i % 5 as f_score, 'champions' as rfm_segment, "
        "'new' as lifecycle_stage, 'acquired' as funnel_stage, i as clv_365d from range(20000) as t(i)"
    )
    datasets = collect(published(people), AS_OF)
    assert sum(len(rows(datasets, name)) for name in datasets) < 200
