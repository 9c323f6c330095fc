"""What an operator is told at night: what waits, why, since when, and what comes next."""

import re
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from jobs import dead_letters, lifecycle, stuck, submission
from jobs.admission import admit
from jobs.clock import database_now
from jobs.models import Attempt, Job
from jobs.waiting import Reason, waits_of
from messaging.models import OutboxMessage, TimerRun
from portal.environment import ROOT
from tenants import operating
from tenants.context import acting_for, as_operator
from tests.making import a_job, a_queued_job

WORDS = re.compile("`([^`]+)`")
ALL_IS_WELL = "No job has waited longer than 5 minutes."


def said(*words: str) -> str:
    out = StringIO()
    call_command("jobs", "stuck", *words, stdout=out, no_color=True)
    return out.getvalue()


@pytest.fixture
def dispatcher(db) -> None:
    """As if one led: its fastest timer ran a moment ago."""
    with as_operator("a timer's run"):
        TimerRun.objects.create(name="admission", started_at=database_now())


@pytest.fixture
def waiting(acme, dispatcher) -> Job:
    """With a lane and a message, for an hour."""
    with acting_for(acme.id):
        job = a_queued_job()
        Job.objects.update(created_at=database_now() - timedelta(hours=1))
    with as_operator("admit"):
        admit()
    return job


def messages(**fields) -> None:
    with as_operator("what became of the messages"):
        OutboxMessage.objects.update(**fields)


def test_the_page_of_the_job_engine_answers_whatever_is_said():
    """Each row of its table by words that stand in the code, and every reason has a row."""
    page = (ROOT / "docs" / "jobs.md").read_text()
    rows = page.split("### Woken at night")[1].split("###")[0].splitlines()
    firsts = [row.split("|")[1] for row in rows if row.startswith("| `")]
    said = [word for first in firsts for word in WORDS.findall(first)]
    code = Path(stuck.__file__).read_text() + " ".join(Reason)
    assert [word for word in said if word not in code] == []
    assert {*Reason} - {*said} == {Reason.NOTHING, Reason.MODEL_LOADING}  # no waits


def test_where_nothing_waits_one_sentence_says_so(dispatcher):
    assert said().strip() == ALL_IS_WELL


def test_a_job_of_a_moment_ago_is_not_stuck(acme, dispatcher):
    with acting_for(acme.id):
        a_job()
    assert said().strip() == ALL_IS_WELL
    assert "acme" in said("--minutes", "0")


def test_a_message_that_was_sent_says_when_it_is_sent_again(waiting, settings):
    settings.DISPATCH_LOST_SECONDS = 900
    sent = database_now().replace(hour=0, minute=0, second=0) + timedelta(days=1)
    messages(sent_at=sent)
    row = said().splitlines()[-1]
    assert waiting.short_id in row
    assert (
        f"sent {sent:%Y-%m-%d} 00:00:00Z, once more {sent:%Y-%m-%d} 00:15:00Z if nobody comes"
        in row
    )
    assert "gpu" in row.split()


def test_a_message_that_can_t_be_sent_says_why(waiting):
    messages(last_error="Could not connect to the endpoint URL", created_at=long_ago())
    told = said()
    assert "its message can't be sent: Could not connect" in told
    assert "1 messages have not left for 10 minutes. Can SQS be reached?" in told


def long_ago():
    return database_now() - timedelta(hours=1)


def test_a_job_whose_messages_die_says_how_many_and_when_it_is_given_up(waiting, acme):
    with acting_for(acme.id):
        dead_letters.read(waiting.id, dispatch=1)
    row = said().splitlines()[-1]
    assert "its message leaves" in row
    assert "1 messages died since" in row


def test_a_job_without_a_lane_says_how_many_go_first(waiting, acme):
    with acting_for(acme.id):
        for _ in range(3):
            a_queued_job()
        Job.objects.update(created_at=long_ago())
    with as_operator("admit"):
        admit()
    last = said().splitlines()[-1]
    assert "free_lane" in last
    assert "when one of its tenant's jobs ends, after 1" in last


def test_a_job_whose_turn_does_not_come_blames_the_dispatcher(acme, dispatcher):
    with acting_for(acme.id):
        a_queued_job()
        Job.objects.update(created_at=long_ago())
    row = said().splitlines()[-1]
    assert "admission" in row and "the dispatcher gives it a lane at its next turn" in row


def test_a_job_of_a_suspended_tenant_waits_for_the_operator(acme, dispatcher):
    with acting_for(acme.id):
        a_queued_job()
        Job.objects.update(created_at=long_ago())
    with as_operator("suspend"):
        operating.suspend(acme.id)
    assert "nothing, until its tenant is resumed" in said()


def test_a_new_job_that_nobody_looks_at_is_stuck(acme, dispatcher):
    with acting_for(acme.id):
        job = a_job()
        submission.ask_for_probe(job)
        Job.objects.update(created_at=long_ago())
    row = said().splitlines()[-1]
    assert "validation" in row
    assert "the dispatcher sends its message" in row


def test_an_attempt_that_ends_meanwhile_hides_no_other_job(waiting, acme, monkeypatch):
    """The reconciler is at work just when leases run out."""
    with acting_for(acme.id):
        attempt = lifecycle.claim(waiting.id, worker="gpu-1", lease=60)
        Attempt.objects.update(lease_expires_at=long_ago())

    def ended_before(jobs):
        lifecycle.give_up_on(attempt.id)
        return waits_of(jobs)

    monkeypatch.setattr("jobs.stuck.waits_of", ended_before)
    assert "worker_lost" in said()


def test_a_job_whose_worker_is_gone_is_stuck_until_the_reconciler_comes(waiting, acme):
    with acting_for(acme.id):
        attempt = lifecycle.claim(waiting.id, worker="gpu-1", lease=60)
    assert said().strip() == ALL_IS_WELL
    with acting_for(acme.id):
        attempt.lease_expires_at = long_ago()
        attempt.save(update_fields=["lease_expires_at"])
    assert "worker_lost" in said()


def test_a_worker_that_says_nothing_is_told_before_its_lease_runs_out(waiting, acme, settings):
    settings.JOB_LEASE_SECONDS = 60
    with acting_for(acme.id):
        attempt = lifecycle.claim(waiting.id, worker="gpu-1", lease=45)
    assert said().strip() == ALL_IS_WELL
    with acting_for(acme.id):
        attempt.lease_expires_at = database_now() + timedelta(seconds=30)
        attempt.save(update_fields=["lease_expires_at"])
    row = said().splitlines()[-1]
    assert "worker_silent" in row and "no beat for 3" in row
    assert f"its lease runs out at {attempt.lease_expires_at:%Y-%m-%d %H:%M:%S}Z" in row


def test_an_ordinary_wait_for_a_busy_gpu_is_told_as_one(waiting, acme):
    assert "nothing is to be done by hand" not in said()
    with acting_for(acme.id):
        other = a_queued_job(lane=1)
        lifecycle.claim(other.id, worker="gpu-1", lease=60)
    assert "1 worker is busy: nothing is to be done by hand" in said()
    with acting_for(acme.id):
        dead_letters.read(waiting.id, dispatch=1)
    messages(sent_at=database_now(), not_before=None)
    told = said()
    assert "messages died since" in told and "gpu" in told.split()
    assert "nothing is to be done by hand" not in told


def test_a_wait_begins_anew_when_an_attempt_has_ended(waiting, acme):
    with acting_for(acme.id):
        attempt = lifecycle.claim(waiting.id, worker="gpu-1", lease=60)
        lifecycle.release(attempt.id, fence=1)
        attempt.refresh_from_db()
    assert said().strip() == ALL_IS_WELL
    assert f"{attempt.ended_at:%Y-%m-%d %H:%M:%S}Z" in said("--minutes", "0")


def test_a_job_that_goes_round_among_workers_without_a_model_is_stuck(waiting, acme):
    with acting_for(acme.id):
        for worker in ("gpu-1", "gpu-2"):
            attempt = lifecycle.claim(waiting.id, worker=worker, lease=60)
            told = {"code": "bad_checkpoint", "message": "No.", "after_seconds": 30}
            lifecycle.release(attempt.id, fence=attempt.fence, **told)
        queued = Job.objects.get(id=waiting.id).queued_at
    row = said().splitlines()[-1]
    assert "2 workers had no model: bad_checkpoint; its message leaves" in row
    assert f"{queued:%Y-%m-%d %H:%M:%S}Z" in row, "since it was queued"
    with acting_for(acme.id):
        attempt = lifecycle.claim(waiting.id, worker="gpu-3", lease=60)
        lifecycle.release(attempt.id, fence=attempt.fence)
    assert "no model" not in said("--minutes", "0"), "gpu-3 had one, and was told to go"


@pytest.mark.parametrize("last", [None, timedelta(minutes=12)])
def test_that_nobody_dispatches_is_said_first(db, last):
    if last:
        with as_operator("a timer's run"):
            TimerRun.objects.create(name="admission", started_at=database_now() - last)
    assert said().startswith("Nobody dispatches: the timer admission")


def test_a_timer_that_failed_says_how(dispatcher):
    with as_operator("a timer's run"):
        TimerRun.objects.create(
            name="reconciler", started_at=database_now(), last_error="ValueError: no"
        )
    assert "The timer reconciler failed at" in said()
    assert "ValueError: no" in said()


def test_jobs_that_could_run_while_no_worker_is_at_one_ring_an_alarm(waiting, acme):
    alarm = "Jobs could run and no worker is at one"
    assert alarm not in said()
    with acting_for(acme.id):
        Job.objects.update(dispatched_at=long_ago())
    assert alarm in said()
    with acting_for(acme.id):
        lifecycle.claim(waiting.id, worker="gpu-1", lease=60)
        lifecycle.dispatch(a_queued_job(lane=1))
        Job.objects.update(dispatched_at=long_ago())
    assert alarm not in said()


def test_only_the_oldest_are_shown_and_a_tenants_when_asked(acme, globex, dispatcher):
    for tenant in (acme, globex):
        with acting_for(tenant.id):
            a_job()
            a_job()
    told = said("--minutes", "0", "--limit", "3")
    assert "... and more" in told
    assert len(told.splitlines()) == 1 + 3 + 1
    assert "acme" not in said("--minutes", "0", "--tenant", "globex")
