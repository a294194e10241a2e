"""The delivery dates as partitions: what Dagster lists, and what it stores of them."""

from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.partitions.subset import TimeWindowPartitionsSubset
from dagster._serdes import deserialize_value, serialize_value

from orchestration.partitions import delivery_dates

PLAIN = dg.DailyPartitionsDefinition(
    start_date=delivery_dates.start, timezone=delivery_dates.timezone, end_offset=delivery_dates.end_offset
)


def test_the_dates_are_those_of_dagsters_own_partitions_on_any_day() -> None:
    for moment in (datetime(2026, 3, 1, 15, 59, tzinfo=UTC), datetime(2026, 3, 1, 16, 0, tzinfo=UTC)):
        with dg.partition_loading_context(effective_dt=moment):
            assert list(delivery_dates.get_partition_keys()) == list(PLAIN.get_partition_keys())
    with dg.partition_loading_context(effective_dt=datetime(2026, 3, 1, 16, 0, tzinfo=UTC)):
        assert delivery_dates.get_partition_keys()[-1] == "2026-03-02"


def test_an_event_stores_them_as_dagsters_own_which_the_ui_can_read() -> None:
    stored, expected = (
        serialize_value(dates.subset_with_partition_keys(["2026-02-01", "2026-02-02"]).to_serializable_subset())
        for dates in (delivery_dates, PLAIN)
    )
    assert stored == expected
    read = deserialize_value(stored, TimeWindowPartitionsSubset)
    assert list(read.get_partition_keys()) == ["2026-02-01", "2026-02-02"]
