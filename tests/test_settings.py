"""Settings that cannot be are refused in words, wherever they were written."""

import pytest

from orchestration.errors import UserError
from orchestration.settings import Settings


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("C360_TIMEZONE", "Mars/Olympus"),
        ("C360_TIMEZONE", "Asia"),
        ("C360_TIMEZONE", ""),
        ("C360_THREADS", "many"),
        ("C360_THREADS", "0"),
        ("C360_MEMORY_LIMIT", "80%"),
        ("C360_MEMORY_LIMIT", "8"),
        ("C360_AS_OF", "2026-02-30"),
        ("C360_ENVIRONMENT", "prod"),
    ],
)
def test_a_variable_that_cannot_be_is_named_with_its_value(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UserError, match=f"{variable} is '{value}': .+ Correct it in the environment"):
        Settings()


@pytest.mark.parametrize("size", ["8GB", "1.5 GiB", "500mb", "4g"])
def test_a_memory_limit_is_a_size_as_duckdb_takes_it(size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("C360_MEMORY_LIMIT", size)
    assert Settings().memory_limit == size


def test_several_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("C360_THREADS", "many")
    monkeypatch.setenv("C360_AS_OF", "today")
    with pytest.raises(UserError, match=r"C360_AS_OF.*C360_THREADS"):
        Settings()


def test_what_may_be_an_address_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("C360_ALERT_SMTP_PORT", "secret@mail.example")
    with pytest.raises(UserError, match="C360_ALERT_SMTP_PORT: ") as told:
        Settings()
    assert "secret" not in str(told.value)
