"""Differences between what a contract promises, or what is usual, and what came, which fail no row.

What belongs here: new and missing columns, headers that two columns claim, unknown values of optional enums, and
putting all findings into one table with the severity that policy gives them. What does not: faults that send a row to
quarantine, and finding what is unusual (`drift_history.py`).
"""

from collections.abc import Iterable

import duckdb
import pyarrow as pa

from data_quality.contract import Contract
from orchestration.cleaning.drift_history import RENAMED_SQL, findings_sql
from orchestration.cleaning.drift_policy import DriftPolicy
from orchestration.cleaning.due import Due
from orchestration.database import table_exists

_CREATE = """
    create table if not exists clean.unknown_values (
        source varchar, dataset varchar, delivery_date date, file varchar, column_name varchar, value varchar,
        rows bigint
    )"""

# A value that looks like contact data, or is too long to be the name of a choice, is counted and not shown.
_SHOWN = "length(value) <= 40 and not contains(value, '@') and not regexp_matches(value, '[0-9]{5}')"


def record(con: duckdb.DuckDBPyConnection, contract: Contract, due: Due) -> None:
    """Write the unknown enum values of the deliveries that are due to `clean.unknown_values`.

    `clean.unknown_values(source, dataset, delivery_date, file, column_name, value, rows)`: one row per file, column and
    delivered value; `value` is NULL where it could be personal data. Reads `conformed_rows` and `conformed_files`.
    """
    personal = [name for name, column in contract.columns.items() if column.personal]
    con.execute(_CREATE)
    con.execute(
        f"delete from clean.unknown_values where source = $1 and dataset = $2 and {due.holds('delivery_date')}",
        [contract.source, contract.dataset],
    )
    con.execute(
        f"""
        insert into clean.unknown_values
        with unknown as (
            select rows.file_id, unnest(map_entries(rows.unknown)) as entry
            from conformed_rows as rows
            where rows.unknown is not null and rows.reasons is null
        ),
        named as (select file_id, entry.key as column_name, entry.value as value from unknown)
        select
            $1, $2, files._delivery_date, files._file, column_name,
            case when {_SHOWN} and not list_contains($3::varchar[], column_name) then value end, count(*)
        from named
        join conformed_files as files using (file_id)
        group by all""",
        [contract.source, contract.dataset, personal],
    )


def build(
    con: duckdb.DuckDBPyConnection, contracts: Iterable[Contract], policy: DriftPolicy | None = None
) -> dict[str, int]:
    """Create or replace `quality.drift`; give the number of findings by severity.

    `quality.drift(source, dataset, delivery_date, file, finding, column_name, value, rows, severity, expected, found,
    is_newest, message)`: one row per finding. By file: `finding` is `new_column` (a header no contract column claims),
    `shadowed_column` (a header that means a column which another header of the file already gives), `missing_column` (a
    promised column that is not there), `renamed_column` (a known header that never stood for this column before;
    `value` says which one did) or `unknown_value` (a value outside an optional enum, loaded as NULL). By delivery,
    against those before (`file` NULL, `expected` and `found` in the unit of the figure): `retyped_column`, `volume`,
    `volume_trend`, `null_rate`, `null_rate_trend`, `mean_shift`, `share_shift`. `column_name` is the header for the
    first two and NULL where it could be personal data, `value` also where a person is called so: columns that slipped
    put names among the choices. `rows` are the rows of the file or delivery, or those with the value. `severity` is
    `warn` or `block`; what policy ignores is not in it. `is_newest` marks the newest delivery of the dataset: only
    there a `block` keeps a version from being published, since what is newer tells that the source is back.

    Args:
        con: The working database.
        contracts: What is promised.
        policy: What a finding means; without it nothing is compared with earlier deliveries, and all is `warn`.
    """
    con.execute(_CREATE)
    con.execute("create or replace temp table shadowed_headers (source varchar, dataset varchar, header varchar)")
    _register_rules(con, policy)
    columns = "select * from values_found where false"
    renamed = columns
    if table_exists(con, "raw", "files"):
        columns, renamed = _COLUMNS, RENAMED_SQL
        _find_shadowed(con, contracts)
    history = "select * from values_found where false"
    if policy is not None and table_exists(con, "clean", "field_profiles"):
        con.execute(f"create or replace temp table unusual as {findings_sql(policy)}")
        history = "select * from unusual"
    con.execute(f"""
        create or replace table quality.drift as
        with values_found as (
            select
                source, dataset, delivery_date, file, 'unknown_value' as finding, column_name,
                {_value_shown(con)} as value, sum(rows)::bigint as rows
            from clean.unknown_values
            group by all
        ),
        columns_found as ({columns}),
        renamed_found as ({renamed}),
        found_all as (
            select *, null::double as expected, null::double as found from values_found
            union all by name
            select * from columns_found
            union all by name
            select * from renamed_found
            union all by name
            select * from ({history})
        ),
        newest as (
            select source, dataset, max(delivery_date) as delivery_date from found_all group by all
            {_NEWEST if table_exists(con, "quality", "deliveries") else ""}
        ),
        judged as (
            select findings.*, coalesce(rule.severity, 'warn') as severity
            from (select *, row_number() over () as finding_number from found_all) as findings
            left join drift_rules as rule
                on rule.finding = findings.finding
                and rule.source in ('', findings.source) and rule.dataset in ('', findings.dataset)
                and rule.column_name in ('', coalesce(findings.column_name, ''))
                and rule.valid_from <= findings.delivery_date
            qualify row_number() over (
                partition by finding_number
                order by
                    rule.column_name <> '' desc, rule.dataset <> '' desc, rule.source <> '' desc, rule.valid_from desc
            ) = 1
        )
        select
            source, dataset, judged.delivery_date, file, finding, column_name, value, rows, severity, expected, found,
            judged.delivery_date >= (
                select max(newest.delivery_date) from newest
                where newest.source = judged.source and newest.dataset = judged.dataset
            ) as is_newest,
            concat_ws(
                ' ', concat(source, '/', dataset), 'delivered', judged.delivery_date || ':', replace(finding, '_', ' '),
                column_name, value,
                case
                    when finding = 'share_shift' then concat(round(100 * found, 1), '% of the rows chose otherwise')
                    when found is not null then concat(round(expected, 4), ' → ', round(found, 4))
                end
            ) as message
        from judged
        where severity <> 'ignore'
        order by delivery_date, source, dataset, file, finding, column_name, value""")
    con.execute("drop table shadowed_headers")
    con.execute("drop table if exists temp.unusual")
    con.unregister("drift_rules")
    counted = dict(con.execute("select severity, count(*) from quality.drift group by all").fetchall())
    return {severity: counted.get(severity, 0) for severity in ("warn", "block")}


_NEWEST = "union all select source, dataset, max(delivery_date) from quality.deliveries group by all"


def _register_rules(con: duckdb.DuckDBPyConnection, policy: DriftPolicy | None) -> None:
    """Make the rules readable as `drift_rules`."""
    rules = policy.rules if policy else ()
    text = ("finding", "source", "dataset", "column_name", "severity")
    con.register(
        "drift_rules",
        pa.table(
            {
                **{name: pa.array([getattr(rule, name) for rule in rules], pa.string()) for name in text},
                "threshold": pa.array([rule.threshold for rule in rules], pa.float64()),
                "valid_from": pa.array([rule.valid_from for rule in rules], pa.date32()),
            }
        ),
    )


def _value_shown(con: duckdb.DuckDBPyConnection) -> str:
    """SQL of an unknown value that is NULL where some delivered record gives it as a person's name."""
    if not table_exists(con, "clean", "names"):
        return "value"
    return """case
                    when value not in (select names.value from clean.names as names where names.value is not null)
                        then value
                end"""


def _find_shadowed(con: duckdb.DuckDBPyConnection, contracts: Iterable[Contract]) -> None:
    """Fill `shadowed_headers`: undeclared headers that the contract does know, so another header came first."""
    by_dataset = {(contract.source, contract.dataset): contract for contract in contracts}
    headers = con.execute(
        "select distinct source, dataset, unnest(columns_unknown) from raw.files where source is not null"
    ).fetchall()
    shadowed = [
        (source, dataset, header)
        for source, dataset, header in headers
        if (contract := by_dataset.get((source, dataset))) and contract.column_of_header(header)
    ]
    if shadowed:
        con.executemany("insert into shadowed_headers values (?, ?, ?)", shadowed)


_COLUMNS = f"""
    select
        headers.source, headers.dataset, headers.delivery_date, headers.file,
        case when shadowed.header is not null then 'shadowed_column' else 'new_column' end as finding,
        case when {_SHOWN.replace("value", "headers.value")} then headers.value end as column_name,
        null::varchar as value, headers.rows
    from (
        select source, dataset, delivery_date, file, unnest(columns_unknown) as value, rows::bigint as rows
        from raw.files
    ) as headers
    left join shadowed_headers as shadowed
        on headers.source = shadowed.source and headers.dataset = shadowed.dataset and headers.value = shadowed.header
    union all
    select source, dataset, delivery_date, file, 'missing_column', unnest(columns_missing), null, rows::bigint
    from raw.files"""
