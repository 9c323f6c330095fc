"""A lease is kept while the work gets on; who has lost it stops at once and writes nothing."""

import signal
from types import SimpleNamespace

import pytest

from jobs import keeper, lifecycle, pieces, storage, worker
from jobs.clock import database_now
from jobs.models import Attempt, Job
from messaging.errors import NotOurs
from tenants.context import acting_for, as_operator
from tests.jobs.worker.attempts import (
    A_MINUTE,
    give_up_on_the_attempt,
    lease_is_over,
    meanwhile,
    once_begun,
    seen,
    segments_of,
    work,
)
from tests.messaging.sqs import eventually

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_model_that_falls_silent_is_killed_and_the_job_tried_again(
    supervisor, job, plan, settings
):
    plan(then="hang")
    settings.JOB_STALL_SECONDS = 0.5
    work(supervisor, job)
    assert seen(job).state == "queued"
    assert not supervisor.model.alive


@pytest.mark.parametrize("way", ["in", "out"])
def test_bytes_that_come_or_go_are_a_sign_of_life(supervisor, job, settings, monkeypatch, way):
    """By a clock of the test's: two thirds of what is too long pass before each."""
    settings.JOB_LEASE_SECONDS, settings.JOB_STALL_SECONDS = 3600, 60
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(keeper, "time", clock)

    def slow(told):
        for _ in range(3):
            clock.now += 40
            told(1 << 20)

    meanwhile(monkeypatch, way, slow)
    work(supervisor, job)
    assert clock.now >= 120 and seen(job).state == "succeeded"


def test_a_storage_that_hangs_lets_the_lease_run_out(supervisor, job, settings, monkeypatch):
    """The supervisor's own thread waits for it and can record nothing."""
    settings.JOB_LEASE_SECONDS, settings.JOB_STALL_SECONDS = 4, 0.3
    meanwhile(monkeypatch, "in", lambda told: eventually(lambda: lease_is_over(job)))
    with pytest.raises(NotOurs):
        work(supervisor, job)
    with as_operator("look"):
        assert Attempt.objects.get(job=job.id).ended_at is None


def test_a_lost_lease_kills_the_model_at_once(supervisor, job, plan, settings, beside):
    """Not after the seconds that a cancel may take: another worker is at the same video."""
    settings.CANCEL_SECONDS = 600
    plan(**A_MINUTE, deaf=True)
    beside(*once_begun(job, lambda: give_up_on_the_attempt(job)))
    with pytest.raises(NotOurs):
        work(supervisor, job)
    assert supervisor.model._process.returncode == -signal.SIGKILL


def test_a_lease_that_another_took_over_ends_the_work_and_leaves_the_message(
    supervisor, job, plan, beside
):
    plan(**A_MINUTE)
    beside(*once_begun(job, lambda: give_up_on_the_attempt(job)))
    with pytest.raises(NotOurs):
        work(supervisor, job)
    with as_operator("look"):
        assert Attempt.objects.get(job=job.id).outcome == "lost"
    assert seen(job).state == "queued"


def test_a_result_of_a_lost_lease_is_not_put(supervisor, job, monkeypatch):
    produce = worker.produce

    def slept(*arguments):
        made = produce(*arguments)
        with acting_for(job.tenant_id):
            give_up_on_the_attempt(job)
        arguments[3]._lost.set()
        return made

    monkeypatch.setattr(worker, "produce", slept)
    with pytest.raises(NotOurs):
        work(supervisor, job)
    assert not [key for key, _ in storage.listed(storage.outputs()) if str(job.id) in key]


def test_an_expired_job_is_let_go_of(supervisor, job, plan, beside, monkeypatch):
    """Its deadline passed while it was worked on: the attempt has ended, and so has the job. What
    was made of it is removed."""
    monkeypatch.setattr(pieces, "LOOK_SECONDS", 0.01)
    plan(**A_MINUTE, piece_steps=2)

    def expire():
        with acting_for(job.tenant_id):
            Job.objects.filter(id=job.id).update(deadline=database_now())
            lifecycle.expire(job.id)

    beside(lambda: segments_of(job) > 0, expire)
    work(supervisor, job)  # its message is deleted: hidden, it would block the lane
    assert not [key for key, _ in storage.listed(storage.outputs()) if str(job.id) in key]
    assert (seen(job).state, seen(job).error_code) == ("failed", "deadline_passed")
