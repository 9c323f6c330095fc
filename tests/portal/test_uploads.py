"""The New job page: uploads in parts for a session, and the form without JavaScript."""

from datetime import timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from jobs.models import Job, Upload
from messaging.ids import new_id
from portal.pages.job_forms import NO_MOMENT
from tenants.context import acting_for
from tenants.models import Limits

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shelves")]
START, SUBMIT, NEW = (reverse(f"portal:{n}") for n in ("start_upload", "submit_job", "new_job"))
BODY = b"0123456789"
PASSED = "passed already. It was read as 1 Jan 2026, 00:00 (UTC+09:00), and by the clock here it is"


def started(browser, kind="video", **asked):
    named = {"kind": kind, "name": f"{kind}.mp4", "size_bytes": len(BODY)}
    return browser.post(START, named | asked)


def sent(browser, kind):
    """The id of a complete upload."""
    plan = started(browser, kind).json()
    for part in plan["parts"]:
        assert browser.put(part["url"], BODY).status_code == 200
    assert browser.post(plan["complete_url"]).json()["state"] == "ready"
    return plan["id"]


def pair(browser):
    return {"video": sent(browser, "video"), "audio": sent(browser, "audio")}


def test_two_files_in_parts_become_a_job(studio):
    asked = pair(studio.browser) | {"steps": "25", "guidance": "2.0", "consent_note": "J. Doe"}
    answer = studio.browser.post(SUBMIT, asked)
    assert answer.status_code == 202
    with acting_for(studio.tenant.id):
        job = Job.objects.get(id=answer.json()["id"])
    assert (job.state, job.consent_note) == ("validating", "J. Doe")
    assert (job.options["steps"], job.options["guidance"]) == (25, 2.0)
    assert (job.submitted_by, job.member_id) == (studio.owner.email, studio.owner.id)
    assert studio.browser.get(answer.json()["url"]).status_code == 200


def test_a_deadline_is_meant_in_the_viewers_zone_and_refused_when_it_has_passed(studio):
    studio.browser.cookies["viewer_zone"] = "Asia/Tokyo"
    local = (timezone.now() + timedelta(days=1)).astimezone(ZoneInfo("Asia/Tokyo"))
    asked = pair(studio.browser) | {"deadline": f"{local:%Y-%m-%dT%H:%M}"}
    assert studio.browser.post(SUBMIT, asked).status_code == 202
    with acting_for(studio.tenant.id):
        assert Job.objects.get().deadline == local.replace(second=0, microsecond=0)
    answer = studio.browser.post(SUBMIT, asked | {"deadline": "2026-01-01T00:00"})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_deadline")
    assert PASSED in answer.json()["detail"]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "UTC"])
def test_the_page_says_whose_time_a_deadline_is_in_and_how_far_ahead_it_may_be(studio, zone):
    studio.browser.cookies["viewer_zone"] = zone
    page = studio.browser.get(NEW).text
    assert 'data-days="30"' in page and "at most 30 days ahead" in page
    assert f"in the time zone <span data-zone>{zone}</span>" in page


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("2026-01-01T00:00", PASSED),
        ("2099-01-01T00:00", "A deadline is at most 30 days ahead. It was read as 1 Jan 2099"),
        ("tomorrow", NO_MOMENT),
        ("0001-01-01T00:00", NO_MOMENT),
        ("9999-12-31T23:59", "A deadline is at most 30 days ahead."),
    ],
)
def test_without_javascript_a_bad_deadline_is_told_beside_it_and_all_that_was_typed_stays(
    studio, shelves, typed, words
):
    studio.browser.cookies["viewer_zone"] = "Asia/Tokyo"
    files = {kind: SimpleUploadedFile(f"{kind}.mp4", BODY) for kind in ("video", "audio")}
    asked = {"steps": "25", "guidance": "2.0", "consent_note": "J. Doe", "deadline": typed}
    answer = studio.browser.post(NEW, files | asked)
    assert answer.status_code == 400
    field = answer.text.split('id="wrong-deadline"')[1].split("</p>")[0]
    assert words in field and "hidden" not in field
    assert f'value="{typed}"' in answer.text and '<details class="more" open>' in answer.text
    assert 'value="25"' in answer.text and 'value="J. Doe"' in answer.text
    assert "have to be chosen again" in answer.text and "T18:00:00Z" not in answer.text
    assert files_in(shelves) == []


def test_a_page_that_was_sent_before_says_so_without_naming_a_header(studio):
    once = {"submission": str(uuid4())}
    assert studio.browser.post(SUBMIT, pair(studio.browser) | once).status_code == 202
    answer = studio.browser.post(SUBMIT, pair(studio.browser) | once | {"steps": "30"})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert answer.json()["detail"].startswith("This page was sent before")


def test_addresses_of_parts_are_of_the_pages_own_origin(studio):
    (part,) = started(studio.browser).json()["parts"]
    assert part["url"].startswith("/")


def test_an_upload_goes_on_where_it_was_interrupted(studio):
    plan = started(studio.browser).json()
    studio.browser.put(plan["parts"][0]["url"], BODY)
    again = started(studio.browser, resume=plan["id"]).json()
    assert again["id"] == plan["id"] and again["parts"] == []


def test_another_file_does_not_go_on_with_an_old_upload(studio):
    plan = started(studio.browser).json()
    assert started(studio.browser, resume=plan["id"], size_bytes=11).json()["id"] != plan["id"]
    assert started(studio.browser, resume=new_id()).status_code == 201


def test_nobody_goes_on_with_or_completes_another_tenants_upload(make_studio):
    mine, theirs = make_studio("Alder"), make_studio("Birch")
    plan = started(theirs.browser).json()
    assert started(mine.browser, resume=plan["id"]).json()["id"] != plan["id"]
    assert mine.browser.post(plan["complete_url"]).status_code == 404
    video = sent(theirs.browser, "video")
    asked = {"video": video, "audio": sent(mine.browser, "audio")}
    assert mine.browser.post(SUBMIT, asked).json()["code"] == "upload_not_found"


def test_an_upload_that_lacks_a_part_is_not_complete(studio):
    answer = studio.browser.post(started(studio.browser).json()["complete_url"])
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_incomplete")


def test_a_file_over_the_limit_is_refused_before_it_is_sent(studio):
    with acting_for(studio.tenant.id):
        Limits.objects.update(upload_bytes=9)
    answer = started(studio.browser)
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_too_large")


@pytest.mark.parametrize(
    "wrong", [{"kind": "picture"}, {"size_bytes": "0"}, {"size_bytes": "many"}, {"name": ""}]
)
def test_a_senseless_upload_is_refused(studio, wrong):
    assert started(studio.browser, **wrong).status_code == 400


@pytest.mark.parametrize("wrong", [{"steps": "19"}, {"steps": "51"}, {"guidance": "3.1"}])
def test_an_option_out_of_range_is_refused_with_a_sentence(studio, wrong):
    answer = studio.browser.post(SUBMIT, pair(studio.browser) | wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "bad_option")


def test_a_second_click_finds_the_first_ones_job(studio):
    asked = pair(studio.browser) | {"submission": str(uuid4())}
    first, second = (studio.browser.post(SUBMIT, asked).json()["id"] for _ in range(2))
    assert first == second


def test_without_javascript_a_small_pair_is_sent_with_the_form(studio):
    files = {kind: SimpleUploadedFile(f"{kind}.mp4", BODY) for kind in ("video", "audio")}
    answer = studio.browser.post(NEW, files | {"steps": "20", "guidance": "1.5"})
    assert answer.status_code == 302
    with acting_for(studio.tenant.id):
        assert answer.url == reverse("portal:job", args=[Job.objects.get().id])
        assert Upload.objects.count() == 2


def files_in(folder):
    return [file for file in folder.rglob("*") if file.is_file()]


def test_a_refused_form_leaves_no_file_behind(studio, shelves):
    video, audio = (SimpleUploadedFile(f"{kind}.mp4", BODY) for kind in ("video", "audio"))
    answer = studio.browser.post(NEW, {"video": video, "audio": audio, "steps": 7})
    assert answer.status_code == 400
    with acting_for(studio.tenant.id):
        assert not Upload.objects.exists()
    assert files_in(shelves) == []


def test_a_form_sent_twice_keeps_the_first_ones_files_alone(studio, shelves):
    once = {"submission": str(new_id()), "steps": 20}
    for _ in range(2):
        files = {k: SimpleUploadedFile(f"{k}.mp4", BODY) for k in ("video", "audio")}
        assert studio.browser.post(NEW, once | files).status_code == 302
    assert len(files_in(shelves)) == 2


def test_a_form_without_a_voice_says_so(studio):
    answer = studio.browser.post(NEW, {"video": SimpleUploadedFile("v.mp4", BODY)})
    assert answer.status_code == 400 and "Choose a video and a voice" in answer.text


def test_a_form_that_is_too_large_is_refused_unread_with_the_other_way(studio, settings):
    settings.FORM_LIMIT_BYTES = 0
    files = {"video": SimpleUploadedFile("v.mp4", bytes(70_000))}
    answer = studio.browser.post(NEW, files)
    assert answer.status_code == 413 and "sends larger files in parts" in answer.text


def test_the_form_asks_for_its_token(studio):
    browser = type(studio.browser)(enforce_csrf_checks=True)
    browser.cookies = studio.browser.cookies
    for address in (NEW, START, SUBMIT, reverse("portal:keys")):
        assert browser.post(address, {}).status_code == 403


def test_the_sample_pair_can_be_fetched(studio):
    for kind, ends in (("video", "face.mp4"), ("audio", "voice.wav")):
        answer = studio.browser.get(reverse("portal:sample", args=[kind]))
        assert ends in answer.headers["Content-Disposition"]
    assert studio.browser.get(reverse("portal:sample", args=["other"])).status_code == 404
