"""The alluvial chart: where customers were at one month end and at the next, as ribbons between stacks.

What belongs here: its geometry. What does not: the flows (`queries/tier_flows.sql`, `queries/stage_flows.sql`).
"""

import altair as alt

from orchestration.dashboard.marks import Chart, base, ordered, tip


def alluvial(scale: alt.Scale) -> Chart:
    """Ribbons between stacked nodes: where the customers of one month end were at the next.

    Each ribbon is an area whose edges run from the place of its part in the left stack to that in the right one
    along 3t² - 2t³.
    """
    flows = base().transform_aggregate(
        customers="sum(customers)",
        groupby=[
            "step",
            "from_day_label",
            "to_day_label",
            "from_state_label",
            "from_state_order",
            "to_state_label",
            "to_state_order",
        ],
    )
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
            stroke=alt.Stroke("from_state_label:N", scale=scale, title=None, sort=ordered("from_state")),
            x=alt.X("x:Q", axis=None, scale=alt.Scale(nice=False, zero=False)),
            y=alt.Y("low:Q", axis=None, scale=alt.Scale(nice=False)),
            y2="high:Q",
            detail=["step:N", "from_state_label:N", "to_state_label:N"],
            color=alt.Color("from_state_label:N", scale=scale, title=None, sort=ordered("from_state")),
            opacity=alt.Opacity("moved:Q", scale=None),
            tooltip=[
                tip("from_day_label", "from_month"),
                tip("from_state_label", "from"),
                tip("to_state_label", "to"),
                tip("customers:Q", "customers", ","),
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
    return (
        ribbons + left + last + _node_months(flows, "from", "datum.step") + _node_months(flows, "to", "datum.step + 1")
    )


def _nodes(flows: Chart, side: str, position: str, scale: alt.Scale) -> Chart:
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
            tooltip=[tip(f"{state}_label", "state"), tip("customers:Q", "customers", ",")],
        )
    )


def _node_months(flows: Chart, side: str, position: str) -> Chart:
    """The month below each stack; the outermost ones stay inside the frame."""
    named = flows.transform_aggregate(
        total="sum(customers)", groupby=["step", f"{side}_day_label"]
    ).transform_joinaggregate(steps="max(step)")
    if side == "to":
        named = named.transform_filter("datum.step === datum.steps")
    return (
        named.transform_calculate(x=f"{position} {'- 0.03' if side == 'from' else '+ 0.03'}", foot="0")
        .mark_text(baseline="top", dy=7, fontSize=11, align="left" if side == "from" else "right")
        .encode(x="x:Q", y="foot:Q", text=f"{side}_day_label:N")
    )
