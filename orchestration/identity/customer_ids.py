"""Customer ids that stay: clusters get the id they had, and every merge and split is written down.

What belongs here: ids, the crosswalk, the id history, redirects, and how many ids a run may change. What does
not: which records form a cluster.

The ids given so far are the ledger, Parquet files under `<warehouse>/identity/`. A run starts from the ledger and
moves it on at its end, unless it changes more ids than policy allows: then the ledger stays, the gate refuses to
publish, and the next run starts from the same ids. So a wrong rule that is taken back leaves no trace.
"""

import csv
import hashlib
import io
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from orchestration.database import literal, parquet, table_exists
from orchestration.errors import UserError
from orchestration.files import write_whole
from orchestration.identity.policy import IdentityPolicy

_LEDGER = {
    "customer_xref": (
        "source varchar, record_key varchar, customer_id varchar, matched_by varchar, confidence double, since date"
    ),
    "id_history": (
        "old_customer_id varchar, new_customer_id varchar, change varchar, changed_on date, reason varchar, "
        "change_number bigint"
    ),
    "id_moves": "source varchar, record_key varchar, change_number bigint",
    "id_redirects": "old_customer_id varchar, customer_id varchar, changed_on date",
}
_RULES_FILE = "rules.json"
_ACCEPTED_FILE = "accepted_changes.csv"
_ACCEPTED_COLUMNS = ("signature", "accepted_by", "accepted_on", "why")
_ID_DIGITS = 11
"""Digits of an id after its `C`, five bits each: of a million customers two get the same one once in 70,000 times.

With the `C` twelve bytes, the most that DuckDB keeps within a value; what is longer lies elsewhere and is looked up
there at each comparison. Twenty million rows joined to themselves: 4.9 CPU seconds, 15.4 with 15 bytes.
"""

# One row per source record, with its cluster and the id it had; a collapsed mention lends its cluster to every record
# behind it. All that follows asks this table, so that keys are joined as texts once.
_SOURCE_RECORDS = """
create or replace temp table source_records as
with said as (
    select r.source, r.record_key, r.record_id, r.first_delivered
    from identity.records as r
    where r.source in ('pos.members', 'ecommerce.customers')
    union all
    select m.source, m.record_key, r.record_id, m.first_delivered
    from identity.mentions as m
    left join identity.records as r on r.source = m.source and r.mention_key = m.mention_key
)
select
    s.source, s.record_key, s.record_id, s.first_delivered, k.cluster, k.matched_by, k.confidence,
    x.source is not null as was_known, x.customer_id as previous_id, x.since as previous_since
from said as s
left join identity.clusters as k on k.record_id = s.record_id
left join previous_xref as x on x.source = s.source and x.record_key = s.record_key
"""

_PREVIOUS_IDS = """
create or replace temp table previous_ids as
select distinct customer_id from previous_xref where customer_id is not null
"""


def _made_id(text: str) -> str:
    """SQL of the id made from a text, in digits and letters of which none is mistaken for another (no I, L, O, U)."""
    bits = f"(md5_number_lower({text}) & ((1::ubigint << {5 * _ID_DIGITS}) - 1))::bigint"
    return f"'C' || translate(to_base({bits}, 32, {_ID_DIGITS}), 'ILOU', 'WXYZ')"


def _assigned() -> str:
    """SQL of each cluster's id: the one it had, or one made from the record that came first, as a rebuild makes it."""
    return f"""
create or replace temp table assigned as
with shares as (
    select previous_id as old_id, cluster, count(*) as records, min(record_id) as oldest
    from source_records
    where previous_id is not null and cluster is not null
    group by previous_id, cluster
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
clusters as (select distinct cluster from source_records where cluster is not null),
made as (
    select c.cluster, r.source || '|' || r.record_key as first_record
    from clusters as c
    inner join identity.records as r on r.record_id = c.cluster
    where c.cluster not in (select cluster from kept)
),
-- Of two that come to the same id the older record has it.
given as (
    select min(cluster) as cluster, id
    from (select cluster, {_made_id("first_record")} as id from made)
    where id not in (select customer_id from previous_ids)
    group by id
),
-- An id merged away comes back when the record it was made from leaves again: who wrote it down meant these people.
-- So whose own id is taken, by that or by another, gets one of these.
others as (
    select min(m.cluster) as cluster, m.id, m.position
    from (
        select cluster, position, {_made_id("first_record || '|' || position::varchar")} as id
        from made cross join range(1, 8) as positions (position)
        where cluster not in (select cluster from given)
    ) as m
    where m.id not in (select customer_id from previous_ids) and m.id not in (select id from given)
    group by m.id, m.position
    qualify row_number() over (partition by m.id order by m.position) = 1
)
select cluster, customer_id from kept
union all
select cluster, id from given
union all
select cluster, arg_min(id, position) from others group by cluster
"""


_XREF = """
create or replace table identity.customer_xref as
select
    s.source,
    s.record_key,
    a.customer_id,
    coalesce(s.matched_by, 'unlinked') as matched_by,
    s.confidence,
    case
        when not s.was_known then s.first_delivered
        when s.previous_id is not distinct from a.customer_id then s.previous_since
        else $as_of
    end as since
from source_records as s
left join assigned as a on a.cluster = s.cluster
order by s.source, s.record_key
"""

# What this run changes: one row per id that lost records to another.
_CHANGES = """
create or replace temp table moved_records as
select s.source, s.record_key, s.previous_id as old_id, a.customer_id as new_id
from source_records as s inner join assigned as a on a.cluster = s.cluster
where s.previous_id <> a.customer_id;
create or replace temp table id_changes as
with moved as (select old_id, new_id, count(*) as records from moved_records group by old_id, new_id),
gone as (
    select old_id, arg_max(new_id, (records, new_id)) as heir from moved
    where old_id not in (select customer_id from assigned)
    group by old_id
)
select
    m.old_id, m.new_id, case when g.heir = m.new_id then 'merge' else 'split' end as change,
    row_number() over (order by m.old_id, m.new_id)
        + (select coalesce(max(change_number), 0) from previous_history) as change_number
from moved as m
left join gone as g on g.old_id = m.old_id
"""

# The links that now run between the records of two earlier customers say why these are one.
_REASONS = """
create or replace temp table change_reasons as
with concerned as (
    select source, record_key, previous_id as customer_id from source_records
    where previous_id in (select unnest([old_id, new_id]) from id_changes)
),
joined as (
    select least(a.customer_id, b.customer_id) as one, greatest(a.customer_id, b.customer_id) as other,
        string_agg(distinct k.rule, ', ' order by k.rule) as rules
    from identity.links as k
    inner join concerned as a on a.source = k.left_source and a.record_key = k.left_record_key
    inner join concerned as b on b.source = k.right_source and b.record_key = k.right_record_key
    where a.customer_id <> b.customer_id
    group by all
),
decided as (
    select distinct a.customer_id as old_id, unnest([l.customer_id, r.customer_id]) as new_id
    from identity.decisions as d
    inner join previous_xref as a on a.source = d.left_source and a.record_key = d.left_record_key
    inner join previous_xref as b
        on b.source = d.right_source and b.record_key = d.right_record_key and b.customer_id = a.customer_id
    inner join identity.customer_xref as l on l.source = d.left_source and l.record_key = d.left_record_key
    inner join identity.customer_xref as r on r.source = d.right_source and r.record_key = d.right_record_key
    where d.status = 'bound' and d.decision = 'different'
)
select
    c.change_number,
    case
        when c.change = 'merge' then
            'linked by ' || coalesce(j.rules, 'records that came since') || '; the older id stays'
        when d.old_id is not null then
            'a reviewer decided that records of this customer are different people; the larger part keeps the id'
        else 'the evidence that held these records together is gone or contradicted; the larger part keeps the id'
    end || case when $rules_changed then ' (rules or model changed since the last run)' else '' end as reason
from id_changes as c
left join joined as j on j.one = least(c.old_id, c.new_id) and j.other = greatest(c.old_id, c.new_id)
left join decided as d on d.old_id = c.old_id and d.new_id = c.new_id
"""

_HISTORY = """
create or replace table identity.id_history as
select * from previous_history
union all by name
select
    c.old_id as old_customer_id, c.new_id as new_customer_id, c.change, $as_of::date as changed_on, r.reason,
    c.change_number
from id_changes as c inner join change_reasons as r using (change_number)
order by change_number
"""

_MOVES = """
create or replace table identity.id_moves as
select * from previous_moves
union all by name
select m.source, m.record_key, c.change_number
from moved_records as m inner join id_changes as c using (old_id, new_id)
order by change_number, source, record_key
"""

# Every id that is no customer now and was one: what it became, NULL where nothing of it is left.
_REDIRECTS = """
create or replace table identity.id_redirects as
with alive as (select customer_id from assigned),
heirs as (select old_id, new_id from id_changes where change = 'merge'),
known as (
    select old_customer_id, customer_id, changed_on from previous_redirects
    union all
    select customer_id, customer_id, $as_of::date
    from previous_ids
    where customer_id not in (select old_customer_id from previous_redirects)
)
select
    k.old_customer_id,
    case when a.customer_id is null then h.new_id else k.customer_id end as customer_id,
    case when a.customer_id is null and k.customer_id is not null then $as_of::date else k.changed_on end as changed_on
from known as k
left join alive as a on a.customer_id = k.customer_id
left join heirs as h on h.old_id = k.customer_id
where k.old_customer_id not in (select customer_id from alive)
order by k.old_customer_id
"""

_STABILITY = """
create or replace table identity.id_stability as
with counted as (
    select
        (select count(*) from previous_ids) as ids_before,
        (select count(distinct old_id) from id_changes where change = 'merge') as ids_merged,
        (select count(distinct old_id) from id_changes where change = 'split') as ids_split,
        (
            select count(*) from previous_ids
            where customer_id not in (select customer_id from assigned)
                and customer_id not in (select old_id from id_changes)
        ) as ids_retired,
        (select count(distinct old_id) from id_changes) as ids_moved,
        (
            select md5(string_agg(concat_ws('|', old_id, new_id, change), ';' order by old_id, new_id)) from id_changes
        ) as signature
),
shared as (
    select *, ids_moved + ids_retired as ids_changed, (ids_moved + ids_retired) / greatest(ids_before, 1) as share
    from counted
)
select
    $as_of::date as as_of, ids_before, ids_changed, ids_merged, ids_split, ids_retired,
    round(share, 6) as changed_share, $max_share::double as allowed_share,
    share > $max_share and ids_before >= $min_ids and not list_contains($accepted::varchar[], coalesce(signature, ''))
        as held,
    coalesce(signature, '') as signature
from shared
"""


@dataclass(frozen=True)
class Acceptance:
    """A person's word that the many id changes of a run are right."""

    signature: str
    accepted_by: str
    accepted_on: date
    why: str


def assign_customer_ids(
    connection: duckdb.DuckDBPyConnection, ledger: Path, as_of: date, policy: IdentityPolicy, rules: str = ""
) -> dict[str, float]:
    """Write the crosswalk, the id history and what hangs on them, from `identity.clusters` and the ledger.

    Writes `identity.customer_xref` (source record), `identity.id_history` (merge or split), `identity.id_moves`
    (source record that changed its customer × change), `identity.id_redirects` (id that is no customer now) and
    `identity.id_stability` (one row: how many ids this run changes, how many it may, and whether it is held).

    Args:
        connection: The working database after clustering.
        ledger: Folder of the ids given so far; made anew from the working database where it is missing, and
            moved on at the end unless this run is held.
        as_of: The day the changes are dated.
        policy: Names the share of ids that may change.
        rules: Signature of policy and model, to tell a change of rules from new evidence.

    Returns:
        Counts: records, unlinked, customers, id changes, and the share of ids changed with `held` 0 or 1.
    """
    _load_previous(connection, ledger)
    connection.execute(
        "create table if not exists identity.decisions (left_source varchar, left_record_key varchar, "
        "right_source varchar, right_record_key varchar, decision varchar, status varchar)"
    )
    for statement in (_SOURCE_RECORDS, _PREVIOUS_IDS, _assigned()):
        connection.execute(statement)
    connection.execute(_XREF, {"as_of": as_of})
    connection.execute(_CHANGES)
    connection.execute(_REASONS, {"rules_changed": _rules_changed(ledger, rules)})
    connection.execute(_HISTORY, {"as_of": as_of})
    connection.execute(_MOVES)
    connection.execute(_REDIRECTS, {"as_of": as_of})
    connection.execute(
        _STABILITY,
        {
            "as_of": as_of,
            "max_share": policy.limit("max_changed_id_share"),
            "min_ids": policy.limit("min_ids_to_gate"),
            "accepted": [a.signature for a in accepted_changes(ledger)],
        },
    )
    held = _one(connection, "select held::integer from identity.id_stability")
    if not held:
        _save_ledger(connection, ledger, rules)
    counts: dict[str, float] = {
        "records": _one(connection, "select count(*) from identity.customer_xref"),
        "unlinked": _one(connection, "select count(*) from identity.customer_xref where customer_id is null"),
        "customers": _one(connection, "select count(*) from assigned"),
        "id_changes": _one(connection, "select count(*) from id_changes"),
        "ids_before": _one(connection, "select ids_before from identity.id_stability"),
        "ids_changed": _one(connection, "select ids_changed from identity.id_stability"),
        "held": held,
    }
    counts["changed_id_share"] = round(counts["ids_changed"] / max(counts["ids_before"], 1), 6)
    written = ("source_records", "previous_ids", "assigned", "moved_records", "id_changes", "change_reasons")
    for table in (*_PREVIOUS.values(), *written):
        connection.execute(f"drop table {table}")
    return counts


def accepted_changes(ledger: Path) -> tuple[Acceptance, ...]:
    """Read which sets of id changes people accepted.

    Raises:
        UserError: a row of the file cannot be read; the message names it.
    """
    file = ledger / _ACCEPTED_FILE
    if not file.exists():
        return ()
    found = []
    with file.open(encoding="utf-8-sig", newline="") as handle:
        for number, row in enumerate(csv.DictReader(handle), start=2):
            try:
                day = date.fromisoformat(row["accepted_on"])
                found.append(Acceptance(row["signature"], row["accepted_by"], day, row["why"]))
            except (KeyError, TypeError, ValueError) as error:
                raise UserError(
                    f"{file.name} row {number} must hold {', '.join(_ACCEPTED_COLUMNS)}, accepted_on as YYYY-MM-DD; "
                    f"found accepted_on `{row.get('accepted_on')}`. Correct or delete the row."
                ) from error
    return tuple(found)


def accept_changes(connection: duckdb.DuckDBPyConnection, ledger: Path, by: str, on: date, why: str) -> int:
    """Let the next run keep the id changes of the last one, which was held; return how many ids change.

    Raises:
        UserError: the last run was not held.
    """
    row = None
    if table_exists(connection, "identity", "id_stability"):
        row = connection.execute("select signature, ids_changed from identity.id_stability where held").fetchone()
    if row is None:
        raise UserError("The last run was not held: its ids are in force already, there is nothing to accept.")
    ledger.mkdir(parents=True, exist_ok=True)
    known = accepted_changes(ledger)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_ACCEPTED_COLUMNS)
    for a in (*known, Acceptance(row[0], by, on, why)):
        writer.writerow([a.signature, a.accepted_by, a.accepted_on.isoformat(), a.why])
    write_whole(ledger / _ACCEPTED_FILE, text.getvalue())
    return int(row[1])


def rules_signature(policy: IdentityPolicy, model: Path) -> str:
    """Checksum of the identity policy and the model file."""
    digest = hashlib.sha256(repr(policy).encode())
    digest.update(model.read_bytes() if model.exists() else b"")
    return digest.hexdigest()


_PREVIOUS = {name: f"previous_{name.removeprefix('id_').removeprefix('customer_')}" for name in _LEDGER}


def _rules_changed(ledger: Path, rules: str) -> bool:
    """Say whether the last run had other rules; False where that is not known."""
    file = ledger / _RULES_FILE
    if not file.exists():
        return False
    try:
        return bool(json.loads(file.read_text(encoding="utf-8"))["signature"] != rules)
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} cannot be read: delete it, the next run writes it again.") from error


def _load_previous(connection: duckdb.DuckDBPyConnection, ledger: Path) -> None:
    """Write `previous_xref`, `previous_history` and the rest from the ledger, the working database, or empty."""
    present = (ledger / "customer_xref.parquet").exists()
    for name, columns in _LEDGER.items():
        file = ledger / f"{name}.parquet"
        connection.execute(f"create or replace temp table {_PREVIOUS[name]} ({columns})")
        if file.exists():
            _fill(connection, name, parquet(file), str(file))
        elif not present and table_exists(connection, "identity", name):
            _fill(connection, name, f"identity.{name}", f"identity.{name}")


def _fill(connection: duckdb.DuckDBPyConnection, name: str, table: str, where: str) -> None:
    try:
        connection.execute(f"insert into {_PREVIOUS[name]} by name select * from {table}")
    except duckdb.Error as error:
        raise UserError(
            f"The customer ids given so far cannot be read from {where}: {str(error).splitlines()[0]}. "
            "Restore the file from a backup; deleting it would give customers other ids where they merged or split."
        ) from error


def _save_ledger(connection: duckdb.DuckDBPyConnection, ledger: Path, rules: str) -> None:
    """Keep ids outside the working database, each file whole or not at all; the crosswalk comes last."""
    ledger.mkdir(parents=True, exist_ok=True)
    names = [n for n in _LEDGER if n != "customer_xref"] + ["customer_xref"]
    for name in names:
        aside = ledger / f"{name}.parquet.part"
        connection.execute(f"copy identity.{name} to {literal(str(aside))} (format parquet, compression zstd)")
    for name in names:
        (ledger / f"{name}.parquet.part").replace(ledger / f"{name}.parquet")
    write_whole(ledger / _RULES_FILE, json.dumps({"signature": rules}) + "\n")


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
