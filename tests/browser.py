"""Pages as people see them: a headless Chromium, and a visit to a page that notes all the browser has to say."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DESKTOP, PHONE = {"width": 1360, "height": 900}, {"width": 390, "height": 844}


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium of this machine; where there is none, the tests that ask for one fail and say what to do."""
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise RuntimeError(
            f"None of {', '.join(BROWSERS)} is on the PATH, so no browser can open the pages. Install one "
            "(Debian, Ubuntu: apt-get install chromium), or leave these tests out: they are marked slow."
        )
    with sync_playwright() as playwright:
        # Chromium has no sandbox for root, which is who runs tests in a container; the pages are our own.
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """A page that was opened, and what the browser had to say about it."""

    def __init__(self, browser: Any, size: Any = None) -> None:
        self.said: list[str] = []
        self.requests: list[str] = []
        self.dialogs = 0
        self.page = browser.new_page(viewport=size or DESKTOP)
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", self._dismiss)

    def _dismiss(self, dialog: Any) -> None:
        self.dialogs += 1
        dialog.dismiss()


def contact_data(text: str) -> list[str]:
    """Unmasked mobile numbers and mailboxes in a text."""
    return re.findall(r"(?<!\d)1[3-9]\d{9}(?!\d)", text) + re.findall(r"[\w.+-]+@[\w-]+\.[a-z]{2,}", text)
