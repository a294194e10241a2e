"""The explorer as people see it, in a headless Chromium; `make test-browser` runs these with those of the dashboard."""

import csv
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.publication.versions import current_version
from orchestration.run_lock import RunLock
from orchestration.settings import Settings
from tests.browser import PHONE, Visit, contact_data

pytestmark = pytest.mark.slow

C360 = Path(sys.executable).with_name("c360")
TABS = {"Profile": ".c360-card", "Timeline": "svg g.role-mark > *", "Tiers over time": "svg g.role-mark > *",
        "Next contacts": ".c360 td", "Why one person": ".c360 td"}  # fmt: skip
BUSY = """
select customer_id from marts.customer_360
where customer_id in (select customer_id from marts.contact_plan)
    and customer_id in (select customer_id from marts.customer_history)
order by record_count + orders + cases desc, customer_id limit 1
"""


@contextmanager
def serving(warehouse: Path, role: str) -> Iterator[str]:
    """`c360 explore` for a role, on a free port; ended afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [C360, "explore", "--warehouse", str(warehouse), "--role", role, "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            deadline = time.monotonic() + 120
            while True:
                assert server.poll() is None, server.stdout.read() if server.stdout else ""
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2)
                    break
                except OSError:
                    assert time.monotonic() < deadline, "the explorer does not answer"
                    time.sleep(0.5)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            try:
                server.wait(timeout=15)
            except subprocess.TimeoutExpired:
                # Streamlit waits for its sessions, which on a busy machine may take longer than a test should.
                server.kill()


@pytest.fixture(scope="module")
def warehouse(refreshed_world: Path) -> Path:
    return refreshed_world / "warehouse"


@pytest.fixture(scope="module")
def for_analyst(warehouse: Path) -> Iterator[str]:
    with serving(warehouse, "analyst") as address:
        yield address


@pytest.fixture(scope="module")
def for_manager(warehouse: Path) -> Iterator[str]:
    with serving(warehouse, "campaign_manager") as address:
        yield address


@pytest.fixture(scope="module")
def somebody(warehouse: Path) -> str:
    """A customer with much on record and a contact planned."""
    with duckdb.connect(str(warehouse / "serving" / "current" / "c360.duckdb"), read_only=True) as published:
        row = published.execute(BUSY).fetchone()
    assert row is not None
    return str(row[0])


@pytest.fixture(scope="module")
def contacts(warehouse: Path, somebody: str) -> tuple[str, str]:
    """Full name and number of that customer."""
    with duckdb.connect(str(warehouse / "warehouse.duckdb"), read_only=True) as working:
        row = working.execute(
            "select name, right(phone, 11) from identity.customers where customer_id = ?", [somebody]
        ).fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    """Open the page at an address; what the browser had to say is checked when the test is over."""
    opened: list[tuple[Visit, str]] = []

    def open_page(address: str, query: str = "language=en", size: Any = None) -> Visit:
        made = Visit(browser, size)
        made.page.set_default_timeout(90_000)
        made.page.goto(f"{address}/?{query}")
        made.page.wait_for_selector(".c360-facts")
        opened.append((made, address))
        return made

    yield open_page
    for made, address in opened:
        assert made.said == []
        assert {url.split("/")[2] for url in made.requests if url.startswith("http")} == {address.split("/")[2]}
        made.page.close()


def settled(visit: Visit) -> None:
    """Wait until the script has run to its end."""
    visit.page.wait_for_timeout(300)
    visit.page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def look_up(visit: Visit, text: str) -> None:
    visit.page.get_by_label("Find a customer").fill(text)
    visit.page.keyboard.press("Enter")
    settled(visit)


def tab(visit: Visit, name: str) -> Any:
    visit.page.get_by_role("tab", name=name).click()
    settled(visit)
    return visit.page.get_by_role("tabpanel", name=name)


def test_every_part_of_a_customer_shows_something(visit: Any, for_analyst: str, somebody: str) -> None:
    page = visit(for_analyst, f"language=en&customer={somebody}")
    page.page.wait_for_selector(".c360-tiles")
    assert page.page.locator(".c360-tiles b").count() == 8
    for name, marks in TABS.items():
        panel = tab(page, name)
        panel.locator(marks).first.wait_for()
        assert panel.locator(marks).count() >= 2, name
        assert page.page.locator("[data-testid=stException]").count() == 0


def test_choosing_a_kind_leaves_only_that_kind_in_the_timeline(visit: Any, for_analyst: str, somebody: str) -> None:
    page = visit(for_analyst, f"language=en&customer={somebody}")
    panel = tab(page, "Timeline")
    panel.locator("tbody tr").first.wait_for()
    everything = panel.locator("tbody tr").count()
    panel.get_by_role("button", name="Purchase", exact=True).click()
    page.page.wait_for_function(
        "[...document.querySelectorAll('[role=tabpanel] tbody tr')].every(row => row.cells[2].innerText === 'Purchase')"
    )
    assert 0 < panel.locator("tbody tr").count() < everything


def test_nobody_can_be_recognised(visit: Any, for_analyst: str, warehouse: Path, somebody: str) -> None:
    page = visit(for_analyst, f"language=en&customer={somebody}")
    texts = []
    for name, marks in TABS.items():
        tab(page, name).locator(marks).first.wait_for()
        texts.append(page.page.locator("body").inner_text())
    audiences = visit(for_analyst, "language=en&page=audiences")
    audiences.page.wait_for_selector(".c360 tbody tr")
    settled(audiences)
    texts.append(audiences.page.locator("body").inner_text())
    start = visit(for_analyst)
    start.page.wait_for_selector(".c360 tbody tr")
    texts.append(start.page.locator("body").inner_text())
    text = "\n".join(texts)
    assert contact_data(text) == []
    with duckdb.connect(str(warehouse / "warehouse.duckdb"), read_only=True) as working:
        people = working.execute(
            "select unnest([name, right(phone, 11), email]) as value, masked_name from identity.customers "
            "where name is distinct from masked_name"
        ).fetchall()
    names = {value for value, _ in people if value and len(value) > 1}
    cells = {cell.strip() for line in text.splitlines() for cell in re.split(r"[\t·,]", line)}
    assert sorted(names & cells) == []


def test_a_number_finds_nobody_for_an_analyst_and_its_owner_masked_for_a_campaign_manager(
    visit: Any, for_analyst: str, for_manager: str, somebody: str, contacts: tuple[str, str]
) -> None:
    name, number = contacts
    analyst = visit(for_analyst)
    look_up(analyst, number)
    analyst.page.get_by_text("No customer of this version is found by that.").wait_for()
    manager = visit(for_manager)
    look_up(manager, number)
    manager.page.wait_for_selector(".c360-tiles, .c360 tbody tr")
    text = manager.page.locator("body").inner_text()
    assert somebody in text
    assert contact_data(text) == []
    assert name not in text
    assert number not in manager.page.url


def test_while_a_run_works_numbers_are_not_looked_up_and_ids_are(
    visit: Any, for_manager: str, warehouse: Path, somebody: str
) -> None:
    page = visit(for_manager)
    with RunLock(Settings(_env_file=None, warehouse=warehouse)):
        look_up(page, somebody)
        page.page.get_by_text("A refresh is running").wait_for()
        page.page.wait_for_selector(".c360-tiles")
        assert somebody in page.page.locator("body").inner_text()


@pytest.mark.parametrize("role", ["analyst", "campaign_manager"])
def test_an_audience_is_downloaded_with_the_manifest_of_the_export(
    visit: Any, request: pytest.FixtureRequest, role: str, tmp_path: Path
) -> None:
    address = request.getfixturevalue("for_analyst" if role == "analyst" else "for_manager")
    page = visit(address, "language=en&page=audiences")
    page.page.get_by_role("button", name="Prepare the file").click()
    files = {}
    for button in ("Download the file", "Download its manifest"):
        with page.page.expect_download() as download:
            page.page.get_by_role("button", name=button).click()
        files[button] = tmp_path / download.value.suggested_filename
        download.value.save_as(files[button])
    content, manifest = (files[button].read_bytes() for button in files)
    told = json.loads(manifest)
    rows = list(csv.DictReader(content.decode("utf-8").splitlines()))
    assert told["role"] == role
    assert told["rows"] == len(rows) > 0
    assert told["sha256"] == hashlib.sha256(content).hexdigest()
    assert ("phone" in rows[0]) == (role == "campaign_manager") == (not told["masked"])
    assert (contact_data(content.decode("utf-8")) == []) == (role == "analyst")


def test_another_audience_and_status_narrow_the_members(visit: Any, for_analyst: str) -> None:
    page = visit(for_analyst, "language=en&page=audiences")
    page.page.get_by_role("radio", name="Held out").click()
    settled(page)
    members = page.page.locator(".c360").last
    page.page.wait_for_function(
        "[...[...document.querySelectorAll('.c360')].at(-1).querySelectorAll('tbody tr')]"
        ".every(row => row.cells[2].innerText === 'Held out')"
    )
    assert members.locator("tbody tr").count() > 0


def test_chinese_is_a_click_away_and_a_phone_scrolls_down_only(visit: Any, for_analyst: str, somebody: str) -> None:
    page = visit(for_analyst, f"language=en&customer={somebody}", PHONE)
    page.page.wait_for_selector(".c360-tiles")
    page.page.get_by_role("radio", name="中文").click()
    page.page.get_by_text("客户查询").first.wait_for()
    page.page.wait_for_url("**language=zh**")
    page.page.locator(".c360-tiles", has_text="生命周期").wait_for()
    for name in ("时间线", "等级变化"):
        tab(page, name).locator("svg g.role-mark > *").first.wait_for()
        assert page.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_page_follows_a_new_version_by_itself(
    visit: Any, for_analyst: str, refreshed_world: Path, warehouse: Path, somebody: str
) -> None:
    """The last test of this file: it publishes."""
    settings = Settings(_env_file=None, landing=refreshed_world / "landing", warehouse=warehouse)
    before = current_version(settings)
    assert before is not None
    page = visit(for_analyst, f"language=en&customer={somebody}")
    page.page.get_by_text(f"version {before.id}").wait_for()
    day: date = before.manifest.as_of + timedelta(days=1)
    delivered = refreshed_world / "landing" / "pos" / day.isoformat() / "members.csv"
    delivered.parent.mkdir(parents=True)
    delivered.write_text("member_id,name,phone\nNEW1,张三丰,13900001234\n", encoding="utf-8")
    environment = {**os.environ, "C360_LANDING": str(settings.landing), "C360_WAREHOUSE": str(warehouse)}
    subprocess.run([C360, "refresh"], check=True, env=environment)
    after = current_version(settings)
    assert after is not None
    assert after.id != before.id
    page.page.get_by_text(f"version {after.id}").wait_for(timeout=30_000)
    assert page.page.get_by_text(f"as of {day}").count() == 1
    look_up(page, "NEW1")
    page.page.locator(".c360-who", has_text="张").wait_for()
