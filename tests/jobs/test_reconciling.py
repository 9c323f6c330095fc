"""What no message tells is repaired from the database."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connections
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from jobs import lifecycle, reconciling, submission
from jobs.admission import admit
from jobs.clock import database_now
from jobs.models import Attempt, Job, State
from jobs.reconciling import reconcile
from messaging.models import OutboxMessage
from tenants.context import acting_for, as_operator
from tests.jobs.results import KEY, RESULT
from tests.making import a_job, a_queued_job, a_tenant

NOTHING = {"deadlines": 0, "leases": 0, "dispatches": 0, "probes": 0}
LONG_AGO = timedelta(days=1)


def repaired() -> dict[str, int]:
    with as_operator("reconcile"):
        return reconcile()


def counted(kind: str) -> float:
    return REGISTRY.get_sample_value("viseme_repairs_total", {"kind": kind}) or 0


@pytest.fixture
def sent(acme) -> Job:
    """A job whose message has left the outbox a moment ago."""
    with acting_for(acme.id):
        job = a_queued_job()
    with as_operator("admit and send"):
        admit()
        OutboxMessage.objects.update(sent_at=database_now())
    return job


def long_ago(job: Job) -> None:
    """As if its message had been written and sent a day ago."""
    then = database_now() - LONG_AGO
    with as_operator("as if it were older"):
        Job.objects.filter(id=job.id).update(dispatched_at=then)
        OutboxMessage.objects.filter(payload__job_id=str(job.id)).update(sent_at=then)


def test_a_lease_that_ran_out_puts_the_job_back_in_line(acme, sent):
    with acting_for(acme.id):
        lifecycle.claim(sent.id, worker="gpu-1", lease=-1)
    assert repaired() == {**NOTHING, "leases": 1}
    with acting_for(acme.id):
        job = Job.objects.get()
        assert (job.state, job.dispatch_number) == (State.QUEUED, 2)
        assert Attempt.objects.get().outcome == "lost"
    assert repaired() == NOTHING


def test_a_lease_that_is_renewed_is_left_alone(acme, sent):
    with acting_for(acme.id):
        lifecycle.claim(sent.id, worker="gpu-1", lease=60)
    assert repaired() == NOTHING


def test_a_job_that_the_queue_forgot_is_sent_again_under_a_new_number(acme, sent):
    long_ago(sent)
    assert repaired() == {**NOTHING, "dispatches": 1}
    with acting_for(acme.id):
        assert Job.objects.get().dispatch_number == 2
        assert OutboxMessage.objects.last().dedup_id == f"{sent.id}/2"
    assert repaired() == NOTHING


def test_a_message_that_still_waits_in_the_outbox_is_not_doubled(acme, sent):
    long_ago(sent)
    with as_operator("as if the queue were out of reach"):
        OutboxMessage.objects.update(sent_at=None)
    assert repaired() == NOTHING


def test_a_message_that_left_after_a_pause_is_given_its_time(acme, sent):
    long_ago(sent)
    with as_operator("as if it had been held back until now"):
        OutboxMessage.objects.update(sent_at=database_now())
    assert repaired() == NOTHING


def test_another_message_that_names_the_job_hides_nothing(acme, sent):
    long_ago(sent)
    with as_operator("a message of another kind"):
        ids = {"job_id": str(sent.id)}
        OutboxMessage.objects.create(actor="send_webhook", queue="tasks", payload=ids)
    assert repaired() == {**NOTHING, "dispatches": 1}


def test_a_job_that_was_sent_a_moment_ago_is_left_alone(sent):
    assert repaired() == NOTHING


def test_a_job_that_waits_for_a_lane_needs_no_message(acme):
    with acting_for(acme.id):
        a_queued_job(dispatched_at=database_now() - LONG_AGO)
    assert repaired() == NOTHING


def test_a_probe_that_was_never_heard_of_is_asked_for_again(acme):
    with acting_for(acme.id):
        job = a_job()
        submission.ask_for_probe(job)
    long_ago(job)
    assert repaired() == {**NOTHING, "probes": 1}
    with as_operator("look"):
        assert OutboxMessage.objects.filter(actor="probe_job", sent_at=None).count() == 1
    assert repaired() == NOTHING


def test_a_new_job_that_never_had_a_message_gets_one(acme):
    with acting_for(acme.id):
        a_job()
    assert repaired() == {**NOTHING, "probes": 1}
    assert repaired() == NOTHING


def test_a_cancel_whose_worker_died_is_carried_out(acme, sent):
    with acting_for(acme.id):
        lifecycle.claim(sent.id, worker="gpu-1", lease=-1)
        lifecycle.cancel(sent.id, by="a test")
    assert repaired() == {**NOTHING, "leases": 1}
    with acting_for(acme.id):
        assert Job.objects.get().state == State.CANCELED


@pytest.mark.parametrize("state", ["validating", "queued", "processing"])
def test_a_job_past_its_deadline_has_failed_wherever_it_was(acme, state):
    with acting_for(acme.id):
        job = a_job() if state == "validating" else a_queued_job(lane=0)
        Job.objects.update(deadline=database_now() - timedelta(seconds=1))
        if state == "processing":
            lifecycle.claim(job.id, worker="gpu-1", lease=-1)
    assert repaired() == {**NOTHING, "deadlines": 1}
    with acting_for(acme.id):
        assert Job.objects.get().error_code == "deadline_passed"
        assert not Attempt.objects.filter(ended_at=None).exists()
    assert repaired() == NOTHING


def test_a_deadline_that_is_still_to_come_changes_nothing(acme, sent):
    with acting_for(acme.id):
        Job.objects.update(deadline=database_now() + timedelta(minutes=1))
    assert repaired() == NOTHING


def test_a_job_that_has_ended_is_never_touched(acme, sent):
    with acting_for(acme.id):
        attempt = lifecycle.claim(sent.id, worker="gpu-1", lease=300)
        lifecycle.succeed(attempt.id, fence=1, result=RESULT, output_key=KEY)
        Job.objects.update(deadline=database_now() - LONG_AGO)
    long_ago(sent)
    assert repaired() == NOTHING


def test_one_repair_that_raises_keeps_no_other_from_being_made(acme, globex, monkeypatch):
    for tenant in (acme, globex):
        with acting_for(tenant.id):
            long_ago(a_queued_job(lane=0))
    real = lifecycle.dispatch

    def dispatch(job):
        if job.tenant_id == acme.id:
            raise ValueError("a mistake of ours")
        real(job)

    monkeypatch.setattr(lifecycle, "dispatch", dispatch)
    with capture_logs() as logs:
        assert repaired() == {**NOTHING, "dispatches": 1}
    told = {line["event"]: line for line in logs}
    assert told["repair_failed"]["tenant_id"] == str(acme.id)
    assert told["message_sent_again"]["tenant_id"] == str(globex.id)


def test_a_long_queue_is_no_warning_and_a_lost_worker_is_one(acme, sent):
    with acting_for(acme.id):
        lifecycle.claim(sent.id, worker="gpu-1", lease=-1)
        long_ago(a_queued_job(lane=1))
    with capture_logs() as logs:
        assert repaired() == {**NOTHING, "leases": 1, "dispatches": 1}
    levels = {line["event"]: line["log_level"] for line in logs}
    assert levels["attempt_lost"] == "warning"
    assert levels["message_sent_again"] == "info"


def test_a_database_that_goes_away_ends_the_turn(acme, monkeypatch):
    with acting_for(acme.id):
        a_queued_job(lane=0)

    def dispatch(job):
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(lifecycle, "dispatch", dispatch)
    with pytest.raises(OperationalError):
        repaired()


def test_each_repair_is_counted_once_it_is_committed(
    acme, sent, django_capture_on_commit_callbacks
):
    long_ago(sent)
    before = counted("dispatches")
    with django_capture_on_commit_callbacks() as callbacks:
        repaired()
    assert counted("dispatches") == before
    for callback in callbacks:
        callback()
    assert counted("dispatches") == before + 1


def test_a_turn_takes_a_bounded_number_and_the_next_one_the_rest(acme, monkeypatch):
    monkeypatch.setattr(reconciling, "AT_ONCE", 2)
    with acting_for(acme.id):
        for _ in range(3):
            a_job()
    assert [repaired()["probes"] for _ in range(3)] == [2, 1, 0]


@pytest.mark.parametrize(
    ("age", "asked", "rings"),
    [
        ({"minutes": 11}, {}, True),
        ({"minutes": 9}, {}, False),
        ({"minutes": 11}, {"not_before": timedelta(minutes=5)}, False),
        ({"minutes": 40}, {"not_before": timedelta(minutes=-11)}, True),
        ({"minutes": 11}, {"not_before": timedelta(minutes=5), "send_attempts": 4}, True),
        ({"days": 1}, {"sent_at": timedelta(0)}, False),
    ],
)
def test_a_message_that_should_have_left_long_ago_rings_an_alarm(db, age, asked, rings):
    with as_operator("a message in the outbox"):
        now = database_now()
        told = {k: now + v if isinstance(v, timedelta) else v for k, v in asked.items()}
        OutboxMessage.objects.create(
            actor="x", queue="tasks", payload={}, created_at=now - timedelta(**age), **told
        )
    with capture_logs() as logs:
        repaired()
    assert ("messages_not_sent" in {line["event"] for line in logs}) == rings


@pytest.mark.django_db(transaction=True)
def test_two_leaders_at_once_repair_a_job_once():
    acme = a_tenant("Acme")
    with acting_for(acme.id):
        a_queued_job(lane=0)
    locked, done = threading.Event(), threading.Event()
    first = []

    def lead():
        with as_operator("reconcile"):
            first.append(reconcile())
            locked.set()
            done.wait(60)
        connections.close_all()

    other = threading.Thread(target=lead)
    other.start()
    assert locked.wait(60)
    second = repaired()  # while the first has not committed
    done.set()
    other.join(60)
    assert (first, second) == ([{**NOTHING, "dispatches": 1}], NOTHING)
    assert repaired() == NOTHING
    with acting_for(acme.id):
        assert Job.objects.get().dispatch_number == 1
