"""Tables, tiles and lists of the explorer as HTML.

What belongs here: markup, with every value escaped. What does not: words and figures (`speech.py`).

Streamlit's own tables read Markdown in cells, or draw on a canvas and offer a download past the export: these are plain
HTML, which a reader can search, copy and print, and in which no value of a source is more than text.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape


def table(head: Mapping[str, str], rows: Iterable[Mapping[str, str]], numbers: Sequence[str] = ()) -> str:
    """A table: `head` names the columns to show and their headings, in order; `numbers` are set to the right."""
    top = "".join(
        f'<th scope="col"{" class=number" if name in numbers else ""}>{escape(title)}</th>'
        for name, title in head.items()
    )
    body = "".join(
        "<tr>" + "".join(f'<td class="{_look(name, row, numbers)}">{escape(row[name])}</td>' for name in head) + "</tr>"
        for row in rows
    )
    return f'<div class="c360"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def tiles(figures: Iterable[tuple[str, str]]) -> str:
    """Figures with their names, side by side."""
    return (
        '<div class="c360-tiles">'
        + "".join(f"<div><span>{escape(name)}</span><b>{escape(figure)}</b></div>" for name, figure in figures)
        + "</div>"
    )


def cards(sections: Iterable[tuple[str, Iterable[tuple[str, str]]]]) -> str:
    """Sections of fields, each as a card: title, and name and value of every field."""
    made = (
        f'<div class="c360-card"><h4>{escape(title)}</h4><dl>'
        + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in fields)
        + "</dl></div>"
        for title, fields in sections
    )
    return f'<div class="c360-cards">{"".join(made)}</div>'


def heading(name: str, facts: Iterable[str]) -> str:
    """Who is shown, and a few facts beside it."""
    told = "".join(f"<span>{escape(fact)}</span>" for fact in facts if fact)
    return f'<div class="c360-who"><b>{escape(name)}</b>{told}</div>'


def facts(texts: Iterable[str]) -> str:
    """What holds for the whole page, in small print."""
    return '<div class="c360-facts">' + "".join(f"<span>{escape(text)}</span>" for text in texts) + "</div>"


def tags(names: Iterable[str]) -> str:
    """Tags, one beside the other."""
    return "<div>" + "".join(f'<span class="c360-tag">{escape(name)}</span>' for name in names) + "</div>"


def lines(texts: Iterable[str]) -> str:
    """A list of sentences."""
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"


def _look(name: str, row: Mapping[str, str], numbers: Sequence[str]) -> str:
    if name in numbers:
        return "number"
    return "short" if len(row[name]) <= 24 else ""
