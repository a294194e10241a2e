"""Readings of single characters, from the tables of pypinyin.

What belongs here: how they are loaded. What does not: what is made of them (`names.py`, `name_shares.py` of identity).

pypinyin loads readings of 47,000 phrases on import, half a second of CPU, unless told that nobody asks for phrases.
"""

import os
from collections.abc import Mapping
from functools import cache

os.environ.setdefault("PYPINYIN_NO_PHRASES", "1")


@cache
def readings() -> Mapping[int, str]:
    """Readings with tones, the usual one first, joined with commas, by code point."""
    from pypinyin.constants import PINYIN_DICT

    table: Mapping[int, str] = PINYIN_DICT
    return table


def usual_reading(character: str) -> str:
    """The usual reading without tone; the character itself where there is none."""
    from pypinyin import lazy_pinyin

    syllable: str = lazy_pinyin(character)[0]
    return syllable
