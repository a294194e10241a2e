"""`c360 backup`, `restore` and `rebuild`: what to do before and after something is lost.

Each reads its options, calls one function, prints.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli_options import JsonOption, WarehouseOption, say, say_json, settings_for
from orchestration.settings import Settings


def register(app: typer.Typer, run_rebuild: Callable[[Settings], None]) -> None:
    """Add these commands to `c360`; `run_rebuild` runs the job, shows how it goes, and leaves when it fails."""

    def rebuild(warehouse: WarehouseOption = None) -> None:
        """Build everything again from raw, customer ids and decisions, and publish it.

        For a damaged or deleted working database, or to prove that what is published follows from what was delivered:
        `c360 diff` then finds nothing. Exit status as of `c360 refresh`.
        """
        from orchestration.publication.rebuild import start_afresh

        settings = settings_for(warehouse)
        aside = start_afresh(settings)
        # From raw alone: what lies in the landing zone now is the next refresh's business.
        nowhere = settings.temp_dir / "no_landing"
        nowhere.mkdir(exist_ok=True)
        settings = settings_for(None, landing=nowhere)
        if aside is not None:
            say(f"The old working database lies in {aside} until this has gone well.")
        run_rebuild(settings)
        if aside is not None:
            aside.unlink(missing_ok=True)
            aside.with_name(f"{aside.name}.wal").unlink(missing_ok=True)
        say("Built again and published. `c360 diff` tells whether anything differs from the version before.")

    app.command()(backup)
    app.command()(restore)
    app.command()(rebuild)


def backup(
    destination: Annotated[Path, typer.Argument(help="A new or empty folder. It will hold personal data.")],
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for a run that is under way.")] = 3600,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write raw, customer ids, decisions, published versions and the working database into a folder, with checksums.

    Policies and code are in your checkout: keep it under version control.
    Exit status 2: there is no space, or a run did not end in time.
    """
    from orchestration.publication.backup import back_up

    taken = back_up(settings_for(warehouse), destination, wait=wait)
    manifest = taken.manifest
    if as_json:
        facts = {"files": len(manifest.files), "bytes": manifest.bytes, "current": manifest.current}
        say_json({"folder": str(taken.folder), "created_at": manifest.created_at, **facts, "sha256": taken.seal})
        return
    say(f"{len(manifest.files):,} files, {manifest.bytes / 1e6:,.1f} MB, version {manifest.current}: {taken.folder}")
    say(
        f"Checksum {taken.seal}: noted elsewhere, it lets c360 restore {taken.folder} --expect prove that no file "
        "was changed."
    )


def restore(
    source: Annotated[Path, typer.Argument(help="The folder of a backup.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a warehouse that holds something.")] = False,
    expect: Annotated[
        str | None, typer.Option(help="Checksum that c360 backup told; refuse any other.", show_default=False)
    ] = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a backup in place of the warehouse, after every file was compared with its checksum.

    Exit status 2: the warehouse is not empty, or the backup is damaged; nothing was changed then.
    """
    from orchestration.publication.backup import restore as put_back

    settings = settings_for(warehouse)
    done = put_back(settings, source, force=force, expect=expect)
    if as_json:
        aside = str(done.moved_aside) if done.moved_aside else None
        say_json({"warehouse": str(settings.warehouse), "current": done.manifest.current, "moved_aside": aside})
        return
    say(f"Restored {len(done.manifest.files):,} files of {done.manifest.created_at:%Y-%m-%d %H:%M} UTC.")
    say(f"Readers see version {done.manifest.current}." if done.manifest.current else "Nothing was published then.")
    if done.moved_aside:
        say(f"What was there lies in {done.moved_aside}: delete it when all is well.")
    say("Next: c360 versions --verify; then c360 refresh takes in what came since.")
