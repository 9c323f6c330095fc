"""A pair on its way up: paused, and cut off."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import sign_in
from tests.browser.test_walk import JOB

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
PARTS = "**/parts/**"
WORDS = "[data-drop=video] [data-words]"


@pytest.fixture
def chosen(browser: Browser, site: dict[str, str], tmp_path: Path) -> Iterator[Page]:
    """The New job page with two files, none of whose parts is answered.

    Not the fixture that takes a refused request, which the browser tells its console, for a fault.
    """
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, site["address"], site["email"], site["password"])
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(bytes(range(256)) * 100)
    page.goto(f"{site['address']}/jobs/new/")
    for kind in ("video", "audio"):
        page.set_input_files(f"#file-{kind}", noise)
    page.route(PARTS, lambda route: None)
    page.click("#send")
    expect(page.locator(WORDS)).to_have_text("Uploading")
    yield page
    context.close()


def test_an_upload_that_is_paused_says_so_and_goes_on(chosen: Page):
    expect(chosen.locator("#use-sample")).to_be_disabled()
    chosen.click("#hold")
    expect(chosen.locator("#status")).to_have_text("Paused")
    expect(chosen.locator(WORDS)).to_have_text("Paused")
    chosen.unroute(PARTS)
    chosen.click("text=Go on")
    chosen.wait_for_url(JOB)


def test_a_part_that_is_refused_stops_both_files_and_what_was_typed_stays(chosen: Page):
    chosen.fill("#id_consent", "nobody is shown")
    chosen.click("#hold")
    chosen.unroute(PARTS)
    refusal = {"status": 409, "content_type": "application/problem+json", "body": "{}"}
    chosen.route(PARTS, lambda route: route.fulfill(**refusal))
    chosen.click("text=Go on")
    expect(chosen.locator("#problem")).to_contain_text("The storage refused part 1 (409)")
    expect(chosen.locator(WORDS)).to_have_text("Not all of it is sent")
    expect(chosen.locator("#send")).to_have_text("Try again")
    expect(chosen.locator("#id_consent")).to_have_value("nobody is shown")
