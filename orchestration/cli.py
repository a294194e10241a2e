"""`c360`: the commands. Each reads its options, calls one function, and prints what it returns.

Dagster, dbt and Great Expectations are imported inside the commands that need them, because they
take seconds. What holds for every command (options, JSON, exit status, progress) stands in docs/cli.md.
"""

import os
import subprocess
import sys
import warnings
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn
from zoneinfo import ZoneInfo

import typer
from typer.core import TyperGroup

from orchestration import (
    alerts_cli,
    contract_cli,
    dashboard_cli,
    dictionary_cli,
    doubtful_cli,
    explore_cli,
    export_cli,
    identity_cli,
    mirror_cli,
    policy_cli,
    quarantine_cli,
    recovery_cli,
    versions_cli,
)
from orchestration.cli_options import (
    CUSTOMERS,
    DAILY,
    DEVELOPMENT,
    PANELS,
    JsonOption,
    LandingOption,
    WarehouseOption,
    day_option,
    err,
    out,
    published_version,
    say,
    say_aside,
    say_fault,
    say_json,
    settings_for,
    table,
    version_facts,
)
from orchestration.errors import UserError, machine_fault, machine_fault_behind
from orchestration.garbage import collect_seldom
from orchestration.settings import Settings

if TYPE_CHECKING:
    from orchestration.plan import RefreshPlan

BUG, USER_FAULT, GATE_FAILED, STOPPED = 1, 2, 3, 130


class _InParts(TyperGroup):
    """The commands in the parts of the help, by name in each."""

    def list_commands(self, _context: object) -> list[str]:
        """Names in the order in which the help shows them."""
        parts = {name: getattr(command, "rich_help_panel", None) for name, command in self.commands.items()}
        place = {name: PANELS.index(part) if part in PANELS else len(PANELS) for name, part in parts.items()}
        return sorted(self.commands, key=lambda name: (place[name], name))


app = typer.Typer(
    cls=_InParts,
    help="Customer 360: from raw extracts to a gated BI file.",
    epilog="Exit status: 0 done, 1 a bug, 2 a fault you can mend, 3 a gate failed and nothing was published, "
    "130 stopped. What holds for every command: docs/cli.md",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
alerts_cli.register(app)
identity_cli.register(app)
contract_cli.register(app)
policy_cli.register(app)
export_cli.register(app)
dashboard_cli.register(app)
explore_cli.register(app)
mirror_cli.register(app)
dictionary_cli.register(app)
versions_cli.register(app)
quarantine_cli.register(app)
doubtful_cli.register(app)


def _tell_version(wanted: bool) -> None:
    if wanted:
        say(f"customer360 {version_of('customer360')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Tell the version and end.")
    ] = False,
) -> None:
    """Options of `c360` itself."""


def main() -> None:
    """Run the command line and end with the documented exit status."""
    warnings.filterwarnings("ignore", module=r"dagster.*")
    collect_seldom()
    try:
        app()
    except SystemExit as ended:
        # Typer has told of a wrong option and leaves while that error is at hand.
        told = getattr(ended.__context__, "format_message", None)
        if told and "--json" in sys.argv:
            say_fault(told(), USER_FAULT)
        raise
    except UserError as error:
        _fail(error)
    except Exception as error:
        # Dagster's own storage lies on the same disk and says in its own words that it is full.
        cause = machine_fault_behind(error)
        if cause is None:
            raise
        _fail(machine_fault(cause, "The run"))


def _fail(error: UserError) -> NoReturn:
    """Say what is wrong and leave with the status of a fault that the user can mend."""
    err.print("c360:", style="bold red", end=" ")
    say_aside(str(error))
    if "--json" in sys.argv:
        say_fault(str(error), USER_FAULT)
    sys.exit(USER_FAULT)


@app.command(rich_help_panel=DAILY)
def refresh(
    landing: LandingOption = None,
    warehouse: WarehouseOption = None,
    as_of: Annotated[
        datetime | None, day_option("Business day to evaluate at its end; default is the newest delivery.")
    ] = None,
    known_on: Annotated[
        datetime | None, day_option("Leave out deliveries after this day: what that night could know.")
    ] = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish again after `c360 rollback`, also what was taken back.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring the published file up to date: the nightly job, run here."""
    settings = settings_for(warehouse, landing, as_of, known_on)
    from orchestration.plan import plan_refresh

    if publish:
        versions_cli.release(settings)
    plan = plan_refresh(settings)
    if plan.nothing_new and plan.published:
        if not plan.held:
            alerts_cli.tell(settings)
        if as_json:
            outcome = "held" if plan.held else "nothing_new"
            say_json({"outcome": outcome, "held_because": plan.held, **version_facts(plan.published)})
        elif plan.held:
            say(f"Nothing was changed: {plan.held} Readers see version {plan.published.id}.")
        else:
            say(f"Nothing new since version {plan.published.id}; nothing was changed.")
        return
    if plan.new_dates:
        say_aside(f"New deliveries: {len(plan.new_dates)} ({plan.new_dates[0]} to {plan.new_dates[-1]})")
    _run_job(settings, plan, as_json)
    _print_published(settings, as_json)


def _rebuild(settings: Settings, as_json: bool) -> None:
    """Run the job that builds everything from raw."""
    _run_job(settings, None, as_json)


def _run_job(settings: Settings, plan: "RefreshPlan | None", as_json: bool) -> None:
    """Refresh by a plan, or rebuild without one, and show how it goes; leave with the documented status on failure."""
    from orchestration.cli_progress import progress

    failure = None
    with progress("loading the pipeline") as report:
        from orchestration.jobs import RefreshFailedError, run_rebuild, run_refresh

        try:
            if plan is None:
                run_rebuild(settings, report)
            else:
                run_refresh(settings, plan, progress=report)
        except RefreshFailedError as failed:
            failure = failed
    if failure is not None and failure.interrupted:
        say_aside("Stopped. The published file stayed as it was; run it again to take up what was begun.")
        if as_json:
            say_fault("stopped", STOPPED)
        sys.stdout.flush()
        # Threads of dbt may still be giving up; an orderly end would wait for them, or abort over them.
        os._exit(STOPPED)
    if failure is not None:
        for step in failure.failures:
            err.print(f"{step.step}: {step.reason}", style="red", highlight=False, markup=False, soft_wrap=True)
        if failure.gate_failed:
            _say_what_blocks(settings)
        say_aside("The published file stayed as it was; `c360 status` shows it.")
        alerts_cli.tell(settings, [step.step for step in failure.failures])
        status = GATE_FAILED if failure.gate_failed else USER_FAULT if failure.user_error else BUG
        if as_json:
            steps = [{"step": step.step, "reason": step.reason} for step in failure.failures]
            say_fault(str(failure), status, failures=steps)
        sys.exit(status)
    alerts_cli.tell(settings, failed_steps=[])


def _say_what_blocks(settings: Settings) -> None:
    """Name rows and examples of the checks that failed, and the page that has all of them."""
    from orchestration.database import connect
    from orchestration.gates.gate import report_file
    from orchestration.gates.store import what_blocks

    # Another run may hold the database by now; what failed has been said already.
    with suppress(UserError), connect(settings, read_only=True) as con:
        for told in what_blocks(con):
            say_aside(told)
    say_aside(f"All checks of the run: {report_file(settings)}. What to do: docs/operations.md.")


recovery_cli.register(app, _rebuild)


@app.command(rich_help_panel=DAILY)
def status(warehouse: WarehouseOption = None, as_json: JsonOption = False) -> None:
    """Deliveries, last runs and the published version."""
    settings = settings_for(warehouse)
    from orchestration.gates.gate import report_file
    from orchestration.publication.rollback import hold_in_force
    from orchestration.publication.versions import current_version
    from orchestration.run_history import recent_runs
    from orchestration.summary import latest_deliveries

    version, hold = current_version(settings), hold_in_force(settings)
    delivered = latest_deliveries(version, limit=24) if version else []
    runs = recent_runs(settings, limit=5)
    if as_json:
        facts = version_facts(version) if version else None
        say_json(
            {
                "warehouse": settings.warehouse,
                "published": facts,
                "hold": hold.model_dump(mode="json") if hold else None,
                "deliveries": [asdict(line) for line in delivered],
                "runs": [asdict(run) for run in runs],
            }
        )
        return
    if version is None:
        say(f"Nothing is published in {settings.warehouse} yet. Next: c360 refresh")
    else:
        shown = table("delivery", "dataset", "received", "loaded", "superseded", "repeated", "quarantined")
        for line in delivered:
            counts = (line.received, line.loaded, line.superseded, line.repeated, line.quarantined)
            shown.add_row(str(line.delivery_date), line.dataset, *(f"{count:,}" for count in counts))
        out.print(shown)
        say(f"Published: {version.id}, as of {version.manifest.as_of}: {version.file}")
        if version.report.exists():
            say(f"Quality of that run: {version.report}")
    if hold is not None:
        say(f"Held by {hold.by} since {hold.at:%Y-%m-%d %H:%M} UTC: {hold.why}")
    shown = table("started (UTC)", "job", "status")
    for run in runs:
        shown.add_row(f"{run.started:%Y-%m-%d %H:%M:%S}", run.job, run.status)
    out.print(shown)
    if report_file(settings).exists():
        say(f"Quality of the last run: {report_file(settings)}")


@app.command(rich_help_panel=CUSTOMERS)
def customer(
    who: Annotated[str, typer.Argument(help="Customer id, phone or name.")],
    events: Annotated[int, typer.Option(metavar="N", min=0, help="How many moments of the timeline.")] = 20,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """One customer in the terminal: profile, segments, tags, what is due, and the timeline; contact data masked."""
    settings = settings_for(warehouse)
    from orchestration.database import connect
    from orchestration.publication.customer_view import find_and_view

    version = published_version(settings)
    with connect(settings, read_only=True) as working:
        views = find_and_view(working, version, who, events=events)
    if not views:
        raise UserError("No customer has this id, number or name. Ids are those of marts.customer_360.")
    if as_json:
        say_json([view.as_data() for view in views])
        return
    for view in views:
        profile = table("section", "field", "value", title=view.customer_id)
        for section, fields in view.profile.items():
            for number, (field, value) in enumerate(fields.items()):
                profile.add_row("" if number else section, field, _text(value))
        out.print(profile)
        parts = {
            "Segments": view.segments,
            "Tags": view.tags,
            "Due": view.audiences,
            "Planned": view.contacts,
            "Records": view.records,
            "Timeline": view.timeline,
        }
        for title, rows in parts.items():
            if rows:
                shown = table(*(name.replace("_", " ") for name in rows[0]), title=title)
                for row in rows:
                    shown.add_row(*map(_text, row.values()))
                out.print(shown)


def _text(value: object) -> str:
    """A value as a person reads it: nothing for an empty one, lists and details with commas."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {part}" for name, part in value.items() if part is not None)
    return "" if value is None else str(value)


@app.command(rich_help_panel=DEVELOPMENT)
def generate(
    landing: LandingOption = None,
    people: Annotated[int, typer.Option(metavar="N", min=1, help="How many people live in the world.")] = 20_000,
    lines: Annotated[int, typer.Option(metavar="N", min=1, help="Purchase lines over both channels.")] = 200_000,
    days: Annotated[int, typer.Option(metavar="N", min=1, help="Daily deliveries.")] = 14,
    seed: Annotated[int, typer.Option(metavar="N", help="Same seed, same world.")] = 1,
    end: Annotated[datetime | None, day_option("Date of the last delivery; default is yesterday.")] = None,
    profile: Annotated[str, typer.Option(metavar="NAME", help="Noise profile, see docs/generator.md.")] = "default",
    as_json: JsonOption = False,
) -> None:
    """Write a generated retail world, with its truth, as deliveries into the landing zone."""
    settings = settings_for(landing=landing)
    from orchestration.cli_progress import progress
    from seeds.generate import generate as generate_world

    last_day = end.date() if end else datetime.now(ZoneInfo(settings.timezone)).date() - timedelta(days=1)
    with progress("generating") as report:
        world = generate_world(
            settings.landing,
            people=people,
            lines=lines,
            days=days,
            seed=seed,
            end=last_day,
            profile=profile,
            progress=report,
        )
    truth = settings.landing.parent / "truth"
    if as_json:
        say_json({**asdict(world), "landing": settings.landing, "truth": truth})
        return
    shown = table("dataset", "files", "rows", title=f"Landing zone {settings.landing}")
    for dataset, delivered in world.datasets.items():
        shown.add_row(dataset, f"{delivered.files:,}", f"{delivered.rows_received:,}")
    out.print(shown)
    say(
        f"{world.people:,} people, deliveries {world.first_delivery} to {world.last_delivery}, "
        f"{world.bytes / 1e6:,.0f} MB in {world.seconds:.1f} s. Truth: {truth}"
    )
    say(f"Next: c360 refresh --landing {_short(settings.landing)}")


@app.command(rich_help_panel=DEVELOPMENT)
def dev(
    landing: LandingOption = None,
    warehouse: WarehouseOption = None,
    port: Annotated[int, typer.Option(metavar="N", min=1, max=65535, help="Port on this machine.")] = 3000,
) -> None:
    """Open the Dagster UI on this warehouse, at http://127.0.0.1:<port>."""
    settings = settings_for(warehouse, landing)
    from orchestration.jobs import prepare_instance_home
    from orchestration.plan import first_partition
    from orchestration.warehouse.runner import prepare_manifest

    prepare_manifest(settings)
    if settings.first_partition is None:
        os.environ["C360_FIRST_PARTITION"] = first_partition(settings).isoformat()
    os.environ["DAGSTER_HOME"] = str(prepare_instance_home(settings))
    workspace = str(settings.root / "workspace.yaml")
    dagster = str(Path(sys.executable).with_name("dagster"))
    # The user started this program to start that one, so it takes over the terminal and its signals.
    os.execv(dagster, [dagster, "dev", "--workspace", workspace, "--host", "127.0.0.1", "--port", str(port)])  # noqa: S606


@app.command(rich_help_panel=DEVELOPMENT, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def dbt(context: typer.Context, warehouse: WarehouseOption = None) -> None:
    """Run dbt on this warehouse: `c360 dbt docs generate`, `c360 dbt build --select marts`."""
    settings = settings_for(warehouse)
    from orchestration.database import connect
    from orchestration.run_lock import RunLock
    from orchestration.warehouse import runner

    with RunLock(settings):
        settings.temp_dir.mkdir(parents=True, exist_ok=True)
        with connect(settings) as con:
            runner.write_rules(con, settings)
        command = runner.command_line(settings, context.args)
        environment = runner.merged(os.environ, runner.environment(settings))
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)  # noqa: S603 - the user's own dbt


def _short(path: Path) -> str:
    """A path as a person would type it here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _print_published(settings: Settings, as_json: bool) -> None:
    """Print the summary of the version that BI sees now."""
    from orchestration.publication.versions import current_version
    from orchestration.summary import summarise

    version = current_version(settings)
    if version is None:
        raise RuntimeError("The run succeeded but nothing is published.")
    summary = summarise(version)
    if as_json:
        counts = {name: value for name, value in asdict(summary).items() if name not in ("version", "as_of", "path")}
        say_json({"outcome": "published", **version_facts(version), **counts})
        return
    shown = table("what", "count", title=f"Version {summary.version}, as of {summary.as_of}")
    for name, rows in summary.rows_by_stage.items():
        shown.add_row(name, f"{rows:,}")
    shown.add_row("source records resolved", f"{summary.source_records:,}")
    shown.add_row("… of them unlinked", f"{summary.unlinked_records:,}")
    shown.add_row("customers", f"{summary.customers:,}")
    for tier, customers in summary.tiers.items():
        shown.add_row(f"tier {tier}", f"{customers:,}")
    shown.add_row("checks passed / warned", f"{summary.checks_passed:,} / {len(summary.warnings):,}")
    out.print(shown)
    for warning in summary.warnings:
        say(f"Warning: {warning}")
    say(f"Published file: {settings.serving_dir / 'current' / 'c360.duckdb'}")
    where = f"--warehouse {_short(settings.warehouse)}"
    say(
        f"Next, with .venv/bin/c360:\n  c360 status {where}\n  c360 customer {summary.example_customer} {where}\n"
        f"  c360 dev --landing {_short(settings.landing)} {where}    the Dagster UI, http://127.0.0.1:3000\n"
        "Or open the published file read-only in a BI tool while the next refresh runs."
    )
