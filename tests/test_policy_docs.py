import shutil
from datetime import date
from pathlib import Path

import pytest

from orchestration.errors import UserError
from orchestration.policy_docs import REFRESH, PolicyTable, read_tables, render, render_table
from orchestration.settings import PROJECT_ROOT

POLICY = PROJECT_ROOT / "seeds" / "policy"


def test_the_policy_page_is_that_of_the_policy_tables() -> None:
    page = (PROJECT_ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    assert page == render(POLICY, PROJECT_ROOT / "models"), (
        f"A policy changed: run `{REFRESH}` and commit docs/policy.md."
    )


def test_every_policy_table_says_what_it_is_for() -> None:
    tables = read_tables(POLICY)
    assert {table.name for table in tables} == {path.stem for path in POLICY.glob("*.csv")}
    assert [table.name for table in tables if not table.description or not table.rows] == []


def test_a_table_that_nobody_describes_is_named(tmp_path: Path) -> None:
    policies = Path(shutil.copytree(POLICY, tmp_path / "policy"))
    (policies / "secret_rules.csv").write_text("rule,why\n1,x\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"secret_rules\.csv is described nowhere"):
        read_tables(policies)


def _table(*rows: dict[str, str]) -> PolicyTable:
    return PolicyTable("tiers", "分层", "Who is what.", tuple(rows[0]), rows)


def test_bounds_read_as_words_and_numbers_as_people_write_them() -> None:
    shown = render_table(
        _table(
            {"tier": "gold", "metric": "window_spend", "at_least": "10000.0000", "below": "50000", "why": "a | b"},
            {"tier": "silver", "metric": "window_spend", "at_least": "", "below": "10000", "why": ""},
            {"tier": "rest", "metric": "", "at_least": "", "below": "", "why": ""},
        )
    )
    assert "## Tiers 分层" in shown
    assert r"| gold | window spend at least 10,000 and below 50,000 | a \| b |" in shown
    assert "| silver | window spend below 10,000 |  |" in shown
    assert "| rest | the rest |  |" in shown


def test_a_day_sees_the_rows_that_had_begun_and_before_the_first_the_first() -> None:
    table = _table({"tier": "gold", "valid_from": "2000-01-01"}, {"tier": "jade", "valid_from": "2026-07-01"})
    assert [row["tier"] for row in table.in_force(date(2026, 6, 30)).rows] == ["gold"]
    assert [row["tier"] for row in table.in_force(date(2026, 7, 1)).rows] == ["gold", "jade"]
    assert [row["tier"] for row in table.in_force(date(1999, 1, 1)).rows] == ["gold"]
    assert "since" in render_table(table)
