"""Customer ids that stay: clusters get the id they had, and every merge and split is written down.

What belongs here: ids, the crosswalk and the id history. What does not: which records form a cluster.
"""

from datetime import date
from pathlib import Path

import duckdb

from orchestration.database import literal, table_exists

_XREF_COLUMNS = (
    "source varchar, record_key varchar, customer_id varchar, matched_by varchar, confidence double, since date"
)
_HISTORY_COLUMNS = "old_customer_id varchar, new_customer_id varchar, change varchar, changed_on date, reason varchar"

# One row per source record; a collapsed mention lends its cluster to every record behind it.
_SOURCE_RECORDS = """
create or replace temp table source_records as
select r.source, r.record_key, r.record_id, r.first_delivered
from identity.records as r
where r.source in ('pos.members', 'ecommerce.customers')
union all
select m.source, m.record_key, r.record_id, m.first_delivered
from identity.mentions as m
left join identity.records as r on r.source = m.source and r.mention_key = m.mention_key
"""

# An id is made from the record that came first, so a rebuild from raw makes the same one.
_ASSIGNED = """
create or replace temp table assigned as
with present as (
    select s.record_id, s.source, s.record_key, k.cluster, x.customer_id as old_id
    from source_records as s
    inner join identity.clusters as k on k.record_id = s.record_id
    left join previous_xref as x on x.source = s.source and x.record_key = s.record_key
    where k.cluster is not null
),
shares as (
    select old_id, cluster, count(*) as records, min(record_id) as oldest
    from present
    where old_id is not null
    group by old_id, cluster
),
-- A split keeps the id with the larger part.
heirs as (
    select old_id, cluster, min(oldest) over (partition by old_id) as age
    from shares
    qualify row_number() over (partition by old_id order by records desc, oldest) = 1
),
-- A merge keeps the older id.
kept as (
    select cluster, old_id as customer_id
    from heirs
    qualify row_number() over (partition by cluster order by age, old_id) = 1
),
taken as (
    select customer_id from previous_xref where customer_id is not null
    union
    select unnest([old_customer_id, new_customer_id]) from previous_history
),
clusters as (select distinct cluster from present),
made as (
    select
        c.cluster,
        list_transform(
            range(8),
            lambda i: 'C' || upper(left(md5(
                r.source || '|' || r.record_key || case when i = 0 then '' else '|' || i::varchar end
            ), 14))
        ) as ids
    from clusters as c
    inner join identity.records as r on r.record_id = c.cluster
    where c.cluster not in (select cluster from kept)
),
free as (
    select m.cluster, m.id, m.position
    from (select cluster, unnest(ids) as id, generate_subscripts(ids, 1) as position from made) as m
    where m.id not in (select customer_id from taken)
)
select cluster, customer_id from kept
union all
select cluster, arg_min(id, position) from free group by cluster
"""

_XREF = """
create or replace table identity.customer_xref as
select
    s.source,
    s.record_key,
    a.customer_id,
    coalesce(k.matched_by, 'unlinked') as matched_by,
    k.confidence,
    case
        when x.source is null then s.first_delivered
        when x.customer_id is not distinct from a.customer_id then x.since
        else $as_of
    end as since
from source_records as s
left join identity.clusters as k on k.record_id = s.record_id
left join assigned as a on a.cluster = k.cluster
left join previous_xref as x on x.source = s.source and x.record_key = s.record_key
order by s.source, s.record_key
"""

_HISTORY = """
create or replace table identity.id_history as
with moved as (
    select x.customer_id as old_id, n.customer_id as new_id, count(*) as records
    from previous_xref as x
    inner join identity.customer_xref as n using (source, record_key)
    where x.customer_id is not null and n.customer_id is not null and x.customer_id <> n.customer_id
    group by x.customer_id, n.customer_id
),
alive as (select distinct customer_id from identity.customer_xref),
gone as (
    select old_id, arg_max(new_id, (records, new_id)) as heir from moved
    where old_id not in (select customer_id from alive where customer_id is not null)
    group by old_id
)
select * from previous_history
union all
select
    m.old_id, m.new_id,
    case when g.heir = m.new_id then 'merge' else 'split' end,
    $as_of,
    case
        when g.heir = m.new_id then 'new evidence joined these customers; the older id stays'
        else 'the evidence that held these records together is gone; the larger part keeps the id'
    end
from moved as m
left join gone as g on g.old_id = m.old_id
order by 4, 1, 2
"""


def assign_customer_ids(connection: duckdb.DuckDBPyConnection, ledger: Path, as_of: date) -> dict[str, int]:
    """Write `identity.customer_xref` and `identity.id_history` from `identity.clusters` and the ids given before.

    Ids given before come from the present crosswalk, or from `ledger` (a folder of Parquet files beside raw)
    when the working database was made anew. The ledger is written last, so a run that fails leaves it as it
    was. Returns counts: records, unlinked, customers, merges, splits.
    """
    _load_previous(connection, ledger)
    for statement in (_SOURCE_RECORDS, _ASSIGNED):
        connection.execute(statement)
    connection.execute(_XREF, {"as_of": as_of})
    before = _one(connection, "select count(*) from previous_history")
    connection.execute(_HISTORY, {"as_of": as_of})
    _save_ledger(connection, ledger)
    counts = {
        "records": _one(connection, "select count(*) from identity.customer_xref"),
        "unlinked": _one(connection, "select count(*) from identity.customer_xref where customer_id is null"),
        "customers": _one(connection, "select count(distinct customer_id) from identity.customer_xref"),
        "id_changes": _one(connection, "select count(*) from identity.id_history") - before,
    }
    for table in ("previous_xref", "previous_history", "source_records", "assigned"):
        connection.execute(f"drop table {table}")
    return counts


def _load_previous(connection: duckdb.DuckDBPyConnection, ledger: Path) -> None:
    """Write `previous_xref` and `previous_history` from the working database, the ledger, or as empty tables."""
    for name, columns in (("customer_xref", _XREF_COLUMNS), ("id_history", _HISTORY_COLUMNS)):
        previous = {"customer_xref": "previous_xref", "id_history": "previous_history"}[name]
        file = ledger / f"{name}.parquet"
        connection.execute(f"create or replace temp table {previous} ({columns})")
        if table_exists(connection, "identity", name):
            connection.execute(f"insert into {previous} by name select * from identity.{name}")
        elif file.exists():
            connection.execute(f"insert into {previous} by name select * from read_parquet({literal(str(file))})")


def _save_ledger(connection: duckdb.DuckDBPyConnection, ledger: Path) -> None:
    """Keep crosswalk and history outside the working database, each file whole or not at all."""
    ledger.mkdir(parents=True, exist_ok=True)
    for name in ("customer_xref", "id_history"):
        aside = ledger / f"{name}.parquet.part"
        connection.execute(f"copy identity.{name} to {literal(str(aside))} (format parquet, compression zstd)")
        aside.replace(ledger / f"{name}.parquet")


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
