import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from orchestration.errors import UserError
from orchestration.settings import PROJECT_ROOT
from orchestration.warehouse.rule_tables import read_rules, write_rule_steps

MODELS = PROJECT_ROOT / "models"


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    """A copy of the project's policies to spoil."""
    return Path(shutil.copytree(PROJECT_ROOT / "seeds" / "policy", tmp_path / "policy"))


def _append(line: str) -> Callable[[str], str]:
    return lambda text: text.rstrip("\n") + f"\n{line}\n"


def test_the_rules_of_the_project_are_sound(policies: Path) -> None:
    assert {rule.rule for rule in read_rules(policies, MODELS) if rule.policy == "tag_rules"} >= {"at_risk", "promoter"}


@pytest.mark.parametrize(
    ("table", "spoil", "message"),
    [
        (
            "tag_rules",
            lambda text: text.replace("nps_last >= 9", "npslast >= 9"),
            r"tag_rules\.csv, row \d+, column rule of promoter: npslast is not a column .* did you mean nps_last",
        ),
        (
            "tag_rules",
            lambda text: text.replace("lifecycle_stage = 'new'", "lifecycle_stage = 'newish'"),
            r"row \d+, column rule of newcomer: lifecycle_stage never holds 'newish'; it holds at_risk, growing",
        ),
        (
            "tag_rules",
            lambda text: text.replace("nps_last >= 9", "tags contains 'promoter'"),
            r"row \d+, column rule of promoter: tags is not a column",
        ),
        ("tag_rules", _append("fan,service,nps_last = 10,2000-01-01,x"), r"'fan' is not in tag_dictionary\.csv"),
        ("tag_rules", _append("promoter,service,nps_last = 10,2000-01-01,x"), r"has a rule from 2000-01-01 on in row"),
        ("tag_rules", _append("promoter,service,nps_last = 10,soon,x"), r"column valid_from: 'soon' is not a date"),
        ("tag_rules", _append(",service,nps_last = 10,2000-01-01,x"), r"row \d+, has no tag"),
    ],
)
def test_a_wrong_rule_is_named_with_file_row_and_value(
    policies: Path, table: str, spoil: Callable[[str], str], message: str
) -> None:
    file = policies / f"{table}.csv"
    before = file.read_text(encoding="utf-8")
    after = spoil(before)
    assert after != before
    file.write_text(after, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        read_rules(policies, MODELS)


def test_rules_over_a_model_that_nobody_describes_are_refused(policies: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"No \w+\.yml under"):
        read_rules(policies, tmp_path)


def test_writing_again_replaces_the_steps(policies: Path) -> None:
    rules = read_rules(policies, MODELS)
    with duckdb.connect() as con:
        written = write_rule_steps(con, rules)
        assert write_rule_steps(con, rules[:1]) < written
        assert con.execute("select distinct policy, rule from policy.rule_steps").fetchall() == [
            (rules[0].policy, rules[0].rule)
        ]
