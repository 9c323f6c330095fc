"""A server takes over whose clock is an hour behind the other's: nobody waits for that hour."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.db.models.functions import Now
from structlog.testing import capture_logs

from jobs import lifecycle, submission
from jobs.admission import admit
from jobs.clock import database_now
from jobs.models import Attempt, Job
from jobs.reconciling import reconcile
from messaging.models import OutboxMessage
from messaging.turns import next_due
from tenants.context import acting_for, as_operator
from tests.making import a_job, a_queued_job

AN_HOUR = timedelta(hours=1)
LEASE = 60


@pytest.fixture
def job(acme) -> Job:
    """It holds a lane, its message is in the outbox."""
    with acting_for(acme.id):
        job = a_queued_job()
    with as_operator("admit"):
        admit()
    return job


@pytest.fixture(autouse=True)
def short_leases(settings):
    settings.JOB_LEASE_SECONDS = LEASE


def written_ahead(*names: str) -> None:
    """As the server before this one wrote it."""
    with as_operator("as if the clock had been ahead"):
        OutboxMessage.objects.update(**{name: F(name) + AN_HOUR for name in names})


def reconciled() -> dict[str, int]:
    with as_operator("reconcile"):
        return reconcile()


def due() -> list:
    with as_operator("look at the outbox"):
        return next_due(10)


def test_a_message_that_was_written_leaves_at_once(job):
    written_ahead("created_at")
    assert due() == []
    reconciled()
    assert len(due()) == 1


def test_a_pause_keeps_its_length(acme):
    with acting_for(acme.id):
        submission.ask_for_probe(a_job(), after_seconds=30)
    written_ahead("created_at", "not_before")
    reconciled()
    assert due() == []
    with as_operator("look at the outbox"):
        assert OutboxMessage.objects.filter(not_before__lte=Now() + timedelta(seconds=30)).exists()


def test_a_message_that_was_tried_in_vain_is_tried_again(job):
    with as_operator("as if the queue had been away, an hour ahead"):
        OutboxMessage.objects.update(send_attempts=3, not_before=Now() + AN_HOUR)
    reconciled()
    assert len(due()) == 1


def test_what_a_dispatcher_had_in_hand_that_is_gone_is_sent(job):
    with as_operator("as if it had been claimed an hour ahead"):
        OutboxMessage.objects.update(claimed_until=Now() + AN_HOUR)
    reconciled()
    assert len(due()) == 1


def test_the_lease_of_a_worker_that_is_gone_runs_out_after_a_lease(acme, job):
    with acting_for(acme.id):
        lifecycle.claim(job.id, worker="gpu-1", lease=LEASE + AN_HOUR.total_seconds())
    assert reconciled()["leases"] == 0, "it may be alive: its next beat renews the lease"
    with acting_for(acme.id):
        assert Attempt.objects.get().lease_expires_at <= database_now() + timedelta(seconds=LEASE)


def test_a_job_that_the_queue_forgot_is_missed(acme, job, settings):
    settings.DISPATCH_LOST_SECONDS = 0
    with as_operator("as if it had been sent an hour ahead"):
        Job.objects.update(dispatched_at=Now() + AN_HOUR)
        OutboxMessage.objects.update(sent_at=Now() + AN_HOUR)
    assert [reconciled()["dispatches"] for _ in range(2)] == [0, 1]


def test_what_the_present_clock_wrote_is_left_alone(acme, job):
    with acting_for(acme.id):
        lifecycle.claim(job.id, worker="gpu-1", lease=LEASE)
        submission.ask_for_probe(a_job(), after_seconds=900)
    with as_operator("as if one were being sent, another were to be tried again"):
        claimed, tried = OutboxMessage.objects.order_by("id")
        OutboxMessage.objects.filter(id=claimed.id).update(claimed_until=Now() + timedelta(0, 60))
        OutboxMessage.objects.filter(id=tried.id).update(
            not_before=Now() + timedelta(0, 300), send_attempts=9
        )
    with capture_logs() as logs:
        reconciled()
    assert "clock_was_set_back" not in {line["event"] for line in logs}
