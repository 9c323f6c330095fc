"""What the database refuses, whatever the code does."""

import pytest
from django.db import IntegrityError, transaction
from django.db.utils import DatabaseError
from django.utils import timezone

from jobs import lifecycle
from jobs.models import Attempt, Job, State
from tenants.context import as_operator
from tests import making

pytestmark = pytest.mark.django_db


def refused(rule: str):
    return pytest.raises(DatabaseError, match=rule)


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ("job_state_is_known", {"state": "thinking"}),
        ("a_processing_job_holds_a_lane", {"state": State.PROCESSING}),
        ("only_admitted_jobs_hold_a_lane", {"state": State.VALIDATING, "lane": 0}),
        ("what_ended_has_an_end", {"state": State.CANCELED}),
        ("what_ended_has_an_end", {"state": State.QUEUED, "finished_at": timezone.now()}),
        ("only_success_has_a_result", {"result_key": "somebody/elses.mp4"}),
        ("only_success_has_a_result", {"state": State.SUCCEEDED, "finished_at": timezone.now()}),
        ("a_failure_has_a_code", {"state": State.FAILED, "finished_at": timezone.now()}),
        ("percent_is_at_most_100", {"percent": 101}),
    ],
)
def test_a_job_that_must_never_be(acting, rule, fields):
    with refused(rule), transaction.atomic():
        making.a_job(**fields)


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELED, State.SUCCEEDED])
@pytest.mark.parametrize("to", list(State))
def test_an_ended_job_keeps_its_state(acting, state, to):
    ended = {"state": state, "finished_at": timezone.now()}
    if state == State.FAILED:
        ended["error_code"] = "no_face"
    if state == State.SUCCEEDED:
        ended |= {"result_key": "k", "result_size_bytes": 1}
        ended |= {"result_seconds_numerator": 1, "result_seconds_denominator": 1}
    job = making.a_job(**ended)
    if to == state:
        return
    with refused("cannot become"), transaction.atomic():
        Job.objects.filter(id=job.id).update(state=to)


@pytest.mark.parametrize("field", ["fence", "dispatch_number"])
def test_what_only_grows_cannot_go_back(acting, field):
    job = making.a_queued_job(**{field: 3})
    with refused("only grow"), transaction.atomic():
        Job.objects.filter(id=job.id).update(**{field: 2})


def test_a_job_cannot_change_its_tenant_even_for_the_operator(acme, globex):
    with as_operator("a test"):
        upload = making.an_upload(tenant_id=acme.id)
        job = making.a_job(tenant_id=acme.id, video=upload, audio=upload)
        with refused("cannot change its tenant"), transaction.atomic():
            Job.objects.filter(id=job.id).update(tenant_id=globex.id)


def test_a_job_cannot_use_another_tenants_upload_even_for_the_operator(acme, globex):
    with as_operator("a test"):
        upload = making.an_upload(tenant_id=globex.id)
        with refused("a_jobs_video_is_its_tenants"), transaction.atomic():
            making.a_job(tenant_id=acme.id, video=upload, audio=upload)


def test_an_attempt_belongs_to_its_jobs_tenant_even_for_the_operator(acme, globex):
    now = timezone.now()
    with as_operator("a test"):
        upload = making.an_upload(tenant_id=acme.id)
        job = making.a_job(tenant_id=acme.id, video=upload, audio=upload)
        told = {"number": 1, "fence": 1, "worker": "w", "started_at": now, "lease_expires_at": now}
        with refused("an_attempt_is_its_jobs_tenants"), transaction.atomic():
            Attempt.objects.create(tenant_id=globex.id, job=job, **told)


def test_two_jobs_cannot_hold_one_lane(acting):
    making.a_queued_job(lane=1)
    with refused("one_job_a_lane"), transaction.atomic():
        making.a_queued_job(lane=1)


def test_two_tenants_have_lanes_of_their_own(acme, globex):
    with as_operator("a test"):
        for tenant in (acme, globex):
            upload = making.an_upload(tenant_id=tenant.id)
            making.a_queued_job(tenant_id=tenant.id, video=upload, audio=upload, lane=0)


def test_an_idempotency_key_is_one_jobs_for_ever_within_its_tenant(acme, globex):
    with as_operator("a test"):
        a, g = (making.an_upload(tenant_id=tenant.id) for tenant in (acme, globex))
        making.a_job(tenant_id=acme.id, video=a, audio=a, idempotency_key="k")
        making.a_job(tenant_id=globex.id, video=g, audio=g, idempotency_key="k")
        with refused("one_job_an_idempotency_key"), transaction.atomic():
            making.a_job(tenant_id=acme.id, video=a, audio=a, idempotency_key="k")


def test_an_upload_has_bytes(acting):
    with pytest.raises(IntegrityError, match="an_upload_has_bytes"), transaction.atomic():
        making.an_upload(size_bytes=0)


def test_an_ended_attempt_has_an_outcome(acting):
    attempt = lifecycle.claim(making.a_queued_job(lane=0).id, worker="gpu-1", lease=60)
    with refused("an_ended_attempt_has_an_outcome"), transaction.atomic():
        Attempt.objects.filter(id=attempt.id).update(ended_at=timezone.now())


def test_an_upload_that_a_job_uses_cannot_be_deleted(acting):
    job = making.a_job()
    with pytest.raises(IntegrityError), transaction.atomic():
        type(job.video).objects.filter(id=job.video_id)._raw_delete("default")


@pytest.mark.parametrize(
    "change",
    [{"percent": 7}, {"outcome": "lost"}, {"ended_at": None, "outcome": ""}, {"worker": "gpu-2"}],
)
def test_an_ended_attempt_never_changes_again(acting, change):
    attempt = lifecycle.claim(making.a_queued_job(lane=0).id, worker="gpu-1", lease=60)
    lifecycle.release(attempt.id, fence=attempt.fence)
    with refused("has ended as released"), transaction.atomic():
        Attempt.objects.filter(id=attempt.id).update(**change)


@pytest.mark.parametrize("change", [{"fence": 2}, {"number": 2}, {"worker": "gpu-2"}])
def test_a_live_attempt_keeps_its_fence_its_number_and_its_worker(acting, change):
    attempt = lifecycle.claim(making.a_queued_job(lane=0).id, worker="gpu-1", lease=60)
    with refused("keeps its job, its number, its fence"), transaction.atomic():
        Attempt.objects.filter(id=attempt.id).update(**change)


def test_a_claim_needs_a_new_fence(acting):
    job = making.a_queued_job(lane=0, fence=1)
    with refused("needs a new fence"), transaction.atomic():
        Job.objects.filter(id=job.id).update(state=State.PROCESSING)


@pytest.mark.parametrize(
    "change",
    [
        {"error_code": "worker_lost"},
        {"fence": 9},
        {"dispatch_number": 9},
        {"result_sha256": "ab" * 32},
    ],
)
def test_the_end_of_a_job_is_final(acting, change):
    job = lifecycle.refuse(making.a_job().id, code="no_face", message="No face.")
    with refused("its end is final"), transaction.atomic():
        Job.objects.filter(id=job.id).update(**change)
