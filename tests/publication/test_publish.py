import os
import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import pytest

from orchestration.database import connect_file
from orchestration.errors import UserError
from orchestration.files import sha256_of
from orchestration.publication import publish
from orchestration.publication.versions import current_version, list_versions


def read(file: Path, sql: str) -> list[tuple]:
    with duckdb.connect(str(file), read_only=True) as con:
        return con.execute(sql).fetchall()


def test_readers_find_the_catalog_c360_behind_the_link_current(settings, publish_now):
    version = publish_now()
    file = settings.serving_dir / "current" / "c360.duckdb"
    assert read(file, "select current_database()") == [("c360",)]
    assert read(file, "select customer_id from c360.marts.customer_360") == [("c1",), ("c2",)]
    assert (settings.serving_dir / "current").readlink() == Path("versions") / version.id


def test_the_manifest_proves_what_the_file_holds(settings, publish_now):
    version = publish_now()
    manifest = version.manifest
    assert manifest.sha256 == sha256_of(version.file)
    assert manifest.bytes == version.file.stat().st_size
    assert manifest.rows["marts.fct_sales"] == 2
    assert (manifest.fingerprint, manifest.storage_version) == ("f1", "v1.0.0")
    assert current_version(settings) == version
    assert read(
        version.file, "select tags['storage_version'] from duckdb_databases() where database_name = 'c360'"
    ) == [("v1.0.0+",)]


def test_a_published_file_cannot_be_written(publish_now):
    assert publish_now().file.stat().st_mode & 0o222 == 0


def test_golden_records_and_rows_as_delivered_stay_behind(publish_now):
    file = publish_now().file
    tables = {f"{s}.{t}" for s, t in read(file, "select table_schema, table_name from information_schema.tables")}
    assert tables >= {"marts.customer_360", "identity.customer_xref", "quality.quarantine", "quality.check_results"}
    assert not tables & {"identity.customers", "identity.records", "clean.pos_members", "raw.files"}
    columns = {c for (c,) in read(file, "select column_name from (describe quality.quarantine)")}
    assert "row_content" not in columns
    assert "reasons" in columns
    assert b"13912345678" not in file.read_bytes()


def test_descriptions_of_tables_and_columns_travel_with_the_file(publish_now):
    file = publish_now().file
    assert read(file, "select comment from duckdb_tables() where table_name = 'customer_360'") == [
        ("One row per customer.",)
    ]
    assert read(file, "select comment from duckdb_columns() where column_name = 'net_revenue'") == [
        ("Yuan, after refunds.",)
    ]


VIEW = "create view marts.best as select customer_id as id, 'order 13812345678' as what from marts.customer_360"


def test_a_view_of_the_marts_goes_out_as_a_view_with_its_comments(publish_now, change):
    change(f"{VIEW}; comment on view marts.best is 'Best.'; comment on column marts.best.id is 'Key.'")
    version = publish_now()
    assert read(version.file, "select view_name, comment from duckdb_views() where not internal") == [("best", "Best.")]
    assert read(version.file, "select comment from duckdb_columns() where column_name = 'id'") == [("Key.",)]
    assert read(version.file, "select id from marts.best order by id") == [("c1",), ("c2",)]
    assert "marts.best" not in version.manifest.rows
    with duckdb.connect() as con:
        con.execute(f"attach '{version.file}' as another_name (read_only)")
        assert con.execute("select count(*) from another_name.marts.best").fetchone() == (2,)


def test_a_view_that_shows_a_table_of_intermediate_goes_out_as_a_table(publish_now, change):
    change("create table intermediate.int_best as select customer_id from marts.customer_360")
    change("create view marts.best as select * from intermediate.int_best; comment on view marts.best is 'Best.'")
    version = publish_now()
    assert version.manifest.rows["marts.best"] == 2
    assert read(version.file, "select comment from duckdb_tables() where table_name = 'best'") == [("Best.",)]
    assert read(version.file, "select schema_name from duckdb_schemas() where schema_name = 'intermediate'") == []


def test_a_view_of_such_a_view_goes_out_as_a_view(publish_now, change):
    change("create table intermediate.int_best as select 'C1' as customer_id, 7 as rank")
    change("create view marts.best as select * from intermediate.int_best")
    change("create view marts.best_ranks as select rank from marts.best")
    version = publish_now()
    assert read(version.file, "select customer_id, rank from marts.best") == [("C1", 7)]
    assert read(version.file, "from marts.best_ranks") == [(7,)]


def test_a_view_that_joins_by_the_names_of_columns_goes_out_as_a_view(publish_now, change):
    change("create table marts.ranks as select 'C1' as customer_id, 7 as rank")
    change("create table marts.towns as select 'C1' as customer_id, 'Chengdu' as town")
    change("create view marts.ranked as select town, rank from marts.ranks join marts.towns using (customer_id)")
    assert read(publish_now().file, "from marts.ranked") == [("Chengdu", 7)]


@pytest.mark.parametrize("hidden", ["identity.records", "warehouse.marts.customer_360"])
def test_a_view_of_what_is_not_published_is_refused_by_name(settings, publish_now, change, hidden):
    change(f"create view marts.best as select * from {hidden}")
    with pytest.raises(UserError, match=r"The view marts\.best cannot be published"):
        publish_now()
    assert current_version(settings) is None


def test_a_failed_blocking_check_leaves_current_untouched(settings, publish_now, gates):
    first = publish_now()
    gates(settings, failed="every_delivery_balances", minute=1)
    with pytest.raises(UserError, match=r"every_delivery_balances on quality\.conservation") as refused:
        publish_now()
    assert first.id in str(refused.value)
    assert current_version(settings) == first
    assert list_versions(settings) == [first]


def test_a_failed_warning_does_not_keep_a_version_back(settings, publish_now, gates):
    gates(settings, failed="no_file_was_quarantined", minute=1)
    assert publish_now() == current_version(settings)


def test_a_check_that_passes_again_lets_the_next_version_out(settings, publish_now, gates):
    gates(settings, failed="every_delivery_balances", minute=1)
    with pytest.raises(UserError):
        publish_now()
    gates(settings, minute=2)
    assert publish_now() == current_version(settings)


def test_nothing_goes_out_when_the_gates_never_ran(settings, publish_now, change):
    change("drop table quality.check_results; create table quality.check_results (stage varchar)")
    change("drop table quality.check_results")
    with pytest.raises(UserError, match="it has not run"):
        publish_now()
    assert current_version(settings) is None


@pytest.mark.parametrize(
    ("planted", "kind"),
    [
        ("请回电 13812345678 谢谢", "mobile"),
        ("+86 138 1234 5678", "mobile"),
        ("8613812345678", "mobile"),
        ("138-1234-5678", "mobile"),
        ("１３８１２３４５６７８", "mobile"),
        ("write to zhang.wei@example.com", "email"),
        ("证件号11010519491231002X", "id_card"),
    ],
)
def test_personal_data_in_a_mart_never_goes_out(settings, publish_now, change, planted, kind):
    first = publish_now()
    change(f"insert into marts.fct_surveys select 'S1', 'c1', '{planted}'")
    with pytest.raises(UserError, match=f"marts.fct_surveys.topic: 1 × {kind}") as refused:
        publish_now()
    assert planted not in str(refused.value)
    assert current_version(settings) == first


def test_a_phone_number_in_a_file_name_is_starred_and_stops_nothing(publish_now, change):
    change("create or replace table quality.drift as select 'pos/2026-06-29/members_13812345678_a@b.cn.csv' as file")
    with connect_file(publish_now().path / "c360.duckdb") as bi:
        assert bi.execute("select file from quality.drift").fetchall() == [("pos/2026-06-29/members******",)]


@pytest.mark.parametrize(
    "harmless", ["138****1234", "z***@qq.com", "6f13812345678ab", "20260630123456", "400-820-8820"]
)
def test_masked_values_and_other_numbers_go_out(publish_now, change, harmless):
    change(f"insert into marts.fct_surveys select 'S1', 'c1', '{harmless}'")
    assert publish_now().manifest.rows["marts.fct_surveys"] == 1


def test_personal_data_in_a_list_or_a_map_is_found_too(publish_now, change):
    change(
        "create table marts.tagged as select ['vip', '13812345678'] as tags, map {'mail': 'a.b@example.com'} as extra"
    )
    with pytest.raises(UserError) as refused:
        publish_now()
    assert "marts.tagged.tags" in str(refused.value)
    assert "marts.tagged.extra" in str(refused.value)


def test_an_order_number_that_looks_like_a_phone_is_a_warning(settings, publish_now, change):
    change("update marts.fct_sales set customer_id = null; alter table marts.fct_sales add column order_id varchar")
    change("update marts.fct_sales set order_id = '13800000001'")
    publish_now()
    with duckdb.connect(str(settings.database), read_only=True) as con:
        found = con.execute(
            "select passed, unexpected_rows, examples from quality.check_results "
            "where check_name = 'no_identifier_looks_like_personal_data'"
        ).fetchall()
    assert found == [(False, 2, ["marts.fct_sales.order_id: 2 × mobile"])]


def test_a_missing_table_of_the_public_interface_is_named(publish_now, change):
    change("drop table identity.links")
    with pytest.raises(UserError, match=r"identity\.links"):
        publish_now()


def test_what_a_killed_publication_left_behind_is_harmless_and_removed(settings, publish_now):
    first = publish_now()
    half = settings.serving_dir / "versions" / ".20990101T000000Z-abcdef.building"
    half.mkdir()
    (half / "c360.duckdb").write_bytes(b"half a file")
    (settings.serving_dir / ".current.4711").symlink_to("versions/nowhere")
    assert current_version(settings) == first
    assert list_versions(settings) == [first]
    second = publish_now()
    assert current_version(settings) == second
    assert sorted(p.name for p in (settings.serving_dir / "versions").iterdir()) == [first.id, second.id]
    assert not list(settings.serving_dir.glob(".current.*"))


def test_a_full_disk_is_told_and_the_published_file_stays(settings, publish_now, change):
    first = publish_now()
    change("create table marts.large as select i as n, md5(i::varchar) as h from range(400000) as t(i)")
    program = textwrap.dedent(
        """
        import resource, signal, sys
        from datetime import date
        from pathlib import Path
        from orchestration.errors import UserError
        from orchestration.publication.publish import publish
        from orchestration.settings import Settings
        settings = Settings(_env_file=None, landing=Path(sys.argv[1]), warehouse=Path(sys.argv[1]))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))
        try:
            publish(settings, as_of=date(2026, 6, 30), run_id="r", fingerprint="f")
        except UserError as error:
            print(error)
            sys.exit(2)
        """
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(settings.warehouse)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(settings.root)},
    )
    assert ended.returncode == 2, ended.stderr[-2000:]
    assert "writing its tables failed" in ended.stdout
    assert f"Readers still see version {first.id}" in ended.stdout
    assert current_version(settings) == first
    assert [p.name for p in (settings.serving_dir / "versions").iterdir()] == [first.id]


def test_what_is_lost_while_the_file_is_built_stops_publication(settings, publish_now, monkeypatch: pytest.MonkeyPatch):
    build = publish.build_file

    def losing_a_sale(connection, path, tables, **how):
        built = build(connection, path, tables, **how)
        connection.execute(f"attach '{path}' as spoilt (read_write)")
        connection.execute("delete from spoilt.marts.fct_sales where source = 'pos'")
        connection.execute("insert into spoilt.marts.fct_sales select * from spoilt.marts.fct_sales")
        connection.execute("detach spoilt")
        return built

    monkeypatch.setattr(publish, "build_file", losing_a_sale)
    with pytest.raises(
        RuntimeError, match="marts_to_published: pos/sales: keys 1 expected, 0 found, 1 lost"
    ) as refused:
        publish_now()
    assert "marts.fct_sales: amount 150 expected, 100 found, 50 lost" in str(refused.value)
    assert not (settings.serving_dir / "current").exists()
