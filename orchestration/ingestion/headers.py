"""What the headers of a delivered file mean under its contract, and where the header lies.

What belongs here: aliases, duplicates, missing columns, the choice of delimiter. What does not: rows.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from data_quality.contract import Contract, normalise_header
from orchestration.ingestion.problems import FileProblem

LOOKS_LIKE_A_VALUE = re.compile(r"\d{4}|@")


@dataclass(frozen=True)
class HeaderMapping:
    """Which position of a file holds which contract column.

    `positions` holds for each column found the positions that mean it, best first (more than one only where rows
    choose, as in JSON); `extras` undeclared columns by unique name; `unnamed` those of them that the file gives no
    name; `mapped` each used header to its column; `missing` contract columns the file lacks; `repeated` headers
    written twice for one column.
    """

    positions: dict[str, list[int]]
    extras: dict[str, int]
    unnamed: set[str]
    mapped: dict[str, str]
    missing: list[str]
    repeated: list[str]

    @property
    def unknown(self) -> list[str]:
        """Headers that became `_extra`."""
        return list(self.extras)


class HeaderReader:
    """Maps written headers to the columns of one contract."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._known: dict[str, tuple[str, int]] = {}
        for name, column in contract.columns.items():
            for rank, written in enumerate([name, *column.aliases]):
                self._known.setdefault(normalise_header(written), (name, rank))

    def score(self, header: Iterable[str]) -> int:
        """Count the contract columns that this row names, were it the header."""
        return len({self._known[h][0] for h in map(normalise_header, header) if h in self._known})

    def map(self, header: list[str], *, rows_choose: bool = False) -> HeaderMapping:
        """Map headers to columns: the exact name wins, then the order of the aliases; the losers become extras.

        With `rows_choose` (JSON) the losers stay candidates for rows that lack the winner.
        """
        candidates: dict[str, list[tuple[int, int]]] = {}
        folded = [normalise_header(written) for written in header]
        for position, name in enumerate(folded):
            if name in self._known:
                column, rank = self._known[name]
                candidates.setdefault(column, []).append((rank, position))
        repeated = sorted(
            {header[p] for p, name in enumerate(folded) if name in self._known and folded.count(name) > 1}
        )
        positions: dict[str, list[int]] = {}
        for column in self.contract.columns:
            ranked = [position for _, position in sorted(candidates.get(column, []))]
            if ranked:
                positions[column] = ranked if rows_choose else ranked[:1]
        winners = {position: column for column, ranked in positions.items() for position in ranked}
        extras: dict[str, int] = {}
        unnamed: set[str] = set()
        for position, written in enumerate(header):
            if position in winners:
                continue
            plain = written.strip()
            name = base = plain or f"column_{position + 1}"
            suffix = 2
            while name in extras:
                name, suffix = f"{base}_{suffix}", suffix + 1
            extras[name] = position
            if not plain:
                unnamed.add(name)
        return HeaderMapping(
            positions=positions,
            extras=extras,
            unnamed=unnamed,
            mapped={header[position]: column for position, column in winners.items()},
            missing=[column for column in self.contract.columns if column not in positions],
            repeated=repeated,
        )

    def problem(self, mapping: HeaderMapping, header: list[str]) -> FileProblem | None:
        """Say why a file with this header cannot be taken in, or None."""
        if mapping.repeated:
            return FileProblem(
                "duplicate_column",
                f"The header names {_listed(mapping.repeated)} more than once. Leave one of them and deliver again.",
            )
        keys = [column for column in self.contract.key if column in mapping.missing]
        if keys:
            # What looks like a row of data stays out of the message: its values may be personal.
            if len(mapping.positions) < min(2, len(header)) or any(map(LOOKS_LIKE_A_VALUE.search, header)):
                return FileProblem(
                    "missing_key_column",
                    f"The file has no header that names columns of {self.contract.table}. Needed: "
                    f"{_listed(self.contract.required)}. {self._alias_hint()}",
                )
            return FileProblem("missing_key_column", self._lacks("key", keys, header))
        required = [column for column in self.contract.required if column in mapping.missing]
        if required:
            return FileProblem("missing_required_column", self._lacks("required", required, header))
        return None

    def _lacks(self, kind: str, columns: list[str], header: list[str]) -> str:
        return f"No header means the {kind} column {_listed(columns)}. Found: {_listed(header)}. {self._alias_hint()}"

    def _alias_hint(self) -> str:
        return f"Add your header to `aliases` in data_quality/contracts/{self.contract.table}.yml, or mend the export."


def _listed(names: list[str], most: int = 30) -> str:
    """Names for a message; long ones are cut, since a row of data may stand where a header should."""
    shown = ", ".join(repr(name[:40]) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
