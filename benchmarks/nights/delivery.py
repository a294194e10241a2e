"""A night's delivery, made from what a warehouse already took in.

What belongs here: which rows come and on which day. What does not: refreshing (`__main__`).

Purchases, events and cases of the night are copies of earlier ones under new keys, dated on the night; a fiftieth of
them keeps its old date, as late rows do. Members and accounts are those of known people who register again.
"""

from datetime import date
from pathlib import Path

import duckdb

from orchestration.database import identifier, literal

# Key, moment, and the later moments that would stand before it; of each dataset.
_DATASETS = {
    ("pos", "sales"): ("ticket_id", "sold_at", ()),
    ("pos", "members"): ("member_id", "registered_at", ()),
    ("ecommerce", "orders"): ("order_id", "ordered_at", ()),
    ("ecommerce", "customers"): ("account_id", "registered_at", ()),
    ("ecommerce", "events"): ("event_id", "occurred_at", ()),
    ("call_center", "cases"): ("case_id", "opened_at", ("first_response_at", "resolved_at")),
}
_TECHNICAL = "_extra, _row_error, _raw, _file, _line, _delivery_date, delivery_date"
_PARTS = 1_000_000
_LATE_ONE_IN = 50


def deliver(warehouse: Path, landing: Path, day: date, share: float) -> int:
    """Write the files of a night into the landing zone.

    Args:
        warehouse: where `raw` lies.
        landing: the landing zone of that warehouse.
        day: date of the delivery and of its rows.
        share: of all lines, records, events and cases there are.

    Returns:
        Purchase lines delivered.
    """
    lines = 0
    with duckdb.connect(config={"memory_limit": "2GB"}) as con:
        con.execute("set enable_progress_bar = false")
        for (source, dataset), (key, moment, later) in _DATASETS.items():
            raw = literal(str(warehouse / "raw" / source / dataset / "*" / "*.parquet"))
            target = landing / source / day.isoformat() / f"{dataset}.csv"
            target.parent.mkdir(parents=True, exist_ok=True)
            moved = f"if(hash({key}) % {_LATE_ONE_IN} = 0, {moment}, '{day} ' || right({moment}, 8))"
            # A moment of another form than `… HH:MM:SS` becomes noon.
            timed = f"if(regexp_full_match(right({moment}, 8), '\\d\\d:\\d\\d:\\d\\d'), {moved}, '{day} 12:00:00')"
            emptied = "".join(f", null as {identifier(name)}" for name in later)
            con.execute(
                f"copy (select * exclude ({_TECHNICAL}) replace ('N{day:%m%d}' || {key} as {key}, {timed} as {moment}"
                f"{emptied}) from read_parquet({raw}, union_by_name = true, hive_partitioning = true) "
                f"where {key} is not null and {moment} is not null "
                f"and hash({key}, {literal(str(day))}) % {_PARTS} < {round(share * _PARTS)}) "
                f"to {literal(str(target))} (header)"
            )
            if dataset in {"sales", "orders"}:
                counted = con.execute(f"select count(*) from read_csv({literal(str(target))}, all_varchar = true)")
                lines += int(counted.fetchall()[0][0])
    return lines
