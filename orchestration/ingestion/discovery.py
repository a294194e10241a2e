"""What lies in the landing zone: one `LandingFile` per delivered file, with its home or the reason it has none.

What belongs here: names, folders and file kinds. What does not: opening a file (decoding and the readers) and
remembering what was read (raw_store).
"""

import difflib
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from data_quality.contract import Contract, ContractError, load_contracts
from orchestration.as_of import raw_delivery_dates
from orchestration.errors import UserError
from orchestration.ingestion.problems import FileProblem
from orchestration.settings import SOURCES, Settings

FileFormat = Literal["csv", "tsv", "jsonl", "parquet", "xlsx"]

FORMATS: dict[str, FileFormat] = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".tsv": "tsv",
    ".tsv.gz": "tsv",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
}
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".crdownload", ".filepart", ".swp", "~")
_MARKERS = ("thumbs.db", "desktop.ini", "_success", "_committed", "_started", "readme.md", "readme.txt")


@dataclass(frozen=True)
class LandingFile:
    """One delivered file: where it lies and what it is, or why it has no home.

    `relative` is its path below the landing zone with `/`, as raw tables show it. `dataset` and
    `delivery_date` are None where they cannot be told. `mtime_ns` is when its content or its place was changed last.
    """

    path: Path
    relative: str
    source: str | None
    dataset: str | None
    delivery_date: date | None
    format: FileFormat | None
    compressed: bool
    size: int
    mtime_ns: int
    problem: FileProblem | None

    @property
    def home(self) -> tuple[str, str, date] | None:
        """Source, dataset and delivery date, when all three are known."""
        if self.source is None or self.dataset is None or self.delivery_date is None:
            return None
        return self.source, self.dataset, self.delivery_date


def by_home(files: Iterable[LandingFile]) -> dict[tuple[str, str, date], list[LandingFile]]:
    """Files by source, dataset and delivery date; those without a home are left out."""
    homes: dict[tuple[str, str, date], list[LandingFile]] = {}
    for file in files:
        if file.home is not None:
            homes.setdefault(file.home, []).append(file)
    return homes


def deliveries_of(contract: Contract, files: Iterable[LandingFile]) -> dict[date, list[LandingFile]]:
    """The files of one dataset by delivery date."""
    return {
        day: delivered
        for (source, dataset, day), delivered in by_home(files).items()
        if (source, dataset) == (contract.source, contract.dataset)
    }


@dataclass(frozen=True)
class Landing:
    """Everything found in the landing zone; `ignored` counts hidden, temporary, marker and readme files."""

    files: list[LandingFile]
    ignored: int


def discover(settings: Settings) -> list[LandingFile]:
    """List the delivered files, by path; those without a home carry their problem.

    Files of deliveries after `known_on` are not there yet, as far as this run is concerned.

    Raises:
        UserError: the landing zone is absent, is not a folder, or may not be listed, a contract file is not valid, or
            the clock is behind the deliveries that were taken in.
    """
    return scan(settings).files


def scan(settings: Settings) -> Landing:
    """List the delivered files and count the ignored ones. Raises what `discover` raises."""
    root = settings.landing
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise UserError(
            f"The landing zone {root} {what}. Create it, or set C360_LANDING (or --landing) to the folder "
            "that holds <source>/<YYYY-MM-DD>/<dataset>.csv."
        )
    try:
        next(root.iterdir(), None)
    except OSError as error:
        raise UserError(
            f"The landing zone {root} cannot be listed: {error.strerror}. Check its permissions, or C360_LANDING."
        ) from error
    walk = _Walk(settings)
    walk.folder(root, ())
    return Landing(sorted(walk.files, key=lambda file: file.relative), walk.ignored)


def _require_clock(settings: Settings, today: date, latest: date) -> None:
    """Refuse to look at dates by a clock that was set back: what was delivered lately would lie in the future."""
    delivered = raw_delivery_dates(settings)
    if delivered and delivered[-1] > latest:
        raise UserError(
            f"By this machine's clock it is {today} in {settings.timezone}, and a delivery of {delivered[-1]} was "
            "taken in already. Set the clock (or C360_TIMEZONE) right and run again; if that delivery was dated "
            f"wrongly, move its folders away: {settings.raw_dir}/*/*/delivery_date={delivered[-1]}. "
            "Nothing was changed."
        )


class _Walk:
    """One pass over the landing zone."""

    def __init__(self, settings: Settings) -> None:
        self.root = settings.landing
        self.real_root = settings.landing.resolve()
        self.earliest = settings.first_delivery
        today = datetime.now(ZoneInfo(settings.timezone)).date()
        # A source ahead of the business time zone may put tomorrow's date on tonight's folder.
        self.latest = today + timedelta(days=1)
        _require_clock(settings, today, self.latest)
        self.is_known = settings.is_known
        self.datasets: dict[str, list[str]] = {source: [] for source in SOURCES}
        try:
            contracts = load_contracts(settings.contracts_dir)
        except ContractError as error:
            raise UserError(str(error)) from error
        for contract in contracts.values():
            self.datasets[contract.source].append(contract.dataset)
        self.files: list[LandingFile] = []
        self.ignored = 0

    def folder(self, folder: Path, parts: tuple[str, ...]) -> None:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            self._add(folder, parts, FileProblem("unreadable", f"The folder cannot be listed: {error.strerror}."))
            return
        for entry in entries:
            below = (*parts, entry.name)
            path = folder / entry.name
            if _is_ignored(entry.name):
                self.ignored += 1
            elif entry.is_symlink() and (problem := self._link_problem(path)):
                self._add(path, below, problem)
            elif entry.is_dir():
                # A linked folder is followed only where it can be a source or a date, so no circle is walked.
                if not entry.is_symlink() or len(below) <= 2:
                    self.folder(path, below)
                else:
                    self._add(path, below, FileProblem("misplaced_file", "A linked folder does not belong here."))
            else:
                self._add(path, below, None)

    def _link_problem(self, path: Path) -> FileProblem | None:
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError):
            return FileProblem("unreadable", "The link points to nothing. Deliver the file itself.")
        if target.is_relative_to(self.real_root):
            return None
        return FileProblem(
            "outside_landing", "The link leads out of the landing zone and is not followed. Deliver the file itself."
        )

    def _add(self, path: Path, parts: tuple[str, ...], problem: FileProblem | None) -> None:
        size = mtime_ns = 0
        try:
            status = path.lstat() if problem else path.stat()
            # Exports are stamped with their business day, and a correction of one digit has the size and the stamp of
            # what it replaces; the time of change nobody can set.
            size, mtime_ns = status.st_size, max(status.st_mtime_ns, status.st_ctime_ns)
            if problem is None and not stat.S_ISREG(status.st_mode):
                problem = FileProblem("not_a_file", "This is a pipe, socket or device. Deliver a regular file.")
        except OSError as error:
            problem = problem or FileProblem("unreadable", f"The file cannot be opened: {error.strerror}.")
        source = self._source(parts[0]) if len(parts) > 1 else None
        delivered = parse_delivery_date(parts[1]) if len(parts) > 2 else None
        name = parts[-1]
        dataset = self._dataset(source, name) if len(parts) == 3 else None
        found_format, compressed = format_of(name)
        if problem is None:
            problem = self._place_problem(parts, source, delivered, dataset, found_format)
        if delivered is not None and not self.earliest <= delivered <= self.latest:
            delivered = None
        if delivered is not None and not self.is_known(delivered):
            return
        self.files.append(
            LandingFile(
                path=path,
                relative=shown(parts),
                source=source,
                dataset=dataset,
                delivery_date=delivered,
                format=found_format,
                compressed=compressed,
                size=size,
                mtime_ns=mtime_ns,
                problem=problem,
            )
        )

    def _place_problem(
        self,
        parts: tuple[str, ...],
        source: str | None,
        delivered: date | None,
        dataset: str | None,
        found_format: FileFormat | None,
    ) -> FileProblem | None:
        misplaced = FileProblem(
            "misplaced_file", "Files lie in <landing>/<source>/<YYYY-MM-DD>/, neither above nor below. Move it."
        )
        if len(parts) == 1:
            return misplaced
        if source is None:
            return FileProblem(
                "unknown_source", f"No source is called {shown(parts[:1])!r}. Sources are {', '.join(SOURCES)}."
            )
        if len(parts) != 3:
            return misplaced
        folder = shown(parts[1:2])
        if delivered is None:
            return FileProblem(
                "bad_delivery_date", f"The folder {folder!r} is not a calendar date. Name it YYYY-MM-DD."
            )
        if delivered < self.earliest:
            return FileProblem(
                "bad_delivery_date",
                f"The folder {folder} is before the first delivery date {self.earliest}. "
                "Rename it, or set C360_FIRST_DELIVERY to an earlier day.",
            )
        if delivered > self.latest:
            return FileProblem("bad_delivery_date", f"The folder {folder} lies in the future. Rename it.")
        if dataset is None:
            return FileProblem("unknown_dataset", self._unknown_dataset(source, shown(parts[2:])))
        if found_format is None:
            return FileProblem(
                "unsupported_format",
                f"The ending of the file name is none of {', '.join(FORMATS)}. Export it in one of these formats.",
            )
        return None

    def _unknown_dataset(self, source: str, name: str) -> str:
        known = self.datasets[source]
        near = difflib.get_close_matches(name.casefold().split(".")[0], known, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        return f"The file name begins with no dataset of {source} ({', '.join(sorted(known))}).{hint}"

    @staticmethod
    def _source(folder: str) -> str | None:
        folded = re.sub(r"[\s-]+", "_", folder.strip().casefold())
        return folded if folded in SOURCES else None

    def _dataset(self, source: str | None, name: str) -> str | None:
        folded = name.strip().casefold()
        for dataset in self.datasets.get(source or "", []):
            # The leading word ends where letters end: sales2.csv is sales, salesforce.csv is not.
            if re.match(re.escape(dataset) + r"(?![a-z])", folded):
                return dataset
        return None


def parse_delivery_date(folder: str) -> date | None:
    """Read a date folder; None unless it is exactly `YYYY-MM-DD` and a day of the calendar."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", folder):
        return None
    try:
        return date.fromisoformat(folder)
    except ValueError:
        return None


def format_of(name: str) -> tuple[FileFormat | None, bool]:
    """Tell the format from a file name, and whether it is gzipped; ignoring case."""
    folded = name.strip().casefold()
    for ending in sorted(FORMATS, key=len, reverse=True):
        if folded.endswith(ending):
            return FORMATS[ending], ending.endswith(".gz")
    return None, False


def shown(parts: tuple[str, ...]) -> str:
    r"""Write a path below the landing zone as text that any table and log can hold, even if its bytes are no text.

    What a reader would not see is written as an escape (`\n`, `\u202e`): a name may hold line breaks that make a log
    lie, colours for a terminal, or marks that turn the direction of what follows.
    """
    text = os.fsencode("/".join(parts)).decode("utf-8", "backslashreplace")
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def _is_ignored(name: str) -> bool:
    folded = name.casefold()
    return (
        folded.startswith((".", "~$"))
        or folded.endswith(_UNFINISHED)
        or any(folded == m or (m.startswith("_") and folded.startswith(m)) for m in _MARKERS)
    )
