"""Two at the same moment, each on a connection of its own: one wins, nothing is done twice."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from billing.models import UsageRecord
from jobs import lifecycle, worker
from jobs.admission import admit
from jobs.errors import JobError, NotClaimable, StaleAttempt, TooManyWaiting
from jobs.models import Attempt, Job, State
from jobs.reconciling import reconcile
from jobs.redriving import redrive
from jobs.submission import submit
from messaging.models import OutboxMessage
from tenants.context import acting_for, as_operator
from tenants.models import AuditEvent, Limits
from tests import making
from tests.jobs import promised
from tests.jobs.results import KEY, RESULT

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme():
    return making.a_tenant("Acme")


@pytest.fixture
def runnable(acme) -> Job:
    with acting_for(acme.id):
        return making.a_queued_job(lane=0)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each call returned or raised, begun together."""
    gate = threading.Barrier(len(calls))
    outcomes: list[Any] = [None] * len(calls)

    def run(place: int, call: Callable[[], Any]) -> None:
        gate.wait()
        try:
            outcomes[place] = call()
        except JobError as refusal:
            outcomes[place] = refusal
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes


def acting(tenant, operation: Callable[..., Any], *args: Any, **told: Any) -> Callable[[], Any]:
    def call() -> Any:
        with acting_for(tenant.id):
            return operation(*args, **told)

    return call


def kinds(outcomes: list[Any]) -> list[str]:
    return sorted(type(outcome).__name__ for outcome in outcomes)


def test_of_four_workers_that_claim_one_job_one_gets_it(acme, runnable):
    claims = [
        acting(acme, lifecycle.claim, runnable.id, worker=f"gpu-{n}", lease=60) for n in range(4)
    ]
    assert kinds(at_once(*claims)) == ["Attempt", *[NotClaimable.__name__] * 3]
    with acting_for(acme.id):
        assert Attempt.objects.count() == 1


@pytest.mark.parametrize("turn", range(5))
def test_a_cancel_and_a_success_cannot_both_win(acme, runnable, turn):
    with acting_for(acme.id):
        attempt = lifecycle.claim(runnable.id, worker="gpu-1", lease=60)
    told = {"fence": 1, "result": RESULT, "output_key": KEY}
    at_once(
        acting(acme, lifecycle.succeed, attempt.id, **told),
        acting(acme, lifecycle.cancel, runnable.id, by="a test"),
    )
    with acting_for(acme.id):
        job = Job.objects.get(id=runnable.id)
        assert job.state in (State.SUCCEEDED, State.CANCELED)
        assert UsageRecord.objects.count() == (job.state == State.SUCCEEDED)


def test_a_success_told_four_times_at_once_is_recorded_once(acme, runnable):
    with acting_for(acme.id):
        attempt = lifecycle.claim(runnable.id, worker="gpu-1", lease=60)
    told = {"fence": 1, "result": RESULT, "output_key": KEY}
    outcomes = at_once(*[acting(acme, lifecycle.succeed, attempt.id, **told) for _ in range(4)])
    assert kinds(outcomes) == ["Job", *[StaleAttempt.__name__] * 3]
    with acting_for(acme.id):
        assert UsageRecord.objects.count() == 1


def test_one_request_sent_four_times_at_once_is_one_job(acme):
    with acting_for(acme.id):
        video, audio = making.an_upload("video"), making.an_upload("audio")
    told = {
        "video_id": video.id,
        "audio_id": audio.id,
        "options": {},
        "submitted_by": "a test",
        "idempotency_key": "k",
    }
    outcomes = at_once(*[acting(acme, submit, **told) for _ in range(4)])
    assert len({job.id for job, _ in outcomes}) == 1
    assert sorted(replayed for _, replayed in outcomes) == [False, True, True, True]
    with as_operator("count"):
        assert OutboxMessage.objects.filter(actor="probe_job").count() == 1


def test_two_dispatchers_at_once_admit_each_job_once(acme):
    with acting_for(acme.id):
        for _ in range(4):
            making.a_queued_job()

    def turn() -> int:
        with as_operator("a test"):
            return admit()

    assert sum(at_once(turn, turn, turn)) == 2
    with as_operator("count"):
        assert OutboxMessage.objects.filter(actor="lipsync").count() == 2


@pytest.mark.parametrize("turn", range(5))
def test_a_deadline_and_a_success_cannot_both_win(acme, runnable, turn):
    with acting_for(acme.id):
        attempt = lifecycle.claim(runnable.id, worker="gpu-1", lease=60)
        Job.objects.update(deadline=attempt.started_at)
    told = {"fence": 1, "result": RESULT, "output_key": KEY}
    outcomes = at_once(
        acting(acme, lifecycle.succeed, attempt.id, **told),
        acting(acme, lifecycle.expire, runnable.id),
    )
    assert kinds(outcomes) in (["Job", "NoneType"], ["Job", StaleAttempt.__name__])
    with acting_for(acme.id):
        job = Job.objects.get(id=runnable.id)
        assert (job.state, job.error_code) in (
            (State.SUCCEEDED, ""),
            (State.FAILED, "deadline_passed"),
        )
        assert UsageRecord.objects.count() == (job.state == State.SUCCEEDED)


@pytest.mark.parametrize("turn", range(5))
def test_whatever_ends_a_job_at_once_it_ends_once(acme, runnable, turn):
    with acting_for(acme.id):
        attempt = lifecycle.claim(runnable.id, worker="gpu-1", lease=-1)
        Job.objects.update(deadline=attempt.started_at)
    own = {"fence": 1}
    outcomes = at_once(
        acting(acme, lifecycle.expire, runnable.id),
        acting(acme, lifecycle.give_up_on, attempt.id),
        acting(acme, lifecycle.cancel, runnable.id, by="a test"),
        acting(acme, lifecycle.fail, attempt.id, **own, code="x", message="x", retry=False),
        acting(acme, lifecycle.release, attempt.id, **own),
    )
    with acting_for(acme.id):
        lifecycle.expire(runnable.id)
        ends = AuditEvent.objects.filter(action__in=("job.failed", "job.canceled"))
        assert ends.count() == 1, outcomes
        assert Attempt.objects.get().ended_at is not None


def test_a_retry_asked_for_four_times_at_once_is_one_job(acme):
    with acting_for(acme.id):
        failed = making.a_job()
        lifecycle.refuse(failed.id, code="no_face", message="No face.")
    outcomes = at_once(*[acting(acme, lifecycle.retry, failed.id, by="a test") for _ in range(4)])
    assert len({job.id for job, _ in outcomes}) == 1
    assert sorted(replayed for _, replayed in outcomes) == [False, True, True, True]
    with as_operator("count"):
        assert Job.objects.count() == 2
        assert OutboxMessage.objects.filter(actor="probe_job").count() == 1


def test_submissions_that_come_together_do_not_pass_the_limit_together(acme, monkeypatch):
    def slowly(job, **told):
        time.sleep(0.2)

    with acting_for(acme.id):
        Limits.objects.update(jobs_waiting=2)
        ids = {"video_id": making.an_upload("video").id, "audio_id": making.an_upload("audio").id}
    monkeypatch.setattr("jobs.submission.ask_for_probe", slowly)
    told = {**ids, "options": {}, "submitted_by": "a test"}
    outcomes = at_once(*[acting(acme, submit, **told) for _ in range(4)])
    assert [type(outcome) for outcome in outcomes].count(TooManyWaiting) == 2
    with acting_for(acme.id):
        assert Job.objects.count() == 2


@pytest.mark.parametrize("turn", range(5))
def test_whatever_moves_jobs_to_and_from_lanes_at_once_each_has_a_message_of_its_lane(acme, turn):
    """Else nobody would come: of another lane's group it begins nothing."""
    with acting_for(acme.id):
        jobs = [making.a_queued_job() for _ in range(4)]
    with as_operator("two get lanes"):
        admit()
    first, second, *_ = jobs
    outcomes = at_once(
        operating(admit),
        operating(reconcile),
        operating(redrive, second.id, by="a test"),
        operating(admit),
        lambda: worker.let_step_back(second.id, acme.id),
        acting(acme, lifecycle.cancel, first.id, by="a test"),
    )
    with as_operator("look"):
        admit()
        rows = list(Job.objects.filter(state=State.QUEUED))
        promised.somebody_will_be_woken(rows)
        assert sum(job.lane is not None for job in rows) == 2, outcomes


def operating(operation: Callable[..., Any], *args: Any, **told: Any) -> Callable[[], Any]:
    def call() -> Any:
        with as_operator("a race"):
            return operation(*args, **told)

    return call
