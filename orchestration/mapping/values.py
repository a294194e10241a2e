"""What the values of a column look like: which promise of a contract they could keep.

What belongs here: the share of values that read as a type, and the shape of those that do not. What does not: headers
(`similarity.py`), and how one text is read (cleaning; the same expressions decide here as in a run).
"""

import re
from collections import Counter
from dataclasses import dataclass

import duckdb

from data_quality.contract import Column, Contract, normalise_spelling
from orchestration.cleaning import addresses, emails, phones
from orchestration.cleaning.conform import read_as
from orchestration.mapping.sample import Sample
from orchestration.mapping.settings import MappingSettings

_ID_CARD = re.compile(r"\d{17}[\dXx]|\d{15}")
_CODE = re.compile(r"[^\s\u3400-\u9fff]+(?: [^\s\u3400-\u9fff]+)?")
_FRACTION = re.compile(r"-?\d+\.\d*[1-9]\d*")
# How many values of a column are looked at one by one.
_LOOKED_AT = 200
_BY_SQL = {"timestamp", "date", "decimal", "integer", "enum", "boolean"}


@dataclass(frozen=True)
class Fit:
    """How the values of a file's column keep the promise of a contract column.

    `share` of the values can be read, None without values; `distinct` is the share of different ones. `shapes` shows
    how values that cannot be read are written, digits as 9 and letters as A; `unknown` the spellings that the contract
    does not list, empty for personal columns.
    """

    share: float | None
    distinct: float
    shapes: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


class Values:
    """The values of one file, asked again and again."""

    def __init__(self, sample: Sample, zone: str, settings: MappingSettings) -> None:
        self._sample = sample
        self._zone = zone
        self._settings = settings
        self._con = duckdb.connect(":memory:")
        self._con.execute("create table value (header integer, text varchar, times integer)")
        rows = [
            (number, text, times)
            for number, header in enumerate(sample.headers)
            for text, times in sample.values[header].items()
        ]
        if rows:
            columns = list(zip(*rows, strict=True))
            self._con.execute(
                "insert into value select unnest($1::integer[]), unnest($2::varchar[]), unnest($3::integer[])",
                [list(column) for column in columns],
            )
        self._read: dict[str, dict[str, tuple[float, tuple[str, ...]]]] = {}
        self._judged: dict[tuple[str, str], float] = {}

    def fit(self, header: str, contract: Contract, name: str) -> Fit:
        """How the values below a header keep the promise of one contract column."""
        column = contract.columns[name]
        values = self._sample.values[header]
        total = sum(values.values())
        if not total:
            return Fit(None, 0.0)
        distinct = len(values) / total
        if column.type in _BY_SQL:
            share, unread = self._by_sql(column)[header]
            choice = column.type in ("enum", "boolean")
            return Fit(
                share,
                distinct,
                shapes=() if choice or column.personal else _shapes(unread),
                unknown=_spellings(unread) if choice and not column.personal else (),
            )
        return Fit(self._one_by_one(header, column.type), distinct)

    def _by_sql(self, column: Column) -> dict[str, tuple[float, tuple[str, ...]]]:
        """Share read, and the values that were not, of every header, by the expression that a run uses."""
        expression = read_as(column, "text", self._zone)
        if expression not in self._read:
            rows = self._con.execute(
                f"""
                with typed as (select header, text, times, {expression} as read from value)
                select
                    header,
                    coalesce(sum(times) filter (read is not null), 0) / sum(times),
                    list(text order by times desc, text) filter (read is null)
                from typed
                group by header"""
            ).fetchall()
            self._read[expression] = {
                self._sample.headers[number]: (float(share), tuple(unread or ())) for number, share, unread in rows
            }
        return self._read[expression]

    def _one_by_one(self, header: str, kind: str) -> float:
        """Share of the values that look like a type which Python reads."""
        key = (header, kind)
        if key not in self._judged:
            values = list(self._sample.values[header].items())[:_LOOKED_AT]
            total = sum(times for _, times in values)
            self._judged[key] = sum(times * self._looks_like(text, kind) for text, times in values) / total
        return self._judged[key]

    def _looks_like(self, text: str, kind: str) -> float:
        match kind:
            case "phone":
                return float(phones.parse(text).kind in ("mobile", "landline", "foreign", "masked"))
            case "email":
                return float(emails.parse(text).email is not None or "@" in text)
            case "id_card":
                return float(_ID_CARD.fullmatch(text.strip()) is not None)
            case "name":
                letters = sum(1 for c in text if c.isalpha() or c in " .·-*'")
                return float(letters >= self._settings.name_letters_from * len(text) and len(text) <= 40)
            case "address":
                read = addresses.parse(text)
                return float(bool(read.province or read.road) or (len(text) > 8 and " " in text))
            case "identifier":
                return float(bool(_CODE.fullmatch(text.strip())) and not _FRACTION.fullmatch(text.strip()))
            case _:
                return 1.0


def _shapes(values: tuple[str, ...]) -> tuple[str, ...]:
    """The commonest shapes of values: digits as 9, letters as A, Chinese as 字; nothing can be read from them."""
    shapes: Counter[str] = Counter()
    for value in values:
        digits = re.sub(r"\d", "9", value.strip()[:40])
        shapes[re.sub(r"[A-Za-zÀ-ɏ]", "A", re.sub(r"[\u3400-\u9fff]", "字", digits))] += 1
    return tuple(shape for shape, _ in shapes.most_common(3))


def _spellings(values: tuple[str, ...]) -> tuple[str, ...]:
    """Spellings worth showing: a short list of short words; what is free text is no list."""
    folded = dict.fromkeys(normalise_spelling(value) for value in values)
    if len(folded) > 12 or any(len(value) > 24 or re.search(r"\d{4}|@", value) for value in folded):
        return ()
    return tuple(folded)
