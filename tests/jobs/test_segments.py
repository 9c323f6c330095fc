"""What an attempt has finished is kept for the next, under its fence, until the job has ended."""

import pytest
from django.db import transaction
from django.db.utils import DatabaseError

from jobs import lifecycle
from jobs.errors import StaleAttempt
from jobs.lifecycle import StoredSegment
from jobs.models import Attempt, Job, Segment, State
from tenants.context import as_operator
from tests.jobs.results import KEY, RESULT
from tests.making import a_job, a_queued_job, an_upload


def claim(job: Job) -> Attempt:
    return lifecycle.claim(job.id, worker="gpu-1", lease=300)


def piece(number: int, by: str = "first") -> StoredSegment:
    key = f"{by}/{number:05}"
    return StoredSegment(number, f"{key}.mp4", f"{key}.json", 1000, "ab" * 32)


def test_the_next_attempt_finds_what_the_one_before_has_finished(acting):
    job = a_queued_job(lane=0)
    first = claim(job)
    lifecycle.record_segments(first.id, fence=first.fence, segments=[piece(0), piece(1)])
    lifecycle.release(first.id, fence=first.fence, segments=[piece(2)])
    claim(job)
    keys = [segment.key for segment in job.segments.all()]
    assert keys == ["first/00000.mp4", "first/00001.mp4", "first/00002.mp4"]


def test_a_piece_that_is_made_again_takes_the_place_of_the_older(acting):
    job = a_queued_job(lane=0)
    first = claim(job)
    lifecycle.release(first.id, fence=first.fence, segments=[piece(0), piece(1)])
    second = claim(job)
    lifecycle.record_segments(second.id, fence=second.fence, segments=[piece(1, "second")])
    told = [(segment.key, segment.attempt_id) for segment in job.segments.all()]
    assert told == [("first/00000.mp4", first.id), ("second/00001.mp4", second.id)]


def test_a_worker_that_has_lost_its_job_records_nothing(acting):
    job = a_queued_job(lane=0)
    late = claim(job)
    lifecycle.release(late.id, fence=late.fence)
    claim(job)
    for write in (lifecycle.record_segments, lifecycle.release):
        with pytest.raises(StaleAttempt):
            write(late.id, fence=late.fence, segments=[piece(0)])
    assert not Segment.objects.exists()


@pytest.mark.parametrize("end", ["succeed", "refuse", "cancel"])
def test_the_pieces_are_nobodys_once_the_job_has_ended(acting, end):
    job = a_queued_job(lane=0)
    attempt = claim(job)
    own = {"fence": attempt.fence}
    lifecycle.record_segments(attempt.id, **own, segments=[piece(0)])
    if end == "succeed":
        lifecycle.succeed(attempt.id, **own, result=RESULT, output_key=KEY)
    if end == "refuse":
        lifecycle.fail(attempt.id, **own, code="no_face", message="No face.", retry=False)
    if end == "cancel":
        lifecycle.cancel(job.id, by="a test")
        lifecycle.finish_cancel(attempt.id, **own)
    assert Job.objects.get().is_final
    assert not Segment.objects.exists()


def test_a_fault_keeps_the_pieces_for_the_next_try(acting):
    job = a_queued_job(lane=0)
    attempt = claim(job)
    lifecycle.record_segments(attempt.id, fence=attempt.fence, segments=[piece(0)])
    told = {"code": "worker_fault", "message": "The disk was full."}
    assert lifecycle.fail(attempt.id, fence=attempt.fence, **told, retry=True).state == State.QUEUED
    assert job.segments.count() == 1


def test_the_database_refuses_a_segment_of_an_attempt_at_another_job(acting):
    attempt = claim(a_queued_job(lane=0))
    with (
        pytest.raises(DatabaseError, match="a_segment_is_of_an_attempt_at_its_job"),
        transaction.atomic(),
    ):
        Segment.objects.create(tenant_id=acting.id, job=a_job(), attempt=attempt, **vars(piece(0)))


def test_the_database_refuses_a_segment_for_another_tenant_even_of_the_operator(acme, globex):
    with as_operator("a test"):
        upload = an_upload(tenant_id=acme.id)
        attempt = claim(a_queued_job(tenant_id=acme.id, lane=0, video=upload, audio=upload))
        with (
            pytest.raises(DatabaseError, match="a_segment_is_its_jobs_tenants"),
            transaction.atomic(),
        ):
            Segment.objects.create(
                tenant_id=globex.id, job=attempt.job, attempt=attempt, **vars(piece(0))
            )
