"""The HTML file: figures, charts, words and looks in one document that needs nothing else.

What belongs here: putting the parts together so that it opens anywhere and no value can break out of its place. What
does not: what is shown (`aggregates.py`, `charts.py`, `words.py`) and how the page behaves (`page.js`, `page.css`).

Data stand in a block of JSON in which `<`, `>` and `&` are escaped, so no value ends the block or starts a tag; the
page writes them as text, never as HTML. The content security policy lets exactly the two scripts of the page run (by
their checksums) and lets nothing be loaded or sent.
"""

import base64
import hashlib
import html
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestration.dashboard.aggregates import FILTERS, Dataset
from orchestration.dashboard.sections import SECTIONS
from orchestration.dashboard.words import Words
from orchestration.files import write_whole

_PARTS = Path(__file__).parent
_VEGA_LITE = "6.4"  # the version whose specs Altair 6 writes


def build_page(
    meta: Mapping[str, Any],
    datasets: Mapping[str, Dataset],
    words: Words,
    codes: Mapping[str, Sequence[str]],
    vega: str,
) -> str:
    """Put the page together.

    Args:
        meta: Version, as-of day, time of building and what the gates found, as the header shows them.
        datasets: The figures.
        words: English and Chinese by key.
        codes: The codes of each kind in their order.
        vega: Vega, Vega-Lite and vega-embed as one script (`vega_bundle`).

    Returns:
        One HTML document.
    """
    sections = [
        {
            "id": section,
            "panels": [
                {
                    "id": panel.id,
                    "kind": panel.kind,
                    "dataset": panel.dataset,
                    "span": panel.span,
                    "height": panel.height,
                    "where": panel.where,
                    "spec": panel.spec(_codes_in(datasets[panel.dataset], codes)),
                }
                for panel in panels
            ],
        }
        for section, panels in SECTIONS.items()
    ]
    content = {
        "meta": meta,
        "words": words,
        "codes": codes,
        "filters": {name: codes.get(name, []) for name in FILTERS},
        "sections": sections,
        "data": {name: _packed(dataset) for name, dataset in datasets.items() if name != "labels"},
    }
    behaviour = _inline(_read("page.js"))
    vega = _inline(vega)
    return _filled(
        _read("page.html"),
        title=html.escape(f"{words['page.title'][0]} · {meta['as_of']}"),
        policy=(
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
            f"script-src {_checksum(vega)} {_checksum(behaviour)}; base-uri 'none'; form-action 'none'"
        ),
        style=_read("page.css"),
        no_script=html.escape(" · ".join(words["page.no_script"])),
        content=json_in_html(content),
        vega=vega,
        behaviour=behaviour,
    )


def vega_bundle(cache: Path) -> str:
    """Vega, Vega-Lite and vega-embed as one script, which sets `window.vegaEmbed`.

    Bundling takes a second and a half of CPU and gives the same text for each version of vl-convert, so it is kept.

    Args:
        cache: Folder to keep it in; may be emptied at any time.
    """
    kept = cache / f"vega-{_VEGA_LITE}-{importlib.metadata.version('vl-convert-python')}.js"
    if kept.is_file():
        return kept.read_text(encoding="utf-8")
    import vl_convert

    # Its stub asks for a snippet of JavaScript that it does not need.
    bundle: str = vl_convert.javascript_bundle(vl_version=_VEGA_LITE)  # type: ignore[call-arg]
    cache.mkdir(parents=True, exist_ok=True)
    write_whole(kept, bundle)
    return bundle


def json_in_html(value: Any) -> str:
    """JSON that no HTML parser can take for anything but text."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate({ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"})


def _codes_in(dataset: Dataset, codes: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The codes of each kind that a dataset holds, in their order: a legend names nothing that is not there."""
    held: dict[str, set[str]] = {}
    for column, domain in dataset.domains.items():
        held.setdefault(domain, set()).update(dataset.columns[column])
    return {domain: [code for code in codes[domain] if code in found] for domain, found in held.items()}


def _packed(dataset: Dataset) -> dict[str, Any]:
    """A dataset by column; text as places in a list of the distinct texts, which is a fifth of the size."""
    packed: dict[str, Any] = {}
    for name, values in dataset.columns.items():
        if any(isinstance(value, str) for value in values):
            distinct = list(dict.fromkeys(values))
            places = {value: place for place, value in enumerate(distinct)}
            packed[name] = {"of": distinct, "at": [places[value] for value in values]}
        else:
            packed[name] = list(values)
    return {"columns": packed, "domains": dict(dataset.domains), "filters": dataset.filters}


def _filled(template: str, **parts: str) -> str:
    """Put each part where the template names it; what a part holds is not read again."""
    pieces = template.split("{{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, rest = piece.split("}}", 1)
        filled += [parts[name], rest]
    return "".join(filled)


def _inline(script: str) -> str:
    """A script that can stand between script tags: neither ends them nor opens a comment."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _checksum(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _read(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")
