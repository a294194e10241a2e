"""The marks that charts share: colours, scales, axes, tooltips, and bars of a sum.

What belongs here: what two charts or more have in common. What does not: a chart of its own (`charts.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import altair as alt

# Altair's chained calls have no types of their own.
Chart: TypeAlias = Any
# The codes of each kind that a chart's data hold, in their order.
Codes: TypeAlias = Mapping[str, Sequence[str]]

# Okabe and Ito's colours, told apart with every common colour blindness, softened for large areas; grey says "none".
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW, GREY = (
    "#3b78b8",
    "#e08a2e",
    "#2f9e77",
    "#cc4b4b",
    "#8e6bbf",
    "#63b1e5",
    "#e3b93b",
    "#9aa4b2",
)
RANGE = [BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW, RED, GREY]
_TIER_RANGE = ["#5a4fcf", YELLOW, "#8fa3bf", "#b6bdc9", SKY, GREEN, ORANGE, RED]
# Who was not there yet: seen on white and on black.
_PALE = "rgba(140, 150, 165, 0.35)"
STAGE_COLOURS = {
    "new": SKY,
    "growing": GREEN,
    "mature": BLUE,
    "steady": "#7f93c9",
    "at_risk": ORANGE,
    "lost": GREY,
    "not_yet": _PALE,
}
OUTCOME_COLOURS = {"superseded": SKY, "repeated": GREY, "quarantined": RED}
TIGHT = alt.Scale(paddingInner=0.04)
QUARTERS = [0, 0.25, 0.5, 0.75, 1]


def base() -> alt.Chart:
    """A chart of the rows that the page chose."""
    return alt.Chart(alt.NamedData("rows"))


def ordered(column: str, **options: Any) -> alt.EncodingSortField:
    """Sort labels of a column of codes by the place of the code."""
    return alt.EncodingSortField(field=f"{column}_order", op="min", **options)


def palette(domain: str, codes: Sequence[str], colours: Mapping[str, str] | Sequence[str]) -> alt.Scale:
    """A colour for each code, the same in every chart of the page."""
    if isinstance(colours, Mapping):
        chosen = [colours.get(code, RANGE[number % len(RANGE)]) for number, code in enumerate(codes)]
    else:
        chosen = [colours[number % len(colours)] for number in range(len(codes))]
    return alt.Scale(domain=[f"@{domain}.{code}" for code in codes], range=chosen)


def tier_scale(codes: Codes) -> alt.Scale:
    """A colour for each tier, by its place; who is in none is pale."""
    tiers = [code for code in codes["tier"] if code != "not_yet"]
    colours = dict(zip(tiers, _TIER_RANGE * len(tiers), strict=False)) | {"not_yet": _PALE, "none": _PALE}
    return palette("tier", codes["tier"], colours)


def share_bars(column: str, part: str, whole: str, colour: str) -> Chart:
    """Bars from 0 to 100% with the share written beside them."""
    shares = (
        base()
        .transform_aggregate(part=f"sum({part})", whole=f"sum({whole})", groupby=[f"{column}_label", f"{column}_order"])
        .transform_calculate(share="datum.whole > 0 ? datum.part / datum.whole : 0")
    )
    y = alt.Y(f"{column}_label:N", title=None, sort=ordered(column), axis=alt.Axis(labelLimit=190))
    bars = shares.mark_bar(cornerRadiusEnd=3, color=colour).encode(
        x=alt.X("share:Q", title=None, axis=alt.Axis(format="%", values=QUARTERS), scale=alt.Scale(domain=[0, 1.12])),
        y=y,
        tooltip=[
            tip(f"{column}_label", column),
            tip("part:Q", part, ","),
            tip("whole:Q", whole, ","),
            tip("share:Q", "share", ".1%"),
        ],
    )
    text = shares.mark_text(align="left", dx=5, fontSize=11)
    return bars + text.encode(x="share:Q", y=y, text=alt.Text("share:Q", format=".0%"))


def bars_by(
    column: str,
    amount: str,
    colour: str,
    *,
    extra: Sequence[alt.Tooltip] = (),
    title: str | None = None,
    axis_format: str = ",d",
) -> Chart:
    """Bars of a sum by code, in the order of the words."""
    return (
        base()
        .mark_bar(cornerRadiusEnd=3, color=colour)
        .encode(
            x=alt.X(f"sum({amount}):Q", title=title or f"@axis.{amount}", axis=alt.Axis(format=axis_format)),
            y=alt.Y(f"{column}_label:N", title=None, sort=ordered(column), axis=alt.Axis(labelLimit=190)),
            tooltip=[tip(f"{column}_label", column), tip(f"sum({amount}):Q", amount, ",.0f"), *extra],
        )
    )


def month() -> alt.X:
    """Months from left to right."""
    return alt.X(
        "day_label:N",
        title=None,
        sort=alt.EncodingSortField("day", op="min"),
        axis=alt.Axis(labelAngle=-40, labelOverlap=True, grid=False),
    )


def total(column: str, on: str = "y") -> alt.X | alt.Y:
    """The sum of a column on an axis."""
    channel = alt.X if on == "x" else alt.Y
    return channel(f"sum({column}):Q", title=f"@axis.{column}", axis=alt.Axis(format=",d"))


def tip(field: str, title: str, fmt: str | None = None) -> alt.Tooltip:
    """A line of the tooltip; `title` is a word of `axis`."""
    shorthand = field if ":" in field else f"{field}:N"
    return (
        alt.Tooltip(shorthand, title=f"@axis.{title}", format=fmt)
        if fmt
        else alt.Tooltip(shorthand, title=f"@axis.{title}")
    )
