"""The one partitioning of the project: raw assets by delivery date."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from orchestration.settings import Settings

_settings = Settings()


@lru_cache(maxsize=4)
def _keys_as_of(definition: dg.DailyPartitionsDefinition, _today: date) -> tuple[str, ...]:
    return tuple(dg.DailyPartitionsDefinition.get_partition_keys(definition))


class DeliveryDates(dg.DailyPartitionsDefinition):
    """Daily partitions that list their keys once a day.

    A step that reads a whole raw dataset has Dagster list all days since the first, 6,000 of them, for each of its
    inputs: nearly a second of CPU in every refresh.
    """

    def get_partition_keys(
        self, current_time: datetime | None = None, dynamic_partitions_store: Any = None
    ) -> Sequence[str]:
        """As Dagster's own; what is asked as of another moment is not kept."""
        if current_time is not None:
            return super().get_partition_keys(current_time, dynamic_partitions_store)
        with dg.partition_loading_context() as context:
            return _keys_as_of(self, context.effective_dt.astimezone(ZoneInfo(self.timezone)).date())


# A delivery that comes during today belongs to today, so the newest partition ends tomorrow.
delivery_dates = DeliveryDates(
    start_date=_settings.partitions_begin.isoformat(), timezone=_settings.timezone, end_offset=1
)
