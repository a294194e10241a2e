"""A published file of any number of customers, made from one that was published.

What belongs here: copying every customer's rows under new ids, in the order in which publication stores rows. What
does not: making the first file, which a refresh does.

Copies have the habits of their originals, so shares stay what they were; tables without customers (KPIs,
deliveries) stay as they are.
"""

from pathlib import Path

import duckdb

from orchestration.database import identifier, literal
from orchestration.publication.build import STORAGE_VERSION, order_of_rows


def enlarge(published: Path, target: Path, customers: int) -> int:
    """Write `target` with at least so many customers; returns how many.

    Memory stays below 4 GB: rows are sorted on disk.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    config = {"temp_directory": str(target.with_suffix(".spill")), "memory_limit": "4GB"}
    with duckdb.connect(config={**config}) as con:
        con.execute("set enable_progress_bar = false")
        con.execute(f"attach {literal(str(published))} as small (read_only)")
        con.execute(f"attach {literal(str(target))} as large (storage_version {literal(STORAGE_VERSION)})")
        there = int(con.execute("select count(*) from small.marts.customer_360").fetchall()[0][0])
        copies = -(-customers // there)
        tables = con.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'small' order by all"
        ).fetchall()
        for schema, table in tables:
            name = f"{identifier(schema)}.{identifier(table)}"
            columns = [str(row[0]) for row in con.execute(f"describe small.{name}").fetchall()]
            ids = [column for column in columns if column == "customer_id" or column.endswith("_customer_id")]
            copied = ", ".join(f"{c} || '.' || copy as {c}" for c in ids)
            source = f"small.{name} cross join range({copies}) as copies(copy)" if ids else f"small.{name}"
            selected = f"* exclude (copy) replace ({copied})" if ids else "*"
            order = order_of_rows(con.execute(f"describe small.{name}").fetchall())
            con.execute(f"create schema if not exists large.{identifier(schema)}")
            con.execute(f"create table large.{name} as select {selected} from {source} {order}")
    return there * copies
