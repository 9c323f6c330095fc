"""What no message tells is repaired from the database."""

from datetime import timedelta

import pytest

from jobs import lifecycle
from jobs.admission import admit
from jobs.clock import database_now
from jobs.models import Attempt, Job, State
from jobs.reconciling import reconcile
from messaging.models import OutboxMessage
from tenants.context import acting_for, as_operator
from tests.jobs.results import KEY, RESULT
from tests.making import a_job, a_queued_job


def repaired() -> dict[str, int]:
    with as_operator("reconcile"):
        return reconcile()


@pytest.fixture
def sent(acme) -> Job:
    """A job whose message has left the outbox."""
    with acting_for(acme.id):
        job = a_queued_job()
    with as_operator("admit and send"):
        admit()
        OutboxMessage.objects.update(sent_at=database_now())
    return job


def make_old(job: Job) -> None:
    with acting_for(job.tenant_id):
        Job.objects.update(dispatched_at=database_now() - timedelta(days=1))


def test_a_lease_that_ran_out_puts_the_job_back_in_line(acme, sent):
    with acting_for(acme.id):
        lifecycle.claim(sent.id, worker="gpu-1", lease=300)
        Attempt.objects.update(lease_expires_at=database_now() - timedelta(seconds=1))
    assert repaired()["leases"] == 1
    with acting_for(acme.id):
        job = Job.objects.get()
        assert (job.state, job.dispatch_number) == (State.QUEUED, 2)
        assert Attempt.objects.get().outcome == "lost"
    assert repaired() == {"leases": 0, "dispatches": 0, "probes": 0}


def test_a_job_that_the_queue_forgot_is_sent_again_under_a_new_number(acme, sent):
    make_old(sent)
    assert repaired()["dispatches"] == 1
    with acting_for(acme.id):
        assert Job.objects.get().dispatch_number == 2


def test_a_message_that_still_waits_in_the_outbox_is_not_doubled(acme, sent):
    with as_operator("as if the queue were out of reach"):
        OutboxMessage.objects.update(sent_at=None)
    make_old(sent)
    assert repaired()["dispatches"] == 0


def test_a_job_that_was_sent_a_moment_ago_is_left_alone(sent):
    assert repaired()["dispatches"] == 0


def test_a_probe_that_was_never_heard_of_is_asked_for_again(acme):
    with acting_for(acme.id):
        a_job(dispatched_at=database_now() - timedelta(days=1))
    assert repaired()["probes"] == 1
    with as_operator("look"):
        assert OutboxMessage.objects.filter(actor="probe_job").count() == 1


def test_a_cancel_whose_worker_died_is_carried_out(acme, sent):
    with acting_for(acme.id):
        lifecycle.claim(sent.id, worker="gpu-1", lease=-1)
        lifecycle.cancel(sent.id, by="a test")
    assert repaired()["leases"] == 1
    with acting_for(acme.id):
        assert Job.objects.get().state == State.CANCELED


def test_a_job_that_has_ended_is_never_touched(acme, sent):
    with acting_for(acme.id):
        attempt = lifecycle.claim(sent.id, worker="gpu-1", lease=300)
        lifecycle.succeed(attempt.id, fence=1, result=RESULT, output_key=KEY)
    make_old(sent)
    assert set(repaired().values()) == {0}
