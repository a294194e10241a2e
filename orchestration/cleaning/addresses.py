"""A written address taken apart: province, city, district, road, number, building, unit, room, key.

What belongs here: reading one address, Chinese first, others by number and street. What does not: the divisions
(`regions.py`), the table of addresses (`dictionaries.py`).
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import opencc

from orchestration.cleaning.regions import Divisions, Place
from orchestration.cleaning.wordlists import POLICY_DIR, REFERENCE_DIR, read_rows

_INVISIBLE = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufffd\ud800-\udfff]"
)
_HAN = re.compile("[\u3400-\u9fff]")
_NUMERAL = "零〇一二两三四五六七八九十百千"
_NUMBER = f"(?:\\d+|[{_NUMERAL}]+)"
_DASHES = re.compile("[\u2010-\u2015\u2212\u2500\u30fc~～]")
_REMARK = re.compile(r"[(\[【〔「{][^()\[\]【】〔〕「」{}]*[)\]】〕」}]?")
_LEAD = re.compile(r"^(?:中国|中华人民共和国|地址|住址|收货地址|详细地址|邮编|\d{6})[:：]?")
_TOWN = re.compile(
    r"^([\u4e00-\u9fff]{1,8}?(?:街道(?:办事处|办)?|地区办事处|镇|乡|苏木|经济技术开发区|高新技术产业开发区|开发区|高新区|新区)|工业园区?)(?=.)(?![路街道巷大])"
)
_ROAD = re.compile(
    r"^([\u4e00-\u9fffA-Za-z\d]{0,14}?[\u4e00-\u9fff\d](?:大道|大街|公路|国道|省道|县道|胡同|环路|支路|路(?!街|大道)|街(?!道|大道)|道|巷|里(?=\d))"
    r"(?:[东西南北中]段|[东西南北](?=\d)|[一二三四五六七八九十\d]+段)?)"
)
_LANE = re.compile(rf"^({_NUMBER})弄")
_HOUSE = re.compile(rf"^(?:第)?({_NUMBER}(?:[-之]\d+)?[甲乙丙丁A-Za-z]?)号(?!楼|院?楼|[栋幢座]|房|室)(?:院)?")
_BARE_HOUSE = re.compile(r"^(\d+(?:-\d+)?)(?=$|[^\d栋幢座楼层室单号])")
_BUILDING = re.compile(
    rf"({_NUMBER}|[A-Za-z]\d*|[甲乙丙丁东西南北]|\d+[A-Za-z])(?:号楼|号院?楼|栋楼?|幢|座|塔|#楼?|号[栋幢座])"
)
_PLAIN_BUILDING = re.compile(rf"({_NUMBER})楼(?=\d+单元|[{_NUMERAL}]+单元)")
_UNIT = re.compile(rf"({_NUMBER}|[A-Za-z]|[甲乙丙丁东西])(?:单元|门(?=\d|$))")
_FLOOR = re.compile(rf"({_NUMBER})(?:层|楼)")
_ROOM = re.compile(rf"({_NUMBER}|\d*[A-Za-z]?-?\d+[A-Za-z]?)(?:室|房间?|户|号房|号室)$")
_TRIPLE = re.compile(r"(?<!\d)(\d{1,3})-(\d{1,2})-(\d{2,5})(?:室|房|号)?$")
_DOUBLE = re.compile(r"(?<!\d)(\d{1,3})-(\d{2,5})(?:室|房|号)?$")
_LAST_DIGITS = re.compile(r"(\d{2,5}[A-Za-z]?)号?$")
_POSTCODE_TAIL = re.compile(r"(?<=\D)(?:邮编[:：]?)\d{6}$")
_VALUE = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_SCALE = {"十": 10, "百": 100, "千": 1000}


@dataclass(frozen=True, slots=True)
class ParsedAddress:
    """An address read; the columns of `clean.addresses` after `value`.

    `road` is the street, or the estate where no street is written. `address_key` is for comparison: city,
    district, road, number, building, unit, room and what else was written, in one order; None where nothing below the
    district is known.
    """

    province: str | None = None
    city: str | None = None
    district: str | None = None
    road: str | None = None
    number: str | None = None
    building: str | None = None
    unit: str | None = None
    room: str | None = None
    address_key: str | None = None
    rule: str | None = None


class AddressParser:
    """Reads addresses with the tables of one folder; build it once."""

    def __init__(self, reference_dir: Path = REFERENCE_DIR, policy_dir: Path = POLICY_DIR) -> None:
        """Load the tables.

        Raises:
            UserError: a table is missing or lacks a column.
        """
        blocked = read_rows(policy_dir / "blocked_values.csv", ["kind", "value"])
        self._blocked = {r["value"].casefold() for r in blocked if r["kind"] == "address"}
        self._divisions = Divisions(reference_dir)
        self._converter = opencc.OpenCC("t2s")
        rows = read_rows(reference_dir / "street_words.csv", ["written", "standard", "kind"])
        self._street_words = {r["written"]: r["standard"] for r in rows}
        self._kinds = {r["standard"]: r["kind"] for r in rows}

    def parse(self, value: str | None) -> ParsedAddress:
        """Read one written address; never raises, whatever the text."""
        if value is None:
            return ParsedAddress(rule="blank")
        text = _DASHES.sub("-", unicodedata.normalize("NFKC", _INVISIBLE.sub("", value))).strip()
        if not any(c.isalnum() for c in text):
            return ParsedAddress(rule="blank")
        if text.casefold() in self._blocked:
            return ParsedAddress(rule="placeholder")
        if _HAN.search(text):
            return self._chinese(text, value)
        return self._latin(text)

    # ------------------------------------------------------------------ Chinese

    def _chinese(self, text: str, value: str) -> ParsedAddress:
        """Divisions, then road and number, then what stands in the house."""
        simplified = str(self._converter.convert(text))
        plain = _POSTCODE_TAIL.sub("", _REMARK.sub("", simplified) or simplified)
        rest = re.sub(r"[\s,，。.、;；:：|/\\\"'*]+", "", plain)
        rest = re.sub(r"(?<=[\u4e00-\u9fff])[-_]+|[-_]+(?=[\u4e00-\u9fff])", "", rest)
        for _ in range(2):
            rest = _LEAD.sub("", rest)
        written = rest
        place, rest = self._divisions.find(rest)
        town = _TOWN.match(rest)
        if town is not None:
            rest = rest[town.end() :]
        road = number = building = unit = room = None
        found = _ROAD.match(rest)
        if found is not None:
            road, rest = found.group(1), rest[found.end() :]
            lane = _LANE.match(rest)
            if lane is not None:
                number, rest = _figure(lane.group(1)), rest[lane.end() :]
            house = _HOUSE.match(rest)
            if house is not None:
                own = _figure(house.group(1).replace("之", "-"))
                number, rest = (f"{number}-{own}" if number else own), rest[house.end() :]
            elif number is None and (bare := _BARE_HOUSE.match(rest)) is not None and not _TRIPLE.match(rest):
                number, rest = bare.group(1), rest[bare.end() :]
        rest, building, unit, room = _inside(rest)
        estate = re.sub(r"[-#]+$", "", rest)
        if road is None and estate:
            house = re.search(rf"({_NUMBER}(?:-\d+)?)号$", estate)
            if house is not None:
                number, estate = _figure(house.group(1)), estate[: house.start()]
            road = estate or None
            estate = ""
        key = self._key(place, road, number, building, unit, room, estate)
        rule = _rule_of(value, text, simplified, written, place)
        return ParsedAddress(place.province, place.city, place.district, road, number, building, unit, room, key, rule)

    @staticmethod
    def _key(place: Place, *parts: str | None) -> str | None:
        if not any(parts):
            return None
        return "|".join(p.casefold() for p in (place.city, place.district, *parts) if p)

    # ------------------------------------------------------------------ others

    def _latin(self, text: str) -> ParsedAddress:
        """Number, street and flat of an address in another script; the rest only goes into the key."""
        plain = "".join(c for c in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(c))
        parts = [p.strip() for p in re.split(r"[,;\n]+", plain) if p.strip()]
        words_of = [[self._street_words.get(w, w) for w in re.findall(r"[^\W_]+(?:[-/][^\W_]+)*", p)] for p in parts]
        room = building = number = road = None
        words: list[str] = []
        for part in words_of:
            kept: list[str] = []
            at = 0
            while at < len(part):
                kind = self._kinds.get(part[at])
                following = part[at + 1] if at + 1 < len(part) else None
                if (
                    kind == "room"
                    and following is not None
                    and any(c.isdigit() for c in following) | (len(following) == 1)
                ):
                    room, at = following, at + 2
                elif kind == "building" and following is not None and len(following) <= 3:
                    building, at = following, at + 2
                else:
                    kept.append(part[at])
                    at += 1
            if not kept:
                continue
            words.extend(kept)
            if road is None and len(kept) > 1 and re.fullmatch(r"\d+[a-z]?(?:[-/]\d+[a-z]?)*", kept[0]):
                number, road = kept[0], " ".join(kept[1:])
        if road is not None:
            road = self._street_part(road)
        key = "|".join([*words, *(x for x in (building, room) if x)]) or None
        return ParsedAddress(road=road, number=number, building=building, room=room, address_key=key, rule="folded")

    def _street_part(self, road: str) -> str:
        """The words up to the street type, if one is there: 12 main st springfield il."""
        words = road.split()
        for at in range(1, len(words)):
            if self._kinds.get(words[at]) == "street":
                return " ".join(words[: at + 1])
        return road


def _inside(text: str) -> tuple[str, str | None, str | None, str | None]:
    """What is left, building, unit and room of the part after the house number."""
    building = unit = room = None
    rest = text
    triple = _TRIPLE.search(rest)
    if triple is not None:
        building, unit, room = triple.groups()
        return rest[: triple.start()], _figure(building), _figure(unit), room
    found = _BUILDING.search(rest) or _PLAIN_BUILDING.search(rest)
    start = len(rest)
    if found is not None:
        building = _figure(found.group(1))
        start = min(start, found.start())
    tail = rest[found.end() :] if found is not None else rest
    unit_found = _UNIT.search(tail)
    if unit_found is not None:
        unit = _figure(unit_found.group(1))
        start = min(start, len(rest) - len(tail) + unit_found.start())
        tail = tail[unit_found.end() :]
    double = _DOUBLE.search(tail)
    if double is not None and building is None:
        building, room = double.groups()
        return rest[: min(start, len(rest) - len(tail) + double.start())], building, unit, room
    if double is not None and unit is None:
        unit, room = double.groups()
        return rest[:start], building, unit, room
    room_found = _ROOM.search(tail)
    if room_found is None and (building or unit):
        room_found = _LAST_DIGITS.search(tail)
    if room_found is not None:
        room = _figure(room_found.group(1))
        start = min(start, len(rest) - len(tail) + room_found.start())
        tail = tail[: room_found.start()]
    floor = _FLOOR.search(tail)
    if floor is not None:
        start = min(start, len(rest) - len(rest[rest.find(tail) :]) + floor.start()) if tail in rest else start
    return rest[:start], building, unit, room


def _figure(text: str) -> str:
    """Chinese numerals as digits, leading zeros off: 三十二 is 32, 03 is 3."""
    if text.isdigit():
        return text.lstrip("0") or "0"
    if not all(c in _NUMERAL for c in text):
        return text.upper()
    if not any(c in _SCALE for c in text):
        return "".join(str(_VALUE[c]) for c in text).lstrip("0") or "0"
    total = digit = 0
    for c in text:
        if c in _SCALE:
            total += (digit or 1) * _SCALE[c]
            digit = 0
        else:
            digit = _VALUE[c]
    return str(total + digit)


def _rule_of(value: str, text: str, simplified: str, written: str, place: Place) -> str | None:
    """What was changed, in words."""
    changes = []
    if text != value:
        changes.append("full-width form or blanks")
    if simplified != text:
        changes.append("traditional form")
    if written != simplified:
        changes.append("signs or remarks")
    if any(p is not None and p not in written for p in (place.province, place.city, place.district)):
        changes.append("divisions completed")
    return ", ".join(changes) or None


@cache
def default_parser() -> AddressParser:
    """The parser with the committed tables."""
    return AddressParser()


def parse(value: str | None) -> ParsedAddress:
    """Read one written address with the committed tables."""
    return default_parser().parse(value)
