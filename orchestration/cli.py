"""`c360`: the commands. Each reads its options, calls one function, and prints what it returns.

Dagster, dbt and Great Expectations are imported inside the commands that need them, because they
take seconds. Exit status: 0 done or nothing to do, 1 a bug, 2 a fault that the user can mend,
3 a gate failed and the published file stayed as it was.
"""

import os
import subprocess
import sys
import time
import warnings
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

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
from orchestration.errors import UserError, machine_fault, machine_fault_behind
from orchestration.settings import Settings

if TYPE_CHECKING:
    from orchestration.plan import RefreshPlan

GATE_FAILED = 3
USER_FAULT = 2

app = typer.Typer(
    help="Customer 360: from raw extracts to a gated BI file.", no_args_is_help=True, pretty_exceptions_enable=False
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
out = Console()
err = Console(stderr=True)

LandingOption = Annotated[Path | None, typer.Option(help="Landing zone [C360_LANDING].", show_default=False)]
WarehouseOption = Annotated[Path | None, typer.Option(help="Warehouse folder [C360_WAREHOUSE].", show_default=False)]


def main() -> None:
    """Run the command line and end with the documented exit status."""
    warnings.filterwarnings("ignore", module=r"dagster.*")
    try:
        app()
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
    err.print(str(error), highlight=False, markup=False, soft_wrap=True)
    sys.exit(USER_FAULT)


def _settings(
    landing: Path | None = None,
    warehouse: Path | None = None,
    as_of: date | None = None,
    known_on: date | None = None,
) -> Settings:
    """Settings with the options of the command line put into the environment, where every step reads them."""
    options = {"LANDING": landing, "WAREHOUSE": warehouse, "AS_OF": as_of, "KNOWN_ON": known_on}
    for variable, value in {f"C360_{name}": value for name, value in options.items()}.items():
        if value is not None:
            os.environ[variable] = str(value.resolve() if isinstance(value, Path) else value)
    return Settings()


@app.command()
def refresh(
    landing: LandingOption = None,
    warehouse: WarehouseOption = None,
    as_of: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Business day to evaluate at its end.")
    ] = None,
    known_on: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Leave out deliveries after this day: what that night could know."),
    ] = None,
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish again after `c360 rollback`, also what was taken back.")
    ] = False,
) -> None:
    """Bring the published file up to date: the nightly job, run here."""
    settings = _settings(landing, warehouse, as_of.date() if as_of else None, known_on.date() if known_on else None)
    from orchestration.plan import plan_refresh

    if publish:
        versions_cli.release(settings)
    plan = plan_refresh(settings)
    if plan.nothing_new and plan.published and plan.held:
        out.print(
            f"Nothing was changed: {plan.held} Readers see version {plan.published.id}.",
            highlight=False,
            soft_wrap=True,
        )
        return
    if plan.nothing_new and plan.published:
        alerts_cli.tell(settings)
        out.print(f"Nothing new since version {plan.published.id}; nothing was changed.", highlight=False)
        return
    if plan.new_dates:
        out.print(f"New deliveries: {len(plan.new_dates)} ({plan.new_dates[0]} to {plan.new_dates[-1]})")
    _run_job(settings, plan)
    _print_published(settings)


def _rebuild(settings: Settings) -> None:
    """Run the job that builds everything from raw."""
    _run_job(settings, None)


def _run_job(settings: Settings, plan: "RefreshPlan | None") -> None:
    """Refresh by a plan, or rebuild without one, with a progress bar; leave with the documented status on failure."""
    started = time.monotonic()
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=err
    ) as bar:
        task = bar.add_task("Loading the pipeline", total=None)
        from orchestration.jobs import RefreshFailedError, StepEnd, run_rebuild, run_refresh

        def on_step(step: StepEnd, done: int, total: int) -> None:
            bar.update(task, description=step.step, completed=done, total=total)
            if not err.is_terminal:
                seconds = time.monotonic() - started
                err.print(f"{done:>4} of {total} {seconds:7.1f} s  {step.step}", highlight=False, markup=False)

        try:
            if plan is None:
                run_rebuild(settings, on_step)
            else:
                run_refresh(settings, plan, on_step)
        except RefreshFailedError as failed:
            bar.stop()
            for step in failed.failures:
                err.print(f"{step.step}: {step.reason}", style="red", highlight=False, markup=False, soft_wrap=True)
            err.print("The published file stayed as it was; `c360 status` shows it.")
            alerts_cli.tell(settings, [step.step for step in failed.failures])
            sys.exit(GATE_FAILED if failed.gate_failed else USER_FAULT if failed.user_error else 1)
    alerts_cli.tell(settings, failed_steps=[])


recovery_cli.register(app, _rebuild)


@app.command()
def status(warehouse: WarehouseOption = None) -> None:
    """Deliveries, last runs and the published version."""
    settings = _settings(warehouse=warehouse)
    from orchestration.gates.gate import report_file
    from orchestration.jobs import recent_runs
    from orchestration.publication.rollback import hold_in_force
    from orchestration.publication.versions import current_version
    from orchestration.summary import latest_deliveries

    version = current_version(settings)
    if version is None:
        out.print(f"Nothing is published in {settings.warehouse} yet. Next: c360 refresh", highlight=False)
    else:
        deliveries = Table("delivery", "dataset", "received", "loaded", "superseded", "repeated", "quarantined")
        for line in latest_deliveries(version, limit=24):
            counts = (line.received, line.loaded, line.superseded, line.repeated, line.quarantined)
            deliveries.add_row(str(line.delivery_date), line.dataset, *(f"{count:,}" for count in counts))
        out.print(deliveries)
        out.print(f"Published: {version.id}, as of {version.manifest.as_of}: {version.file}", highlight=False)
        if version.report.exists():
            out.print(f"Quality of that run: {version.report}", highlight=False)
    hold = hold_in_force(settings)
    if hold is not None:
        out.print(f"Held by {hold.by} since {hold.at:%Y-%m-%d %H:%M} UTC: {hold.why}", highlight=False, markup=False)
    runs = Table("started (UTC)", "job", "status")
    for run in recent_runs(settings, limit=5):
        runs.add_row(f"{run.started:%Y-%m-%d %H:%M:%S}", run.job, run.status)
    out.print(runs)
    if report_file(settings).exists():
        out.print(f"Quality of the last run: {report_file(settings)}", highlight=False)


@app.command()
def customer(
    who: Annotated[str, typer.Argument(help="Customer id, phone or name.")],
    warehouse: WarehouseOption = None,
    events: Annotated[int, typer.Option(min=0, help="How many moments of the timeline.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of tables.")] = False,
) -> None:
    """One customer in the terminal: profile, segments, tags, what is due, and the timeline; contact data masked."""
    settings = _settings(warehouse=warehouse)
    from orchestration.database import connect
    from orchestration.publication.customer_view import find_and_view
    from orchestration.publication.versions import current_version

    version = current_version(settings)
    if version is None:
        raise UserError(f"Nothing is published in {settings.warehouse} yet: run `c360 refresh` first.")
    with connect(settings, read_only=True) as working:
        views = find_and_view(working, version, who, events=events)
    if not views:
        raise UserError("No customer has this id, number or name. Ids are those of marts.customer_360.")
    if as_json:
        out.print_json(data=[view.as_data() for view in views])
        return
    for view in views:
        profile = Table("section", "field", "value", title=view.customer_id, title_justify="left")
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
                table = Table(*(name.replace("_", " ") for name in rows[0]), title=title, title_justify="left")
                for row in rows:
                    table.add_row(*map(_text, row.values()))
                out.print(table)


def _text(value: object) -> str:
    """A value as a person reads it: nothing for an empty one, lists and details with commas."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {part}" for name, part in value.items() if part is not None)
    return "" if value is None else str(value)


@app.command()
def generate(
    landing: LandingOption = None,
    people: Annotated[int, typer.Option(min=1, help="How many people live in the world.")] = 20_000,
    lines: Annotated[int, typer.Option(min=1, help="Purchase lines over both channels.")] = 200_000,
    days: Annotated[int, typer.Option(min=1, help="Daily deliveries.")] = 14,
    seed: Annotated[int, typer.Option(help="Same seed, same world.")] = 1,
    end: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Date of the last delivery; default is yesterday.")
    ] = None,
    profile: Annotated[str, typer.Option(help="Noise profile, see docs/generator.md.")] = "default",
) -> None:
    """Write a generated retail world, with its truth, as deliveries into the landing zone."""
    settings = _settings(landing)
    from seeds.generate import generate as generate_world

    last_day = end.date() if end else datetime.now(ZoneInfo(settings.timezone)).date() - timedelta(days=1)
    with Progress(TextColumn("{task.description}"), TimeElapsedColumn(), console=err) as bar:
        task = bar.add_task("Generating", total=None)
        world = generate_world(
            settings.landing,
            people=people,
            lines=lines,
            days=days,
            seed=seed,
            end=last_day,
            profile=profile,
            progress=lambda message: bar.update(task, description=f"Generating: {message}"),
        )
    table = Table("dataset", "files", "rows", title=f"Landing zone {settings.landing}", title_justify="left")
    for dataset, delivered in world.datasets.items():
        table.add_row(dataset, f"{delivered.files:,}", f"{delivered.rows_received:,}")
    out.print(table)
    out.print(
        f"{world.people:,} people, deliveries {world.first_delivery} to {world.last_delivery}, "
        f"{world.bytes / 1e6:,.0f} MB in {world.seconds:.1f} s. Truth: {settings.landing.parent / 'truth'}",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def dev(
    landing: LandingOption = None,
    warehouse: WarehouseOption = None,
    port: Annotated[int, typer.Option(help="Port of the UI.")] = 3000,
) -> None:
    """Open the Dagster UI on this warehouse, at http://127.0.0.1:<port>."""
    settings = _settings(landing, warehouse)
    from orchestration.jobs import prepare_instance_home
    from orchestration.warehouse.runner import prepare_manifest

    prepare_manifest(settings)
    os.environ["DAGSTER_HOME"] = str(prepare_instance_home(settings))
    workspace = str(settings.root / "workspace.yaml")
    dagster = str(Path(sys.executable).with_name("dagster"))
    # The user started this program to start that one, so it takes over the terminal and its signals.
    os.execv(dagster, [dagster, "dev", "--workspace", workspace, "--host", "127.0.0.1", "--port", str(port)])  # noqa: S606


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def dbt(context: typer.Context, warehouse: WarehouseOption = None) -> None:
    """Run dbt on this warehouse: `c360 dbt docs generate`, `c360 dbt build --select marts`."""
    settings = _settings(warehouse=warehouse)
    from orchestration.run_lock import RunLock
    from orchestration.warehouse import runner

    with RunLock(settings):
        settings.temp_dir.mkdir(parents=True, exist_ok=True)
        runner.write_rules(settings)
        command = runner.command_line(settings, context.args)
        environment = runner.merged(os.environ, runner.environment(settings))
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)  # noqa: S603 - the user's own dbt


def _short(path: Path) -> str:
    """A path as a person would type it here."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _print_published(settings: Settings) -> None:
    """Print the summary of the version that BI sees now."""
    from orchestration.publication.versions import current_version
    from orchestration.summary import summarise

    version = current_version(settings)
    if version is None:
        raise RuntimeError("The run succeeded but nothing is published.")
    summary = summarise(version)
    table = Table("what", "count", title=f"Version {summary.version}, as of {summary.as_of}", title_justify="left")
    for name, rows in summary.rows_by_stage.items():
        table.add_row(name, f"{rows:,}")
    table.add_row("source records resolved", f"{summary.source_records:,}")
    table.add_row("… of them unlinked", f"{summary.unlinked_records:,}")
    table.add_row("customers", f"{summary.customers:,}")
    for tier, customers in summary.tiers.items():
        table.add_row(f"tier {tier}", f"{customers:,}")
    table.add_row("checks passed / failed", f"{summary.checks_passed:,} / {summary.checks_failed:,}")
    out.print(table)
    out.print(f"Published file: {settings.serving_dir / 'current' / 'c360.duckdb'}", highlight=False, soft_wrap=True)
    where = f"--warehouse {_short(settings.warehouse)}"
    out.print(
        f"Next, with .venv/bin/c360:\n  c360 status {where}\n  c360 customer {summary.example_customer} {where}\n"
        f"  c360 dev --landing {_short(settings.landing)} {where}    the Dagster UI, http://127.0.0.1:3000\n"
        "Or open the published file read-only in a BI tool while the next refresh runs.",
        highlight=False,
        soft_wrap=True,
    )
