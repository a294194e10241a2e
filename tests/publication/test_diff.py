import pytest

from orchestration import database
from orchestration.publication.build import build_file, tables_to_publish
from orchestration.publication.diff import compare, content_checksums
from orchestration.publication.versions import Version
from tests.published_versions import manifest_of


@pytest.fixture
def built(settings, tmp_path):
    """The file of a version as it would be published now, without the checks."""

    def call() -> Version:
        number = len(list(tmp_path.glob("built*")))
        folder = tmp_path / f"built{number}"
        folder.mkdir()
        with database.connect(settings, read_only=True) as con:
            rows = build_file(con, folder / "c360.duckdb", tables_to_publish(con)).rows
        manifest = manifest_of(f"v{number}", rows=rows)
        return Version(manifest.version, folder, manifest)

    return call


@pytest.fixture
def both(built, change):
    """Build, change the warehouse, build again, compare."""

    def call(sql: str):
        before = built()
        change(sql)
        return compare(before, built())

    return call


def test_two_versions_of_the_same_warehouse_hold_the_same(both):
    found = both("select 1")
    assert found.same
    assert (found.customers.before, found.customers.after, found.customers.new, found.customers.gone) == (2, 2, 0, 0)


def test_customers_are_new_merged_or_retired(both):
    found = both(
        "insert into marts.customer_360 by name select 'c9' as customer_id, 7.5 as net_revenue; "
        "delete from marts.customer_360 where customer_id in ('c1', 'c2'); "
        "insert into identity.id_redirects values ('c2', 'c9', date '2026-06-30'), ('c1', null, date '2026-06-30')"
    )
    people = found.customers
    assert (people.new, people.gone, people.merged, people.retired) == (1, 2, 1, 1)
    assert (people.net_revenue_before, people.net_revenue_after) == (100.0, 7.5)


def test_tiers_and_kpis_that_moved_are_counted(both, change):
    change(
        "create table marts.customer_segments as select * from (values ('c1', 'spend_tier', 'gold'), "
        "('c2', 'spend_tier', 'gold'), ('c2', 'lifecycle', 'new')) as s(customer_id, scheme, tier); "
        "create table marts.kpi_daily as select * from (values "
        "('nps', date '2026-05-31', 'all', 0.1, 'red'), ('nps', date '2026-06-30', 'all', 0.5, 'green'), "
        "('nps', date '2026-06-30', 'tier', 0.9, 'green'), ('csat', date '2026-06-30', 'all', 4.0, 'green')) "
        "as k(kpi, as_of, dimension, value, status)"
    )
    found = both(
        "update marts.customer_segments set tier = 'silver' where scheme = 'spend_tier' and customer_id = 'c2'; "
        "update marts.kpi_daily set value = 0.2, status = 'red' where kpi = 'nps' and as_of = date '2026-06-30'"
    )
    assert [(m.scheme, m.tier_before, m.tier_after, m.customers) for m in found.tier_moves] == [
        ("spend_tier", "gold", "silver", 1)
    ]
    assert [(k.kpi, k.status_before, k.status_after) for k in found.kpis] == [("nps", "green", "red")]


def test_tables_and_columns_that_came_went_or_changed_are_told(both):
    found = both(
        "create table marts.fct_extra as select 1 as n; drop table marts.fct_surveys; "
        "alter table marts.fct_cases add column topic varchar; "
        "update marts.fct_sales set channel = 'app' where channel = 'web'"
    )
    tables = {t.table: t for t in found.tables}
    assert (tables["marts.fct_extra"].rows_before, tables["marts.fct_extra"].rows_after) == (None, 1)
    assert tables["marts.fct_surveys"].rows_after is None
    assert tables["marts.fct_cases"].columns_added == ["topic"]
    assert tables["marts.fct_sales"].content_changed
    assert tables["marts.fct_sales"].rows_before == tables["marts.fct_sales"].rows_after == 2
    assert "marts.customer_360" not in tables


def test_a_checksum_sees_a_doubled_row_and_no_other_order(built, change):
    first = built()
    change("create or replace table marts.customer_360 as select * from marts.customer_360 order by customer_id desc")
    second = built()
    assert content_checksums(first.file) == content_checksums(second.file)
    change("insert into marts.fct_cases select * from marts.fct_cases")
    third = built()
    assert {t for t, c in content_checksums(third.file).items() if c != content_checksums(first.file)[t]} == {
        "marts.fct_cases"
    }


def test_balances_are_compared_and_what_a_run_wrote_about_itself_is_not(built, change):
    change(
        "create table quality.conservation as select * from (values ('raw_to_clean', 'sales', 100.0), "
        "('before_to_after_merge', 'sales', 50.0)) as c(hop, dataset, expected)"
    )
    first = built()
    change(
        "update quality.check_results set run_id = 'another', seconds = 9; "
        "delete from quality.conservation where hop = 'before_to_after_merge'"
    )
    second = built()
    assert compare(first, second).same
    assert content_checksums(first.file) == content_checksums(second.file)
    change("update quality.conservation set expected = 99")
    found = compare(second, built())
    assert [t.table for t in found.tables] == ["quality.conservation"]
    assert found.tables[0].content_changed
