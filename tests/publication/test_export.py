import csv
import json
from datetime import date
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from orchestration import database
from orchestration.cli import app
from orchestration.errors import UserError
from orchestration.files import sha256_of
from orchestration.publication.export import export_audience, sees_contact_data
from orchestration.publication.versions import Version, list_versions, switch_to
from orchestration.settings import Settings
from tests.published_versions import lay_down

PUBLISHED = """
create schema marts;
create table marts.customer_360 as
select * from (values
    ('C1', '张*', '张先生'), ('C2', '李*', '李女士'), ('C3', '=cmd|calc', '@SUM(A1)'),
    ('C4', '王*', null), ('C5', '赵*', null)
) as rows (customer_id, display_name, salutation);
create table marts.audience_members as
select
    'cart_reminder' as audience, customer_id, date '2026-06-29' as entered_on,
    timestamp '2026-06-30 10:00:00' as due_at, 'push' as channel, reason, arm, 70 as priority,
    true as is_marketing, 'desk' as owner, 'campaigns' as owner_role, contact_status,
    null::date as planned_on, may_contact, date '2026-06-30' as as_of
from (values
    ('C1', 'left in the cart', 'treatment', 'planned', true), ('C2', 'left in the cart', 'control', 'held_out', false),
    ('C3', E'\\t=1+1', 'treatment', 'planned', true), ('C4', 'left', 'treatment', 'no_consent', false),
    ('C5', 'left', 'treatment', 'planned', true)
) as rows (customer_id, reason, arm, contact_status, may_contact);
"""
# C5 took back the consent after the version was published.
WORKING = """
create schema if not exists identity;
create table identity.customers as
select * from (values
    ('C1', '张伟', '+8613812345678', 'zhang@example.cn', true), ('C2', '李丽', '+8613800000002', null, true),
    ('C3', '=2+3', '+441632960001', '-x@example.cn', true), ('C4', '王五', '+8613800000004', null, false),
    ('C5', '赵六', '+8613800000005', null, false)
) as rows (customer_id, name, phone, email, marketing_consent);
"""


@pytest.fixture
def settings(own_settings: Settings) -> Settings:
    """A published version with one audience, and the working database beside it."""
    lay_down(own_settings, PUBLISHED)
    with database.connect(own_settings) as working:
        working.execute(WORKING)
    return own_settings


@pytest.fixture
def version(settings: Settings) -> Version:
    [version] = list_versions(settings)
    switch_to(settings, version)
    return version


def cells(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_an_analyst_gets_every_member_masked_and_a_manifest_that_proves_it(
    settings: Settings, version: Version
) -> None:
    made = export_audience(settings, version, "cart_reminder")
    rows = cells(made.path)
    assert [row["customer_id"] for row in rows] == ["C1", "C2", "C3", "C4", "C5"]
    assert rows[0]["display_name"] == "张*"
    assert "phone" not in rows[0]
    assert "138" not in made.path.read_text(encoding="utf-8")
    stored = json.loads(made.manifest_path.read_text(encoding="utf-8"))
    assert stored["rows"] == len(rows)
    assert stored["masked"] is True
    assert stored["version"] == version.id
    assert stored["as_of"] == "2026-06-30"
    assert stored["sha256"] == sha256_of(made.path)
    assert made.path == settings.warehouse / "exports" / "cart_reminder" / version.id / "analyst" / "cart_reminder.csv"


def test_contact_data_go_to_roles_that_may_see_them_and_of_members_who_may_be_contacted(
    settings: Settings, version: Version, tmp_path: Path
) -> None:
    made = export_audience(settings, version, "cart_reminder", role="campaign_manager", out=tmp_path / "out")
    found = {row["customer_id"]: (row["name"], row["phone"]) for row in cells(made.path)}
    assert found["C1"] == ("张伟", "13812345678")
    # Held out, without consent, and with consent taken back since.
    assert found["C2"] == found["C4"] == found["C5"] == ("", "")
    assert made.manifest.rows_with_contact_data == 2
    assert made.path.stat().st_mode & 0o077 == 0


def test_no_cell_of_a_csv_is_a_formula_and_parquet_keeps_the_values(settings: Settings, version: Version) -> None:
    made = export_audience(settings, version, "cart_reminder", role="campaign_manager")
    for row in cells(made.path):
        assert not [value for value in row.values() if value.strip().startswith(("=", "+", "-", "@", "\t", "\r"))]
    parquet = export_audience(settings, version, "cart_reminder", role="campaign_manager", file_format="parquet")
    names = duckdb.execute("select name from read_parquet(?) where customer_id = 'C3'", [str(parquet.path)]).fetchall()
    assert names == [("=2+3",)]
    assert parquet.manifest.columns == made.manifest.columns


def test_an_export_of_the_same_version_gives_the_same_file(settings: Settings, version: Version) -> None:
    first = export_audience(settings, version, "cart_reminder").manifest
    again = export_audience(settings, version, "cart_reminder").manifest
    assert first.sha256 == again.sha256


def test_a_masked_export_needs_no_working_database(settings: Settings, version: Version) -> None:
    settings.database.unlink()
    assert export_audience(settings, version, "cart_reminder").manifest.rows == 5


def test_unknown_audiences_and_roles_are_refused_with_those_there_are(settings: Settings, version: Version) -> None:
    with pytest.raises(UserError, match="With members: cart_reminder"):
        export_audience(settings, version, "../../etc")
    with pytest.raises(UserError, match="Use one of analyst, campaign_manager, service_lead"):
        export_audience(settings, version, "cart_reminder", role="boss")


def test_the_newest_row_of_a_role_counts(tmp_path: Path) -> None:
    path = tmp_path / "export_roles.csv"
    path.write_text(
        "role,sees_contact_data,valid_from,why\nsender,true,2020-01-01,x\nsender,false,2026-06-30,x\n", encoding="utf-8"
    )
    assert sees_contact_data(path, "sender", date(2026, 6, 29))
    assert not sees_contact_data(path, "sender", date(2026, 6, 30))
    path.write_text("role,sees_contact_data,valid_from,why\nsender,perhaps,2020-01-01,x\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"export_roles\.csv row 2: .*'perhaps' true or false"):
        sees_contact_data(path, "sender", date(2026, 6, 30))


def test_the_command_prints_its_manifest_as_json(settings: Settings, version: Version) -> None:
    done = CliRunner().invoke(app, ["export", "cart_reminder", "--format", "parquet", "--json"])
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    assert printed["rows"] == 5
    assert Path(printed["path"]).is_file()
