"""The words of the explorer, in English and Chinese, and how values read in them.

What belongs here: finding the word for a code, a date, an amount. What does not: the words (`words.csv` here; codes
that the dashboard names too stand in reference `dashboard_strings`), and markup (`markup.py`).
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from orchestration.dashboard.words import Words, read_words, spaced
from orchestration.dashboard.write import WORDS as DASHBOARD_WORDS
from orchestration.explorer.reading import Tiers
from orchestration.settings import Settings

# Whose codes a column of a table or of the profile holds; those of tiers are named by their scheme.
_DOMAINS = {
    "activity_class": "activity_class",
    "audience": "audience",
    "arm": "arm",
    "case_type": "case_type",
    "channel": "channel",
    "channel_habit": "habit",
    "churn_offer": "offer",
    "churn_owner": "owner_role",
    "churn_reasons": "churn_signal",
    "contact_status": "contact_status",
    "funnel_stage": "funnel",
    "gender": "gender",
    "issue_topics": "topic",
    "kind": "kind",
    "last_contact_channel": "channel",
    "last_contact_kind": "contact_kind",
    "life_stage": "life_stage",
    "matched_by": "rule",
    "need_class": "need_class",
    "outcome": "outcome",
    "preferred_channel": "channel",
    "preferred_contact_channel": "channel",
    "price_band": "price_band",
    "rule": "rule",
    "scheme": "scheme",
    "source": "source",
    "status": "status",
    "topic": "topic",
    "value_method": "value_method",
}
# The scheme whose tiers a column holds.
SCHEMES = {
    "spend_tier": "spend_tier",
    "previous_spend_tier": "spend_tier",
    "value_layer": "value_layer",
    "membership": "membership",
    "service_class": "service_class",
    "value_level": "value_level",
    "behaviour_type": "behaviour_type",
    "rfm_segment": "rfm",
    "rfm_fixed_segment": "rfm_fixed",
    "lifecycle_stage": "lifecycle_stage",
    "previous_lifecycle_stage": "lifecycle_stage",
    "funnel_stage": "funnel_stage",
}
_MONEY = ("revenue", "clv", "average_order_value")
_SHARES = ("_share", "_rate")


@dataclass(frozen=True)
class Speech:
    """One language, and the names that policy gave to tiers in the version shown."""

    words: Words
    is_chinese: bool
    tiers: Tiers

    def say(self, key: str) -> str:
        """The words of a key; without any, its last part as a person reads it."""
        english, chinese = self.words.get(key) or (spaced(key.partition(".")[2]), "")
        return (self.is_chinese and chinese) or english

    def code(self, domain: str, code: str) -> str:
        """The word for a code."""
        return self.say(f"{domain}.{code}")

    def tier(self, scheme: str, tier: str) -> str:
        """The name of a tier: as policy has it in Chinese, else the word of the dashboard, else as it is written."""
        if self.is_chinese and (scheme, tier) in self.tiers.labels:
            return self.tiers.labels[scheme, tier]
        domain = {"rfm": "segment", "rfm_fixed": "segment", "lifecycle_stage": "stage", "funnel_stage": "funnel"}
        return self.code(domain.get(scheme, "tier"), tier)

    def value(self, column: str, value: object, scheme: str | None = None) -> str:
        """A value of a column as it is read; `scheme` says whose tiers `tier` and `previous_tier` hold."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return self.say(f"value.{str(value).lower()}")
        if isinstance(value, datetime):
            return f"{value:%Y-%m-%d %H:%M}"
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, list):
            return ", ".join(self.value(column, part) for part in value)
        if isinstance(value, dict):
            return self.details(value)
        if isinstance(value, Decimal | float | int):
            return _figure(column, value)
        return self._text(column, str(value), scheme)

    def details(self, details: dict[str, object]) -> str:
        """What a moment of the timeline tells, as `word value` with commas; what is empty is left out."""
        scheme = str(details["scheme"]) if details.get("scheme") else None
        told = (
            f"{self.say(f'detail.{name}')} {self.value(name, value, scheme)}"
            for name, value in details.items()
            if value is not None
        )
        return ", ".join(told)

    def evidence(self, evidence: dict[str, str]) -> str:
        """What a link rests on, field by field; an id that names the other record says so by itself."""
        return ", ".join(
            self.code("evidence", field)
            if field.endswith("_id") and field != "id_card" and level == "same"
            else f"{self.code('evidence', field)} {self.code('level', level)}"
            for field, level in evidence.items()
        )

    def _text(self, column: str, text: str, scheme: str | None) -> str:
        if column == "official_tier":
            return self.tier(self.tiers.official or "", text)
        if column in ("tier", "previous_tier") and scheme:
            return self.tier(scheme, text)
        if column in SCHEMES:
            return self.tier(SCHEMES[column], text)
        if column in _DOMAINS:
            return self.code(_DOMAINS[column], text)
        return text


def load_words(settings: Settings) -> Words:
    """The dashboard's words and the explorer's own, which win."""
    return {
        **read_words(settings.reference_dir / DASHBOARD_WORDS),
        **read_words(Path(__file__).with_name("words.csv")),
    }


def _figure(column: str, value: Decimal | float | int) -> str:
    """A number as it is read: shares in percent, money in whole yuan, everything else with what it needs."""
    if column.endswith(_SHARES) or column in ("p_alive", "confidence", "probability"):
        return f"{float(value):.1%}"
    if any(part in column for part in _MONEY):
        return f"¥{float(value):,.0f}"
    if float(value) == int(value):
        return f"{int(value):,}"
    return f"{float(value):,.2f}"
