"""A written phone number made comparable: E.164, kind, national form, masked form, region.

What belongs here: reading one number. What does not: the table of phones (`dictionaries.py`), which numbers are
placeholders (`seeds/policy/blocked_values.csv`), and whether a shared number joins people (`orchestration/identity`).

Number ranges are those of the `phonenumbers` library, for Chinese mobiles also those of the prefix table, which
knows ranges that were given out lately. A number is never made up: where digits are lost or missing it stays
`invalid`, with its digits in `national` for comparison only.
"""

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import duckdb
import phonenumbers

from orchestration.cleaning.wordlists import POLICY_DIR, REFERENCE_DIR, read_rows
from orchestration.database import parquet
from orchestration.errors import UserError

HOME = "CN"
_INVISIBLE = re.compile(
    "[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufffd\ud800-\udfff\u0000-\u001f\u007f-\u009f]"
)
_DASHES = re.compile("[\u2010-\u2015\u2212\u2500\u30fc\ufe58\ufe63\uff0d]")
# No number is longer, and no cell of several; past it some of these patterns would take quadratic time and more.
_LONGEST_DIGITS, _LONGEST_NUMBER, _LONGEST_CELL = 20, 100, 1_000
_DECIMAL = re.compile(r"(\d{5,15})\.0+")
_SCIENTIFIC = re.compile(r"(\d)(?:\.(\d+))?[eE]\+?(\d{1,2})")
_SEVERAL = re.compile(r"\s*(?:[/\\、,，;；|]|\s+(?:or|and)\s+|或|和)\s*")
_MOBILE_INSIDE = re.compile(r"(?<!\d)(?:\+?86[-\s]?)?1[3-9]\d{9}(?!\d)")
_MASKED = re.compile(r"(?:\+?(?:00)?86)?([0-9]{0,7})([*#xX×●•○?✱]{2,11}|[*×●•✱])([0-9]{0,6})")
_EXTENSION = re.compile(
    r"^(.*?\d{7,}.*?|.*?\d[\d\s()-]{6,}?)\s*(?:转|分机号?|内线|ext(?:ension)?\.?|x|#|,)\s*[:：]?\s*(\d{1,6})$",
    re.IGNORECASE,
)
_DASH_EXTENSION = re.compile(r"^(.*\d{7,8})\s*-\s*(\d{1,5})$")
_FOREIGN_GROUPS = re.compile(r"1[-. (]+\d{3}[-. )]+\d{3}[-. ]+\d{4}")
_LETTER_DIGITS = str.maketrans("OoQDlIiｌ〇零一", "00001110001"[:11])
_CHINESE_DIGITS = str.maketrans("〇零一二三四五六七八九", "00123456789")
_LABEL = re.compile(
    r"^(?:tel|phone|mobile|cell|手机号?码?|电话|联系电话|座机|固话|t|m|p)\s*[.:：]?\s*(?=[+(\d])", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class ParsedPhone:
    """A phone read; the columns of `clean.phones` after `value`.

    `kind` is mobile, landline, masked, invalid, placeholder or foreign. `e164` is None unless the number can be used.
    `national` holds the digits as dialled at home (with trunk 0; a masked number its pattern, 138****1234; an extension
    after a hyphen). `region` is province and city of a Chinese number, the country code of a foreign one.
    """

    e164: str | None = None
    kind: str = "invalid"
    national: str | None = None
    masked_phone: str | None = None
    region: str | None = None
    rule: str | None = None


class _Region:
    """Number ranges of one country, as patterns over national numbers."""

    def __init__(self, code: str) -> None:
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(code)
        if metadata is None:
            raise UserError(
                f"phone_default_regions.csv names the region {code!r}, which is no country code: use CN, US, …"
            )
        self.code = code
        self.country_code = metadata.country_code
        self.trunk = metadata.national_prefix or ""
        self.mobile = _pattern([metadata.mobile])
        self.fixed = _pattern([metadata.fixed_line])
        self.service = _pattern(
            [metadata.toll_free, metadata.shared_cost, metadata.premium_rate, metadata.uan, metadata.voip]
        )

    def kind(self, national: str) -> str | None:
        """Say mobile or landline for a valid national number (no trunk prefix), else None."""
        if self.mobile.fullmatch(national):
            return "mobile"
        if self.fixed.fullmatch(national) or self.service.fullmatch(national):
            return "landline"
        return None


def _pattern(descriptions: list[phonenumbers.PhoneNumberDesc | None]) -> re.Pattern[str]:
    """One pattern for several number ranges; a pattern that matches nothing where a country has none."""
    patterns = [d.national_number_pattern for d in descriptions if d is not None and d.national_number_pattern]
    return re.compile("|".join(f"(?:{p})" for p in patterns) or r"(?!)")


class PhoneParser:
    """Reads phones with the prefix table and policy rows of two folders; build it once."""

    def __init__(self, reference_dir: Path = REFERENCE_DIR, policy_dir: Path = POLICY_DIR) -> None:
        """Load the tables.

        Raises:
            UserError: a table is missing or lacks a column, or a region or pattern in it is not valid.
        """
        regions = read_rows(policy_dir / "phone_default_regions.csv", ["region", "priority"])
        codes = [r["region"] for r in sorted(regions, key=lambda r: int(r["priority"]))]
        self._home = _Region(HOME)
        self._regions = [_Region(c) for c in codes if c != HOME]
        self._home_is_default = HOME in codes
        self._blocked: set[str] = set()
        patterns: list[str] = []
        for row in read_rows(policy_dir / "blocked_values.csv", ["kind", "value", "match"]):
            if row["kind"] == "phone" and row["match"] == "pattern":
                patterns.append(f"(?:{row['value']})")
            elif row["kind"] == "phone":
                self._blocked.add(row["value"])
        # Each pattern stands alone: joined, their group numbers would shift.
        self._blocked_patterns = [_compiled(p) for p in patterns]
        self._load_prefixes(reference_dir / "mobile_prefixes.parquet")

    def _load_prefixes(self, path: Path) -> None:
        """Mobile prefix ranges and area codes with their province and city."""
        if not path.exists():
            raise UserError(f"The prefix table {path} is missing: restore it from the repository.")
        rows = duckdb.sql(f"from {parquet(path)} order by first_prefix").fetchall()
        self._firsts = [r[0] for r in rows]
        self._ranges = rows
        # Named where they are asked for: there are a hundred thousand ranges, and few hundred area codes.
        self._areas = {str(r[4]): r for r in rows if r[4]}

    def _mobile_place(self, national: str) -> str | None:
        prefix = int(national[:7])
        at = bisect_right(self._firsts, prefix) - 1
        found = self._ranges[at] if at >= 0 and prefix <= self._ranges[at][1] else None
        return _place(found[2], found[3]) if found else None

    def _area_place(self, code: str) -> str | None:
        found = self._areas.get(code)
        return _place(found[2], found[3]) if found else None

    def _blocks(self, digits: str) -> bool:
        return digits in self._blocked or any(p.fullmatch(digits) for p in self._blocked_patterns)

    # ------------------------------------------------------------------ entry

    def parse(self, value: str | None) -> ParsedPhone:
        """Read one written number; never raises, whatever the text."""
        if value is None:
            return ParsedPhone(rule="blank")
        if len(value) == 11 and value.isascii() and value.isdigit() and value[0] == "1":
            plain = self._chinese_mobile(value, None)
            if plain is not None:
                return plain
        if len(value) > _LONGEST_CELL:
            return _too_long(value)
        text, rule = self._fold(value)
        if not text:
            return ParsedPhone(rule="blank")
        several = [p for p in _SEVERAL.split(text) if sum(c.isdigit() for c in p) >= 7]
        if len(several) < 2:
            several = _MOBILE_INSIDE.findall(text)
        if len(several) > 1:
            parsed = [self._one(p, "first of several") for p in several]
            usable = next((p for p in parsed if p.e164), None)
            return usable or parsed[0]
        return self._one(text, rule)

    def _fold(self, value: str) -> tuple[str, str | None]:
        """Full-width and invisible characters folded, labels off."""
        text = _INVISIBLE.sub("", value)
        if not text.isascii():
            text = _DASHES.sub("-", unicodedata.normalize("NFKC", text))
        text = text.strip(" \t\r\n'\"`=")
        rule = None if text == value else ("full-width form" if not value.isascii() else "blanks or quotes")
        without = _LABEL.sub("", text)
        return without, "label" if without != text else rule

    def _one(self, text: str, rule: str | None) -> ParsedPhone:
        """Read one number."""
        if len(text) > _LONGEST_NUMBER:
            return _too_long(text)
        decimal = _DECIMAL.fullmatch(text)
        if decimal is not None:
            text, rule = decimal.group(1), "spreadsheet decimal"
        scientific = _SCIENTIFIC.fullmatch(text)
        if scientific is not None:
            digits = scientific.group(1) + (scientific.group(2) or "")
            if len(digits) != int(scientific.group(3)) + 1:
                return ParsedPhone(national=digits, masked_phone=mask(digits), rule="digits lost by a spreadsheet")
            text, rule = digits, "spreadsheet number"
        compact = re.sub(r"[\s().+-]", "", text)
        masked = _MASKED.fullmatch(compact)
        if masked is not None and masked.group(1) + masked.group(3):
            return self._masked(*masked.groups())
        extension = None
        found = _EXTENSION.match(text)
        if found is not None:
            text, extension, rule = found.group(1), found.group(2), "extension"
        if re.search(r"[^\W\d_]", text):
            mended = text.translate(_CHINESE_DIGITS)
            if mended != text:
                rule = "Chinese digits"
            if re.search(r"\d", mended) and not re.search(r"[^\W\dOoQDlIi_]", mended):
                swapped = mended.translate(_LETTER_DIGITS)
                rule = "letters for digits" if swapped != mended else rule
                mended = swapped
            text = mended
        digits = "".join(c for c in text if c in "0123456789")
        if not digits:
            return ParsedPhone(rule="no digits")
        if self._blocks(digits):
            return ParsedPhone(kind="placeholder", national=digits, masked_phone=mask(digits), rule="placeholder")
        if len(digits) > _LONGEST_DIGITS:
            return _too_long(digits)
        separated = rule or ("separators" if digits != text else None)
        if extension is None:
            dashed = _DASH_EXTENSION.match(text)
            if dashed is not None:
                main = self._number(dashed.group(1), _digits(dashed.group(1)), "extension")
                if main.e164 is not None and main.kind == "landline":
                    return _with_extension(main, dashed.group(2))
        parsed = self._number(text, digits, separated)
        return _with_extension(parsed, extension) if extension and parsed.e164 and parsed.kind == "landline" else parsed

    def _masked(self, head: str, stars: str, tail: str) -> ParsedPhone:
        """138****1234: the pattern stays, for comparison with whole numbers."""
        if head.startswith("0086"):
            head = head[4:]
        elif head.startswith("86") and len(head) > 3:
            head = head[2:]
        hidden = len(stars)
        if head.startswith("1") and len(head) + len(tail) < 11 and len(head) >= 3:
            # Some exports write any number of stars; a Chinese mobile has eleven places.
            hidden = 11 - len(head) - len(tail)
        pattern = head + "*" * hidden + tail
        return ParsedPhone(kind="masked", national=pattern, masked_phone=pattern, rule="masked")

    def _number(self, text: str, digits: str, rule: str | None) -> ParsedPhone:
        """Read a whole number by its country code, or by the default regions in turn."""
        stripped = text.lstrip("( ")
        explicit = stripped.startswith("+")
        home = _home_part(digits, explicit)
        if home is not None:
            found = self._chinese(home, rule)
            if found is not None:
                return found
        if explicit or (digits.startswith("00") and len(digits) > 10):
            return self._abroad(digits if explicit else digits[2:], rule)
        if self._home_is_default and not _FOREIGN_GROUPS.fullmatch(stripped):
            found = self._chinese(digits, rule)
            if found is not None:
                return found
        matches = [(r, n) for r in self._regions for n in (_without_trunk(stripped, digits, r),) if r.kind(n)]
        if len(matches) == 1:
            region, national = matches[0]
            return ParsedPhone(
                e164=f"+{region.country_code}{national}",
                kind="foreign",
                national=national,
                masked_phone=mask(national),
                region=region.code,
                rule=rule,
            )
        if not matches and self._home_is_default and self._home.fixed.fullmatch(digits):
            found = self._chinese("0" + digits, "trunk zero added")
            if found is not None:
                return found
        reason = "ambiguous region" if matches else _why_invalid(digits)
        return ParsedPhone(national=digits, masked_phone=mask(digits), rule=reason)

    def _chinese_mobile(self, national: str, rule: str | None) -> ParsedPhone | None:
        place = self._mobile_place(national)
        if place is None and not self._home.mobile.fullmatch(national):
            return None
        if self._blocks(national):
            return ParsedPhone(kind="placeholder", national=national, masked_phone=mask(national), rule="placeholder")
        return ParsedPhone(f"+86{national}", "mobile", national, f"{national[:3]}****{national[7:]}", place, rule)

    def _chinese(self, digits: str, rule: str | None) -> ParsedPhone | None:
        """A Chinese number as dialled in China: mobile, 0 + area code + line, 400/800, 95xxx."""
        if len(digits) == 12 and digits.startswith("01") and digits[2] in "3456789":
            mobile = self._chinese_mobile(digits[1:], rule or "trunk zero")
            if mobile is not None:
                return mobile
        if len(digits) == 11 and digits[0] == "1":
            mobile = self._chinese_mobile(digits, rule)
            if mobile is not None:
                return mobile
        if digits.startswith("0"):
            significant = digits[1:]
            if self._home.fixed.fullmatch(significant) is None:
                return None
            place = next((self._area_place(digits[:n]) for n in (3, 4) if digits[:n] in self._areas), None)
            return ParsedPhone(f"+86{significant}", "landline", digits, mask(digits), place, rule)
        if self._home.service.fullmatch(digits):
            return ParsedPhone(f"+86{digits}", "landline", digits, mask(digits), None, rule)
        return None

    def _abroad(self, digits: str, rule: str | None) -> ParsedPhone:
        """A number with a written country code."""
        try:
            number = phonenumbers.parse("+" + digits, None)
        except phonenumbers.NumberParseException:
            return ParsedPhone(national=digits, masked_phone=mask(digits), rule="impossible number")
        national = str(phonenumbers.national_significant_number(number))
        if not phonenumbers.is_valid_number(number):
            return ParsedPhone(national=national, masked_phone=mask(national), rule="impossible number")
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        region = phonenumbers.region_code_for_number(number)
        if region == HOME:
            found = self._chinese("0" + national, rule)
            if found is not None:
                return found
        return ParsedPhone(e164, "foreign", national, mask(national), region, rule)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise UserError(f"blocked_values.csv has a pattern that is not valid ({pattern}): {error}.") from error


@cache
def _place(province: str | None, city: str | None) -> str | None:
    """广东 深圳; a municipality once."""
    return " ".join(dict.fromkeys(p for p in (province, city) if p)) or None


def _digits(text: str) -> str:
    return "".join(c for c in text if c in "0123456789")


def _home_part(digits: str, explicit: bool) -> str | None:
    """The part after +86, 0086 or 86, dialled as at home; None where there is no such code."""
    bare = digits
    for code in ("0086", "086", "86"):
        if bare.startswith(code):
            rest = bare[len(code) :]
            if rest.startswith("86") and len(rest) == 13:
                rest = rest[2:]
            if len(rest) == 11 and rest[0] == "1":
                return rest
            if code == "86" and not explicit and len(rest) < 10:
                return None
            if 9 <= len(rest) <= 12:
                return rest if rest.startswith(("0", "400", "800")) else "0" + rest
    return None


def _without_trunk(text: str, digits: str, region: _Region) -> str:
    """National digits; a trunk prefix counts only where it is set apart: 12012345670 is no American number."""
    if region.trunk and re.match(rf"{region.trunk}[-. (]", text) and len(digits) > 10:
        return digits[len(region.trunk) :]
    return digits


def _too_long(text: str) -> ParsedPhone:
    """What is no number for its length alone, by its first digits."""
    digits = "".join(islice((c for c in text if c in "0123456789"), _LONGEST_DIGITS))
    return ParsedPhone(national=digits or None, masked_phone=mask(digits) if digits else None, rule="too long")


def _with_extension(parsed: ParsedPhone, extension: str) -> ParsedPhone:
    return ParsedPhone(
        parsed.e164, parsed.kind, f"{parsed.national}-{extension}", parsed.masked_phone, parsed.region, "extension"
    )


def _why_invalid(digits: str) -> str:
    if len(digits) in (7, 8):
        return "no area code"
    if digits.startswith("1") and len(digits) < 11:
        return "too short"
    if digits.startswith("1") and len(digits) > 11:
        return "too long"
    return "impossible number"


def mask(digits: str) -> str:
    """Hide at least the four digits that tell people apart: 138****1234; a short number keeps its ends."""
    if len(digits) >= 11:
        return f"{digits[:3]}****{digits[-4:]}"
    if len(digits) >= 7:
        return f"{digits[: min(3, len(digits) - 6)]}****{digits[-(3 if len(digits) >= 10 else 2) :]}"
    return "*" * max(len(digits), 4)


@cache
def default_parser() -> PhoneParser:
    """The parser with the committed tables."""
    return PhoneParser()


def parse(value: str | None) -> ParsedPhone:
    """Read one written number with the committed tables."""
    return default_parser().parse(value)
