from datetime import date
from pathlib import Path

import pytest

from orchestration.cleaning import null_tokens
from orchestration.errors import UserError
from orchestration.settings import Settings


def write(folder: Path, *rows: str) -> Path:
    (folder / "null_tokens.csv").write_text("\n".join(["token,applies_to,valid_from,why", *rows]), encoding="utf-8")
    return folder


def test_the_policy_of_the_project_is_read(settings: Settings) -> None:
    tokens = {token.spelling: token for token in null_tokens.load(settings.policy_dir)}
    assert "phone" in tokens["null"].types
    assert "name" not in tokens["无"].types
    assert tokens["0000-00-00"].types == {"date", "timestamp"}


def test_a_token_is_folded_and_dated(tmp_path: Path) -> None:
    (token,) = null_tokens.load(write(tmp_path, "ＮＵＬＬ,text,2024-01-01,because"))
    assert token == null_tokens.NullToken("null", frozenset({"text"}), date(2024, 1, 1))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x,everything,2024-01-01,because", r"line 2: applies_to 'everything'.*Use one of: .*not_name"),
        ("x,,2024-01-01,because", r"line 2: applies_to ''"),
        ("x,any,2024-13-01,because", r"line 2: valid_from '2024-13-01'.*YYYY-MM-DD"),
        ("x,any", r"line 2: valid_from None"),
    ],
)
def test_a_wrong_policy_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        null_tokens.load(write(tmp_path, row))


def test_a_missing_policy_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"null_tokens\.csv is missing"):
        null_tokens.load(tmp_path)
