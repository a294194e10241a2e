"""SQL expressions that turn delivered text into typed values, one family per contract type.

What belongs here: reading text. Every function takes SQL (a column) and gives SQL, so that a whole
table is typed in one vectorised pass. What does not: what an unreadable value does to its row
(`conform.py`), and the value dictionaries of names, phones, emails and addresses.

The rule of the module: a form is read only if it is listed here, and no text has two readings.
Everything else gives NULL, which the caller reports as `unreadable`.

Times (`timestamp`), after folding; a date alone is midnight:
    ISO 8601            2024-01-05T09:30:00.123Z, 2024-01-05 09:30+08:00, 20240105T093000Z
    dashes, slashes     2024-1-5, 2024/01/05 9:30, 2024-01-05 09:30:00
    dots                2024.1.5
    Chinese             2024年1月5日 9:30, 2024年1月5日9时30分15秒
    half days           2024-01-05 9:30 PM, 2024/1/5 下午9:30
    compact             20240105, 20240105093000, 20240105 9:30
    Excel serial        45296.5: five digits before the point (1927 to 2173), 1900 system, wall-clock time
    Unix time           1704418200 (10 digits, seconds, fraction allowed), 1704418200123 (13 digits, milliseconds)
Not read, because two readings are possible: day or month first (05/01/2024), two-digit years, 4- to 9-digit
numbers other than the above (2024 could be a year or a serial), YYYYMMDDHHMM (12 digits could be Unix time).

Numbers, after folding: an optional sign (in front, between currency and digits, trailing minus, or
parentheses for negative), an optional yuan sign or word on either side, well-formed thousands groups
(comma or blank; a leading group of 0 is not a thousands group), decimals after a point, scientific notation.
Not read: `1,2` and `1,2345`, other currencies (an amount in dollars is not an amount in yuan), `1.2万`, per cent.
"""

from orchestration.database import literal

# Blanks of every kind become a plain blank; zero-width characters disappear; full-width ASCII becomes ASCII.
_BLANKS = (
    "\t\n\r\v\f\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_INVISIBLE = (
    "\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)
_FULL_WIDTH = "".join(chr(code) for code in range(0xFF01, 0xFF5F))
_ASCII = "".join(chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F))
# ASCII that is seen and common Chinese characters, with plain blanks inside: folding leaves it as it is.
_PLAIN = literal("(?:[!-~\u4e00-\u9fff]+(?: +[!-~\u4e00-\u9fff]+)*)?")
_MINUS = "\u2010\u2011\u2012\u2013\u2212\ufe63"


_DATE = r"[1-9]\d{3}-\d{1,2}-\d{1,2}"
_CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?"
_FAST_MINUTE, _FAST_SECOND = r"(?:[01]\d|2[0-3]):[0-5]\d", r":[0-5]\d(?:\.\d{1,9})?"
_OFFSET = r"(?:[Zz]|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)"
_HALF_DAY = "(?:上午|下午|[AaPp][Mm])"

_FAST_TIMESTAMP = literal(
    rf"[1-9]\d{{3}}(?:-\d{{2}}-\d{{2}}|/\d{{2}}/\d{{2}})(?:[ T]{_FAST_MINUTE}(?:{_FAST_SECOND})?)?"
)
_FAST_INSTANT = literal(
    rf"[1-9]\d{{3}}-\d{{2}}-\d{{2}}[ T]{_FAST_MINUTE}{_FAST_SECOND}(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)"
)
_ENDS_WITH_OFFSET = literal(rf"(?::\d{{2}}(?:[.,]\d+)?|^\d{{8}}[Tt]\d{{6}}) ?{_OFFSET}$")

_YUAN = "(?:¥|rmb|cny|人民币|元|圆)"
_DIGITS = (
    r"(?:\d+(?:\.\d*)?|\.\d+|[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?|[1-9]\d{0,2}(?: \d{3})+(?:\.\d*)?"
    r"|(?:\d+(?:\.\d*)?|\.\d+)e[+-]?\d{1,2})"
)
_NUMBER = (
    f"(?:[+-]? *{_YUAN}? *{_DIGITS} *{_YUAN}?"
    f"|{_YUAN} *[+-] *{_DIGITS} *{_YUAN}?"
    f"|{_YUAN}? *{_DIGITS} *{_YUAN}? *-"
    rf"|\( *{_YUAN}? *{_DIGITS} *{_YUAN}? *\)"
    rf"|{_YUAN}? *\( *{_DIGITS} *\) *{_YUAN}?)"
)


def folded(text: str) -> str:
    """Trimmed text with full-width ASCII, odd blanks and invisible characters folded; blank becomes empty."""
    blanks = f"regexp_replace({text}, {literal(f'[{_BLANKS}]')}, ' ', 'g')"
    visible = f"replace(regexp_replace({blanks}, {literal(f'[{_INVISIBLE}]')}, '', 'g'), '￥', '¥')"
    # `translate` builds its table anew for each row, so only text that needs it may reach it.
    ascii_ = f"translate({visible}, {literal(_FULL_WIDTH)}, {literal(_ASCII)})"
    # Nearly every text is plain, and one automaton tells it: trimming costs as much again.
    return f"""case when regexp_full_match({text}, {_PLAIN}) then {text} else trim(case
        when not regexp_matches({text}, {literal(f"[{_BLANKS}{_INVISIBLE}￥！-～]")}) then {text}
        when regexp_matches({text}, '[！-～]') then {ascii_}
        else {visible} end) end"""


def trimmed(text: str) -> str:
    """Text without surrounding blanks and invisible characters, inside untouched; blank becomes empty."""
    edges = literal(f"^[ {_BLANKS}{_INVISIBLE}]+|[ {_BLANKS}{_INVISIBLE}]+$")
    return f"case when regexp_matches({text}, {edges}) then regexp_replace({text}, {edges}, '', 'g') else {text} end"


def identifier(text: str) -> str:
    """An identifier from folded text: the `.0` that spreadsheets add to whole numbers is removed."""
    return f"case when ends_with({text}, '.0') then regexp_replace({text}, '^([0-9]+)\\.0$', '\\1') else {text} end"


# Weights of the first 17 digits, and the last character by their sum modulo 11 (GB 11643).
_ID_CARD_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CARD_CHECKS = "10X98765432"


def id_card(text: str) -> str:
    """A number of an ID card from folded text, in capitals; one of fifteen digits as the eighteen it became.

    Cards were given out with fifteen digits until 1999: no century and no check digit. The new card of the same person
    adds both, so each has one reading. Fifteen digits that hold no date stay as they are.
    """
    wide = f"(left({text}, 6) || '19' || substr({text}, 7))"
    born = f"substr({text}, 7, 2) || '-' || substr({text}, 9, 2) || '-' || substr({text}, 11, 2)"
    total = " + ".join(
        f"{weight} * try_cast(substr({wide}, {place}, 1) as integer)"
        for place, weight in enumerate(_ID_CARD_WEIGHTS, start=1)
    )
    return (
        f"case when regexp_full_match({text}, '[1-9][0-9]{{14}}') and try_cast('19' || {born} as date) is not null "
        f"then {wide} || substr({literal(_ID_CARD_CHECKS)}, 1 + ({total}) % 11, 1) else upper({text}) end"
    )


def decimal(text: str) -> str:
    """`decimal(18,4)` from folded text, rounded half away from zero; NULL if not a number or too large."""
    return (
        f"case when regexp_full_match({text}, '-?[0-9]{{1,14}}(?:\\.[0-9]+)?') "
        f"then try_cast({text} as decimal(18,4)) "
        f"else try_cast({_plain_number(text)} as decimal(18,4)) end"
    )


def integer(text: str) -> str:
    """`bigint` from folded text; `3.0` is 3, `3.5` and numbers beyond 64 bits are NULL."""
    exact = f"try_cast({_plain_number(text)} as decimal(38,10))"
    # Decimals of more than 18 digits take a hundred times as long to read.
    return (
        f"case when regexp_full_match({text}, '-?[0-9]{{1,18}}(?:\\.0+)?') "
        f"then try_cast(split_part({text}, '.', 1) as bigint) "
        f"else case when {exact} = trunc({exact}) then try_cast(trunc({exact}) as bigint) end end"
    )


def _plain_number(text: str) -> str:
    """Folded text as `-123.45`; empty or NULL if it has no listed form."""
    lowered = f"lower(translate({text}, {literal(_MINUS)}, {literal('-' * len(_MINUS))}))"
    valid = f"regexp_extract({lowered}, {literal(f'^{_NUMBER}$')})"
    digits = rf"regexp_replace(regexp_extract({valid}, '[0-9.][0-9 ,.]*(?:e[+-]?[0-9]+)?'), '[ ,]', '', 'g')"
    negative = rf"regexp_matches({valid}, '^[^0-9.]*[-(]|-$')"
    return f"case when {negative} then '-' else '' end || {digits}"


def choice(text: str, spellings: dict[str, str]) -> str:
    """The canonical value that folded text spells, ignoring case and doubled blanks; NULL if none.

    Args:
        text: SQL of the folded text.
        spellings: Spelling, folded by `data_quality.contract.normalise_spelling`, to its canonical value.
    """
    by_value: dict[str, list[str]] = {}
    for written_form, value in spellings.items():
        by_value.setdefault(value, []).append(written_form)
    if not by_value:
        return "cast(null as varchar)"
    # Spreadsheets deliver 1 and 0 as 1.0 and 0.0.
    key = spelling(identifier(text))
    branches = " ".join(
        f"when {key} in ({', '.join(map(literal, written))}) then {literal(value)}"
        for value, written in by_value.items()
    )
    return f"case {branches} end"


def spelling(text: str) -> str:
    """Folded text as `data_quality.contract.normalise_spelling` writes it: lower case, single blanks."""
    return f"lower(case when contains({text}, '  ') then regexp_replace({text}, ' +', ' ', 'g') else {text} end)"


def boolean(text: str, spellings: dict[str, str]) -> str:
    """`boolean` from folded text by the contract's spellings of `true` and `false`; NULL if none."""
    return f"try_cast({choice(text, spellings or {'true': 'true', 'false': 'false'})} as boolean)"


def timestamp(text: str, zone: str) -> str:
    """`timestamp` in the business zone, without zone, from folded text; NULL if it has no listed form.

    Args:
        text: SQL of the folded text.
        zone: Business time zone; text with an offset and Unix times are converted to it, all else is in it.
    """
    return f"""case
        when {text} is null then null
        when regexp_full_match({text}, {_FAST_TIMESTAMP})
            then try_cast({text} as timestamp)
        when regexp_full_match({text}, {_FAST_INSTANT})
            then timezone({literal(zone)}, try_cast({text} as timestamptz))
        when regexp_full_match({text}, '[0-9]+(?:\\.[0-9]+)?') then {_from_number(text, zone)}
        when regexp_matches({text}, {literal(_HALF_DAY)}) then {_from_half_day(text)}
        when regexp_matches({text}, {_ENDS_WITH_OFFSET})
            then {_from_offset(text, zone)}
        else {_from_words(text)} end"""


def date(text: str, zone: str) -> str:
    """`date` from folded text: the day, in the business zone, of every form `timestamp` reads."""
    return f"cast({timestamp(text, zone)} as date)"


def _from_words(text: str) -> str:
    """Dates with separators, or compact with a time, brought to the one form that is cast."""
    chinese_date = _replace(text, r"^(\d{4}) ?年 ?(\d{1,2}) ?月 ?(\d{1,2}) ?[日号] *", r"\1-\2-\3 ")
    with_dashes = _replace(
        chinese_date, r"^(\d{4})(?:/(\d{1,2})/(\d{1,2})|\.(\d{1,2})\.(\d{1,2}))( |[Tt]|$)", r"\1-\2\4-\3\5\6"
    )
    compact = _replace(with_dashes, r"^(\d{4})(\d{2})(\d{2})[Tt ](\d{2})(\d{2})(\d{2})$", r"\1-\2-\3 \4:\5:\6")
    compact_day = _replace(compact, r"^(\d{4})(\d{2})(\d{2})(?:[Tt]| +)(\d{1,2}:)", r"\1-\2-\3 \4")
    seconds = _replace(compact_day, r" (\d{1,2}) ?[时点] ?(\d{1,2}) ?分 ?(\d{1,2}) ?秒$", r" \1:0\2:0\3")
    minutes = _replace(seconds, r" (\d{1,2}) ?[时点] ?(\d{1,2}) ?分?$", r" \1:0\2")
    hours = _replace(minutes, r" (\d{1,2}) ?[时点]$", r" \1:00")
    two_digits = _replace(hours, r":0(\d{2})", r":\1", every=True)
    fraction = _replace(two_digits, r"(:\d{2}:\d{2})[.,](\d{1,6})\d{0,3}$", r"\1.\2")
    blank = _replace(fraction, r"^(\d{4}-\d{1,2}-\d{1,2})(?:[Tt] ?| +)(\d)", r"\1 \2")
    return f"try_cast(regexp_extract(trim({blank}), {literal(f'^{_DATE}(?: {_CLOCK})?$')}) as timestamp)"


def _from_number(text: str, zone: str) -> str:
    whole = f"length(split_part({text}, '.', 1))"
    no_fraction = f"regexp_full_match({text}, '[0-9]+(?:\\.0*)?')"
    day = _replace(text, r"^(\d{4})(\d{2})(\d{2})(?:\.0*)?$", r"\1-\2-\3")
    second = _replace(text, r"^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(?:\.0*)?$", r"\1-\2-\3 \4:\5:\6")
    # Text is read into a decimal of 18 digits a hundred times as fast as into a longer one.
    seconds = f"cast(try_cast({text} as decimal(18,6)) as decimal(28,6))"
    milliseconds = f"cast(try_cast({text} as decimal(18,3)) as decimal(28,3))"
    # Serials count days since 1899-12-30; whole milliseconds undo the rounding of the spreadsheet's float.
    serial = f"make_timestamp(cast(round((cast({text} as double) - 25569) * 86400000) as bigint) * 1000)"
    return f"""case {whole}
            when 8 then case when {no_fraction} then {_cast_canonical(day)} end
            when 14 then case when {no_fraction} then {_cast_canonical(second)} end
            when 5 then case when {text} >= '10000' then {serial} end
            when 10 then case when {text} >= '1' then {_instant(f"{seconds} * 1000000", zone)} end
            when 13 then case when {text} >= '1' then {_instant(f"{milliseconds} * 1000", zone)} end
            end"""


def _from_half_day(text: str) -> str:
    """12-hour times; 13 to 23 o'clock in the afternoon has one reading and is taken, in the morning it has none."""
    chinese = _replace(text, r"^(\S+) *(?:上午|下午|[AaPp][Mm]) *(\d{1,2}[:时点].*)$", r"\1 \2")
    plain = _replace(chinese, r"^(\S+ +\d{1,2}:\d{2}(?::\d{2})?) ?(?:[AaPp][Mm])$", r"\1")
    moment = _from_words(plain)
    afternoon = f"regexp_matches({text}, '下午|[Pp][Mm]')"
    return f"""case
            when regexp_matches({text}, '{_HALF_DAY}.*{_HALF_DAY}') then null
            when {afternoon} then {moment} + to_hours(case when hour({moment}) < 12 then 12 else 0 end)
            when hour({moment}) < 12 then {moment}
            when hour({moment}) = 12 then {moment} - interval 12 hour end"""


def _from_offset(text: str, zone: str) -> str:
    wall = _from_words(_replace(text, rf" ?{_OFFSET}$", ""))
    offset = f"regexp_extract({text}, {literal(f'{_OFFSET}$')})"
    written = _replace(_replace(offset, "[Zz]", "+00:00"), r"^([+-]\d{2})(\d{2})$", r"\1:\2")
    return f"timezone({literal(zone)}, try_cast(cast({wall} as varchar) || {written} as timestamptz))"


def _instant(microseconds: str, zone: str) -> str:
    return f"timezone({literal(zone)}, timezone('UTC', make_timestamp(cast({microseconds} as bigint))))"


def _cast_canonical(text: str) -> str:
    return f"try_cast(regexp_extract({text}, {literal(f'^{_DATE}(?: {_CLOCK})?$')}) as timestamp)"


def _replace(text: str, pattern: str, replacement: str, *, every: bool = False) -> str:
    option = ", 'g'" if every else ""
    return f"regexp_replace({text}, {literal(pattern)}, {literal(replacement)}{option})"
