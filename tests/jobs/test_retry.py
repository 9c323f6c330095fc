"""A failed job stays failed; what is tried again is a new job in its place."""

import pytest
from django.db import transaction
from django.db.utils import DatabaseError

from jobs import lifecycle
from jobs.models import Job, State
from messaging.models import OutboxMessage
from tenants.context import acting_for, as_operator
from tenants.models import AuditEvent, Limits
from tests.making import a_job, an_upload


def a_failed_job(**fields) -> Job:
    return lifecycle.refuse(a_job(**fields).id, code="no_face", message="No face.")


def test_the_new_job_has_the_old_ones_files_and_choices_and_asks_for_its_own_probe(acting):
    failed = a_failed_job(project="spring", priority=5, consent_note="contract 17")
    job, replayed = lifecycle.retry(failed.id, by="ann@acme.example")
    assert (job.state, replayed, job.retry_of) == (State.VALIDATING, False, failed)
    for same in ("video", "audio", "options", "project", "priority", "consent_note"):
        assert getattr(job, same) == getattr(failed, same)
    assert job.submitted_by == "ann@acme.example"
    message = OutboxMessage.objects.get()
    assert (message.actor, message.payload["job_id"]) == ("probe_job", str(job.id))
    assert Job.objects.get(id=failed.id).state == State.FAILED


def test_a_retry_is_noted_beside_the_job_that_failed(acting):
    failed = a_failed_job()
    job, _ = lifecycle.retry(failed.id, by="ann@acme.example")
    note = AuditEvent.objects.get(action="job.retried")
    assert (note.subject, note.actor) == (str(failed.id), "ann@acme.example")
    assert note.details == {"as_job": str(job.id)}


def test_the_operator_retries_for_a_tenant_whose_line_is_full(acme):
    with acting_for(acme.id):
        failed = a_failed_job()
        Limits.objects.update(jobs_waiting=0)
    with as_operator("a test"):
        job, _ = lifecycle.retry(failed.id, by="operator")
    assert job.tenant_id == acme.id


def test_another_tenants_job_is_not_there_to_be_retried(acme, globex):
    with acting_for(acme.id):
        failed = a_failed_job()
    with acting_for(globex.id), pytest.raises(Job.DoesNotExist):
        lifecycle.retry(failed.id, by="a test")


def refused(rule: str):
    return pytest.raises(DatabaseError, match=rule)


def test_the_database_refuses_a_second_retry(acting):
    failed = a_failed_job()
    a_job(retry_of=failed)
    with refused("one_retry_a_job"), transaction.atomic():
        a_job(retry_of=failed)


@pytest.mark.parametrize("state", [State.VALIDATING, State.QUEUED])
def test_the_database_refuses_a_retry_of_what_has_not_failed(acting, state):
    with refused("has not failed"), transaction.atomic():
        a_job(retry_of=a_job(state=state))


def test_the_database_refuses_a_retry_of_anothers_job_even_for_the_operator(acme, globex):
    with as_operator("a test"):
        theirs, ours = (an_upload(tenant_id=tenant.id) for tenant in (globex, acme))
        failed = a_failed_job(tenant_id=globex.id, video=theirs, audio=theirs)
        with refused("a_retry_is_its_jobs_tenants"), transaction.atomic():
            a_job(tenant_id=acme.id, video=ours, audio=ours, retry_of=failed)


def test_the_database_refuses_another_origin_later(acting):
    failed, job = a_failed_job(), a_job()
    with refused("what it retries"), transaction.atomic():
        Job.objects.filter(id=job.id).update(retry_of=failed)
