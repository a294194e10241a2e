from typer.testing import CliRunner

from orchestration.policy_cli import policy
from orchestration.settings import PROJECT_ROOT


def test_the_policies_of_the_project_are_sound_and_counted() -> None:
    done = CliRunner().invoke(policy, ["check"])
    count = len(list((PROJECT_ROOT / "seeds" / "policy").glob("*.csv")))
    assert done.output == f"The {count} tables of seeds/policy are sound. Next: c360 refresh\n"
    assert done.exit_code == 0


def test_a_table_is_shown_by_the_rows_of_a_day() -> None:
    done = CliRunner().invoke(policy, ["show", "kpi_targets", "--on", "2026-06-30"])
    assert done.exit_code == 0
    assert "| nps |" in done.output
