"""`c360 contract …`: which columns of ours the headers of somebody else's file mean."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli_options import DATA, JsonOption, out, say, say_json, table, today
from orchestration.errors import UserError
from orchestration.settings import Settings

if TYPE_CHECKING:
    from orchestration.mapping.proposal import Proposal

contract = typer.Typer(help="The contracts of the datasets in data_quality/contracts.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands to `c360`."""
    app.add_typer(contract, name="contract", rich_help_panel=DATA)


@contract.callback()
def _group() -> None:
    """The contracts of the datasets in data_quality/contracts."""


@contract.command()
def suggest(
    file: Annotated[Path, typer.Argument(help="A delivered file of any format, with any headers.")],
    source: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="pos, ecommerce or call_center; guessed if left out.", show_default=False),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Dataset, e.g. sales; guessed if left out.", show_default=False)
    ] = None,
    chosen: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="HEADER=COLUMN",
            help="Your own decision; HEADER= leaves it out. May be repeated.",
            show_default=False,
        ),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Add the likely headers and those of --map to the contract's aliases.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Propose which column of a contract each header of a file means, and what the contract would have to learn."""
    from data_quality.contract import ContractError
    from data_quality.contract_edit import with_aliases
    from orchestration.files import write_whole
    from orchestration.mapping.proposal import suggest as propose

    settings = Settings()
    decisions = dict(map(_decision, chosen or []))
    proposal = propose(settings, file, source=source, dataset=dataset, chosen=decisions)
    contract_file = settings.contracts_dir / f"{proposal.contract.table}.yml"
    added, removed = proposal.added(), proposal.removed()
    if write and (added or removed):
        try:
            write_whole(contract_file, with_aliases(contract_file.read_text(encoding="utf-8"), added, removed))
        except ContractError as error:
            raise UserError(f"{contract_file.name} was not changed. {error}") from error
    learnt = [f"{name}: aliases: [{', '.join(headers)}]" for name, headers in added.items()]
    shown = f"data_quality/contracts/{contract_file.name}"
    if as_json:
        say_json(
            {
                "file": file.name,
                "source": proposal.contract.source,
                "dataset": proposal.contract.dataset,
                "score": proposal.score,
                "other_datasets": proposal.others,
                "rows": proposal.rows,
                "bad_rows": proposal.bad_rows,
                "headers": [vars(match) for match in proposal.matches],
                "missing": proposal.missing,
                "empty": proposal.empty,
                "filled_instead": proposal.filled_instead,
                "contract": shown,
                "aliases": added,
                "aliases_removed": removed,
                "written": write and bool(added or removed),
            }
        )
        return
    others = ", ".join(f"{name} {score:g}" for name, score in proposal.others.items())
    say(
        f"{file.name}: {proposal.contract.source}/{proposal.contract.dataset} (score {proposal.score:g}"
        f"{f'; next {others}' if others else ''}). {proposal.rows} rows read, {proposal.bad_rows} could not be split."
    )
    matches = table("header", "column", "verdict", "confidence", "evidence")
    extras = []
    for match in proposal.matches:
        if match.verdict == "none":
            extras.append(f"{match.header} ({'; '.join(match.evidence)})" if match.evidence else match.header)
            continue
        confidence = f"{match.confidence:.2f}" if match.verdict in ("likely", "possible") else ""
        matches.add_row(match.header, match.column or "", match.verdict, confidence, "; ".join(match.evidence))
    out.print(matches)
    if extras:
        say(f"Without a column, kept in raw: {', '.join(extras)}.")
    _say_faults(proposal)
    for match in proposal.matches:
        if match.verdict == "possible":
            say(f"If {match.header} is {match.column}: --map '{match.header}={match.column}'")
        elif match.verdict == "unfit" and match.instead:
            say(
                f"The contract takes {match.header} for {match.column}, but its values are of another kind. "
                f"If it is {match.instead}: --map '{match.header}={match.instead}'"
            )
    if not added and not removed:
        say(f"{shown} has nothing to learn from this file.")
    elif write:
        say(f"Written: {shown} ({sum(map(len, added.values()))} aliases).")
    else:
        say(f"{shown}, under columns (add with --write):")
        for line in learnt:
            say(f"  {line}")
    if not proposal.missing:
        name = (
            file.name if file.name.startswith(proposal.contract.dataset) else f"{proposal.contract.dataset}_{file.name}"
        )
        place = f"<landing>/{proposal.contract.source}/{today(settings)}/{name}"
        say(f"Next: put the file to {place} and run `c360 refresh`.")


def _say_faults(proposal: "Proposal") -> None:
    """What a run would not accept, and what to do about it."""
    for column in proposal.missing:
        advice = (
            "Let the export number the lines of each order or ticket (1, 2, 3 …)."
            if column == "line_no"
            else "Let the export deliver it, or say with --map which header it is."
        )
        say(f"Missing: {column} is required, and without it the whole file is quarantined. {advice}")
    for column, share in proposal.empty.items():
        others = ", ".join(proposal.filled_instead.get(column, []))
        hint = f" Filled throughout, of the same kind and without a column: {others}." if others else ""
        say(f"Empty: {column} is required, and {share:.1%} of the rows have no value; they are quarantined.{hint}")


def _decision(text: str) -> tuple[str, str]:
    """Header and column of `HEADER=COLUMN`; the header may hold `=` itself."""
    header, sign, column = text.rpartition("=")
    if not sign or not header.strip():
        raise UserError(f"--map {text!r}: write HEADER=COLUMN, or HEADER= to leave the header out.")
    return header, column.strip()
