"""The business day at whose end everything is evaluated."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from orchestration.settings import Settings

_PARTITION_PREFIX = "delivery_date="


def raw_delivery_dates(settings: Settings) -> list[date]:
    """Delivery dates that raw holds and that count, oldest first, over all sources and datasets."""
    folders = settings.raw_dir.glob(f"*/*/{_PARTITION_PREFIX}*")
    days = {date.fromisoformat(folder.name.removeprefix(_PARTITION_PREFIX)) for folder in folders}
    return sorted(day for day in days if settings.is_known(day))


def business_day(settings: Settings) -> date:
    """The day to evaluate: `C360_AS_OF`, else the newest delivery date in raw, else yesterday.

    The newest delivery rather than the clock, so that a rerun of the same input gives the same
    answer on any day (docs/decisions/0002-as-of-is-the-newest-delivery.md).
    """
    if settings.as_of:
        return settings.as_of
    delivered = raw_delivery_dates(settings)
    if delivered:
        return delivered[-1]
    return datetime.now(ZoneInfo(settings.timezone)).date() - timedelta(days=1)
