"""The content of a published version: which tables and views go out, in which order of rows, with which comments.

What belongs here: copying tables from the working database into a new file, from nothing or from the file of an earlier
version, and making its views over them. What does not: which rows differ (`row_changes.py`), checking the file, and
switching readers to it.

Tables are created by select, never by copying a database: the file is compact, and what is not named here cannot slip
into it. The golden records, person records and all of `clean` hold unmasked personal data and are not named. A view of
schema marts stays a view: it is made in the file itself, where nothing but published tables is there to be read. One
that shows a table of `intermediate` goes out as a table.
"""

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import yaml

from data_quality.personal_data import Pattern, is_identifier, load_patterns, redacted_sql
from orchestration.database import identifier, literal, transaction
from orchestration.errors import UserError
from orchestration.files import checksum, sha256_of
from orchestration.publication import row_changes
from orchestration.publication.manifest import Making, Manifest

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
    defined: dict[str, str] = dict(
        connection.execute(
            "select view_name, sql from duckdb_views() "
            "where database_name = current_database() and schema_name = 'marts'"
        ).fetchall()
    )
    views = {view: sql for view, sql in defined.items() if not _picks_from_intermediate(connection, sql)}
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
    # Parsed and not bound: DuckDB would forget the columns of views that the query reads, until it is opened again.
    parsed = connection.execute("select json_serialize_sql($1::varchar)::varchar", [query]).fetchall()[0][0]
    return '"schema_name":"intermediate"' in parsed


@dataclass(frozen=True)
class Built:
    """A file as built: rows by table as counted in the working database (a view has none of its own), and how."""

    rows: dict[str, int]
    making: Making


def build_file(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    tables: Sequence[PublishedTable],
    *,
    earlier: tuple[Path, Manifest] | None = None,
    most_carried: int = 0,
) -> Built:
    """Write the tables of the working database into a new DuckDB file, and the views over them.

    Where an earlier file was made by the same statements, the new one begins as a copy of it and only rows that differ
    are written. Both ways the tables hold the same rows, columns, types and comments; the rows of a table that was
    carried on lie in order but for the last `row_changes.MOST_OUT_OF_ORDER` of them, which stand at its end.

    Args:
        connection: The working database; reading is enough.
        path: The file to make; it must not exist.
        tables: What to copy.
        earlier: A version's file and manifest to carry on, if it is what it was and was made by the same statements.
        most_carried: After so many versions on one file the next is written whole, so that nothing of a row that left
            stays in the file for ever.

    Raises:
        UserError: a view reads something that is not published.
    """
    outlines = _outlines(connection, tables)
    recipe = _recipe(outlines)
    if earlier is not None:
        file, manifest = earlier
        making = manifest.making
        if making and making.recipe == recipe and making.carried < most_carried and _copied(file, manifest, path):
            return _carry_on(connection, path, outlines, making)
    return _write_whole(connection, path, outlines, recipe)


@cache
def column_comments() -> Mapping[str, Mapping[str, str]]:
    """Comments of the columns of identity and quality tables, by `schema.table` and column."""
    described = Path(__file__).with_name("published_columns.yml").read_text(encoding="utf-8")
    comments: Mapping[str, Mapping[str, str]] = yaml.load(described, Loader=yaml.CSafeLoader)
    return comments


def described_tables() -> dict[str, str]:
    """Descriptions of the published tables beside the marts, by `schema.table`."""
    return {table.name: table.description for table in _ALWAYS}


@dataclass(frozen=True)
class _Outline:
    """Everything of a published table or view but its rows.

    `columns` are name, type as published, and the SQL that selects it; `comments` are by column, where there is one.
    """

    table: PublishedTable
    columns: tuple[tuple[str, str, str], ...]
    comment: str
    comments: tuple[tuple[str, str], ...]

    @property
    def source(self) -> str:
        return f"{identifier(self.table.schema)}.{identifier(self.table.table)}"

    @property
    def target(self) -> str:
        return f"{_CATALOG}.{self.source}"

    @property
    def wanted(self) -> row_changes.WantedRows:
        """The rows of the table, and where they go."""
        select = f"select {', '.join(sql for _, _, sql in self.columns)} from {self.source}"
        columns = [(name, data_type) for name, data_type, _ in self.columns]
        return row_changes.WantedRows(select, self.target, columns, order_of_rows(columns))


def _outlines(connection: duckdb.DuckDBPyConnection, tables: Sequence[PublishedTable]) -> list[_Outline]:
    """What the working database says of the tables, else what is written beside the code; the catalog is read once."""
    said: dict[str, str] = dict(
        connection.execute(
            "select concat(schema_name, '.', table_name), comment from duckdb_tables() "
            "where database_name = current_database() and comment is not null union all "
            "select concat(schema_name, '.', view_name), comment from duckdb_views() "
            "where database_name = current_database() and comment is not null"
        ).fetchall()
    )
    columns: dict[str, list[tuple[str, str, str | None]]] = {}
    for name, column, data_type, comment in connection.execute(
        "select concat(schema_name, '.', table_name), column_name, data_type, comment from duckdb_columns() "
        "where database_name = current_database() order by column_index"
    ).fetchall():
        columns.setdefault(name, []).append((column, data_type, comment))
    patterns = load_patterns()
    outlines: list[_Outline] = []
    for table in tables:
        kept = [c for c in columns[table.name] if c[0] not in table.without]
        written = column_comments().get(table.name, {})
        comments = ((name, comment or written.get(name)) for name, _, comment in kept)
        outlines.append(
            _Outline(
                table,
                columns=tuple((name, kind, _published(table, name, kind, patterns)) for name, kind, _ in kept),
                comment=said.get(table.name) or table.description,
                comments=tuple((name, comment) for name, comment in comments if comment),
            )
        )
    return outlines


def _recipe(outlines: Sequence[_Outline]) -> str:
    """Checksum of all that makes a file but the rows: what two files of one recipe hold differs by rows alone."""
    code = checksum((Path(__file__), Path(row_changes.__file__)), Path(__file__).parent)
    parts = (duckdb.__version__, STORAGE_VERSION, code, [(outline, outline.wanted) for outline in outlines])
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _copied(file: Path, manifest: Manifest, path: Path) -> bool:
    """Begin with a copy of a version's file; False, and no file, where it is not the one that was checked."""
    try:
        shutil.copyfile(file, path)
        if sha256_of(path) == manifest.sha256:
            return True
    except OSError:
        pass  # The disk may be full, or the old file damaged; writing anew says which.
    path.unlink(missing_ok=True)
    return False


def _write_whole(connection: duckdb.DuckDBPyConnection, path: Path, outlines: Sequence[_Outline], recipe: str) -> Built:
    stored = [outline for outline in outlines if outline.table.view_sql is None]
    with _attached(connection, path):
        for schema in sorted({outline.table.schema for outline in outlines}):
            connection.execute(f"create schema {_CATALOG}.{identifier(schema)}")
        for outline in stored:
            _create_table(connection, outline)
        rows = {outline.table.name: _count(connection, outline.source) for outline in stored}
    views = [outline for outline in outlines if outline.table.view_sql is not None]
    if views:
        # In a database of their own, as a reader has it: a view of anything else cannot be made.
        with duckdb.connect() as built:
            built.execute(_attach(path))
            built.execute(f"use {_CATALOG}")
            for view in views:
                _create_view(built, view)
    return Built(rows, Making(recipe=recipe, rows_written=rows))


def _carry_on(connection: duckdb.DuckDBPyConnection, path: Path, outlines: Sequence[_Outline], making: Making) -> Built:
    """Bring the copy of an earlier file of the same recipe up to date; its views are what they would be."""
    rows: dict[str, int] = {}
    written: dict[str, int] = {}
    out_of_order: dict[str, int] = {}
    checksums: dict[str, str] = {}
    rewritten: list[_Outline] = []
    with _attached(connection, path):
        for outline in outlines:
            name = outline.table.name
            if outline.table.view_sql is not None:
                continue
            rows[name] = _count(connection, outline.source)
            before = row_changes.Before(
                out_of_order=making.out_of_order.get(name, 0),
                checksum=making.checksums.get(name, ""),
                mostly_written=row_changes.are_many(making.rows_written.get(name, 0), rows[name]),
            )
            found = row_changes.bring_up_to_date(connection, outline.wanted, rows[name], before)
            if found.checksum:
                checksums[name] = found.checksum
            if found.rewrites:
                rewritten.append(outline)
                written[name] = found.rows
            else:
                written[name] = found.added + found.removed + found.replaced
                out_of_order[name] = found.out_of_order
        # All are dropped before the first is written, so that they take the place in the file that gets free.
        for outline in rewritten:
            connection.execute(f"drop table {outline.target}")
        connection.execute(f"checkpoint {_CATALOG}")
        for outline in rewritten:
            _create_table(connection, outline)
    return Built(
        rows,
        Making(
            recipe=making.recipe,
            rows_written={name: count for name, count in written.items() if count},
            carried=making.carried + 1,
            out_of_order={name: count for name, count in out_of_order.items() if count},
            checksums=checksums,
        ),
    )


@contextmanager
def _attached(connection: duckdb.DuckDBPyConnection, path: Path) -> Iterator[None]:
    connection.execute(_attach(path))
    try:
        yield
    finally:
        connection.execute(f"detach {_CATALOG}")


def _attach(path: Path) -> str:
    return f"attach {literal(str(path))} as {_CATALOG} (read_write, storage_version '{STORAGE_VERSION}')"


def _published(table: PublishedTable, name: str, data_type: str, patterns: Sequence[Pattern]) -> str:
    """SQL of a column as it goes out: names of files and headers are free text, and people write numbers into them."""
    column = identifier(name)
    if table.schema == "quality" and data_type == "VARCHAR" and not is_identifier(name):
        return f"{redacted_sql(column, patterns)} as {column}"
    return column


def order_of_rows(columns: Sequence[Sequence[str]]) -> str:
    """The `order by` of a published table, by its columns (name, type, …); empty where no order helps a reader."""
    names = [column[0] for column in columns]
    order = [name for name in (_ORDER_BY_RECORD if "record_key" in names else _ORDER) if name in names]
    order += [column[0] for column in columns if column[1] == "TIMESTAMP"][:1]
    return f"order by {', '.join(f'{identifier(name)} nulls last' for name in order)}" if order else ""


def _create_table(connection: duckdb.DuckDBPyConnection, outline: _Outline) -> None:
    """Write one table with its comments; in one transaction, since each comment alone would be a commit."""
    with transaction(connection):
        connection.execute(f"create table {outline.target} as {outline.wanted.select} {outline.wanted.order}")
        _comment(connection, "table", outline.target, outline)


def _create_view(built: duckdb.DuckDBPyConnection, outline: _Outline) -> None:
    """Make a view in the file; clients find its tables by schema and name, so the file may bear any name."""
    try:
        built.execute(str(outline.table.view_sql))
    except (duckdb.BinderException, duckdb.CatalogException) as error:
        raise UserError(
            f"The view {outline.table.name} cannot be published: {str(error).splitlines()[0]}. A published view may "
            "read tables of schema marts only; let it, or make the model a table."
        ) from error
    _comment(built, "view", outline.source, outline)


def _comment(connection: duckdb.DuckDBPyConnection, kind: str, target: str, outline: _Outline) -> None:
    if outline.comment:
        connection.execute(f"comment on {kind} {target} is {literal(outline.comment)}")
    for name, said in outline.comments:
        connection.execute(f"comment on column {target}.{identifier(name)} is {literal(said)}")


def _count(connection: duckdb.DuckDBPyConnection, source: str) -> int:
    counted = connection.execute(f"select count(*) from {source}").fetchone()
    return int(counted[0]) if counted else 0
