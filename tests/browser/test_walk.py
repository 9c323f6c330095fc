"""From the sign-in to the downloaded video, in a real browser, through every real part."""

import re
import wave
from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.chromium import sign_in, until
from tests.inference import clips

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]
JOB = re.compile(r"/jobs/[0-9a-f-]{36}/$")
MADE_MS = 1_200_000  # by the demo model, on a machine that does much else
TIMES = "[...document.querySelectorAll('[data-pair] video')].map(film => film.currentTime)"
CUT_OFF = "it => it.scrollWidth > it.clientWidth || it.clientWidth > it.parentElement.clientWidth"
TOGETHER = f"(([a, b]) => Math.min(a, b) > 0.2 && Math.abs(a - b) < 0.2)({TIMES})"
# In one go: the film is short, and a click that comes after its end would start it again.
RESULT_PAUSED = "document.querySelector('[data-player=result]').paused"
PAUSE = f"{RESULT_PAUSED} || document.querySelector('[data-do=toggle]').click()"
SEEK = "(bar, at) => { bar.value = at; bar.dispatchEvent(new Event('input', {bubbles: true})); }"
ALL_PAUSED = "[...document.querySelectorAll('[data-pair] video')].every(film => film.paused)"
PLAYERS = "[...document.querySelectorAll('[data-pair] video')]"
ALL_READY = "[...document.querySelectorAll('[data-pair] video')].every(it => it.readyState >= 3)"


def test_a_pair_is_sent_followed_compared_and_downloaded(page: Page, site, tmp_path):
    # Where the start page's sample card leads; a tenant who has jobs, another file's too, has none.
    page.goto(f"{site['address']}/jobs/new/?sample=1")
    expect(page.locator("[data-drop=video] [data-name]")).to_have_text("face.mp4")
    expect(page.locator("[data-drop=audio] [data-name]")).to_have_text("voice.wav")
    page.set_input_files("#file-audio", beginning_of_the_voice(tmp_path / "short.wav"))
    expect(page.locator("[data-drop=audio] [data-name]")).to_have_text("short.wav")
    page.fill("#id_consent", "drawn by a script")
    page.click("#send")

    page.wait_for_url(JOB)
    expect(page.locator("progress")).to_be_visible()
    followed = re.compile("percent|Succeeded")
    expect(page.locator("#announcer")).to_have_text(followed, timeout=MADE_MS)
    expect(page.locator(".badge-succeeded")).to_be_visible(timeout=MADE_MS)
    expect(page.locator(".badge-demo").first).to_have_text("Demo model")
    expect(page.locator("#announcer")).to_have_text("face.mp4: Succeeded")

    both_play_together(page)

    with page.expect_download() as saved:
        page.click("#download")
    file = tmp_path / "result.mp4"
    saved.value.save_as(file)
    assert re.fullmatch(r"face-[0-9a-f]{8}\.mp4", saved.value.suggested_filename)
    assert file.read_bytes()[4:8] == b"ftyp"

    a_link_that_ran_out_is_renewed(page.context.new_page(), page.url)
    a_format_that_the_browser_lacks_is_named(page.context.new_page(), page.url, tmp_path)
    who_was_signed_out_meanwhile_is_asked_to_sign_in(page)

    page.click(".rail >> text=Usage")
    expect(page.locator("tbody tr")).to_have_count(1)  # a row for the day that delivered


def beginning_of_the_voice(short: Path) -> Path:
    """1.28 s of it, 32 frames: two windows of the network, the fewest that must be joined."""
    with (
        wave.open(str(settings.SAMPLE_DIR / "voice.wav")) as voice,
        wave.open(str(short), "wb") as cut,
    ):
        cut.setparams(voice.getparams())
        cut.writeframes(voice.readframes(int(1.28 * voice.getframerate())))
    return short


def both_play_together(page: Page) -> None:
    until(page, ALL_READY)
    page.click("[data-do=toggle]")
    until(page, TOGETHER)
    page.evaluate(PAUSE)
    until(page, ALL_PAUSED)
    page.locator("[data-seek]").evaluate(SEEK, 0.4)
    before = page.evaluate(TIMES)[1]
    page.click("[data-do=forward]")
    until(page, f"{TIMES}.every(time => time > {before})")
    source, result = page.evaluate(TIMES)
    assert source == pytest.approx(result, abs=0.02)
    assert result - before == pytest.approx(1 / 25, abs=0.02)


def a_link_that_ran_out_is_renewed(page: Page, job: str) -> None:
    """A page that was left open: half of a film came by its address, and then no more."""
    asked: Counter[str] = Counter()
    anew: list[str] = []

    def half(route: Route) -> None:
        address = route.request.url
        if not anew or address in asked:
            asked[address] += 1
        if asked[address] == 1:
            headers = {k: v for k, v in route.request.headers.items() if k != "range"}
            film = route.fetch(headers=headers).body()
            there = {"Content-Range": f"bytes 0-{len(film) // 2 - 1}/{len(film)}"}
            told = {"Content-Type": "video/mp4", "Accept-Ranges": "bytes", **there}
            route.fulfill(status=206, headers=told, body=film[: len(film) // 2])
        elif asked[address] == 2:
            route.fulfill(status=403)
        else:  # a fresh address, which is the same one within the same second
            route.continue_()

    page.on("request", lambda it: anew.append(it.url) if it.resource_type == "fetch" else None)
    page.route("**/files/**", half)
    page.goto(job)
    result = page.locator("[data-player=result]")
    result.evaluate("it => { it.currentTime = 1; }")
    until(page, f"{PLAYERS}.every(it => it.readyState >= 3 && !it.error)")
    assert set(anew) == {job}
    assert result.evaluate("it => it.currentTime") == pytest.approx(1)
    expect(page.locator("[data-cannot]:visible")).to_have_count(0)
    page.close()


def a_format_that_the_browser_lacks_is_named(page: Page, job: str, folder: Path) -> None:
    """With sound, which some browsers would play alone, and without."""
    for sound in (True, False):
        film = clips.film(folder / f"{sound}.mp4", clips.numbered(9), codec="mpeg4", sound=sound)
        page.unroute("**/files/**")
        page.route("**/files/**", partial(Route.fulfill, path=film))
        page.goto(job)
        expect(page.locator("[data-cannot]:visible")).to_have_count(2)
        expect(page.locator("[data-transport]")).to_be_hidden()
    page.close()


def who_was_signed_out_meanwhile_is_asked_to_sign_in(page: Page) -> None:
    browser = page.context.browser
    assert browser
    context = browser.new_context(storage_state=page.context.storage_state())
    other = context.new_page()
    other.goto(page.url)
    until(other, f"{PLAYERS}.every(it => it.readyState >= 3)")
    context.clear_cookies()
    other.route("**/files/**", partial(Route.fulfill, status=403))
    other.locator("[data-player=result]").evaluate("it => { it.src += '?anew'; }")
    other.wait_for_url(re.compile("/account/login/"))
    context.close()


def test_noise_called_mp4_is_refused_with_a_sentence_and_may_be_tried_again(
    page: Page, site, tmp_path
):
    fake = tmp_path / "fake.mp4"
    fake.write_bytes(bytes(range(256)) * 100)
    page.goto(f"{site['address']}/jobs/new/")
    page.set_input_files("#file-video", fake)
    page.set_input_files("#file-audio", fake)
    page.click("#send")
    page.wait_for_url(JOB)
    expect(page.locator(".badge-failed")).to_be_visible(timeout=MADE_MS)
    expect(page.locator("[role=alert] code")).to_have_text("unsupported_media")

    page.click("#retry")
    again = page.get_by_text("another try at a failed job")
    expect(again).to_be_visible()
    again.click()
    expect(page.locator("#retried")).to_be_visible()


def test_a_text_file_called_mp4_is_refused_before_it_is_sent(page: Page, site, tmp_path):
    fake = tmp_path / "fake.mp4"
    fake.write_text("no picture in here, größer " * 100, encoding="utf-8")
    page.goto(f"{site['address']}/jobs/new/")
    page.set_input_files("#file-video", fake)
    expect(page.locator("#wrong-video")).to_contain_text("holds text")
    page.click("#send")
    expect(page.locator("#problem")).to_contain_text("Choose a video and a voice first")


@pytest.mark.parametrize(("days", "words"), [(-1, "has passed"), (31, "more than 30 days")])
def test_a_deadline_that_cannot_be_is_marked_before_anything_is_sent(
    page: Page, site, tmp_path, days, words
):
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(bytes(range(256)))
    sent = []
    page.on("request", lambda request: sent.append(request.method))
    page.goto(f"{site['address']}/jobs/new/")
    page.click("#send")
    expect(page.locator("#problem")).to_be_visible()
    for kind in ("video", "audio"):
        page.set_input_files(f"#file-{kind}", noise)
    page.click("summary:has-text('Advanced')")
    deadline = datetime.now().astimezone() + timedelta(days=days)
    page.fill("#id_deadline", f"{deadline:%Y-%m-%dT%H:%M}")
    page.click("#send")
    expect(page.locator("#wrong-deadline")).to_contain_text(words)
    expect(page.locator("#id_deadline")).to_be_focused()
    expect(page.locator("#problem")).to_be_hidden()  # what was wrong before is not any more
    assert set(sent) == {"GET"}


def test_a_computer_whose_clock_is_late_is_told_the_servers_time(browser: Browser, site, tmp_path):
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(bytes(range(256)))
    now = datetime.now().astimezone()
    context = browser.new_context(timezone_id="Europe/Berlin")
    page = context.new_page()
    sign_in(page, site["address"], site["email"], site["password"])
    page.clock.set_fixed_time(now - timedelta(days=2))
    page.goto(f"{site['address']}/jobs/new/")
    for kind in ("video", "audio"):
        page.set_input_files(f"#file-{kind}", noise)
    page.click("summary:has-text('Advanced')")
    expect(page.locator("[data-zone]")).to_have_text("Europe/Berlin")
    page.fill("#id_deadline", f"{now - timedelta(days=1):%Y-%m-%dT%H:%M}")
    page.fill("#id_consent", "nobody is shown")
    page.click("#send")
    expect(page.locator("#wrong-deadline")).to_contain_text("by the clock here it is")
    expect(page.locator("#id_deadline")).to_be_focused()
    expect(page.locator("#id_consent")).to_have_value("nobody is shown")
    context.close()


def test_without_javascript_the_form_shows_which_files_were_chosen(
    browser: Browser, site, tmp_path
):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, site["address"], site["email"], site["password"])
    page.goto(f"{site['address']}/jobs/new/")
    for kind in ("video", "audio"):
        field = page.locator(f"#file-{kind}")
        assert field.evaluate("it => getComputedStyle(it).opacity") == "1"
        box = field.bounding_box()
        assert box and box["height"] < 60
    expect(page.get_by_text("the two files together may have 8 MB")).to_be_visible()
    context.close()


def test_a_file_of_another_kind_is_refused_before_it_is_sent(page: Page, site, tmp_path):
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(b"%PDF")
    page.goto(f"{site['address']}/jobs/new/")
    page.set_input_files("#file-video", letter)
    expect(page.locator("#wrong-video")).to_contain_text("is not a video")


def test_a_new_key_is_copied_and_gone_at_the_next_look(page: Page, site):
    page.goto(f"{site['address']}/keys/")
    page.fill("#id_name", "Pipeline")
    page.click("text=Create key")
    key = page.inner_text("#fresh-key")
    assert key.startswith("vsm_live_")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("text=Copy key")
    expect(page.locator("[data-copy=fresh-key]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == key
    page.goto(f"{site['address']}/keys/")
    assert key not in page.content()


def test_no_list_of_the_admin_is_cut_off_on_a_laptop(page: Page, site):
    page.goto(f"{site['address']}/admin/")
    lists = page.locator("#content-main th a")
    places = [link.get_attribute("href") for link in lists.all()]
    assert "/admin/jobs/attempt/" in places
    for place in places:
        page.goto(site["address"] + place)
        within = page.locator("#changelist .results, #changelist table.totals").all()
        assert [table for table in within if table.evaluate(CUT_OFF)] == [], place


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 768, 1280])
def test_no_page_is_wider_than_the_screen(page: Page, site, width, scheme):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    for path in ("/", "/jobs/", "/jobs/new/", "/usage/", "/keys/", "/account/2fa/"):
        page.goto(site["address"] + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_the_keyboard_alone_reaches_the_pages_and_shows_where_it_is(page: Page, site):
    page.goto(f"{site['address']}/jobs/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"
