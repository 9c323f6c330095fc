"""The operator brings jobs on or back, and nothing else than that happens."""

from datetime import timedelta

import pytest

from jobs import dead_letters, lifecycle, operating, redriving
from jobs.clock import database_now
from jobs.errors import NotRedrivable
from jobs.failures import OURS
from jobs.models import Job, State, Upload
from messaging.ids import new_id
from messaging.models import OutboxMessage
from tenants.context import acting_for, as_operator
from tenants.models import AuditEvent
from tests.making import a_job, a_queued_job

OP = "op@viseme.example"


def a_failed_job(tenant, code: str = "worker_lost", **fields) -> Job:
    with acting_for(tenant.id):
        now = database_now()
        told = {"error_code": code, "error_message": "It broke.", "finished_at": now}
        return a_job(state=State.FAILED, **{**told, **fields})


@pytest.fixture
def unheard(acme) -> Job:
    """Admitted and sent; its messages have died for hours."""
    with acting_for(acme.id):
        job = a_queued_job(lane=0)
        lifecycle.dispatch(job)
        for _ in range(3):
            dead_letters.read(job.id, dispatch=job.dispatch_number)
            job.refresh_from_db()
    return job


def redriven(job: Job, **how) -> operating.Done:
    (one,) = operating.redrive_all([job.id], by=OP, **how)
    return one


def now_of(job: Job) -> Job:
    with as_operator("look"):
        return Job.objects.get(id=job.id)


def noted() -> list[tuple[str, str, str]]:
    with as_operator("look"):
        events = AuditEvent.objects.filter(action="job.redriven")
        return [(event.actor, event.subject, event.details["did"]) for event in events]


def test_a_job_that_nobody_hears_is_sent_at_once_under_a_new_number(unheard):
    one = redriven(unheard)
    assert (one.done, one.did) == (True, "sent again under number 5")
    job = now_of(unheard)
    assert (job.state, job.dispatch_number) == (State.QUEUED, 5)
    with as_operator("look"):
        assert OutboxMessage.objects.last().not_before is None


def test_the_patience_with_a_redriven_job_begins_anew(unheard):
    redriven(unheard)
    job = now_of(unheard)
    assert (job.unheard_since, job.dead_letters) == (None, 0)


def test_a_job_whose_files_nobody_could_look_at_is_looked_at_again(acme):
    with acting_for(acme.id):
        job = a_job(unheard_since=database_now(), dead_letters=3)
    assert redriven(job).done
    with as_operator("look"):
        asked = OutboxMessage.objects.get()
    assert (asked.actor, asked.not_before) == ("probe_job", None)
    assert now_of(job).dead_letters == 0


@pytest.mark.parametrize("code", sorted(OURS))
def test_what_failed_through_us_is_tried_again_as_a_new_job(acme, code):
    failed = a_failed_job(acme, code)
    one = redriven(failed)
    with as_operator("look"):
        again = Job.objects.get(retry_of=failed)
    assert one.did == f"tried again as job …{again.short_id}"
    assert (again.state, again.video_id) == (State.VALIDATING, failed.video_id)
    assert now_of(failed).state == State.FAILED


def test_a_failed_job_is_tried_again_once(acme):
    failed = a_failed_job(acme)
    assert redriven(failed).done
    second = redriven(failed)
    assert (second.done, "has been retried already" in second.did) == (False, True)
    with as_operator("look"):
        assert Job.objects.filter(retry_of=failed).count() == 1


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"state": "failed", "error_code": "no_face"}, "its owner can retry it"),
        ({"state": "failed", "error_code": "deadline_passed"}, "its owner can retry it"),
        ({"state": "canceled"}, "was canceled"),
        ({"state": "queued"}, "waits for a free lane"),
        ({"state": "processing", "lane": 0}, "in a worker's hands"),
    ],
)
def test_what_a_redrive_would_not_help_is_left_alone_with_a_sentence(acme, fields, why):
    with acting_for(acme.id):
        ended = fields["state"] in ("failed", "canceled")
        job = a_job(**fields, finished_at=database_now() if ended else None)
    one = redriven(job)
    assert (one.done, why in one.did) == (False, True)
    with as_operator("look"):
        assert Job.objects.count() == 1
        assert not OutboxMessage.objects.exists()
    assert noted() == []
    with as_operator("redrive"), pytest.raises(NotRedrivable):
        redriving.redrive(job.id, by=OP)


def test_each_redrive_is_in_the_tenants_audit_log_with_who_did_it(unheard):
    redriven(unheard)
    assert noted() == [(OP, str(unheard.id), "sent again under number 5")]


def test_a_dry_run_tells_the_same_and_changes_nothing(acme, unheard):
    failed = a_failed_job(acme)
    with as_operator("look"):
        before = OutboxMessage.objects.count()
    one, two = operating.redrive_all([unheard.id, failed.id], by=OP, dry_run=True)
    assert (one.did, two.did) == ("sent again under number 5", "tried again as a new job")
    assert now_of(unheard).dead_letters == 3
    with as_operator("look"):
        assert Job.objects.count() == 2
        assert OutboxMessage.objects.count() == before
    assert noted() == []


def test_one_that_is_refused_keeps_no_other_back(acme, unheard):
    failed = a_failed_job(acme)
    with acting_for(acme.id):
        Upload.objects.filter(id=failed.video_id).update(state="aborted")
    refused, sent = operating.redrive_all([failed.id, unheard.id], by=OP)
    assert (refused.done, sent.done) == (False, True)
    assert "is no longer kept" in refused.did


def test_candidates_are_what_a_redrive_would_do_something_for(acme, globex, unheard):
    failed = a_failed_job(globex, "engine_crashed")
    retried = a_failed_job(acme)
    redriven(retried)
    a_failed_job(acme, "no_face")
    with acting_for(acme.id):
        a_queued_job()
        buried = a_job(state="failed", error_code="too_many_attempts", finished_at=database_now())
    with as_operator("look"):
        assert list(redriving.candidates()) == [unheard, failed, buried]
        assert list(redriving.all_dead()) == [unheard, buried]


def test_candidates_since_a_moment_are_those_that_broke_after_it(acme, unheard):
    old = database_now() - timedelta(hours=5)
    a_failed_job(acme, finished_at=old)
    young = a_failed_job(acme)
    with as_operator("look"):
        jobs = redriving.since(redriving.candidates(), old + timedelta(hours=1))
        assert list(jobs) == [unheard, young]
        Job.objects.filter(id=unheard.id).update(unheard_since=old)
        assert list(jobs.all()) == [young]


def test_a_job_that_never_was_is_an_error(db):
    with pytest.raises(Job.DoesNotExist):
        operating.redrive_all([new_id()], by=OP)
