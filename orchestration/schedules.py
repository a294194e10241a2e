"""When the nightly refresh runs by itself."""

import dagster as dg

from data_quality.contract import load_contracts
from orchestration.errors import UserError
from orchestration.jobs import RefreshRun, close_dead_runs, nightly_refresh, refresh_runs
from orchestration.plan import plan_refresh
from orchestration.publication.rollback import hold_in_force
from orchestration.settings import Settings

_settings = Settings()


def refresh_requests(settings: Settings, run_key: str) -> list[dg.RunRequest]:
    """The runs that bring the warehouse up to date, in order; none when nothing is new.

    All new deliveries that lie close together are one run, from the oldest to the newest: a partition range.
    `run_key` names the occasion; Dagster starts no run twice for one occasion.

    Raises:
        UserError: a delivery lies before the first partition; or what `plan_refresh` raises.
    """
    plan = plan_refresh(settings)
    if plan.nothing_new:
        return []
    if plan.new_dates and plan.new_dates[0] < settings.partitions_begin:
        raise UserError(
            f"The delivery of {plan.new_dates[0]} lies before {settings.partitions_begin}, the first day that this "
            "Dagster offers. Start `c360 dev` again, or run `c360 refresh`."
        )
    return [_request(run, run_key) for run in refresh_runs(settings, plan)]


def _request(run: RefreshRun, run_key: str) -> dg.RunRequest:
    """Ask for one run; the older stretches select the raw datasets of the same job."""
    return dg.RunRequest(
        run_key=f"{run_key}:{run.first}",
        tags=run.tags,
        asset_selection=[dg.AssetKey(["raw", table]) for table in load_contracts()] if run.only_raw else None,
    )


@dg.schedule(
    job=nightly_refresh,
    cron_schedule="0 2 * * *",
    execution_timezone=_settings.timezone,
    default_status=(
        dg.DefaultScheduleStatus.RUNNING if _settings.environment == "production" else dg.DefaultScheduleStatus.STOPPED
    ),
    description="Every night at 02:00 business time; switched on from the start only in production.",
)
def nightly_at_two(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """Refresh with every delivery that came since the last one."""
    # A killed run of the command line would keep tonight's waiting in the queue.
    close_dead_runs(context.instance)
    settings = Settings()
    requests = refresh_requests(settings, run_key=context.scheduled_execution_time.isoformat())
    if requests:
        return requests
    held = hold_in_force(settings)
    if held is not None:
        return dg.SkipReason(f"Nothing is new since version {held.version} was put back: {held.why}.")
    return dg.SkipReason("No new delivery, rule or code since the last version.")


schedules = [nightly_at_two]
