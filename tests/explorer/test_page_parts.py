"""Words, markup, charts and the command line of the explorer, without a browser."""

import importlib.util
import re
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import altair as alt
import pytest
import yaml

from orchestration.errors import UserError
from orchestration.explorer import charts, launch, markup
from orchestration.explorer.reading import Tiers
from orchestration.explorer.speech import Speech, load_words
from orchestration.identity.comparison import FIELDS
from orchestration.identity.explain import LEVEL_WORDS
from orchestration.settings import Settings

ROOT = Path(__file__).parents[2]
ROOM = ROOT / "orchestration" / "explorer"
WORDS = load_words(Settings(_env_file=None))
TIERS = Tiers({("spend_tier", "gold"): "黄金"}, {"spend_tier": ["diamond", "gold", "silver"]}, "spend_tier")
ENGLISH, CHINESE = Speech(WORDS, False, TIERS), Speech(WORDS, True, TIERS)
HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(2)>"


def missing(keys: set[str]) -> list[str]:
    return sorted(key for key in keys if not all(WORDS.get(key, ["", ""])))


def test_every_word_that_the_page_asks_for_is_there_in_both_languages() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in ROOM.glob("*.py"))
    asked = set(
        re.findall(r'"((?:app|search|profile|timeline|tiers|contacts|identity|audiences?|download)\.[a-z_]+)"', text)
    )
    assert len(asked) > 30
    assert missing(asked - {"app.py"}) == []  # the name of a file


def test_every_column_of_the_profile_has_a_name_in_both_languages() -> None:
    model = yaml.safe_load((ROOT / "models/marts/customer_360.yml").read_text(encoding="utf-8"))["models"][0]
    assert missing({f"field.{column['name']}" for column in model["columns"]}) == []


def test_every_kind_and_detail_of_the_timeline_has_a_name() -> None:
    view = (ROOT / "orchestration/publication/customer_view.py").read_text(encoding="utf-8")
    timeline = view[view.index("_TIMELINE") : view.index("_FIND_PUBLISHED")]
    details = set(re.findall(r"[{,]\s*'([a-z_]+)': ", timeline))
    assert {"order", "net", "case_type", "campaign", "previous_tier"} <= details
    assert missing({f"detail.{name}" for name in details}) == []
    kinds = set(re.findall(r"channel, '([a-z_]+)'(?:,| as)", timeline)) | {
        "purchase",
        "return",
        "no_sale",
        "survey",
        "tier",
    }
    assert missing({f"kind.{kind}" for kind in kinds}) == []


def test_evidence_is_told_in_both_languages() -> None:
    assert missing({f"level.{level}" for level in LEVEL_WORDS} | {f"evidence.{field}" for field in FIELDS}) == []
    assert [level for level, words in LEVEL_WORDS.items() if WORDS[f"level.{level}"][0] != words] == []
    evidence = {"name": "same", "phone": "close", "member_id": "same"}
    assert ENGLISH.evidence(evidence) == "name agrees, phone is one slip away, names the member"
    assert CHINESE.evidence(evidence) == "姓名 一致, 电话 相差一处, 写明会员号"


@pytest.mark.parametrize(
    ("column", "value", "english", "chinese"),
    [
        ("official_tier", "gold", "Gold", "黄金"),
        ("official_tier", "brand_new", "Brand new", "Brand new"),
        ("lifecycle_stage", "at_risk", "At risk", "流失风险"),
        ("is_member", True, "yes", "是"),
        ("repurchase_rate", Decimal("0.7667"), "76.7%", "76.7%"),
        ("clv_365d", Decimal("102426.8997"), "¥102,427", "¥102,427"),
        ("health_score", Decimal("96.89"), "96.89", "96.89"),
        ("orders", 1234, "1,234", "1,234"),
        ("issue_topics", ["产品", "物流"], "Product, Logistics", "产品, 物流"),
        ("last_purchase_on", date(2026, 6, 30), "2026-06-30", "2026-06-30"),
        ("last_contact_at", datetime(2026, 6, 30, 9, 5), "2026-06-30 09:05", "2026-06-30 09:05"),  # noqa: DTZ001
        ("city", None, "", ""),
        (
            "details",
            {"scheme": "spend_tier", "previous_tier": None, "tier": "gold"},
            "scheme Spend tier, now Gold",
            "体系 消费等级, 现在 黄金",
        ),
    ],
)
def test_a_value_reads_as_people_write_it(column: str, value: object, english: str, chinese: str) -> None:
    assert (ENGLISH.value(column, value), CHINESE.value(column, value)) == (english, chinese)


def test_no_value_is_markup() -> None:
    made = (
        markup.table({"a": HOSTILE}, [{"a": HOSTILE}])
        + markup.tiles([(HOSTILE, HOSTILE)])
        + markup.cards([(HOSTILE, [(HOSTILE, HOSTILE)])])
        + markup.heading(HOSTILE, [HOSTILE])
        + markup.facts([HOSTILE])
        + markup.tags([HOSTILE])
        + markup.lines([HOSTILE])
    )
    assert re.findall("<(script|img)", made) == []
    assert made.count("&lt;script&gt;") == 12


def test_the_charts_are_vega_lite_as_altair_knows_it() -> None:
    moment = {"happened_at": datetime(2026, 6, 30, 9), "channel": "store", "kind": "purchase", "details": {"net": "1"}}  # noqa: DTZ001
    month = {"month_end": date(2026, 6, 30), "revenue": None, **dict.fromkeys(charts.HISTORY_SCHEMES, "gold")}
    for spec in (
        charts.timeline([moment], CHINESE),
        charts.tier_history([month, {**month, "membership": None}], ENGLISH),
        charts.revenue_by_month([month], ENGLISH),
    ):
        alt.Chart.from_dict(spec)
        assert spec["width"] == "container"
        assert '"url"' not in str(spec)


def test_only_this_machine_is_served_and_nothing_is_told_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)  # the extra is there or not
    command = launch.command_line("analyst", 8501)
    assert {"--server.address=127.0.0.1", "--browser.gatherUsageStats=false", "--server.port=8501"} <= set(command)
    assert command[-2:] == ["--", "analyst"]


def test_without_the_extra_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="uv sync --extra explore"):
        launch.command_line("analyst", 8501)
