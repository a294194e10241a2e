"""Policies that nobody can have meant are refused before a run, with file, row and advice."""

import csv
import shutil
from pathlib import Path

import pytest

from orchestration.errors import UserError
from orchestration.policy_tables import BESIDE_LINEAGE
from orchestration.policy_tables import POLICIES as POLICY_TABLES
from orchestration.settings import PROJECT_ROOT
from orchestration.warehouse.policy_checks import READ_BY_PYTHON, check_policies
from orchestration.warehouse.policy_declaration import declared_tables

CASES = Path(__file__).parents[1] / "cases" / "policy_faults.csv"
POLICIES = PROJECT_ROOT / "seeds" / "policy"
REFERENCES = PROJECT_ROOT / "seeds" / "reference"
MODELS = PROJECT_ROOT / "models"


def _cases() -> list[dict[str, str]]:
    with CASES.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    """A copy of the project's policies to spoil."""
    return Path(shutil.copytree(POLICIES, tmp_path / "policy"))


def test_every_policy_table_of_the_models_is_checked_and_sound() -> None:
    files = {path.stem for path in POLICIES.glob("*.csv")}
    checked = set(check_policies(POLICIES, REFERENCES, MODELS))
    assert {"tier_schemes", "churn_signals", "unit_costs", "age_bands", "points_rules", "weak_points"} <= checked
    assert checked <= files


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["case"])
def test_a_policy_that_nobody_can_have_meant_is_refused(policies: Path, case: dict[str, str]) -> None:
    file = policies / case["file"]
    before = file.read_text(encoding="utf-8")
    assert case["find"] in before
    file.write_text(before.replace(case["find"], case["replace"]), encoding="utf-8")
    with pytest.raises(UserError) as refused:
        check_policies(policies, REFERENCES, MODELS)
    assert case["file"] in str(refused.value)
    assert case["message"] in str(refused.value)


@pytest.mark.parametrize(
    "table",
    ["churn_signals", "loyalty_weights", "health_parts", "need_classes", "weak_points", "service_settings"],
)
def test_a_row_that_models_look_up_cannot_be_left_out(policies: Path, table: str) -> None:
    file = policies / f"{table}.csv"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    for left_out in range(1, len(lines)):
        file.write_text("".join(lines[:left_out] + lines[left_out + 1 :]), encoding="utf-8")
        with pytest.raises(UserError, match=rf"{table}\.csv has no row for"):
            check_policies(policies, REFERENCES, MODELS)


@pytest.mark.parametrize("cost", ["gross_margin_share,all", "return,order", "service_case,other", "outreach,other"])
def test_a_cost_that_nothing_stands_in_for_cannot_be_left_out(policies: Path, cost: str) -> None:
    file = policies / "unit_costs.csv"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith(cost)), encoding="utf-8")
    with pytest.raises(UserError, match=r"unit_costs\.csv has no row for " + cost.replace(",", " / ")):
        check_policies(policies, REFERENCES, MODELS)


def test_the_price_of_a_channel_may_be_left_to_the_price_of_the_others(policies: Path) -> None:
    file = policies / "unit_costs.csv"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith("outreach,push")), encoding="utf-8")
    assert "unit_costs" in check_policies(policies, REFERENCES, MODELS)


def test_a_weight_may_be_0_and_not_all_of_a_group(policies: Path) -> None:
    file = policies / "loyalty_weights.csv"
    before = file.read_text(encoding="utf-8")
    one = before.replace("nps,index,0.4", "nps,index,0")
    file.write_text(one, encoding="utf-8")
    assert "loyalty_weights" in check_policies(policies, REFERENCES, MODELS)
    all_of_them = one.replace("satisfaction,index,0.3", "satisfaction,index,0").replace(
        "repurchase,index,0.3", "repurchase,index,0"
    )
    file.write_text(all_of_them, encoding="utf-8")
    with pytest.raises(UserError, match=r"row 2: every weight of level index is 0 from 2000-01-01 on"):
        check_policies(policies, REFERENCES, MODELS)


def test_a_later_row_changes_a_weight_and_leaves_the_others(policies: Path) -> None:
    with (policies / "churn_signals.csv").open("a", encoding="utf-8") as file:
        file.write(
            "silence,25,0,90,365,长期无互动,customer_care,survey_call,2026-07-01,Silence says more than we thought\n"
        )
    assert "churn_signals" in check_policies(policies, REFERENCES, MODELS)


def test_later_age_bands_replace_all_of_them(policies: Path) -> None:
    with (policies / "age_bands.csv").open("a", encoding="utf-8") as file:
        file.write("young,0,40,2026-07-01,Two bands are enough\nold,40,130,2026-07-01,Two bands are enough\n")
    assert "age_bands" in check_policies(policies, REFERENCES, MODELS)


@pytest.mark.parametrize("name", ["age_bands (1).csv", "frequency_cap.csv"])
def test_a_policy_table_that_nothing_reads_is_refused(policies: Path, name: str) -> None:
    (policies / name).write_text("rule,valid_from,why\n1,2026-01-01,x\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"Nothing reads the policy table .*, so its rules would not be in force"):
        check_policies(policies, REFERENCES, MODELS)


def test_a_row_is_counted_as_an_editor_counts_it(policies: Path) -> None:
    file = policies / "unit_costs.csv"
    before = file.read_text(encoding="utf-8")
    file.write_text(before.replace("\nreturn,order,12", "\n\nreturn,order,-12"), encoding="utf-8")
    with pytest.raises(UserError, match=r"row 4: amount is -12"):
        check_policies(policies, REFERENCES, MODELS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("客户,why\n".encode("gbk"), "is not in UTF-8: save it as CSV UTF-8"),
        (b'age_band,at_least\n"0-17,0\n', "cannot be read as CSV"),
        (b"age_band,at_least,below,valid_from,why\n", "holds no row: restore it from the repository"),
        (b"", "has the columns ; missing: age_band"),
        (b"age_band,at_least,below,below,valid_from,why\n", "twice: below"),
    ],
)
def test_a_file_that_is_no_table_is_named(policies: Path, content: bytes, message: str) -> None:
    (policies / "age_bands.csv").write_bytes(content)
    with pytest.raises(UserError, match=rf"age_bands\.csv {message}" if not message.startswith("twice") else message):
        check_policies(policies, REFERENCES, MODELS)


def test_a_key_of_the_declaration_that_stands_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "warehouse_policies.yml"
    once = "seeds:\n  - name: caps\n    config: {enabled: true, meta: {title_zh: 上限}}\n"
    file.write_text(once, encoding="utf-8")
    assert [table["name"] for table in declared_tables(tmp_path)] == ["caps"]
    file.write_text(once.replace("title_zh: 上限", "title_zh: 上限, title_zh: 频次"), encoding="utf-8")
    with pytest.raises(UserError, match="the key 'title_zh' stands twice"):
        declared_tables(tmp_path)
    file.write_text(once + once.removeprefix("seeds:\n"), encoding="utf-8")
    with pytest.raises(UserError, match="holds caps twice"):
        declared_tables(tmp_path)


def test_every_policy_table_is_declared_once_or_named_as_read_by_python() -> None:
    declared = [
        table["name"] for table in (*declared_tables(POLICIES), *declared_tables(POLICIES, str(READ_BY_PYTHON)))
    ]
    assert len(declared) == len(set(declared)) > 50
    # Some are checked by the modules that read them and nowhere else.
    undeclared = {path.stem for path in POLICIES.glob("*.csv")} - set(declared)
    assert undeclared <= {*POLICY_TABLES, *BESIDE_LINEAGE}


@pytest.mark.parametrize("table", sorted(path.stem for path in POLICIES.glob("*.csv")))
def test_no_table_is_called_sound_unread(policies: Path, table: str) -> None:
    file = policies / f"{table}.csv"
    whole = file.read_bytes()
    header, *rows = whole.decode().splitlines(keepends=True)
    first_column = header.split(",")[0]
    faults = {
        "not in Chinese UTF-8": (whole + "原因".encode("gb18030"), f"{file} is not in UTF-8"),
        "empty": (b"", f"{file} has the columns ;"),
        "header alone": (header.encode(), f"{file} holds no row"),
        "renamed column": (whole.replace(first_column.encode(), b"zzz", 1), f"missing: {first_column}"),
        "row twice": (whole + rows[0].encode(), f"{file}, row {len(rows) + 2}"),
    }
    for name, (content, said) in faults.items():
        file.write_bytes(content)
        with pytest.raises(UserError) as refused:
            check_policies(policies, REFERENCES, MODELS)
        assert said in str(refused.value), name
    file.unlink()
    with pytest.raises(UserError, match=f"{file} is missing"):
        check_policies(policies, REFERENCES, MODELS)


@pytest.mark.parametrize(
    "table", ["identity_limits", "reading_limits", "name_thresholds", "drift_settings", "retention"]
)
def test_a_misspelt_name_is_refused_rather_than_never_looked_up(policies: Path, table: str) -> None:
    file = policies / f"{table}.csv"
    header, row, *rows = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join([header, row, *rows, "misspelt_" + row]), encoding="utf-8")
    with pytest.raises(UserError, match=f"{file}, row {len(rows) + 3}: .*'misspelt_.* is not known"):
        check_policies(policies, REFERENCES, MODELS)
    file.write_text("".join([header, *rows, "misspelt_" + row]), encoding="utf-8")
    with pytest.raises(UserError):
        check_policies(policies, REFERENCES, MODELS)
