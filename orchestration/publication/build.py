"""The content of a published version: which tables and views go out, in which order of rows, with which comments.

What belongs here: copying tables from the working database into a fresh file, and making its views over them.
What does not: checking the file, and switching readers to it.

Tables are created by select, never by copying a database: the file is compact, and what is not named here cannot slip
into it. The golden records, person records and all of `clean` hold unmasked personal data and are not named. A view of
schema marts stays a view: it is made in the file itself, where nothing but published tables is there to be read. One
that shows a table of `intermediate` goes out as a table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import yaml

from data_quality.personal_data import is_identifier, redacted_sql
from orchestration.database import identifier, literal
from orchestration.errors import UserError

STORAGE_VERSION = "v1.0.0"  # what DuckDB clients from 1.1 on can read
_CATALOG = "published"

# Rows are stored in this order where the columns exist: DuckDB keeps the least and greatest value of each block, so
# a reader that asks for one customer, day or KPI reads a few blocks instead of the table.
# What a reader looks up by customer stands by customer first: an id is the longest text of a row and the dearest to
# compare, while a source or an audience is one of a few words. The crosswalk is looked up by record.
_ORDER = ("dataset", "delivery_date", "kpi", "customer_id", "source", "audience", "as_of", "month_end")
_ORDER_BY_RECORD = ("source", "record_key", "customer_id")


@dataclass(frozen=True)
class PublishedTable:
    """One table to publish; `without` are columns that stay behind, `description` serves where it has no comment.

    `view_sql` is the `create view` statement of what goes out as a view.
    """

    schema: str
    table: str
    description: str = ""
    required: bool = True
    without: tuple[str, ...] = ()
    view_sql: str | None = None

    @property
    def name(self) -> str:
        """`schema.table`."""
        return f"{self.schema}.{self.table}"


# The warehouse's public interface beside the marts, which go out whole.
_ALWAYS = (
    PublishedTable(
        "identity", "customer_xref", "Which customer a record of a source belongs to. One row per source record."
    ),
    PublishedTable("identity", "links", "Pairs of records found to be one person, and by what. One row per pair."),
    PublishedTable("identity", "id_history", "What became of earlier customer ids. One row per merge or split."),
    PublishedTable(
        "identity", "id_redirects", "The customer an earlier id stands for now. One row per old id.", required=False
    ),
    PublishedTable(
        "identity", "households", "Who shares a home with whom. One row per customer of a household.", required=False
    ),
    PublishedTable("identity", "review_queue", "Pairs too close to call, for a person to decide. One row per pair."),
    PublishedTable(
        "quality",
        "deliveries",
        "Rows and amounts received, loaded, superseded, repeated and quarantined. "
        "One row per source, dataset and delivery date.",
    ),
    PublishedTable(
        "quality", "delivery_files", "What became of each delivered file. One row per file.", required=False
    ),
    PublishedTable(
        "quality",
        "scorecard",
        "Completeness, validity, timeliness, uniqueness and consistency beside target and past. "
        "One row per day, source, dataset, field and dimension.",
        required=False,
    ),
    PublishedTable("quality", "drift", "Changes in what a source delivers. One row per finding.", required=False),
    PublishedTable(
        "quality",
        "quarantine",
        "Rows and files that broke their contract, with the reasons; their content is not published. "
        "One row per bad row or file.",
        without=("row_content", "file_sha256"),
    ),
    PublishedTable(
        "quality",
        "doubtful_values",
        "Values that are loaded and that a person should look at, or did; the values themselves are not published. "
        "One row per doubtful value.",
        required=False,
        without=("value",),
    ),
    PublishedTable("quality", "check_results", "What the gates found. One row per check and run."),
    PublishedTable(
        "quality",
        "conservation",
        "Rows and amounts on both sides of each hop from file to customer. "
        "One row per hop, dataset, delivery and measure.",
        required=False,
    ),
)


def tables_to_publish(connection: duckdb.DuckDBPyConnection) -> list[PublishedTable]:
    """Every mart, and the crosswalk, quality and check tables that BI may see.

    Raises:
        UserError: a table of the public interface is not in the working database, or there is no mart.
    """
    present = {
        (schema, table)
        for schema, table in connection.execute(
            "select table_schema, table_name from information_schema.tables where table_catalog = current_database()"
        ).fetchall()
    }
    views: dict[str, str] = {
        view: sql
        for view, sql in connection.execute(
            "select view_name, sql from duckdb_views() "
            "where database_name = current_database() and schema_name = 'marts'"
        ).fetchall()
        if not _picks_from_intermediate(connection, sql)
    }
    marts = [
        PublishedTable("marts", table, view_sql=views.get(table))
        for schema, table in sorted(present)
        if schema == "marts"
    ]
    if not marts:
        raise UserError("There is nothing to publish: schema marts is empty. Run c360 refresh, which builds it.")
    missing = [t.name for t in _ALWAYS if t.required and (t.schema, t.table) not in present]
    if missing:
        raise UserError(
            f"These tables are to be published and are not in the warehouse: {', '.join(missing)}. "
            "Run c360 refresh, which builds them."
        )
    return [*marts, *(t for t in _ALWAYS if (t.schema, t.table) in present)]


def _picks_from_intermediate(connection: duckdb.DuckDBPyConnection, view_sql: str) -> bool:
    """Whether a view shows rows of `intermediate`, which no reader has: it saves the working database a second copy."""
    query = view_sql.partition(" AS ")[2]
    return any(name.startswith("intermediate.") for name in connection.get_table_names(query, qualified=True))


def build_file(connection: duckdb.DuckDBPyConnection, path: Path, tables: Sequence[PublishedTable]) -> dict[str, int]:
    """Write the tables of the working database into a new DuckDB file, and the views over them.

    Args:
        connection: The working database; reading is enough.
        path: The file to make; it must not exist.
        tables: What to copy.

    Returns:
        Rows by table, counted in the working database; a view has none of its own.

    Raises:
        UserError: a view reads something that is not published.
    """
    rows: dict[str, int] = {}
    attach = f"attach {literal(str(path))} as {_CATALOG} (read_write, storage_version '{STORAGE_VERSION}')"
    connection.execute(attach)
    try:
        for schema in sorted({t.schema for t in tables}):
            connection.execute(f"create schema {_CATALOG}.{identifier(schema)}")
        for table in tables:
            if table.view_sql is None:
                rows[table.name] = _copy(connection, table)
    finally:
        connection.execute(f"detach {_CATALOG}")
    views = {table: _comments(connection, table) for table in tables if table.view_sql is not None}
    if views:
        # In a database of their own, as a reader has it: a view of anything else cannot be made.
        with duckdb.connect() as built:
            built.execute(attach)
            built.execute(f"use {_CATALOG}")
            for view, comments in views.items():
                _create_view(built, view, comments)
    return rows


@cache
def column_comments() -> Mapping[str, Mapping[str, str]]:
    """Comments of the columns of identity and quality tables, by `schema.table` and column."""
    described = Path(__file__).with_name("published_columns.yml").read_text(encoding="utf-8")
    comments: Mapping[str, Mapping[str, str]] = yaml.load(described, Loader=yaml.CSafeLoader)
    return comments


def described_tables() -> dict[str, str]:
    """Descriptions of the published tables beside the marts, by `schema.table`."""
    return {table.name: table.description for table in _ALWAYS}


def _published(table: PublishedTable, name: str, data_type: str) -> str:
    """SQL of a column as it goes out: names of files and headers are free text, and people write numbers into them."""
    column = identifier(name)
    if table.schema == "quality" and data_type == "VARCHAR" and not is_identifier(name):
        return f"{redacted_sql(column)} as {column}"
    return column


@dataclass(frozen=True)
class _Comments:
    """What is said of a table and of each of its columns; one of which nothing is said is not named."""

    table: str
    columns: dict[str, str]


def _comments(connection: duckdb.DuckDBPyConnection, table: PublishedTable) -> _Comments:
    """What the working database says of a table or view, else what is written beside the code."""
    named = {"schema": table.schema, "table": table.table}
    described = connection.execute(
        "select comment from duckdb_tables() where database_name = current_database() and schema_name = $schema "
        "and table_name = $table union all select comment from duckdb_views() "
        "where database_name = current_database() and schema_name = $schema and view_name = $table",
        named,
    ).fetchone()
    written = column_comments().get(table.name, {})
    columns = connection.execute(
        "select column_name, comment from duckdb_columns() "
        "where database_name = current_database() and schema_name = $schema and table_name = $table",
        named,
    ).fetchall()
    said = {name: comment or written.get(name) for name, comment in columns}
    return _Comments(
        table=described[0] if described and described[0] else table.description,
        columns={name: comment for name, comment in said.items() if comment},
    )


def _comment_columns(connection: duckdb.DuckDBPyConnection, target: str, comments: Mapping[str, str]) -> None:
    for name, said in comments.items():
        connection.execute(f"comment on column {target}.{identifier(name)} is {literal(said)}")


def _create_view(built: duckdb.DuckDBPyConnection, view: PublishedTable, comments: _Comments) -> None:
    """Make a view in the file; clients find its tables by schema and name, so the file may bear any name."""
    target = f"{identifier(view.schema)}.{identifier(view.table)}"
    try:
        built.execute(str(view.view_sql))
    except (duckdb.BinderException, duckdb.CatalogException) as error:
        raise UserError(
            f"The view {view.name} cannot be published: {str(error).splitlines()[0]}. A published view may read "
            "tables of schema marts only; let it, or make the model a table."
        ) from error
    if comments.table:
        built.execute(f"comment on view {target} is {literal(comments.table)}")
    _comment_columns(built, target, comments.columns)


def order_of_rows(columns: Sequence[Sequence[str]]) -> str:
    """The `order by` of a published table, by its columns (name, type, …); empty where no order helps a reader."""
    names = [column[0] for column in columns]
    order = [name for name in (_ORDER_BY_RECORD if "record_key" in names else _ORDER) if name in names]
    order += [column[0] for column in columns if column[1] == "TIMESTAMP"][:1]
    return f"order by {', '.join(f'{identifier(name)} nulls last' for name in order)}" if order else ""


def _copy(connection: duckdb.DuckDBPyConnection, table: PublishedTable) -> int:
    """Copy one table with its comments; returns its rows."""
    source = f"{identifier(table.schema)}.{identifier(table.table)}"
    target = f"{_CATALOG}.{source}"
    columns = connection.execute(
        "select column_name, data_type from duckdb_columns() "
        "where database_name = current_database() and schema_name = ? and table_name = ? order by column_index",
        [table.schema, table.table],
    ).fetchall()
    kept = [(name, data_type) for name, data_type in columns if name not in table.without]
    names = [name for name, _ in kept]
    selected = ", ".join(_published(table, name, data_type) for name, data_type in kept)
    connection.execute(f"create table {target} as select {selected} from {source} {order_of_rows(kept)}")
    comments = _comments(connection, table)
    if comments.table:
        connection.execute(f"comment on table {target} is {literal(comments.table)}")
    _comment_columns(connection, target, {name: said for name, said in comments.columns.items() if name in names})
    counted = connection.execute(f"select count(*) from {source}").fetchone()
    return int(counted[0]) if counted else 0
