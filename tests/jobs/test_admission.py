"""Lanes: no more of a tenant's jobs in the queue than it may run at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import lifecycle
from jobs.admission import admit
from jobs.models import Job
from messaging.models import OutboxMessage
from tenants.context import acting_for, as_operator
from tenants.models import Limits, Tenant
from tests.making import a_queued_job, a_tenant

crowds = st.lists(
    st.fixed_dictionaries(
        {
            "limit": st.integers(1, 4),
            "held": st.sets(st.integers(0, 5), max_size=5),
            "waiting": st.integers(0, 4),
            "suspended": st.booleans(),
        }
    ),
    max_size=4,
)


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def made(number: int, *, limit: int, held: set[int], waiting: int, suspended: bool) -> Tenant:
    tenant = a_tenant(f"Client {number}", jobs_at_once=limit)
    with acting_for(tenant.id):
        for lane in held:
            a_queued_job(lane=lane)
        for _ in range(waiting):
            a_queued_job()
    if suspended:
        suspend(tenant)
    return tenant


def suspend(tenant: Tenant) -> None:
    with as_operator("suspend"):
        Tenant.objects.filter(id=tenant.id).update(suspended_at=timezone.now())


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
    suspend(acme)
    assert run_admission() == 0


def test_a_suspended_tenants_lanes_are_taken_back_and_given_anew(acme):
    """What a worker has in hand goes on, what nobody has begun waits for the suspension's end."""
    with acting_for(acme.id):
        first, second, *_ = [a_queued_job() for _ in range(4)]
    assert run_admission() == 2
    with acting_for(acme.id):
        attempt = lifecycle.claim(first.id, worker="gpu-1", lease=300)
    suspend(acme)
    assert run_admission() == 0
    with acting_for(acme.id):
        assert list(Job.objects.filter(lane__isnull=False)) == [first]
        lifecycle.beat(attempt.id, fence=attempt.fence, stage="generate", percent=5, lease=300)
    with as_operator("let it go on"):
        Tenant.objects.filter(id=acme.id).update(suspended_at=None)
    assert run_admission() == 1
    with acting_for(acme.id):
        assert Job.objects.runnable().get() == second
    assert sent_to_workers()[-1].dedup_id == f"{second.id}/2"


def test_a_job_that_comes_back_while_its_tenant_is_suspended_leaves_its_lane(acme):
    with acting_for(acme.id):
        job = a_queued_job()
    run_admission()
    with acting_for(acme.id):
        attempt = lifecycle.claim(job.id, worker="gpu-1", lease=300)
    suspend(acme)
    with acting_for(acme.id):
        lifecycle.release(attempt.id, fence=attempt.fence)
    assert run_admission() == 0
    with acting_for(acme.id):
        assert Job.objects.waiting().get() == job


def test_a_raised_limit_opens_lanes_at_once(db):
    tenant = a_tenant("Growing", jobs_at_once=1)
    with acting_for(tenant.id):
        for _ in range(4):
            a_queued_job()
    assert run_admission() == 1
    with as_operator("raise the limit"):
        Limits.objects.filter(tenant=tenant).update(jobs_at_once=3)
    assert run_admission() == 2
    with acting_for(tenant.id):
        assert sorted(Job.objects.runnable().values_list("lane", flat=True)) == [0, 1, 2]


def test_a_turn_has_a_bound_and_the_next_goes_on(acme, monkeypatch):
    monkeypatch.setattr("jobs.admission.BATCH", 3)
    many = [acme, *(a_tenant(f"Client {number}") for number in range(3))]
    for tenant in many:
        with acting_for(tenant.id):
            for _ in range(2):
                a_queued_job()
    assert [run_admission() for _ in range(4)] == [3, 3, 2, 0]


def test_a_turn_that_breaks_has_admitted_nothing(acme, monkeypatch):
    with acting_for(acme.id):
        for _ in range(2):
            a_queued_job()
    dispatch_all = lifecycle.dispatch_all

    def breaks_once_all_is_written(jobs):
        dispatch_all(jobs)
        raise RuntimeError("the power went")

    monkeypatch.setattr(lifecycle, "dispatch_all", breaks_once_all_is_written)
    with pytest.raises(RuntimeError):
        run_admission()
    assert sent_to_workers() == []
    with acting_for(acme.id):
        assert Job.objects.waiting().count() == 2


@given(crowd=crowds)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_is_held_and_waits_lanes_are_filled_and_never_overfilled(db, crowd):
    with undone():
        tenants = [made(number, **each) for number, each in enumerate(crowd)]
        room = [
            0
            if each["suspended"]
            else max(0, min(each["limit"] - len(each["held"]), each["waiting"]))
            for each in crowd
        ]
        assert run_admission() == sum(room)
        assert run_admission() == 0
        for tenant, each, admitted in zip(tenants, crowd, room, strict=True):
            with acting_for(tenant.id):
                held = set() if each["suspended"] else each["held"]
                lanes = set(Job.objects.runnable().values_list("lane", flat=True))
                assert len(lanes) == len(held) + admitted
                assert all(lane < each["limit"] for lane in lanes - held)
                jobs = each["waiting"] + len(each["held"])
                assert Job.objects.waiting().count() == jobs - len(lanes)
