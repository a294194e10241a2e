"""The one partitioning of the project: raw assets by delivery date."""

import dagster as dg

from orchestration.settings import Settings

_settings = Settings()

# A delivery that comes during today belongs to today, so the newest partition ends tomorrow.
delivery_dates = dg.DailyPartitionsDefinition(
    start_date=_settings.first_delivery.isoformat(), timezone=_settings.timezone, end_offset=1
)
