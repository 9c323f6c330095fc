"""The system's Chromium, driven by playwright; playwright's own download is not used."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

DEBIAN_PACKAGE = "chromium"
PATIENCE_SECONDS = 60  # with a busy machine, which draws pages slowly
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Without its own sandbox, since it refuses to run as root with it, and without talking to anyone.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]


def executable() -> str | None:
    """Where Chromium is, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=executable(), args=FLAGS, timeout=PATIENCE_SECONDS * 1000
        )
        try:
            yield chromium
        finally:
            chromium.close()


def until(page: Page, expression: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for a truth in the page; playwright's own way evals inside it, which is forbidden."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not true within {seconds} s: {expression}")
        page.wait_for_timeout(50)


def sign_in(page: Page, site: str, email: str, password: str) -> None:
    page.set_default_timeout(PATIENCE_SECONDS * 1000)
    page.goto(f"{site}/account/login/")
    page.fill('input[name="login"]', email)
    page.fill('input[name="password"]', password)
    page.click('button:text-is("Sign in")')
    page.wait_for_selector("#main")
