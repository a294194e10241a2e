"""What the shells offer: commands, options, and names that files tell."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.settings import Settings


def offered(shell: str, line: str) -> str:
    """What a shell gets that asks how a line may go on."""
    asked = {
        "bash": {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
    }[shell]
    return CliRunner().invoke(app, prog_name="c360", env={"_C360_COMPLETE": f"complete_{shell}", **asked}).output


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("c360 vers", "versions"),
        ("c360 review dec", "decide"),
        ("c360 refresh --known", "--known-on"),
        ("c360 policy show tier_s", "tier_schemes"),
        ("c360 export dormant_r", "dormant_return_offer"),
    ],
)
def test_a_shell_is_offered_how_a_line_may_go_on(shell: str, line: str, name: str) -> None:
    assert name in offered(shell, line)


def test_versions_of_the_warehouse_are_offered_newest_first(own_settings: Settings) -> None:
    for version in ("20260101T000000Z-aaaaaa", "20260102T000000Z-bbbbbb"):
        (own_settings.serving_dir / "versions" / version).mkdir(parents=True)
    assert offered("bash", "c360 rollback ").split() == ["20260102T000000Z-bbbbbb", "20260101T000000Z-aaaaaa"]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_what_installs_completion_is_there(shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The shell that is named, not the one that runs the tests, which may be none.
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    told = CliRunner().invoke(app, ["--show-completion", shell], prog_name="c360", env={"HOME": str(tmp_path)})
    assert "_C360_COMPLETE" in told.output
