"""The commands on identity: a reviewer's day at the terminal; no value of a person is printed."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.database import connect
from orchestration.errors import UserError
from orchestration.identity.decisions import decisions_file, read_decisions
from orchestration.identity.policy import load_policy
from orchestration.identity.review import export_pairs, import_decisions


@pytest.fixture
def run(world: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run a command on a warehouse with a case that may mean either of two members; returns what it prints."""
    world.member("M1", "张伟", "13912340001")
    world.member("M2", "张丽", "13912340001")
    world.account("A1", "张伟", "13912340001", email="zhang@qq.com")
    world.case("K1", "张总", "13912340001")
    world.store()
    monkeypatch.setenv("C360_WAREHOUSE", str(world.settings.warehouse))
    monkeypatch.setenv("C360_AS_OF", "2026-06-01")
    monkeypatch.setenv("USER", "lin")
    monkeypatch.setattr("orchestration.identity_cli.out.width", 400, raising=False)

    def call(*arguments: str) -> str:
        result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "400"})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        for value in ("张伟", "13912340001", "zhang@qq.com"):
            assert value not in result.output
        return result.output

    return call


def test_an_open_pair_is_listed_decided_bound_and_revoked(run: Callable[..., str], world: Any) -> None:
    assert "several people possible" in run("review", "list")
    assert "K1" in run("review", "list")
    run("review", "decide", "K1", "pos.members:M2", "same", "--why", "said her name", "--by", "chen")
    (written,) = read_decisions(decisions_file(world.settings.warehouse))
    assert (written.verdict, written.decided_by, written.why) == ("same", "chen", "said her name")
    world.store()
    assert world.customer("call_center.cases", "K1") == world.customer("pos.members", "M2")
    assert "bound" in run("review", "list", "--decided")
    run("review", "revoke", "K1", "M2", "--by", "lin")
    world.store()
    assert world.customer("call_center.cases", "K1") is None


def test_a_spreadsheet_takes_the_open_pairs_out_and_the_decisions_back(
    run: Callable[..., str], world: Any, tmp_path: Path
) -> None:
    sheet = tmp_path / "pairs.csv"
    run("review", "list", "--export", str(sheet))
    lines = sheet.read_text(encoding="utf-8-sig").splitlines()
    filled = [line.replace(",,,,,", ",different,lin,2026/6/2,called,", 1) if "K1" in line else line for line in lines]
    sheet.write_text("\n".join(filled) + "\n", encoding="utf-8-sig")
    assert "2 decisions taken in" in run("review", "import", str(sheet))
    assert "0 decisions taken in" in run("review", "import", str(sheet))
    assert {d.verdict for d in read_decisions(decisions_file(world.settings.warehouse))} == {"different"}


def test_a_record_key_that_looks_like_a_formula_goes_out_as_text_and_comes_back_as_delivered(
    world: Any, tmp_path: Path
) -> None:
    world.member("M1", "张伟", "13912340001")
    world.member("=1+cmd|x", "张丽", "13912340001")
    world.case("@K1", "张总", "13912340001")
    world.store()
    sheet = tmp_path / "pairs.csv"
    with connect(world.settings, read_only=True) as connection:
        assert export_pairs(connection, sheet) == 2
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    keys = {row[f"{side}_record_key"] for row in rows for side in ("left", "right")}
    assert keys == {"M1", "'=1+cmd|x", "'@K1"}
    filled = {"decision": "different", "decided_by": "lin", "decided_on": "2026-06-02", "why": "called"}
    with sheet.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | filled for row in rows)
    assert import_decisions(world.settings.warehouse, sheet) == 2
    taken = read_decisions(decisions_file(world.settings.warehouse))
    assert {r.record_key for d in taken for r in d.pair} == {"M1", "=1+cmd|x", "@K1"}


def test_explain_tells_why_in_words(run: Callable[..., str]) -> None:
    told = run("explain", "M1", "A1")
    assert told.startswith("SAME")
    assert "name agrees: speaks for one person" in told
    assert "phone_same_name" in run("explain", "M1")
    assert "REVIEW" in run("explain", "K1", "M1")


def test_what_is_told_can_be_read_by_a_program(run: Callable[..., str], world: Any) -> None:
    pair = json.loads(run("explain", "M1", "A1", "--json"))
    assert (pair["outcome"], pair["left"], pair["right"]) == ("SAME", "pos.members:M1", "ecommerce.customers:A1")
    assert pair["weight"] == pytest.approx(sum(f["weight"] or 0 for f in pair["fields"]) + (pair["base"] or 0), abs=0.1)
    customer = json.loads(run("explain", "M1", "--json"))
    assert {r["record"] for r in customer["records"]} == {"pos.members:M1", "ecommerce.customers:A1"}
    assert {link["rule"] for link in customer["links"]} == {"phone_same_name"}
    queue = json.loads(run("review", "list", "--json"))
    assert {p["reason"] for p in queue} == {"several people possible"}
    assert json.loads(run("review", "list", "--decided", "--json")) == []
    assert json.loads(run("identity", "status", "--json"))["held"] is False
    assert "Nothing was decided" in run("review", "list", "--decided")


def test_unmerge_writes_decisions(run: Callable[..., str], world: Any) -> None:
    customer = world.customer("pos.members", "M1")
    assert "1 decisions written" in run("unmerge", customer, "ecommerce.customers:A1", "--why", "father and son")
    world.store()
    assert world.customer("pos.members", "M1") != world.customer("ecommerce.customers", "A1")


def test_status_and_diff_say_what_changes(run: Callable[..., str], world: Any) -> None:
    assert "False" in run("identity", "status")
    assert "net revenue moved" in run("identity", "diff", "--policy", str(world.settings.policy_dir))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("review", "decide", "K1", "M2", "perhaps", "--why", "x"), "`perhaps` is no decision"),
        (("review", "decide", "K9", "M2", "same", "--why", "x"), "No record is named `K9`"),
        (("review", "revoke", "K1", "M2"), "`K1` is in no decision"),
        (("review", "import", "nowhere.csv"), "There is no file nowhere.csv"),
        (("identity", "accept", "--why", "x"), "was not held"),
        (("identity", "diff"), "Nothing to compare"),
    ],
)
def test_faults_say_what_to_do(run: Callable[..., str], arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run(*arguments)


def test_training_tells_what_it_needs_and_the_status_which_model_is_in_force(
    run: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, world: Any
) -> None:
    assert "shipped" in run("identity", "status")
    with pytest.raises(UserError, match=r"min_records_to_train in identity_limits\.csv"):
        run("identity", "train", "--why", "first year", "--by", "chen")
    policy = load_policy(world.settings.policy_dir, world.settings.as_of)
    small = replace(policy, limits=policy.limits | {"min_records_to_train": 2})
    monkeypatch.setattr("orchestration.identity.training.load_policy", lambda *_: small)
    aside = tmp_path / "tried.json"
    assert f"identity diff --model {aside}" in run(
        "identity", "train", "--why", "trial", "--by", "chen", "--to", str(aside)
    )
    assert "shipped" in run("identity", "status")
    run("identity", "train", "--why", "first year", "--by", "chen")
    told = run("identity", "status")
    assert "first year" in told
    assert "chen" in told
