"""The list of jobs, one of them, cancel, retry and download."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from jobs.models import Job
from messaging.ids import new_id
from portal.templatetags.words import moment
from tenants import keys
from tenants.context import acting_for
from tests.portal.conftest import FACTS

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def page_of(job: Job) -> str:
    return reverse("portal:job", args=[job.id])


def test_a_tenant_without_jobs_sees_the_three_steps_and_the_sample(studio):
    page = studio.browser.get(reverse("portal:home")).text
    assert "1. Send a video and a voice" in page
    takes_the_sample = f'href="{reverse("portal:new_job")}?sample=1"'
    assert takes_the_sample in page and "Use the sample pair" in page
    assert "No jobs yet" in studio.browser.get(reverse("portal:jobs")).text


def test_a_tenant_with_jobs_sees_the_newest_on_the_start_page(studio, make_job):
    make_job(studio)
    page = studio.browser.get(reverse("portal:home")).text
    assert "Latest jobs" in page and "interview.mp4" in page


def test_the_list_shows_name_state_percent_and_voice(studio, make_job):
    job = make_job(studio, "processing", percent=46, phase="generate")
    page = studio.browser.get(reverse("portal:jobs")).text
    assert "interview.mp4" in page and "voice.wav" in page and job.short_id in page
    assert "46 % · Making the video" in page


def test_the_list_is_filtered_by_state(studio, make_job):
    make_job(studio, "failed", error_code="no_face")
    make_job(studio, "canceled")
    failed = studio.browser.get(reverse("portal:jobs"), {"state": "failed"}).text
    assert failed.count('class="job-row"') == 1 and "No face was found" in failed
    assert "No job in this state" in studio.browser.get("/jobs/?state=succeeded").text
    assert studio.browser.get("/jobs/?state=made-up").status_code == 404


def test_the_list_has_pages(studio, make_job):
    for _ in range(21):
        make_job(studio)
    assert studio.browser.get("/jobs/").text.count("job-name") == 20
    assert studio.browser.get("/jobs/?page=2").text.count("job-name") == 1


def test_htmx_gets_the_rows_alone(studio, make_job):
    make_job(studio)
    rows = studio.browser.get(reverse("portal:jobs"), headers=HTMX).text
    assert "job-row" in rows and "<html" not in rows


def test_a_list_with_a_running_job_is_asked_for_more_often(studio, make_job):
    make_job(studio, "failed", error_code="no_face")
    assert 'hx-trigger="every 15s"' in studio.browser.get("/jobs/").text
    make_job(studio)
    assert 'hx-trigger="every 2s"' in studio.browser.get("/jobs/").text


@pytest.mark.parametrize(
    ("state", "fields", "words"),
    [
        ("validating", {}, "The files are read in a process of their own"),
        ("queued", {"queued_at": timezone.now()}, "as soon as its turn comes"),
        ("queued", {"lane": 0, "queued_at": timezone.now()}, "the next free worker takes it"),
        ("processing", {}, "A worker has it"),
        ("canceled", {}, "This job was canceled"),
    ],
)
def test_a_job_says_what_it_waits_for(studio, make_job, state, fields, words):
    assert words in studio.browser.get(page_of(make_job(studio, state, **fields))).text


def test_a_job_and_its_row_say_when_the_result_may_be_there(studio, make_job):
    facts = {**FACTS, "processing_seconds": 60}
    for _ in range(5):
        make_job(studio, "succeeded", fence=1, result_facts=facts)
    job = make_job(studio, "processing", percent=50)
    assert re.search(
        r"The result is expected (about|between) ", studio.browser.get(page_of(job)).text
    )
    for page in ("/jobs/", reverse("portal:home")):
        assert re.search(r"Ready (about|between) \d\d:\d\d", studio.browser.get(page).text)


def test_where_little_is_known_no_time_is_promised(studio, make_job):
    job = make_job(studio, "processing", percent=50)
    for page in (page_of(job), reverse("portal:jobs")):
        text = studio.browser.get(page).text
        assert "is expected" not in text and "Ready " not in text


def test_a_live_job_is_polled_and_an_ended_one_is_not(studio, make_job):
    running = make_job(studio, "processing")
    live = reverse("portal:job_live", args=[running.id])
    assert f'hx-get="{live}"' in studio.browser.get(page_of(running)).text
    ended = make_job(studio, "canceled")
    assert "hx-get" not in studio.browser.get(page_of(ended)).text


def test_the_live_part_announces_every_tenth_percent(studio, make_job):
    job = make_job(studio, "processing", percent=47, phase="generate")
    live = studio.browser.get(reverse("portal:job_live", args=[job.id])).text
    assert 'data-announce="Making the video, 40 percent"' in live and "<html" not in live


def test_a_failed_job_shows_sentence_hint_and_code(studio, make_job):
    error = {"error_code": "no_face", "error_message": "Nobody there.", "error_hint": "Turn round."}
    page = studio.browser.get(page_of(make_job(studio, "failed", **error))).text
    assert all(words in page for words in ("No face was found", "Nobody there.", "Turn round."))
    assert "<code>no_face</code>" in page


def test_a_job_says_which_person_or_which_key_sent_it(make_studio, make_job):
    mine, theirs = make_studio("Alder"), make_studio("Birch")
    with acting_for(theirs.tenant.id):
        foreign, _ = keys.create("Their pipeline")
    with acting_for(mine.tenant.id):
        key, _ = keys.create('Dubbing "one" <b>')
        keys.revoke(key.id)
    senders = {
        mine.owner.email: mine.owner.email,
        key.prefix: f"Dubbing &quot;one&quot; &lt;b&gt; (API key {key.prefix}…)",
        foreign.prefix: foreign.prefix,
    }
    for sender, words in senders.items():
        job = make_job(mine)
        with acting_for(mine.tenant.id):
            Job.objects.filter(id=job.id).update(submitted_by=sender)
        assert f"<dt>Sent by</dt><dd>{words}</dd>" in mine.browser.get(page_of(job)).text


def test_a_finished_job_plays_source_and_result_side_by_side(studio, make_job):
    page = studio.browser.get(page_of(make_job(studio, "succeeded"))).text
    assert 'data-player="source"' in page and 'data-player="result"' in page
    assert "50 frames" in page and "ab" * 32 in page
    assert "http://" not in page.split('data-player="result" src="')[1].split('"')[0]


def test_the_source_is_a_preview_where_the_browser_cannot_play_it(studio, make_job):
    job = make_job(studio, "succeeded")
    assert "preview copy" not in studio.browser.get(page_of(job)).text
    with acting_for(studio.tenant.id):
        job.video.preview_key = "previews/one.mp4"
        job.video.save()
    assert "preview copy" in studio.browser.get(page_of(job)).text


def test_a_result_of_the_demo_model_says_so_wherever_it_is_shown(studio, make_job):
    job = make_job(studio, "succeeded", model_is_demo=True, model_label="demo model")
    for page in (page_of(job), reverse("portal:jobs"), reverse("portal:home")):
        assert "Demo model" in studio.browser.get(page).text
    real = make_job(studio, "succeeded")
    assert "Demo model" not in studio.browser.get(page_of(real)).text


def test_another_tenants_job_is_as_unknown_as_a_made_up_one(make_studio, make_job):
    mine, theirs = make_studio("Alder"), make_studio("Birch")
    job = make_job(theirs, "succeeded")
    for name in ("job", "job_live", "download"):
        known = mine.browser.get(reverse(f"portal:{name}", args=[job.id]))
        made_up = mine.browser.get(reverse(f"portal:{name}", args=[new_id()]))
        assert known.status_code == made_up.status_code == 404
        assert known.text == made_up.text
        own = theirs.browser.get(reverse(f"portal:{name}", args=[job.id]))
        assert own.status_code in (200, 302)
    for name in ("cancel_job", "retry_job"):
        assert mine.browser.post(reverse(f"portal:{name}", args=[job.id])).status_code == 404
    assert job.short_id not in mine.browser.get("/jobs/").text


def test_a_waiting_job_is_canceled_at_once(studio, make_job):
    job = make_job(studio, "queued", queued_at=timezone.now())
    answer = studio.browser.post(reverse("portal:cancel_job", args=[job.id]))
    assert answer.url == page_of(job)
    with acting_for(studio.tenant.id):
        assert Job.objects.get(id=job.id).state == "canceled"


def test_a_running_job_shows_that_it_is_being_canceled(studio, make_job):
    job = make_job(studio, "processing")
    studio.browser.post(reverse("portal:cancel_job", args=[job.id]))
    assert "Canceling…" in studio.browser.get(page_of(job)).text


def test_an_ended_job_cannot_be_canceled(studio, make_job):
    job = make_job(studio, "succeeded")
    page = studio.browser.post(reverse("portal:cancel_job", args=[job.id]), follow=True).text
    assert "only an unfinished job can be canceled" in page


def test_the_download_is_a_fresh_link_and_is_noted(studio, make_job):
    job = make_job(studio, "succeeded")
    answer = studio.browser.get(reverse("portal:download", args=[job.id]))
    assert answer.status_code == 302
    assert not answer.url.startswith("http")


def test_there_is_no_download_while_there_is_no_result(studio, make_job):
    job = make_job(studio, "processing")
    page = studio.browser.get(reverse("portal:download", args=[job.id]), follow=True).text
    assert "there is no result yet" in page


def test_a_failed_job_is_tried_again_with_one_click_and_by_a_second_click_not_twice(
    studio, make_job
):
    failed = make_job(studio, "failed", error_code="worker_lost")
    assert 'id="retry"' in studio.browser.get(page_of(failed)).text
    address = reverse("portal:retry_job", args=[failed.id])
    first, again = studio.browser.post(address), studio.browser.post(address)
    with acting_for(studio.tenant.id):
        new = Job.objects.get(retry_of=failed)
    assert first.url == again.url == page_of(new)
    page = studio.browser.get(page_of(failed)).text
    assert 'id="retry"' not in page and f'href="{page_of(new)}"' in page
    assert f'href="{page_of(failed)}">another try' in studio.browser.get(page_of(new)).text


@pytest.mark.parametrize(
    ("code", "first", "words"),
    [
        ("worker_lost", "retry", "nothing is uploaded again"),
        ("no_face", "new-job", "may well end the same way"),
        ("deadline_passed", "new-job", "but no deadline"),
    ],
)
def test_what_failed_for_its_input_is_offered_a_new_job_before_another_try(
    studio, make_job, code, first, words
):
    page = studio.browser.get(page_of(make_job(studio, "failed", error_code=code))).text
    places = {name: page.index(f'id="{name}"') for name in ("retry", "new-job")}
    assert min(places, key=places.get) == first
    assert words in page
    assert ("button-quiet" in page) == (first == "new-job")


def test_who_may_only_look_is_offered_no_retry(studio, make_job):
    failed = make_job(studio, "failed", error_code="worker_lost")
    viewer = studio.member("viewer")
    assert 'id="retry"' not in viewer.get(page_of(failed)).text
    assert viewer.post(reverse("portal:retry_job", args=[failed.id])).status_code == 403


def test_a_retry_that_cannot_be_says_why(studio, make_job):
    failed = make_job(studio, "failed", error_code="worker_lost")
    with acting_for(studio.tenant.id):
        failed.video.state = "aborted"
        failed.video.save()
    retry = reverse("portal:retry_job", args=[failed.id])
    page = studio.browser.post(retry, follow=True).text
    assert "is no longer kept" in page and "Upload the file again" in page
    assert "only a failed job can be tried again" in (
        studio.browser.post(
            reverse("portal:retry_job", args=[make_job(studio).id]), follow=True
        ).text
    )


def test_a_job_shows_its_deadline_and_what_the_engine_found_worth_telling(studio, make_job):
    deadline = timezone.now() + timedelta(hours=1)
    words = "30 of 50 frames have no usable face."
    job = make_job(
        studio, "succeeded", deadline=deadline, result_facts=FACTS | {"warnings": [words]}
    )
    page = studio.browser.get(page_of(job)).text
    assert "<dt>Deadline</dt>" in page and moment(deadline) in page
    assert f"<li>{words}</li>" in page.split('id="notes"')[1]
    assert 'id="notes"' not in studio.browser.get(page_of(make_job(studio, "succeeded"))).text


def test_a_job_says_where_the_source_stayed_as_it_was(studio, make_job):
    stayed = [[8, 14], [20, 20], *([at, at + 1] for at in range(30, 50, 4))]
    facts = FACTS | {"frame_rate": "30000/1001", "passed_through": stayed}
    page = studio.browser.get(page_of(make_job(studio, "succeeded", result_facts=facts))).text
    assert (
        "<dt>Unchanged</dt><dd>about 0:00.3 to 0:00.5 (frames 8 to 14),"
        " 0:00.7 to 0:00.7 (frame 20), "
    ) in page
    assert " and 2 more: no usable face</dd>" in page


@pytest.mark.parametrize(
    "name", ["cancel_job", "retry_job", "switch", "start_upload", "submit_job"]
)
def test_what_changes_something_is_no_get(studio, make_job, name):
    arguments = [make_job(studio).id] if name.endswith("_job") and name != "submit_job" else []
    assert studio.browser.get(reverse(f"portal:{name}", args=arguments)).status_code == 405
