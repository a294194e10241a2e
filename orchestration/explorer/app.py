"""The explorer's page, a Streamlit script: `c360 explore` runs it.

What belongs here: what stands where, and what a choice shows. What does not: reading (`reading.py`), words
(`speech.py`), markup (`markup.py`) and charts (`charts.py`).

Every run of the script asks which version readers see now and opens that one read-only; a fragment asks again every few
seconds and starts the script anew when it is another. Texts that are looked for stay out of the address, as they may
be somebody's number; the id of the customer shown is in it.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import streamlit as st

from orchestration.database import connect_file
from orchestration.errors import UserError
from orchestration.explorer import charts, markup, reading
from orchestration.explorer.reading import Role, Tiers
from orchestration.explorer.speech import Speech, load_words
from orchestration.identity.explain import CustomerExplanation, explain_customer_id
from orchestration.publication.customer_view import PublishedCustomer, Row, view_customer
from orchestration.publication.export import FORMATS, Export
from orchestration.publication.versions import Version, current_version
from orchestration.settings import Settings

_LOOK_EVERY = "3s"
_EVENTS = 1000
_ROWS = 200
_TILES = (
    "official_tier",
    "lifecycle_stage",
    "rfm_segment",
    "net_revenue_12m",
    "orders",
    "clv_365d",
    "churn_score",
    "health_score",
)
_MIME = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


def main(role_name: str) -> None:
    """Show the page to somebody of a role."""
    settings = Settings()
    st.set_page_config(page_title="customer360", layout="wide", menu_items={"About": None})
    st.html(f"<style>{Path(__file__).with_name('page.css').read_text(encoding='utf-8')}</style>")
    version = current_version(settings)
    _follow(settings, version.id if version else None)
    if version is None:
        speech = Speech(load_words(settings), _is_chinese(), Tiers({}, {}, None))
        st.info(speech.say("app.nothing_published"))
        return
    try:
        speech = Speech(load_words(settings), _is_chinese(), _tiers(version.id, version))
        role = reading.role_named(settings, role_name, version)
        page = _header(speech, version, role)
        (_customers if page == "customer" else _audiences)(settings, speech, version, role)
    except UserError as error:
        st.error(str(error))


@st.fragment(run_every=_LOOK_EVERY)
def _follow(settings: Settings, shown: str | None) -> None:
    """Start the page anew when readers see another version than the one shown."""
    now = current_version(settings)
    if (now.id if now else None) != shown:
        st.rerun()


@st.cache_data(max_entries=2, show_spinner=False)
def _tiers(version_id: str, _version: Version) -> Tiers:
    return reading.tiers(_version)


@st.cache_data(max_entries=2, show_spinner=False)
def _audience_sizes(version_id: str, _version: Version) -> list[Row]:
    return reading.audiences(_version)


@st.cache_data(max_entries=2, show_spinner=False)
def _examples(version_id: str, _version: Version) -> list[Row]:
    return reading.examples(_version)


def _is_chinese() -> bool:
    """The language asked for, else that of the browser."""
    return str(st.query_params.get("language") or st.context.locale or "en").lower().startswith("zh")


def _header(speech: Speech, version: Version, role: Role) -> str:
    """Title, what is shown to whom, and the choices of page and language; returns the page."""
    title, pages, languages = st.columns([5, 3, 2], vertical_alignment="bottom")
    title.header(speech.say("app.title"), anchor=False)
    st.session_state.setdefault("page", "audiences" if st.query_params.get("page") == "audiences" else "customer")
    st.session_state.setdefault("language", "zh" if speech.is_chinese else "en")
    chosen = pages.segmented_control(
        speech.say("app.title"),
        ["customer", "audiences"],
        format_func=lambda page: speech.say("app.customer" if page == "customer" else "app.audiences"),
        key="page",
        label_visibility="collapsed",
    )
    page = st.query_params["page"] = chosen or "customer"
    language = languages.segmented_control(
        speech.say("app.language"),
        ["en", "zh"],
        format_func=lambda code: "中文" if code == "zh" else "English",
        key="language",
        label_visibility="collapsed",
    )
    if language and (language == "zh") != speech.is_chinese:
        st.query_params["language"] = language
        st.rerun()
    st.html(
        markup.facts(
            (
                f"{speech.say('app.as_of')} {version.manifest.as_of}",
                f"{speech.say('app.version')} {version.id}",
                f"{speech.say('app.role')} {role.name}",
                speech.say("app.unmasked_search" if role.sees_contact_data else "app.masked"),
                speech.say("app.follows"),
            )
        )
    )
    return page


def _customers(settings: Settings, speech: Speech, version: Version, role: Role) -> None:
    """Looking a customer up, and all there is about the one that was chosen."""
    # The address is read once: from then on it follows what is chosen.
    st.session_state.setdefault("who", str(st.query_params.get("customer", "")))
    text = st.text_input(
        speech.say("search.label"),
        placeholder=speech.say("search.unmasked" if role.sees_contact_data else "search.masked"),
        key="who",
        autocomplete="off",
    )
    if text.strip():
        found = reading.find(settings, version, role, text)
        if found.is_partial:
            st.info(speech.say("search.busy"))
        if not found.customers:
            st.query_params.pop("customer", None)
            st.warning(speech.say("search.none"))
            return
        chosen = _choose(speech, found.customers, "search.many")
    else:
        chosen = _choose(speech, _examples(version.id, version), "search.examples", at_once=False)
    if chosen is None:
        st.query_params.pop("customer", None)
        return
    st.query_params["customer"] = chosen
    with connect_file(version.file) as published:
        view = view_customer(published, chosen, _EVENTS)
        explained = explain_customer_id(published, chosen)
    if view is not None:
        _customer(speech, view, explained)


def _choose(speech: Speech, customers: list[Row], label: str, *, at_once: bool = True) -> str | None:
    """The customer meant, of several; one alone is chosen at once."""
    if at_once and len(customers) == 1:
        return str(customers[0]["customer_id"])
    named = {str(one["customer_id"]): one for one in customers}

    def line(customer_id: str) -> str:
        one = named[customer_id]
        fields = ("display_name", "salutation", "masked_phone", "city", "official_tier")
        return " · ".join(filter(None, (*(speech.value(field, one[field]) for field in fields), customer_id)))

    columns = ("display_name", "salutation", "masked_phone", "city", "official_tier", "last_purchase_on", "customer_id")
    chosen = st.selectbox(
        speech.say(label), list(named), index=None, format_func=line, placeholder="…", key=f"{label}-{'-'.join(named)}"
    )
    if chosen is None:
        _table(speech, columns, customers)
    return chosen


def _customer(speech: Speech, view: PublishedCustomer, explained: CustomerExplanation) -> None:
    """One customer: the figures that matter first, everything else by subject."""
    fields = {name: value for section in view.profile.values() for name, value in section.items()}
    facts = (speech.value(name, fields.get(name)) for name in ("salutation", "city", "masked_phone", "masked_email"))
    st.html(markup.heading(speech.value("display_name", fields.get("display_name")), (*facts, view.customer_id)))
    st.html(markup.tiles((speech.say(f"tile.{name}"), speech.value(name, fields.get(name)) or "–") for name in _TILES))
    if view.tags:
        st.html(markup.tags(_tag(speech, tag) for tag in view.tags))
    parts = ("profile", "timeline", "tiers", "contacts", "identity")
    profile, timeline, tiers, contacts, identity = st.tabs([speech.say(f"tab.{part}") for part in parts])
    with profile:
        _profile(speech, view)
    with timeline:
        _timeline(speech, view)
    with tiers:
        _tiers_over_time(speech, view)
    with contacts:
        _titled_table(
            speech, "contacts.plan", ("planned_on", "audience", "channel", "owner", "due_at", "reason"), view.contacts
        )
        columns = ("audience", "contact_status", "arm", "channel", "due_at", "reason")
        _titled_table(speech, "contacts.audiences", columns, view.audiences)
    with identity:
        _identity(speech, explained)


def _tag(speech: Speech, tag: Row) -> str:
    return str(tag["label_zh"]) if speech.is_chinese and tag["label_zh"] else speech.code("tag", str(tag["tag"]))


def _profile(speech: Speech, view: PublishedCustomer) -> None:
    st.html(
        markup.cards(
            (
                speech.say(f"profile.{section}"),
                [
                    (speech.say(f"field.{name}"), speech.value(name, value))
                    for name, value in fields.items()
                    if name != "tags"
                ],
            )
            for section, fields in view.profile.items()
        )
    )
    columns = ("scheme", "tier", "since", "previous_tier", "decided_by")
    _titled_table(speech, "profile.schemes", columns, view.segments)


def _timeline(speech: Speech, view: PublishedCustomer) -> None:
    kinds = sorted({str(moment["kind"]) for moment in view.timeline})
    shown = st.pills(
        speech.say("timeline.kinds"),
        kinds,
        selection_mode="multi",
        format_func=lambda kind: speech.code("kind", kind),
        key=f"kinds-{view.customer_id}",
    )
    moments = [moment for moment in view.timeline if not shown or moment["kind"] in shown]
    if not moments:
        st.caption(speech.say("app.nothing"))
        return
    st.markdown(f"**{speech.say('timeline.chart')}**")
    st.vega_lite_chart(charts.timeline(moments, speech), key=f"timeline-{view.customer_id}")
    _titled_table(speech, "timeline.table", ("happened_at", "channel", "kind", "details"), moments)


def _tiers_over_time(speech: Speech, view: PublishedCustomer) -> None:
    if not view.history:
        st.caption(speech.say("app.nothing"))
        return
    st.markdown(f"**{speech.say('tiers.chart')}**")
    st.vega_lite_chart(charts.tier_history(view.history, speech), key=f"tiers-{view.customer_id}")
    st.markdown(f"**{speech.say('tiers.revenue')}**")
    st.vega_lite_chart(charts.revenue_by_month(view.history, speech), key=f"revenue-{view.customer_id}")
    changes = reading.tier_changes(view.history, charts.HISTORY_SCHEMES)
    _titled_table(speech, "tiers.table", ("month_end", "scheme", "previous_tier", "tier"), changes)


def _identity(speech: Speech, explained: CustomerExplanation) -> None:
    records: list[Row] = [
        {
            "source": record.source,
            "record": record.record_key,
            "matched_by": rule,
            "confidence": confidence,
            "since": since,
        }
        for record, rule, confidence, since in explained.records
    ]
    columns = ("source", "record", "matched_by", "confidence", "since")
    _titled_table(speech, "identity.records", columns, records)
    if explained.links:
        links: list[Row] = [
            {
                "left": str(link.left),
                "right": str(link.right),
                "rule": link.rule,
                "probability": link.probability,
                "words": speech.evidence(link.evidence),
            }
            for link in explained.links
        ]
        _titled_table(speech, "identity.links", ("left", "right", "rule", "probability", "words"), links)
    else:
        st.caption(speech.say("identity.single"))
    if explained.history:
        st.markdown(f"**{speech.say('identity.history')}**")
        st.html(markup.lines(explained.history))


def _audiences(settings: Settings, speech: Speech, version: Version, role: Role) -> None:
    """The audiences of the version, the members of one, and its file."""
    sizes = _audience_sizes(version.id, version)
    if not sizes:
        st.info(speech.say("audiences.none"))
        return
    counts = ("members", "held_out", "planned", "may_contact")
    _titled_table(speech, "audiences.overview", ("audience", *counts), sizes, numbers=counts)
    audience = st.selectbox(
        speech.say("audiences.pick"),
        [str(row["audience"]) for row in sizes],
        format_func=lambda code: speech.code("audience", code),
        key="audience",
    )
    st.subheader(speech.say("download.title"), anchor=False)
    st.caption(speech.say("audience.note"))
    _download(settings, speech, version, role, audience)
    status = st.pills(
        speech.say("audiences.status"),
        reading.contact_statuses(version, audience),
        format_func=lambda code: speech.code("contact_status", code),
        key=f"status-{audience}",
    )
    _titled_table(
        speech,
        "audiences.members",
        ("customer_id", "display_name", "contact_status", "arm", "channel", "entered_on", "due_at", "owner", "reason"),
        reading.members(version, audience, status, _ROWS),
        total=next(int(str(row["members"])) for row in sizes if row["audience"] == audience)
        if status is None
        else None,
    )


def _download(settings: Settings, speech: Speech, version: Version, role: Role, audience: str) -> None:
    """Write the file as `c360 export` does, and hand out it and its manifest."""
    file_format = st.segmented_control(
        speech.say("download.format"), FORMATS, default=FORMATS[0], key="format", label_visibility="collapsed"
    )
    wanted = (version.id, audience, file_format or FORMATS[0])
    if st.button(speech.say("download.prepare"), key="prepare"):
        st.session_state["prepared"] = (wanted, reading.export(settings, version, role, audience, wanted[2]))
    prepared = st.session_state.get("prepared")
    if not prepared or prepared[0] != wanted:
        return
    made: Export = prepared[1]
    manifest = made.manifest
    contact = (
        speech.say("download.masked")
        if manifest.masked
        else f"{manifest.rows_with_contact_data:,} {speech.say('download.contact')}"
    )
    st.html(
        markup.lines(
            (
                f"{speech.say('column.members')}: {manifest.rows:,}",
                contact,
                f"{speech.say('download.written')} {made.path}",
                f"SHA-256 {manifest.sha256}",
            )
        )
    )
    left, right = st.columns(2)
    left.download_button(
        speech.say("download.file"),
        made.path.read_bytes(),
        file_name=made.path.name,
        mime=_MIME[manifest.format],
        key="file",
        on_click="ignore",
    )
    right.download_button(
        speech.say("download.manifest"),
        made.manifest_path.read_bytes(),
        file_name=made.manifest_path.name,
        mime="application/json",
        key="manifest",
        on_click="ignore",
    )


def _titled_table(
    speech: Speech,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Row],
    numbers: Sequence[str] = (),
    total: int | None = None,
) -> None:
    """A table under its title, cut to what a page can hold, saying so."""
    st.markdown(f"**{speech.say(title)}**")
    if not rows:
        st.caption(speech.say("app.nothing"))
        return
    _table(speech, columns, rows[:_ROWS], numbers)
    counted = total if total is not None else len(rows)
    if counted > _ROWS:
        st.caption(f"{speech.say('app.first_rows')} {_ROWS:,} {speech.say('app.of')} {counted:,}")


def _table(speech: Speech, columns: Sequence[str], rows: Iterable[Row], numbers: Sequence[str] = ()) -> None:
    head = {name: speech.say(f"column.{name}") for name in columns}
    cells = (
        {name: speech.value(name, row[name], str(row.get("scheme") or "") or None) for name in columns} for row in rows
    )
    st.html(markup.table(head, cells, numbers))


if __name__ == "__main__":
    main(sys.argv[1])
