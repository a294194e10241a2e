"""What went wrong, as files: `errors.json` with everything, `errors.md` for whoever wants to know why.

What belongs here: the words and tables. What does not: finding and classifying errors (`errors.py`).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.identity.errors import CLASSES
from benchmarks.identity.measures import Quality

_HEAD = """# What goes wrong, and what nobody could get right

Written by `python -m benchmarks.identity`: pairs of members and accounts, by the first class that holds. A class says
what two records agree on besides sex, town and district. *As alike as a stranger*: the record of somebody else, met by
the blocking rules, weighs no less for one of the two, so whoever joins the pair by what the records say would rather
join the stranger. *At best*: the recall and F1 of an oracle that never errs and joins all records of one person that
share something, be it over a third record, a case or an order; its second line asks for more than a name.

| set | true pairs | precision | recall | F1 | at best: anything shared | at best: more than a name | """
_HEAD += """missed, nothing shared | missed, a stranger as alike |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class SetErrors:
    """What `errors.explain_errors` found in one set, and how good the set is as a whole."""

    set_name: str
    quality: Quality
    errors: dict[str, Any]


def write_errors(found: list[SetErrors], folder: Path) -> None:
    """Write `errors.json` and `errors.md`."""
    content = [{"set": f.set_name, "quality": asdict(f.quality), **f.errors} for f in found]
    (folder / "errors.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page = _HEAD + "\n".join(_summary(f) for f in found) + "\n"
    page += "".join(_section(f) for f in found)
    (folder / "errors.md").write_text(page, encoding="utf-8")


def _summary(found: SetErrors) -> str:
    q, errors = found.quality, found.errors
    missed = sum(c["pairs"] for c in errors["missed"])
    nothing = sum(c["pairs"] for c in errors["missed"] if c["class"] == "nothing")
    alike = sum(c["as_alike_as_a_stranger"] for c in errors["missed"])
    best = errors["at_best"]
    return (
        f"| {found.set_name} | {errors['true_pairs']} | {q.precision:.4f} | {q.recall:.4f} | {q.f1:.4f} | "
        f"{_bound(best['something'])} | {_bound(best['more_than_a_name'])} | "
        f"{nothing} of {missed} | {alike} of {missed} |"
    )


def _bound(best: dict[str, float]) -> str:
    return f"recall {best['recall']:.4f}, F1 {best['f1']:.4f}"


def _section(found: SetErrors) -> str:
    parts = [f"\n## {found.set_name}\n"]
    for kind, title in (("false", "False merges"), ("missed", "Missed doubles")):
        classes = found.errors[kind]
        parts.append(f"\n### {title}: {sum(c['pairs'] for c in classes)} pairs\n\n")
        if not classes:
            parts.append("None.\n")
            continue
        head = "| the records agree on | pairs | how | a stranger as alike | median weight, bits |\n"
        parts.append(head + "| --- | --- | --- | --- | --- |\n")
        parts += [
            f"| {CLASSES[c['class']][0]} | {c['pairs']} | {', '.join(f'{n} {how}' for how, n in c['how'].items())} "
            f"| {c['as_alike_as_a_stranger']} | {c['median_weight']} |\n"
            for c in classes
        ]
        parts.append("\n")
        parts += [_example(c["class"], e) for c in classes for e in c["examples"]]
    return "".join(parts)


def _example(name: str, pair: dict[str, Any]) -> str:
    evidence = ", ".join(f"{field} {level.replace('_', ' ')}" for field, level in pair["evidence"].items())
    sides = " ↔ ".join(_record(pair[side]) for side in ("left", "right"))
    said = f"{CLASSES[name][0]}: {sides}: {evidence or 'nothing to compare'}"
    return f"- {said}; {pair['match_weight']} bits, {pair['how']}\n"


def _record(values: dict[str, str]) -> str:
    return "`" + (" · ".join(v.replace("|", " ").strip() for v in values.values()) or "nothing") + "`"
