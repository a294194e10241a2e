"""Whether the floor gives the numbers that a refresh gives, column by column.

What belongs here: comparing two tables of customers. What does not: making them.

Only customers are compared of whom both know exactly the same source records: where identity resolution joined
others, different sums are right.
"""

from pathlib import Path
from typing import Any

import duckdb

from benchmarks.refresh.floor import FILE
from orchestration.database import identifier, literal

_TOLERANCE = 0.006  # ours are rounded to cents and four places


def compare(world: Path, published: Path) -> dict[str, Any]:
    """The columns that both define, with the share of comparable customers for whom they hold the same.

    Args:
        world: folder of the world, with `truth` and the floor's database.
        published: the published file of a full rebuild of the same deliveries.
    """
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false; set memory_limit = '6GB'")
        con.execute(f"attach {literal(str(world / FILE))} as floor (read_only)")
        con.execute(f"attach {literal(str(published))} as ours (read_only)")
        con.execute(
            f"""
            create temp table theirs as
            select person_id, count(*) as records, bit_xor(hash(source, record_key)) as which
            from {literal(str(world / "truth" / "records.parquet"))} where loaded and identified group by 1
            """
        )
        con.execute(
            """
            create temp table pairs as
            select theirs.person_id, mine.customer_id
            from theirs inner join (
                select customer_id, count(*) as records, bit_xor(hash(source, record_key)) as which
                from ours.identity.customer_xref where customer_id is not null group by 1
            ) as mine using (which, records)
            """
        )
        theirs = _columns(con, "floor")
        ours = _columns(con, "ours")
        common = [name for name in ours if name in theirs and name != "customer_id"]
        equal = ", ".join(f"avg(cast({_same(name, ours[name])} as integer))" for name in common)
        shares = con.execute(
            f"select count(*), {equal} from pairs "
            "inner join floor.customer_360 as f on f.customer_id = pairs.person_id "
            "inner join ours.marts.customer_360 as o on o.customer_id = pairs.customer_id"
        ).fetchall()[0]
        totals = {
            name: con.execute(
                f"select (select sum({name}) from floor.customer_360), "
                f"(select sum({name}) from ours.marts.customer_360)"
            ).fetchall()[0]
            for name in ("orders", "gross_revenue", "net_revenue", "cases")
        }
        people = con.execute("select count(*) from theirs").fetchall()[0][0]
    return {
        "people": people,
        "compared": shares[0],
        "equal": {name: round(float(share), 4) for name, share in zip(common, shares[1:], strict=True)},
        "only_ours": [name for name in ours if name not in theirs],
        "totals": {name: [float(value or 0) for value in pair] for name, pair in totals.items()},
    }


def _columns(con: duckdb.DuckDBPyConnection, database: str) -> dict[str, str]:
    rows = con.execute(
        "select column_name, data_type from duckdb_columns() where database_name = ? and table_name = 'customer_360'",
        [database],
    ).fetchall()
    return {str(name): str(kind) for name, kind in rows}


def _same(name: str, kind: str) -> str:
    column = identifier(name)
    if kind.startswith(("DECIMAL", "DOUBLE")):
        return (
            f"(f.{column} is null and o.{column} is null "
            f"or coalesce(abs(cast(f.{column} as double) - cast(o.{column} as double)) < {_TOLERANCE}, false))"
        )
    return f"(f.{column} is not distinct from o.{column})"
