"""The sensor on the landing zone: it waits until files stand still, asks once, and remembers nothing personal."""

import dagster as dg
import pytest

from data_quality.contract import load_contracts
from orchestration.errors import UserError
from orchestration.ingestion.ingest import new_delivery_dates
from orchestration.sensors import alerts, new_delivery
from orchestration.settings import Settings
from tests.one_delivery import ingest_partition


class Ticks:
    """Evaluations one after another on one stored cursor, as the daemon makes them."""

    def __init__(self) -> None:
        self.cursor: str | None = None

    def next(self) -> dg.SensorResult | dg.SkipReason:
        # A context of its own each time: only the cursor outlives a tick, as after a restart.
        with (
            dg.DagsterInstance.ephemeral() as instance,
            dg.build_sensor_context(instance=instance, cursor=self.cursor) as context,
        ):
            found = new_delivery(context)
        self.cursor = found.cursor if isinstance(found, dg.SensorResult) else context.cursor
        assert isinstance(found, dg.SensorResult | dg.SkipReason)
        return found


@pytest.fixture
def ticks(own_settings: Settings) -> Ticks:
    return Ticks()


def requested(tick: dg.SensorResult | dg.SkipReason) -> int:
    return len(tick.run_requests or []) if isinstance(tick, dg.SensorResult) else 0


def test_an_empty_landing_zone_asks_for_nothing(ticks: Ticks) -> None:
    assert [requested(ticks.next()) for _ in range(3)] == [0, 0, 0]


def test_files_are_taken_once_they_stood_still_from_one_look_to_the_next(ticks: Ticks, land) -> None:
    land("2026-06-30")
    assert [requested(ticks.next()) for _ in range(4)] == [0, 1, 0, 0]


def test_a_file_that_still_grows_is_waited_for(ticks: Ticks, land) -> None:
    land("2026-06-30")
    ticks.next()
    land("2026-06-30", rows="M1,张三,13800000000\nM2,李四,13900000000\n")
    assert [requested(ticks.next()) for _ in range(2)] == [0, 1]


def test_a_later_delivery_asks_again_under_another_run_key(ticks: Ticks, land) -> None:
    keys = []
    for day in ("2026-06-29", "2026-06-30"):
        land(day)
        ticks.next()
        found = ticks.next()
        assert isinstance(found, dg.SensorResult)
        keys += [request.run_key for request in found.run_requests or []]
    assert len(keys) == len(set(keys)) == 2


def test_what_another_run_took_in_meanwhile_is_not_asked_for(ticks: Ticks, land, own_settings: Settings) -> None:
    land("2026-06-30")
    ticks.next()
    for day in new_delivery_dates(own_settings):
        ingest_partition(own_settings, load_contracts()["pos_members"], day)
    assert [requested(ticks.next()) for _ in range(2)] == [0, 0]


def test_a_file_that_belongs_nowhere_is_reported_by_a_run(ticks: Ticks, land) -> None:
    land("2026-06-30", name="surprise.csv")
    assert [requested(ticks.next()) for _ in range(3)] == [0, 1, 0]


def test_cursor_run_key_and_tags_hold_no_file_name(ticks: Ticks, land) -> None:
    land("2026-06-30", name="members_zhangsan_13800000000.csv")
    ticks.next()
    found = ticks.next()
    assert isinstance(found, dg.SensorResult)
    (request,) = found.run_requests or []
    for text in (ticks.cursor or "", request.run_key or "", *request.tags.values()):
        assert "zhangsan" not in text
        assert "13800000000" not in text


def test_a_landing_zone_that_is_not_there_is_told(ticks: Ticks, own_settings: Settings) -> None:
    own_settings.landing.rmdir()
    with pytest.raises(UserError, match="landing zone"):
        ticks.next()


def test_the_alert_sensor_says_what_it_told_and_then_nothing_new(own_settings: Settings) -> None:
    for day in ("2020-01-01", "2020-01-02"):
        (own_settings.raw_dir / "pos" / "sales" / f"delivery_date={day}").mkdir(parents=True)
    said = []
    for _ in range(2):
        with dg.DagsterInstance.ephemeral() as instance, dg.build_sensor_context(instance=instance) as context:
            found = alerts(context)
        assert isinstance(found, dg.SkipReason)
        said.append(found.skip_message)
    assert "delivery_late pos/sales" in str(said[0])
    assert said[1] == "Nothing new to tell."
