"""The charts of the dashboard as Altair specs, without data: the page puts the chosen rows in.

What belongs here: marks, scales, order and colour. What does not: the figures (`aggregates.py`), the words
(reference `dashboard_strings`; a text `@key` stands for one) and the looks of the page (`page.css`).

Every chart reads the named data `rows`. For a column of codes the page adds `<column>_label` (the word) and
`<column>_order` (its place among the words); a `day` gets `day_label`, its month.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

# Okabe and Ito's colours, told apart with every common colour blindness, softened for large areas; grey says "none".
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW, GREY = (
    "#3b78b8", "#e08a2e", "#2f9e77", "#cc4b4b", "#8e6bbf", "#63b1e5", "#e3b93b", "#9aa4b2",
)  # fmt: skip
_RANGE = [BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW, RED, GREY]
_TIER_RANGE = ["#5a4fcf", YELLOW, "#8fa3bf", "#c3c9d4", SKY, GREEN, ORANGE, RED]
_STAGE_COLOURS = {
    "new": SKY, "growing": GREEN, "mature": BLUE, "steady": "#7f93c9", "at_risk": ORANGE, "lost": GREY,
    "not_yet": "#dfe3ea",
}  # fmt: skip
_OUTCOME_COLOURS = {"superseded": SKY, "repeated": GREY, "quarantined": RED}
_TIGHT = alt.Scale(paddingInner=0.04)
_QUARTERS = [0, 0.25, 0.5, 0.75, 1]

Codes = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Panel:
    """One box of a section: a chart, or a table or cards that the page builds itself (`kind`)."""

    id: str
    dataset: str
    span: int
    height: int = 260
    kind: str = "chart"
    chart: Callable[[Codes], alt.TopLevelMixin] | None = None
    where: Mapping[str, str] | None = None

    def spec(self, codes: Codes) -> dict[str, Any] | None:
        """The Vega-Lite spec; the page brings data, theme and language."""
        if self.chart is None:
            return None
        chart = self.chart(codes).properties(width="container", height=self.height)
        # Specs are checked by the tests; checking each again in every refresh costs time and finds nothing.
        spec: dict[str, Any] = chart.to_dict(validate=False, context={"pre_transform": False})
        for unwanted in ("config", "$schema"):
            spec.pop(unwanted, None)
        return spec


def _base() -> alt.Chart:
    return alt.Chart(alt.NamedData("rows"))


def _ordered(column: str, **options: Any) -> alt.SortField | alt.EncodingSortField:
    return alt.EncodingSortField(field=f"{column}_order", op="min", **options)


def _palette(domain: str, codes: Sequence[str], colours: Mapping[str, str] | Sequence[str]) -> alt.Scale:
    """A colour for each code, the same in every chart of the page."""
    if isinstance(colours, Mapping):
        chosen = [colours.get(code, _RANGE[number % len(_RANGE)]) for number, code in enumerate(codes)]
    else:
        chosen = [colours[number % len(colours)] for number in range(len(codes))]
    return alt.Scale(domain=[f"@{domain}.{code}" for code in codes], range=chosen)


def _tier_scale(codes: Codes) -> alt.Scale:
    tiers = [code for code in codes["tier"] if code != "not_yet"]
    colours = dict(zip(tiers, _TIER_RANGE * len(tiers), strict=False)) | {"not_yet": "#dfe3ea", "none": "#dfe3ea"}
    return _palette("tier", codes["tier"], colours)


def tier_share(codes: Codes) -> alt.TopLevelMixin:
    """Customers and revenue, each as 100%, by tier."""
    summed = _base().transform_aggregate(
        amount="sum(amount)", groupby=["tier_label", "tier_order", "measure_label", "measure_order"]
    ).transform_joinaggregate(total="sum(amount)", groupby=["measure_label"]).transform_calculate(
        share="datum.total > 0 ? datum.amount / datum.total : 0"
    )  # fmt: skip
    bars = summed.mark_bar(size=46, cornerRadius=3).encode(
        x=alt.X("share:Q", axis=alt.Axis(format="%", title=None), stack="zero", scale=alt.Scale(domain=[0, 1])),
        y=alt.Y("measure_label:N", title=None, sort=_ordered("measure"), axis=alt.Axis(labelLimit=120)),
        color=alt.Color("tier_label:N", scale=_tier_scale(codes), title=None, sort=_ordered("tier")),
        order=alt.Order("tier_order:Q"),
        tooltip=[_tip("tier_label", "tier"), _tip("measure_label", "measure"), _tip("amount:Q", "amount", ",.0f"),
                 _tip("share:Q", "share", ".1%")],
    )  # fmt: skip
    text = summed.transform_stack(
        stack="share", as_=["from", "to"], groupby=["measure_label"], sort=[alt.SortField("tier_order")]
    ).transform_filter("datum.share >= 0.06").transform_calculate(middle="(datum.from + datum.to) / 2").mark_text(
        color="white", fontWeight=600
    ).encode(
        x="middle:Q",
        y=alt.Y("measure_label:N", sort=_ordered("measure")),
        text=alt.Text("share:Q", format=".0%"),
    )  # fmt: skip
    return bars + text


def tier_trend(codes: Codes) -> alt.TopLevelMixin:
    """Customers by tier at each month end."""
    return _base().mark_bar().encode(
        x=_month(),
        y=_sum("customers"),
        color=alt.Color("then_tier_label:N", scale=_tier_scale(codes), title=None, sort=_ordered("then_tier")),
        order=alt.Order("then_tier_order:Q", sort="descending"),
        tooltip=[_tip("day_label", "month"), _tip("then_tier_label", "tier"), _tip("sum(customers):Q", "customers", ",")],
    )  # fmt: skip


def tier_flows(codes: Codes) -> alt.TopLevelMixin:
    """Alluvial of tiers over the last month ends."""
    return _alluvial(_tier_scale(codes))


def stage_flows(codes: Codes) -> alt.TopLevelMixin:
    """Alluvial of lifecycle stages over the last month ends."""
    return _alluvial(_palette("stage", codes["stage"], _STAGE_COLOURS))


def _alluvial(scale: alt.Scale) -> alt.TopLevelMixin:
    """Ribbons between stacked nodes: where the customers of one month end were at the next.

    Each ribbon is an area whose edges run from the place of its part in the left stack to that in the right one
    along 3t² - 2t³.
    """
    flows = _base().transform_aggregate(
        customers="sum(customers)",
        groupby=["step", "from_day_label", "to_day_label", "from_state_label", "from_state_order", "to_state_label",
                 "to_state_order"],
    )  # fmt: skip
    order, back = alt.SortField("from_state_order"), alt.SortField("to_state_order")
    ribbons = (
        flows.transform_stack(stack="customers", as_=["a0", "a1"], groupby=["step"], sort=[order, back])
        .transform_stack(stack="customers", as_=["b0", "b1"], groupby=["step"], sort=[back, order])
        .transform_calculate(t="sequence(0, 1.01, 0.05)")
        .transform_flatten(["t"])
        .transform_calculate(
            s="datum.t * datum.t * (3 - 2 * datum.t)",
            x="datum.step + 0.03 + 0.94 * datum.t",
            low="datum.a0 * (1 - datum.s) + datum.b0 * datum.s",
            high="datum.a1 * (1 - datum.s) + datum.b1 * datum.s",
            moved="datum.from_state_label === datum.to_state_label ? 0.28 : 0.72",
        )
        .mark_area(interpolate="monotone", strokeWidth=0.6)
        .encode(
            stroke=alt.Stroke("from_state_label:N", scale=scale, legend=None),
            x=alt.X("x:Q", axis=None, scale=alt.Scale(nice=False, zero=False)),
            y=alt.Y("low:Q", axis=None, scale=alt.Scale(nice=False)),
            y2="high:Q",
            detail=["step:N", "from_state_label:N", "to_state_label:N"],
            color=alt.Color("from_state_label:N", scale=scale, title=None, sort=_ordered("from_state")),
            opacity=alt.Opacity("moved:Q", scale=None),
            tooltip=[
                _tip("from_day_label", "from_month"),
                _tip("from_state_label", "from"),
                _tip("to_state_label", "to"),
                _tip("customers:Q", "customers", ","),
            ],
        )
    )
    left = _nodes(flows, "from", "datum.step", scale)
    last = _nodes(
        flows.transform_joinaggregate(last="max(step)").transform_filter("datum.step === datum.last"),
        "to",
        "datum.step + 1",
        scale,
    )
    return ribbons + left + last + _node_months(flows, "from", "datum.step") + _node_months(flows, "to", "datum.step + 1")


def _nodes(flows: alt.Chart, side: str, position: str, scale: alt.Scale) -> alt.Chart:
    """The states of one month end as a stack of bars."""
    state = f"{side}_state"
    return (
        flows.transform_aggregate(customers="sum(customers)", groupby=["step", f"{state}_label", f"{state}_order"])
        .transform_stack(
            stack="customers", as_=["low", "high"], groupby=["step"], sort=[alt.SortField(f"{state}_order")]
        )
        .transform_calculate(x0=f"{position} - 0.03", x1=f"{position} + 0.03")
        .mark_rect(cornerRadius=2)
        .encode(
            x="x0:Q",
            x2="x1:Q",
            y="low:Q",
            y2="high:Q",
            color=alt.Color(f"{state}_label:N", scale=scale, title=None),
            tooltip=[_tip(f"{state}_label", "state"), _tip("customers:Q", "customers", ",")],
        )
    )


def _node_months(flows: alt.Chart, side: str, position: str) -> alt.Chart:
    """The month below each stack; the outermost ones stay inside the frame."""
    named = flows.transform_aggregate(total="sum(customers)", groupby=["step", f"{side}_day_label"]).transform_joinaggregate(
        steps="max(step)"
    )
    if side == "to":
        named = named.transform_filter("datum.step === datum.steps")
    return (
        named.transform_calculate(x=f"{position} {'- 0.03' if side == 'from' else '+ 0.03'}", foot="0")
        .mark_text(baseline="top", dy=7, fontSize=11, align="left" if side == "from" else "right")
        .encode(x="x:Q", y="foot:Q", text=f"{side}_day_label:N")
    )


def rfm_heat(_codes: Codes) -> alt.TopLevelMixin:
    """Customers by recency and frequency score."""
    cells = _base().transform_aggregate(
        customers="sum(customers)", revenue="sum(revenue)", groupby=["r_score", "f_score"]
    ).transform_joinaggregate(largest="max(customers)").transform_calculate(
        dark="datum.customers > 0.55 * datum.largest"
    )  # fmt: skip
    axes = {
        "x": alt.X("f_score:O", title="@axis.frequency_score", axis=alt.Axis(labelAngle=0), scale=_TIGHT),
        "y": alt.Y("r_score:O", title="@axis.recency_score", sort="descending", scale=_TIGHT),
    }
    heat = cells.mark_rect(cornerRadius=3, stroke="white", strokeOpacity=0.25).encode(
        **axes,
        color=alt.Color("customers:Q", scale=alt.Scale(scheme="blues"), title="@axis.customers"),
        tooltip=[_tip("r_score:O", "recency_score"), _tip("f_score:O", "frequency_score"),
                 _tip("customers:Q", "customers", ","), _tip("revenue:Q", "revenue", ",.0f")],
    )  # fmt: skip
    text = cells.mark_text(fontSize=12).encode(
        **axes,
        text=alt.Text("customers:Q", format=",d"),
        color=alt.condition("datum.dark", alt.value("white"), alt.value("#1c2733")),
    )
    return heat + text


def rfm_segments(_codes: Codes) -> alt.TopLevelMixin:
    """Customers of each RFM segment."""
    return _bars("segment", "customers", BLUE, extra=[_tip("sum(revenue):Q", "revenue", ",.0f")])


def funnel(_codes: Codes) -> alt.TopLevelMixin:
    """How many customers stand at each step of the funnel, as centred bars."""
    steps = _base().transform_aggregate(customers="sum(customers)", groupby=["stage_label", "stage_order"]) \
        .transform_joinaggregate(total="sum(customers)").transform_calculate(
        share="datum.customers / datum.total", low="-datum.customers / 2", high="datum.customers / 2"
    )  # fmt: skip
    y = alt.Y("stage_label:N", title=None, sort=_ordered("stage"))
    bars = steps.mark_bar(cornerRadius=4, size=34, color=BLUE).encode(
        x=alt.X("low:Q", axis=None, scale=alt.Scale(padding=70)),
        x2="high:Q",
        y=y,
        opacity=alt.Opacity("stage_order:Q", scale=alt.Scale(domain=[0, 4], range=[1, 0.5]), legend=None),
        tooltip=[_tip("stage_label", "stage"), _tip("customers:Q", "customers", ","), _tip("share:Q", "share", ".1%")],
    )
    text = steps.transform_calculate(said="format(datum.customers, ',') + ' · ' + format(datum.share, '.0%')")
    return bars + text.mark_text(align="left", dx=8).encode(y=y, x="high:Q", text="said:N")


def stages(codes: Codes) -> alt.TopLevelMixin:
    """Customers of each lifecycle stage."""
    return _base().mark_bar(cornerRadiusEnd=3).encode(
        x=_sum("customers", on="x"),
        y=alt.Y("stage_label:N", title=None, sort=_ordered("stage")),
        color=alt.Color("stage_label:N", scale=_palette("stage", codes["stage"], _STAGE_COLOURS), legend=None),
        tooltip=[_tip("stage_label", "stage"), _tip("sum(customers):Q", "customers", ",")],
    )  # fmt: skip


def clv_distribution(_codes: Codes) -> alt.TopLevelMixin:
    """How many customers have which CLV, on a logarithmic scale."""
    return (
        _base()
        .transform_filter("datum.bin_from >= 1")
        .transform_aggregate(customers="sum(customers)", groupby=["bin_from", "bin_to"])
        .transform_calculate(nobody="0")
        .mark_rect(color=BLUE, stroke="white", strokeOpacity=0.4, strokeWidth=0.5)
        .encode(
            y2="nobody:Q",
            x=alt.X("bin_from:Q", scale=alt.Scale(type="log", nice=False), title="@axis.clv",
                    axis=alt.Axis(format="~s", tickCount=6, grid=False)),
            x2="bin_to:Q",
            y=alt.Y("customers:Q", title="@axis.customers"),
            tooltip=[_tip("bin_from:Q", "from", ",.0f"), _tip("bin_to:Q", "to", ",.0f"),
                     _tip("customers:Q", "customers", ",")],
        )
    )  # fmt: skip


def clv_concentration(_codes: Codes) -> alt.TopLevelMixin:
    """Share of all CLV that the most valuable share of customers brings."""
    curve = (
        _base()
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
            tooltip=[_tip("x:Q", "top_customers", ".1%"), _tip("y:Q", "share_of_clv", ".1%")],
        )
    )
    ends = alt.Chart(alt.InlineData([{"x": 0, "y": 0}, {"x": 1, "y": 1}]))
    return ends.mark_line(strokeDash=[4, 4], color=GREY).encode(x="x:Q", y="y:Q") + curve


def calibration(_codes: Codes) -> alt.TopLevelMixin:
    """Purchases foretold against purchases made, a point for each tenth of the forecast."""
    tenths = _base().transform_filter("datum.grouped_by === 'forecast'")
    reach = tenths.transform_fold(["predicted", "actual"], as_=["which", "value"]).transform_aggregate(
        top="max(value)", groupby=["grouped_by"]
    )
    ideal = reach.transform_calculate(ends="[0, datum.top]").transform_flatten(["ends"])
    return ideal.mark_line(strokeDash=[4, 4], color=GREY).encode(x="ends:Q", y="ends:Q") + tenths.mark_point(
        filled=True, size=80, color=BLUE, opacity=0.9
    ).encode(
        x=alt.X("predicted:Q", title="@axis.predicted"),
        y=alt.Y("actual:Q", title="@axis.actual"),
        tooltip=[_tip("group_number:O", "tenth"), _tip("customers:Q", "customers", ","),
                 _tip("predicted:Q", "predicted", ".2f"), _tip("actual:Q", "actual", ".2f")],
    )  # fmt: skip


def cohorts(_codes: Codes) -> alt.TopLevelMixin:
    """Share of each month's new buyers who bought again in each month after it."""
    cells = (
        _base()
        .transform_aggregate(
            customers="sum(customers)", active="sum(active)", groupby=["cohort", "cohort_label", "months_after"]
        )
        .transform_calculate(share="datum.customers > 0 ? datum.active / datum.customers : 0")
    )
    axes = {
        "x": alt.X("months_after:O", title="@axis.months_after", axis=alt.Axis(labelAngle=0), scale=_TIGHT),
        "y": alt.Y("cohort_label:N", title=None, sort=alt.EncodingSortField("cohort", op="min"), scale=_TIGHT),
    }
    heat = cells.mark_rect(cornerRadius=2).encode(
        **axes,
        color=alt.Color("share:Q", scale=alt.Scale(scheme="teals"), title=None, legend=None),
        tooltip=[_tip("cohort_label", "cohort"), _tip("months_after:O", "months_after"),
                 _tip("customers:Q", "customers", ","), _tip("share:Q", "share", ".1%")],
    )  # fmt: skip
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


def second_purchase(_codes: Codes) -> alt.TopLevelMixin:
    """Share of new buyers who have bought a second time, by days since the first purchase."""
    return (
        _base()
        .transform_aggregate(customers="sum(customers)", groupby=["days_from"])
        .transform_joinaggregate(everybody="sum(customers)")
        .transform_filter("isValid(datum.days_from)")
        .transform_window(cumulated="sum(customers)", sort=[alt.SortField("days_from")])
        .transform_calculate(days="datum.days_from + 15", share="datum.cumulated / datum.everybody")
        .mark_area(
            line={"color": GREEN, "strokeWidth": 2.5}, color=GREEN, fillOpacity=0.18, interpolate="monotone"
        )
        .encode(
            x=alt.X("days:Q", title="@axis.days_after_first", axis=alt.Axis(values=list(range(0, 181, 15)))),
            y=alt.Y("share:Q", title="@axis.bought_again", axis=alt.Axis(format="%")),
            tooltip=[_tip("days:Q", "days"), _tip("customers:Q", "customers", ","), _tip("share:Q", "share", ".1%")],
        )
    )


def clock(_codes: Codes) -> alt.TopLevelMixin:
    """Mean minutes of a service clock by month; dashed: what was promised."""
    x = _month()
    line = _base().mark_line(color=BLUE, strokeWidth=2.5, point=alt.OverlayMarkDef(color=BLUE, size=30)).encode(
        x=x,
        y=alt.Y("value:Q", title="@axis.minutes"),
        tooltip=[_tip("day_label", "month"), _tip("value:Q", "minutes", ",.1f"), _tip("target:Q", "target", ",.0f"),
                 _tip("denominator:Q", "cases", ",.0f")],
    )  # fmt: skip
    promise = _base().mark_line(color=RED, strokeDash=[5, 4], strokeWidth=1.5).encode(x=x, y="target:Q")
    return promise + line


def service_rates(_codes: Codes) -> alt.TopLevelMixin:
    """Rates of the last whole month as bars; a mark: the target or reference."""
    y = alt.Y("measure_label:N", title=None, sort=_ordered("measure"), axis=alt.Axis(labelLimit=190))
    bars = _base().mark_bar(cornerRadiusEnd=3, size=13, color=SKY).encode(
        x=alt.X("value:Q", axis=alt.Axis(format="%", values=_QUARTERS), title=None, scale=alt.Scale(domain=[0, 1])),
        y=y,
        tooltip=[_tip("measure_label", "measure"), _tip("value:Q", "share", ".1%"), _tip("numerator:Q", "cases", ",.0f"),
                 _tip("denominator:Q", "out_of", ",.0f"), _tip("promise:Q", "target", ".0%")],
    )  # fmt: skip
    ticks = _base().transform_filter("isValid(datum.promise)").mark_tick(color=RED, thickness=2.5, size=20)
    return bars + ticks.encode(x="promise:Q", y=y)


def topics(_codes: Codes) -> alt.TopLevelMixin:
    """Cases by topic, complaints apart."""
    return (
        _base()
        .transform_aggregate(cases="sum(cases)", complaints="sum(complaints)", groupby=["topic_label", "topic_order"])
        .transform_joinaggregate(all_cases="sum(cases)")
        .transform_calculate(share="datum.cases > 0 ? datum.complaints / datum.cases : 0")
        .mark_bar(cornerRadiusEnd=3, color=SKY)
        .encode(
            x=alt.X("cases:Q", title="@axis.cases"),
            y=alt.Y("topic_label:N", title=None, sort=alt.EncodingSortField("cases", order="descending")),
            color=alt.Color("share:Q", scale=alt.Scale(range=["#9cc9ea", RED]), title="@axis.complaint_share",
                            legend=alt.Legend(format=".0%", gradientLength=110)),
            tooltip=[_tip("topic_label", "topic"), _tip("cases:Q", "cases", ","),
                     _tip("complaints:Q", "complaints", ","), _tip("share:Q", "complaint_share", ".1%")],
        )
    )  # fmt: skip


def complaint_path(_codes: Codes) -> alt.TopLevelMixin:
    """From complaint to promoter."""
    return _bars("step", "customers", PURPLE, title="@axis.complaints")


def weak_points(_codes: Codes) -> alt.TopLevelMixin:
    """The weakest points of service by impact × frequency."""
    return (
        _base()
        .transform_calculate(
            name="datum.rank + '. ' + datum.problem_label + ' · ' + datum.topic_label + ' · ' + datum.case_channel_label"
        )
        .mark_bar(cornerRadiusEnd=3, color=RED)
        .encode(
            x=alt.X("score:Q", title="@axis.score"),
            y=alt.Y("name:N", title=None, sort=alt.EncodingSortField("rank"), axis=alt.Axis(labelLimit=230)),
            tooltip=[_tip("name", "weak_point"), _tip("affected_cases:Q", "cases", ","), _tip("rate:Q", "share", ".1%"),
                     _tip("score:Q", "score", ".3f")],
        )
    )  # fmt: skip


def sales_by_channel(codes: Codes) -> alt.TopLevelMixin:
    """Net revenue by month and channel."""
    return _base().mark_bar().encode(
        x=_month(),
        y=alt.Y("sum(revenue):Q", title="@axis.revenue", axis=alt.Axis(format="~s")),
        color=alt.Color("channel_label:N", scale=_palette("channel", codes["channel"], _RANGE), title=None,
                        sort=_ordered("channel")),
        order=alt.Order("channel_order:Q"),
        tooltip=[_tip("day_label", "month"), _tip("channel_label", "channel"),
                 _tip("sum(revenue):Q", "revenue", ",.0f")],
    )  # fmt: skip


def online_offline(_codes: Codes) -> alt.TopLevelMixin:
    """Share of revenue made in shops and online, by month."""
    return (
        _base()
        .mark_area(line=True, fillOpacity=0.75)
        .encode(
            x=_month(),
            y=alt.Y("sum(revenue):Q", stack="normalize", title=None, axis=alt.Axis(format="%")),
            color=alt.Color("side_label:N", scale=_palette("side", ["offline", "online"], [BLUE, ORANGE]), title=None),
            tooltip=[_tip("day_label", "month"), _tip("side_label", "side"), _tip("sum(revenue):Q", "revenue", ",.0f")],
        )
    )


def habits(_codes: Codes) -> alt.TopLevelMixin:
    """Customers who buy in shops, online, or both."""
    return _bars("habit", "customers", GREEN, extra=[_tip("sum(revenue):Q", "revenue", ",.0f")])


def regions(_codes: Codes) -> alt.TopLevelMixin:
    """Revenue of the last 12 months by region of the customer."""
    return _bars("region", "revenue", BLUE, extra=[_tip("sum(customers):Q", "customers", ",")], axis_format="~s")


def audiences(codes: Codes) -> alt.TopLevelMixin:
    """Members of each audience, those held out apart."""
    return (
        _base()
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            x=_sum("customers", on="x"),
            y=alt.Y(
                "audience_label:N",
                title=None,
                sort=alt.EncodingSortField("customers", op="sum", order="descending"),
                axis=alt.Axis(labelLimit=190),
            ),
            color=alt.Color("arm_label:N", scale=_palette("arm", codes["arm"], [BLUE, ORANGE, GREY]), title=None),
            order=alt.Order("arm_order:Q"),
            tooltip=[_tip("audience_label", "audience"), _tip("arm_label", "arm"),
                     _tip("sum(customers):Q", "customers", ",")],
        )
    )  # fmt: skip


def uplift(_codes: Codes) -> alt.TopLevelMixin:
    """Conversion of those contacted less that of those held out, with its interval."""
    y = alt.Y("audience_label:N", title=None, sort=None, axis=alt.Axis(labelLimit=190))
    tips = [_tip("audience_label", "audience"), _tip("uplift:Q", "uplift", "+.1%"),
            _tip("uplift_low:Q", "from", "+.1%"), _tip("uplift_high:Q", "to", "+.1%"),
            _tip("treated:Q", "treated", ","), _tip("control:Q", "control", ","), _tip("verdict_label", "verdict")]  # fmt: skip
    line = _base().mark_rule(strokeWidth=2.5).encode(
        y=y, x=alt.X("uplift_low:Q", title="@axis.uplift", axis=alt.Axis(format="+%")), x2="uplift_high:Q",
        color=_verdict_colour(), tooltip=tips,
    )  # fmt: skip
    point = _base().mark_point(filled=True, size=90, opacity=1).encode(
        y=y, x="uplift:Q", color=_verdict_colour(), tooltip=tips
    )
    zero = alt.Chart(alt.InlineData([{"zero": 0}])).mark_rule(strokeDash=[4, 4], color=GREY).encode(x="zero:Q")
    return zero + line + point


def _verdict_colour() -> Any:
    return alt.Color(
        "sure:N",
        scale=alt.Scale(domain=["better", "worse", "open"], range=[GREEN, RED, GREY]),
        legend=None,
    )


def links(_codes: Codes) -> alt.TopLevelMixin:
    """Share of the records of each source that have a customer."""
    return _share_bars("source", "linked", "records", GREEN)


def completeness(_codes: Codes) -> alt.TopLevelMixin:
    """Share of profiles that hold each field."""
    return _share_bars("field", "filled", "customers", BLUE)


def deliveries(codes: Codes) -> alt.TopLevelMixin:
    """What became of delivered rows, by delivery date."""
    return _base().mark_bar().encode(
        x=alt.X("day:O", title="@axis.delivery_date", axis=alt.Axis(labelAngle=-40, labelOverlap=True,
                                                                    labelExpr="slice(datum.value, 5)")),
        y=alt.Y("sum(share):Q", title="@axis.share_of_delivered", axis=alt.Axis(format="%")),
        color=alt.Color("outcome_label:N", scale=_palette("outcome", codes["outcome"], _OUTCOME_COLOURS), title=None,
                        sort=_ordered("outcome")),
        order=alt.Order("outcome_order:Q"),
        tooltip=[_tip("day:O", "delivery_date"), _tip("outcome_label", "outcome"), _tip("sum(amount):Q", "rows", ","),
                 _tip("sum(share):Q", "share", ".2%")],
    )  # fmt: skip


def quarantine(_codes: Codes) -> alt.TopLevelMixin:
    """The most frequent reasons of quarantine."""
    return (
        _base()
        .transform_calculate(name="datum.dataset + ' · ' + datum.reason")
        .mark_bar(cornerRadiusEnd=3, color=RED)
        .encode(
            x=alt.X("bad_rows:Q", title="@axis.rows"),
            y=alt.Y("name:N", title=None, sort="-x", axis=alt.Axis(labelLimit=250)),
            tooltip=[_tip("dataset", "dataset"), _tip("reason", "reason"), _tip("bad_rows:Q", "rows", ",")],
        )
    )


def _share_bars(column: str, part: str, whole: str, colour: str) -> alt.TopLevelMixin:
    """Bars from 0 to 100% with the share written beside them."""
    shares = (
        _base()
        .transform_aggregate(
            part=f"sum({part})", whole=f"sum({whole})", groupby=[f"{column}_label", f"{column}_order"]
        )
        .transform_calculate(share="datum.whole > 0 ? datum.part / datum.whole : 0")
    )
    y = alt.Y(f"{column}_label:N", title=None, sort=_ordered(column), axis=alt.Axis(labelLimit=190))
    bars = shares.mark_bar(cornerRadiusEnd=3, color=colour).encode(
        x=alt.X("share:Q", title=None, axis=alt.Axis(format="%", values=_QUARTERS), scale=alt.Scale(domain=[0, 1.12])),
        y=y,
        tooltip=[_tip(f"{column}_label", column), _tip("part:Q", part, ","), _tip("whole:Q", whole, ","),
                 _tip("share:Q", "share", ".1%")],
    )  # fmt: skip
    text = shares.mark_text(align="left", dx=5, fontSize=11)
    return bars + text.encode(x="share:Q", y=y, text=alt.Text("share:Q", format=".0%"))


def _bars(
    column: str,
    amount: str,
    colour: str,
    *,
    extra: Sequence[alt.Tooltip] = (),
    title: str | None = None,
    axis_format: str = ",d",
) -> alt.TopLevelMixin:
    """Bars of a sum by code, in the order of the words."""
    return _base().mark_bar(cornerRadiusEnd=3, color=colour).encode(
        x=alt.X(f"sum({amount}):Q", title=title or f"@axis.{amount}", axis=alt.Axis(format=axis_format)),
        y=alt.Y(f"{column}_label:N", title=None, sort=_ordered(column), axis=alt.Axis(labelLimit=190)),
        tooltip=[_tip(f"{column}_label", column), _tip(f"sum({amount}):Q", amount, ",.0f"), *extra],
    )  # fmt: skip


def _month() -> alt.X:
    return alt.X(
        "day_label:N",
        title=None,
        sort=alt.EncodingSortField("day", op="min"),
        axis=alt.Axis(labelAngle=-40, labelOverlap=True, grid=False),
    )


def _sum(column: str, on: str = "y") -> alt.X | alt.Y:
    channel = alt.X if on == "x" else alt.Y
    return channel(f"sum({column}):Q", title=f"@axis.{column}", axis=alt.Axis(format=",d"))


def _tip(field: str, title: str, fmt: str | None = None) -> alt.Tooltip:
    shorthand = field if ":" in field else f"{field}:N"
    return alt.Tooltip(shorthand, title=f"@axis.{title}", format=fmt) if fmt else alt.Tooltip(
        shorthand, title=f"@axis.{title}"
    )  # fmt: skip


SECTIONS: Mapping[str, Sequence[Panel]] = {
    "kpis": [Panel("kpi_cards", "kpis", 12, kind="kpis")],
    "tiers": [
        Panel("tier_share", "tiers", 6, 260, chart=tier_share),
        Panel("tier_trend", "tier_trend", 6, 260, chart=tier_trend),
        Panel("tier_flows", "tier_flows", 12, 330, chart=tier_flows),
    ],
    "rfm": [
        Panel("rfm_heat", "rfm_cells", 6, 320, chart=rfm_heat),
        Panel("rfm_segments", "rfm_segments", 6, 320, chart=rfm_segments),
    ],
    "lifecycle": [
        Panel("funnel", "funnel", 6, 270, chart=funnel),
        Panel("stages", "stages", 6, 270, chart=stages),
        Panel("stage_flows", "stage_flows", 12, 330, chart=stage_flows),
    ],
    "value": [
        Panel("clv_distribution", "clv", 4, chart=clv_distribution),
        Panel("clv_concentration", "clv", 4, chart=clv_concentration),
        Panel("calibration", "backtest", 4, chart=calibration),
    ],
    "cohorts": [
        Panel("cohorts", "cohorts", 7, 330, chart=cohorts),
        Panel("second_purchase", "second_purchase", 5, 330, chart=second_purchase),
    ],
    "service": [
        Panel("clock_first_response", "service_measures", 4, 190, chart=clock, where={"measure": "first_response"}),
        Panel("clock_handling", "service_measures", 4, 190, chart=clock, where={"measure": "handling"}),
        Panel(
            "clock_complaint_resolution", "service_measures", 4, 190, chart=clock,
            where={"measure": "complaint_resolution"},
        ),
        Panel("service_rates", "service_rates", 6, 330, chart=service_rates),
        Panel("weak_points", "weak_points", 6, 330, chart=weak_points),
        Panel("topics", "topics", 6, 230, chart=topics),
        Panel("complaint_path", "complaint_path", 6, 230, chart=complaint_path),
    ],
    "channels": [
        Panel("sales_by_channel", "sales", 6, chart=sales_by_channel),
        Panel("online_offline", "sales", 6, chart=online_offline),
        Panel("regions", "headline", 6, 280, chart=regions),
        Panel("habits", "habits", 6, 280, chart=habits),
    ],
    "audiences": [
        Panel("audiences", "audiences", 7, 460, chart=audiences),
        Panel("uplift", "uplift", 5, 460, chart=uplift),
    ],
    "quality": [
        Panel("links", "links", 6, 230, chart=links),
        Panel("completeness", "completeness", 6, 230, chart=completeness),
        Panel("deliveries", "deliveries", 6, 280, chart=deliveries),
        Panel("quarantine", "quarantine", 6, 280, chart=quarantine),
        Panel("conservation", "conservation", 7, kind="conservation"),
        Panel("gates", "gates", 5, kind="gates"),
    ],
}  # fmt: skip
