"""One size in a process of its own: from the landing zone to customers, then a night with 1% new or changed records.

What belongs here: running and timing the steps. What does not: sizes, memory of the process tree, the table
(`__main__`).
"""

import json
import resource
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.identity.pipeline import ingest_and_clean
from benchmarks.identity.sets import END
from orchestration import database
from orchestration.identity.resolve import (
    Report,
    make_customer_ids,
    make_customers,
    make_households,
    make_links,
    make_records,
)
from orchestration.settings import Settings

Step = Callable[[duckdb.DuckDBPyConnection, Settings], Report]
TO_XREF: dict[str, Step] = {"records": make_records, "links": make_links, "customer_xref": make_customer_ids}
AFTER: dict[str, Step] = {"customers": make_customers, "households": make_households}

# Of every hundred members and accounts one has another number, and every two hundredth comes again as a new record
# with a number of its own: what a busy night brings.
_NIGHT = """
create or replace temp table touched as
select 'pos_members' as dataset, record_key, row_number() over (order by md5(record_key)) as number
from clean.pos_members
union all
select 'ecommerce_customers', record_key, row_number() over (order by md5(record_key)) from clean.ecommerce_customers;
delete from touched where number % 100 <> 0;
create or replace temp table numbers as
select value, row_number() over (order by md5(value)) as number
from clean.phones where kind = 'mobile' and e164 is not null;
update clean.{table} set phone = n.value
from touched as t inner join numbers as n on n.number = t.number
where t.dataset = '{table}' and t.number % 200 = 0 and clean.{table}.record_key = t.record_key;
insert into clean.{table}
select c.* replace ('N' || c.record_key as record_key, 'N' || c.{key} as {key}, n.value as phone)
from clean.{table} as c
inner join touched as t on t.dataset = '{table}' and t.record_key = c.record_key and t.number % 200 = 100
inner join numbers as n on n.number = t.number
"""


def main() -> None:
    """Measure the landing zone named first; write `measured.json` into the folder above it."""
    landing = Path(sys.argv[1])
    folder = landing.parent
    shutil.rmtree(folder / "warehouse", ignore_errors=True)
    settings = Settings(landing=landing, warehouse=folder / "warehouse", as_of=END, memory_limit=sys.argv[2], threads=2)
    before = ingest_and_clean(settings)
    measured: dict[str, Any] = {"before": before, "full": _run(settings, {**TO_XREF, **AFTER})}
    with database.connect(settings) as con:
        for table, key in (("pos_members", "member_id"), ("ecommerce_customers", "account_id")):
            con.execute(_NIGHT.format(table=table, key=key))
    measured["night"] = _run(settings, TO_XREF)
    measured["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    (folder / "measured.json").write_text(json.dumps(measured, default=str), encoding="utf-8")
    shutil.rmtree(folder / "warehouse")


def _run(settings: Settings, steps: dict[str, Step]) -> dict[str, Any]:
    """Seconds, CPU seconds and report of each step."""
    found: dict[str, Any] = {}
    with database.connect(settings) as con:
        for name, step in steps.items():
            started, worked = time.perf_counter(), time.process_time()
            report = step(con, settings)
            found[name] = {
                "seconds": round(time.perf_counter() - started, 2),
                "cpu_seconds": round(time.process_time() - worked, 2),
                "report": report,
            }
            sys.stdout.write(f"  {name}: {found[name]['seconds']} s, CPU {found[name]['cpu_seconds']} s\n")
            sys.stdout.flush()
    return found


if __name__ == "__main__":
    main()
