"""The dashboard as people see it, in a headless Chromium; `make test-browser` runs these alone."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.dashboard.aggregates import collect
from orchestration.dashboard.page import build_page, vega_bundle
from orchestration.dashboard.sections import SECTIONS
from orchestration.dashboard.words import read_words, words_for
from orchestration.settings import Settings

pytestmark = pytest.mark.slow

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
C360 = Path(sys.executable).with_name("c360")
CHARTS = [panel for panels in SECTIONS.values() for panel in panels if panel.chart]
DESKTOP, PHONE = {"width": 1360, "height": 900}, {"width": 390, "height": 844}
MARKS = "document.querySelectorAll('#chart-{} svg g.role-mark > *').length"


class Visit:
    """A page that was opened, and what the browser had to say about it."""

    def __init__(self, browser: Any, file: Path, chosen: str = "language=en&theme=light", size: Any = None) -> None:
        self.said: list[str] = []
        self.requests: list[str] = []
        self.dialogs = 0
        self.page = browser.new_page(viewport=size or DESKTOP)
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", self._dismiss)
        self.page.goto(f"{file.as_uri()}#{chosen}")
        self.ready()

    def _dismiss(self, dialog: Any) -> None:
        self.dialogs += 1
        dialog.dismiss()

    def ready(self) -> None:
        self.page.wait_for_selector("html[data-ready=yes]", timeout=120_000)

    def choose(self, name: str, value: str) -> None:
        self.page.select_option(f"#filter-{name}", value)
        self.ready()

    def customers(self) -> int:
        return int(self.page.locator(".headline b").first.inner_text().replace(",", ""))

    def drawn(self, panel: str) -> str:
        return str(self.page.inner_html(f"#chart-{panel}"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: run make install")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is on the PATH: no browser opened the dashboard")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse of a generated world, large enough that every chart has something to show."""
    folder = tmp_path_factory.mktemp("world")
    where = ["--landing", str(folder / "landing")]
    subprocess.run([C360, "generate", *where, "--people", "2500", "--lines", "25000", "--days", "12"], check=True)
    subprocess.run([C360, "refresh", *where, "--warehouse", str(folder / "warehouse")], check=True)
    return folder / "warehouse"


@pytest.fixture(scope="module")
def dashboard(warehouse: Path) -> Path:
    return (warehouse / "serving" / "current" / "dashboard.html").resolve()


@pytest.fixture(scope="module")
def desk(browser: Any, dashboard: Path) -> Visit:
    return Visit(browser, dashboard)


def test_nothing_is_loaded_and_nothing_goes_wrong(desk: Visit, dashboard: Path) -> None:
    assert desk.said == []
    assert {url.split("#")[0] for url in desk.requests} == {dashboard.as_uri()}
    assert dashboard.stat().st_size < 3_000_000


@pytest.mark.parametrize("panel", [panel.id for panel in CHARTS])
def test_every_chart_has_marks(desk: Visit, panel: str) -> None:
    assert desk.page.evaluate(MARKS.format(panel)) > 0


def test_every_section_shows_something(desk: Visit) -> None:
    for section in SECTIONS:
        assert desk.page.locator(f"#{section} svg, #{section} table").count() > 0, section
    assert desk.page.locator("#kpis .card .spark path").count() > 20
    assert desk.page.locator("#quality tbody tr").count() >= 8


def test_red_cards_come_first_and_name_their_owner_and_action(desk: Visit) -> None:
    cards = desk.page.locator("#kpis .card")
    looks = [cards.nth(place).get_attribute("class").split()[-1] for place in range(cards.count())]
    rank = ["red", "yellow", "green", "none"]
    assert looks == sorted(looks, key=rank.index)
    assert looks[0] == "red"
    assert cards.first.locator(".who").inner_text()
    assert cards.first.locator(".action").inner_text()


@pytest.mark.parametrize("name", ["tier", "channel", "region"])
def test_a_filter_changes_what_answers_to_it_and_says_what_does_not(browser: Any, dashboard: Path, name: str) -> None:
    visit = Visit(browser, dashboard)
    everybody = visit.customers()
    before = {panel.id: visit.drawn(panel.id) for panel in CHARTS}
    options = visit.page.eval_on_selector_all(f"#filter-{name} option", "found => found.map(one => one.value)")[1:]
    parts = []
    for option in options:
        visit.choose(name, option)
        parts.append(visit.customers())
    assert sum(parts) == everybody
    visit.choose(name, options[0])
    changed = {panel.id for panel in CHARTS if visit.drawn(panel.id) != before[panel.id]}
    assert {"funnel", "rfm_segments", "audiences", "completeness", "topics"} <= changed
    assert "uplift" not in changed
    assert name in visit.page.locator("figure:has(#chart-uplift) .chip").inner_text().lower()
    assert visit.said == []
    visit.page.close()


def test_chinese_and_dark_are_a_click_away(browser: Any, dashboard: Path) -> None:
    visit = Visit(browser, dashboard)
    light = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    visit.page.click("#language")
    visit.ready()
    visit.page.click("#theme")
    visit.ready()
    assert visit.page.inner_text("h1") == "客户健康看板"
    assert "生命周期" in visit.page.inner_text("nav")
    assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert "language=zh" in visit.page.url
    assert visit.said == []
    visit.page.close()


def test_a_phone_scrolls_down_only(browser: Any, dashboard: Path) -> None:
    visit = Visit(browser, dashboard, "language=zh", PHONE)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    widest = visit.page.evaluate("Math.max(...[...document.querySelectorAll('.chart svg')].map(s => s.clientWidth))")
    assert widest <= PHONE["width"]
    assert visit.said == []
    visit.page.close()


def test_it_prints(desk: Visit, tmp_path: Path) -> None:
    printed = tmp_path / "dashboard.pdf"
    desk.page.pdf(path=str(printed), format="A4")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes())) <= 20


def test_nobody_can_be_recognised(desk: Visit, warehouse: Path) -> None:
    text = desk.page.inner_text("body") + desk.page.locator("#content").text_content()
    assert re.findall(r"(?<!\d)1[3-9]\d{9}(?!\d)", text) == []
    assert re.findall(r"[\w.+-]+@[\w-]+\.[a-z]{2,}", text) == []
    with duckdb.connect(str(warehouse / "warehouse.duckdb"), read_only=True) as working:
        people = working.execute(
            "select unnest([customer_id, name, masked_name, right(phone, 11), email]) as value from identity.customers"
        ).fetchall()
    # Two characters may be a province or a word.
    values = {value for (value,) in people if value and len(value) > 2}
    assert sorted(value for value in values if value in text) == []


def test_a_hostile_value_is_shown_and_does_nothing(browser: Any, published, tmp_path: Path) -> None:
    hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    con = published(
        "insert into marts.customer_360 by name "
        f"select 'c1' as customer_id, '{hostile}' as province, '{hostile}' as official_tier, 'acquired' as funnel_stage"
    )
    datasets = collect(con, date(2026, 6, 30))
    words, codes = words_for(read_words(Settings(_env_file=None).reference_dir / "dashboard_strings.csv"), datasets)
    meta = {"version": hostile, "as_of": "2026-06-30", "created_at": "", "gates": 0, "gates_passed": 0}
    page = build_page({**meta, "checks": 0, "checks_passed": 0}, datasets, words, codes, vega_bundle(tmp_path))
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    visit = Visit(browser, tmp_path / "page.html")
    assert visit.dialogs == 0
    assert hostile in visit.page.inner_text("#filter-region")
    assert [line for line in visit.said if line.startswith("error")] == []
    assert len(visit.requests) == 1
    assert visit.page.locator(".panel.empty").count() > 10
    visit.page.close()
