"""A written e-mail address made comparable.

What belongs here: reading one address. What does not: the table of emails (`dictionaries.py`), which addresses are
placeholders (`seeds/policy/blocked_values.csv`), and which domains are slips
(`seeds/reference/email_domain_typos.csv`).
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from orchestration.cleaning.wordlists import POLICY_DIR, REFERENCE_DIR, read_rows
from orchestration.errors import UserError

_INVISIBLE = re.compile(
    "[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufffd\ud800-\udfff]"
)
_LOCAL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+)*"
)
_LABEL = r"[a-z0-9\u0080-\U0010ffff](?:[a-z0-9\u0080-\U0010ffff-]{0,61}[a-z0-9\u0080-\U0010ffff])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?:[a-z\u0080-\U0010ffff]{{2,24}}|xn--[a-z0-9-]+)")
_AROUND = " .,;:'\"<>()[]"
# No address with a display name is longer, and no cell of several; past it a pattern would take quadratic time.
_LONGEST = 1_000
_SEVERAL = re.compile(r"[,;、，；|/\s]+")
_ANGLED = re.compile(r"<([^<>]+@[^<>]+)>")
_MASKED = re.compile(r"[^@\s]*\*[^@\s]*@[^@\s]+")


@dataclass(frozen=True, slots=True)
class ParsedEmail:
    """An e-mail address read; the columns of `clean.emails` after `value`. `email` is None unless valid and usable."""

    email: str | None = None
    local_part: str | None = None
    domain: str | None = None
    masked_email: str | None = None
    rule: str | None = None


class EmailParser:
    """Reads e-mail addresses with the tables of two folders; build it once."""

    def __init__(self, reference_dir: Path = REFERENCE_DIR, policy_dir: Path = POLICY_DIR) -> None:
        """Load the tables.

        Raises:
            UserError: a table is missing, lacks a column, or holds a pattern that is not valid.
        """
        typos = read_rows(reference_dir / "email_domain_typos.csv", ["written", "domain"])
        self._typos = {r["written"]: r["domain"] for r in typos}
        self._blocked: set[str] = set()
        self._patterns: list[re.Pattern[str]] = []
        for row in read_rows(policy_dir / "blocked_values.csv", ["kind", "value", "match"]):
            if row["kind"] != "email":
                continue
            if row["match"] == "pattern":
                try:
                    self._patterns.append(re.compile(row["value"]))
                except re.error as error:
                    raise UserError(
                        f"blocked_values.csv has a pattern that is not valid ({row['value']}): {error}."
                    ) from error
            else:
                self._blocked.add(row["value"].casefold())

    def parse(self, value: str | None) -> ParsedEmail:
        """Read one written address; never raises, whatever the text."""
        if value is None:
            return ParsedEmail(rule="blank")
        if len(value) > _LONGEST:
            return ParsedEmail(rule="no address")
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", value)).strip()
        if not text:
            return ParsedEmail(rule="blank")
        rule: str | None = None
        angled = _ANGLED.search(text)
        if angled is not None:
            text, rule = angled.group(1), "display name"
        text = re.sub(r"^mailto:", "", text, flags=re.IGNORECASE)
        folded = re.sub(r"\s*@\s*", "@", text.replace("。", ".").casefold()).strip(_AROUND)
        if folded.count("@") > 1:
            parts = [p for p in _SEVERAL.split(folded) if "@" in p]
            if len(parts) > 1:
                found = [self._one(p, "first of several") for p in parts]
                return next((f for f in found if f.email), found[0])
        without_blanks = "".join(folded.split())
        if without_blanks != folded:
            # What was before a blank at the end may itself be a sign to take off.
            folded = without_blanks.strip(_AROUND)
            rule = "blanks"
        if rule is None and folded != value:
            rule = "case" if folded == value.casefold() else "width, blanks or signs"
        return self._one(folded, rule)

    def _one(self, text: str, rule: str | None) -> ParsedEmail:
        """Read one address, folded."""
        if _MASKED.fullmatch(text):
            return ParsedEmail(domain=text.rpartition("@")[2], masked_email=mask(text), rule="masked")
        local, at, domain = text.rpartition("@")
        domain = domain.replace(",", ".").strip(".")
        domain = re.sub(r"\.{2,}", ".", domain)
        if domain != text.rpartition("@")[2]:
            rule = "signs in the domain"
        if not at or not local or not domain or len(local) > 64 or len(domain) > 253:
            return ParsedEmail(rule="no address")
        if domain in self._typos:
            domain, rule = self._typos[domain], "domain misspelt"
        if not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(domain):
            return ParsedEmail(masked_email=mask(text), rule="not an address")
        email = f"{local}@{domain}"
        if email in self._blocked or any(p.fullmatch(email) for p in self._patterns):
            return ParsedEmail(local_part=local, domain=domain, masked_email=mask(email), rule="placeholder")
        return ParsedEmail(email, local, domain, mask(email), rule)


def mask(email: str) -> str:
    """z***@qq.com: the first letter and the domain stay."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1] if len(local) > 1 else ''}***@{domain}"


@cache
def default_parser() -> EmailParser:
    """The parser with the committed tables."""
    return EmailParser()


def parse(value: str | None) -> ParsedEmail:
    """Read one written address with the committed tables."""
    return default_parser().parse(value)
