"""Whose turn it is: who had least work in the last hour, then whose job waits longest."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from jobs import admission, lifecycle
from jobs.admission import A_VIDEO_SECONDS, admit
from jobs.clock import database_now
from jobs.models import Attempt, Job
from messaging.dispatcher import own_connection
from messaging.models import OutboxMessage
from tenants.context import acting_for, as_operator
from tenants.models import Tenant
from tests import database
from tests.jobs.plans import rows_of
from tests.making import a_job, a_queued_job, a_tenant

MINUTE = 60


def order_of_admission() -> list[str]:
    """Names of the tenants, as their jobs got lanes just now."""
    with as_operator("admit"):
        before = set(OutboxMessage.objects.values_list("id", flat=True))
        admit()
        sent = OutboxMessage.objects.exclude(id__in=before).order_by("id")
        names: dict[Any, str] = dict(Tenant.objects.values_list("id", "name"))
        return [names[message.tenant_id] for message in sent]


def waits(tenant: Tenant, jobs: int = 1, **fields: object) -> None:
    with acting_for(tenant.id):
        for _ in range(jobs):
            a_queued_job(**fields)


def had(tenant: Tenant, seconds: float, *, ended_ago: float = 0) -> None:
    """An attempt that lasted so long and ended so long ago."""
    ended = database_now() - timedelta(seconds=ended_ago)
    with acting_for(tenant.id):
        job = a_job(state="canceled", finished_at=ended)
        an_attempt(job, ended - timedelta(seconds=seconds), ended_at=ended, outcome="canceled")


def works(tenant: Tenant, seconds: float, lane: int = 0) -> None:
    """A job that has been running for so long."""
    began = database_now() - timedelta(seconds=seconds)
    with acting_for(tenant.id):
        an_attempt(a_queued_job(lane=lane, state="processing", fence=1), began)


def an_attempt(job: Job, began, **fields: object) -> None:
    told = {"number": 1, "fence": 1, "worker": "gpu-1", "lease_expires_at": began}
    Attempt.objects.create(job=job, tenant_id=job.tenant_id, started_at=began, **told, **fields)


@contextmanager
def held_by_another(job: Job) -> Iterator[None]:
    """Another connection has the job's row locked, as a cancel has for a moment."""
    with own_connection() as other, other.transaction():
        other.execute("SET LOCAL ROLE viseme_operator")
        other.execute("SELECT 1 FROM jobs_job WHERE id = %s FOR UPDATE", [job.id])
        yield


def test_who_had_least_goes_first(acme, globex):
    had(acme, 15 * MINUTE)
    waits(acme, 2)
    waits(globex, 2)
    assert order_of_admission() == ["Globex", "Globex", "Acme", "Acme"]


def test_what_was_just_admitted_counts_as_well(acme, globex):
    had(acme, A_VIDEO_SECONDS * 1.5)
    waits(acme, 2)
    waits(globex, 2)
    assert order_of_admission() == ["Globex", "Globex", "Acme", "Acme"]
    for tenant in (acme, globex):
        with acting_for(tenant.id):
            for job in Job.objects.runnable():
                lifecycle.cancel(job.id, by="a test")
    had(acme, A_VIDEO_SECONDS * 0.25)
    had(globex, A_VIDEO_SECONDS)
    waits(acme, 2)
    waits(globex, 2)
    assert order_of_admission() == ["Globex", "Acme", "Globex", "Acme"]


def test_after_a_restart_a_tenant_with_many_lanes_takes_turns_with_the_others(acme):
    large = a_tenant("Large", jobs_at_once=10)
    waits(large, 10)
    waits(acme, 2)
    order = order_of_admission()
    assert order[:4] == ["Large", "Acme", "Large", "Acme"]
    assert order[4:] == ["Large"] * 8


def test_a_turn_that_ends_at_its_bound_is_remembered_by_the_next(acme, monkeypatch):
    large = a_tenant("Large", jobs_at_once=10)
    waits(large, 10)
    monkeypatch.setattr(admission, "BATCH", 4)
    assert order_of_admission() == ["Large"] * 4
    waits(acme, 2)
    assert order_of_admission() == ["Acme", "Acme", "Large", "Large"]


def test_a_running_attempt_counts_with_its_elapsed_time(acme, globex):
    works(acme, 20 * MINUTE)
    had(globex, 10 * MINUTE)
    waits(acme)
    waits(globex, 2)
    assert order_of_admission() == ["Globex", "Globex", "Acme"]


def test_a_job_that_was_just_begun_counts_as_much_as_one_that_was_just_admitted(acme, globex):
    works(acme, 1)
    had(globex, A_VIDEO_SECONDS - 10)
    waits(acme)
    waits(globex)
    assert order_of_admission() == ["Globex", "Acme"]


def test_what_was_done_more_than_an_hour_ago_is_forgotten(acme, globex):
    had(acme, 50 * MINUTE, ended_ago=61 * MINUTE)
    had(globex, 1 * MINUTE)
    waits(globex)
    waits(acme)
    assert order_of_admission() == ["Acme", "Globex"]


def test_of_a_long_attempt_only_the_last_hour_counts(acme, globex):
    had(acme, 10 * 60 * MINUTE, ended_ago=55 * MINUTE)
    had(globex, 8 * MINUTE)
    waits(globex)
    waits(acme)
    assert order_of_admission() == ["Acme", "Globex"]


def test_among_equals_the_oldest_waiting_job_goes_first(acme, globex):
    now = database_now()
    waits(acme, queued_at=now - timedelta(minutes=1))
    waits(globex, queued_at=now - timedelta(minutes=2))
    assert order_of_admission() == ["Globex", "Acme"]


@pytest.mark.django_db(transaction=True)
def test_a_job_whose_row_another_holds_is_passed_over():
    acme = a_tenant("Acme", jobs_at_once=1)
    with acting_for(acme.id):
        first, second = a_queued_job(), a_queued_job()
    with held_by_another(first):
        order_of_admission()
    with acting_for(acme.id):
        assert Job.objects.runnable().get().id == second.id


@pytest.mark.django_db(transaction=True)
def test_however_many_jobs_wait_a_turn_looks_at_a_few_rows_of_each_tenant():
    """As the database itself counts them: by index, from tenant to tenant."""
    tenants = [a_tenant(f"Client {number}", jobs_at_once=1) for number in range(10)]
    for tenant in tenants:
        waits(tenant, 30)
    assert rows_looked_at() <= 4 * len(tenants)


def rows_looked_at() -> int:
    with database.owner() as owner:
        owner.execute("VACUUM ANALYZE jobs_job")
    now = database_now()
    told: dict[str, Any] = {"now": now, "since": now - admission.LATELY, "a_video": A_VIDEO_SECONDS}
    with as_operator("explain a turn"), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {admission.TURNS}", told)
        return rows_of("jobs_job", cursor.fetchone()[0][0]["Plan"])
