"""Takes the README's picture of the portal, docs/pictures/portal.png, from a running demo.

bin/run python -m tests.browser.picture ADDRESS EMAIL PASSWORD
"""

import argparse
import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize

from tests.browser import chromium

PICTURE = Path(__file__).parents[2] / "docs/pictures/portal.png"
SIZE: ViewportSize = {"width": 1280, "height": 860}
LARGEST_BYTES = 300_000
FILMS = "[...document.querySelectorAll('video')]"
SECONDS_IN = 1.4  # somewhere in the middle of a word


def newest_result(page: Page, site: str) -> None:
    """Open the newest job that succeeded and let both players stand at the same frame."""
    page.goto(f"{site}/jobs/?state=succeeded")
    page.locator(".job-name").first.click()
    chromium.until(page, f"{FILMS}.every(film => film.readyState >= 2)")
    page.locator("[data-seek]").evaluate(
        "(bar, at) => { bar.value = at; bar.dispatchEvent(new Event('input', {bubbles: true})); }",
        SECONDS_IN,
    )
    chromium.until(page, f"{FILMS}.every(film => !film.seeking)")
    page.wait_for_timeout(300)


def small(picture: bytes) -> bytes:
    """The picture with 256 colors when it is too large with all of them."""
    if len(picture) <= LARGEST_BYTES:
        return picture
    packed = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(256).save(packed, "PNG", optimize=True)
    return packed.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("address", "email", "password"):
        parser.add_argument(name)
    asked = parser.parse_args()
    with chromium.browser() as browser:
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        chromium.sign_in(page, asked.address, asked.email, asked.password)
        newest_result(page, asked.address)
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        PICTURE.write_bytes(small(page.screenshot()))
    print(PICTURE)


if __name__ == "__main__":
    main()
