"""What an operator sees of a job and may do to it, in the admin."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from jobs import dead_letters, dispatches, lifecycle
from jobs.admin import confirming
from jobs.clock import database_now
from jobs.models import Attempt, Job, State
from tenants.context import acting_for, as_operator
from tenants.models import AuditEvent, User
from tests.making import a_job, a_queued_job

LIST = reverse("admin:jobs_job_changelist")
OP = "op@viseme.example"


@pytest.fixture
def operator(client, db):
    client.force_login(User.objects.create_superuser(OP, "long-enough-password"))
    return client


@pytest.fixture
def failed(acme) -> Job:
    with acting_for(acme.id):
        return a_job(state="failed", error_code="worker_lost", finished_at=database_now())


@pytest.fixture
def unheard(acme) -> Job:
    with acting_for(acme.id):
        job = a_queued_job(lane=0)
        lifecycle.dispatch(job)
        dead_letters.read(job.id, dispatch=1)
    return job


def page_of(client, job: Job):
    return client.get(reverse("admin:jobs_job_change", args=[job.id]))


def choose(client, verb: str, *jobs: Job, **more: str):
    form = {"action": verb, "_selected_action": [str(job.id) for job in jobs], **more}
    return client.post(LIST, form, follow=True)


def number_of_jobs() -> int:
    with as_operator("look"):
        return Job.objects.count()


def test_a_jobs_page_shows_its_attempts_messages_dead_letters_and_pieces(operator, acme, unheard):
    with acting_for(acme.id):
        attempt = lifecycle.claim(unheard.id, worker="gpu-worker-7", lease=60)
        begun = attempt.started_at - timedelta(hours=3)  # else its messages have this time, too
        Attempt.objects.update(started_at=begun)
        piece = lifecycle.StoredSegment(3, "t/j/segments/3.mp4", "t/j/segments/3.json", 4321, "")
        lifecycle.release(attempt.id, fence=1, segments=[piece])
        dead_letters.read(unheard.id, dispatch=3)
    page = page_of(operator, unheard)
    for shown in ("gpu-worker-7", "Released", f"{unheard.id}/2", f"{unheard.id}/4", "4321"):
        assert shown in page.text, shown
    assert "retry_pause" in page.text
    assert "All times on this page are UTC." in page.text
    assert f"{begun:%Y-%m-%d %H:%M:%S}" in page.text
    assert page.context["original"].dead_letters == 1


def test_a_message_that_can_t_be_sent_shows_its_error_and_no_markup_of_others(operator, unheard):
    with as_operator("as if the queue had answered"):
        dispatches.of(unheard).update(last_error="<script>refused</script>")
    page = page_of(operator, unheard)
    assert "&lt;script&gt;refused&lt;/script&gt;" in page.text
    assert "<script>refused" not in page.text


def test_a_redrive_is_told_first_and_done_when_confirmed(operator, failed, unheard):
    told = choose(operator, "redrive", failed, unheard)
    assert "tried again as a new job" in told.text
    assert "sent again under number 3" in told.text
    assert "Redrive 2 jobs" in told.text
    assert number_of_jobs() == 2
    done = choose(operator, "redrive", failed, unheard, confirmed="yes")
    assert "sent again under number 3" in done.text
    assert number_of_jobs() == 3
    with as_operator("look"):
        events = AuditEvent.objects.filter(action="job.redriven")
        assert {event.actor for event in events} == {OP}
        assert {event.subject for event in events} == {str(failed.id), str(unheard.id)}


def test_what_a_redrive_would_not_help_is_not_offered_for_confirmation(operator, acme):
    with acting_for(acme.id):
        job = a_job(state="failed", error_code="no_face", finished_at=database_now())
    told = choose(operator, "redrive", job)
    assert "its owner can retry it" in told.text
    assert "Nothing would be done." in told.text


def test_a_cancel_is_told_first_and_done_when_confirmed(operator, failed, unheard):
    told = choose(operator, "cancel", failed, unheard)
    assert "only an unfinished job can be canceled" in told.text
    assert "Cancel 1 job" in told.text
    with as_operator("look"):
        assert Job.objects.get(id=unheard.id).state == State.QUEUED
    choose(operator, "cancel", unheard, confirmed="yes")
    with as_operator("look"):
        assert Job.objects.get(id=unheard.id).state == State.CANCELED


def test_more_than_a_page_of_jobs_is_the_shells_business(operator, acme, monkeypatch):
    monkeypatch.setattr(confirming, "MOST", 1)
    with acting_for(acme.id):
        jobs = [a_job(), a_job()]
    told = choose(operator, "cancel", *jobs, confirmed="yes")
    assert "Choose 1 jobs at most" in told.text
    with as_operator("look"):
        assert not Job.objects.filter(state=State.CANCELED).exists()


@pytest.mark.parametrize(
    ("state", "verbs"),
    [("validating", ["redrive", "cancel"]), ("failed", ["redrive"]), ("canceled", [])],
)
def test_a_jobs_own_page_offers_what_may_help(operator, acme, state, verbs):
    ended = {"finished_at": database_now()} if state != "validating" else {}
    with acting_for(acme.id):
        job = a_job(state=state, error_code="worker_lost" if state == "failed" else "", **ended)
    page = page_of(operator, job).text
    assert [verb for verb in ("redrive", "cancel") if f'name="action" value="{verb}"' in page] == (
        verbs
    )


def verbs_of(client, job: Job) -> list[str]:
    return page_of(client, job).context["verbs"]


def test_a_redrive_that_would_do_nothing_is_not_offered(operator, acme, failed):
    now = database_now()
    with acting_for(acme.id):
        refused = a_job(state="failed", error_code="no_face", finished_at=now)
        waits, sent = a_queued_job(), a_queued_job(lane=0)
        runs = a_queued_job(lane=1)
        lifecycle.claim(runs.id, worker="gpu-1", lease=60)
    offered = [verbs_of(operator, job) for job in (refused, failed, waits, sent, runs)]
    assert offered == [[], ["redrive"], ["cancel"], ["redrive", "cancel"], ["cancel"]]
    choose(operator, "redrive", failed, confirmed="yes")
    assert verbs_of(operator, failed) == []


def test_what_is_not_known_of_a_job_yet_is_a_dash(operator, acme):
    with acting_for(acme.id):
        asked = a_job(state="validating", dispatched_at=database_now())
    page = page_of(operator, asked).context["adminform"].model_admin
    assert (page.sent_at(asked), page.demo(asked)) == ("-", "-")
    asked.dispatch_number, asked.model_label = 1, "LatentSync 1.5"
    assert (page.sent_at(asked)[:2], page.demo(asked)) == ("20", "no")


def test_a_member_of_staff_who_may_only_look_can_not_act(client, db, unheard):
    looker = User.objects.create_user("looker@viseme.example", "long-enough-password")
    looker.is_staff = True
    looker.save()
    looker.user_permissions.add(Permission.objects.get(codename="view_job"))
    client.force_login(looker)
    page = page_of(client, unheard)
    assert page.status_code == 200
    assert 'name="action"' not in page.text
    choose(client, "cancel", unheard, confirmed="yes")
    choose(client, "redrive", unheard, confirmed="yes")
    with as_operator("look"):
        job = Job.objects.get(id=unheard.id)
    assert (job.state, job.dispatch_number) == (State.QUEUED, 2)
