"""Which dataset a file is, and which of its headers means which column: the proposal that a person confirms.

What belongs here: putting likeness of headers and fit of values together, the choice, and the words for it. What does
not: measuring either (`similarity.py`, `values.py`), and writing the contract (`data_quality/contract_edit.py`).

The confidence of a pair is `name × (1 + fit) / 2 + (1 - name) × values × fit`: `name` is the likeness of the header,
`fit` the share of values that read as the column's type (below `unfit_below` the pair is out), `values` what values of
that type say by themselves (`values_say_…` in `seeds/policy/header_mapping.csv`). Pairs are chosen by the greatest sum
over the file (linear sum assignment), headers that the contract knows first, those it seems to know wrongly last.
"""

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.optimize import linear_sum_assignment  # type: ignore[attr-defined]  # the stubs leave it out

from data_quality.contract import Contract, load_contracts, normalise_header
from orchestration.errors import UserError
from orchestration.ingestion.headers import HeaderReader
from orchestration.ingestion.limits import load_limits
from orchestration.mapping.sample import Sample, read_sample
from orchestration.mapping.settings import MappingSettings, load_settings
from orchestration.mapping.similarity import ContractHeaders, Likeness, Vocabulary
from orchestration.mapping.values import Fit, Values
from orchestration.settings import SOURCES, Settings

Verdict = Literal["known", "chosen", "likely", "possible", "unfit", "none"]

# Beside what columns say, the name of the file or its folder says it, as a column of its own would.
_NAME_SAYS = 1.0
_MISSING_COSTS = 0.7
# A header that comes so near to the chosen one is named beside it.
_NEARLY_AS_GOOD = 0.1
# Values of which so many can be read would do for a column that has too few of its own.
_WOULD_DO = 0.9


@dataclass(frozen=True)
class Match:
    """One header and what it is taken for.

    `verdict`: `known` (the contract lists it), `chosen` (by the person), `likely` (is written), `possible` (a person
    decides), `unfit` (the contract lists it, but its values are of another kind; `instead` may hold a better column),
    `none`. `evidence` says why, without a value of a person.
    """

    header: str
    column: str | None
    verdict: Verdict
    confidence: float
    evidence: list[str]
    instead: str | None = None


@dataclass(frozen=True)
class Proposal:
    """A file as one dataset: its matches in the order of the file, and what it lacks.

    `missing` are required columns that no header means, `empty` required columns with the share of rows that have no
    value, and `filled_instead` the headers without a column that are filled throughout with values that would do.
    """

    contract: Contract
    score: float
    rows: int
    bad_rows: int
    matches: list[Match]
    missing: list[str]
    empty: dict[str, float] = field(default_factory=dict)
    filled_instead: dict[str, list[str]] = field(default_factory=dict)
    others: dict[str, float] = field(default_factory=dict)

    def added(self) -> dict[str, list[str]]:
        """Column to the headers that the contract would learn."""
        found: dict[str, list[str]] = {}
        for match in self.matches:
            if match.verdict in ("likely", "chosen") and match.column:
                found.setdefault(match.column, []).append(match.header)
        return found

    def removed(self) -> dict[str, list[str]]:
        """Column to the aliases it would lose, because the person chose another column for that header."""
        found: dict[str, list[str]] = {}
        for match in self.matches:
            owner = self.contract.column_of_header(match.header)
            if match.verdict == "chosen" and owner and owner != match.column:
                wanted = normalise_header(match.header)
                listed = self.contract.columns[owner].aliases
                found.setdefault(owner, []).extend(a for a in listed if normalise_header(a) == wanted)
        return found


def suggest(
    settings: Settings,
    path: Path,
    *,
    source: str | None = None,
    dataset: str | None = None,
    chosen: dict[str, str] | None = None,
) -> Proposal:
    """Propose a mapping for one file onto one contract.

    Args:
        settings: Where contracts, policy and word lists lie, and the business time zone.
        path: Any file that a run could read.
        source: Only contracts of this source.
        dataset: Only contracts of this dataset.
        chosen: Header to column, as a person decided; an empty column leaves the header out.

    Raises:
        UserError: the file cannot be read, or source, dataset, a chosen header or column does not exist.
    """
    numbers = load_settings(settings.policy_dir)
    vocabulary = Vocabulary(settings.reference_dir)
    contracts = load_contracts(settings.contracts_dir)
    candidates = _candidates(contracts, source, dataset)
    sample = read_sample(path, contracts, vocabulary, load_limits(settings.policy_dir), numbers)
    values = Values(sample, settings.timezone, numbers)
    common = Counter(name for contract in contracts.values() for name in contract.columns)
    proposals = []
    for contract in candidates:
        picked = _chosen(sample, contract, chosen or {}) if len(candidates) == 1 else {}
        matches = _Matcher(sample, values, contract, vocabulary, numbers, picked).matches()
        score = _score(contract, matches, common, path)
        proposals.append(_proposal(contract, sample, values, matches, score))
    proposals.sort(key=lambda proposal: -proposal.score)
    best = proposals[0]
    if chosen and len(candidates) > 1:
        return suggest(settings, path, source=best.contract.source, dataset=best.contract.dataset, chosen=chosen)
    best.others.update({other.contract.table: other.score for other in proposals[1:3]})
    return best


def _candidates(contracts: dict[str, Contract], source: str | None, dataset: str | None) -> list[Contract]:
    if source and source not in SOURCES:
        raise UserError(f"No source is called {source!r}. Sources are {', '.join(SOURCES)}.")
    found = [c for c in contracts.values() if source in (None, c.source) and dataset in (None, c.dataset)]
    if not found:
        known = ", ".join(f"{c.source}/{c.dataset}" for c in contracts.values())
        raise UserError(f"No contract is for {source or 'any source'}/{dataset}. There are {known}.")
    return found


def _chosen(sample: Sample, contract: Contract, chosen: dict[str, str]) -> dict[str, str]:
    folded = {normalise_header(header): header for header in sample.headers}
    picked: dict[str, str] = {}
    for written, column in chosen.items():
        header = folded.get(normalise_header(written))
        if header is None:
            raise UserError(f"The file has no header {written!r}. It has {', '.join(sample.headers)}.")
        if column and column not in contract.columns:
            raise UserError(f"{contract.table} has no column {column!r}. It has {', '.join(contract.columns)}.")
        picked[header] = column
    twice = sorted(column for column, times in Counter(filter(None, picked.values())).items() if times > 1)
    if twice:
        raise UserError(f"Two headers are mapped to {', '.join(twice)}. Choose one for each column.")
    return picked


def _score(contract: Contract, matches: list[Match], common: Counter[str], path: Path) -> float:
    """How much speaks for this dataset: what its columns explain, rarer ones more, less the required ones it lacks."""
    score = 0.0
    for match in matches:
        if match.column and match.verdict != "unfit":
            weight = math.log(1 + 8 / common[match.column]) / math.log(9)
            score += match.confidence * weight * (1.5 if match.column in contract.required else 1.0)
    found = {match.column for match in matches if match.verdict != "unfit"}
    score -= _MISSING_COSTS * sum(1 for column in contract.required if column not in found)
    name, folder = path.name.casefold(), path.parent.name.casefold()
    if contract.dataset.rstrip("s") in name:
        score += _NAME_SAYS
    return score + _NAME_SAYS * (contract.source in name or contract.source in folder)


def _proposal(contract: Contract, sample: Sample, values: Values, matches: list[Match], score: float) -> Proposal:
    by_column = {m.column: m for m in matches if m.column and m.verdict in ("known", "chosen", "likely")}
    empty = {
        column: round(1 - sample.filled_share(by_column[column].header), 4)
        for column in contract.required
        if column in by_column and sample.filled_share(by_column[column].header) < 1
    }
    idle = [m.header for m in matches if m.verdict in ("none", "unfit") and sample.filled_share(m.header) == 1]
    instead = {
        column: [h for h in idle if (values.fit(h, contract, column).share or 0) > _WOULD_DO][:5] for column in empty
    }
    return Proposal(
        contract=contract,
        score=round(score, 2),
        rows=sample.rows,
        bad_rows=sample.bad_rows,
        matches=matches,
        missing=[column for column in contract.required if column not in by_column],
        empty=empty,
        filled_instead={column: headers for column, headers in instead.items() if headers},
    )


@dataclass(frozen=True)
class _Pair:
    """A header's column, and the other headers that would do nearly as well."""

    column: str
    confidence: float
    likeness: Likeness
    rivals: list[str]


class _Matcher:
    """The headers of one file against the columns of one contract."""

    def __init__(
        self,
        sample: Sample,
        values: Values,
        contract: Contract,
        vocabulary: Vocabulary,
        numbers: MappingSettings,
        chosen: dict[str, str],
    ) -> None:
        self._sample = sample
        self._values = values
        self._contract = contract
        self._numbers = numbers
        self._chosen = chosen
        self._headers = ContractHeaders(contract, vocabulary, numbers.spelling_slip_from)

    def matches(self) -> list[Match]:
        """One match per header, in the order of the file."""
        found: dict[str, Match] = {}
        for header, column in self._chosen.items():
            evidence = self._said_of_values(header, column) if column else []
            verdict: Verdict = "chosen" if column else "none"
            if column and self._contract.column_of_header(header) == column:
                verdict = "known"
            found[header] = Match(header, column or None, verdict, 1.0, ["chosen by you", *evidence])
        taken = {match.column for match in found.values()}
        mapping = HeaderReader(self._contract).map(self._sample.headers)
        listed = {h: c for h, c in mapping.mapped.items() if h not in found and c not in taken}
        unfit: dict[str, str] = {}
        for header, column in listed.items():
            share = self._fit(header, column).share
            if share is not None and share < self._numbers.unfit_below:
                unfit[header] = column
            else:
                found[header] = Match(header, column, "known", 1.0, ["alias", *self._said_of_values(header, column)])
        for header in self._sample.headers:
            owner = None if header in found or header in unfit else self._contract.column_of_header(header)
            share = self._fit(header, owner).share if owner else None
            if owner and share is not None and share < self._numbers.unfit_below:
                unfit[header] = owner
            elif owner:
                found[header] = Match(header, None, "none", 0.0, [f"also means {owner}, which has a better header"])
        free = [header for header in self._sample.headers if header not in found]
        for headers in ([h for h in free if h not in unfit], list(unfit)):
            taken = {match.column for match in found.values()}
            assigned = self._assign(headers, [c for c in self._contract.columns if c not in taken])
            for header in headers:
                found[header] = self._match(header, assigned.get(header), unfit.get(header))
        return [found[header] for header in self._sample.headers]

    def _assign(self, headers: list[str], columns: list[str]) -> "dict[str, _Pair]":
        """The best column of each header, no column twice."""
        if not headers or not columns:
            return {}
        likeness = [[self._headers.likeness(header, column) for column in columns] for header in headers]
        scores = np.array(
            [
                [self._confidence(header, column, likeness[i][j]) for j, column in enumerate(columns)]
                for i, header in enumerate(headers)
            ]
        )
        # A pair that would not be shown must not decide the others.
        scores[scores < self._numbers.possible_from] = 0.0
        chosen = [(i, j) for i, j in zip(*linear_sum_assignment(-scores), strict=True) if scores[i, j] > 0]
        idle = set(range(len(headers))) - {i for i, _ in chosen}
        found: dict[str, _Pair] = {}
        for i, j in chosen:
            near = np.flatnonzero(scores[:, j] >= max(scores[i, j] - _NEARLY_AS_GOOD, self._numbers.possible_from))
            rivals = [headers[other] for other in near if other in idle]
            found[headers[i]] = _Pair(columns[j], float(scores[i, j]), likeness[i][j], rivals)
        return found

    def _confidence(self, header: str, column: str, likeness: Likeness) -> float:
        fit = self._fit(header, column)
        name = likeness.score
        if fit.share is None:
            return name * 0.9
        if fit.share < self._numbers.unfit_below:
            return 0.0
        # A key is different in (almost) every row or, with others, in many; one value throughout is no key.
        if self._contract.key == [column] and fit.distinct < self._numbers.unfit_below:
            name *= 0.7
        if column in self._contract.required:
            name *= 0.5 + 0.5 * self._sample.filled_share(header)
        says = getattr(self._numbers, f"values_say_{self._contract.columns[column].type}", 0.0)
        return float(min(0.99, name * (0.5 + 0.5 * fit.share) + (1 - name) * says * fit.share))

    def _fit(self, header: str, column: str) -> Fit:
        return self._values.fit(header, self._contract, column)

    def _match(self, header: str, pair: "_Pair | None", listed: str | None) -> Match:
        if listed is not None:
            evidence = ["alias", *self._said_of_values(header, listed)]
            if pair is None:
                return Match(header, listed, "unfit", 0.0, evidence)
            return Match(header, listed, "unfit", 0.0, [*evidence, f"more like {pair.column}"], pair.column)
        if pair is None:
            return Match(header, None, "none", 0.0, [])
        verdict: Verdict = "likely" if pair.confidence >= self._numbers.likely_from else "possible"
        evidence = [*self._said_of_header(pair.likeness), *self._said_of_values(header, pair.column)]
        if pair.rivals:
            evidence.append(f"or {', '.join(pair.rivals)}")
        return Match(header, pair.column, verdict, round(pair.confidence, 2), evidence)

    def _said_of_header(self, likeness: Likeness) -> list[str]:
        if likeness.score < self._numbers.possible_from:
            return []
        words = {
            "alias": "alias",
            "words": "same words as",
            "spelling": "spelt almost as",
            "pinyin": "pinyin of",
            "initials": "initials of",
        }
        said = words[likeness.by]
        if likeness.by == "words" and likeness.score < 0.9:
            said = "shares words with"
        return [f"{said} {likeness.alias}"]

    def _said_of_values(self, header: str, column: str) -> list[str]:
        fit = self._fit(header, column)
        if fit.share is None:
            return ["no values"]
        kind = self._contract.columns[column].type
        said = []
        if kind != "text":
            # Rounded down: 100% must mean all.
            said.append(f"{math.floor(fit.share * 100)}% read as {kind}")
        if self._contract.key == [column]:
            said.append(f"{math.floor(fit.distinct * 100)}% different")
        if fit.shapes:
            said.append(f"not read: {', '.join(fit.shapes)}")
        if fit.unknown:
            said.append(f"not in `values`: {', '.join(fit.unknown)}")
        filled = self._sample.filled_share(header)
        if filled < 1:
            said.append(f"{math.floor(filled * 100)}% filled")
        return said
