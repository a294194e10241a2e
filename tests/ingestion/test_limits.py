from pathlib import Path

import pytest

from orchestration.errors import UserError
from orchestration.ingestion.limits import load_limits

POLICY = Path(__file__).parents[2] / "seeds" / "policy"


def test_the_newest_row_of_a_limit_holds(tmp_path: Path) -> None:
    text = (POLICY / "reading_limits.csv").read_text(encoding="utf-8")
    (tmp_path / "reading_limits.csv").write_text(text + "max_quoted_lines,7,lines,2024-01-01,test\n", encoding="utf-8")
    assert load_limits(tmp_path).max_quoted_lines == 7


@pytest.mark.parametrize("value", ["", "0", "-5", "many"])
def test_a_limit_that_is_no_number_names_file_limit_and_value(tmp_path: Path, value: str) -> None:
    text = (POLICY / "reading_limits.csv").read_text(encoding="utf-8")
    (tmp_path / "reading_limits.csv").write_text(
        text + f"max_row_bytes,{value},bytes,2024-01-01,test\n", encoding="utf-8"
    )
    with pytest.raises(UserError, match=rf"reading_limits.csv: limit max_row_bytes is '{value}'"):
        load_limits(tmp_path)


def test_a_missing_policy_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"reading_limits.csv cannot be read"):
        load_limits(tmp_path)
