"""What tells two databases apart finds every difference, names its columns, and tells no value."""

from pathlib import Path

import duckdb
import pytest

from tests.same_content import NotCompared, differences

ROWS = "(values (1, 'Ada', 1.5), (2, 'Bo', 2.5), (2, 'Bo', 2.5)) as rows(id, name, spent)"


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Two files with the same rows, written in another order."""
    for number, order in enumerate(("asc", "desc")):
        with duckdb.connect(str(tmp_path / f"{number}.duckdb")) as con:
            con.execute(f"create schema marts; create table marts.people as from {ROWS} order by id {order}")
            con.execute("create view marts.names as select name from marts.people")
    return tmp_path / "0.duckdb", tmp_path / "1.duckdb"


def change(file: Path, sql: str) -> None:
    with duckdb.connect(str(file)) as con:
        con.execute(sql)


def test_the_same_rows_in_another_order_are_the_same(two: tuple[Path, Path]) -> None:
    assert differences(*two, views=True) == []


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("update marts.people set spent = 9 where id = 1", ["1 rows are in the first only, 1", "spent (1)"]),
        ("delete from marts.people where id = 1", ["1 rows are in the first only, 0", "id (1), name (1), spent (1)"]),
        ("insert into marts.people values (2, 'Bo', 2.5)", ["0 rows are in the first only, 1"]),
        (
            (
                "update marts.people set spent = 4 - spent "
                "where id = 1 or rowid = (select min(rowid) from marts.people where id = 2)"
            ),
            ["none alone, values belong to other rows"],
        ),
        ("alter table marts.people add column age int", ["other columns: [('age', 'INTEGER')]"]),
        ("create table marts.more as select 1 as one", ["is in the second only"]),
        ("drop table marts.people cascade", ["is in the first only"]),
    ],
)
def test_what_differs_is_told_without_a_value(two: tuple[Path, Path], sql: str, told: list[str]) -> None:
    change(two[1], sql)
    (found,) = differences(*two, views=False)
    assert all(part in str(found) for part in told), found
    assert "Ada" not in str(found)


def test_a_view_is_compared_by_what_it_gives_in_its_own_file(two: tuple[Path, Path]) -> None:
    change(two[1], "create or replace view marts.names as select upper(name) as name from marts.people")
    assert [found.table for found in differences(*two, views=True)] == ["marts.names"]
    assert differences(*two, views=False) == []


def test_what_is_left_out_makes_no_difference(two: tuple[Path, Path]) -> None:
    change(two[1], "update marts.people set spent = 9 where id = 1; delete from marts.people where id = 2")
    left_out = {"marts.people": NotCompared(frozenset({"spent"}), "id = 2")}
    assert differences(*two, views=False, not_compared=left_out) == []
