"""A small landing zone to which everything happens that can happen to one between two nights.

What belongs here: the changes, each drawn with the chance it is given, and what the sources and people remember of
them. What does not: runs (`test_nights_equal_a_rebuild.py`).

Rows are made from rows that raw holds, so that they are as odd as what the sources send.
"""

import csv
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import duckdb

from data_quality.contract import Contract, load_contracts
from orchestration.database import identifier, literal
from seeds.generate import generate

ROOT = Path(__file__).parents[2]
END, DAYS, BASE_DAYS = date(2026, 6, 3), 8, 3
_TREE = ("orchestration", "data_quality", "dbt_project", "models", "seeds")
# Where a stage makes everything anew because a table is small or most of it is due, the walk shall see the other way.
_THRESHOLDS = {
    ("orchestration/publication/row_changes.py", "_SMALL"): "10",
    ("orchestration/publication/row_changes.py", "_FEW"): "0.5",
    ("orchestration/cleaning/due.py", "_MOST"): "0.9",
    ("orchestration/identity/recipes.py", "_MOST_AS_DELTA"): "0.9",
    ("orchestration/increment.py", "_MOST_KEPT"): "0.9",
    ("seeds/policy/value_model.csv", "stated_from_buyers"): "1",
    ("seeds/policy/value_model.csv", "stated_step"): "0.3",
}
# What a cell is given now and then instead of a value of another row.
_ODD = ("", "？？", "2026-02-30", "1900-01-01", "-1", "９９", "未知", "0")


class ChangingWorld:
    """Landing zone, checkout and warehouse of a walk; each method but the last few is a change between two nights.

    `options` and `environment` are those of the next refresh.
    """

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.chance = chance
        self.landing, self.warehouse, self.checkout = folder / "landing", folder / "warehouse", folder / "checkout"
        self._ever = folder / "ever_delivered"
        self._backup = folder / "backup"
        self._undelivered = folder / "undelivered" / "landing"
        self._rule_edits = _rows(ROOT / "tests" / "cases" / "rule_edits.csv")
        chance.shuffle(self._rule_edits)
        self._written = 0
        self._edited: list[tuple[Path, bytes]] = []
        self.options: tuple[str, ...] = ()
        self.environment: dict[str, str] = {}
        self.journal = folder / "journal"
        for name in _TREE:
            ignored = shutil.ignore_patterns("__pycache__", "target", "logs")
            shutil.copytree(ROOT / name, self.checkout / name, ignore=ignored)
        for (file, threshold), value in _THRESHOLDS.items():
            code = (self.checkout / file).read_text(encoding="utf-8")
            code, found = re.subn(rf"(?m)^({threshold}(?: = |,))[^\s,]+", rf"\g<1>{value}", code)
            assert found == 1, f"{file} has no {threshold} any more: name what took its place in _THRESHOLDS"
            (self.checkout / file).write_text(code, encoding="utf-8")
        generate(
            self._undelivered,
            people=150,
            lines=900,
            days=DAYS,
            seed=chance.randrange(1000),
            end=END,
            profile="noisy",
            history_days=400,
        )
        base = [END - timedelta(days=DAYS - 1 - day) for day in range(BASE_DAYS)]
        folders = sorted(self._undelivered.glob("*/*"))
        self._coming = [folder for folder in folders if date.fromisoformat(folder.name) not in base]
        chance.shuffle(self._coming)
        for folder in folders:
            if folder not in self._coming:
                self._deliver(folder)

    # What may happen, each by itself, since the walk draws the order; the answer is a line for the log of the walk.

    def new_rows(self) -> str:
        """A delivery that was to come anyhow, in whatever order."""
        if self._coming:
            self._deliver(self._coming.pop())
        return "a new delivery"

    def late_rows(self) -> str:
        """New keys with the dates of old rows, in the newest delivery."""
        for contract in self._some_datasets(2):
            self._write(contract, self._newest(), self._rows(contract, 4), renamed=True)
        return "late rows for old months"

    def corrections(self) -> str:
        """Known keys with other content, in the newest delivery."""
        for contract in self._some_datasets(3):
            self._write(contract, self._newest(), self._changed(contract, self._rows(contract, 4)))
        return "corrections"

    def repeats(self) -> str:
        """Known rows once more, word for word."""
        for contract in self._some_datasets(2):
            self._write(contract, self._newest(), self._rows(contract, 6))
        return "rows repeated"

    def late_folder(self) -> str:
        """A delivery of a date that was long over: new keys, and old content for keys that came again since."""
        day = END - timedelta(days=DAYS + self.chance.randrange(90))
        for contract in self._some_datasets(3):
            self._write(contract, day, self._rows(contract, 3), renamed=True)
            self._write(contract, day, self._changed(contract, self._rows(contract, 3)))
        return "a late delivery folder"

    def replaced_file(self) -> str:
        """A file once more under its own name, without some of its rows and with others changed."""
        known = self._known_datasets()
        files = sorted(path for path in self.landing.glob("*/*/*.csv") if self._contract_of(path) in known)
        path = self.chance.choice(files)
        contract = self._contract_of(path)
        rows = self._rows(contract, None, file=path.relative_to(self.landing).as_posix())
        kept = [row for row in rows if self.chance.random() < 0.7]
        changed = set(map(id, self.chance.sample(kept, len(kept) // 10)))
        self._write_to(path, contract, [self._changed(contract, [r])[0] if id(r) in changed else r for r in kept])
        return "a file replaced"

    def withdrawn_file(self) -> str:
        """A file that is not there any more; raw keeps its rows."""
        self.chance.choice(sorted(path for path in self.landing.glob("*/*/*") if path.is_file())).unlink()
        return "a file withdrawn"

    def decisions(self) -> str:
        """What people decide about rows, values and pairs, as they type it."""
        why = ("--why", "decided in a test", "--by", "test")
        for entry in self._listed("quarantine", "list", key="entries")[:4]:
            verdict = self.chance.choice(["release", "discard"])
            self.command("quarantine", verdict, entry["entry_id"], *why)
        for doubt in self._listed("doubtful", "list")[:3]:
            self.command("doubtful", "decide", doubt["doubt_id"], self.chance.choice(["accept", "reject"]), *why)
        for pair in self._listed("review", "list")[:3]:
            verdict = self.chance.choice(["same", "different"])
            self.command("review", "decide", pair["left"], pair["right"], verdict, *why)
        return "decisions of people"

    def revoked_decisions(self) -> str:
        """What was decided is taken back."""
        why = ("--why", "taken back in a test", "--by", "test")
        for entry in self._listed("quarantine", "list", "--all", key="entries"):
            if entry["status"] != "open":
                self.command("quarantine", "reopen", entry["entry_id"], *why)
                break
        for pair in self._listed("review", "list", "--decided")[:1]:
            self.command("review", "revoke", pair["left"], pair["right"], *why)
        return "decisions taken back"

    def policy_edit(self) -> str:
        """A rule in the checkout is another."""
        if not self._rule_edits:
            return "no rule left to edit"
        edit = self._rule_edits.pop()
        path = self.checkout / edit["file"]
        rows = _rows(path)
        wanted = dict(condition.split("=", 1) for condition in edit["where"].split(";"))
        row = next(row for row in rows if all(row[name] == value for name, value in wanted.items()))
        assert row[edit["column"]] != edit["value"], edit
        row[edit["column"]] = edit["value"]
        self._edited.append((path, path.read_bytes()))
        _write_csv(path, list(rows[0]), (row.values() for row in rows))
        return f"{edit['file']} edited: {edit['where']}"

    def policy_edit_undone(self) -> str:
        """The last rule that was edited is again what it was."""
        if not self._edited:
            return "no rule was edited"
        path, content = self._edited.pop()
        path.write_bytes(content)
        return f"{path.name} is what it was"

    def code_edit(self) -> str:
        """A model and a module are other files, and do what they did."""
        for pattern, comment in (
            ("models/intermediate/*.sql", "\n-- edited\n"),
            ("orchestration/c*/*.py", "\n# edited\n"),
        ):
            path = self.chance.choice(sorted(self.checkout.glob(pattern)))
            path.write_text(path.read_text(encoding="utf-8").rstrip() + comment, encoding="utf-8")
        return "a model and a module edited"

    def as_of_in_the_past(self) -> str:
        """Tonight looks back."""
        day = END - timedelta(days=self.chance.randrange(DAYS, 60))
        self.options = ("--as-of", day.isoformat())
        return f"as of {day}"

    def known_on_in_the_past(self) -> str:
        """Tonight knows only what came up to a day."""
        day = END - timedelta(days=self.chance.randrange(1, DAYS))
        self.options = ("--known-on", day.isoformat())
        return f"known on {day}"

    def other_zone(self) -> str:
        """Tonight runs in another time zone."""
        self.environment = {"C360_TIMEZONE": "America/New_York"}
        return "another time zone"

    def lost_database(self) -> str:
        """Somebody deleted the working database; raw, ids and decisions are there."""
        for path in self.warehouse.glob("warehouse.duckdb*"):
            path.unlink()
        return "the working database deleted"

    def killed_run(self) -> str:
        """A run before tonight's ends by `kill -9`."""
        self.keep_what_was_delivered()
        moments = Counter(self.journal.read_text(encoding="utf-8").split())
        step = self.chance.choice(sorted(moments))
        moment, delay = self.chance.randint(1, moments[step]), round(self.chance.random() / 5, 3)
        ended = self.refresh(step, moment, delay)
        return f"a run killed in {step} at moment {moment} and {delay} s ({ended.returncode})"

    def restore(self) -> str:
        """The warehouse is what it was when the backup was taken; the landing zone is not."""
        if not self._backup.exists():
            return "no backup to restore"
        assert self.command("restore", str(self._backup), "--force"), "c360 restore refused"
        return "a backup restored"

    # What the walk asks for.

    def refresh(self, step: str = "-", moment: int = 0, delay: float = 0.0) -> "subprocess.CompletedProcess[str]":
        """Run `c360 refresh` with the checkout's code; killed `delay` seconds after a moment of a step, or not."""
        killer = Path(__file__).with_name("run_until_killed.py")
        journal = self.journal if not self.journal.exists() else self.journal.with_name("journal_of_this_run")
        return self._run(killer, journal, step, moment, delay, "refresh", "--landing", self.landing, *self.options)

    def command(self, *words: str) -> str:
        """Run another command on the warehouse; gives what it printed, or nothing where it refused."""
        done = self._run("-c", "from orchestration.cli import main; main()", *words)
        assert done.returncode in (0, 2), done.stderr[-2000:]
        return "" if done.returncode else done.stdout

    def _run(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        return run_in(self.checkout, *arguments, "--warehouse", self.warehouse, environment=self.environment)

    def back_up(self) -> None:
        """Take the backup that a later night may restore."""
        shutil.rmtree(self._backup, ignore_errors=True)
        assert self.command("backup", str(self._backup)), "c360 backup refused"

    def remembered(self, target: Path) -> None:
        """Write the landing zone as raw remembers it: what is there, and what was withdrawn since it came."""
        with duckdb.connect(str(self.warehouse / "warehouse.duckdb"), read_only=True) as con:
            known = con.execute("select file, sha256 from raw.files").fetchall()
        if "--known-on" not in self.options:
            there = {path.relative_to(self.landing).as_posix() for path in self.landing.rglob("*.*") if path.is_file()}
            assert there <= {file for file, _ in known}, "raw does not know every file of the landing zone"
        for file, checksum in known:
            path = target / file
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._ever / checksum, path)

    def keep_what_was_delivered(self) -> None:
        """Keep the content of each file, whatever becomes of it."""
        self._ever.mkdir(exist_ok=True)
        for path in self.landing.rglob("*.*"):
            if path.is_file():
                shutil.copyfile(path, self._ever / hashlib.sha256(path.read_bytes()).hexdigest())

    def _deliver(self, folder: Path) -> None:
        shutil.copytree(folder, self.landing / folder.parent.name / folder.name, dirs_exist_ok=True)

    def _newest(self) -> date:
        return max(date.fromisoformat(folder.name) for folder in self.landing.glob("*/*"))

    def _known_datasets(self) -> list[Contract]:
        """Datasets of which raw holds something."""
        raw = self.warehouse / "raw"
        return [c for c in load_contracts().values() if any((raw / c.source / c.dataset).glob("*/*.parquet"))]

    def _some_datasets(self, count: int) -> list[Contract]:
        """Some of them, chosen with the chance of the walk."""
        known = self._known_datasets()
        return self.chance.sample(known, min(count, len(known)))

    def _contract_of(self, path: Path) -> Contract:
        contracts = load_contracts().values()
        return next(c for c in contracts if c.source == path.parts[-3] and path.name.startswith(c.dataset))

    def _rows(self, contract: Contract, count: int | None, file: str | None = None) -> list[list[str | None]]:
        """Good rows of a dataset as delivered, in the order of the contract's columns."""
        raw = literal(str(self.warehouse / "raw" / contract.source / contract.dataset / "*" / "*.parquet"))
        columns = ", ".join(identifier(name) for name in contract.columns)
        with duckdb.connect() as con:
            rows = con.execute(
                f"select {columns} from read_parquet({raw}) where _row_error is null "
                "and ($file is null or _file = $file) order by _file, _line",
                {"file": file},
            ).fetchall()
        chosen = rows if count is None else self.chance.sample(rows, min(count, len(rows)))
        return [list(row) for row in chosen]

    def _changed(self, contract: Contract, rows: list[list[str | None]]) -> list[list[str | None]]:
        """The same keys with one or two cells of other rows, or odd ones."""
        names = list(contract.columns)
        free = [n for n, name in enumerate(names) if name not in contract.key]
        others = self._rows(contract, 20)
        for row in rows:
            for place in self.chance.sample(free, min(2, len(free))):
                row[place] = self.chance.choice(_ODD if self.chance.random() < 0.2 else [o[place] for o in others])
        return rows

    def _write(self, contract: Contract, day: date, rows: list[list[str | None]], *, renamed: bool = False) -> None:
        """A file of its own in a delivery; `renamed` gives its rows keys that nobody used."""
        self._written += 1
        if renamed:
            place = list(contract.columns).index(contract.key[0])
            for row in rows:
                row[place] = f"W{self._written}{row[place]}"
        name = f"{contract.dataset}_written_{self._written}.csv"
        self._write_to(self.landing / contract.source / day.isoformat() / name, contract, rows)

    def _write_to(self, path: Path, contract: Contract, rows: list[list[str | None]]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_csv(path, list(contract.columns), rows)

    def _listed(self, *words: str, key: str | None = None) -> list[dict[str, str]]:
        """What a listing command says as JSON, in an order of the walk's chance."""
        said = self.command(*words, "--json")
        found = json.loads(said) if said else []
        found = found[key] if key and found else found
        self.chance.shuffle(found)
        return list(found)


DELIVERED = (
    ChangingWorld.late_rows,
    ChangingWorld.corrections,
    ChangingWorld.repeats,
    ChangingWorld.late_folder,
    ChangingWorld.replaced_file,
    ChangingWorld.withdrawn_file,
    ChangingWorld.decisions,
)
# After these everything is due, and nothing that a night keeps is looked at.
EVERYTHING_DUE = (
    ChangingWorld.policy_edit,
    ChangingWorld.policy_edit,
    ChangingWorld.policy_edit_undone,
    ChangingWorld.code_edit,
    ChangingWorld.other_zone,
    ChangingWorld.lost_database,
)
CHANGES = (
    *DELIVERED,
    *DELIVERED,
    *EVERYTHING_DUE,
    ChangingWorld.revoked_decisions,
    ChangingWorld.as_of_in_the_past,
    ChangingWorld.known_on_in_the_past,
    ChangingWorld.killed_run,
    ChangingWorld.killed_run,
    ChangingWorld.restore,
)
"""What a walk deals to its nights; `new_rows` comes in every night."""


def run_in(checkout: Path, *arguments: object, environment: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run Python with the code of a checkout and these settings, and nothing of the caller's."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("C360_", "DAGSTER_"))}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=checkout,
        env={**inherited, **environment, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Iterable[str | None]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
