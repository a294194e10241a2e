"""`c360 backup`, `restore`, `rebuild` and `prune`: keeping, losing and getting back.

Each reads its options, calls one function, prints.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli_options import (
    RECOVERY,
    JsonOption,
    WarehouseOption,
    done,
    out,
    published_version,
    say,
    say_aside,
    say_json,
    settings_for,
    table,
    version_facts,
)
from orchestration.settings import Settings


def register(app: typer.Typer, run_rebuild: Callable[[Settings, bool], None]) -> None:
    """Add these commands to `c360`; `run_rebuild` runs the job, shows how it goes, and leaves when it fails.

    It takes the settings, and whether the command speaks JSON.
    """

    def rebuild(warehouse: WarehouseOption = None, as_json: JsonOption = False) -> None:
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
            say_aside(f"The old working database lies in {aside} until this has gone well.")
        run_rebuild(settings, as_json)
        if aside is not None:
            aside.unlink(missing_ok=True)
            aside.with_name(f"{aside.name}.wal").unlink(missing_ok=True)
        version = published_version(settings)
        done(
            as_json,
            "Built again and published. `c360 diff` tells whether anything differs from the version before.",
            outcome="published",
            **version_facts(version),
        )

    app.command(rich_help_panel=RECOVERY)(backup)
    app.command(rich_help_panel=RECOVERY)(restore)
    app.command(rich_help_panel=RECOVERY)(rebuild)
    app.command(rich_help_panel=RECOVERY)(prune)


def backup(
    destination: Annotated[Path, typer.Argument(help="A new or empty folder. It will hold personal data.")],
    wait: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long to wait for a run that is under way.")
    ] = 3600,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write raw, customer ids, decisions, published versions and the working database into a folder, with checksums.

    Policies and code are in your checkout: keep it under version control.
    Exit status 2: there is no space, or a run did not end in time.
    """
    from orchestration.cli_progress import NOW_AND_THEN, progress
    from orchestration.publication.backup import back_up

    with progress("waiting for its turn", every=NOW_AND_THEN) as report:
        taken = back_up(settings_for(warehouse), destination, wait=wait, progress=report)
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
        str | None,
        typer.Option(metavar="TEXT", help="Checksum that c360 backup told; refuse any other.", show_default=False),
    ] = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a backup in place of the warehouse, after every file was compared with its checksum.

    Exit status 2: the warehouse is not empty, or the backup is damaged; nothing was changed then.
    """
    from orchestration.cli_progress import NOW_AND_THEN, progress
    from orchestration.publication.backup import restore as put_back

    settings = settings_for(warehouse)
    with progress("restoring", every=NOW_AND_THEN) as report:
        back = put_back(settings, source, force=force, expect=expect, progress=report)
    if as_json:
        facts = {"current": back.manifest.current, "moved_aside": back.moved_aside}
        say_json({"warehouse": settings.warehouse, **facts})
        return
    say(f"Restored {len(back.manifest.files):,} files of {back.manifest.created_at:%Y-%m-%d %H:%M} UTC.")
    say(f"Readers see version {back.manifest.current}." if back.manifest.current else "Nothing was published then.")
    if back.moved_aside:
        say(f"What was there lies in {back.moved_aside}: delete it when all is well.")
    say("Next: c360 versions --verify; then c360 refresh takes in what came since.")


def prune(
    days: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Keep this many days; default is seeds/policy/retention.csv.", show_default=False
        ),
    ] = None,
    do_it: Annotated[bool, typer.Option("--yes", help="Drop them; without it they are only listed.")] = False,
    even_needed: Annotated[
        bool, typer.Option("--even-needed", help="Also what a rebuild needs: customers and facts will change.")
    ] = False,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Drop deliveries from raw that are older than the policy keeps and that no rebuild needs.

    A delivery is needed while one of its rows is loaded, was the first to name a record, or waits in quarantine.
    """
    from orchestration.as_of import business_day
    from orchestration.cleaning.retention import first_day_kept, old_deliveries, raw_days_kept
    from orchestration.cleaning.retention import prune as drop
    from orchestration.database import connect
    from orchestration.run_lock import RunLock

    settings = settings_for(warehouse)
    as_of = business_day(settings)
    kept = days or raw_days_kept(settings.policy_dir, as_of)
    if kept is None:
        if as_json:
            say_json({"first_day_kept": None, "deliveries": [], "bytes_freed": 0})
        else:
            say("The policy keeps all of raw (seeds/policy/retention.csv); --days says otherwise for once.")
        return
    with RunLock(settings):
        with connect(settings, read_only=True) as con:
            found = old_deliveries(con, settings, first_day_kept(as_of, kept))
        chosen = [d for d in found if d.needed is None or even_needed]
        freed = drop(settings, chosen) if do_it else 0
    if as_json:
        listed = [{**asdict(d), "dropped": do_it and d in chosen} for d in found]
        say_json({"first_day_kept": first_day_kept(as_of, kept), "deliveries": listed, "bytes_freed": freed})
        return
    shown = table("delivery", "dataset", "files", "rows", "size", "needed for a rebuild", "fate")
    fate = "dropped" if do_it else "would be dropped"
    for d in found:
        size, name = f"{d.bytes / 1e6:,.1f} MB", f"{d.source}/{d.dataset}"
        row = (str(d.delivery_date), name, str(d.files), f"{d.rows:,}", size, d.needed or "no")
        shown.add_row(*row, fate if d in chosen else "stays")
    out.print(shown)
    if do_it:
        say(f"{len(chosen):,} deliveries dropped, {freed / 1e6:,.1f} MB free. Next: c360 refresh")
    elif chosen:
        say("Nothing was dropped. Take a backup, then say --yes.")
