"""What a job waits for: a code, a sentence, a place, and when its result may be there."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jobs import lifecycle, lines, waiting
from jobs.admission import admit
from jobs.forecasting import Finish
from jobs.models import Job
from jobs.waiting import SENTENCES, Reason, Wait, waits_of
from messaging.models import OutboxMessage
from tenants.context import acting_for, as_operator
from tenants.models import Limits, Tenant
from tests.jobs.histories import of_length, successes
from tests.making import a_job, a_queued_job


def the_wait(job: Job, **told) -> Wait:
    return waits_of([job], **told)[job.id]


def admitted(tenant: Tenant, **fields) -> Job:
    """A job that was given a lane. Outside of any context."""
    with acting_for(tenant.id):
        job = a_queued_job(**fields)
    with as_operator("admission"):
        admit()
    with acting_for(tenant.id):
        return Job.objects.get(id=job.id)


def suspend(tenant: Tenant) -> None:
    with as_operator("suspend"):
        Tenant.objects.filter(id=tenant.id).update(suspended_at=timezone.now())


def test_a_new_job_waits_for_its_files_to_be_looked_at(acting):
    assert the_wait(a_job()) == Wait(Reason.VALIDATION)


def test_a_queued_job_waits_for_its_turn_with_its_place(acting):
    first, second, urgent = a_queued_job(), a_queued_job(), a_queued_job(priority=1)
    waits = waits_of([second, urgent, first])
    assert [waits[job.id].position for job in (urgent, first, second)] == [1, 2, 3]
    assert {wait.reason for wait in waits.values()} == {Reason.ADMISSION}


def test_it_waits_for_a_lane_only_where_all_of_its_tenant_are_taken(acting):
    Limits.objects.update(jobs_at_once=2)
    a_queued_job(lane=0)
    waiting_one = a_queued_job()
    assert the_wait(waiting_one).reason == Reason.ADMISSION
    a_queued_job(lane=1)
    assert the_wait(waiting_one).reason == Reason.FREE_LANE


def test_a_place_is_among_the_tenants_own(acme, globex):
    with acting_for(globex.id):
        theirs = [a_queued_job() for _ in range(3)]
    with acting_for(acme.id):
        ours = a_queued_job()
        assert the_wait(ours).position == 1
    with as_operator("an operator sees both"):
        waits = waits_of([ours, theirs[2]])
    assert [waits[ours.id].position, waits[theirs[2].id].position] == [1, 3]


def test_an_admitted_job_waits_for_a_gpu_and_has_no_place(acme):
    job = admitted(acme)
    with acting_for(acme.id):
        assert the_wait(job) == Wait(Reason.GPU)


def test_a_claimed_job_waits_for_the_model_and_then_for_nothing(acme):
    job = admitted(acme)
    with acting_for(acme.id):
        attempt = lifecycle.claim(job.id, worker="gpu-1", lease=60)
        told = {"fence": attempt.fence, "percent": 0, "lease": 60}
        for stage, reason in (
            ("fetch", Reason.NOTHING),
            ("load", Reason.MODEL_LOADING),
            ("generate", Reason.NOTHING),
        ):
            lifecycle.beat(attempt.id, stage=stage, **told)
            assert the_wait(Job.objects.get(id=job.id)).reason == reason


def test_after_a_fault_of_ours_it_waits_for_the_pause_and_then_for_a_gpu(acme, settings):
    settings.RETRY_SECONDS = 30
    job = admitted(acme)
    with acting_for(acme.id):
        attempt = lifecycle.claim(job.id, worker="gpu-1", lease=60)
        told = {"code": "worker_fault", "message": "A disk was full.", "retry": True}
        job = lifecycle.fail(attempt.id, fence=attempt.fence, **told)
        assert the_wait(job).reason == Reason.RETRY_PAUSE
        assert the_wait(job, now=timezone.now() + timedelta(seconds=31)).reason == Reason.GPU


def test_a_message_that_sqs_does_not_take_is_no_pause_of_the_jobs(acme):
    job = admitted(acme)
    with as_operator("its sending failed"):
        later = timezone.now() + timedelta(minutes=5)
        assert OutboxMessage.objects.update(send_attempts=1, not_before=later)
    with acting_for(acme.id):
        assert the_wait(job).reason == Reason.GPU


def test_a_pause_ends_by_the_databases_clock(acme, monkeypatch):
    job = admitted(acme)
    with as_operator("paused"):
        OutboxMessage.objects.update(not_before=timezone.now() + timedelta(minutes=5))
    monkeypatch.setattr(timezone, "now", lambda: datetime.max.replace(tzinfo=UTC))
    with acting_for(acme.id):
        assert the_wait(job).reason == Reason.RETRY_PAUSE


def test_a_suspended_tenants_job_waits_for_that_to_end(acme):
    let_in = admitted(acme)
    suspend(acme)
    with as_operator("a suspended tenant's own people see nothing"):
        waiting_one = a_queued_job(tenant_id=acme.id)
        assert the_wait(waiting_one).reason == Reason.TENANT_SUSPENDED
        assert the_wait(let_in).reason == Reason.TENANT_SUSPENDED, "no worker may begin it"


def test_an_ended_job_waits_for_nothing_and_asks_the_database_nothing(acting):
    job = a_job(state="failed", error_code="no_face", finished_at=timezone.now())
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert the_wait(job) == Wait()
    assert len(queries) == 0


def test_every_reason_has_a_sentence():
    assert set(SENTENCES) == set(Reason)
    assert Wait(Reason.GPU).sentence == SENTENCES[Reason.GPU]


# --- when it may be there -------------------------------------------------------------------------


def test_nothing_is_said_before_five_of_its_kind_are_known(acting):
    job = a_queued_job(lane=0, dispatched_at=timezone.now(), **of_length(60))
    successes(*[2] * 4)
    assert the_wait(job).finish is None
    successes(2)
    assert the_wait(job).finish is not None


def test_a_job_at_work_is_forecast_by_what_remains(acting):
    successes(1, 2, 2, 2, 3)
    now = timezone.now()
    job = a_queued_job(lane=0, state="processing", percent=50, **of_length(100))
    assert the_wait(job, now=now).finish == after(now, 90, 110)


def test_a_job_in_the_queue_is_forecast_with_those_before_it(acting):
    successes(*[2] * 5, output_seconds=50)
    now = timezone.now()
    works = a_queued_job(lane=0)
    lifecycle.claim(works.id, worker="gpu-1", lease=60)
    before = a_queued_job(lane=1, dispatched_at=now - timedelta(seconds=9), **of_length(10))
    job = a_queued_job(lane=2, dispatched_at=now, **of_length(10))
    assert the_wait(before, now=now).finish == after(now, 20, 100 + 20)
    assert the_wait(job, now=now).finish == after(now, 100 + 20, 200 + 20)


def test_a_job_without_a_lane_is_forecast_with_its_tenants_rounds(acting):
    """Two lanes are taken by jobs of 100 seconds; three wait for one of them."""
    successes(*[2] * 5, output_seconds=50)
    now = timezone.now()
    for lane in range(2):
        taken = a_queued_job(lane=lane, **of_length(50))
        lifecycle.claim(taken.id, worker=f"gpu-{lane}", lease=60)
    jobs = [a_queued_job(**of_length(10)) for _ in range(3)]
    waits = waits_of(jobs, now=now)
    assert [waits[job.id].finish for job in jobs] == [
        after(now, 120, 120),
        after(now, 130, 130),
        after(now, 140, 200 + 20),
    ]


def test_a_line_of_long_jobs_is_not_told_by_short_ones_of_the_past(acting):
    """One worker, one lane: a short job ends, and long ones stand before the last."""
    successes(*[2] * 5, output_seconds=1)
    now = timezone.now()
    runs = a_queued_job(lane=0, percent=50, **of_length(4))
    lifecycle.claim(runs.id, worker="gpu-1", lease=60)
    jobs = [a_queued_job(**of_length(seconds)) for seconds in (40, 70, 40, 1)]
    waits = waits_of(jobs, now=now)
    told = [(waits[job.id].finish.earliest - now).total_seconds() for job in jobs]
    assert told == [pytest.approx(ahead, abs=8) for ahead in (84, 224, 304, 306)]
    assert waits_of(jobs[2:3], now=now)[jobs[2].id] == waits[jobs[2].id]
    assert all(wait.finish.latest >= wait.finish.earliest for wait in waits.values())


def test_the_latest_time_is_that_of_a_line_of_slow_ones(acting):
    """One worker, one lane: how slow the jobs before it may be is part of the range."""
    successes(1, 2, 2, 2, 3, output_seconds=1)
    now = timezone.now()
    runs = a_queued_job(lane=0, **of_length(100))
    lifecycle.claim(runs.id, worker="gpu-1", lease=60)
    jobs = [a_queued_job(**of_length(100)) for _ in range(2)]
    waits = waits_of(jobs, now=now)
    assert waits[jobs[0].id].finish == after(now, 2 * 180, 2 * 220)
    assert waits[jobs[1].id].finish == after(now, 3 * 180, 3 * 220)


def test_of_a_line_only_what_stands_before_a_job_is_looked_at(acting):
    """A client with a thousand jobs polls them all."""
    runs = a_queued_job(lane=0)
    jobs = [a_queued_job() for _ in range(5)]
    tenants = lines.limits({acting.id})
    found = lines.turns(jobs[1:2], tenants, lines.places(jobs[1:2]))
    assert [turn.id for turn in found] == [runs.id, jobs[0].id, jobs[1].id]


def test_what_stands_behind_those_that_were_looked_at_ends_no_sooner(acting, monkeypatch):
    monkeypatch.setattr(lines, "LOOKED_AT", 2)
    successes(*[2] * 5)
    now = timezone.now()
    jobs = [a_queued_job(**of_length(60)) for _ in range(3)]
    waits = waits_of(jobs, now=now)
    told = [waits[job.id].finish.earliest for job in jobs]
    assert told[2] == told[1] > told[0]


def test_a_pause_is_part_of_the_forecast(acme, settings):
    settings.RETRY_SECONDS = 600
    with acting_for(acme.id):
        successes(*[2] * 5)
        files = of_length(10)
    job = admitted(acme, **files)
    with acting_for(acme.id):
        attempt = lifecycle.claim(job.id, worker="gpu-1", lease=60)
        told = {"code": "worker_fault", "message": "A disk was full.", "retry": True}
        job = lifecycle.fail(attempt.id, fence=attempt.fence, **told)
        now = timezone.now()
        finish = the_wait(job, now=now).finish
    assert 600 < (finish.earliest - now).total_seconds() <= 620


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "validating"},
        {"state": "queued", "lane": 0, "dispatched_at": timezone.now() - timedelta(minutes=2)},
        {"state": "processing", "lane": 0, "cancel_requested_at": timezone.now()},
    ],
    ids=["not looked at", "nobody at work to take it", "being canceled"],
)
def test_where_it_cannot_be_told_nothing_is_said(acting, fields):
    successes(*[2] * 5)
    assert the_wait(a_job(**of_length(60), **fields)).finish is None


def test_a_suspended_tenant_is_told_no_time(acme):
    with acting_for(acme.id):
        successes(*[2] * 5)
        job = a_queued_job(**of_length(60))
        assert the_wait(job).finish is not None
    suspend(acme)
    with as_operator("look"):
        assert the_wait(job).finish is None


def test_a_page_of_jobs_asks_as_often_as_one_of_each(acting):
    successes(*[2] * 5)
    successes(*[3] * 5, options={"steps": 50})

    def a_page(size: int) -> list[Job]:
        jobs = [a_queued_job(lane=None, **of_length(60)) for _ in range(size)]
        jobs += [
            a_queued_job(
                lane=Job.objects.filter(lane__isnull=False).count(),
                dispatched_at=timezone.now(),
                options={"steps": 50},
                **of_length(60),
            )
            for _ in range(size)
        ]
        return jobs + [a_job(state="validating") for _ in range(size)]

    asked = []
    for size in (1, 10):
        page = a_page(size)
        with CaptureQueriesContext(connection) as queries:
            waits = waits_of(page)
        assert all(waits[job.id].finish for job in page if job.state == "queued")
        asked.append(len(queries))
    assert asked[0] == asked[1] <= 9
    assert waiting.waits_of([]) == {}


def after(now, low: float, high: float) -> Finish:
    return Finish(now + timedelta(seconds=low), now + timedelta(seconds=high))
