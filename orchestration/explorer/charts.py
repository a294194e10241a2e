"""The two charts of one customer, as Vega-Lite specs with their rows.

What belongs here: marks and scales. What does not: the figures (`publication/customer_view.py`) and the words
(`speech.py`).
"""

from itertools import groupby
from operator import itemgetter
from typing import Any

import altair as alt

from orchestration.dashboard.marks import BLUE, RANGE
from orchestration.explorer.speech import SCHEMES, Speech
from orchestration.publication.customer_view import Row

_HISTORY = (
    "spend_tier",
    "value_layer",
    "membership",
    "service_class",
    "value_level",
    "behaviour_type",
    "rfm_segment",
    "lifecycle_stage",
    "funnel_stage",
)
# The columns of customer_history that are drawn, in their order, and the scheme whose names and order theirs are.
HISTORY_SCHEMES = {column: SCHEMES[column] for column in _HISTORY}
_WIDE_FROM = 0x2E80  # where the CJK blocks begin
# From most to least worth; schemes of tiers stand in the order of what their customers spend.
_STAGES = {
    "lifecycle_stage": ["mature", "growing", "steady", "new", "at_risk", "lost"],
    "funnel_stage": ["expanded", "retained", "converted", "acquired", "churned"],
}


def timeline(moments: list[Row], speech: Speech) -> dict[str, Any]:
    """What happened when: a row of points per channel, coloured by what it was."""
    rows = [
        {
            "at": moment["happened_at"].isoformat(),  # type: ignore[attr-defined]
            "time": speech.value("happened_at", moment["happened_at"]),
            "channel": speech.value("channel", moment["channel"]),
            "kind": speech.value("kind", moment["kind"]),
            "details": speech.value("details", moment["details"]),
        }
        for moment in moments
    ]
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    height = 34 * len({row["channel"] for row in rows}) + 20
    chart = (
        alt.Chart(alt.InlineData(rows))
        .mark_point(filled=True, size=70, opacity=0.75)
        .encode(
            x=alt.X("at:T", title=None, axis=alt.Axis(format="%Y-%m", labelOverlap=True)),
            y=alt.Y("channel:N", title=None),
            color=alt.Color(
                "kind:N",
                title=None,
                scale=alt.Scale(domain=kinds, range=RANGE),
                legend=alt.Legend(orient="top", columns=4),
            ),
            tooltip=[
                alt.Tooltip(f"{name}:N", title=title) for name, title in _titles(speech, "kind", "details", "channel")
            ]
            + [alt.Tooltip("time:N", title=speech.say("column.happened_at"))],
        )
        .properties(height=height, width="container")
    )
    return _spec(chart)


def tier_history(history: list[Row], speech: Speech) -> dict[str, Any]:
    """The tier in each scheme at each month end as a strip per scheme; its name stands where there is room for it."""
    rows = []
    for position, (column, scheme) in enumerate(HISTORY_SCHEMES.items()):
        known = [(f"{month['month_end']:%Y-%m}", str(month[column])) for month in history if month.get(column)]
        order = _STAGES.get(scheme) or speech.tiers.order.get(scheme, [])
        for tier, months in groupby(known, key=itemgetter(1)):
            lasting = [month for month, _ in months]
            name = speech.tier(scheme, tier)
            place = order.index(tier) if tier in order else len(order)
            rows += [
                {
                    "month": month,
                    "scheme": speech.code("scheme", scheme),
                    "position": position,
                    "tier": name,
                    "worth": 1 - place / max(len(order) - 1, 1),
                    "name": "" if number else name,
                    "share": len(lasting) / len(history),
                    # Chinese characters are twice as wide.
                    "letters": sum(2 if ord(sign) > _WIDE_FROM else 1 for sign in name),
                }
                for number, month in enumerate(lasting)
            ]
    base = alt.Chart(alt.InlineData(rows)).encode(
        x=alt.X("month:O", title=None, axis=alt.Axis(labelAngle=-45, labelOverlap=True), scale=alt.Scale(padding=0)),
        y=alt.Y(
            "scheme:N",
            title=None,
            sort=alt.EncodingSortField("position"),
            axis=alt.Axis(labelLimit=130),
            scale=alt.Scale(paddingInner=0.12, paddingOuter=0),
        ),
    )
    strip = base.mark_rect().encode(
        color=alt.Color("worth:Q", scale=alt.Scale(domain=[0, 1], range=["#e3ecf5", "#6fa6da"]), legend=None),
        tooltip=[
            alt.Tooltip("month:O", title=speech.say("column.month_end")),
            *(alt.Tooltip(f"{name}:N", title=title) for name, title in _titles(speech, "scheme", "tier")),
        ],
    )
    names = (
        base.transform_filter("datum.name && datum.share * width > datum.letters * 7")
        .mark_text(
            align="left",
            fontSize=11,
            fontWeight=600,
            color="#12263a",
            xOffset=alt.expr(f"5 - width / {2 * len(history)}"),
        )
        .encode(text="name:N")
    )
    return _spec((strip + names).properties(height=30 * len(HISTORY_SCHEMES), width="container"))


def revenue_by_month(history: list[Row], speech: Speech) -> dict[str, Any]:
    """Net revenue of each month."""
    rows = [{"month": f"{month['month_end']:%Y-%m}", "revenue": float(str(month["revenue"] or 0))} for month in history]
    chart = (
        alt.Chart(alt.InlineData(rows))
        .mark_bar(color=BLUE, cornerRadiusEnd=2)
        .encode(
            x=alt.X("month:O", title=None, axis=alt.Axis(labelAngle=-45, labelOverlap=True)),
            y=alt.Y("revenue:Q", title=None, axis=alt.Axis(format="~s")),
            tooltip=[
                alt.Tooltip("month:O", title=speech.say("column.month_end")),
                alt.Tooltip("revenue:Q", title=speech.say("field.net_revenue"), format=",.0f"),
            ],
        )
        .properties(height=160, width="container")
    )
    return _spec(chart)


def _titles(speech: Speech, *names: str) -> list[tuple[str, str]]:
    return [(name, speech.say(f"column.{name}")) for name in names]


def _spec(chart: alt.Chart | alt.LayerChart) -> dict[str, Any]:
    """The spec without what Streamlit brings itself: schema and looks."""
    spec: dict[str, Any] = chart.to_dict(validate=False, context={"pre_transform": False})
    for unwanted in ("config", "$schema"):
        spec.pop(unwanted, None)
    return spec
