"""A message that died asks again: an outage of ours is no fault of the job."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from jobs import actors, dead_letters, lifecycle, submission
from jobs.clock import database_now
from jobs.models import Job, State
from messaging.ids import new_id
from messaging.models import OutboxMessage
from tenants.context import as_operator, current_tenant
from tests.making import a_job, a_queued_job


@pytest.fixture
def job(acting) -> Job:
    """Admitted: it holds a lane, and a message of it is on its way."""
    job = a_queued_job(lane=0)
    lifecycle.dispatch(job)
    return job


def newest() -> OutboxMessage:
    return OutboxMessage.objects.latest("id")


def pause(message: OutboxMessage) -> float:
    """Seconds from now until it is sent."""
    assert message.not_before
    return (message.not_before - database_now()).total_seconds()


def test_a_dead_letter_sends_its_job_out_again_a_little_later(job, settings):
    settings.RETRY_SECONDS = 30
    again = dead_letters.read(job.id, dispatch=1)
    assert (again.state, again.lane, again.dispatch_number) == (State.QUEUED, 0, 2)
    assert newest().payload["dispatch"] == 2
    assert pause(newest()) == pytest.approx(30, abs=5)


def test_the_pause_grows_up_to_a_quarter_of_an_hour(job):
    begun = database_now()
    pauses = []
    for number, minutes in enumerate((0, 5, 60), start=1):
        dead_letters.read(job.id, dispatch=number, now=begun + timedelta(minutes=minutes))
        pauses.append(round(pause(newest()), -1))
    assert pauses == [30, 300, 900]


def dies(job: Job, times: int, *, since: datetime, hours: float) -> Job | None:
    """Its newest message dies so many times, evenly within these hours; what the last one did."""
    for number in range(times):
        job.refresh_from_db()
        when = since + timedelta(hours=hours) * number / max(1, times - 1)
        last = dead_letters.read(job.id, dispatch=job.dispatch_number, now=when)
    return last


def test_a_job_that_nobody_could_begin_for_hours_fails(job):
    ended = dies(job, dead_letters.LEAST, since=database_now(), hours=3)
    assert (ended.state, ended.error_code, ended.lane) == (State.FAILED, "too_many_attempts", None)
    assert ended.error_hint


def test_a_job_whose_lane_was_taken_back_is_neither_sent_nor_called_silent(job):
    """Its tenant is suspended: admission sends it anew when that is over."""
    dies(job, 2, since=database_now(), hours=2.9)
    job.refresh_from_db()
    lifecycle.step_back([job])
    assert dead_letters.read(job.id, dispatch=job.dispatch_number) is None
    job.refresh_from_db()
    assert (job.state, job.lane, job.dispatch_number) == (State.QUEUED, None, 3)
    assert (job.unheard_since, job.dead_letters) == (None, 0)


def test_two_short_outages_hours_apart_end_nothing(job):
    begun = database_now()
    dies(job, 2, since=begun, hours=0.01)
    again = dies(job, 2, since=begun + timedelta(hours=3), hours=0.01)
    assert (again.state, again.dead_letters) == (State.QUEUED, 4)


def test_many_messages_that_die_within_minutes_end_nothing(job):
    again = dies(job, 20, since=database_now(), hours=2.9)
    assert (again.state, again.dead_letters) == (State.QUEUED, 20)


def test_an_end_by_dead_letters_rings_an_alarm(job, django_capture_on_commit_callbacks):
    def counted() -> list[float | None]:
        names = ("viseme_dead_letters_total", "viseme_dead_lettered_jobs_total")
        return [REGISTRY.get_sample_value(name) for name in names]

    letters, jobs = counted()
    with capture_logs() as logs, django_capture_on_commit_callbacks(execute=True):
        dies(job, 5, since=database_now(), hours=3)
    assert counted() == [letters + 5, jobs + 1]
    (told,) = [line for line in logs if line["log_level"] == "error"]
    assert (told["event"], told["job_id"]) == ("job_dead_lettered", str(job.id))


def test_hours_in_the_queue_are_not_hours_out_of_reach(job):
    Job.objects.update(queued_at=database_now() - timedelta(days=1))
    assert dead_letters.read(job.id, dispatch=1).state == State.QUEUED


def test_a_worker_that_began_it_ends_the_count(job):
    begun = database_now()
    dies(job, 4, since=begun, hours=0.5)
    attempt = lifecycle.claim(job.id, worker="gpu-1", lease=60)
    lifecycle.release(attempt.id, fence=1)
    again = dies(job, 1, since=begun + timedelta(hours=3), hours=0)
    assert (again.state, again.dead_letters) == (State.QUEUED, 1)


def test_the_dead_letter_of_an_earlier_dispatch_says_nothing_once_somebody_began(job):
    attempt = lifecycle.claim(job.id, worker="gpu-1", lease=60)
    assert dead_letters.read(job.id, dispatch=1) is None
    lifecycle.release(attempt.id, fence=1)
    assert dead_letters.read(job.id, dispatch=1) is None
    assert OutboxMessage.objects.count() == 2
    assert Job.objects.get().dead_letters == 0


def test_a_message_that_dies_after_it_was_sent_once_more_is_counted_but_asks_for_no_third(job):
    lifecycle.dispatch(job)  # as the reconciler does, which hears of no message for a while
    assert dead_letters.read(job.id, dispatch=1) is None
    assert OutboxMessage.objects.count() == 2
    assert Job.objects.get().dead_letters == 1


def test_earlier_messages_that_die_for_hours_end_a_job_that_nobody_began(job):
    begun = database_now()
    for number in range(1, 6):
        lifecycle.dispatch(job)
        dead_letters.read(job.id, dispatch=number, now=begun + timedelta(hours=number))
        job.refresh_from_db()
    assert job.error_code == "too_many_attempts"


def test_a_message_of_which_the_outbox_knows_nothing_any_more_is_not_counted(job):
    lifecycle.dispatch(job)
    assert dead_letters.read(job.id, dispatch=77) is None
    assert Job.objects.get().dead_letters == 0


@pytest.fixture
def fresh(acting) -> Job:
    """A new job whose files nobody has looked at; the message that asks for it was sent."""
    job = a_job()
    submission.ask_for_probe(job)
    all_are_sent()
    return job


def all_are_sent() -> None:
    with as_operator("as the dispatcher does"):
        OutboxMessage.objects.update(sent_at=database_now())


def test_a_probes_dead_letter_asks_for_another_look(fresh):
    assert dead_letters.read(fresh.id, dispatch=None).state == State.VALIDATING
    assert (newest().actor, newest().payload["job_id"]) == ("probe_job", str(fresh.id))
    assert pause(newest()) > 0


def test_a_probes_dead_letter_says_nothing_of_a_job_that_was_looked_at(acting):
    assert dead_letters.read(a_queued_job().id, dispatch=None) is None


def test_two_dead_letters_of_a_probe_ask_for_one_look(fresh):
    for _ in range(2):
        dead_letters.read(fresh.id, dispatch=None)
    assert OutboxMessage.objects.filter(sent_at=None).count() == 1
    assert Job.objects.get().dead_letters == 2


def test_a_file_that_could_not_be_looked_at_for_hours_fails_its_job(fresh):
    begun = database_now()
    for hour in range(5):
        ended = dead_letters.read(fresh.id, dispatch=None, now=begun + timedelta(hours=hour))
        all_are_sent()
    assert (ended.state, ended.error_code) == (State.FAILED, "too_many_attempts")


@pytest.mark.django_db(transaction=True)
def test_its_reader_is_the_operator_who_may_use_the_index_of_messages(monkeypatch):
    """As the tenant it would read a week's messages of everybody, under the job's lock."""
    ways_in: list[tuple[bool, object]] = []

    def remembers(job_id, *, dispatch):
        ways_in.append((current_tenant() is None, job_id))

    monkeypatch.setattr(dead_letters, "read", remembers)
    ids = {"job_id": str(new_id()), "tenant_id": str(new_id())}
    actors.lipsync_dead.fn(**ids, dispatch=1)
    actors.probe_job_dead.fn(**ids)
    assert ways_in == [(True, UUID(ids["job_id"]))] * 2
