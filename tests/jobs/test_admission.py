"""Lanes: no more of a tenant's jobs in the queue than it may run at once, tenants in fair turn."""

from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from jobs import lifecycle
from jobs.admission import admit
from jobs.clock import database_now
from jobs.models import Attempt, Job
from messaging.models import OutboxMessage
from tenants.context import acting_for, as_operator
from tenants.models import Limits, Tenant
from tests.making import a_queued_job, a_tenant


def sent_to_workers() -> list[OutboxMessage]:
    with as_operator("look at the outbox"):
        return list(OutboxMessage.objects.filter(actor="lipsync").order_by("id"))


def run_admission() -> int:
    with as_operator("admit"):
        return admit()


def test_no_more_jobs_are_sent_than_the_tenant_has_lanes(acme):
    with acting_for(acme.id):
        jobs = [a_queued_job() for _ in range(5)]
    assert run_admission() == 2
    assert run_admission() == 0
    messages = sent_to_workers()
    assert [message.payload["job_id"] for message in messages] == [str(j.id) for j in jobs[:2]]
    assert {message.group_id for message in messages} == {f"{acme.id}/0", f"{acme.id}/1"}
    assert messages[0].dedup_id == f"{jobs[0].id}/1"


def test_a_freed_lane_goes_to_the_next_job(acme):
    with acting_for(acme.id):
        first, *_ = [a_queued_job() for _ in range(3)]
    run_admission()
    with acting_for(acme.id):
        lifecycle.cancel(first.id, by="a test")
    assert run_admission() == 1


def test_higher_priority_goes_first_and_then_age(acme):
    now = timezone.now()
    with acting_for(acme.id):
        a_queued_job(queued_at=now)
        old = a_queued_job(queued_at=now - timedelta(hours=1))
        urgent = a_queued_job(priority=5)
    run_admission()
    with acting_for(acme.id):
        lanes = set(Job.objects.runnable().values_list("id", flat=True))
    assert lanes == {old.id, urgent.id}


def test_tenants_take_turns_and_who_had_least_goes_first(acme, globex):
    with acting_for(acme.id):
        had = a_queued_job(lane=1)
        a_spent_attempt(had, seconds=900)
        for _ in range(2):
            a_queued_job()
    with acting_for(globex.id):
        for _ in range(2):
            a_queued_job()
    assert run_admission() == 3
    tenants = [message.tenant_id for message in sent_to_workers()]
    assert tenants == [globex.id, acme.id, globex.id]


def test_a_dispatch_number_is_new_each_time(acme):
    with acting_for(acme.id):
        a_queued_job()
    run_admission()
    with acting_for(acme.id):
        attempt = lifecycle.claim(Job.objects.get().id, worker="gpu-1", lease=300)
        lifecycle.release(attempt.id, fence=attempt.fence)
    job_id = attempt.job_id
    assert [m.dedup_id for m in sent_to_workers()] == [f"{job_id}/1", f"{job_id}/2"]


def test_fewer_lanes_than_jobs_at_work_admit_nothing(db):
    small = a_tenant("Small", jobs_at_once=1)
    with acting_for(small.id):
        a_queued_job(lane=0)
        a_queued_job()
    assert run_admission() == 0


def test_a_lowered_limit_counts_the_jobs_in_lanes_above_it(db):
    tenant = a_tenant("Shrinking", jobs_at_once=3)
    with acting_for(tenant.id):
        first, *_ = [a_queued_job() for _ in range(5)]
    assert run_admission() == 3
    with as_operator("lower the limit"):
        Limits.objects.filter(tenant=tenant).update(jobs_at_once=1)
    with acting_for(tenant.id):
        lifecycle.cancel(first.id, by="a test")
    assert run_admission() == 0


def test_a_suspended_tenants_jobs_wait(acme):
    with acting_for(acme.id):
        a_queued_job()
    with as_operator("suspend"):
        Tenant.objects.filter(id=acme.id).update(suspended_at=timezone.now())
    assert run_admission() == 0


def a_spent_attempt(job: Job, *, seconds: int) -> None:
    now = database_now()
    Attempt.objects.create(
        job=job,
        tenant_id=job.tenant_id,
        number=1,
        fence=1,
        worker="gpu-1",
        started_at=now - timedelta(seconds=seconds),
        ended_at=now,
        lease_expires_at=now,
        outcome="released",
        processing_seconds=Decimal(seconds),
    )
