"""What a refresh has to do: which deliveries are new, and whether anything is new at all."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from orchestration.as_of import business_day, raw_delivery_dates
from orchestration.errors import UserError
from orchestration.fingerprint import input_fingerprint
from orchestration.ingestion.discovery import discover
from orchestration.ingestion.ingest import has_new_unplaced_files, new_delivery_dates
from orchestration.publication.rollback import hold_in_force
from orchestration.publication.versions import Version, current_version
from orchestration.settings import Settings

# A stretch of deliveries is materialised as one partition range; a longer gap starts a new stretch,
# because Dagster records an event for every partition of a range, also for days without a delivery.
_LONGEST_GAP = timedelta(days=7)


@dataclass(frozen=True)
class RefreshPlan:
    """New delivery dates, oldest first, and the version that BI sees now.

    `held` says why nothing may be published from the present inputs and rules after a rollback, else None.
    """

    new_dates: tuple[date, ...]
    published: Version | None
    inputs_changed: bool
    held: str | None = None

    @property
    def nothing_new(self) -> bool:
        """True when a refresh would publish what is published already."""
        return not self.new_dates and not self.inputs_changed

    def stretches(self, fallback: date) -> list[tuple[date, date]]:
        """Partition ranges to materialise, oldest first; `fallback` alone when no delivery is new."""
        stretches: list[tuple[date, date]] = []
        for day in self.new_dates or (fallback,):
            if stretches and day - stretches[-1][1] <= _LONGEST_GAP:
                stretches[-1] = (stretches[-1][0], day)
            else:
                stretches.append((day, day))
        return stretches


def plan_refresh(settings: Settings) -> RefreshPlan:
    """Compare the landing zone, the rules and the code with what was published.

    Raises:
        UserError: the landing folder is not there, or the warehouse folder can neither be found nor made.
    """
    landing = discover(settings)
    _require_warehouse_folder(settings)
    published = current_version(settings)
    fingerprint = input_fingerprint(settings)
    new_files = has_new_unplaced_files(settings, landing)
    hold = hold_in_force(settings)
    held = hold.refuses(fingerprint) if hold else None
    # What was taken back is not even built again; new files are taken in whatever is held.
    changed = new_files or published is None or (held is None and published.manifest.fingerprint != fingerprint)
    return RefreshPlan(
        new_dates=tuple(new_delivery_dates(settings, landing)), published=published, inputs_changed=changed, held=held
    )


def fallback_partition(settings: Settings) -> date:
    """The partition that a refresh without new deliveries runs in: the as-of day, kept in range."""
    return max(settings.partitions_begin, business_day(settings))


def first_partition(settings: Settings) -> date:
    """The first day worth offering as a partition: the month of the oldest delivery, of today where there is none.

    Raises:
        UserError: the landing zone is there and cannot be listed.
    """
    landed = discover(settings) if settings.landing.is_dir() else []
    days = [file.delivery_date for file in landed if file.delivery_date is not None]
    oldest = min([*days, *raw_delivery_dates(settings)], default=datetime.now(ZoneInfo(settings.timezone)).date())
    return max(settings.first_delivery, oldest.replace(day=1))


def _require_warehouse_folder(settings: Settings) -> None:
    try:
        settings.warehouse.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"The warehouse folder {settings.warehouse} cannot be used: {error.strerror}. "
            "Set C360_WAREHOUSE (or --warehouse) to a folder that may be written."
        ) from error
