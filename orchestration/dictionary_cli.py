"""`c360 dictionary`: docs/data-dictionary.md anew."""

import typer

from orchestration.cli_options import RULES, JsonOption, say, say_json
from orchestration.settings import Settings


def register(app: typer.Typer) -> None:
    """Add this command to `c360`."""
    app.command(rich_help_panel=RULES)(dictionary)


def dictionary(as_json: JsonOption = False) -> None:
    """Write docs/data-dictionary.md anew from the descriptions of the models."""
    from orchestration.data_dictionary import PAGE, render
    from orchestration.warehouse.runner import prepare_manifest

    settings = Settings()
    page = settings.root / PAGE
    page.write_text(render(prepare_manifest(settings)), encoding="utf-8")
    if as_json:
        say_json({"path": page})
    else:
        say(f"Written: {PAGE}")
