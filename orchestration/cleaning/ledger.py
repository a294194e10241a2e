"""The account of every delivery: what came, and what became of it, in rows and in amount.

What belongs here: counting and comparing the two sides. What does not: why a row is bad (`conform.py`) or which row
is loaded (`deduplicate.py`).

    rows received = rows loaded + rows superseded + rows repeated + rows quarantined

The sides are counted independently: *received* from the manifests that ingestion wrote, *loaded* from the clean table
itself, the others from what cleaning set aside. A row that is lost or doubled anywhere shows as a difference.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import duckdb

from data_quality.contract import Contract
from orchestration.cleaning.due import Due, other_table
from orchestration.database import identifier, table_exists

_CREATE = """
    create table if not exists clean.row_outcomes (
        source varchar, dataset varchar, delivery_date date, file varchar, outcome varchar, rows bigint,
        amount decimal(38, 4)
    )"""


@dataclass(frozen=True)
class Imbalance:
    """A delivery whose two sides differ; `rows` and `amount` are received minus accounted for."""

    source: str | None
    dataset: str | None
    delivery_date: date | None
    rows: int
    amount: Decimal


def record(con: duckdb.DuckDBPyConnection, contract: Contract, due: Due) -> None:
    """Bring the outcomes of one dataset in `clean.row_outcomes` up to date.

    `clean.row_outcomes(source, dataset, delivery_date, file, outcome, rows, amount)`: one row per file and outcome
    (`received`, `loaded`, `superseded`, `repeated`, `quarantined`); an unreadable or absent amount counts 0. Received
    and quarantined rows of the deliveries that are due are counted in `conformed_rows`, all others in the tables that
    keep them, so it follows `deduplicate.load`.
    """
    amount = f"coalesce({identifier(contract.amount)}, 0)" if contract.amount else "0"
    dataset = [contract.source, contract.dataset]
    con.execute(_CREATE)
    con.execute(
        f"""
        delete from clean.row_outcomes
        where source = $1 and dataset = $2
            and (outcome not in ('received', 'quarantined') or {due.holds("delivery_date")})""",
        dataset,
    )
    con.execute(
        f"""
        insert into clean.row_outcomes
        with delivered as (
            select
                file_id, reasons is not null as is_bad, count(*) as rows,
                sum(cast({amount} as decimal(18, 4))) as amount
            from conformed_rows
            group by all
        )
        select $1, $2, files._delivery_date, files._file, 'received', sum(rows), sum(amount)
        from delivered join conformed_files as files using (file_id)
        group by all
        union all
        select $1, $2, files._delivery_date, files._file, 'quarantined', rows, amount
        from delivered join conformed_files as files using (file_id)
        where is_bad
        union all
        select $1, $2, _delivery_date, _file, outcome, count(*), sum(amount)
        from {other_table(contract)}
        group by all
        union all
        select $1, $2, _delivery_date, _file, 'loaded', count(*), sum(cast({amount} as decimal(18, 4)))
        from clean.{identifier(contract.table)}
        group by all""",
        dataset,
    )


def rows_by_outcome(con: duckdb.DuckDBPyConnection, contract: Contract) -> dict[str, int]:
    """The rows of one dataset per outcome, over all its deliveries."""
    counted = con.execute(
        "select outcome, sum(rows)::bigint from clean.row_outcomes where source = ? and dataset = ? group by all",
        [contract.source, contract.dataset],
    ).fetchall()
    return dict.fromkeys(("received", "loaded", "superseded", "repeated", "quarantined"), 0) | dict(counted)


def build(con: duckdb.DuckDBPyConnection) -> int:
    """Create or replace `quality.delivery_files` and `quality.deliveries`; give the number of deliveries.

    `quality.delivery_files`: one row per file as it lies in the landing zone now, also files of no known source or
    dataset (`source`, `dataset` or `delivery_date` may then be NULL). The rows of a file that could not be read count
    as received and quarantined, as far as their number is known.
    `quality.deliveries`: one row per source, dataset and delivery date; same columns summed. Amounts are
    `decimal(38,4)`, 0 for datasets without an amount.
    """
    con.execute(_CREATE)
    files = _FILES if table_exists(con, "raw", "files") else _NO_FILES
    con.execute(f"""
        create or replace table quality.delivery_files as
        with files as ({files}),
        outcomes as (
            select
                source, dataset, delivery_date, file,
                {_per_outcome("sum(rows) filter (outcome = '{outcome}') as rows_{outcome}")},
                {_per_outcome("sum(amount) filter (outcome = '{outcome}') as amount_{outcome}")}
            from clean.row_outcomes
            group by all
        )
        select
            coalesce(files.source, outcomes.source) as source,
            coalesce(files.dataset, outcomes.dataset) as dataset,
            coalesce(files.delivery_date, outcomes.delivery_date) as delivery_date,
            coalesce(files.file, outcomes.file) as file,
            files.status, files.reason, files.message, files.format, files.encoding, files.bytes, files.sha256,
            files.ingested_at,
            coalesce(files.rows, 0)::bigint as rows_received,
            coalesce(outcomes.rows_loaded, 0)::bigint as rows_loaded,
            coalesce(outcomes.rows_superseded, 0)::bigint as rows_superseded,
            coalesce(outcomes.rows_repeated, 0)::bigint as rows_repeated,
            (
                coalesce(outcomes.rows_quarantined, 0)
                + case when files.status = 'quarantined' then coalesce(files.rows, 0) else 0 end
            )::bigint as rows_quarantined,
            coalesce(outcomes.amount_received, 0)::decimal(38, 4) as amount_received,
            coalesce(outcomes.amount_loaded, 0)::decimal(38, 4) as amount_loaded,
            coalesce(outcomes.amount_superseded, 0)::decimal(38, 4) as amount_superseded,
            coalesce(outcomes.amount_repeated, 0)::decimal(38, 4) as amount_repeated,
            coalesce(outcomes.amount_quarantined, 0)::decimal(38, 4) as amount_quarantined
        from files
        full join outcomes
            on files.source = outcomes.source and files.dataset = outcomes.dataset
            and files.delivery_date = outcomes.delivery_date and files.file = outcomes.file
        order by delivery_date, source, dataset, file""")
    con.execute(f"""
        create or replace table quality.deliveries as
        select
            source, dataset, delivery_date,
            count(*) as files,
            count(*) filter (status = 'quarantined') as files_quarantined,
            {_per_outcome("sum(rows_{outcome})::bigint as rows_{outcome}")},
            {_per_outcome("sum(amount_{outcome})::decimal(38, 4) as amount_{outcome}")}
        from quality.delivery_files
        group by source, dataset, delivery_date
        order by delivery_date, source, dataset""")
    counted = con.execute("select count(*) from quality.deliveries").fetchone()
    return int(counted[0]) if counted else 0


# A path that was delivered again replaces what it held: only its newest reading counts.
_FILES = """
    select * from raw.files
    qualify row_number() over (partition by file order by ingested_at desc, status desc) = 1"""

_NO_FILES = """
    select
        source, dataset, delivery_date, file, 'read' as status, null::varchar as reason, null::varchar as message,
        null::varchar as format, null::varchar as encoding, null::bigint as bytes, null::varchar as sha256,
        null::timestamp as ingested_at, rows
    from clean.row_outcomes
    where outcome = 'received'"""


def _per_outcome(template: str) -> str:
    outcomes = ("received", "loaded", "superseded", "repeated", "quarantined")
    return ", ".join(template.format(outcome=outcome) for outcome in outcomes)


def unbalanced(con: duckdb.DuckDBPyConnection) -> list[Imbalance]:
    """The deliveries in `quality.deliveries` where received is not the sum of what became of it.

    Also compares the loaded rows with the clean tables' own counts by way of `quality.delivery_files`, which is
    counted from them. Empty when every row and every amount is accounted for.
    """
    found = con.execute("""
        with differences as (
            select
                source, dataset, delivery_date,
                rows_received - rows_loaded - rows_superseded - rows_repeated - rows_quarantined as rows,
                amount_received - amount_loaded - amount_superseded - amount_repeated - amount_quarantined as amount
            from quality.deliveries
        )
        select source, dataset, delivery_date, rows, amount from differences
        where rows <> 0 or amount <> 0
        order by delivery_date, source, dataset""").fetchall()
    return [Imbalance(*row) for row in found]
