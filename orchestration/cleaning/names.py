"""A written name taken apart: surname, given name, honorific, gender evidence, keys for comparison.

What belongs here: reading one name, Chinese first. What does not: the word lists (`seeds/reference`), the table of
names (`dictionaries.py`), and any decision that two names are one person (`orchestration/identity`).

A name is read in this order: fold the writing (full-width, zero-width, traditional), set remarks aside, recognise
placeholders, take honorifics off, then split surname and given name. Nothing is guessed that the writing does not
say: a rank gives no gender, a masked or bare surname gives no comparison key.
"""

import html
import math
import re
import unicodedata
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

import opencc

from orchestration.cleaning.pinyin import readings
from orchestration.cleaning.salutations import salutation
from orchestration.cleaning.wordlists import POLICY_DIR, REFERENCE_DIR, read_rows
from orchestration.errors import UserError

HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
_HAN = re.compile(f"[{HAN}]")
_HAN_RUN = re.compile(f"[{HAN}]+")
_PLAIN_HAN = re.compile(f"[{HAN}]{{1,4}}")
_LATIN_LETTER = re.compile(r"[^\W\d_]")
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000e-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\ud800-\udfff\U000e0000-\U000e0fff]"
)
_SPACES = re.compile(r"\s+")
_BRACKETS = re.compile(
    r"[(\[{<【〔〖「『《〈\u2985\u301a]([^()\[\]{}<>【】〔〕〖〗「」『』《》〈〉]*)(?:[)\]}>】〕〗」』》〉\u301b]|$)"
)
_STRAY_BRACKETS = re.compile(r"[()\[\]{}<>【】〔〕〖〗「」『』《》〈〉\u2985\u2986\u301a\u301b]")
_DOTS = re.compile(r"[·•‧∙⋅・･●﹒．]")
_DOT_BETWEEN_HAN = re.compile(f"(?<=[{HAN}])\\s*[·•‧∙⋅・･﹒．.]\\s*(?=[{HAN}])")
_MASK_RUN = re.compile(r"[*✱✲✳×✕✖╳●○◯◎□■△▲?]+")
_MASK_X = re.compile(f"(?<=[{HAN}*])[xX]+(?![A-Za-z])|(?<![A-Za-z])[xX]+(?=[{HAN}*])")
_READING = re.compile(r"[a-zāáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜüńňǹḿ]{1,7}[1-5]?")
_SYLLABLE_TONE = re.compile(r"[\u0300\u0301\u0304\u030c]")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[a-z]+", re.IGNORECASE)
_HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d]")
_SEPARATORS = re.compile(r"[/\\|、,，;；:：+&\n\t]+")
_PUNCTUATION = re.compile(r"[\W_]+")
_LATIN_WORD = re.compile(r"[^\W\d_]+(?:['’`´ʼ-][^\W\d_]+)*[.*]*|[^\W\d_]*\*+[^\W\d_*]*\**")
_LONG_WORD = re.compile(r"[^\W\d_]{6,}")
_MASKED_LATIN = re.compile(r"[^\W\d_]*\*+[^\W\d_]*")

MASK = "*"
_LONGEST_HAN_NAME = 12


class Honorific(NamedTuple):
    """One row of `name_honorifics.csv`."""

    canonical: str
    class_: str
    gender: str | None
    surname_only: bool
    relative: bool


class Affix(NamedTuple):
    """One row of `name_latin_affixes.csv`."""

    canonical: str
    class_: str | None
    gender: str | None


@dataclass(frozen=True, slots=True)
class ParsedName:
    """A name read; the columns of `clean.names` after `value`.

    `gender_evidence` is what the writing says (女士, 哥, a remark such as （女）) and `gender_strength` the share of
    people so addressed of whom it is right; a rank says nothing. `given_name_gender` is what the characters of the
    given name suggest and `given_name_gender_share` its posterior: statistics, said by nobody, kept apart.
    `kind` is full, surname_only, masked, nickname, company, latin or empty. `name_key` (simplified, casefolded) is
    None unless surname and given name are both known or the name is a whole minority name; `pinyin_key` (no tones)
    and `initials` go with it, surname first in every script. `rule` says what was changed, None when nothing was.
    """

    surname: str | None = None
    given_name: str | None = None
    honorific: str | None = None
    honorific_class: str | None = None
    gender_evidence: str | None = None
    gender_strength: float | None = None
    given_name_gender: str | None = None
    given_name_gender_share: float | None = None
    kind: str = "empty"
    name_key: str | None = None
    pinyin_key: str | None = None
    initials: str | None = None
    display_name: str | None = None
    masked_name: str | None = None
    salutation: str | None = None
    rule: str | None = None


EMPTY = ParsedName()


class _SimplifiedCharacters(dict[int, str]):
    """Translation table that asks OpenCC once per character and remembers."""

    def __init__(self, standards: dict[str, str]) -> None:
        super().__init__({ord(c): s for c, s in standards.items()})
        self._converter = opencc.OpenCC("t2s")

    def __missing__(self, code: int) -> str:
        character = chr(code)
        converted = str(self._converter.convert(character)) if code > 0x2E7F else character
        self[code] = converted
        return converted


@dataclass
class _Reading:
    """What one pass over the writing has found so far."""

    text: str
    changes: list[str]
    honorifics: list[Honorific]
    gender: str | None = None


class NameParser:
    """Reads names with the word lists of one folder; build it once, it caches per character."""

    def __init__(self, reference_dir: Path = REFERENCE_DIR, policy_dir: Path = POLICY_DIR) -> None:
        """Load the word lists and thresholds.

        Raises:
            UserError: a list is missing or lacks a column, or a threshold is no number.
        """
        self._thresholds = _read_thresholds(policy_dir / "name_thresholds.csv")
        characters = read_rows(reference_dir / "name_characters.csv", ["character", "standard", "reading"])
        self._simplified = _SimplifiedCharacters({r["character"]: r["standard"] for r in characters})
        self._readings: dict[str, str] = {r["character"]: r["reading"] for r in characters if r["reading"]}
        self.surnames: dict[str, tuple[float, str, str, int]] = {}
        for r in read_rows(
            reference_dir / "surnames.csv", ["surname", "frequency", "reading", "canonical", "minimum_length"]
        ):
            self.surnames[r["surname"]] = (
                float(r["frequency"]),
                r["reading"],
                r["canonical"],
                int(r["minimum_length"]),
            )
        self._longest_surname = max(map(len, self.surnames))
        self._compound = {s for s in self.surnames if len(s) > 1}
        self.honorifics: dict[str, Honorific] = {
            r["honorific"]: Honorific(
                r["canonical"], r["class"], r["gender"] or None, r["attaches_to"] == "surname", r["relative"] == "yes"
            )
            for r in read_rows(
                reference_dir / "name_honorifics.csv",
                ["honorific", "canonical", "class", "gender", "attaches_to", "relative"],
            )
        }
        self._longest_honorific = max(map(len, self.honorifics))
        self._honorific_ends = {h[-1] for h in self.honorifics}
        self._honorific_starts = {h[:2] for h in self.honorifics if len(h) > 1}
        self._placeholders: dict[str, bool] = {}
        for r in read_rows(reference_dir / "name_placeholders.csv", ["placeholder", "match"]):
            self._placeholders[r["placeholder"].casefold()] = r["match"] == "numbered"
        self._placeholder_words = {_PUNCTUATION.sub("", p): n for p, n in self._placeholders.items()}
        self._nickname_prefixes = {
            r["prefix"]: float(r["minimum_surname_frequency"])
            for r in read_rows(reference_dir / "name_nickname_prefixes.csv", ["prefix", "minimum_surname_frequency"])
        }
        remarks = read_rows(reference_dir / "name_remarks.csv", ["remark", "kind"])
        self._remarks = {r["remark"].casefold() for r in remarks if r["kind"] == "remark"}
        self._gender_remarks = {r["remark"].casefold(): r["kind"] for r in remarks if r["kind"] in {"male", "female"}}
        leads = sorted((r["remark"] for r in remarks if r["kind"] == "lead"), key=len, reverse=True)
        self._lead = re.compile(rf"\s*(?:{'|'.join(map(re.escape, leads))})\s*(?:[:：]|\s-\s)\s*", re.IGNORECASE)
        greetings = [r["remark"] for r in remarks if r["kind"] == "greeting"]
        self._tails = sorted((r["remark"] for r in remarks if r["kind"] == "tail"), key=len, reverse=True)
        self._greeting = re.compile(rf"(?:{'|'.join(greetings)})(?=.{{2}})")
        self._titles: dict[str, Affix] = {}
        self._suffixes: set[str] = set()
        self._particles: set[str] = set()
        for r in read_rows(reference_dir / "name_latin_affixes.csv", ["word", "role", "canonical", "class", "gender"]):
            if r["role"] == "title":
                self._titles[r["word"]] = Affix(r["canonical"], r["class"] or None, r["gender"] or None)
            elif r["role"] == "suffix":
                self._suffixes.add(r["word"])
            else:
                self._particles.add(r["word"])
        companies = read_rows(reference_dir / "name_company_words.csv", ["word", "script"])
        han_words = sorted((r["word"] for r in companies if r["script"] == "han"), key=len, reverse=True)
        self._company = re.compile(rf"(?:{'|'.join(han_words)})")
        self._latin_company = {r["word"] for r in companies if r["script"] == "latin"}
        self._transliteration = {
            c
            for r in read_rows(reference_dir / "name_transliteration_characters.csv", ["characters"])
            for c in r["characters"]
        }
        self._romanised = {
            r["romanised"] for r in read_rows(reference_dir / "romanised_surnames.csv", ["romanised", "surname"])
        }
        self._western_given_names = {r["name"] for r in read_rows(reference_dir / "western_given_names.csv", ["name"])}
        self._load_pinyin(reference_dir)

    def _load_pinyin(self, reference_dir: Path) -> None:
        """Weights of surname and given-name syllables, by which the order of a pinyin name is told."""
        self._surname_syllables: dict[str, float] = {}
        for surname, (frequency, reading, _, _) in self.surnames.items():
            if len(surname) <= 2:
                self._surname_syllables[reading] = self._surname_syllables.get(reading, 0.0) + frequency
        self._given_syllables: dict[str, float] = {}
        self._given_characters: dict[str, float] = {}
        counts: dict[str, tuple[float, float]] = {}
        for r in read_rows(reference_dir / "given_name_characters.csv", ["character", "male", "female"]):
            syllable = self._read(r["character"])
            male, female = float(r["male"] or 0), float(r["female"] or 0)
            weight = male + female
            self._given_characters[r["character"]] = weight
            counts[r["character"]] = (male, female)
            if syllable:
                self._given_syllables[syllable] = self._given_syllables.get(syllable, 0.0) + weight
        total = sum(self._given_characters.values())
        self._given_characters = {c: w / total for c, w in self._given_characters.items()}
        self._gender_weights = _gender_weights(counts)
        total = sum(self._given_syllables.values())
        self._given_syllables = {s: w / total for s, w in self._given_syllables.items()}
        surname_total = sum(self._surname_syllables.values())
        self._surname_syllables = {s: w / surname_total for s, w in self._surname_syllables.items()}

    # ------------------------------------------------------------------ writing

    def _read(self, character: str) -> str:
        """Reading of one character in a given name, without tone; '' where there is none."""
        reading = self._readings.get(character)
        if reading is None:
            written = readings().get(ord(character), "").split(",")[0]
            plain = unicodedata.normalize("NFC", _SYLLABLE_TONE.sub("", unicodedata.normalize("NFD", written)))
            reading = plain.replace("ü", "v").replace("ê", "e")
            self._readings[character] = reading
        return reading

    def _fold(self, value: str) -> tuple[str, list[str]]:
        """Full-width, invisible and traditional characters folded, blanks squeezed; and what that changed."""
        changes: list[str] = []
        text = value
        if "&" in text and ";" in text:
            text = html.unescape(text)
        visible = _INVISIBLE.sub("", text)
        if visible != text:
            changes.append("invisible characters")
        if not visible.isascii():
            folded = unicodedata.normalize("NFKC", visible)
            if folded != visible:
                changes.append("full-width form")
            simplified = folded.translate(self._simplified)
            if simplified != folded:
                changes.append("traditional form")
            visible = "".join(
                c
                for c in simplified
                if unicodedata.category(c) not in {"So", "Sk", "Cn", "Co", "Cs"} or c in "○◯◎□■△▲●"
            )
        squeezed = _SPACES.sub(" ", visible).strip(" '\"`“”‘’«»")
        if squeezed != visible:
            changes.append("blanks")
        return squeezed, changes

    # ------------------------------------------------------------------ entry

    def parse(self, value: str | None) -> ParsedName:
        """Read one written name; never raises, whatever the text."""
        if value is None:
            return EMPTY
        text, changes = self._fold(value)
        if _PLAIN_HAN.fullmatch(text):
            reading = _Reading(text, changes, [])
            return self._han(reading)
        if self._lead.match(text):
            text = self._lead.sub("", text, count=1)
            changes.append("label")
        reading = _Reading(text, changes, [])
        self._take_remarks(reading)
        placeholder = self._placeholder(reading.text)
        if placeholder is not None:
            return ParsedName(rule=placeholder)
        if _KANA.search(reading.text) or not _HAN.search(reading.text):
            return self._latin(reading)
        return self._mixed(reading)

    def _placeholder(self, text: str) -> str | None:
        """Why this text names nobody, or None."""
        folded = text.casefold()
        if not folded:
            return "blank"
        compact = _PUNCTUATION.sub("", folded)
        if not compact:
            return None if MASK in folded else "punctuation only"
        if compact.isdigit():
            return "digits only"
        if _EMAIL.fullmatch(folded):
            return "e-mail address"
        if folded in self._placeholders or compact in self._placeholder_words:
            return "placeholder"
        stem = compact.rstrip("0123456789")
        if stem != compact and self._placeholder_words.get(stem):
            return "placeholder"
        if len(compact) >= 3 and len(set(compact)) == 1:
            return "repeated character"
        words = folded.split()
        if len(words) > 1 and all(_PUNCTUATION.sub("", w) in self._placeholder_words for w in words):
            return "placeholder"
        return None

    def _take_remarks(self, reading: _Reading) -> None:
        """Set aside what stands in brackets: readings, remarks, honorifics, gender, another script."""
        text = reading.text
        for _ in range(4):
            match = _BRACKETS.search(text)
            if match is None:
                break
            inside = match.group(1).strip()
            outside = (text[: match.start()] + text[match.end() :]).strip()
            before = text[: match.start()]
            if _READING.fullmatch(inside) and _HAN.search(before[-1:]) and self._is_reading(before[-1], inside):
                text = outside
                reading.changes.append("reading")
                continue
            if not _LATIN_LETTER.search(outside) and MASK not in outside:
                text = inside
                reading.changes.append("brackets")
                continue
            folded = inside.casefold()
            bare_title = self._titles.get(folded.rstrip("."))
            if folded in self._gender_remarks:
                reading.gender = self._gender_remarks[folded]
            elif folded not in self._remarks and inside in self.honorifics and not self.honorifics[inside].relative:
                reading.honorifics.append(self.honorifics[inside])
            elif bare_title is not None:
                reading.honorifics.append(
                    Honorific(bare_title.canonical, bare_title.class_ or "rank", bare_title.gender, False, False)
                )
            elif _HAN.search(inside) and not _HAN.search(outside) and self._looks_like_name(inside):
                outside = inside
            reading.changes.append("remark")
            text = outside
        reading.text = _SPACES.sub(" ", _STRAY_BRACKETS.sub("", text)).strip()

    def _is_reading(self, character: str, written: str) -> bool:
        """Say whether `written` is a pinyin reading of the character, as scanners insert it."""
        plain = _SYLLABLE_TONE.sub("", unicodedata.normalize("NFD", written)).rstrip("12345")
        plain = unicodedata.normalize("NFC", plain).replace("ü", "v")
        if plain == self._read(character):
            return True
        others = readings().get(ord(character), "").split(",")
        return any(
            plain
            == unicodedata.normalize("NFC", _SYLLABLE_TONE.sub("", unicodedata.normalize("NFD", o))).replace("ü", "v")
            for o in others
        )

    def _looks_like_name(self, text: str) -> bool:
        """Say whether Han text is a surname with one or two characters after it."""
        text = text.replace(" ", "")
        return 2 <= len(text) <= 4 and _HAN_RUN.fullmatch(text) is not None and self._surname_of(text) is not None

    # ------------------------------------------------------------------ Chinese

    def _mixed(self, reading: _Reading) -> ParsedName:
        """Han text with anything else in it: labels, digits, Latin words, masks, dots, several names."""
        text = _DOT_BETWEEN_HAN.sub("·", reading.text)
        if _SEPARATORS.search(text):
            text = self._first_of_several(text, reading)
        without_digits = re.sub(r"[\d#@_~!^$%=]+|(?<![A-Za-z])-|-(?![A-Za-z])", " ", text)
        if without_digits != text:
            reading.changes.append("digits or signs")
            text = without_digits
        text = _MASK_RUN.sub(lambda m: MASK * len(m.group()), text)
        text = _MASK_X.sub(lambda m: MASK * len(m.group()), text)
        latin: list[str] = []
        pieces: list[str] = []
        for token in text.split():
            folded = token.casefold()
            if folded in self._gender_remarks and len(token) <= 2 and pieces:
                reading.gender = self._gender_remarks[folded]
                reading.changes.append("remark")
                continue
            if (folded in self._remarks and pieces) or (folded in self._remarks and not _HAN.search(token)):
                reading.changes.append("remark")
                continue
            pieces.append(token)
        joined = " ".join(pieces)
        for word in re.findall(f"[^\\W\\d_{HAN}·*]+(?:[.'’-][^\\W\\d_{HAN}·*]+)*\\.?", joined):
            bare = word.casefold().rstrip(".")
            title = self._titles.get(bare)
            if title is not None:
                reading.honorifics.append(
                    Honorific(title.canonical, title.class_ or "rank", title.gender, False, False)
                )
            elif bare in self._remarks or set(bare) <= {"a"}:
                reading.changes.append("remark")
            else:
                latin.append(word)
        han = "".join(re.findall(f"[{HAN}·*]", joined))
        if " " in reading.text.strip() and not latin:
            reading.changes.append("blanks")
        han = han.strip("·")
        if latin:
            return self._han_with_latin(han, latin, reading)
        if not han:
            return ParsedName(rule="no name")
        placeholder = self._placeholder(han)
        if placeholder is not None:
            return self._nobody(reading, placeholder)
        reading.text = han
        return self._han(reading)

    def _first_of_several(self, text: str, reading: _Reading) -> str:
        """The first name of several; what follows may still be a gender or an honorific."""
        parts = [p.strip() for p in _SEPARATORS.split(text) if p.strip()]
        first = ""
        for part in parts:
            folded = part.casefold()
            if folded in self._gender_remarks and len(parts) > 1:
                reading.gender = self._gender_remarks[folded]
            elif part in self.honorifics and first:
                reading.honorifics.append(self.honorifics[part])
            elif not first and _HAN.search(part) and folded not in self._remarks:
                first = part
        reading.changes.append("first of several")
        return first or text

    def _han_with_latin(self, han: str, latin: list[str], reading: _Reading) -> ParsedName:
        """A Latin word beside Han: Tony 李, Amy王小姐, Lucy老师, or a whole Han name with an English one."""
        core, found = self._take_honorifics(han)
        reading.honorifics = found + reading.honorifics
        word = " ".join(w.rstrip(".") for w in latin)
        if not core and len(latin) > 1:
            # Wei Zhang先生: a whole Latin name with a Chinese title.
            reading.text = " ".join(latin)
            return self._latin(reading)
        if core not in self.surnames and (MASK in core or "·" in core or self._looks_like_name(core)):
            reading.changes.append("remark")
            reading.text = core
            return self._han(reading)
        given = " ".join(_cased(w) for w in word.split())
        if core in self.surnames:
            _, syllables, surname, _ = self.surnames[core]
            letters = _ascii_letters(word)
            return self._finish(
                reading,
                "full",
                surname=surname,
                given_name=given,
                display=surname + given,
                name_key=f"{surname}{word.casefold()}",
                pinyin_key=syllables + letters,
                initials=syllables[:1] + letters[:1],
            )
        if self._company.search(core):
            return self._finish(reading, "company", display=given + core)
        return self._finish(reading, "nickname", display=given + core)

    def _take_honorifics(self, text: str) -> tuple[str, list[Honorific]]:
        """The name without its honorifics, and these from the outside in (张总经理先生 has two)."""
        found: list[Honorific] = []
        rest = text
        while rest and rest[-1] in self._honorific_ends and len(found) < 4:
            for length in range(min(self._longest_honorific, len(rest)), 0, -1):
                honorific = self.honorifics.get(rest[-length:])
                if honorific is not None and self._can_follow(rest[:-length], rest[-length:], honorific):
                    found.append(honorific)
                    rest = rest[:-length]
                    break
            else:
                break
        if len(rest) >= 4 and rest[:2] in self._honorific_starts:
            for length in range(min(self._longest_honorific, len(rest) - 2), 1, -1):
                honorific = self.honorifics.get(rest[:length])
                if honorific is not None and not honorific.relative and self._looks_like_name(rest[length:]):
                    found.append(honorific)
                    rest = rest[length:]
                    break
        return rest, found

    def _can_follow(self, before: str, written: str, honorific: Honorific) -> bool:
        """Say whether the honorific may be read as one after `before`, and not as part of a given name."""
        if not before:
            # 高工 is Mr Gao the engineer, 董 a surname; 老师 and 姐 are titles without a name.
            in_two = len(written) == 2 and written[0] in self.surnames and written[1] in self.honorifics
            return not in_two and written not in self.surnames
        bare = before.rstrip(MASK + "某")
        if before in self.surnames or bare in self.surnames or (not bare and MASK in before):
            return before != written
        if self._nickname_prefix(before) is not None:
            return True
        if before in self.honorifics and (len(before) > 1 or before not in self.surnames):
            return not honorific.surname_only
        if honorific.relative and len(before) == 2 and before[0] == before[1]:
            # 豆豆妈, 乐乐爸爸: the parent of a child with a pet name.
            return True
        if honorific.surname_only:
            # 张总工, 小李总助: another honorific stands between the surname and this one.
            inner, more = self._take_honorifics(before)
            return bool(more) and inner in self.surnames
        if len(before) == 1:
            # The rest would be a single character that is no surname: 乐老师 is one, 师兄 of 师师兄 is not.
            return len(written) > 1
        return True

    def _nickname_prefix(self, text: str) -> str | None:
        """The prefix of 小张, 老王, 阿明, 小欧阳, or None."""
        if not 2 <= len(text) <= 3 or text[0] not in self._nickname_prefixes or text in self.surnames:
            return None
        if len(text) == 2 or text[1:] in self.surnames:
            return text[0]
        return None

    def _surname_of(self, text: str) -> str | None:
        """The surname with which a Han name of two or more characters begins, compound surnames first."""
        for length in range(min(self._longest_surname, len(text) - 1), 0, -1):
            known = self.surnames.get(text[:length])
            if known is None or (length > 1 and len(text) < known[3]):
                continue
            if length == 1 or not self._is_rather_two(text, length):
                return text[:length]
        return None

    def _is_rather_two(self, text: str, length: int) -> bool:
        """Say whether a compound surname is likelier a common one and a given name: 贺兰, 贺兰英, but not 夏侯惇."""
        return (
            length == 2
            and len(text) <= 3
            and self.surnames.get(text[:2], (0.0,))[0] <= self._thresholds["split_compound_maximum_frequency"]
            and self.surnames.get(text[0], (0.0,))[0] >= self._thresholds["split_compound_minimum_frequency"]
            and self._given_characters.get(text[1], 0.0) >= self._thresholds["split_compound_minimum_given_share"]
        )

    def _han(self, reading: _Reading) -> ParsedName:
        """Han text, with at most dots and masks in it."""
        text = reading.text
        if self._greeting.match(text):
            text = self._greeting.sub("", text, count=1)
            reading.changes.append("greeting")
        if text in self.surnames and not self._is_rather_two(text, len(text)):
            return self._bare_surname(text, reading)
        for remark in self._tails:
            # 张伟收: a parcel note; 张收 would be a name.
            if text.endswith(remark) and self._looks_like_name(text[: -len(remark)]):
                text = text[: -len(remark)]
                reading.changes.append("remark")
                break
        if text in self._placeholders or (len(text) >= 3 and len(set(text)) == 1 and text[0] != MASK):
            rule = "placeholder" if text in self._placeholders else "repeated character"
            return self._nobody(reading, rule)
        core, found = self._take_honorifics(text)
        core = core.strip("·")
        reading.honorifics = found + reading.honorifics
        if not core:
            return self._finish(reading, "empty")
        relative = next((h for h in found if h.relative), None)
        if relative is not None and core not in self.surnames and MASK not in core:
            # 张伟妈妈 is a relative of 张伟 whose own name is not given.
            parsed = self._finish(reading, "nickname", display=text)
            return replace(parsed, salutation=text)
        if core in self._placeholders:
            # 测试先生 and 某女士 name nobody, but still say a gender.
            return self._finish(reading, "empty")
        if core in self.surnames and (found or not self._is_rather_two(core, len(core))):
            return self._bare_surname(core, reading)
        if MASK in core or self._hides_behind_mou(core):
            return self._masked(core, reading)
        if "·" in core:
            return self._dotted(core, reading)
        if self._nickname_prefix(core) is not None:
            return self._nickname(core, reading)
        if len(core) >= 4 and self._company.search(core):
            return self._with_company(core, reading)
        if len(core) == 2 and core[0] == core[1]:
            return self._finish(reading, "nickname", display=core)
        return self._split(core, reading)

    def _hides_behind_mou(self, text: str) -> bool:
        """Say whether 某 stands for the given name: 张某, 张某某, 李某人, 欧阳某."""
        at = text.find("某")
        return at > 0 and text[:at] in self.surnames and set(text[at:]) <= {"某", "人"}

    def _bare_surname(self, text: str, reading: _Reading) -> ParsedName:
        surname = self.surnames[text][2]
        if surname != text:
            reading.changes.append("misspelt surname")
        return self._finish(reading, "surname_only", surname=surname, display=surname)

    def _nickname(self, text: str, reading: _Reading) -> ParsedName:
        """小张, 老王, 阿明: a surname only where the prefix goes with one and the surname is common enough."""
        known = self.surnames.get(text[1:])
        surname = (
            known[2] if (known and known[0] >= self._nickname_prefixes[text[0]]) or (len(text) == 3 and known) else None
        )
        return self._finish(reading, "nickname", surname=surname, display=text)

    def _masked(self, text: str, reading: _Reading) -> ParsedName:
        """张*, 张**, *伟, 张*伟, 张某某: what is shown stays, what is hidden is a star."""
        shown = text.replace("某人", MASK).replace("某", MASK) if self._hides_behind_mou(text) else text
        if shown != text:
            reading.changes.append("mask")
        if set(shown) <= {MASK, "某", "·"}:
            shown = MASK * 3
        head = shown.split(MASK, 1)[0]
        surname = None
        for length in range(min(len(head), self._longest_surname), 0, -1):
            if head[:length] in self.surnames:
                surname = self.surnames[head[:length]][2]
                break
        return self._finish(reading, "masked", surname=surname, display=shown)

    def _dotted(self, text: str, reading: _Reading) -> ParsedName:
        """买买提·艾力: a minority or foreign name, kept whole; 张·伟 and 欧阳·娜娜: a stray dot."""
        parts = [p for p in text.split("·") if p]
        joined = "".join(parts)
        if len(parts) < 2:
            reading.changes.append("dot")
            reading.text = joined
            return self._han(reading)
        first = parts[0]
        if first in self.surnames and len(parts) == 2 and len(parts[1]) <= 2:
            reading.changes.append("dot")
            reading.text = joined
            return self._han(reading)
        display = "·".join(parts)
        if first in self._compound and len(first) > 2:
            return self._whole(display, reading, surname=first, given="·".join(parts[1:]))
        return self._whole(display, reading)

    def _whole(
        self, display: str, reading: _Reading, *, surname: str | None = None, given: str | None = None
    ) -> ParsedName:
        """A full name without a Chinese surname, compared as a whole."""
        key = display.replace("·", "")
        syllables = [self._read(c) for c in key]
        return self._finish(
            reading,
            "full",
            surname=surname,
            given_name=given or display,
            display=display,
            name_key=key,
            pinyin_key="".join(syllables) or None,
            initials="".join(s[:1] for s in syllables) or None,
        )

    def _with_company(self, text: str, reading: _Reading) -> ParsedName:
        """A company, or the person named after it (某某公司张伟)."""
        last = None
        for last in self._company.finditer(text):  # noqa: B007 - the last match is wanted
            pass
        rest = text[last.end() :] if last else ""
        if rest and (rest in self.surnames or self._looks_like_name(rest)):
            reading.changes.append("company")
            reading.text = rest
            return self._han(reading)
        if len(text) <= 3 or (self._surname_of(text) is not None and len(text) <= 3):
            return self._split(text, reading)
        return self._finish(reading, "company", display=text)

    def _split(self, text: str, reading: _Reading) -> ParsedName:
        """Surname and given name of plain Han text; what has no surname is a nickname."""
        surname = self._surname_of(text)
        if len(text) > 3 and all(c in self._transliteration for c in text) and surname not in self._compound:
            return self._whole(text, reading)
        if surname is None or not 1 <= len(text) - len(surname) <= 2 + (len(surname) > 2):
            doubled = self._double_surname(text)
            if doubled is None:
                return self._finish(reading, "nickname", display=text)
            surname = doubled
        given = text[len(surname) :]
        known = self.surnames.get(surname)
        if known is not None:
            reading_of_surname, canonical = known[1], known[2]
            surname_initials = reading_of_surname[:1]
        else:
            readings = [self.surnames[c][1] for c in surname]
            reading_of_surname, canonical = "".join(readings), surname
            surname_initials = "".join(r[:1] for r in readings)
        if canonical != surname:
            reading.changes.append("misspelt surname")
        syllables = [self._read(c) for c in given]
        return self._finish(
            reading,
            "full",
            surname=canonical,
            given_name=given,
            display=canonical + given,
            name_key=canonical + given,
            pinyin_key=reading_of_surname + "".join(syllables),
            initials=surname_initials + "".join(s[:1] for s in syllables),
        )

    def _double_surname(self, text: str) -> str | None:
        """陈方 of 陈方安生: two common surnames before a given name of two."""
        if (
            len(text) != 4
            or text[0] == text[1]
            or any(
                self.surnames.get(c, (0.0,))[0] < self._thresholds["double_surname_minimum_frequency"] for c in text[:2]
            )
        ):
            return None
        return text[:2]

    # ------------------------------------------------------------------ Latin

    def _latin(self, reading: _Reading) -> ParsedName:
        """Western and pinyin names, and every other script that is no Han."""
        text = reading.text
        folded = text.casefold()
        if self._is_latin_company(folded):
            return self._finish(reading, "company", display=text)
        if (not text.isascii() and _HANGUL.search(text)) or _KANA.search(text):
            return self._unsplit(text, reading)
        handle = re.search(r"\d", text) is not None
        if handle and not re.search(r"[^\W\d_]{2,}\s+[^\W\d_]+", text):
            return self._finish(reading, "nickname", display=text)
        if handle:
            text = re.sub(r"[\d#@~!^$%=+]+", " ", text)
            reading.changes.append("digits or signs")
        family_first: list[str] = []
        if "," in text:
            head, _, tail = text.partition(",")
            tail_words = [w for w in _words(tail) if self._bare(w) not in self._suffixes]
            if tail_words and _words(head):
                family_first = self._take_affixes(_words(head), reading)
                reading.changes.append("order")
                text = tail
            else:
                text = head
        words = self._take_affixes(_words(text), reading)
        if "_" in text and self._pinyin_order(words) is None:
            # sunshine_girl: blanks of a handle, not of a name.
            return self._finish(reading, "nickname", display=text)
        if not words:
            words, family_first = family_first, []
        if not words:
            return self._finish(reading, "empty")
        if any(MASK in w for w in words + family_first):
            return self._masked_latin(words, family_first, reading)
        if family_first:
            letters = [_ascii_letters("".join(family_first)), *map(_ascii_letters, words)]
            parts = [self._syllables(x) for x in letters]
            given_parts = [x for part in parts[1:] for x in part or []]
            pinyin = all(parts) and len(given_parts) <= 3 and self._weight(letters[0], given_parts) > 0
            return self._latin_full(words, family_first, reading, pinyin=pinyin)
        return self._order_latin(words, reading)

    def _is_latin_company(self, folded: str) -> bool:
        words = [w.strip(".,") for w in folded.split()]
        return len(words) > 1 and (words[-1] in self._latin_company or (words[-1] == "co" or "co" in words[1:-1]))

    def _unsplit(self, text: str, reading: _Reading) -> ParsedName:
        """Korean and Japanese names: compared as a whole."""
        key = re.sub(r"\s+", "", text).casefold()
        return self._finish(
            reading, "latin", given_name=text, display=text, name_key=key if len(key) > 1 else None, pinyin_key=None
        )

    def _bare(self, word: str) -> str:
        return word.casefold().replace(".", "")

    def _take_affixes(self, words: list[str], reading: _Reading) -> list[str]:
        """Words without titles before and suffixes after."""
        words = list(words)
        while words and (title := self._titles.get(self._bare(words[0]))) is not None:
            if len(words) == 1 and not words[0].endswith(".") and self._bare(words[0]) in self._surname_syllables:
                break
            reading.honorifics.append(Honorific(title.canonical, title.class_ or "rank", title.gender, False, False))
            words.pop(0)
        while len(words) > 1 and (
            self._bare(words[-1]) in self._suffixes or (self._bare(words[-1]) in self._titles and len(words) > 2)
        ):
            bare = self._bare(words.pop())
            if bare in self._titles and bare not in self._suffixes:
                title = self._titles[bare]
                reading.honorifics.append(
                    Honorific(title.canonical, title.class_ or "rank", title.gender, False, False)
                )
            else:
                reading.changes.append("suffix")
        return words

    def _order_latin(self, words: list[str], reading: _Reading) -> ParsedName:
        """Decide which of the words are the surname, and call `_latin_full`."""
        if len(words) == 1:
            camel = re.findall(r"[A-Z][a-z]+", words[0]) if re.fullmatch(r"(?:[A-Z][a-z]+){2}", words[0]) else []
            pieces = [p for p in re.split(r"[-.]", words[0]) if p]
            for candidate in (camel, pieces):
                if len(candidate) > 1 and (ordered := self._pinyin_order(candidate)) is not None:
                    return self._latin_full(*ordered, reading, pinyin=True)
            joined = self._pinyin_of_one_word(_ascii_letters(words[0]))
            if joined is not None:
                reading.changes.append("pinyin split")
                return self._latin_full([joined[1]], [joined[0]], reading, pinyin=True)
            return self._mononym(words[0], reading)
        capitals = [w.isupper() and len(w) > 1 for w in words]
        pinyin = self._pinyin_order(words)
        if sum(capitals) == 1 and (capitals[0] or capitals[-1]):
            family = words[:1] if capitals[0] else words[-1:]
            given = words[1:] if capitals[0] else words[:-1]
            if pinyin is not None or family[0].casefold() in self._romanised or len(family[0]) > 2:
                return self._latin_full(given, family, reading, pinyin=pinyin is not None)
        letters = [_ascii_letters(w) for w in words]
        rare = self._thresholds["romanised_surname_maximum_pinyin_share"]
        romanised = [x in self._romanised and self._surname_syllables.get(x, 0.0) < rare for x in letters]
        if len(words) == 3 and sum(romanised) == 1 and (romanised[0] or romanised[-1]):
            # CHAN Tai Man: Cantonese and Taiwanese spellings; a hyphen or a third word tells them from Western names.
            family, given = (words[:1], words[1:]) if romanised[0] else (words[-1:], words[:-1])
            if romanised[0] or not _LONG_WORD.search(" ".join(given)):
                return self._latin_full(given, family, reading, surname_first=True)
        if len(words) == 2 and romanised[0] and not romanised[1] and "-" in words[1]:
            return self._latin_full(words[1:], words[:1], reading, surname_first=True)
        if pinyin is not None:
            return self._latin_full(*pinyin, reading, pinyin=True)
        at = len(words) - 1
        while at > 1 and self._bare(words[at - 1]) in self._particles:
            at -= 1
        return self._latin_full(words[:at], words[at:], reading)

    def _syllables(self, letters: str) -> list[str] | None:
        """Letters as pinyin syllables, the likeliest given name of all ways to cut; None where they are not pinyin."""
        if not 0 < len(letters) <= _LONGEST_HAN_NAME * 2:
            return None
        best: list[tuple[float, list[str]] | None] = [(1.0, [])] + [None] * len(letters)
        for end in range(1, len(letters) + 1):
            for start in range(max(0, end - 6), end):
                before = best[start]
                share = self._given_syllables.get(letters[start:end])
                if before is None or share is None:
                    continue
                current = best[end]
                if current is None or before[0] * share > current[0]:
                    best[end] = (before[0] * share, [*before[1], letters[start:end]])
        found = best[-1]
        return found[1] if found else None

    def _weight(self, surname: str, given: list[str]) -> float:
        """How well a surname and given syllables go together in Chinese; 0 where they do not."""
        weight = self._surname_syllables.get(surname, 0.0)
        for syllable in given:
            weight *= self._given_syllables.get(syllable, 0.0)
        return weight

    def _pinyin_order(self, words: list[str]) -> tuple[list[str], list[str]] | None:
        """Given and family words of a pinyin name in either order; None where it is no pinyin name."""
        letters = [_ascii_letters(w) for w in words]
        split = [self._syllables(x) for x in letters]
        if len(words) < 2 or any(not s for s in split):
            return None
        given_last = [s for parts in split[1:] for s in parts or []]
        given_first = [s for parts in split[:-1] for s in parts or []]
        surname_first = self._weight(letters[0], given_last) if len(given_last) <= 3 else 0.0
        surname_last = self._weight(letters[-1], given_first) if len(given_first) <= 3 else 0.0
        if surname_first == 0.0 and surname_last == 0.0:
            return None
        if surname_first >= surname_last:
            return words[1:], words[:1]
        return words[:-1], words[-1:]

    def _pinyin_of_one_word(self, letters: str) -> tuple[str, str] | None:
        """zhangwei, ouyangnana: surname and given name written together; None for susan and the like."""
        if letters in self._western_given_names:
            return None
        best: tuple[float, str, str] | None = None
        for length in range(2, min(len(letters) - 1, 8)):
            surname, rest = letters[:length], letters[length:]
            given = self._syllables(rest)
            if given is None or len(given) > 2 or surname not in self._surname_syllables:
                continue
            weight = self._surname_syllables[surname] * min(self._given_syllables[s] for s in given)
            if best is None or weight > best[0]:
                best = (weight, surname, rest)
        if best is None or best[0] < self._thresholds["pinyin_word_minimum_weight"]:
            return None
        return best[1], best[2]

    def _mononym(self, word: str, reading: _Reading) -> ParsedName:
        display = _cased(word)
        if "_" in word or len(word) == 1:
            return self._finish(reading, "nickname", display=display)
        if self._bare(word) in self._surname_syllables and reading.honorifics:
            return self._finish(reading, "surname_only", surname=display, display=display)
        if reading.honorifics:
            return self._finish(reading, "latin", surname=display, display=display)
        letters = _key_letters(word)
        return self._finish(
            reading,
            "latin",
            given_name=display,
            display=display,
            pinyin_key=letters or None,
            initials=letters[:1] or None,
        )

    def _masked_latin(self, words: list[str], family_first: list[str], reading: _Reading) -> ParsedName:
        """J*** S***, J. Sm***: what is shown stays."""
        every = words + family_first
        shown = " ".join(re.sub(r"\*+", "***", _cased(w) if MASK not in w else w) for w in every)
        last = every[-1]
        surname = _cased(last) if len(every) > 1 and MASK not in last else None
        return self._finish(reading, "masked", surname=surname, display=shown)

    def _latin_full(
        self,
        given: list[str],
        family: list[str],
        reading: _Reading,
        *,
        pinyin: bool = False,
        surname_first: bool = False,
    ) -> ParsedName:
        """A Latin name with surname and given name; Chinese names are shown surname first, others given name first."""
        shouted = all(w.isupper() or w.islower() or not _LATIN_LETTER.search(w) for w in given + family)
        if pinyin:
            surname = _ascii_case("".join(family))
            given_name = _ascii_case("".join(re.sub(r"[-'’.]", "", w) for w in given))
            display = f"{surname} {given_name}"
        else:
            surname = " ".join(_cased(w, shouted=shouted) for w in family)
            given_name = " ".join(_cased(w, shouted=shouted) for w in given)
            display = f"{surname} {given_name}" if surname_first else f"{given_name} {surname}"
        middle_dropped = [w for i, w in enumerate(given) if i == 0 or len(self._bare(w)) > 1]
        in_keyboard_pinyin = _ascii_letters if pinyin else _key_letters
        family_letters = in_keyboard_pinyin("".join(family))
        given_letters = in_keyboard_pinyin("".join(middle_dropped))
        key = f"{family_letters} {given_letters}".strip()
        initials = family_letters[:1] + "".join(_key_letters(w)[:1] for w in middle_dropped)
        if pinyin:
            syllables = self._syllables(given_letters) or [given_letters]
            initials = family_letters[:1] + "".join(s[:1] for s in syllables)
        return self._finish(
            reading,
            "latin",
            surname=surname,
            given_name=given_name,
            display=display,
            name_key=key,
            pinyin_key=(family_letters + given_letters) or None,
            initials=initials or None,
        )

    # ------------------------------------------------------------------ result

    def _finish(
        self,
        reading: _Reading,
        kind: str,
        *,
        surname: str | None = None,
        given_name: str | None = None,
        display: str | None = None,
        name_key: str | None = None,
        pinyin_key: str | None = None,
        initials: str | None = None,
    ) -> ParsedName:
        """Put the parts together with the honorific that says most, the masked form and the salutation."""
        if len({h.gender for h in reading.honorifics if h.class_ == "gendered"}) > 1:
            # 先生/女士 is the form's own text, not a form of address.
            reading.honorifics = [h for h in reading.honorifics if h.class_ != "gendered"]
        honorific = min(reading.honorifics, key=lambda h: _HONORIFIC_ORDER.get(h.class_, 9), default=None)
        genders = {h.gender for h in reading.honorifics if h.gender} | ({reading.gender} if reading.gender else set())
        gender = genders.pop() if len(genders) == 1 else None
        strength = None
        if gender:
            said = {h.class_ for h in reading.honorifics if h.gender} | ({"remark"} if reading.gender else set())
            strength = max(self._thresholds[f"{words}_gender_strength"] for words in said)
        name_gender, share = self._given_name_gender(given_name) if kind == "full" and given_name else (None, None)
        if reading.honorifics:
            reading.changes.append("honorific")
        return ParsedName(
            surname=surname,
            given_name=given_name,
            honorific=honorific.canonical if honorific else None,
            honorific_class=honorific.class_ if honorific else None,
            gender_evidence=gender,
            gender_strength=strength,
            given_name_gender=name_gender,
            given_name_gender_share=share,
            kind=kind,
            name_key=name_key,
            pinyin_key=pinyin_key,
            initials=initials,
            display_name=display,
            masked_name=mask(display, surname) if display else None,
            salutation=salutation(
                None if kind == "nickname" else surname,
                display,
                gender=gender,
                honorific=honorific.canonical if honorific else None,
                honorific_class=honorific.class_ if honorific else None,
            ),
            rule=", ".join(dict.fromkeys(reading.changes)) or None,
        )

    def _nobody(self, reading: _Reading, rule: str) -> ParsedName:
        """A placeholder beside which a remark may still tell the gender."""
        strength = self._thresholds["remark_gender_strength"] if reading.gender else None
        return ParsedName(gender_evidence=reading.gender, gender_strength=strength, rule=rule)

    def _given_name_gender(self, given_name: str) -> tuple[str | None, float | None]:
        """Gender that the characters of a given name suggest, and its posterior; None where they suggest little.

        Naive Bayes over the counts of `given_name_characters.csv` with even odds to start from, as ngender does.
        """
        log_odds = sum(self._gender_weights.get(character, 0.0) for character in given_name)
        share = 1 / (1 + math.exp(-abs(log_odds)))
        if share < self._thresholds["given_name_gender_minimum_share"]:
            return None, None
        return ("female" if log_odds > 0 else "male"), round(share, 4)


_THRESHOLDS = {
    "gendered_gender_strength",
    "given_name_gender_minimum_share",
    "kinship_gender_strength",
    "remark_gender_strength",
    "double_surname_minimum_frequency",
    "pinyin_word_minimum_weight",
    "romanised_surname_maximum_pinyin_share",
    "split_compound_maximum_frequency",
    "split_compound_minimum_frequency",
    "split_compound_minimum_given_share",
}
_HONORIFIC_ORDER = {"gendered": 0, "kinship": 1, "rank": 2}


def _read_thresholds(path: Path) -> dict[str, float]:
    """The numbers by which a doubtful name is decided."""
    thresholds: dict[str, float] = {}
    for row in read_rows(path, ["threshold", "value"]):
        try:
            thresholds[row["threshold"]] = float(row["value"])
        except ValueError as error:
            raise UserError(f"{path.name}, {row['threshold']}: {row['value']!r} is no number.") from error
    missing = _THRESHOLDS - thresholds.keys()
    if missing:
        raise UserError(f"{path.name} lacks the row {', '.join(sorted(missing))}: restore it from the repository.")
    return thresholds


def _gender_weights(counts: dict[str, tuple[float, float]]) -> dict[str, float]:
    """Log odds for a woman of each character: log (share of women's characters / share of men's), one added to each."""
    males = sum(male + 1 for male, _ in counts.values())
    females = sum(female + 1 for _, female in counts.values())
    return {c: math.log((female + 1) / females) - math.log((male + 1) / males) for c, (male, female) in counts.items()}


def _words(text: str) -> list[str]:
    return [w for w in re.split(r"[\s_;/\\|]+", text) if _LATIN_LETTER.search(w) or MASK in w]


def _cased(word: str, *, shouted: bool = True) -> str:
    """Title case for a word in capitals or small letters alone; McDonald and van stay as written."""
    if not shouted or not (word.isupper() or word.islower()):
        return word
    return "".join(p.capitalize() for p in re.split(r"([-'’ .])", word))


def _ascii_case(word: str) -> str:
    return word.capitalize()


def _key_letters(word: str) -> str:
    """Letters of any alphabet, casefolded and without diacritics."""
    plain = unicodedata.normalize("NFD", word.casefold())
    return "".join(c for c in plain if c.isalpha())


def _ascii_letters(word: str) -> str:
    """Letters for the pinyin key; ü and its spellings become v, as keyboards write it."""
    lowered = word.casefold().replace("ü", "v").replace("ǚ", "v").replace("ǜ", "v").replace("ǘ", "v").replace("ǖ", "v")
    return _key_letters(lowered.replace("lyu", "lv").replace("nyu", "nv"))


def mask(display: str, surname: str | None) -> str:
    """Hide the given name: 张**, 欧阳**, 买**·**, J*** S***; without a surname the first character stays.

    A bare surname is shown as 张*, like a person with a given name: the mask says nothing of what was known.
    """
    if _HAN.match(display):
        if display == surname:
            return display + MASK
        if len(display) == 1:
            return MASK
        keep = len(surname) if surname and display.startswith(surname) else 1
        hidden = display[keep : keep + _LONGEST_HAN_NAME]
        return display[:keep] + "".join(c if c == "·" else MASK for c in hidden)
    if not any(c.isalnum() for c in display):
        return display
    return " ".join(MASK if len(w) == 1 or w[0] == MASK else w[0] + "***" for w in display.split())


@cache
def default_parser() -> NameParser:
    """The parser with the committed word lists."""
    return NameParser()


def parse(value: str | None) -> ParsedName:
    """Read one written name with the committed word lists."""
    return default_parser().parse(value)
