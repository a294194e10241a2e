"""The PostgreSQL server: reaching it, and saying in plain words why something there did not work.

What belongs here: addresses, connecting, errors. What does not: what is copied (`mirror.py`).

The address may hold a password. What is shown of it is host, port, database and user, never the address itself; an
address that PostgreSQL's library could misread, and quote a piece of the password in its complaint, is refused before
it gets there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestration.errors import UserError

if TYPE_CHECKING:
    import psycopg

INSTALL = "uv sync --extra mirror"
_SECONDS_TO_CONNECT = 10
_NOTHING_CHANGED = "Nothing was changed on the server."


@contextmanager
def connect(url: str) -> Iterator[psycopg.Connection]:
    """Open one transaction on the server; commit it at the end, or roll it back when anything went wrong.

    Args:
        url: `postgresql://user@host:port/database`; what it leaves out comes from libpq's own variables (`PGPASSWORD`,
            `PGHOST`, …) and files (`~/.pgpass`, `~/.pg_service.conf`).

    Raises:
        UserError: psycopg is not installed, the address is none, or the server refuses, for a reason a person can mend.
    """
    try:
        import psycopg
    except ImportError as error:
        raise UserError(f"c360 mirror needs the library psycopg, which is not installed: run `{INSTALL}`.") from error
    _refuse_unclear(url)
    try:
        connection = psycopg.connect(
            url, connect_timeout=_SECONDS_TO_CONNECT, client_encoding="UTF8", application_name="c360 mirror"
        )
    except psycopg.ProgrammingError as error:
        # The library quotes what it cannot read, which may be a piece of the password.
        raise UserError(
            "The address of the server cannot be read. Write postgresql://user@host:port/database, with options as "
            "?sslmode=require, and give the password as PGPASSWORD or in ~/.pgpass."
        ) from error
    except psycopg.OperationalError as error:
        raise UserError(_unreachable(url, str(error))) from None
    where = place(connection)  # a connection that is closed no more knows
    try:
        with connection:
            _refuse_unfit(connection)
            yield connection
    except psycopg.Error as error:
        explained = explain(error, where)
        if explained is None:
            raise
        raise UserError(explained) from error


def place(connection: psycopg.Connection) -> str:
    """Where a connection leads, without its password."""
    info = connection.info
    return f"database {info.dbname} at {info.host or 'localhost'}:{info.port} (user {info.user})"


def explain(error: psycopg.Error, where: str) -> str | None:
    """What a person can do about an error of the server; None where it is no fault of theirs."""
    from psycopg import errors

    detail = " ".join(part for part in (_line(error.diag.message_primary), _line(error.diag.message_detail)) if part)
    if isinstance(error, errors.InsufficientPrivilege):
        advice = (
            "Its owner lets the user make schemas by `grant create on database … to …`, or makes the schemas and gives "
            "them away by `alter schema … owner to …`. Tables are written by the user who mirrored them first."
        )
    elif isinstance(error, errors.DependentObjectsStillExist | errors.FeatureNotSupported):
        advice = "Drop what depends on it, mirror again, and make it again: a column or table it reads has changed."
    elif isinstance(error, errors.LockNotAvailable | errors.DeadlockDetected):
        advice = "Another session holds a lock on a mirrored table (pg_stat_activity shows whose). Run it again later."
    elif isinstance(error, errors.ReadOnlySqlTransaction):
        advice = "The server or user only reads: name the primary, or a user without default_transaction_read_only."
    elif isinstance(error, errors.QueryCanceled | errors.AdminShutdown):
        advice = "Somebody or a timeout of the server ended it. Run it again."
    elif (error.sqlstate or "").startswith("53"):
        advice = "The server has no room left: free disk or memory there. Both versions lie in it while it is copied."
    elif isinstance(error, errors.OperationalError) and not error.sqlstate:
        detail, advice = _line(str(error)), "The connection was lost on the way. Run it again."
    else:
        return None
    return f"Mirroring into {where} failed: {detail}. {advice} {_NOTHING_CHANGED}"


def _refuse_unclear(url: str) -> None:
    """Refuse what is no address, or one whose password would be taken for something else."""
    found = re.fullmatch(r"postgres(?:ql)?://(?P<rest>.*)", url, re.DOTALL)
    if found is None:
        raise UserError(
            "The server is named by an address that begins with postgresql://, such as postgresql://bi@db/c360."
        )
    userinfo, at, _ = found["rest"].rpartition("@")
    if at and (re.search(r"[@/?#\s\[\]]", userinfo) or userinfo.count(":") > 1):
        raise UserError(
            "User or password in the address of the server hold a sign that has a meaning there (one of @ / ? # : [ ] "
            "or a blank). Write it as %40, %2F, %3F, %23, %3A, %5B, %5D or %20, or leave the password out and give it "
            "as PGPASSWORD or in ~/.pgpass."
        )


def _refuse_unfit(connection: psycopg.Connection) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise UserError(
            f"The {place(connection)} has the encoding {encoding}, which cannot hold Chinese names. Make one with "
            "`create database … encoding 'UTF8' template template0`."
        )


def _unreachable(url: str, said: str) -> str:
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(url)
    host = parts.get("host") or parts.get("hostaddr") or "localhost"
    shown = f"{host}:{parts.get('port') or 5432}, database {parts.get('dbname') or parts.get('user') or '(default)'}"
    reason = _line(said.strip().splitlines()[0] if said.strip() else "")
    return (
        f"No connection to the PostgreSQL server {shown}: {reason}. Check that it runs and listens there, that its "
        "pg_hba.conf lets this machine and user in, and user, password (PGPASSWORD or ~/.pgpass) and database. "
        f"{_NOTHING_CHANGED}"
    )


def _line(text: str | None) -> str:
    return " ".join((text or "").split()).rstrip(".")
