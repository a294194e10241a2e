"""Which panels stand in which section of the dashboard, in their order.

What belongs here: the layout, and the spec of each panel as the page takes it. What does not: the charts (`charts.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestration.dashboard import charts
from orchestration.dashboard.marks import Chart, Codes


@dataclass(frozen=True)
class Panel:
    """One box of a section: a chart, or a table or cards that the page builds itself (`kind`)."""

    id: str
    dataset: str
    span: int
    height: int = 260
    kind: str = "chart"
    chart: Callable[[Codes], Chart] | None = None
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


SECTIONS: Mapping[str, Sequence[Panel]] = {
    "kpis": [Panel("kpi_cards", "kpis", 12, kind="kpis")],
    "tiers": [
        Panel("tier_share", "tiers", 6, 260, chart=charts.tier_share),
        Panel("tier_trend", "tier_trend", 6, 260, chart=charts.tier_trend),
        Panel("tier_flows", "tier_flows", 12, 330, chart=charts.tier_flows),
    ],
    "rfm": [
        Panel("rfm_heat", "rfm_cells", 6, 320, chart=charts.rfm_heat),
        Panel("rfm_segments", "rfm_segments", 6, 320, chart=charts.rfm_segments),
    ],
    "lifecycle": [
        Panel("funnel", "funnel", 6, 270, chart=charts.funnel),
        Panel("stages", "stages", 6, 270, chart=charts.stages),
        Panel("stage_flows", "stage_flows", 12, 330, chart=charts.stage_flows),
    ],
    "value": [
        Panel("clv_distribution", "clv", 4, chart=charts.clv_distribution),
        Panel("clv_concentration", "clv", 4, chart=charts.clv_concentration),
        Panel("calibration", "backtest", 4, chart=charts.calibration),
    ],
    "cohorts": [
        Panel("cohorts", "cohorts", 7, 330, chart=charts.cohorts),
        Panel("second_purchase", "second_purchase", 5, 330, chart=charts.second_purchase),
    ],
    "service": [
        Panel(
            "clock_first_response", "service_measures", 4, 190, chart=charts.clock, where={"measure": "first_response"}
        ),
        Panel("clock_handling", "service_measures", 4, 190, chart=charts.clock, where={"measure": "handling"}),
        Panel(
            "clock_complaint_resolution",
            "service_measures",
            4,
            190,
            chart=charts.clock,
            where={"measure": "complaint_resolution"},
        ),
        Panel("service_rates", "service_rates", 6, 330, chart=charts.service_rates),
        Panel("weak_points", "weak_points", 6, 330, chart=charts.weak_points),
        Panel("topics", "topics", 6, 230, chart=charts.topics),
        Panel("complaint_path", "complaint_path", 6, 230, chart=charts.complaint_path),
    ],
    "channels": [
        Panel("sales_by_channel", "sales", 6, chart=charts.sales_by_channel),
        Panel("online_offline", "sales", 6, chart=charts.online_offline),
        Panel("regions", "headline", 6, 280, chart=charts.regions),
        Panel("habits", "habits", 6, 280, chart=charts.habits),
    ],
    "audiences": [
        Panel("audiences", "audiences", 7, 460, chart=charts.audiences),
        Panel("uplift", "uplift", 5, 460, chart=charts.uplift),
    ],
    "quality": [
        Panel("links", "links", 6, 230, chart=charts.links),
        Panel("completeness", "completeness", 6, 230, chart=charts.completeness),
        Panel("deliveries", "deliveries", 6, 280, chart=charts.deliveries),
        Panel("quarantine", "quarantine", 6, 280, chart=charts.quarantine),
        Panel("conservation", "conservation", 7, kind="conservation"),
        Panel("gates", "gates", 5, kind="gates"),
    ],
}
