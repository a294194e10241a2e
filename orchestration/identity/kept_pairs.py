"""What the last run found out about pairs of records, kept so that a night compares only what is new or changed.

What belongs here: the files of the last run's compared pairs (`<warehouse>/identity/kept_pairs/`), when they may be
used, and which records have not changed since. What does not: comparing (`comparison.py`), blocking and scoring
(`scoring.py`).

A pair is used again when both of its records are as they were: same key, same content of everything that is compared
(the row of `subjects`, in which shared values and common words are blanked already) and same place in the order of
age. All else follows from model, policy and code; when one of them changes, everything is compared anew. So a night
gives what a full run gives on the same data, pair by pair and digit by digit.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from orchestration.database import literal, parquet
from orchestration.files import checksum
from orchestration.identity.calibration import Calibration
from orchestration.identity.comparison import FIELDS, compare_pairs
from orchestration.identity.name_shares import reference_fingerprint
from orchestration.identity.policy import IdentityPolicy

if TYPE_CHECKING:
    from orchestration.identity.scoring import Model

_FOLDER = "kept_pairs"
_FORMAT = 3
CODE = (
    "comparison.py", "blocking_keys.py", "promising.py", "match_weights.py", "scoring.py", "calibration.py",
    "name_shares.py", "kept_pairs.py",
)  # fmt: skip
"""Modules that decide levels and scores: when one of them changes, nothing that is kept holds."""

_LEVELS = (*FIELDS, "both_latin", "one_word", "both_chinese", "contradicted", "excluded", "incompatible")
_FLAGS = _LEVELS[len(FIELDS) :]


@dataclass(frozen=True)
class Kept:
    """What of the last run can be used: `full` says that nothing can, and `why`; `records_unchanged` of how many."""

    full: bool
    why: str
    records: int
    records_unchanged: int


def fingerprints(policy: IdentityPolicy, model: "Model", calibration: Calibration) -> dict[str, str]:
    """Checksums of all that decides levels and scores besides the records: model, policy, code, engine, word lists."""
    here = Path(__file__).parent
    parts: dict[str, object] = {
        "model": [
            *(sorted(kind.items()) for kind in (model.m, model.u, model.relatives, model.names, model.sounds)),
            model.unlisted,
        ],
        "calibration": calibration.in_force(),
        "policy": (sorted(policy.limits.items()), policy.blocking_rules, policy.source_trust),
        "code": (_FORMAT, checksum((here / name for name in CODE), here), duckdb.__version__),
        "word lists": reference_fingerprint(),
    }
    return {name: hashlib.sha256(repr(part).encode()).hexdigest() for name, part in parts.items()}


def fingerprints_file(ledger: Path) -> Path:
    """Where the fingerprints of the last run lie."""
    return ledger / _FOLDER / "fingerprints.json"


def know_nothing(connection: duckdb.DuckDBPyConnection) -> None:
    """Write the tables of `recall` as they are where nothing is kept: every record is new, no pair is known."""
    connection.execute(f"create or replace temp table record_contents as {content_of('subjects')}")
    _know_no_pair(connection)


def content_of(subjects: str) -> str:
    """SQL of `record_id, content` for a table of subjects: a checksum of all that is compared, of key and of age."""
    return f"""
        select record_id, hash(*columns(* exclude (record_id))) as content
        from (
            select s.*, r.record_key, r.first_delivered, r.first_seen_at
            from {subjects} as s inner join identity.records as r using (record_id)
        ) as described
    """


def _know_no_pair(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        f"""
        create or replace temp table changed_records as select record_id from record_contents;
        create or replace temp table known_levels (
            l integer, r integer, {", ".join(f"{f} varchar" for f in FIELDS)},
            {", ".join(f"{f} boolean" for f in _FLAGS)}, match_weight double, match_probability double
        );
        create or replace temp table used_pairs (l integer, r integer);
        create or replace temp table closed_blocks (rule varchar, block ubigint);
        create or replace temp table blocks_left_out (rule varchar, block ubigint)
        """
    )


def recall(connection: duckdb.DuckDBPyConnection, ledger: Path, prints: Mapping[str, str]) -> Kept:
    """Find what of the last run holds for `identity.subjects` as they are now.

    Writes temporary tables `record_contents` (`record_id, content`: every subject), `changed_records` (`record_id`: new
    or changed ones), `known_levels` (pairs `l, r` of unchanged records with their levels, `match_weight` and
    `match_probability` where they were scored high enough) and `closed_blocks` (`rule, block`: blocks that were too
    large). Files that cannot be read are no fault: everything is compared anew.
    """
    connection.execute(
        "create or replace temp table record_contents as select record_id, content from identity.subjects"
    )
    _know_no_pair(connection)
    folder = ledger / _FOLDER
    why = _why_not(fingerprints_file(ledger), prints)
    if not why:
        try:
            _load(connection, folder)
        except duckdb.Error:
            why = "what was kept of the last run cannot be read"
    row = connection.execute(
        "select (select count(*) from record_contents), (select count(*) from changed_records)"
    ).fetchone()
    records, changed = row or (0, 0)
    return Kept(bool(why), why, records, records - changed)


def _why_not(file: Path, prints: Mapping[str, str]) -> str:
    if not file.exists():
        return "nothing is kept of an earlier run"
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
        differing = [name for name in prints if before.get(name) != prints[name]]
    except (OSError, ValueError, AttributeError):
        return "what was kept of the last run cannot be read"
    return f"changed since the last run: {', '.join(differing)}" if differing else ""


def _load(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    files = {name: parquet(folder / f"{name}.parquet") for name in ("records", "pairs", "blocks")}
    connection.execute(
        f"""
        create or replace temp table unchanged_records as
        select k.number, c.record_id
        from {files["records"]} as k inner join record_contents as c on c.content = k.content;
        create or replace temp table recalled as
        select l.record_id as l, r.record_id as r, {", ".join(f"k.{c}" for c in _LEVELS)},
            k.match_weight, k.match_probability
        from {files["pairs"]} as k
        inner join unchanged_records as l on l.number = k.l
        inner join unchanged_records as r on r.number = k.r;
        create or replace temp table recalled_blocks as select rule, block from {files["blocks"]};
        insert into known_levels select * from recalled;
        insert into closed_blocks select * from recalled_blocks;
        create or replace temp table changed_records as
        select record_id from record_contents where record_id not in (select record_id from unchanged_records);
        drop table unchanged_records;
        drop table recalled;
        drop table recalled_blocks
        """
    )


def compare_known(
    connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, pairs: str, into: str, *, remember: bool = True
) -> int:
    """Write `into` as `compare_pairs` does, comparing only pairs that are not in `known_levels`; return how many.

    `remember` adds what was compared to `known_levels`, and the pairs to those that `keep` keeps for the next run.
    """
    connection.execute(
        f"""
        create or replace temp table unknown_pairs as
        select p.l, p.r from {pairs} as p
        where not exists (select 1 from known_levels as k where k.l = p.l and k.r = p.r)
        """
    )
    columns = ", ".join(_LEVELS)
    if connection.execute("select 1 from unknown_pairs limit 1").fetchone():
        compare_pairs(connection, policy, "unknown_pairs", "unknown_levels")
    else:
        connection.execute(
            f"create or replace temp table unknown_levels as select l, r, {columns} from known_levels limit 0"
        )
    connection.execute(
        f"""
        create or replace temp table {into} as
        select l, r, {columns} from unknown_levels
        union all
        select k.l, k.r, {columns} from known_levels as k
        where exists (select 1 from {pairs} as p where p.l = k.l and p.r = k.r)
        """
    )
    if remember:
        connection.execute(
            f"insert into known_levels select l, r, {columns}, null, null from unknown_levels; "
            f"insert into used_pairs select l, r from {pairs}"
        )
    row = connection.execute("select count(*) from unknown_levels").fetchone()
    connection.execute("drop table unknown_pairs; drop table unknown_levels")
    return int(row[0]) if row else 0


def keep(connection: duckdb.DuckDBPyConnection, ledger: Path, prints: Mapping[str, str]) -> None:
    """Keep for the next run the levels of the pairs used in this one, scores, contents and blocks that are too large.

    The folder is replaced as a whole; a run that is broken off leaves none, and the next one compares everything.
    Numbers and checksums only (a checksum is of source and key too, so it names its record): no value of a person is
    written.
    """
    folder, aside = ledger / _FOLDER, ledger / f"{_FOLDER}.part"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    columns = ", ".join(f"k.{c}" for c in _LEVELS)
    for name, query in {
        "records": "select record_id as number, content from record_contents order by record_id",
        "pairs": f"select k.l, k.r, {columns}, s.match_weight, s.match_probability from known_levels as k "
        "semi join used_pairs as u using (l, r) left join scored_pairs as s using (l, r)",
        "blocks": "select rule, block from blocks_left_out",
    }.items():
        target = literal(str(aside / f"{name}.parquet"))
        connection.execute(f"copy ({query}) to {target} (format parquet, compression zstd)")
    (aside / "fingerprints.json").write_text(json.dumps(dict(prints), indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)


def forget(ledger: Path) -> None:
    """Leave nothing for the next run."""
    shutil.rmtree(ledger / _FOLDER, ignore_errors=True)
