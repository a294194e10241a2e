"""The mirror: tables of a published version in schemas of a PostgreSQL server, replaced in one transaction.

What belongs here: what is copied, in which order of steps, and what is left alone. What does not: the server and its
errors (`server.py`), types (`column_types.py`), keys (`keys.py`).

Rows are replaced by delete and COPY in the tables that are there, in one transaction: readers are never kept waiting,
see the version before until the commit, in every isolation level, and grants, views and indices that others made on
the tables stay. (Truncating, or swapping tables by name, shows an open snapshot an empty table.) Autovacuum takes the
old rows away, so a server needs room for two versions.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString

import duckdb

from orchestration.database import connect_file, identifier
from orchestration.errors import UserError
from orchestration.mirror.column_types import copied_value, postgres_type
from orchestration.mirror.keys import Keys
from orchestration.mirror.server import connect, place
from orchestration.progress import Progress, silent
from orchestration.publication.versions import Version

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

DEFAULT_PREFIX = "c360"
RECORD = "mirrored_tables"
_ROWS_AT_ONCE = 50_000
_LOCK_TIMEOUT = "60s"
_PREFIX = re.compile(r"[a-z][a-z0-9_]{0,39}")

OnRows = Callable[[int], None]


@dataclass(frozen=True)
class Column:
    """A published column: its name, DuckDB type and comment."""

    name: str
    data_type: str
    comment: str | None


@dataclass(frozen=True)
class Table:
    """A published table or view with its columns in order, and its rows."""

    schema: str
    name: str
    comment: str | None
    columns: tuple[Column, ...]
    rows: int

    @property
    def full_name(self) -> str:
        """`schema.table` as in the published file."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Mirrored:
    """What a mirror did: rows by table (`marts.customer_360`), tables that were dropped, and where it all lies."""

    version: str
    place: str
    schemas: dict[str, str]
    rows: dict[str, int]
    dropped: list[str]

    @property
    def changed(self) -> bool:
        """Whether anything had to be done."""
        return bool(self.rows or self.dropped)


def mirror(
    version: Version,
    url: str,
    *,
    keys: Mapping[str, Keys],
    prefix: str = DEFAULT_PREFIX,
    names: Sequence[str] = (),
    again: bool = False,
    progress: Progress = silent,
) -> Mirrored:
    """Copy the tables of a published version into a PostgreSQL server, all or none.

    Schema `marts` becomes `<prefix>_marts`, and so on; a view is copied as a table. `<prefix>_marts.mirrored_tables`
    says which version each table is of.

    Args:
        version: What to copy.
        url: The server, see `server.connect`.
        keys: Keys by table; they become primary keys and indices.
        prefix: Begins the names of the schemas.
        names: `schema.table`, or a table of schema marts, to copy only these; none copies all and drops the mirrored
            tables that are published no more.
        again: Copy also what the server says it has.
        progress: Hears of each table as its rows are copied.

    Raises:
        UserError: an unknown table, a table of that name that somebody else made, or whatever the server refuses. The
            server then holds what it held before.
    """
    _refuse_unfit_prefix(prefix)
    with connect_file(version.file) as published:
        wanted = _chosen(_published_tables(published), names)
        with connect(url) as server:
            schemas = {
                schema: f"{prefix}_{schema}" for schema in ("marts", *sorted({t.schema for t in wanted} - {"marts"}))
            }
            _begin(server, prefix)
            record = (schemas["marts"], RECORD)
            _prepare_schemas(server, schemas.values(), record)
            held = _held(server, record)
            stale = [table for table in wanted if again or held.get((schemas[table.schema], table.name)) != version.id]
            _refuse_what_others_made(server, [(schemas[t.schema], t.name) for t in stale], held)
            rows: dict[str, int] = {}
            whole = max(sum(table.rows for table in stale), 1)
            for table in stale:
                target = (schemas[table.schema], table.name)
                on_rows = _told(progress, table, sum(rows.values()), whole)
                rows[table.full_name] = _replace(published, server, table, target, on_rows)
                _ensure_keys(server, table, target, keys.get(table.full_name, Keys()))
                _comment(server, table, target)
                _note(server, record, target, version, rows[table.full_name])
            kept = {(schemas[t.schema], t.name) for t in wanted}
            dropped = [] if names else [target for target in sorted(held) if target not in kept]
            for target in dropped:
                _drop(server, record, target)
            return Mirrored(version.id, place(server), schemas, rows, [".".join(target) for target in dropped])


def _refuse_unfit_prefix(prefix: str) -> None:
    if not _PREFIX.fullmatch(prefix) or prefix.startswith("pg_"):
        raise UserError(
            f"--schema {prefix!r} cannot begin the names of schemas: use up to 40 small letters, digits and _, a "
            "letter first and not pg_, so that nobody has to quote them."
        )


def _published_tables(published: duckdb.DuckDBPyConnection) -> list[Table]:
    """Tables and views of the file, in the order in which they are copied."""
    described = published.execute(
        "select schema_name, table_name, comment from duckdb_tables() where not internal union all "
        "select schema_name, view_name, comment from duckdb_views() where not internal order by all"
    ).fetchall()
    columns: dict[tuple[str, str], list[Column]] = {}
    for schema, table, *column in published.execute(
        "select schema_name, table_name, column_name, data_type, comment from duckdb_columns() where not internal "
        "order by schema_name, table_name, column_index"
    ).fetchall():
        columns.setdefault((schema, table), []).append(Column(*column))
    return [
        Table(schema, table, comment, tuple(columns[schema, table]), _rows(published, schema, table))
        for schema, table, comment in described
    ]


def _rows(published: duckdb.DuckDBPyConnection, schema: str, table: str) -> int:
    counted = published.execute(f"select count(*) from {identifier(schema)}.{identifier(table)}").fetchone()
    return int(counted[0]) if counted else 0


def _chosen(tables: list[Table], names: Sequence[str]) -> list[Table]:
    known = {table.full_name: table for table in tables}
    wanted = [name if "." in name else f"marts.{name}" for name in names]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise UserError(f"The published version has no table {', '.join(unknown)}. It has: {', '.join(known)}.")
    return [known[name] for name in dict.fromkeys(wanted)] if names else tables


def _begin(server: psycopg.Connection, prefix: str) -> None:
    """Bound the wait for locks, and let one mirror in at a time."""
    server.execute(_statement("set local lock_timeout = {}", _value(_LOCK_TIMEOUT)))
    # A session that sits at its desk in another zone or style would read dates and floats otherwise.
    server.execute("set local datestyle = 'ISO, YMD'")
    server.execute("set local intervalstyle = 'postgres'")
    locked = server.execute("select pg_try_advisory_xact_lock(hashtext(%s))", [f"c360 mirror {prefix}"]).fetchone()
    if not locked or not locked[0]:
        raise UserError(
            f"Another c360 mirror is writing the schemas {prefix}_… in {place(server)}. Wait for it to end; "
            "what it copies is there then."
        )


def _prepare_schemas(server: psycopg.Connection, schemas: Iterable[str], record: tuple[str, str]) -> None:
    for schema in schemas:
        # `create schema if not exists` asks for the right to make one even where it is there.
        if not server.execute("select 1 from pg_namespace where nspname = %s", [schema]).fetchone():
            server.execute(_statement("create schema {}", _name(schema)))
    if not _exists(server, record):
        server.execute(
            _statement(
                "create table {} (table_schema text not null, table_name text not null, version text not null, "
                "as_of date not null, row_count bigint not null, mirrored_at timestamptz not null default now(), "
                "primary key (table_schema, table_name))",
                _name(*record),
            )
        )
        said = "Which published version each mirrored table holds, written by c360 mirror. One row per table."
        server.execute(_statement("comment on table {} is {}", _name(*record), _value(said)))


def _held(server: psycopg.Connection, record: tuple[str, str]) -> dict[tuple[str, str], str]:
    """Version by mirrored table; one that somebody dropped is not held."""
    listed = server.execute(_statement("select table_schema, table_name, version from {}", _name(*record))).fetchall()
    return {(schema, table): version for schema, table, version in listed if _exists(server, (schema, table))}


def _exists(server: psycopg.Connection, target: tuple[str, str]) -> bool:
    return bool(
        server.execute(
            "select 1 from pg_class join pg_namespace on pg_namespace.oid = relnamespace "
            "where nspname = %s and relname = %s",
            target,
        ).fetchone()
    )


def _refuse_what_others_made(
    server: psycopg.Connection, targets: Sequence[tuple[str, str]], held: Mapping[tuple[str, str], str]
) -> None:
    foreign = [".".join(target) for target in targets if target not in held and _exists(server, target)]
    if foreign:
        raise UserError(
            f"In {place(server)} stands {', '.join(foreign)}, which c360 mirror did not make. Rename it, or choose "
            "other schemas with --schema. Nothing was changed on the server."
        )


def _told(progress: Progress, table: Table, behind: int, whole: int) -> OnRows:
    """Rows copied of one table, as a share of those of all."""
    return lambda copied: progress(table.full_name, (behind + copied) / whole)


def _replace(
    published: duckdb.DuckDBPyConnection,
    server: psycopg.Connection,
    table: Table,
    target: tuple[str, str],
    on_rows: OnRows,
) -> int:
    """Give a table its columns and the rows of the version; returns their number."""
    types = {column.name: postgres_type(column.data_type) for column in table.columns}
    if _exists(server, target):
        server.execute(_statement("delete from {}", _name(*target)))
        _alter(server, target, types)
    else:
        listed = _joined(_statement("{} {}", _name(name), _type(kind)) for name, kind in types.items())
        server.execute(_statement("create table {} ({})", _name(*target), listed))
    copied = _copy(published, server, table, target, on_rows)
    if copied != table.rows:
        raise RuntimeError(f"{copied} of {table.rows} rows of {table.full_name} reached the server.")
    return copied


def _alter(server: psycopg.Connection, target: tuple[str, str], types: Mapping[str, str]) -> None:
    """Bring the columns of an emptied table to what the version has, in place: grants and order stay."""
    present: dict[str, str] = dict(
        server.execute(
            "select attname, format_type(atttypid, atttypmod) from pg_attribute "
            "where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped",
            [_name(*target).as_string(server)],
        ).fetchall()
    )
    spelled: dict[str, str] = {
        kind: _first(server.execute(_statement("select format_type(to_regtype({}), null)", _value(kind))))
        for kind in set(types.values())
        if "(" not in kind
    }
    changes = [_statement("drop column {}", _name(name)) for name in present if name not in types]
    for name, kind in types.items():
        if name not in present:
            changes.append(_statement("add column {} {}", _name(name), _type(kind)))
        elif present[name] != spelled.get(kind, kind):
            changes.append(_statement("alter column {} type {} using null::{}", _name(name), _type(kind), _type(kind)))
    if changes:
        server.execute(_statement("alter table {} {}", _name(*target), _joined(changes)))


def _copy(
    published: duckdb.DuckDBPyConnection,
    server: psycopg.Connection,
    table: Table,
    target: tuple[str, str],
    on_rows: OnRows,
) -> int:
    from pyarrow import csv

    written = ", ".join(f"{copied_value(c.name, c.data_type)} as {identifier(c.name)}" for c in table.columns)
    rows = published.execute(f"select {written} from {identifier(table.schema)}.{identifier(table.name)}")
    options = csv.WriteOptions(include_header=False, quoting_style="all_valid")
    columns = _joined(_name(column.name) for column in table.columns)
    copied = 0
    with server.cursor() as cursor:
        with cursor.copy(_statement("copy {} ({}) from stdin (format csv)", _name(*target), columns)) as stream:
            for batch in rows.to_arrow_reader(_ROWS_AT_ONCE):
                text = io.BytesIO()
                csv.write_csv(batch, text, options)
                stream.write(text.getbuffer())
                copied += batch.num_rows
                on_rows(copied)
        return cursor.rowcount


def _ensure_keys(server: psycopg.Connection, table: Table, target: tuple[str, str], keys: Keys) -> None:
    """Make primary key and indices where they are not as wanted; they are left alone where they are."""
    schema, name = target
    pkey, unique, lookup = f"{name}_pkey", f"{name}_key", f"{name}_{'_'.join(keys.index(_column_names(table)))}_idx"
    present = {
        index: tuple(columns)
        for index, columns in server.execute(
            "select i.relname, array_agg(a.attname::text order by array_position(x.indkey::int2[], a.attnum)) "
            "from pg_index as x join pg_class as i on i.oid = x.indexrelid "
            "join pg_attribute as a on a.attrelid = x.indrelid and a.attnum = any (x.indkey::int2[]) "
            "where x.indrelid = to_regclass(%s) group by i.relname",
            [_name(*target).as_string(server)],
        ).fetchall()
    }
    if present.get(pkey, ()) != keys.primary:
        if pkey in present:
            server.execute(_statement("alter table {} drop constraint {}", _name(*target), _name(pkey)))
        if keys.primary:
            listed = _joined(map(_name, keys.primary))
            server.execute(
                _statement("alter table {} add constraint {} primary key ({})", _name(*target), _name(pkey), listed)
            )
    for index, kind, columns in (
        (unique, "create unique index {} on {} ({})", keys.unique),
        (lookup, "create index {} on {} ({})", keys.index(_column_names(table))),
    ):
        if present.get(index, ()) == columns:
            continue
        if index in present:
            server.execute(_statement("drop index {}", _name(schema, index)))
        if columns:
            server.execute(_statement(kind, _name(index), _name(*target), _joined(map(_name, columns))))


def _column_names(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def _comment(server: psycopg.Connection, table: Table, target: tuple[str, str]) -> None:
    said = [_statement("comment on table {} is {}", _name(*target), _value(table.comment))]
    said += [
        _statement("comment on column {} is {}", _name(*target, column.name), _value(column.comment))
        for column in table.columns
    ]
    server.execute(_statement("{}", _joined(said, "; ")))


def _note(
    server: psycopg.Connection, record: tuple[str, str], target: tuple[str, str], version: Version, rows: int
) -> None:
    server.execute(
        _statement(
            "insert into {} as noted (table_schema, table_name, version, as_of, row_count) values (%s, %s, %s, %s, %s) "
            "on conflict (table_schema, table_name) do update set version = excluded.version, as_of = excluded.as_of, "
            "row_count = excluded.row_count, mirrored_at = now()",
            _name(*record),
        ),
        [*target, version.id, version.manifest.as_of, rows],
    )


def _drop(server: psycopg.Connection, record: tuple[str, str], target: tuple[str, str]) -> None:
    """Take away a table that is published no more; one that a view of somebody else reads is not dropped but told."""
    server.execute(_statement("drop table {}", _name(*target)))
    server.execute(
        _statement("delete from {} where table_schema = %s and table_name = %s", _name(*record)), list(target)
    )


def _first(cursor: psycopg.Cursor[Any]) -> Any:
    row = cursor.fetchone()
    return row[0] if row else None


def _statement(text: LiteralString, *parts: sql.Composable) -> sql.Composed:
    from psycopg import sql

    return sql.SQL(text).format(*parts)


def _joined(parts: Iterable[sql.Composable], between: LiteralString = ", ") -> sql.Composed:
    from psycopg import sql

    return sql.SQL(between).join(parts)


def _name(*parts: str) -> sql.Identifier:
    from psycopg import sql

    return sql.Identifier(*parts)


def _value(value: str | None) -> sql.Literal:
    from psycopg import sql

    return sql.Literal(value)


def _type(name: str) -> sql.SQL:
    """A type as `postgres_type` spells it: one of its own words and numbers, never text of a user."""
    from psycopg import sql

    return sql.SQL(name)
