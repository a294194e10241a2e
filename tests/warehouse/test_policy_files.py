import shutil
from pathlib import Path

import pytest

from orchestration.errors import UserError
from orchestration.settings import PROJECT_ROOT
from orchestration.warehouse.policy_files import check_policy_files


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    """A copy of the project's policies to spoil."""
    return Path(shutil.copytree(PROJECT_ROOT / "seeds" / "policy", tmp_path / "policy"))


def test_the_policies_of_the_project_are_sound(policies: Path) -> None:
    checked = check_policy_files(policies)
    assert {"tier_schemes", "lifecycle_rules", "evaluation_windows", "rfm_segments", "age_bands"} <= set(checked)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text.replace("365", "a year", 1), r"evaluation_windows\.csv, row \d+, column value: 'a year'"),
        (
            lambda text: text.replace("2000-01-01", "2000-02-30", 1),
            r"row 2, column valid_from: '2000-02-30' is not a date",
        ),
        (lambda text: text.replace("valid_from", "since", 1), r"missing: valid_from, not known: since"),
    ],
)
def test_a_wrong_value_is_named_with_file_row_and_column(policies: Path, spoil, message: str) -> None:
    file = policies / "evaluation_windows.csv"
    before = file.read_text(encoding="utf-8")
    after = spoil(before)
    assert after != before
    file.write_text(after, encoding="utf-8")
    with pytest.raises(UserError, match=message):
        check_policy_files(policies)


def test_a_policy_that_was_deleted_is_named(policies: Path) -> None:
    (policies / "age_bands.csv").unlink()
    with pytest.raises(UserError, match=r"age_bands\.csv is missing"):
        check_policy_files(policies)
