"""What holds for every command of `c360`: help, `--json`, the same options by the same names, and docs/cli.md."""

import sys
from collections.abc import Iterator

import pytest
import typer

from orchestration.cli import app
from orchestration.cli_options import PANELS
from orchestration.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "cli.md"
BEGIN, END = "<!-- commands -->\n", "<!-- end of commands -->\n"
WITHOUT_JSON = {
    "c360 dev": "starts the Dagster UI and becomes it",
    "c360 explore": "serves its page until Ctrl-C",
    "c360 dbt": "is dbt, which has --log-format json and writes target/run_results.json",
}
METAVARS = {"FOLDER", "FILE", "DAY", "NAME", "TEXT", "N", "SECONDS", "COLUMN=VALUE", "HEADER=COLUMN"}
# One name that means one thing here and another there, and why that confuses nobody.
TWO_MEANINGS = {
    "--days": "deliveries that are made, days that are kept",
    "--dataset": "what a file is read as, whose entries are meant",
}

Command = typer.core.TyperCommand


def commands(command: object = None, path: str = "c360") -> Iterator[tuple[str, Command]]:
    command = command or typer.main.get_command(app)
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{path} {name}")
    if not hasattr(command, "commands"):
        yield path, command  # type: ignore[misc]


def groups(command: object = None, path: str = "c360") -> Iterator[tuple[str, typer.core.TyperGroup]]:
    command = command or typer.main.get_command(app)
    if hasattr(command, "commands"):
        yield path, command  # type: ignore[misc]
        for name, below in command.commands.items():
            yield from groups(below, f"{path} {name}")


ALL = list(commands())


def summary(command: Command) -> str:
    return (command.help or "").split("\n\n")[0].replace("\n", " ")


def page_of_commands() -> str:
    lines = ["| command | what it does |", "| --- | --- |"]
    lines += [
        f"| `{path}` | {summary(command).replace('<', '&lt;')} |"
        for path, command in sorted(ALL, key=lambda found: found[0])
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("path", "command"), ALL, ids=[path for path, _ in ALL])
def test_a_command_says_what_it_does_in_one_sentence_and_explains_each_option(path: str, command: Command) -> None:
    assert summary(command).endswith("."), path
    assert len(summary(command)) <= 130, path
    assert [p.name for p in command.params if p.name != "help" and not getattr(p, "help", None)] == []


@pytest.mark.parametrize(("path", "group"), list(groups()), ids=[path for path, _ in groups()])
def test_a_group_of_commands_says_what_it_is_about_and_shows_its_help(path: str, group: typer.core.TyperGroup) -> None:
    assert (group.help or "").endswith("."), path
    assert group.no_args_is_help, path


def test_every_command_stands_in_a_part_of_the_help() -> None:
    first = typer.main.get_command(app).commands
    assert {
        name: command.rich_help_panel for name, command in first.items() if command.rich_help_panel not in PANELS
    } == {}


def test_every_command_speaks_json_or_has_a_reason_not_to() -> None:
    silent = {path for path, command in ALL if not any("--json" in p.opts for p in command.params)}
    assert silent == set(WITHOUT_JSON)


def test_an_option_is_written_and_explained_the_same_in_every_command() -> None:
    found: dict[str, dict[tuple[object, ...], str]] = {}
    for path, command in ALL:
        for option in command.params:
            if isinstance(option, typer.core.TyperOption):
                meaning = (tuple(option.opts), option.metavar, option.help)
                found.setdefault(option.opts[0], {}).setdefault(meaning, path)
    different = {name: list(meanings.values()) for name, meanings in found.items() if len(meanings) > 1}
    assert set(different) == set(TWO_MEANINGS), different


def test_a_value_of_an_option_is_called_by_one_of_a_few_names() -> None:
    called = {
        (path, option.opts[0]): option.metavar
        for path, command in ALL
        for option in command.params
        if isinstance(option, typer.core.TyperOption) and not option.is_flag
    }
    assert {place: metavar for place, metavar in called.items() if metavar not in METAVARS} == {}


def test_the_page_lists_every_command() -> None:
    page = PAGE.read_text(encoding="utf-8")
    listed = page.split(BEGIN)[1].split(END)[0]
    assert listed == page_of_commands(), "write it anew: python -m tests.test_cli_rules"


def test_the_page_gives_the_reasons_for_what_speaks_no_json() -> None:
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert all(f"`{path}`" in page and reason in page for path, reason in WITHOUT_JSON.items())


def main() -> None:
    """Write the list of commands of the page anew."""
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    PAGE.write_text(before + BEGIN + page_of_commands() + END + rest.split(END)[1], encoding="utf-8")
    sys.stdout.write(f"Written: {PAGE}\n")


if __name__ == "__main__":
    main()
