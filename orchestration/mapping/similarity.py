"""How alike a written header is to the headers that a contract knows, by the words in it.

What belongs here: words, concepts, pinyin and slips of the keyboard. What does not: what the values look like
(`values.py`), and which column is chosen (`proposal.py`).

A header is cut into words (`orderNo`, `order_no`, `Order No.`, 订单编号), the words into concepts of
`seeds/reference/header_terms.csv`. Likeness is the weight of the concepts that two headers share over that of all they
hold (Tversky index: what the file's header says beyond the known one costs half), where a concept weighs more the fewer
columns of the contract it stands in.
"""

import math
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

from pypinyin import Style, lazy_pinyin

from data_quality.contract import Contract, normalise_header
from orchestration.cleaning.wordlists import read_rows

# The concept of words that a header may carry without meaning more by it.
_NOTHING = "nothing"
# A remark of a few characters in brackets is a unit.
_UNIT = re.compile(r"[(（\[【][^)）\]】]{0,6}[)）\]】]")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PIECES = re.compile(r"[a-z]+|[0-9]+|[\u3400-\u9fff]+")
_SHORTEST_INITIALS = 3
# What a header is worth that agrees by sound or by letters alone: less than the same words.
_BY_WORDS, _BY_PINYIN, _BY_SPELLING, _BY_INITIALS = 0.95, 0.9, 0.9, 0.62
_MORE_WORDS_COST = 0.5


@dataclass(frozen=True)
class Likeness:
    """How alike, 0 to 1; by what (`alias`, `words`, `spelling`, `pinyin`, `initials`), and to which known header."""

    score: float
    by: str
    alias: str


class Vocabulary:
    """The words of headers and their concepts, English and Chinese; build it once."""

    def __init__(self, reference_dir: Path) -> None:
        self._concepts: dict[str, str] = {}
        self._longest = 1
        for row in read_rows(reference_dir / "header_terms.csv", ("concept", "terms")):
            for term in row["terms"].split("|"):
                folded = " ".join(_words(term))
                self._concepts.setdefault(folded, row["concept"])
                self._longest = max(self._longest, len(folded.split(" ")), len(folded))

    def concepts(self, header: str) -> frozenset[str]:
        """The concepts of a header; a word that is not in the list stands for itself."""
        found: set[str] = set()
        words = _words(header)
        position = 0
        while position < len(words):
            # The longest run of words that is a term wins: "ship to" before "ship".
            for length in range(min(4, len(words) - position), 0, -1):
                run = " ".join(words[position : position + length])
                if run in self._concepts:
                    found.add(self._concepts[run])
                    position += length
                    break
            else:
                word = words[position]
                found |= self._chinese(word) if _is_chinese(word) else {word}
                position += 1
        return frozenset(found - {_NOTHING})

    def knows(self, header: str) -> bool:
        """Whether a header holds a word of the list."""
        return not self.concepts(header).isdisjoint(self._concepts.values())

    def _chinese(self, text: str) -> set[str]:
        found: set[str] = set()
        position = 0
        while position < len(text):
            for length in range(min(self._longest, len(text) - position), 0, -1):
                term = text[position : position + length]
                if term in self._concepts:
                    found.add(self._concepts[term])
                    position += length
                    break
            else:
                found.add(text[position])
                position += 1
        return found


class ContractHeaders:
    """The headers of one contract, ready to be compared with."""

    def __init__(self, contract: Contract, vocabulary: Vocabulary, slip_from: float) -> None:
        self._vocabulary = vocabulary
        self._slip_from = slip_from
        self._known = {
            name: [(alias, normalise_header(alias), vocabulary.concepts(alias)) for alias in [name, *column.aliases]]
            for name, column in contract.columns.items()
        }
        self._held: Counter[str] = Counter()
        for aliases in self._known.values():
            self._held.update(set().union(*(concepts for _, _, concepts in aliases)))

    def likeness(self, header: str, column: str) -> Likeness:
        """How alike a header is to the best of a column's headers."""
        folded = normalise_header(header)
        plain = normalise_header(_UNIT.sub("", header)) or folded
        concepts = self._vocabulary.concepts(header)
        best = Likeness(0.0, "words", column)
        for alias, written, known in self._known[column]:
            if written == folded:
                return Likeness(1.0, "alias", alias)
            found = [Likeness(self._shared(concepts, known), "words", alias)]
            if written == plain:
                found.append(Likeness(0.97, "words", alias))
            shorter, longer = sorted((len(plain), len(written)))
            if shorter > 4 and 2 * shorter >= self._slip_from * (shorter + longer):
                letters = SequenceMatcher(None, plain, written, autojunk=False)
                # The quick measure is never below the sharp one.
                if letters.quick_ratio() >= self._slip_from and (ratio := letters.ratio()) >= self._slip_from:
                    found.append(Likeness(ratio * _BY_SPELLING, "spelling", alias))
            if plain.isascii() and _is_chinese(written):
                full, initials = _pinyin(written)
                if plain == full:
                    found.append(Likeness(_BY_PINYIN, "pinyin", alias))
                elif plain == initials and len(initials) >= _SHORTEST_INITIALS:
                    found.append(Likeness(_BY_INITIALS, "initials", alias))
            # Of equals the one in the script of the header is shown.
            best = max([best, *found], key=lambda found: (found.score, found.alias.isascii() == plain.isascii()))
        return best

    def _shared(self, left: frozenset[str], right: frozenset[str]) -> float:
        both = sum(map(self._weight, left & right))
        if not both:
            return 0.0
        more, less = sum(map(self._weight, left - right)), sum(map(self._weight, right - left))
        return _BY_WORDS * both / (both + _MORE_WORDS_COST * more + less)

    def _weight(self, concept: str) -> float:
        # A word of no alias counts as one of a single column.
        return math.log(1 + len(self._known) / max(1, self._held[concept]))


def _words(header: str) -> list[str]:
    """The words of a header: lower case, cut at capitals, signs and digits; a run of Chinese is one word."""
    text = unicodedata.normalize("NFKC", _UNIT.sub(" ", header)) or header
    return _PIECES.findall(_CAMEL.sub(" ", text).casefold())


def _is_chinese(text: str) -> bool:
    return bool(text) and all("\u3400" <= character <= "\u9fff" for character in text)


@cache
def _pinyin(text: str) -> tuple[str, str]:
    """Full pinyin and initials of Chinese text."""
    return "".join(lazy_pinyin(text)), "".join(lazy_pinyin(text, style=Style.FIRST_LETTER))
