"""Starting afresh from raw: a new working database in place of the old one, and nothing else lost.

What belongs here: setting the old database aside and what outlives it. What does not: the run that fills the new one
(`jobs.py`).

A rebuild needs raw, the customer ids with the decisions about them (`identity/`) and the decisions about rows and
values (`decisions/`): ids tell who was whom before, and no delivery does. All else is derived from them and the rules.
"""

from pathlib import Path

import duckdb

from orchestration import database
from orchestration.database import identifier, literal
from orchestration.errors import UserError
from orchestration.publication.versions import current_version
from orchestration.run_lock import RunLock
from orchestration.settings import Settings

# What runs wrote down over time, and no run can find out again.
_HISTORY = (("quality", "check_results"),)


def start_afresh(settings: Settings) -> Path | None:
    """Put an empty working database in place of the present one, with the history of checks in it.

    Returns:
        Where the old one lies now; None where there was none.

    Raises:
        UserError: there is nothing in raw to rebuild from.
        WarehouseBusyError: a run is under way.
    """
    if not any(settings.raw_dir.glob("*/*/delivery_date=*/manifest.json")):
        raise UserError(
            f"There is nothing to rebuild from: {settings.raw_dir} holds no delivery. "
            "Run c360 refresh, or c360 restore."
        )
    with RunLock(settings):
        log = settings.database.with_name(f"{settings.database.name}.wal")
        aside = settings.database.with_name("before_rebuild.duckdb")
        if settings.database.exists():
            for path, target in ((settings.database, aside), (log, aside.with_name(f"{aside.name}.wal"))):
                target.unlink(missing_ok=True)
                if path.exists():
                    path.rename(target)
        published = current_version(settings)
        with database.connect(settings) as con:
            for schema, table in _HISTORY:
                for file in (aside, published.file if published else None):
                    if file is not None and file.exists() and _take_over(con, file, schema, table):
                        break
    return aside if aside.exists() else None


def _take_over(con: duckdb.DuckDBPyConnection, file: Path, schema: str, table: str) -> bool:
    """Copy a table out of another database; False where that is damaged or has no such table."""
    name = f"{identifier(schema)}.{identifier(table)}"
    try:
        con.execute(f"attach {literal(str(file))} as old (read_only)")
    except duckdb.Error:
        return False
    try:
        con.execute(f"create table {name} as select * from old.{name}")
    except duckdb.Error:
        return False
    finally:
        con.execute("detach old")
    return True
