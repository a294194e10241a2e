"""`c360 dictionary`: docs/data-dictionary.md anew."""

import typer

from orchestration.settings import Settings


def register(app: typer.Typer) -> None:
    """Add this command to `c360`."""
    app.command()(dictionary)


def dictionary() -> None:
    """Write docs/data-dictionary.md anew from the descriptions of the models."""
    from orchestration.data_dictionary import PAGE, render
    from orchestration.warehouse.runner import prepare_manifest

    settings = Settings()
    page = settings.root / PAGE
    page.write_text(render(prepare_manifest(settings)), encoding="utf-8")
    typer.echo(f"Written: {PAGE}")
