"""What came into a table and what left it since the version before, row by row, and a copy brought up to date.

What belongs here: comparing the rows that are to go out with those of an earlier file, by their content alone, and
putting the difference into it. What does not: which tables there are, and whether to carry a file on (`build.py`).

A row is known by a 64-bit hash of all its values. Nobody says which rows a run touched: they are compared, so a table
that was rebuilt, a late row and a restored backup are all seen. Rows that are there several times count as often.

    few rows differ                   they are taken out and put in at the end, in order among themselves
    many rows, but in a few numbers   what changes in everybody's figures from day to day (a forecast, days since …) is
                                      written over where it stands; DuckDB rewrites these columns alone
    else                              the table is to be written anew

What the version before says of a table (`Before`) saves looking at it: where the rows that are to go out have the
checksum of those that are there, these are not read. Where most of it was written the last time, its first rows tell
whether it will be again, before all are compared. Neither decides what the table holds in the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from orchestration.database import identifier, transaction

# More rows than this share of a table are not moved to its end in one night.
_FEW = 0.05
# A reader of one customer goes through all rows at the end of a table, so the table is written anew when there are
# more: as many as this share of it, or two blocks of DuckDB, which are read in a millisecond.
MOST_OUT_OF_ORDER = 0.05
_TWO_BLOCKS = 2 * 122_880
# Smaller tables are always written anew: it takes no longer, and all their rows stay in order.
_SMALL = 20_000
# A column is written over where it differs in this share of the first rows.
_OFTEN = 0.02
_FIRST_ROWS = 2_000
# Types of which DuckDB hashes alike only what is the same, as it does of decimals; floats have two zeros.
_PLAIN = ("VARCHAR", "BOOLEAN", "INTEGER", "BIGINT", "DATE", "TIMESTAMP")
_FLOATING = ("DOUBLE", "FLOAT")

Column = tuple[str, str]  # name, type


@dataclass(frozen=True)
class WantedRows:
    """The rows a table shall have (`select`) and the table in a file that nobody else reads, with the same columns.

    `order` is the `order by` of the rows, or nothing.
    """

    select: str
    target: str
    columns: Sequence[Column]
    order: str


@dataclass(frozen=True)
class Before:
    """What is known of a table in the earlier file.

    `out_of_order` counts rows moved to the end since the table was last written in order, `checksum` is that of its
    rows, empty where it is not known, and `mostly_written` says that more than a few of its rows were written last.
    """

    out_of_order: int = 0
    checksum: str = ""
    mostly_written: bool = False


@dataclass(frozen=True)
class Difference:
    """Rows a table shall have, and how many of them were missing, not wanted any more, or written over in place.

    `out_of_order` counts rows moved to the end since the table was last written in order, these included, and
    `checksum` is that of the rows it shall have, empty where nobody counted it. Where `rewrites` is true nothing was
    done: the table is to be written anew.
    """

    rows: int
    added: int = 0
    removed: int = 0
    replaced: int = 0
    out_of_order: int = 0
    checksum: str = ""
    rewrites: bool = False


def bring_up_to_date(
    connection: duckdb.DuckDBPyConnection, wanted: WantedRows, rows: int, before: Before
) -> Difference:
    """Give a table the rows it shall have, unless so many differ that it is to be written anew.

    Args:
        connection: Where both can be read, and the table written.
        wanted: The rows and the table.
        rows: How many rows it shall have.
        before: What is known of the table.
    """
    sampled = before.mostly_written and rows >= _SMALL
    often = _often_different(connection, wanted) if sampled else []
    in_place = _written_over(often, wanted)
    if often and not in_place:
        return Difference(rows, rewrites=True)
    found = _bring_up_to_date(connection, wanted, in_place, before)
    if found.rewrites and not sampled and rows >= _SMALL:
        in_place = _written_over(_often_different(connection, wanted), wanted)
        if in_place:
            found = _bring_up_to_date(connection, wanted, in_place, before)
    for table in ("held_rows", "wanted_rows", "differing_rows", "fresh_rows"):
        connection.execute(f"drop table if exists temp.{table}")
    return found


def _bring_up_to_date(
    connection: duckdb.DuckDBPyConnection, wanted: WantedRows, in_place: Sequence[Column], before: Before
) -> Difference:
    """Move rows that differ elsewhere than in the columns `in_place` to the end; write those over in all others."""
    compared = _row_hash([column for column in wanted.columns if column not in in_place], in_place)
    # No column of a mart begins with an underscore.
    hashes = f"{compared} as _hash, {_row_hash(in_place) if in_place else 0} as _over"
    kept = ", ".join([hashes, *(identifier(name) for name, _ in in_place)])
    connection.execute(f"create or replace temp table wanted_rows as select {kept} from ({wanted.select})")
    rows, total = _counts(connection, "select count(*), coalesce(sum(_hash), 0) from wanted_rows")
    checksum = "" if in_place else f"{rows} rows, {total}"
    if checksum and checksum == before.checksum:
        return Difference(rows, out_of_order=before.out_of_order, checksum=checksum)
    connection.execute(f"create or replace temp table held_rows as select rowid as _row, {hashes} from {wanted.target}")
    _find_differing(connection)
    added, removed, distinct = _counts(
        connection,
        "select (select count(*) from wanted_rows semi join differing_rows using (_hash)), "
        "(select count(*) from held_rows semi join differing_rows using (_hash)), "
        f"{'(select count(*) = count(distinct _hash) from held_rows)' if in_place else 'true'}",
    )
    moved = max(added, removed)
    out_of_order = before.out_of_order + moved
    too_many = are_many(moved, rows) or out_of_order > max(MOST_OUT_OF_ORDER * rows, _TWO_BLOCKS)
    if not distinct or (moved and (rows < _SMALL or too_many)):
        return Difference(rows, added, removed, checksum=checksum, rewrites=True)
    replaced = 0
    with transaction(connection):
        if in_place:
            names = [identifier(name) for name, _ in in_place]
            # As a table of its own: joined within the update it took forty times as long.
            connection.execute(
                f"create or replace temp table fresh_rows as select _row, {', '.join(names)} "
                "from wanted_rows join held_rows on held_rows._hash = wanted_rows._hash "
                "and held_rows._over <> wanted_rows._over"
            )
            (replaced,) = _counts(
                connection,
                f"update {wanted.target} as held set {', '.join(f'{name} = fresh_rows.{name}' for name in names)} "
                "from fresh_rows where held.rowid = fresh_rows._row",
            )
        if moved:
            names = [identifier(name) for name, _ in wanted.columns]
            connection.execute(
                f"delete from {wanted.target} "
                "where rowid in (select _row from held_rows semi join differing_rows using (_hash))"
            )
            connection.execute(
                f"insert into {wanted.target} select {', '.join(names)} "
                f"from (select *, {compared} as _hash from ({wanted.select})) semi join differing_rows using (_hash) "
                f"{wanted.order}"
            )
    return Difference(rows, added, removed, replaced, out_of_order, checksum)


def are_many(written: int, rows: int) -> bool:
    """Whether these are more rows of a table than the few that are moved to its end in one night."""
    return written > _FEW * rows


def _find_differing(connection: duckdb.DuckDBPyConnection) -> None:
    """Write the hashes that wanted and held rows do not hold equally often into `differing_rows`."""
    connection.execute(
        "create or replace temp table differing_rows as "
        "select _hash from wanted_rows anti join held_rows using (_hash) "
        "union all select _hash from held_rows anti join wanted_rows using (_hash)"
    )
    # What both hold is found at half the cost of counting; rows that are there several times tell by their sum.
    of_the_rest = "select (count(*), coalesce(sum(_hash), 0)) from {} anti join differing_rows using (_hash)"
    (equal,) = _counts(
        connection, f"select ({of_the_rest.format('wanted_rows')}) = ({of_the_rest.format('held_rows')})"
    )
    if not equal:
        connection.execute(
            "create or replace temp table differing_rows as "
            "select _hash from (select _hash, 1 as occurrences from wanted_rows "
            "union all select _hash, -1 from held_rows) group by _hash having sum(occurrences) <> 0"
        )


def _often_different(connection: duckdb.DuckDBPyConnection, wanted: WantedRows) -> list[Column]:
    """Columns that differ in many of the first rows, from the rows that begin with the same value.

    This decides how much work there is, never what the table holds in the end.
    """
    first = identifier(wanted.columns[0][0])
    values = ", ".join(
        f"hash({position}, {first}, {_row_hash([column])})" for position, column in enumerate(wanted.columns)
    )
    found = connection.execute(
        f"with held as (select * from {wanted.target} limit {_FIRST_ROWS}), "
        f"wanted as (select * from ({wanted.select}) where {first} in (select {first} from held)), "
        f"held_values as (select unnest([{values}]) as h, unnest(range({len(wanted.columns)})) as position from held), "
        f"wanted_values as (select unnest([{values}]) as h from wanted) "
        "select position from held_values anti join wanted_values using (h) group by position "
        f"having count(*) > {_OFTEN} * (select count(*) from held) order by position"
    ).fetchall()
    return [wanted.columns[position] for (position,) in found]


def _written_over(often: Sequence[Column], wanted: WantedRows) -> Sequence[Column]:
    """The columns to be written over in place: those that often differ, or none where the table is to be written anew.

    None where one of them is a text or holds several values (writing such a column over costs as much as the table), or
    all of them are.
    """
    numbers = all(data_type != "VARCHAR" and _is_plain(data_type) for _, data_type in often)
    return often if numbers and len(often) < len(wanted.columns) else []


def _row_hash(columns: Sequence[Column], in_place: Sequence[Column] = ()) -> str:
    """SQL of a number that differs as soon as one value of a row does, and as a zero `in_place` gets another sign.

    DuckDB hashes alike what it takes for equal (0 and -0, which it does not write over each other either) and, of
    lists, none, an empty one and one that holds NULL.
    """
    values = [
        identifier(name) if _is_plain(data_type) else f"to_json({identifier(name)})::varchar"
        for name, data_type in columns
    ]
    zeros = [
        f"{identifier(name)} = 0 and signbit({identifier(name)})"
        for name, data_type in (*columns, *in_place)
        if data_type in _FLOATING
    ]
    return f"hash({', '.join([*values, *zeros])})"


def _is_plain(data_type: str) -> bool:
    return data_type in (*_PLAIN, *_FLOATING) or data_type.startswith("DECIMAL")


def _counts(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, ...]:
    return connection.execute(sql).fetchone() or ()
