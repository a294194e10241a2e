"""How many cases a property is tried with, and the texts that have hurt programs before."""

import random
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# `make fuzz` explores; the default suite draws the same few examples every time.
EXPLORING = settings.get_current_profile_name() == "explore"


def tries(few: int, many: int) -> Any:
    """Settings of a property: `few` examples in the default suite, `many` in `make fuzz`."""
    return settings(
        max_examples=many if EXPLORING else few,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


# Formulas, SQL, paths, markup, format strings, control and direction characters, numbers at the edge, other scripts.
NASTY = [
    *("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", '=HYPERLINK("http://x","y")'),
    *("'; drop table clean.pos_sales; --", "' or '1'='1", "\"; attach '/tmp/x'; --", "$1", "{{ env_var('HOME') }}"),
    *("../../etc/passwd", "/etc/passwd", "C:\\Windows", "%s%n%x", "${jndi:ldap://x}", "<script>alert(1)</script>"),
    *("\x00", "a\x00b", "\x1b[31m", "\x07", "\x1e", "\x1f", "\x1e1", "\x7f", "\u0085", "\u2028", "\u2029", "\ufeff"),
    *("\u202etxt.exe", "\u2066x\u2069", "\u200b", "\u200d", "\ufffd", "\ufffe", "e\u0301" * 40, "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢"),
    *("张伟", "𠮷野家", "㐂", "\U00020000", "ﷺ", "😀👨‍👩‍👧", "İ", "ẞ", "¡", "٣", "Ⅷ", "½", "一二三", "〇"),
    *("NaN", "inf", "-0", "1e400", "1e-400", "9" * 40, "0x1F", "1_000", "¥1,234.50", "１２３", "99999999999999.9999"),
    *("2026-02-30", "0000-00-00", "9999-12-31 23:59:60", "10000-01-01", "2026年13月1日", "45296.5", "-1", "1893456000"),
    *(
        "null",
        "NULL",
        "None",
        "undefined",
        "\\N",
        "#N/A",
        "#REF!",
        "-",
        " ",
        "　",
        "",
        '"',
        '""',
        '"""',
        "'",
        "\\",
        '\\"',
    ),
    *("13800000000", "+8613800000000", "138****0000", "a@b.c", "x@" + "y" * 300, "男", "是", "true", "paid"),
    *(
        "a,b",
        "a;b",
        "a\tb",
        "a|b",
        "a，b",
        "line\nbreak",
        "line\r\nbreak",
        "cr\ronly",
        "x" * 3000,
        "张" * 3000,
        "1" * 3000,
    ),
]

_FRAGMENTS = st.one_of(st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.lists(_FRAGMENTS, max_size=6).map("".join),
    # One piece over and over is what makes a pattern take quadratic time.
    st.builds(lambda piece, times: (piece * times)[:20_000], _FRAGMENTS, st.integers(2, 5_000)),
)


def nasty(draw: random.Random) -> str:
    """One text to put into a cell."""
    kind = draw.random()
    if kind < 0.7:
        return draw.choice(NASTY)
    if kind < 0.9:
        return draw.choice(NASTY) + draw.choice(NASTY)
    return "".join(chr(c) for c in (draw.randrange(0x11000) for _ in range(6)) if not 0xD800 <= c <= 0xDFFF)
