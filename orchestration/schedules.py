"""When the nightly refresh runs by itself."""

import dagster as dg

from orchestration.jobs import nightly_refresh, partition_range_tags
from orchestration.plan import fallback_partition, plan_refresh
from orchestration.settings import Settings

_settings = Settings()


def refresh_run_request(settings: Settings, run_key: str | None = None) -> dg.RunRequest | None:
    """The run that brings the warehouse up to date, or None when nothing is new.

    All new deliveries go into one run, from the oldest to the newest: a partition range.
    """
    plan = plan_refresh(settings)
    if plan.nothing_new:
        return None
    days = plan.new_dates or (fallback_partition(settings),)
    return dg.RunRequest(run_key=run_key, tags=partition_range_tags(days[0], days[-1]))


@dg.schedule(
    job=nightly_refresh,
    cron_schedule="0 2 * * *",
    execution_timezone=_settings.timezone,
    default_status=(
        dg.DefaultScheduleStatus.RUNNING if _settings.environment == "production" else dg.DefaultScheduleStatus.STOPPED
    ),
    description="Every night at 02:00 business time; switched on from the start only in production.",
)
def nightly_at_two() -> dg.RunRequest | dg.SkipReason:
    """Refresh with every delivery that came since the last one."""
    return refresh_run_request(Settings()) or dg.SkipReason("No new delivery, rule or code since the last version.")


schedules = [nightly_at_two]
