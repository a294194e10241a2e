"""Nothing is lost on the way: what goes into each hop comes out of it, in rows and in amounts.

What belongs here: counting both sides of each hop, and writing them to `quality.conservation`. What does not: what an
imbalance means for publication (`data_quality/suites`), and the account that cleaning keeps (`cleaning/ledger.py`).

    file ► raw ► clean ► staging ► facts ► customers ► published file        and each customer before ► after a merge

Both sides of a hop are counted from the tables themselves, never from what a step says of its own work. Where all
rows of a dataset go through unchanged, both sides are compared by a sum of hashes of key and amount, which
no loss can leave as it was; only if they differ are the rows joined, to say which delivery they came with.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb

from data_quality.contract import Contract
from orchestration.database import identifier, literal, reading_published, table_exists, transaction
from orchestration.errors import UserError
from orchestration.ingestion.raw_store import written_amount_sql

TABLE = "quality.conservation"
FILE_TO_RAW = "file_to_raw"
RAW_TO_CLEAN = "raw_to_clean"
CLEAN_TO_STAGING = "clean_to_staging"
STAGING_TO_FACTS = "staging_to_facts"
FACTS_TO_CUSTOMERS = "facts_to_customers"
BEFORE_TO_AFTER_MERGE = "before_to_after_merge"
MARTS_TO_PUBLISHED = "marts_to_published"
HOPS = (
    FILE_TO_RAW,
    RAW_TO_CLEAN,
    CLEAN_TO_STAGING,
    STAGING_TO_FACTS,
    FACTS_TO_CUSTOMERS,
    BEFORE_TO_AFTER_MERGE,
    MARTS_TO_PUBLISHED,
)

_CREATE = """
create table if not exists quality.conservation (
    hop varchar not null,
    source varchar,
    dataset varchar not null,
    delivery_date date,
    measure varchar not null,
    expected decimal(38, 4) not null,
    found decimal(38, 4) not null,
    difference decimal(38, 4) not null,
    keys_differing bigint not null,
    is_balanced boolean not null,
    message varchar not null,
    as_of date
)
"""


def _shown(number: str) -> str:
    """SQL of a number as people read it; grouped digits are not taken for a phone number where examples are masked."""
    whole = f"format('{{:,}}', {number}::bigint)"
    return (
        f"case when {number} = trunc({number}) then {whole} else rtrim(format('{{:,.4f}}', {number}::double), '0') end"
    )


_MESSAGE = f"""
    concat(
        hop, ': ', concat_ws('/', source, dataset), coalesce(' delivered ' || delivery_date, ''), ': ', measure, ' ',
        {_shown("expected")}, ' expected, ', {_shown("found")}, ' found, ',
        case
            when difference < 0 then concat({_shown("-difference")}, ' lost')
            when difference > 0 then concat({_shown("difference")}, ' too much')
            else concat('the sums agree and ', keys_differing, ' keys differ')
        end
    )"""


@dataclass(frozen=True)
class HopSummary:
    """One hop of the last run: balances counted, and those that do not balance."""

    hop: str
    balances: int
    unbalanced: int


@dataclass(frozen=True)
class Imbalance:
    """What went into a hop and did not come out, or came out and never went in; `message` says it in one line."""

    hop: str
    dataset: str
    delivery_date: date | None
    measure: str
    expected: Decimal
    found: Decimal
    message: str


@dataclass(frozen=True)
class _Flow:
    """How the rows of one dataset become facts: key and amount on both sides, and what dates a row."""

    fact: str
    fact_key: str
    staged_key: str
    dated_by: str
    fact_filter: str = "true"


_FLOWS = {
    "pos_sales": _Flow("fct_sales", "sale_line_id", "'pos|' || record_key", "sold_at", "source = 'pos'"),
    "ecommerce_orders": _Flow(
        "fct_sales", "sale_line_id", "'ecommerce|' || record_key", "ordered_at", "source = 'ecommerce'"
    ),
    "ecommerce_events": _Flow("fct_events", "event_id", "event_id", "occurred_at"),
    "call_center_cases": _Flow("fct_cases", "case_id", "case_id", "opened_at"),
    "call_center_surveys": _Flow("fct_surveys", "survey_id", "survey_id", "responded_at"),
    "call_center_outreach": _Flow("fct_outreach", "contact_id", "contact_id", "sent_at"),
}

# Sums that must be the same in the working database and in the file, beside the rows of every table.
_PUBLISHED_SUMS = {
    "marts.fct_sales": ("amount", "net_amount"),
    "marts.customer_360": ("orders", "net_revenue"),
    "marts.points_balances": ("balance",),
    "marts.kpi_daily": ("value",),
}


def balance_deliveries(con: duckdb.DuckDBPyConnection, contracts: Iterable[Contract], as_of: date) -> None:
    """Write the hops from file to clean: one row per dataset, delivery and measure (`rows`, `amount`).

    file ► raw compares what was counted when the file was read with the raw store as it is. raw ► clean compares
    received with loaded + superseded + repeated + quarantined: loaded is counted in the clean table, quarantined
    in the quarantine (what a person released is loaded). A file that could not be read is received and
    quarantined with the rows that could be counted.

    The hops after clean are forgotten: they told of the tables of the run before.
    """
    con.execute(_CREATE)
    con.execute(f"delete from {TABLE} where hop not in (?, ?)", [FILE_TO_RAW, RAW_TO_CLEAN])
    _replace(con, FILE_TO_RAW, [_file_to_raw(c) for c in contracts], as_of)
    _replace(con, RAW_TO_CLEAN, [_raw_to_clean(c) for c in contracts], as_of)


def balance_marts(
    con: duckdb.DuckDBPyConnection, contracts: Iterable[Contract], as_of: date, published: Path | None = None
) -> None:
    """Write the hops from clean to the customers' figures, and those of each merge since the last publication.

    clean ► staging and staging ► facts: one row per dataset, delivery and measure; facts hold what is dated up to
    `as_of`. facts ► customers: revenue, orders, cases and points of facts against those of customers and of
    what nothing links, by customer (`keys_differing`). before ► after merge: what the last published version gave to
    customers that have become one since, at today's amounts, against what became of the same lines.

    Args:
        con: The working database.
        contracts: The datasets.
        as_of: The business day of evaluation.
        published: The file of the version before; None where nothing was published.
    """
    by_table = {contract.table: contract for contract in contracts}
    _replace(con, CLEAN_TO_STAGING, [_clean_to_staging(c) for c in by_table.values()], as_of)
    # Looks at the tables while the hop is counted, so that a missing one is told as such.
    flows = (
        _staging_to_facts(con, by_table[table], flow, as_of) for table, flow in _FLOWS.items() if table in by_table
    )
    _replace(con, STAGING_TO_FACTS, flows, as_of)
    _replace(con, FACTS_TO_CUSTOMERS, _facts_to_customers(con), as_of)
    _replace(con, BEFORE_TO_AFTER_MERGE, _merges(con, published, as_of), as_of)


def balance_published(
    con: duckdb.DuckDBPyConnection, file: Path, rows: dict[str, int], contracts: Iterable[Contract], as_of: date
) -> None:
    """Write the hop into a built file: rows of every table, sums of the main ones, and keys and amounts of the facts.

    Args:
        con: The working database.
        file: The built file; it is opened read-only.
        rows: Rows by table as they were counted when the file was built.
        contracts: The datasets; an imbalance of facts is told by delivery.
        as_of: The business day of evaluation.
    """
    con.execute(f"attach {literal(str(file))} as built (read_only)")
    try:
        con.execute("create or replace temp table counted_rows (table_name varchar, row_count bigint)")
        con.executemany("insert into counted_rows values (?, ?)", [list(r) for r in rows.items()])
        parts = [_published_rows(name) for name in rows]
        parts += [
            _published_sum(name, column)
            for name, columns in _PUBLISHED_SUMS.items()
            if name in rows
            for column in columns
            if _has_column(con, name, column)
        ]
        parts += [
            _published_keys(contract, _FLOWS[contract.table])
            for contract in contracts
            if contract.table in _FLOWS and f"marts.{_FLOWS[contract.table].fact}" in rows
        ]
        _replace(con, MARTS_TO_PUBLISHED, parts, as_of)
    finally:
        con.execute("detach built")


def imbalances(con: duckdb.DuckDBPyConnection, hop: str | None = None) -> list[Imbalance]:
    """What does not balance now, of one hop or of all, the largest difference first."""
    if not table_exists(con, "quality", "conservation"):
        return []
    found = con.execute(
        "select hop, dataset, delivery_date, measure, expected, found, message from quality.conservation "
        "where not is_balanced and ($hop is null or hop = $hop) order by abs(difference) desc, message",
        {"hop": hop},
    ).fetchall()
    return [Imbalance(*row) for row in found]


def summarise(con: duckdb.DuckDBPyConnection) -> list[HopSummary]:
    """The hops counted so far, in the order of the way."""
    if not table_exists(con, "quality", "conservation"):
        return []
    found = con.execute(
        "select hop, count(*), count(*) filter (where not is_balanced) from quality.conservation group by hop"
    ).fetchall()
    return sorted((HopSummary(*row) for row in found), key=lambda summary: HOPS.index(summary.hop))


def _replace(con: duckdb.DuckDBPyConnection, hop: str, parts: Iterable[str], as_of: date) -> None:
    """Write the balances of one hop in place of those of the run before.

    Each part selects `source, dataset, delivery_date, measure, expected, found, keys_differing`. A hop that cannot be
    counted, because one of its tables is missing, is an imbalance of its own.
    """
    con.execute(_CREATE)
    with transaction(con):
        con.execute("delete from quality.conservation where hop = ?", [hop])
        try:
            sides = " union all ".join(f"select * from ({part})" for part in parts)
            if sides:
                con.execute(_INSERT.format(sides=sides, message=_MESSAGE), {"hop": hop, "as_of": as_of})
        except duckdb.CatalogException as error:
            message = f"{hop}: could not be counted: {str(error).splitlines()[0]}"
            con.execute(
                "insert into quality.conservation values (?, null, '*', null, 'rows', 0, 0, 0, 1, false, ?, ?)",
                [hop, message, as_of],
            )


_INSERT = """
    insert into quality.conservation
    with sides as ({sides}),
    compared as (
        select
            $hop as hop, source, dataset, delivery_date, measure,
            coalesce(expected, 0)::decimal(38, 4) as expected,
            coalesce(found, 0)::decimal(38, 4) as found,
            coalesce(found, 0)::decimal(38, 4) - coalesce(expected, 0)::decimal(38, 4) as difference,
            coalesce(keys_differing, 0)::bigint as keys_differing
        from sides
    ),
    judged as (select *, difference = 0 and keys_differing = 0 as is_balanced from compared)
    select *, case when is_balanced then '' else {message} end as message, $as_of::date as as_of
    from judged
    order by delivery_date, source, dataset, measure desc"""


def _by_measure(contract: Contract, sides: str) -> str:
    """Turn `delivery_date, expected_rows, found_rows, expected_amount, found_amount` into one row per measure."""
    named = f"{literal(contract.source)} as source, {literal(contract.dataset)} as dataset, delivery_date"
    rows = (
        f"select {named}, 'rows' as measure, expected_rows as expected, found_rows as found, 0 as keys_differing "
        "from sides"
    )
    if contract.amount is None:
        return f"with sides as ({sides}) {rows}"
    return (
        f"with sides as ({sides}) {rows} union all "
        f"select {named}, 'amount', expected_amount, found_amount, 0 from sides where expected_amount is not null"
    )


def _file_to_raw(contract: Contract) -> str:
    amount = written_amount_sql(contract) or "0"
    table = identifier(contract.table)
    # One file whose amounts nobody counted (it was taken in by an earlier release) leaves its delivery uncounted.
    return _by_measure(
        contract,
        f"""
        with counted as (
            select
                delivery_date, sum(rows) as rows,
                case when count(*) = count(amount) then sum(amount) end as amount
            from raw.files
            where source = {literal(contract.source)} and dataset = {literal(contract.dataset)} and status = 'read'
            group by delivery_date
        ),
        stored as (
            select _delivery_date as delivery_date, count(*) as rows, {amount} as amount
            from raw.{table}
            group by _delivery_date
        )
        select
            delivery_date, coalesce(counted.rows, 0) as expected_rows, coalesce(stored.rows, 0) as found_rows,
            counted.amount as expected_amount, stored.amount as found_amount
        from counted full join stored using (delivery_date)""",
    )


def _raw_to_clean(contract: Contract) -> str:
    of_dataset = f"source = {literal(contract.source)} and dataset = {literal(contract.dataset)}"
    return _by_measure(
        contract,
        f"""
        with received as (
            select
                delivery_date, rows_received as rows, amount_received as amount,
                rows_superseded + rows_repeated as rows_set_aside,
                amount_superseded + amount_repeated as amount_set_aside
            from quality.deliveries
            where {of_dataset}
        ),
        loaded as (
            select _delivery_date as delivery_date, count(*) as rows, {_sum_of(contract)} as amount
            from clean.{identifier(contract.table)}
            group by _delivery_date
        ),
        bad_rows as (
            select delivery_date, count(*) as rows, sum(amount) as amount
            from quality.quarantine
            where {of_dataset} and level = 'row' and counted
            group by delivery_date
        ),
        bad_files as (
            select delivery_date, sum(rows) as rows
            from raw.files
            where {of_dataset} and status = 'quarantined'
            group by delivery_date
        )
        select
            delivery_date,
            coalesce(received.rows, 0) as expected_rows,
            coalesce(loaded.rows, 0) + coalesce(received.rows_set_aside, 0)
            + coalesce(bad_rows.rows, 0) + coalesce(bad_files.rows, 0) as found_rows,
            coalesce(received.amount, 0) as expected_amount,
            coalesce(loaded.amount, 0) + coalesce(received.amount_set_aside, 0)
            + coalesce(bad_rows.amount, 0) as found_amount
        from received
        full join loaded using (delivery_date)
        full join bad_rows using (delivery_date)
        full join bad_files using (delivery_date)""",
    )


def _sum_of(contract: Contract) -> str:
    return f"coalesce(sum({identifier(contract.amount)}), 0)" if contract.amount else "0"


def _staged(contract: Contract) -> str:
    return f"staging.{identifier(f'stg_{contract.source}__{contract.dataset}')}"


def _clean_to_staging(contract: Contract) -> str:
    return _by_measure(
        contract,
        f"""
        with cleaned as (
            select _delivery_date as delivery_date, count(*) as rows, {_sum_of(contract)} as amount
            from clean.{identifier(contract.table)}
            group by _delivery_date
        ),
        staged as (
            select delivered_on as delivery_date, count(*) as rows, {_sum_of(contract)} as amount
            from {_staged(contract)}
            group by delivered_on
        )
        select
            delivery_date, coalesce(cleaned.rows, 0) as expected_rows, coalesce(staged.rows, 0) as found_rows,
            coalesce(cleaned.amount, 0) as expected_amount, coalesce(staged.amount, 0) as found_amount
        from cleaned full join staged using (delivery_date)""",
    )


def _fingerprint(key: str, contract: Contract, amount: str = "amount") -> str:
    """SQL of a number that differs as soon as one key or amount does: the sum of their hashes, and the rows."""
    parts = f"{key}, {amount}::decimal(18, 4)" if contract.amount else key
    return f"(count(*), coalesce(sum(hash({parts})::hugeint), 0))"


def _staging_to_facts(con: duckdb.DuckDBPyConnection, contract: Contract, flow: _Flow, as_of: date) -> str:
    due = f"{flow.dated_by} < {literal(as_of.isoformat())}::date + interval 1 day"
    fact = f"(select * from marts.{identifier(flow.fact)} where {flow.fact_filter})"
    same = con.execute(
        f"select (select {_fingerprint(flow.staged_key, contract, contract.amount or '')} from {_staged(contract)} "
        f"where {due}) = (select {_fingerprint(flow.fact_key, contract)} from {fact})"
    ).fetchone()
    amount = identifier(contract.amount) if contract.amount else "0"
    expected = f"""
        select delivered_on as delivery_date, count(*) as rows, coalesce(sum({amount}), 0) as amount
        from {_staged(contract)}
        where {due}
        group by delivered_on"""
    if same and same[0]:
        return _by_measure(
            contract,
            f"select delivery_date, rows as expected_rows, rows as found_rows, amount as expected_amount, "
            f"amount as found_amount from ({expected})",
        )
    fact_amount = "coalesce(sum(facts.amount), 0)" if contract.amount else "0"
    return _by_measure(
        contract,
        f"""
        with expected as ({expected}),
        found as (
            select staged.delivered_on as delivery_date, count(*) as rows, {fact_amount} as amount
            from {fact} as facts
            left join (select *, {flow.staged_key} as fact_key from {_staged(contract)} where {due}) as staged
                on facts.{flow.fact_key} = staged.fact_key
            group by staged.delivered_on
        )
        select
            coalesce(expected.delivery_date, found.delivery_date) as delivery_date,
            coalesce(expected.rows, 0) as expected_rows, coalesce(found.rows, 0) as found_rows,
            coalesce(expected.amount, 0) as expected_amount, coalesce(found.amount, 0) as found_amount
        from expected full join found on expected.delivery_date is not distinct from found.delivery_date""",
    )


def _by_customer(dataset: str, measure: str, facts: str, customers: str) -> str:
    """One balance of two relations `customer_id, value`: totals, and how many customers differ.

    `customer_id` NULL on the side of the facts is what nothing links; it has no customer to differ from.
    """
    return f"""
        with facts as (select customer_id, sum(value) as value from ({facts}) group by customer_id),
        customers as (select customer_id, sum(value) as value from ({customers}) group by customer_id),
        paired as (
            select
                facts.value as fact_value,
                case when facts.customer_id is null then coalesce(customers.value, facts.value) else customers.value end
                    as customer_value
            from facts full join customers on facts.customer_id = customers.customer_id
        )
        select
            null::varchar as source, {literal(dataset)} as dataset, null::date as delivery_date,
            {literal(measure)} as measure, sum(fact_value) as expected, sum(customer_value) as found,
            count(*) filter (where coalesce(fact_value, 0) <> coalesce(customer_value, 0)) as keys_differing
        from paired"""


_ORDERS = """
    select customer_id, count(*) as value
    from (
        select customer_id, order_key from marts.fct_sales
        group by customer_id, order_key having sum(net_amount) > 0
    )
    group by customer_id"""


def _facts_to_customers(con: duckdb.DuckDBPyConnection) -> list[str]:
    profile = "marts.customer_360"
    sums = [
        _by_customer(
            "sales",
            measure,
            f"select customer_id, {column} as value from marts.fct_sales",
            f"select customer_id, {measure} as value from {profile}",
        )
        for measure, column in (("net_revenue", "net_amount"), ("gross_revenue", "gross_amount"))
    ]
    found = [
        *sums,
        _by_customer("sales", "orders", _ORDERS, f"select customer_id, orders as value from {profile}"),
        _by_customer(
            "cases",
            "cases",
            "select customer_id, 1 as value from marts.fct_cases",
            f"select customer_id, cases as value from {profile}",
        ),
    ]
    if table_exists(con, "marts", "points_ledger"):
        found += [
            _by_customer(
                "points",
                "points_booked",
                "select customer_id, points as value from intermediate.int_points_booked",
                "select customer_id, points as value from marts.points_ledger where entry_type <> 'expired'",
            ),
            _by_customer(
                "points",
                "points_balance",
                "select customer_id, points as value from marts.points_ledger",
                "select customer_id, balance as value from marts.points_balances",
            ),
        ]
    return found


def _merges(con: duckdb.DuckDBPyConnection, published: Path | None, as_of: date) -> list[str]:
    """Balances of the customers that became one since the version before; none where there is nothing to compare."""
    for table in ("merged_ids", "lines_of_merged", "points_of_merged"):
        con.execute(f"drop table if exists temp.{table}")
    if published is None or not published.is_file():
        return []
    parts: list[str] = []
    try:
        with reading_published(published):
            con.execute(f"attach {literal(str(published))} as before (read_only)")
    except UserError:
        # A damaged file must not keep a whole one from taking its place.
        return []
    try:
        # What an earlier release published may lack a column or table; then there is nothing to compare with.
        with suppress(duckdb.CatalogException, duckdb.BinderException, UserError), reading_published(published):
            con.execute(_MERGED_IDS)
            con.execute(_LINES_OF_MERGED, {"as_of": as_of})
            parts += [_MERGED_SUMS, _MERGED_ORDERS]
            con.execute(_POINTS_OF_MERGED)
            parts.append(_MERGED_POINTS)
    finally:
        con.execute("detach before")
    return parts


_MERGED_IDS = """
create temp table merged_ids as
with merged as (
    select redirects.old_customer_id, redirects.customer_id
    from identity.id_redirects as redirects
    semi join before.marts.customer_360 as earlier on redirects.old_customer_id = earlier.customer_id
    where redirects.customer_id is not null
)
select old_customer_id as before_id, customer_id as survivor from merged
union
select customer_id, customer_id from merged
"""

# A line moves with its record. It may also leave the survivor for another customer of today, because its own record was
# corrected; it may not vanish, nor stay with an id that is nobody's.
_LINES_OF_MERGED = """
create temp table lines_of_merged as
with earlier as (
    select lines.sale_line_id, lines.order_key, lines.net_amount as net_before, merged_ids.survivor
    from before.marts.fct_sales as lines
    join merged_ids on lines.customer_id = merged_ids.before_id
),
delivered as (
    select 'pos|' || record_key as sale_line_id from staging.stg_pos__sales
    where sold_at < $as_of::date + interval 1 day
    union all
    select 'ecommerce|' || record_key from staging.stg_ecommerce__orders
    where ordered_at < $as_of::date + interval 1 day
)
select
    earlier.survivor, earlier.order_key,
    coalesce(today.net_amount, earlier.net_before) as net_amount,
    today.sale_line_id is not null and (today.customer_id is null or profiles.customer_id is not null) as is_kept
from earlier
semi join delivered on earlier.sale_line_id = delivered.sale_line_id
left join marts.fct_sales as today on earlier.sale_line_id = today.sale_line_id
left join marts.customer_360 as profiles on today.customer_id = profiles.customer_id
"""

# What a purchase or an answer earned moves with it, at today's points: a birthday or a rule may have changed. A profile
# or a referral earns once for a customer, so two that become one have it once.
_POINTS_OF_MERGED = """
create temp table points_of_merged as
with earlier as (
    select distinct ledger.entry_type, ledger.reference
    from before.marts.points_ledger as ledger
    join merged_ids on ledger.customer_id = merged_ids.before_id
    where ledger.entry_type in ('purchase', 'taken_back', 'survey')
),
due as (
    select entry_type, reference, sum(points) as points
    from intermediate.int_points_booked
    semi join earlier using (entry_type, reference)
    group by entry_type, reference
),
kept as (
    select ledger.entry_type, ledger.reference, sum(ledger.points) as points
    from marts.points_ledger as ledger
    semi join earlier using (entry_type, reference)
    semi join marts.customer_360 as profiles on ledger.customer_id = profiles.customer_id
    group by ledger.entry_type, ledger.reference
)
select due.points as points_due, kept.points as points_kept
from due full join kept using (entry_type, reference)
"""

_MERGED_SUMS = """
    select
        null::varchar as source, 'sales' as dataset, null::date as delivery_date, measure, expected, found,
        0 as keys_differing
    from (
        select
            count(*)::decimal(38, 4) as expected, (count(*) filter (where is_kept))::decimal(38, 4) as found,
            'lines' as measure
        from temp.lines_of_merged
        union all
        select
            coalesce(sum(net_amount), 0), coalesce(sum(net_amount) filter (where is_kept), 0), 'net_revenue'
        from temp.lines_of_merged
    )"""

_MERGED_ORDERS = """
    select
        null::varchar as source, 'sales' as dataset, null::date as delivery_date, 'orders' as measure,
        count(distinct order_key) as expected, count(distinct order_key) filter (where is_kept) as found,
        0 as keys_differing
    from temp.lines_of_merged"""

_MERGED_POINTS = """
    select
        null::varchar as source, 'points' as dataset, null::date as delivery_date, 'points' as measure,
        coalesce(sum(points_due), 0) as expected, coalesce(sum(points_kept), 0) as found,
        count(*) filter (where points_due is distinct from points_kept) as keys_differing
    from temp.points_of_merged"""


def _published_rows(name: str) -> str:
    return (
        f"select null::varchar as source, {literal(name)} as dataset, null::date as delivery_date, 'rows' as measure, "
        f"(select row_count from temp.counted_rows where table_name = {literal(name)}) as expected, "
        f"(select count(*) from built.{name}) as found, 0 as keys_differing"
    )


def _published_sum(name: str, column: str) -> str:
    # A sum of doubles depends on the order of its rows, which is another in the file; one of rounded values does not.
    total = f"sum(try_cast({identifier(column)} as decimal(38, 4)))"
    return (
        f"select null::varchar as source, {literal(name)} as dataset, null::date as delivery_date, "
        f"{literal(column)} as measure, (select {total} from {name}) as expected, "
        f"(select {total} from built.{name}) as found, 0 as keys_differing"
    )


def _published_keys(contract: Contract, flow: _Flow) -> str:
    """Keys and amounts of a fact by their hashes, which no loss can leave as they were."""
    fact = f"marts.{identifier(flow.fact)} where {flow.fact_filter}"
    fingerprint = _fingerprint(flow.fact_key, contract)
    return f"""
        select
            {literal(contract.source)} as source, {literal(contract.dataset)} as dataset, null::date as delivery_date,
            'keys' as measure,
            (select count(*) from {fact}) as expected, (select count(*) from built.{fact}) as found,
            case when (select {fingerprint} from {fact}) = (select {fingerprint} from built.{fact}) then 0 else 1 end
                as keys_differing"""


def _has_column(con: duckdb.DuckDBPyConnection, table: str, column: str) -> bool:
    schema, name = table.split(".")
    found = con.execute(
        "select 1 from duckdb_columns() where database_name = current_database() and schema_name = ? "
        "and table_name = ? and column_name = ?",
        [schema, name, column],
    ).fetchone()
    return found is not None
