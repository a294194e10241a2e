"""The administrative divisions of China, found at the head of a text.

What belongs here: province, city and district of a written place, with suffixes or a level left out. What does not:
roads and houses (`addresses.py`).
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from orchestration.cleaning.wordlists import REFERENCE_DIR, read_rows

# A short name followed by one of these is the name of a street: 南京东路, 朝阳大街, 北京西路.
_STREET_FOLLOWS = re.compile(
    r"[东西南北中内外前后]{0,2}[一二三四五六七八九十\d]{0,3}(?:大?[路街道]|大桥|巷|弄|胡同|环|村|花园|小区|里|苑|广场)"
)
_MUNICIPAL_CITY_NAMES = {"市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"}
_PROVINCE_SUFFIX = re.compile(r"(?:省|市)$")
_CITY_SUFFIX = re.compile(r"(?:市|地区|盟)$")
_AREA_SUFFIX = re.compile(r"(?:市|新区|区|县|旗)$")


@dataclass(frozen=True, slots=True)
class Place:
    """Province, city and district by their official names; None where the text does not decide them."""

    province: str | None = None
    city: str | None = None
    district: str | None = None


@dataclass(frozen=True, slots=True)
class _Division:
    name: str
    province: str
    city: str | None
    level: str


class Divisions:
    """The division tables of one folder, indexed by name and short name."""

    def __init__(self, reference_dir: Path = REFERENCE_DIR) -> None:
        """Load the tables.

        Raises:
            UserError: a table is missing or lacks a column.
        """
        provinces = {r["code"]: r["name"] for r in read_rows(reference_dir / "provinces.csv", ["code", "name"])}
        cities: dict[str, tuple[str, str]] = {}
        self._index: dict[str, list[_Division]] = {}
        self._short: dict[str, list[_Division]] = {}
        for name in provinces.values():
            self._add(_Division(name, name, None, "province"), _PROVINCE_SUFFIX)
        for r in read_rows(reference_dir / "cities.csv", ["code", "name", "province_code"]):
            province = provinces[r["province_code"]]
            cities[r["code"]] = (r["name"], province)
            if r["name"] not in _MUNICIPAL_CITY_NAMES:
                self._add(_Division(r["name"], province, r["name"], "city"), _CITY_SUFFIX)
        for r in read_rows(reference_dir / "areas.csv", ["code", "name", "city_code"]):
            city, province = cities[r["city_code"]]
            if city in ("市辖区", "县"):
                city = province
            elif city in _MUNICIPAL_CITY_NAMES:
                city = r["name"]
            if r["name"] not in _MUNICIPAL_CITY_NAMES:
                self._add(_Division(r["name"], province, city, "area"), _AREA_SUFFIX)
        for r in read_rows(reference_dir / "division_aliases.csv", ["alias", "name", "level"]):
            known = [d for d in self._index.get(r["name"], []) if d.level == r["level"]]
            if not known and r["level"] == "province":
                known = [_Division(r["name"], r["name"], None, "province")]
            full = r["alias"] == r["name"] or _AREA_SUFFIX.search(r["alias"]) is not None
            target = self._index if full else self._short
            target.setdefault(r["alias"], []).extend(d for d in known if d not in target.get(r["alias"], []))
        # Lengths worth trying by the first two characters: nearly every text is settled by one look-up.
        lengths: dict[str, set[int]] = {}
        for name in (*self._index, *self._short):
            lengths.setdefault(name[:2], set()).add(len(name))
        self._lengths = {start: sorted(found, reverse=True) for start, found in lengths.items()}

    def _add(self, division: _Division, suffix: re.Pattern[str]) -> None:
        self._index.setdefault(division.name, []).append(division)
        short = suffix.sub("", division.name)
        if len(short) >= 2 and short != division.name:
            self._short.setdefault(short, []).append(division)

    def _candidates(self, text: str, levels: tuple[str, ...]) -> tuple[list[_Division], int]:
        """Divisions whose name, or short name, begins the text, longest name first; and how much of it they take."""
        for length in self._lengths.get(text[:2], ()):
            head, rest = text[:length], text[length:]
            found = [d for d in self._index.get(head, []) if d.level in levels]
            if found:
                return found, length
            found = [d for d in self._short.get(head, []) if d.level in levels]
            if found and _STREET_FOLLOWS.match(rest) is None:
                longer = self._index.get(head + rest[:1], []) if rest else []
                if any(d.level != found[0].level for d in longer):
                    # 朝阳区 is no district of 朝阳市, 吉林市 is not the province, 恩施市 not the prefecture.
                    continue
                # 萧山市 is a district today: a short name with another suffix is the same place.
                if rest[:1] in ("市", "区", "县", "州") and any(d.level != "province" for d in found):
                    return found, length + 1
                return found, length
        return [], 0

    def find(self, text: str) -> tuple[Place, str]:
        """The place at the head of a text without blanks, and what follows it.

        A level left out is filled in where the ones given decide it: 深圳南山区 is in 广东省; 朝阳区 alone could be in
        Beijing or Changchun and stays a district without a city.
        """
        province = city = district = None
        rest = text
        found, taken = self._candidates(rest, ("province",))
        if found:
            province, rest = found[0].province, rest[taken:]
        # 上海市上海市浦东新区, 北京北京市: exports repeat a municipality as its own city.
        for _ in range(2):
            again, taken = self._candidates(rest, ("province",))
            if not again or again[0].province != province:
                break
            rest = rest[taken:]
        rest = rest.removeprefix("市辖区")
        found, taken = self._candidates(rest, ("city",))
        found = [d for d in found if province in (None, d.province)]
        if found and (province is not None or len(found) == 1):
            province, city, rest = found[0].province, found[0].city, rest[taken:]
            repeated, taken = self._candidates(rest, ("city",))
            if any(d.city == city for d in repeated):
                rest = rest[taken:]
        rest = rest.removeprefix("市辖区")
        found, taken = self._candidates(rest, ("area",))
        fitting = [d for d in found if province in (None, d.province) and city in (None, d.city)]
        if fitting:
            named_in_full = rest[:taken] == fitting[0].name
            # A short name alone is trusted for a county-level city only (昆山, 义乌); 和平 and 新华 are words.
            known_alone = named_in_full or taken > 2 or fitting[0].name.endswith("市")
            if len({(d.province, d.city) for d in fitting}) == 1 and (known_alone or province is not None):
                province, city, district = fitting[0].province, fitting[0].city, fitting[0].name
                rest = rest[taken:]
            elif named_in_full or province is not None:
                district = fitting[0].name
                rest = rest[taken:]
        if province is not None and city is None and province.endswith("市"):
            city = province
        return Place(province, city, district), rest


@cache
def default_divisions() -> Divisions:
    """The divisions of the committed tables."""
    return Divisions()


def find(text: str) -> Place:
    """Place at the head of a text, by the committed tables."""
    return default_divisions().find(text.replace(" ", ""))[0]
