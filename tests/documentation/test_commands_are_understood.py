"""Every command that a page tells a reader to type is one that there is."""

import pytest

from tests.documentation.commands import (
    Command,
    commands_in,
    documented,
    fault_of,
    make_targets,
    mentioned,
    treatments,
)

DOCUMENTED = documented()
OWN = [command for command in DOCUMENTED if command.text.removeprefix(".venv/bin/").startswith("c360 ")]
MADE = [command for command in DOCUMENTED if command.text.startswith("make ")]


@pytest.mark.parametrize("command", OWN, ids=str)
def test_a_documented_command_is_understood(command: Command) -> None:
    assert fault_of(command.text) is None


def test_a_command_named_in_a_sentence_exists() -> None:
    wrong = {str(command): fault for command in mentioned() if (fault := fault_of(command.text, named=True))}
    assert wrong == {}


@pytest.mark.parametrize("command", MADE, ids=str)
def test_a_documented_target_exists(command: Command) -> None:
    targets = [word for word in command.text.split()[1:] if "=" not in word]
    assert set(targets) <= make_targets()


def test_what_is_said_of_a_command_is_said_of_one_that_stands_on_a_page() -> None:
    texts = {command.text for command in DOCUMENTED}
    assert [text for text in treatments() if text not in texts] == []


def test_what_is_not_run_or_fails_has_a_reason() -> None:
    assert [text for text, treatment in treatments().items() if len(treatment.why) < 10] == []


def test_the_pages_have_commands() -> None:
    assert len(OWN) > 60
    assert {"README.md", "README.zh-CN.md", "CONTRIBUTING.md", "docs/operations.md", "docs/own-extracts.md"} <= {
        command.page for command in DOCUMENTED
    }


def test_commands_are_told_from_pictures_and_explanations() -> None:
    page = (
        "text `c360 status`\n\n    raw ► clean\n    c360 status          what readers see\n    c360 diff a b  # twice\n"
        '    duckdb x \\\n      "select 1   as one"\n\n```sql\nc360 no\n```\n```sh\n$ c360 backup there\n```\n'
    )
    assert [command.text for command in commands_in(page, "p")] == [
        "c360 status",
        "c360 diff a b",
        'duckdb x "select 1   as one"',
        "c360 backup there",
    ]


@pytest.mark.parametrize(
    "text", ["c360 rollback --because x", "c360 quarantine free x", "c360", "c360 refresh --as-of soon", "c360 explain"]
)
def test_a_command_that_does_not_exist_would_be_found(text: str) -> None:
    assert fault_of(text) is not None
