"""Every command line of the operations page is one that `c360` understands."""

import re
import shlex

import pytest
import typer
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "operations.md"
ROOT = typer.main.get_command(app)


def command_lines() -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    indented = re.findall(r"^    (c360 .*?)(?:   .*)?$", text, re.MULTILINE)
    quoted = [line for line in re.findall(r"`(c360 [^`]*)`", text) if line.islower() and "command" not in line]
    return sorted({*indented, *quoted})


@pytest.mark.parametrize("line", command_lines())
def test_a_command_of_the_page_is_understood(line: str) -> None:
    command, words = ROOT, shlex.split(line)[1:]
    path = []
    while commands := getattr(command, "commands", None):
        path.append(words[0])
        command = commands[words.pop(0)]
    assert command.callback is not None
    if words:
        # Parses options and arguments as a call would, and calls nothing.
        context = command.make_context(" ".join(path), words)
        assert not context.args or command.ignore_unknown_options


def test_a_command_that_does_not_exist_would_be_found() -> None:
    assert CliRunner().invoke(app, ["rollback", "--because", "x"]).exit_code == 2


def test_the_page_has_commands() -> None:
    assert len(command_lines()) > 25
