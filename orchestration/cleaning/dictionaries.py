"""The value dictionaries: every distinct delivered name, phone, email and address, read once.

What belongs here: collecting the values, reading those not read before, writing `clean.names`, `clean.phones`,
`clean.emails`, `clean.addresses` and the view `clean.changes`. What does not: how a value is read (`names.py`,
`phones.py`, `emails.py`, `addresses.py`).

A dictionary is kept from run to run. A value is read again only when the code or a word list has changed
(`clean.dictionary_versions`); a value that no clean table holds any more is removed, so an erased person leaves no
trace.
"""

from collections.abc import Callable, Iterable
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from data_quality.contract import load_contracts
from orchestration.cleaning import addresses, emails, names, phones, salutations, wordlists
from orchestration.database import identifier, table_exists
from orchestration.settings import Settings

BATCH = 100_000


def build_names(con: duckdb.DuckDBPyConnection, settings: Settings) -> int:
    """Bring `clean.names` up to date with every `name` column; returns the number of rows (grain: distinct value)."""
    return _build(
        con,
        "names",
        "name",
        names.ParsedName,
        lambda: names.NameParser(settings.reference_dir, settings.policy_dir).parse,
        _version(settings, [names, salutations], ["opencc", "pypinyin"]),
    )


def build_phones(con: duckdb.DuckDBPyConnection, settings: Settings) -> int:
    """Bring `clean.phones` up to date with every `phone` column; returns the number of rows (grain: distinct value)."""
    return _build(
        con,
        "phones",
        "phone",
        phones.ParsedPhone,
        lambda: phones.PhoneParser(settings.reference_dir, settings.policy_dir).parse,
        _version(settings, [phones], ["phonenumbers"]),
    )


def build_emails(con: duckdb.DuckDBPyConnection, settings: Settings) -> int:
    """Bring `clean.emails` up to date with every `email` column; returns the number of rows (grain: distinct value)."""
    return _build(
        con,
        "emails",
        "email",
        emails.ParsedEmail,
        lambda: emails.EmailParser(settings.reference_dir, settings.policy_dir).parse,
        _version(settings, [emails], []),
    )


def build_addresses(con: duckdb.DuckDBPyConnection, settings: Settings) -> int:
    """Bring `clean.addresses` up to date with every `address` column; returns the number of rows (distinct values)."""
    return _build(
        con,
        "addresses",
        "address",
        addresses.ParsedAddress,
        lambda: addresses.AddressParser(settings.reference_dir, settings.policy_dir).parse,
        _version(settings, [addresses], ["opencc"]),
    )


def build_changes_view(con: duckdb.DuckDBPyConnection) -> None:
    """Create `clean.changes(dictionary, value, clean_value, rule)`: what was changed, and by which rule."""
    shown = {
        "names": "display_name",
        "phones": "coalesce(e164, national)",
        "emails": "email",
        "addresses": "address_key",
    }
    parts = [
        f"select '{name}' as dictionary, value as value, {column} as clean_value, rule as rule "
        f"from clean.{name} where rule is not null"
        for name, column in shown.items()
    ]
    con.execute(f"create or replace view clean.changes as {' union all '.join(parts)}")


def _version(settings: Settings, modules: Iterable[Any], libraries: Iterable[str]) -> str:
    """Digest of all that decides how a value is read: code, word lists, policy rows, library versions."""
    paths = [Path(str(m.__file__)) for m in modules] + [Path(wordlists.__file__)]
    paths += sorted(p for p in settings.reference_dir.glob("*") if p.suffix in {".csv", ".parquet"})
    paths += [
        settings.policy_dir / n for n in ("blocked_values.csv", "name_thresholds.csv", "phone_default_regions.csv")
    ]
    return wordlists.fingerprint(paths, *(f"{x}={version(x)}" for x in libraries))


def _delivered(con: duckdb.DuckDBPyConnection, column_type: str) -> str:
    """Query of the distinct values of every clean column of this type (one column `value`)."""
    selects = []
    for contract in load_contracts().values():
        if not table_exists(con, "clean", contract.table):
            continue
        for name, column in contract.columns.items():
            if column.type == column_type:
                selects.append(f"select {identifier(name)} as value from clean.{identifier(contract.table)}")
    if not selects:
        selects.append("select null::varchar as value")
    return f"select distinct value from ({' union all '.join(selects)}) where value is not null"


def _build(
    con: duckdb.DuckDBPyConnection,
    table: str,
    column_type: str,
    row_type: type[Any],
    parser: Callable[[], Callable[[str], Any]],
    fingerprint: str,
) -> int:
    """Read the values that are new, drop those that are gone, keep the rest."""
    # Every part of a value is text but for the shares, which are numbers.
    columns = {f.name: pa.float64() if f.type == float | None else pa.string() for f in fields(row_type)}
    con.execute(
        "create table if not exists clean.dictionary_versions (dictionary varchar primary key, version varchar)"
    )
    known = con.execute("select version from clean.dictionary_versions where dictionary = ?", [table]).fetchone()
    if known is None or known[0] != fingerprint or not table_exists(con, "clean", table):
        con.execute(
            f"create or replace table clean.{table} (value varchar, "
            + ", ".join(f"{c} {'double' if pa.types.is_floating(t) else 'varchar'}" for c, t in columns.items())
            + ")"
        )
    con.execute(f"create or replace temp table delivered_values as {_delivered(con, column_type)}")
    con.execute(f"delete from clean.{table} where value not in (select value from delivered_values)")
    new = con.execute(
        f"select value from delivered_values where value not in (select value from clean.{table}) order by value"
    ).to_arrow_table()["value"]
    if len(new):
        parse = parser()
        schema = pa.schema([("value", pa.string()), *columns.items()])
        for start in range(0, len(new), BATCH):
            values = new[start : start + BATCH].to_pylist()
            read = [parse(v) for v in values]
            arrays = [pa.array(values, pa.string())]
            arrays += [pa.array([getattr(r, c) for r in read], t) for c, t in columns.items()]
            batch = pa.Table.from_arrays(arrays, schema=schema)
            con.register("read_values", batch)
            con.execute(f"insert into clean.{table} select * from read_values")
            con.unregister("read_values")
    con.execute("drop table delivered_values")
    con.execute("insert or replace into clean.dictionary_versions values (?, ?)", [table, fingerprint])
    count = con.execute(f"select count(*) from clean.{table}").fetchone()
    return int(count[0]) if count else 0
