"""The promise is read for real: whatever is wrong with a job that ended is told."""

import hashlib
from fractions import Fraction

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from billing import ledger
from jobs import lifecycle, storage
from jobs.models import Attempt, Job, Segment
from messaging.ids import new_id
from messaging.outbox import enqueue, message
from tenants import audit
from tenants.context import acting_for
from tests.faults import promise

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

FILM = b"a finished film"
FACTS = {
    "size_bytes": len(FILM),
    "sha256": hashlib.sha256(FILM).hexdigest(),
    "duration_numerator": 2,
    "duration_denominator": 1,
    "model": {"label": "stub model", "demo": True},
}


@pytest.fixture
def claimed(submit):
    job = submit()
    with acting_for(job.tenant_id):
        Job.objects.filter(id=job.id).update(lane=0)
        attempt = lifecycle.claim(job.id, worker="gpu-1", lease=60)
    job.attempt = attempt
    job.key = storage.result_key(job.tenant_id, job.id, attempt.id)
    return job


@pytest.fixture
def done(claimed):
    """A job that is as it should be: delivered, and its file there."""
    put(claimed.key, FILM)
    with acting_for(claimed.tenant_id):
        told = {"result": FACTS, "output_key": claimed.key}
        lifecycle.succeed(claimed.attempt.id, fence=claimed.attempt.fence, **told)
    assert promise.broken(claimed.id) == []
    return claimed


def put(key, content):
    storage.outputs().delete(key)
    storage.outputs().save(key, ContentFile(content))


def told_of(job, queue=None):
    (sentence,) = promise.broken(job.id, queue)
    return sentence


def test_a_job_under_way_is_not_ended_in_four_ways(claimed):
    assert promise.broken(claimed.id) == [
        "The job is processing.",
        "It holds lane 0.",
        "The audit log tells of these ends: [].",
        "1 attempts never ended.",
    ]


def test_a_result_that_is_gone(done):
    storage.outputs().delete(done.key)
    assert told_of(done) == "The result is not in the storage."


@pytest.mark.parametrize("content", [FILM[:-1], FILM[::-1]], ids=["shorter", "changed"])
def test_a_result_that_is_another_file(done, content):
    put(done.key, content)
    assert told_of(done) == "The result is another file than the job says."


def test_an_object_that_no_attempt_of_the_job_has_written(done):
    put(storage.result_key(done.tenant_id, done.id, new_id()), FILM)
    assert told_of(done).startswith("Nobody knows the object ")


def test_what_was_delivered_is_billed_twice(done):
    with acting_for(done.tenant_id):
        ledger.record(
            done.tenant_id,
            event_id="once more",
            metric="output_seconds",
            quantity=Fraction(2),
            unit="second",
            source_id=done.id,
            occurred_at=timezone.now(),
            dimensions={},
            measures={},
            costs={},
        )
    assert told_of(done) == "The usage records are {'output_seconds': 2}, the job is succeeded."


def test_an_end_that_is_told_twice(done):
    with acting_for(done.tenant_id):
        audit.note("job.failed", str(done.id), by="viseme")
    assert "job.failed" in told_of(done)


def test_a_message_that_waits_in_the_outbox(done):
    with acting_for(done.tenant_id):
        ids = {"job_id": done.id, "tenant_id": done.tenant_id}
        enqueue(message("probe_job", ids, queue="tasks", tenant_id=done.tenant_id))
    assert told_of(done) == "1 messages wait in the outbox."


def test_a_message_that_is_left_in_the_queue(done):
    class Queue:
        def messages_of(self, job_id):
            return ["A message of it is held in lipsync.fifo."]

    assert told_of(done, Queue()) == "A message of it is held in lipsync.fifo."


def test_everywhere_names_the_jobs_that_are_broken_and_no_other(done, submit):
    other = submit()
    assert set(promise.broken_everywhere()) == {str(other.id)}


def test_everywhere_tells_what_the_operators_check_finds(done):
    with acting_for(done.tenant_id):
        Segment.objects.create(
            job_id=done.id,
            tenant_id=done.tenant_id,
            attempt=Attempt.objects.get(job_id=done.id),
            number=0,
            key="0.mp4",
            record_key="0.json",
            size_bytes=1,
            sha256="0" * 64,
        )
    assert promise.broken_everywhere() == {
        promise.CHECK: [f"1 ended jobs still own pieces: {done.id}"]
    }
