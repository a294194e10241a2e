"""Raw text to typed rows with their faults, by SQL generated from the contract.

What belongs here: which faults a row has. What does not: how one text is read (`typing_sql.py`), which
row of a key is loaded (`deduplicate.py`), and where faulty rows go (`quarantine.py`).
"""

import duckdb

from data_quality.contract import Column, Contract
from orchestration.cleaning import typing_sql
from orchestration.cleaning.due import Due
from orchestration.cleaning.null_tokens import NullToken, is_null
from orchestration.database import identifier, literal, table_exists

SQL_TYPES = {
    "date": "date",
    "timestamp": "timestamp",
    "decimal": "decimal(18,4)",
    "integer": "bigint",
    "boolean": "boolean",
}
_FOLDED_TYPES = {"identifier", "id_card", "enum", "boolean", "date", "timestamp", "decimal", "integer"}
_CHOICE_TYPES = {"enum", "boolean"}
_DICTIONARY_TYPES = {"name", "phone", "email", "address"}
_READ_TYPES = {"date", "timestamp", "decimal", "integer"}


def sql_type(column: Column) -> str:
    """The type of a contract column in `clean`."""
    return SQL_TYPES.get(column.type, "varchar")


def conform(
    con: duckdb.DuckDBPyConnection, contract: Contract, tokens: tuple[NullToken, ...], zone: str, due: Due
) -> None:
    """Type every raw row of the deliveries that are due, in one pass, and name its faults.

    Leaves two temporary tables:

    - `conformed_files(file_id, _delivery_date, _file)`: one row per file with rows, due or not; `file_id` counts up in
      the order of delivery (delivery date, then file name without its ending, so that `sales (1).csv` and
      `sales-2.csv` follow `sales.csv`);
    - `conformed_rows`, one row per delivered row that is due: `file_id`, `_line`, `record_key` (NULL where a key value
      is missing or unreadable), the contract columns typed, `content` (hash of what would be loaded), `reasons`
      (`varchar[]`, NULL for a good row), `row_content` (delivered values of a faulty row, else NULL), `unknown`
      (column to delivered text for values outside an optional enum, NULL when there is none).

    A raw table that does not exist counts as a dataset that never came.
    """
    raw = _raw_relation(con, contract)
    if not due.everything:
        raw = f"(select * from {raw} where {due.holds('_delivery_date')})"
    con.execute(f"create or replace temp table conformed_files as {_files_sql(raw, contract, due)}")
    con.execute(f"create or replace temp table conformed_rows as {conform_sql(raw, contract, tokens, zone)}")


def _raw_relation(con: duckdb.DuckDBPyConnection, contract: Contract) -> str:
    if table_exists(con, "raw", contract.table):
        return f"raw.{identifier(contract.table)}"
    columns = [f"null::varchar as {identifier(name)}" for name in contract.columns]
    return (
        f"(select {', '.join(columns)}, null::map(varchar, varchar) as _extra, null::varchar as _row_error, "
        "null::varchar as _raw, null::varchar as _file, null::bigint as _line, "
        "null::date as _delivery_date where false)"
    )


def _files_sql(raw: str, contract: Contract, due: Due) -> str:
    kept = ""
    if not due.everything:
        kept = f"""
            union all
            select delivery_date, file from clean.row_outcomes
            where source = {literal(contract.source)} and dataset = {literal(contract.dataset)}
                and outcome = 'received' and not {due.holds("delivery_date")}"""
    return f"""
        select
            row_number() over (
                order by _delivery_date, regexp_replace(_file, '[.][A-Za-z0-9]+([.][Gg][Zz])?$', ''), _file
            ) as file_id,
            _delivery_date,
            _file
        from (select distinct _delivery_date, _file from {raw} {kept})"""


def conform_sql(raw: str, contract: Contract, tokens: tuple[NullToken, ...], zone: str) -> str:
    """The statement behind `conform`; reads `raw` (a table name or a subquery) and `conformed_files`."""
    columns = contract.columns
    folded = [f"{_fold(name, column)} as {_folded(name)}" for name, column in columns.items()]
    given = [
        f"case when {is_null(_folded(name), '_delivery_date', column, tokens)} then null "
        f"else {_folded(name)} end as {_given(name)}"
        for name, column in columns.items()
    ]
    typed = [f"{_typed(name, column, zone)} as {_value(name)}" for name, column in columns.items()]
    faults = _faults(contract)
    faulty = " or ".join(
        ["_row_error is not null", *(f"coalesce({condition}, false)" for condition in faults.values())]
    )
    reasons = ", ".join(
        f"case when coalesce({condition}, false) then {literal(code)} end" for code, condition in faults.items()
    )
    warnings = {
        name: f"{_given(name)} is not null and {_value(name)} is null"
        for name, column in columns.items()
        if column.type in _CHOICE_TYPES and not _is_strict(contract, name)
    }
    unknown = ", ".join(
        f"case when {condition} then {{'key': {literal(name)}, 'value': {_given(name)}}} end"
        for name, condition in warnings.items()
    )
    unknown_map = (
        f"case when {' or '.join(warnings.values())} "
        f"then map_from_entries(list_filter([{unknown}], lambda x: x is not null)) end"
        if warnings
        else "cast(null as map(varchar, varchar))"
    )
    content = ", ".join(_value(name) for name in columns if name not in contract.key) or "0"
    return f"""
        with folded as (
            select files.file_id, raw.*, {", ".join(folded)}
            from {raw} as raw
            join conformed_files as files
                on raw._delivery_date = files._delivery_date and raw._file = files._file
        ),
        given as (select *, {", ".join(given)} from folded),
        typed as (select *, {", ".join(typed)} from given),
        judged as (select *, {faulty} as faulty from typed)
        select
            file_id,
            _line,
            {record_key(contract)} as record_key,
            {", ".join(f"{_value(name)} as {identifier(name)}" for name in columns)},
            hash({content}) as content,
            case
                when _row_error is not null then [_row_error]
                when faulty then list_filter([{reasons}], lambda x: x is not null)
            end as reasons,
            case when faulty then {_row_content(list(columns))} end as row_content,
            {unknown_map} as unknown
        from judged"""


def _row_content(columns: list[str]) -> str:
    """SQL of the map of everything that was delivered in a row, without what was empty.

    An undeclared column that is named like a declared one (another header won) is kept as `_extra.<name>`.
    """
    declared = ", ".join(f"{{'key': {literal(name)}, 'value': {identifier(name)}}}" for name in [*columns, "_raw"])
    names = ", ".join(map(literal, [*columns, "_raw"]))
    extra = "coalesce(map_entries(_extra), [])"
    return f"""map_concat(
                map_from_entries([
                    {{'key': '_extra.' || x.key, 'value': x.value}} for x in {extra}
                    if x.value is not null and x.key in ({names})
                ]),
                map_from_entries([x for x in {extra} if x.value is not null and x.key not in ({names})]),
                map_from_entries([x for x in [{declared}] if x.value is not null])
            )"""


def record_key(contract: Contract) -> str:
    """SQL of the key values joined with `|`; NULL where one is missing or unreadable.

    Within a key of several columns a `|` or a backslash of a value is preceded by a backslash, so that two keys
    are never written alike.
    """
    if len(contract.key) == 1:
        return f"cast({_value(contract.key[0])} as varchar)"
    parts = []
    for name in contract.key:
        part = f"cast({_value(name)} as varchar)"
        if sql_type(contract.columns[name]) == "varchar":
            part = (
                f"case when contains({part}, '|') or contains({part}, '\\') "
                f"then replace(replace({part}, '\\', '\\\\'), '|', '\\|') else {part} end"
            )
        parts.append(part)
    return " || '|' || ".join(parts)


def _folded(name: str) -> str:
    return identifier(f"folded:{name}")


def _given(name: str) -> str:
    return identifier(f"given:{name}")


def _value(name: str) -> str:
    return identifier(f"value:{name}")


def _fold(name: str, column: Column) -> str:
    return _folded_text(column, f"raw.{identifier(name)}")


def _folded_text(column: Column, text: str) -> str:
    fold = typing_sql.folded if column.type in _FOLDED_TYPES else typing_sql.trimmed
    return fold(text)


def _typed(name: str, column: Column, zone: str) -> str:
    given = _given(name)
    if column.type in _DICTIONARY_TYPES:
        # The dictionaries are keyed by the text as delivered.
        return f"case when {given} is not null then {identifier(name)} end"
    return _read(column, given, zone)


def read_as(column: Column, text: str, zone: str) -> str:
    """SQL of a delivered text as the value that is loaded in a column; NULL where it cannot be read."""
    return f"cast({_read(column, _folded_text(column, text), zone)} as {sql_type(column)})"


def _read(column: Column, given: str, zone: str) -> str:
    match column.type:
        case "timestamp":
            return typing_sql.timestamp(given, zone)
        case "date":
            return typing_sql.date(given, zone)
        case "decimal":
            return typing_sql.decimal(given)
        case "integer":
            return typing_sql.integer(given)
        case "boolean":
            return typing_sql.boolean(given, column.spellings)
        case "enum":
            return typing_sql.choice(given, column.spellings)
        case "identifier":
            return typing_sql.identifier(given)
        case "id_card":
            return typing_sql.id_card(given)
        case "text" | "name" | "phone" | "email" | "address":
            return given


def _is_strict(contract: Contract, name: str) -> bool:
    column = contract.columns[name]
    return name in contract.required or column.unknown_value == "quarantine"


def _faults(contract: Contract) -> dict[str, str]:
    """Reason code to the SQL condition under which a row has it."""
    faults: dict[str, str] = {}
    for name in contract.required:
        faults[f"missing:{name}"] = f"{_given(name)} is null"
    for name, column in contract.columns.items():
        value = _value(name)
        if column.type in _READ_TYPES:
            faults[f"unreadable:{name}"] = f"{_given(name)} is not null and {value} is null"
        if column.type in _CHOICE_TYPES and _is_strict(contract, name):
            faults[f"unknown_value:{name}"] = f"{_given(name)} is not null and {value} is null"
        if column.not_zero:
            faults[f"zero:{name}"] = f"{value} = 0"
        limits = [
            f"{value} {sign} {limit!r}"
            for sign, limit in (("<", column.minimum), (">", column.maximum))
            if limit is not None
        ]
        if limits:
            faults[f"out_of_range:{name}"] = " or ".join(limits)
        if column.not_after_delivery:
            # The end of the delivery day, not the wall clock: a rerun years later finds the same faults.
            faults[f"in_future:{name}"] = f"{value} >= _delivery_date + interval 1 day"
    for rule in contract.row_rules:
        later, earlier = _value(rule.column), _value(rule.earlier)
        # Sources that give one of the two as a mere date mean some time on that day, and not its midnight.
        faults[rule.code] = f"{later} < {earlier} and {later} <> date_trunc('day', {earlier})"
    return faults
