"""The commands on published versions, as a person or a script calls them."""

import json

import pytest
from typer.testing import CliRunner

from orchestration import cli_options
from orchestration.cli import app
from orchestration.errors import UserError


@pytest.fixture
def c360(settings, monkeypatch):
    """Run a command on the warehouse; its own faults come out as `UserError`."""
    monkeypatch.setenv("C360_WAREHOUSE", str(settings.warehouse))
    monkeypatch.setattr(cli_options.out, "width", 240)  # a console keeps the width it had when it was made

    def call(*arguments: str) -> str:
        ended = CliRunner().invoke(app, arguments, catch_exceptions=True)
        if ended.exception and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        assert ended.exit_code == 0, ended.output
        return ended.output

    return call


def test_the_list_says_what_readers_see_and_a_rollback_changes_it(c360, publish_now, change):
    first = publish_now()
    change("insert into marts.fct_surveys select 'S1', 'c1', 'fine'")
    second = publish_now()
    rows = json.loads(c360("versions", "--json", "--verify"))
    assert [(r["version"], r["current"], r["intact"]) for r in rows] == [
        (second.id, True, True),
        (first.id, False, True),
    ]
    assert rows[0]["checks_passed"] > 10
    assert rows[0]["sha256"] == second.manifest.sha256

    assert json.loads(c360("diff", "--json"))["tables"][0]["table"] == "marts.fct_surveys"
    assert "other content" not in c360("diff", first.id, second.id)

    assert f"Readers see version {first.id}" in c360("rollback", "--why", "surveys are wrong", "--by", "wang")
    rows = json.loads(c360("versions", "--json"))
    assert [(r["current"], r["held_why"], r["taken_back"]) for r in rows] == [
        (False, None, True),
        (True, "surveys are wrong", False),
    ]
    assert json.loads(c360("versions", "--log", "--json"))[0]["by"] == "wang"
    assert "held since a rollback" in c360("versions")

    second.file.chmod(0o644)
    second.file.write_bytes(b"other")
    with pytest.raises(UserError, match=second.id):
        c360("versions", "--verify")


def test_a_warehouse_without_versions_says_what_to_do(c360):
    assert "c360 refresh" in c360("versions")
    assert json.loads(c360("versions", "--json")) == []
    with pytest.raises(UserError, match="none was published yet"):
        c360("rollback")
