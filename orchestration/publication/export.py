"""Exports of audiences: the members of one audience as a file, with a manifest that proves what it holds.

What belongs here: which columns an export has, who sees contact data, and writing the file whole. What does not: who
is in an audience (`models/activation`), and the options of the command (`cli.py`).

Everything comes from the published version. Contact data are in no published table: for a role that may see them
(`seeds/policy/export_roles.csv`) they are read from the working database, and only of members who may be contacted:
not held out, not suppressed, and with consent where the contact is marketing.
"""

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import duckdb
from pydantic import BaseModel, ConfigDict

from orchestration import database
from orchestration.errors import UserError, is_machine_fault, machine_fault
from orchestration.files import sha256_of, write_whole
from orchestration.policy_rows import newest_in_force, read_day, read_policy_rows
from orchestration.publication.versions import Version, sync_folder
from orchestration.settings import Settings
from orchestration.spreadsheet_cells import safe_cell_sql

Format = Literal["csv", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "parquet")
DEFAULT_ROLE = "analyst"
ROLES_FILE = "export_roles.csv"

_SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9_]{0,60}")
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")

_MEMBERS = """
create temp table exported as
select
    members.audience, members.customer_id, profiles.display_name, profiles.salutation, members.entered_on,
    members.due_at, members.channel, members.priority, members.owner, members.arm, members.contact_status,
    members.planned_on, members.reason, members.is_marketing, members.may_contact, members.as_of
from marts.audience_members as members
left join marts.customer_360 as profiles using (customer_id)
where members.audience = ?
order by members.priority desc, members.due_at, members.customer_id
"""

# A number with its country code starts with a plus, which spreadsheets read as a formula: it goes out as it is dialled.
_CONTACTS = """
select
    customer_id, name,
    case when phone like '+86%' then substr(phone, 4) else '00' || ltrim(phone, '+') end as phone,
    email
from identity.customers
where customer_id in (select customer_id from contactable)
    and (marketing_consent or customer_id in (select customer_id from contactable where not is_marketing))
"""


class ExportManifest(BaseModel):
    """What an exported file holds; `created_at` is UTC, `rows_with_contact_data` counts unmasked rows."""

    model_config = ConfigDict(frozen=True)

    audience: str
    version: str
    as_of: date
    role: str
    masked: bool
    format: Format
    file: str
    rows: int
    rows_with_contact_data: int
    columns: list[str]
    bytes: int
    sha256: str
    created_at: datetime


@dataclass(frozen=True)
class Export:
    """An exported file and its manifest."""

    path: Path
    manifest_path: Path
    manifest: ExportManifest


def export_audience(
    settings: Settings,
    version: Version,
    audience: str,
    *,
    file_format: Format = "csv",
    out: Path | None = None,
    role: str = DEFAULT_ROLE,
) -> Export:
    """Write the members of an audience to `<out>/<audience>/<version>/<role>/<audience>.<format>` with its manifest.

    Args:
        settings: Names the warehouse and the policies.
        version: The published version to read.
        audience: Name as in policy `audiences`.
        file_format: `csv` (UTF-8, safe to open in a spreadsheet) or `parquet`.
        out: Folder; default is `<warehouse>/exports`.
        role: Role of policy `export_roles`; it decides whether contact data are shown.

    Returns:
        Where file and manifest are. An export of the same version, role and format replaces the one before, whole.

    Raises:
        UserError: unknown audience or role, no audiences in the version, or the folder cannot be written.
    """
    shows_contacts = sees_contact_data(settings.policy_dir / ROLES_FILE, role, version.manifest.as_of)
    with duckdb.connect() as connection:
        _load_members(connection, version, audience)
        unmasked = _add_contacts(connection, settings) if shows_contacts else 0
        folder = (out or settings.exports_dir) / audience / version.id / role
        path = folder / f"{audience}.{file_format}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            rows = _write(connection, path, file_format, private=shows_contacts)
            manifest = ExportManifest(
                audience=audience,
                version=version.id,
                as_of=version.manifest.as_of,
                role=role,
                masked=not shows_contacts,
                format=file_format,
                file=path.name,
                rows=rows,
                rows_with_contact_data=unmasked,
                columns=[row[0] for row in connection.execute("describe exported").fetchall()],
                bytes=path.stat().st_size,
                sha256=sha256_of(path),
                created_at=datetime.now(UTC).replace(microsecond=0),
            )
            manifest_path = path.with_name(f"{path.name}.manifest.json")
            write_whole(manifest_path, manifest.model_dump_json(indent=2) + "\n")
            sync_folder(folder)
        except (OSError, duckdb.IOException) as error:
            if is_machine_fault(error):
                raise machine_fault(error, f"Writing {path}") from error
            raise UserError(
                f"The folder {folder} cannot be written: {str(error).splitlines()[0]}. "
                "Name another with --out, or check its permissions."
            ) from error
    return Export(path, manifest_path, manifest)


def sees_contact_data(path: Path, role: str, on: date) -> bool:
    """Say whether a role may see contact data on a day.

    Args:
        path: The CSV with `role, sees_contact_data, valid_from, why`.
        role: The role that exports.
        on: The day; of several rows of the role the newest `valid_from` not after it counts.

    Raises:
        UserError: the file is missing, a row cannot be read, or no row in force names the role.
    """
    versions = []
    for number, row in read_policy_rows(path, ("role", "sees_contact_data", "valid_from", "why"), strip=True):
        where = f"{path.name} row {number}"
        name, sees = row["role"], row["sees_contact_data"].lower()
        if not _SAFE_NAME.fullmatch(name) or sees not in (*_TRUE, *_FALSE):
            raise UserError(
                f"{where}: role {name!r} must be small letters, digits and _, and sees_contact_data "
                f"{row['sees_contact_data']!r} true or false. Correct the row."
            )
        versions.append((name, read_day(where, "valid_from", row["valid_from"]), sees in _TRUE))
    in_force = newest_in_force(versions, on)
    if role not in in_force:
        raise UserError(
            f"No role {role!r} is in force on {on}. Use one of {', '.join(sorted(in_force)) or '(none)'}, "
            f"or add it to {path}."
        )
    return in_force[role]


def _load_members(connection: duckdb.DuckDBPyConnection, version: Version, audience: str) -> None:
    """Copy the members from the published file into the table `exported`."""
    with database.reading_published(version.file):
        connection.execute(f"attach {database.literal(str(version.file))} as published (read_only)")
    connection.execute("use published")
    try:
        known = [
            row[0] for row in connection.execute("select distinct audience from marts.audience_members").fetchall()
        ]
    except duckdb.CatalogException as error:
        raise UserError(
            f"Version {version.id} was published without audiences. Run c360 refresh and export again."
        ) from error
    if audience not in known or not _SAFE_NAME.fullmatch(audience):
        raise UserError(
            f"Nobody is in an audience {audience!r} in version {version.id}. "
            f"With members: {', '.join(sorted(known)) or 'none'}. Policy audiences.csv lists all."
        )
    connection.execute(_MEMBERS, [audience])
    connection.execute("use memory")
    connection.execute("detach published")


def _add_contacts(connection: duckdb.DuckDBPyConnection, settings: Settings) -> int:
    """Add name, phone and mailbox of members who may be contacted; returns how many rows got one."""
    wanted = connection.execute("select customer_id, is_marketing from exported where may_contact").to_arrow_table()
    with database.connect(settings, read_only=True) as working:
        working.register("contactable", wanted)
        contacts = working.execute(_CONTACTS).to_arrow_table()
    connection.register("contacts", contacts)
    connection.execute(
        "create or replace temp table exported as "
        "select exported.*, contacts.name, contacts.phone, contacts.email from exported left join contacts "
        "on exported.customer_id = contacts.customer_id and exported.may_contact "
        "order by exported.priority desc, exported.due_at, exported.customer_id"
    )
    counted = connection.execute(
        "select count(*) from exported where phone is not null or email is not null"
    ).fetchone()
    return int(counted[0]) if counted else 0


def _write(connection: duckdb.DuckDBPyConnection, path: Path, file_format: Format, *, private: bool) -> int:
    """Write the table `exported` beside `path` and move it there; returns its rows."""
    building = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    columns = connection.execute("describe exported").fetchall()
    if file_format == "csv":
        selected = ", ".join(_cell(name, data_type) for name, data_type, *_ in columns)
        options = "format csv, header true"
    else:
        selected, options = "*", "format parquet, compression zstd"
    try:
        connection.execute(f"copy (select {selected} from exported) to {database.literal(str(building))} ({options})")
        building.chmod(0o600 if private else 0o644)
        building.replace(path)
    finally:
        building.unlink(missing_ok=True)
    counted = connection.execute("select count(*) from exported").fetchone()
    return int(counted[0]) if counted else 0


def _cell(name: str, data_type: str) -> str:
    """SQL of a column as a spreadsheet may safely show it."""
    column = database.identifier(name)
    if data_type != "VARCHAR":
        return column
    return f"{safe_cell_sql(column)} as {column}"
