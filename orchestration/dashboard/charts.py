"""The charts of the dashboard as Altair specs, without data: the page puts the chosen rows in.

What belongs here: marks, scales, order and colour of each chart. What does not: the figures (`aggregates.py`), the
words (reference `dashboard_strings`; a text `@key` stands for one), which chart stands where (`sections.py`), and the
looks of the page (`page.css`).

Every chart reads the named data `rows`. For a column of codes the page adds `<column>_label` (the word) and
`<column>_order` (its place among the words); a `day` gets `day_label`, its month.
"""

import altair as alt

from orchestration.dashboard.alluvial import alluvial
from orchestration.dashboard.marks import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    OUTCOME_COLOURS,
    PURPLE,
    QUARTERS,
    RANGE,
    RED,
    SKY,
    STAGE_COLOURS,
    TIGHT,
    Chart,
    Codes,
    bars_by,
    base,
    month,
    ordered,
    palette,
    share_bars,
    tier_scale,
    tip,
    total,
)


def tier_share(codes: Codes) -> Chart:
    """Customers and revenue, each as 100%, by tier."""
    summed = (
        base()
        .transform_aggregate(
            amount="sum(amount)", groupby=["tier_label", "tier_order", "measure_label", "measure_order"]
        )
        .transform_joinaggregate(total="sum(amount)", groupby=["measure_label"])
        .transform_calculate(share="datum.total > 0 ? datum.amount / datum.total : 0")
    )
    bars = summed.mark_bar(size=46, cornerRadius=3).encode(
        x=alt.X("share:Q", axis=alt.Axis(format="%", title=None), stack="zero", scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("measure_label:N", title=None, sort=ordered("measure"), axis=alt.Axis(labelLimit=120)),
        color=alt.Color("tier_label:N", scale=tier_scale(codes), title=None, sort=ordered("tier")),
        order=alt.Order("tier_order:Q"),
        tooltip=[
            tip("tier_label", "tier"),
            tip("measure_label", "measure"),
            tip("amount:Q", "amount", ",.0f"),
            tip("share:Q", "share", ".1%"),
        ],
    )
    text = (
        summed.transform_stack(
            stack="share", as_=["from", "to"], groupby=["measure_label"], sort=[alt.SortField("tier_order")]
        )
        .transform_filter("datum.share >= 0.06")
        .transform_calculate(middle="(datum.from + datum.to) / 2")
        .mark_text(fontWeight=600)
        .encode(
            x="middle:Q",
            y=alt.Y("measure_label:N", sort=ordered("measure")),
            # The first tier is dark, the others are pale.
            color=alt.condition("datum.tier_order === 0", alt.value("white"), alt.value("#1c2733")),
            text=alt.Text("share:Q", format=".0%"),
        )
    )
    return bars + text


def tier_trend(codes: Codes) -> Chart:
    """Customers by tier at each month end."""
    return (
        base()
        .mark_bar()
        .encode(
            x=month(),
            y=total("customers"),
            color=alt.Color("then_tier_label:N", scale=tier_scale(codes), title=None, sort=ordered("then_tier")),
            order=alt.Order("then_tier_order:Q", sort="descending"),
            tooltip=[
                tip("day_label", "month"),
                tip("then_tier_label", "tier"),
                tip("sum(customers):Q", "customers", ","),
            ],
        )
    )


def tier_flows(codes: Codes) -> Chart:
    """Alluvial of tiers over the last month ends."""
    return alluvial(tier_scale(codes))


def stage_flows(codes: Codes) -> Chart:
    """Alluvial of lifecycle stages over the last month ends."""
    return alluvial(palette("stage", codes["stage"], STAGE_COLOURS))


def rfm_heat(_codes: Codes) -> Chart:
    """Customers by recency and frequency score."""
    cells = (
        base()
        .transform_aggregate(customers="sum(customers)", revenue="sum(revenue)", groupby=["r_score", "f_score"])
        .transform_joinaggregate(largest="max(customers)")
        .transform_calculate(dark="datum.customers > 0.55 * datum.largest")
    )
    axes = {
        "x": alt.X("f_score:O", title="@axis.frequency_score", axis=alt.Axis(labelAngle=0), scale=TIGHT),
        "y": alt.Y("r_score:O", title="@axis.recency_score", sort="descending", scale=TIGHT),
    }
    heat = cells.mark_rect(cornerRadius=3, stroke="white", strokeOpacity=0.25).encode(
        **axes,
        color=alt.Color("customers:Q", scale=alt.Scale(scheme="blues"), title="@axis.customers"),
        tooltip=[
            tip("r_score:O", "recency_score"),
            tip("f_score:O", "frequency_score"),
            tip("customers:Q", "customers", ","),
            tip("revenue:Q", "revenue", ",.0f"),
        ],
    )
    text = cells.mark_text(fontSize=12).encode(
        **axes,
        text=alt.Text("customers:Q", format=",d"),
        color=alt.condition("datum.dark", alt.value("white"), alt.value("#1c2733")),
    )
    return heat + text


def rfm_segments(_codes: Codes) -> Chart:
    """Customers of each RFM segment."""
    return bars_by("segment", "customers", BLUE, extra=[tip("sum(revenue):Q", "revenue", ",.0f")])


def funnel(_codes: Codes) -> Chart:
    """How many customers stand at each step of the funnel, as centred bars."""
    steps = (
        base()
        .transform_aggregate(customers="sum(customers)", groupby=["stage_label", "stage_order"])
        .transform_joinaggregate(total="sum(customers)")
        .transform_calculate(
            share="datum.customers / datum.total", low="-datum.customers / 2", high="datum.customers / 2"
        )
    )
    y = alt.Y("stage_label:N", title=None, sort=ordered("stage"))
    bars = steps.mark_bar(cornerRadius=4, size=34, color=BLUE).encode(
        x=alt.X("low:Q", axis=None, scale=alt.Scale(padding=70)),
        x2="high:Q",
        y=y,
        opacity=alt.Opacity("stage_order:Q", scale=alt.Scale(domain=[0, 4], range=[1, 0.5]), legend=None),
        tooltip=[tip("stage_label", "stage"), tip("customers:Q", "customers", ","), tip("share:Q", "share", ".1%")],
    )
    text = steps.transform_calculate(said="format(datum.customers, ',') + ' · ' + format(datum.share, '.0%')")
    return bars + text.mark_text(align="left", dx=8).encode(y=y, x="high:Q", text="said:N")


def stages(codes: Codes) -> Chart:
    """Customers of each lifecycle stage."""
    return (
        base()
        .mark_bar(cornerRadiusEnd=3)
        .encode(
            x=total("customers", on="x"),
            y=alt.Y("stage_label:N", title=None, sort=ordered("stage")),
            color=alt.Color("stage_label:N", scale=palette("stage", codes["stage"], STAGE_COLOURS), legend=None),
            tooltip=[tip("stage_label", "stage"), tip("sum(customers):Q", "customers", ",")],
        )
    )


def clv_distribution(_codes: Codes) -> Chart:
    """How many customers have which CLV, on a logarithmic scale."""
    return (
        base()
        .transform_filter("datum.bin_from >= 1")
        .transform_aggregate(customers="sum(customers)", groupby=["bin_from", "bin_to"])
        .transform_calculate(nobody="0")
        .mark_rect(color=BLUE, stroke="white", strokeOpacity=0.4, strokeWidth=0.5)
        .encode(
            y2="nobody:Q",
            x=alt.X(
                "bin_from:Q",
                scale=alt.Scale(type="log", nice=False),
                title="@axis.clv",
                axis=alt.Axis(format="~s", tickCount=6, grid=False),
            ),
            x2="bin_to:Q",
            y=alt.Y("customers:Q", title="@axis.customers"),
            tooltip=[
                tip("bin_from:Q", "from", ",.0f"),
                tip("bin_to:Q", "to", ",.0f"),
                tip("customers:Q", "customers", ","),
            ],
        )
    )


def clv_concentration(_codes: Codes) -> Chart:
    """Share of all CLV that the most valuable share of customers brings."""
    curve = (
        base()
        .transform_aggregate(customers="sum(customers)", clv="sum(clv)", groupby=["bin_from"])
        .transform_joinaggregate(all_customers="sum(customers)", all_clv="sum(clv)")
        .transform_window(
            cumulated="sum(customers)", cumulated_clv="sum(clv)", sort=[alt.SortField("bin_from", order="descending")]
        )
        .transform_calculate(
            x="datum.cumulated / datum.all_customers",
            y="datum.all_clv > 0 ? datum.cumulated_clv / datum.all_clv : 0",
        )
        .mark_line(color=BLUE, strokeWidth=2.5, point=alt.OverlayMarkDef(size=22, color=BLUE))
        .encode(
            x=alt.X("x:Q", title="@axis.top_customers", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("y:Q", title="@axis.share_of_clv", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            tooltip=[tip("x:Q", "top_customers", ".1%"), tip("y:Q", "share_of_clv", ".1%")],
        )
    )
    ends = alt.Chart(alt.InlineData([{"x": 0, "y": 0}, {"x": 1, "y": 1}]))
    return ends.mark_line(strokeDash=[4, 4], color=GREY).encode(x="x:Q", y="y:Q") + curve


def calibration(_codes: Codes) -> Chart:
    """Purchases foretold against purchases made, a point for each tenth of the forecast."""
    tenths = base().transform_filter("datum.grouped_by === 'forecast'")
    reach = tenths.transform_fold(["predicted", "actual"], as_=["which", "value"]).transform_aggregate(
        top="max(value)", groupby=["grouped_by"]
    )
    ideal = reach.transform_calculate(ends="[0, datum.top]").transform_flatten(["ends"])
    return ideal.mark_line(strokeDash=[4, 4], color=GREY).encode(x="ends:Q", y="ends:Q") + tenths.mark_point(
        filled=True, size=80, color=BLUE, opacity=0.9
    ).encode(
        x=alt.X("predicted:Q", title="@axis.predicted"),
        y=alt.Y("actual:Q", title="@axis.actual"),
        tooltip=[
            tip("group_number:O", "tenth"),
            tip("customers:Q", "customers", ","),
            tip("predicted:Q", "predicted", ".2f"),
            tip("actual:Q", "actual", ".2f"),
        ],
    )


def cohorts(_codes: Codes) -> Chart:
    """Share of each month's new buyers who bought again in each month after it."""
    cells = (
        base()
        .transform_aggregate(
            customers="sum(customers)", active="sum(active)", groupby=["cohort", "cohort_label", "months_after"]
        )
        .transform_calculate(share="datum.customers > 0 ? datum.active / datum.customers : 0")
    )
    axes = {
        "x": alt.X("months_after:O", title="@axis.months_after", axis=alt.Axis(labelAngle=0), scale=TIGHT),
        "y": alt.Y("cohort_label:N", title=None, sort=alt.EncodingSortField("cohort", op="min"), scale=TIGHT),
    }
    heat = cells.mark_rect(cornerRadius=2).encode(
        **axes,
        color=alt.Color("share:Q", scale=alt.Scale(scheme="teals"), title=None, legend=None),
        tooltip=[
            tip("cohort_label", "cohort"),
            tip("months_after:O", "months_after"),
            tip("customers:Q", "customers", ","),
            tip("share:Q", "share", ".1%"),
        ],
    )
    text = (
        cells.transform_joinaggregate(largest="max(share)")
        .transform_calculate(dark="datum.share > 0.55 * datum.largest")
        .mark_text(fontSize=10)
        .encode(
            **axes,
            text=alt.Text("share:Q", format=".0%"),
            color=alt.condition("datum.dark", alt.value("white"), alt.value("#1c2733")),
        )
    )
    return heat + text


def second_purchase(_codes: Codes) -> Chart:
    """Share of new buyers who have bought a second time, by days since the first purchase."""
    return (
        base()
        .transform_aggregate(customers="sum(customers)", groupby=["days_from"])
        .transform_joinaggregate(everybody="sum(customers)")
        .transform_filter("isValid(datum.days_from)")
        .transform_window(cumulated="sum(customers)", sort=[alt.SortField("days_from")])
        .transform_calculate(days="datum.days_from + 15", share="datum.cumulated / datum.everybody")
        .mark_area(line={"color": GREEN, "strokeWidth": 2.5}, color=GREEN, fillOpacity=0.18, interpolate="monotone")
        .encode(
            x=alt.X("days:Q", title="@axis.days_after_first", axis=alt.Axis(values=list(range(0, 181, 15)))),
            y=alt.Y("share:Q", title="@axis.bought_again", axis=alt.Axis(format="%")),
            tooltip=[tip("days:Q", "days"), tip("customers:Q", "customers", ","), tip("share:Q", "share", ".1%")],
        )
    )


def clock(_codes: Codes) -> Chart:
    """Mean minutes of a service clock by month; dashed: what was promised."""
    x = month()
    line = (
        base()
        .mark_line(color=BLUE, strokeWidth=2.5, point=alt.OverlayMarkDef(color=BLUE, size=30))
        .encode(
            x=x,
            y=alt.Y("value:Q", title="@axis.minutes"),
            tooltip=[
                tip("day_label", "month"),
                tip("value:Q", "minutes", ",.1f"),
                tip("target:Q", "target", ",.0f"),
                tip("denominator:Q", "cases", ",.0f"),
            ],
        )
    )
    promise = base().mark_line(color=RED, strokeDash=[5, 4], strokeWidth=1.5).encode(x=x, y="target:Q")
    return promise + line


def service_rates(_codes: Codes) -> Chart:
    """Rates of the last whole month as bars; a mark: the target or reference."""
    y = alt.Y("measure_label:N", title=None, sort=ordered("measure"), axis=alt.Axis(labelLimit=190))
    bars = (
        base()
        .mark_bar(cornerRadiusEnd=3, size=13, color=SKY)
        .encode(
            x=alt.X("value:Q", axis=alt.Axis(format="%", values=QUARTERS), title=None, scale=alt.Scale(domain=[0, 1])),
            y=y,
            tooltip=[
                tip("measure_label", "measure"),
                tip("value:Q", "share", ".1%"),
                tip("numerator:Q", "cases", ",.0f"),
                tip("denominator:Q", "out_of", ",.0f"),
                tip("promise:Q", "target", ".0%"),
            ],
        )
    )
    ticks = base().transform_filter("isValid(datum.promise)").mark_tick(color=RED, thickness=2.5, size=20)
    return bars + ticks.encode(x="promise:Q", y=y)


def topics(_codes: Codes) -> Chart:
    """Cases by topic, complaints apart."""
    return (
        base()
        .transform_aggregate(cases="sum(cases)", complaints="sum(complaints)", groupby=["topic_label", "topic_order"])
        .transform_joinaggregate(all_cases="sum(cases)")
        .transform_calculate(share="datum.cases > 0 ? datum.complaints / datum.cases : 0")
        .mark_bar(cornerRadiusEnd=3, color=SKY)
        .encode(
            x=alt.X("cases:Q", title="@axis.cases"),
            y=alt.Y("topic_label:N", title=None, sort=alt.EncodingSortField("cases", order="descending")),
            color=alt.Color(
                "share:Q",
                scale=alt.Scale(range=["#9cc9ea", RED]),
                title="@axis.complaint_share",
                legend=alt.Legend(format=".0%", gradientLength=110),
            ),
            tooltip=[
                tip("topic_label", "topic"),
                tip("cases:Q", "cases", ","),
                tip("complaints:Q", "complaints", ","),
                tip("share:Q", "complaint_share", ".1%"),
            ],
        )
    )


def complaint_path(_codes: Codes) -> Chart:
    """From complaint to promoter."""
    return bars_by("step", "customers", PURPLE, title="@axis.complaints")


def weak_points(_codes: Codes) -> Chart:
    """The weakest points of service by impact × frequency."""
    return (
        base()
        .transform_calculate(
            name="datum.rank + '. ' + join([datum.problem_label, datum.topic_label, datum.case_channel_label], ' · ')"
        )
        .mark_bar(cornerRadiusEnd=3, color=RED)
        .encode(
            x=alt.X("score:Q", title="@axis.score"),
            y=alt.Y("name:N", title=None, sort=alt.EncodingSortField("rank"), axis=alt.Axis(labelLimit=230)),
            tooltip=[
                tip("name", "weak_point"),
                tip("affected_cases:Q", "cases", ","),
                tip("rate:Q", "share", ".1%"),
                tip("score:Q", "score", ".3f"),
            ],
        )
    )


def sales_by_channel(codes: Codes) -> Chart:
    """Net revenue by month and channel."""
    return (
        base()
        .mark_bar()
        .encode(
            x=month(),
            y=alt.Y("sum(revenue):Q", title="@axis.revenue", axis=alt.Axis(format="~s")),
            color=alt.Color(
                "channel_label:N",
                scale=palette("channel", codes["channel"], RANGE),
                title=None,
                sort=ordered("channel"),
            ),
            order=alt.Order("channel_order:Q"),
            tooltip=[
                tip("day_label", "month"),
                tip("channel_label", "channel"),
                tip("sum(revenue):Q", "revenue", ",.0f"),
            ],
        )
    )


def online_offline(_codes: Codes) -> Chart:
    """Share of revenue made in shops and online, by month."""
    return (
        base()
        .mark_area(line=True, fillOpacity=0.75)
        .encode(
            x=month(),
            y=alt.Y("sum(revenue):Q", stack="normalize", title=None, axis=alt.Axis(format="%")),
            color=alt.Color("side_label:N", scale=palette("side", ["offline", "online"], [BLUE, ORANGE]), title=None),
            tooltip=[tip("day_label", "month"), tip("side_label", "side"), tip("sum(revenue):Q", "revenue", ",.0f")],
        )
    )


def habits(_codes: Codes) -> Chart:
    """Customers who buy in shops, online, or both."""
    return bars_by("habit", "customers", GREEN, extra=[tip("sum(revenue):Q", "revenue", ",.0f")])


def regions(_codes: Codes) -> Chart:
    """Revenue of the last 12 months by region of the customer."""
    return bars_by("region", "revenue", BLUE, extra=[tip("sum(customers):Q", "customers", ",")], axis_format="~s")


def audiences(codes: Codes) -> Chart:
    """Members of each audience, those held out apart."""
    return (
        base()
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            x=total("customers", on="x"),
            y=alt.Y(
                "audience_label:N",
                title=None,
                sort=alt.EncodingSortField("customers", op="sum", order="descending"),
                axis=alt.Axis(labelLimit=190),
            ),
            color=alt.Color("arm_label:N", scale=palette("arm", codes["arm"], [BLUE, ORANGE, GREY]), title=None),
            order=alt.Order("arm_order:Q"),
            tooltip=[
                tip("audience_label", "audience"),
                tip("arm_label", "arm"),
                tip("sum(customers):Q", "customers", ","),
            ],
        )
    )


def uplift(_codes: Codes) -> Chart:
    """Conversion of those contacted less that of those held out, with its interval."""
    y = alt.Y("audience_label:N", title=None, sort=None, axis=alt.Axis(labelLimit=190))
    tips = [
        tip("audience_label", "audience"),
        tip("uplift:Q", "uplift", "+.1%"),
        tip("uplift_low:Q", "from", "+.1%"),
        tip("uplift_high:Q", "to", "+.1%"),
        tip("treated:Q", "treated", ","),
        tip("control:Q", "control", ","),
        tip("verdict_label", "verdict"),
    ]
    sure = alt.Color(
        "sure:N", scale=alt.Scale(domain=["better", "worse", "open"], range=[GREEN, RED, GREY]), legend=None
    )
    line = (
        base()
        .mark_rule(strokeWidth=2.5)
        .encode(
            y=y,
            x=alt.X("uplift_low:Q", title="@axis.uplift", axis=alt.Axis(format="+%")),
            x2="uplift_high:Q",
            color=sure,
            tooltip=tips,
        )
    )
    point = base().mark_point(filled=True, size=90, opacity=1).encode(y=y, x="uplift:Q", color=sure, tooltip=tips)
    zero = alt.Chart(alt.InlineData([{"zero": 0}])).mark_rule(strokeDash=[4, 4], color=GREY).encode(x="zero:Q")
    return zero + line + point


def links(_codes: Codes) -> Chart:
    """Share of the records of each source that have a customer."""
    return share_bars("source", "linked", "records", GREEN)


def completeness(_codes: Codes) -> Chart:
    """Share of profiles that hold each field."""
    return share_bars("field", "filled", "customers", BLUE)


def deliveries(codes: Codes) -> Chart:
    """What became of delivered rows, by delivery date."""
    return (
        base()
        .mark_bar()
        .encode(
            x=alt.X(
                "day:O",
                title="@axis.delivery_date",
                axis=alt.Axis(labelAngle=-40, labelOverlap=True, labelExpr="slice(datum.value, 5)"),
            ),
            y=alt.Y("sum(share):Q", title="@axis.share_of_delivered", axis=alt.Axis(format="%")),
            color=alt.Color(
                "outcome_label:N",
                scale=palette("outcome", codes["outcome"], OUTCOME_COLOURS),
                title=None,
                sort=ordered("outcome"),
            ),
            order=alt.Order("outcome_order:Q"),
            tooltip=[
                tip("day:O", "delivery_date"),
                tip("outcome_label", "outcome"),
                tip("sum(amount):Q", "rows", ","),
                tip("sum(share):Q", "share", ".2%"),
            ],
        )
    )


def quarantine(_codes: Codes) -> Chart:
    """The most frequent reasons of quarantine."""
    return (
        base()
        .transform_calculate(name="datum.reason + ' · ' + datum.dataset")
        .mark_bar(cornerRadiusEnd=3, color=RED)
        .encode(
            x=alt.X("bad_rows:Q", title="@axis.rows"),
            y=alt.Y("name:N", title=None, sort="-x", axis=alt.Axis(labelLimit=250)),
            tooltip=[tip("dataset", "dataset"), tip("reason", "reason"), tip("bad_rows:Q", "rows", ",")],
        )
    )
