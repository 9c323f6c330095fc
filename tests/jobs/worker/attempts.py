"""What tests of a worker do with its jobs and see of them."""

from jobs import lifecycle, storage, worker
from jobs.clock import database_now
from jobs.models import Attempt, Job, Segment
from tenants.context import acting_for, as_operator
from tests.messaging.sqs import eventually

A_MINUTE = {"steps": 3000, "step_seconds": 0.02}  # for a job that something else ends
BEGUN_PERCENT = 5  # the model has loaded and is at its first step


class Message:
    """What the supervisor needs of a received message; nothing here is worth extending."""

    lost = False
    queue_url = receipt = message_id = "none"
    group = ""
    hidden_since = float("inf")


def work(supervisor, job):
    supervisor.work(job.id, job.tenant_id, Message())


def seen(job):
    with as_operator("look"):
        return Job.objects.get(id=job.id)


def segments_of(job):
    with as_operator("count"):
        return Segment.objects.filter(job=job.id).count()


def made_only_when(monkeypatch, condition):
    """The attempt has its result, or the model's refusal, and waits with it for the condition."""
    produce = worker.produce

    def waits(*arguments):
        try:
            return produce(*arguments)
        finally:
            eventually(condition)

    monkeypatch.setattr(worker, "produce", waits)


def meanwhile(monkeypatch, way, act):
    """Something happens before each transfer. It is given what the storage tells of bytes to."""
    name = {"in": "fetch", "out": "put_result"}[way]
    transfer = getattr(storage, name)

    def slow(*arguments, **named):
        act(arguments[-1])
        return transfer(*arguments, **named)

    monkeypatch.setattr(storage, name, slow)


def once_begun(job, act):
    """Condition and act: to the tenant's job, from another connection, once the model is at it."""

    def acting():
        with acting_for(job.tenant_id):
            act()

    return lambda: seen(job).percent >= BEGUN_PERCENT, acting


def lease_is_over(job):
    with as_operator("look"):
        return Attempt.objects.get(job=job.id).lease_expires_at < database_now()


def give_up_on_the_attempt(job):
    Job.objects.select_for_update().get(id=job.id)  # first, as a beat does: else they may deadlock
    attempt = Attempt.objects.get(job=job.id)
    Attempt.objects.filter(id=attempt.id).update(lease_expires_at=attempt.started_at)
    lifecycle.give_up_on(attempt.id)
