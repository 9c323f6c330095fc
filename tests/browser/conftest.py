"""Chromium, and a running product to walk through."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, StorageState, expect

from portal.environment import ROOT
from tests.browser import chromium

BUNDLE = ROOT / "inference/demo/bundle/manifest.json"
ZONE = "Europe/Berlin"


@pytest.fixture(scope="session")
def installed() -> None:
    if chromium.executable() is None:
        pytest.skip(f"no Chromium here: apt-get install {chromium.DEBIAN_PACKAGE}")


@pytest.fixture(scope="module")
def browser(installed: None) -> Iterator[Browser]:
    """For one file: while it runs, this thread has an event loop and Django refuses it queries."""
    expect.set_options(timeout=chromium.PATIENCE_SECONDS * 1000)
    with chromium.browser() as running:
        yield running


@pytest.fixture(scope="session")
def site(installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """`address`, `email` and `password` of a product that runs as bin/demo runs it.

    With the demo model where its bundle is, else with a child that copies the video.
    """
    home = tmp_path_factory.mktemp("house")
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings"}
    environment.pop("VISEME_TEST_HOME", None)
    if not BUNDLE.exists():
        environment["MODEL_CHILD_MODULE"] = "tests.stub_child"
    command = [sys.executable, "-m", "tests.browser.house", str(home)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as house:
        assert house.stdin and house.stdout
        line = house.stdout.readline()
        if not line:
            pytest.fail(f"the product did not start:\n{logs(home)}")
        yield json.loads(line)
        house.stdin.close()
        house.wait(120)


def logs(home: Path) -> str:
    found = sorted((home / "logs").glob("*.log"))
    return "\n".join(f"{log.name}: {log.read_text()[-500:]}" for log in found)


@pytest.fixture(scope="module")
def signed_in(browser: Browser, site: dict[str, str]) -> StorageState:
    """The cookies of one sign-in: from one address thirty a minute are let through."""
    context = browser.new_context(timezone_id=ZONE)
    page = context.new_page()
    complaints = heard(page)
    chromium.sign_in(page, site["address"], site["email"], site["password"])
    kept = context.storage_state()
    context.close()
    assert not complaints
    return kept


@pytest.fixture
def page(browser: Browser, signed_in: StorageState) -> Iterator[Page]:
    """A signed-in page; a script error or a breach of the content policy fails the test."""
    context = browser.new_context(
        storage_state=signed_in, timezone_id=ZONE, viewport={"width": 1280, "height": 900}
    )
    context.set_default_timeout(chromium.PATIENCE_SECONDS * 1000)
    page = context.new_page()
    complaints = heard(page)
    yield page
    context.close()
    assert not complaints


def heard(page: Page) -> list[str]:
    """What it complains of from now on."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def hear(told: ConsoleMessage) -> None:
        if told.type == "error":
            complaints.append(told.text)

    page.on("console", hear)
    return complaints
