"""The Dagster UI as its user meets it: the bar of partitions, and a backfill of ten days by mouse."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration.as_of import raw_delivery_dates
from orchestration.settings import PROJECT_ROOT, Settings
from tests.browser import DESKTOP

pytestmark = pytest.mark.slow

SECONDS = 600
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
DAYS = [YESTERDAY - timedelta(days=back) for back in reversed(range(12))]


def until(what: Callable[[], Any], why: str) -> None:
    """Wait for something to be true, as long as a busy machine may take."""
    end = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < end, why
        time.sleep(1)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/server_info", timeout=5) as answer:  # noqa: S310 - our own server
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture
def url(own_settings: Settings, land: Callable[..., Path]) -> Iterator[str]:
    """`c360 dev` on a landing zone of twelve days."""
    for number, day in enumerate(DAYS):
        land(day.isoformat(), f"M{number},张三,1380000000{number % 10}\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [str(Path(sys.executable).with_name("c360")), "dev", "--port", str(port)],
        cwd=PROJECT_ROOT,
        env=os.environ | {"PYTHONPATH": str(PROJECT_ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        until(lambda: answers(address), "`c360 dev` does not answer")
        yield address
    finally:
        server.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            server.wait(60)
        # What the server started and left behind is of its own session.
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def test_ten_days_are_backfilled_by_mouse(url: str, own_settings: Settings, browser: Any) -> None:
    first, last = DAYS[0], DAYS[9]
    page = browser.new_page(viewport=DESKTOP)
    try:
        page.set_default_timeout(SECONDS * 1000)
        page.goto(f"{url}/assets/raw/pos_members?view=partitions", wait_until="domcontentloaded")
        page.get_by_text("Partitions Selected").wait_for()
        begin = DAYS[0].replace(day=1)
        assert page.get_by_text(begin.isoformat(), exact=True).count() > 0, "the bar begins in the month of the oldest"
        page.get_by_role("button", name="Materialize").first.click()
        days = page.get_by_role("dialog").locator("input[type=text]").first
        days.fill(f"[{first}...{last}]")
        days.press("Enter")
        page.get_by_role("button", name="Launch backfill").click()
        until(lambda: raw_delivery_dates(own_settings) == DAYS[:10], "the ten days did not come into raw")
        page.goto(f"{url}/runs", wait_until="domcontentloaded")
        page.get_by_text("10 partitions").first.wait_for()
        page.get_by_text("Success").first.wait_for()
    finally:
        page.close()
