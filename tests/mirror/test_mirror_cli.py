"""`c360 mirror` as a person types it."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.errors import UserError
from orchestration.publication.manifest import write_manifest
from tests.mirror.conftest import PASSWORD

runner = CliRunner()


def test_without_a_server_the_command_says_how_to_name_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("C360_MIRROR_URL", raising=False)
    done = runner.invoke(app, ["mirror", "--warehouse", str(tmp_path)])
    assert isinstance(done.exception, UserError)
    assert "c360 mirror postgresql://user@host:port/database" in str(done.exception)


def test_before_anything_is_published_the_command_says_so(tmp_path: Path) -> None:
    done = runner.invoke(app, ["mirror", "postgresql://bi@127.0.0.1:1/x", "--warehouse", str(tmp_path)])
    assert isinstance(done.exception, UserError)
    assert "run `c360 refresh` first" in str(done.exception)


@pytest.mark.slow
@pytest.mark.server
def test_the_published_version_is_mirrored_once_and_the_password_is_never_shown(
    made, target, ask, tmp_path, monkeypatch
):
    version = made(1, "create table marts.people as select 'c1' as customer_id; create table marts.sales (i integer)")
    serving = tmp_path / "warehouse" / "serving"
    shutil.copytree(version.path, serving / "versions" / version.id)
    write_manifest(serving / "versions" / version.id, version.manifest)
    (serving / "current").symlink_to(Path("versions") / version.id)

    def mirror(*options: str) -> str:
        with monkeypatch.context() as only:
            only.delenv("PGPASSWORD")
            only.setenv("C360_MIRROR_URL", target.replace("owner@", f"owner:{PASSWORD.replace(' ', '%20')}@"))
            done = runner.invoke(app, ["mirror", *options, "--warehouse", str(tmp_path / "warehouse")])
        assert done.exit_code == 0, done.exception
        assert PASSWORD not in done.output
        assert PASSWORD.replace(" ", "%20") not in done.output
        return done.stdout

    assert "Version v1, as of 2026-06-30" in mirror("--schema", "shop", "--tables", "people")
    assert ask("select * from shop_marts.people") == [("c1",)]
    told = json.loads(mirror("--schema", "shop", "--json"))
    assert (told["changed"], told["rows"], told["as_of"]) == (True, {"marts.sales": 0}, "2026-06-30")
    assert "Already at version v1" in mirror("--schema", "shop")
