"""A version that began as a copy of the one before holds what one written whole would."""

import shutil
from pathlib import Path

import duckdb
import pytest

from orchestration import database
from orchestration.files import sha256_of
from orchestration.publication import publish as publishing
from orchestration.publication import row_changes
from orchestration.publication.build import Built, build_file, order_of_rows, tables_to_publish
from orchestration.publication.manifest import Manifest
from orchestration.publication.versions import current_version
from orchestration.settings import Settings
from tests.published_versions import manifest_of

# Facts of customers, figures of each customer, rows that are there several times.
LARGE = """
create table marts.fct_visits as
select 'v' || i as visit_id, 'c' || lpad((hash(i) % 500)::varchar, 4, '0') as customer_id,
       timestamp '2026-01-01' + interval (i) minute as visited_at, (i % 700)::decimal(18, 4) as spent
from range(3000) as t(i);
create table marts.figures as
select 'c' || lpad(i::varchar, 5, '0') as customer_id, 'name ' || i as display_name, i * 0.25::double as clv,
       i % 90 as days_since, date '2026-06-30' as as_of,
       case i % 4 when 0 then null when 1 then [] when 2 then [null] else ['a', 'b'] end::varchar[] as tags,
       case when i % 50 = 0 then 0.0 else i end::double as balance
from range(2500) as t(i);
create table marts.twice as select 'c' || (i % 600) as customer_id, 'x' as what from range(2400) as t(i);
create table marts.numbers as select i as h, 2 * i as over, 'x' || i as row_id from range(2400) as t(i);
comment on table marts.fct_visits is 'Visits.';
comment on column marts.fct_visits.spent is 'Yuan.';
create view marts.visitors as select distinct customer_id from marts.fct_visits;
"""

# An update would not write -0 over 0.
FIGURES = "create or replace table marts.figures as select * replace"


@pytest.fixture(autouse=True)
def _tables_of_some_thousand_rows_count_as_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_changes, "_SMALL", 2_000)


def build(
    settings: Settings, file: Path, *, after: tuple[Path, Manifest] | None = None, most_carried: int = 9
) -> Built:
    with database.connect(settings, read_only=True) as con:
        return build_file(con, file, tables_to_publish(con), earlier=after, most_carried=most_carried)


def catalog(file: Path) -> list[tuple]:
    """Every table, view and column with its type and comment, in order."""
    with duckdb.connect(str(file), read_only=True) as con:
        return con.execute(
            "select schema_name, table_name, comment, '' as name, '' as type, 0 as at from duckdb_tables() union all "
            "select schema_name, view_name, comment, sql, '', 0 from duckdb_views() where not internal union all "
            "select schema_name, table_name, comment, column_name, data_type, column_index from duckdb_columns() "
            "where not internal order by all"
        ).fetchall()


def contents(file: Path) -> dict[str, list[str]]:
    """The rows of every table as text, which tells -0 from 0, in an order of their own."""
    with duckdb.connect(str(file), read_only=True) as con:
        tables = con.execute("select schema_name || '.' || table_name from duckdb_tables() order by all").fetchall()
        return {
            name: [row for (row,) in con.execute(f"select t::varchar from {name} as t order by all").fetchall()]
            for (name,) in tables
        }


@pytest.fixture(scope="session")
def large_warehouse(sound_warehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """The sound warehouse with tables of some size, and beside its database the file of a first version."""
    folder = tmp_path_factory.mktemp("large") / "warehouse"
    shutil.copytree(sound_warehouse, folder)
    settings = Settings(_env_file=None, landing=folder, warehouse=folder)
    with database.connect(settings) as con:
        con.execute(LARGE)
    built = build(settings, folder / "first.duckdb")
    return folder, manifest_of("first", sha256=sha256_of(folder / "first.duckdb"), making=built.making)


@pytest.fixture
def settings(large_warehouse: tuple[Path, Manifest], tmp_path: Path) -> Settings:
    shutil.copytree(large_warehouse[0], tmp_path / "warehouse")
    return Settings(_env_file=None, landing=tmp_path / "landing", warehouse=tmp_path / "warehouse")


@pytest.fixture
def first(settings: Settings, large_warehouse: tuple[Path, Manifest]) -> tuple[Path, Manifest]:
    return settings.warehouse / "first.duckdb", large_warehouse[1]


@pytest.fixture
def both_ways(settings: Settings, first: tuple[Path, Manifest], tmp_path: Path):
    """Build a version after the first and one from nothing; they must hold the same, and the first what it held."""

    def call(most_carried: int = 9) -> Built:
        second, whole = tmp_path / "second.duckdb", tmp_path / "whole.duckdb"
        built = build(settings, second, after=first, most_carried=most_carried)
        from_nothing = build(settings, whole)
        assert catalog(second) == catalog(whole)
        assert contents(second) == contents(whole)
        assert (built.rows, built.making.recipe) == (from_nothing.rows, from_nothing.making.recipe)
        assert not list(tmp_path.glob("*.wal"))
        if first[0].exists():
            assert second.stat().st_size < 1.5 * first[0].stat().st_size
        return built

    return call


@pytest.mark.parametrize(
    ("sql", "written"),
    [
        ("select 1", {}),
        ("insert into marts.fct_visits values ('new', 'c1', null, 5), ('new', null, null, null)", {"fct_visits": 2}),
        ("delete from marts.fct_visits where visit_id in ('v0', 'v17', 'v2999')", {"fct_visits": 3}),
        ("update marts.fct_visits set spent = spent + 1 where visit_id in ('v0', 'v2999')", {"fct_visits": 4}),
        ("insert into marts.twice values ('c1', 'x')", {"twice": 9}),
        ("delete from marts.twice where rowid in (2, 602)", {"twice": 6}),
        ("delete from marts.fct_visits where visit_id <> 'v7'", {"fct_visits": 1}),
        ("create or replace table marts.twice as select * from marts.twice order by hash(customer_id)", {}),
        ("update marts.figures set tags = [] where customer_id = 'c00000'", {"figures": 2}),
        ("update marts.figures set tags = [null] where customer_id = 'c00001'", {"figures": 2}),
        ("update marts.figures set tags = null where customer_id = 'c00002'", {"figures": 2}),
        (f"{FIGURES} (if(customer_id = 'c00050', -balance, balance) as balance) from marts.figures", {"figures": 2}),
        (f"{FIGURES} (-clv as clv) from marts.figures", {"figures": 2_499 + 2}),
        ("update marts.figures set display_name = 'other ' || display_name", {"figures": 2_500}),
        ("update marts.figures set clv = -clv, balance = null", {"figures": 2_500}),
        ("update marts.figures set clv = -clv, customer_id = 'c1', display_name = 'x'", {"figures": 2_500}),
        ("update marts.numbers set h = -h - 1, over = -over - 1", {"numbers": 2_400}),
        ("update marts.numbers set row_id = 'y' where h = 7", {"numbers": 2}),
        ("update marts.numbers set over = -over - 1, row_id = ''", {"numbers": 2_400}),
        ("update marts.fct_sales set amount = amount + 1", {"fct_sales": 2}),
    ],
)
def test_rows_that_came_changed_or_went_are_those_of_a_file_written_whole(both_ways, change, sql, written):
    change(sql)
    making = both_ways().making
    assert making.rows_written == {f"marts.{name}": rows for name, rows in written.items()}
    assert making.carried == 1


def test_numbers_that_change_for_everybody_are_written_over_where_they_stand(both_ways, change, tmp_path):
    change(
        """
        update marts.figures set as_of = as_of + 1, days_since = days_since + 1, clv = clv * 1.01;
        update marts.figures set display_name = 'renamed', days_since = 0 where customer_id >= 'c02400';
        delete from marts.figures where customer_id = 'c02499';
        insert into marts.figures values ('new', 'new', 1, 1, '2026-07-01', ['a'], 1);
        """
    )
    making = both_ways().making
    assert making.rows_written == {"marts.figures": 100 + 100 + 2_400}
    assert making.out_of_order == {"marts.figures": 100}
    with duckdb.connect(str(tmp_path / "second.duckdb"), read_only=True) as con:
        ids = [customer for (customer,) in con.execute("select customer_id from marts.figures").fetchall()]
    assert ids == [f"c{i:05}" for i in range(2_499)] + ["new"]


def test_what_is_known_of_the_file_before_saves_work_and_changes_no_row(settings, first, change, tmp_path, monkeypatch):
    nights = {
        "quiet": "select 1",
        "all renamed": "update marts.figures set display_name = 'other ' || display_name",
        "renamed again": "update marts.figures set display_name = 'yet an' || display_name; delete from marts.twice "
        "where rowid < 30",
        "other numbers": "update marts.figures set clv = -clv; update marts.fct_visits set spent = 9 where spent < 5",
        "one row": "update marts.figures set clv = 7 where customer_id = 'c00007'",
        "quiet again": "select 1",
    }
    file, manifest = first
    written, known = {}, {}
    for night, sql in nights.items():
        change(sql)
        if night == "quiet again":

            def never(*_: object) -> None:
                raise AssertionError("compared, though its rows have the checksum of those that are there")

            monkeypatch.setattr(row_changes, "_find_differing", never)
        built = build(settings, tmp_path / f"{night}.duckdb", after=(file, manifest))
        build(settings, tmp_path / "whole.duckdb")
        file = tmp_path / f"{night}.duckdb"
        assert contents(file) == contents(tmp_path / "whole.duckdb"), night
        (tmp_path / "whole.duckdb").unlink()
        manifest = manifest_of(night, sha256=sha256_of(file), making=built.making)
        written[night] = built.making.rows_written
        known[night] = "marts.figures" in built.making.checksums
    assert written["quiet"] == written["quiet again"] == {}
    assert written["renamed again"]["marts.figures"] == 2_500
    assert written["one row"] == {"marts.figures": 2}
    assert known == {
        "quiet": True,
        "all renamed": True,
        "renamed again": False,  # Its first rows told that it would be written anew.
        "other numbers": False,
        "one row": True,
        "quiet again": True,
    }


@pytest.mark.parametrize(
    "sql",
    [
        "alter table marts.fct_visits add column shop varchar",
        "alter table marts.fct_visits drop column spent",
        "alter table marts.fct_visits rename column spent to cost",
        "drop view marts.visitors; alter table marts.fct_visits alter spent type double",
        "comment on column marts.fct_visits.spent is 'Fen.'",
        "create table marts.one_more as select 1 as n",
        "drop view marts.visitors",
        "create or replace view marts.visitors as select customer_id from marts.fct_visits",
    ],
)
def test_other_tables_columns_or_comments_make_a_file_written_whole(both_ways, change, sql, first):
    change(sql)
    making = both_ways().making
    assert making.carried == 0
    assert making.recipe != first[1].making.recipe


@pytest.mark.parametrize("damage", ["changed", "gone", "carried on too long"])
def test_an_earlier_file_that_cannot_be_trusted_is_not_carried_on(both_ways, first, damage):
    file = first[0]
    if damage == "changed":
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
    elif damage == "gone":
        file.unlink()
    assert both_ways(most_carried=0 if damage == "carried on too long" else 9).making.carried == 0


def test_rows_of_a_customer_lie_together_but_for_those_that_came_since(settings, first, change, tmp_path):
    def rows(file: Path, sql: str) -> list[tuple]:
        with duckdb.connect(str(file), read_only=True) as con:
            return con.execute(f"from marts.fct_visits {sql}").fetchall()

    order = order_of_rows([("customer_id", "VARCHAR"), ("visited_at", "TIMESTAMP")])
    assert rows(first[0], "") == rows(first[0], order)
    file, manifest = first
    for night in range(1, 8):
        change(
            f"insert into marts.fct_visits select '{night}-' || i, 'c' || i, '2026-06-30', 1 from range(140) as t(i)"
        )
        built = build(settings, tmp_path / f"{night}.duckdb", after=(file, manifest))
        file = tmp_path / f"{night}.duckdb"
        manifest = manifest_of(str(night), sha256=sha256_of(file), making=built.making)
        found = rows(file, "")
        old, new = found[:3_000], found[3_000:]
        assert old == rows(file, f"where visit_id like 'v%' {order}")
        assert [row[0].split("-")[0] for row in new] == [str(n) for n in range(1, night + 1) for _ in range(140)]
        assert new[-140:] == rows(file, f"where visit_id like '{night}-%' {order}")
    assert built.making.out_of_order == {"marts.fct_visits": 7 * 140}
    assert built.making.carried == 7


def test_a_publication_that_dies_while_it_carries_on_leaves_the_version_before(
    settings, publish_now, change, monkeypatch: pytest.MonkeyPatch
):
    publish_now()
    second = publish_now()
    before = sha256_of(second.file)
    change("update marts.figures set clv = clv + 1; delete from marts.fct_visits where visit_id = 'v1'")
    build_file = publishing.build_file

    def dying(*arguments, **how):
        assert build_file(*arguments, **how).making.carried == 1
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(publishing, "build_file", dying)
        with pytest.raises(KeyboardInterrupt):
            publish_now()
    assert current_version(settings) == second
    assert sha256_of(second.file) == before
    third = publish_now()
    assert third.manifest.making.carried == 1
    assert third.manifest.making.rows_written["marts.figures"] == 2_500
    assert third.manifest.rows["marts.fct_visits"] == 2_999
