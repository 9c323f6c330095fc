"""One attempt seen through by the supervisor, with a real queue and a stub for the model."""

import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace

import pytest
import structlog
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import InternalError, OperationalError, connections

from jobs import (
    fitness,
    keeper,
    lifecycle,
    metrics,
    pieces,
    settling,
    storage,
    submission,
    uploads,
    worker,
)
from jobs.child import ModelChild
from jobs.clock import database_now
from jobs.models import Attempt, Job, Segment
from jobs.worker import Supervisor
from messaging.errors import NotOurs
from messaging.models import OutboxMessage
from tenants import people
from tenants.context import acting_for, as_operator
from tenants.models import Limits
from tests.messaging.sqs import eventually

pytestmark = pytest.mark.django_db(transaction=True)

A_MINUTE = {"steps": 3000, "step_seconds": 0.02}  # for a job that something else ends
BEGUN_PERCENT = 5  # the model has loaded and is at its first step


class Message:
    """What the supervisor needs of a received message; nothing here is worth extending."""

    lost = False
    queue_url = receipt = message_id = "none"
    hidden_since = float("inf")


@pytest.fixture
def plan(tmp_path, settings):
    """Tell the stub how to behave."""
    settings.MODEL_CHILD_MODULE = "tests.stub_child"
    settings.MODEL_BUNDLE = tmp_path
    settings.WORK_ROOT = tmp_path / "work"
    settings.PROGRESS_SECONDS = 0.05
    return lambda **behavior: (tmp_path / "stub.json").write_text(json.dumps(behavior))


@pytest.fixture
def supervisor(plan):
    broker = SimpleNamespace(client=None, stopping=threading.Event())
    supervisor = Supervisor(ModelChild(), broker)
    yield supervisor
    supervisor.model.stop()


@pytest.fixture
def beside():
    """Does something in a thread, once a condition holds, while the test goes on.

    The thread ends with the test, which fails if the condition never held or the thread broke.
    """
    over = threading.Event()

    def wait_and_act(condition, act):
        last = False
        try:
            while not condition():
                assert not last, "the test is over, and this never came about"
                last = over.wait(0.02)
            act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor() as threads:
        begun = []
        yield lambda condition, act: begun.append(threads.submit(wait_and_act, condition, act))
        over.set()
        for one in begun:
            one.result(60)


@pytest.fixture
def job(db):
    with as_operator("make a test's tenant"):
        tenant = people.create_tenant("A studio")
    kinds = ("video", "audio")
    files = [
        uploads.receive_file(tenant.id, kind, SimpleUploadedFile(f"{kind}.mp4", b"bytes" * 99))
        for kind in kinds
    ]
    ids = dict(zip(("video_id", "audio_id"), (file.id for file in files), strict=True))
    with acting_for(tenant.id):
        job, _ = submission.submit(**ids, options={}, submitted_by="a test")
        return admitted(lifecycle.accept_probe(job.id))


def admitted(job):
    job.lane = 0
    job.save(update_fields=["lane"])
    lifecycle.dispatch(job)
    return job


def seen(job):
    with as_operator("look"):
        return Job.objects.get(id=job.id)


def work(supervisor, job):
    supervisor.work(job.id, job.tenant_id, Message())


def test_a_job_is_delivered_with_size_and_hash_of_the_file_itself(supervisor, job):
    work(supervisor, job)
    done = seen(job)
    assert done.state == "succeeded"
    assert storage.outputs().size(done.result_key) == done.result_size_bytes == 5 * 99
    assert done.model_label == "stub model"
    assert done.result_seconds == 2


def test_a_sound_that_decodes_to_more_than_its_header_said_is_refused(supervisor, job):
    """The probe believed the header; the model is told the tenant's limit."""
    with acting_for(job.tenant_id):
        Limits.objects.update(video_seconds=1)
    work(supervisor, job)
    refused = seen(job)
    assert (refused.state, refused.error_code) == ("failed", "media_too_large")
    with acting_for(job.tenant_id):
        assert Attempt.objects.count() == 1


def test_nothing_stays_in_the_work_folder(supervisor, job, settings):
    work(supervisor, job)
    assert list(settings.WORK_ROOT.glob("*/*")) == []


def test_a_repeated_message_does_nothing(supervisor, job):
    work(supervisor, job)
    work(supervisor, job)
    with as_operator("count"):
        assert Attempt.objects.filter(job=job.id).count() == 1


def test_a_fault_of_the_engine_queues_the_job_again_under_a_new_number(supervisor, job, plan):
    plan(then="fault")
    work(supervisor, job)
    again = seen(job)
    assert (again.state, again.dispatch_number) == ("queued", 2)


def test_a_refusal_ends_the_job_with_its_code(supervisor, job, plan):
    plan(then="refuse")
    work(supervisor, job)
    assert (seen(job).state, seen(job).error_code) == ("failed", "no_face")


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


def test_what_the_threads_of_an_attempt_log_names_it(supervisor, job, plan, monkeypatch):
    refused = threading.Event()

    def refuses(*_, **__):
        refused.set()
        raise OSError("the storage is away")

    monkeypatch.setattr(pieces, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(storage, "segment_keys", refuses)
    made_only_when(monkeypatch, refused.is_set)
    plan(steps=20, piece_steps=2)
    names = [structlog.contextvars.merge_contextvars]
    with structlog.testing.capture_logs(processors=names) as logs:
        work(supervisor, job)
    told = [line for line in logs if line["event"] == "piece_not_put_yet"]
    assert told and all(line["job_id"] == str(job.id) and line["attempt_id"] for line in told)


def test_a_storage_out_of_reach_is_a_fault_of_ours(supervisor, job, monkeypatch):
    def refuses(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(storage, "put_result", refuses)
    work(supervisor, job)
    with as_operator("look"):
        attempt = Attempt.objects.get(job=job.id)
    assert (seen(job).state, attempt.error_code) == ("queued", "worker_fault")
    assert "device" not in attempt.error_message


def test_a_cancel_stops_the_model_and_keeps_it_warm(supervisor, job, plan, beside):
    plan(**A_MINUTE)
    beside(*once_begun(job, lambda: lifecycle.cancel(job.id, by="a test")))
    work(supervisor, job)
    assert seen(job).state == "canceled"
    assert supervisor.model.alive


def test_a_worker_asked_to_stop_hands_the_job_over(supervisor, job, plan):
    plan(**A_MINUTE)
    supervisor.broker.stopping.set()
    work(supervisor, job)
    handed = seen(job)
    assert (handed.state, handed.dispatch_number) == ("queued", 2)


def test_a_worker_that_hands_over_brings_its_pieces_along(
    supervisor, job, plan, monkeypatch, beside
):
    monkeypatch.setattr(pieces, "LOOK_SECONDS", 600)  # none is recorded before the worker must go
    plan(steps=1000, step_seconds=0.05, piece_steps=10)
    beside(lambda: seen(job).percent > 8, supervisor.broker.stopping.set)  # three are made
    work(supervisor, job)
    assert seen(job).state == "queued"
    assert segments_of(job) >= 2
    supervisor.broker.stopping.clear()
    plan(steps=1000, step_seconds=0, piece_steps=10)
    work(supervisor, job)
    done = seen(job)
    assert done.state == "succeeded"
    assert done.result_facts["resumed_pieces"] >= 2
    assert storage.outputs().open(done.result_key).read() == b"bytes" * 99


def test_a_model_that_dies_costs_the_job_its_last_piece_at_most(supervisor, job, plan):
    plan(steps=12, piece_steps=4, at=11, then="die")
    work(supervisor, job)
    assert (seen(job).state, segments_of(job)) == ("queued", 2)
    plan(steps=12, piece_steps=4)
    work(supervisor, job)
    assert (seen(job).state, seen(job).result_facts["resumed_pieces"]) == ("succeeded", 2)


@pytest.mark.parametrize("then", ["done", "refuse"])
def test_a_job_that_has_ended_leaves_no_pieces(supervisor, job, plan, then, monkeypatch):
    monkeypatch.setattr(pieces, "LOOK_SECONDS", 0.01)
    made_only_when(monkeypatch, lambda: segments_of(job) > 0)
    plan(steps=8, piece_steps=2, then=then)
    work(supervisor, job)
    keys = [key for key, _ in storage.listed(storage.outputs())]
    assert [key for key in keys if f"{job.id}/segments" in key] == []
    assert segments_of(job) == 0
    assert metrics.put_pieces._value.get() > 0


def test_a_lost_lease_kills_the_model_at_once(supervisor, job, plan, settings, beside):
    """Not after the seconds that a cancel may take: another worker is at the same video."""
    settings.CANCEL_SECONDS = 600
    plan(**A_MINUTE, deaf=True)
    beside(*once_begun(job, lambda: give_up_on_the_attempt(job)))
    with pytest.raises(NotOurs):
        work(supervisor, job)
    assert supervisor.model._process.returncode == -signal.SIGKILL


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


def test_an_expired_job_is_let_go_of(supervisor, job, plan, beside):
    """Its deadline passed while it was worked on: the attempt has ended, and so has the job."""
    plan(**A_MINUTE)

    def expire():
        Job.objects.filter(id=job.id).update(deadline=database_now())
        lifecycle.expire(job.id)

    beside(*once_begun(job, expire))
    work(supervisor, job)  # its message is deleted: hidden, it would block the lane
    assert (seen(job).state, seen(job).error_code) == ("failed", "deadline_passed")


def test_the_stage_says_that_the_model_loads(supervisor, job, plan, tmp_path, beside):
    loaded = tmp_path / "loaded"
    plan(load_seconds=60, load_until=str(loaded), steps=1)
    beside(lambda: seen(job).phase == "load", loaded.touch)
    work(supervisor, job)
    assert seen(job).state == "succeeded"


def test_a_model_that_died_idle_costs_the_job_no_attempt(supervisor, job, plan):
    supervisor.model.start()
    supervisor.model.kill()
    work(supervisor, job)
    assert seen(job).state == "succeeded"
    with as_operator("look"):
        assert Attempt.objects.filter(job=job.id).count() == 1


def test_a_model_that_dies_as_it_is_given_the_job_costs_none_either(
    supervisor, job, plan, monkeypatch
):
    say, victims = supervisor.model._say, iter([1])

    def dies_first(request):
        for _ in victims:
            supervisor.model.kill()
        say(request)

    monkeypatch.setattr(supervisor.model, "_say", dies_first)
    work(supervisor, job)
    with as_operator("look"):
        (attempt,) = Attempt.objects.filter(job=job.id)
    assert (seen(job).state, attempt.outcome) == ("succeeded", "succeeded")


def test_a_worker_without_a_model_costs_no_strike_and_then_takes_no_job(
    supervisor, job, settings, monkeypatch
):
    monkeypatch.setattr(fitness, "FIRST_PAUSE_SECONDS", 0.01)
    supervisor.broker.hide = lambda *told: None
    supervisor.fitness = fitness.Fitness(supervisor.model, supervisor.broker)
    settings.MODEL_CHILD_MODULE = "tests.no_such_module"
    work(supervisor, job)
    for _ in range(3):
        with pytest.raises(NotOurs):
            work(supervisor, job)
    with as_operator("look"):
        (attempt,) = Attempt.objects.filter(job=job.id)
    assert (attempt.outcome, attempt.error_code) == ("released", "engine_crashed")
    assert seen(job).state == "queued"
    settings.MODEL_CHILD_MODULE = "tests.stub_child"
    work(supervisor, job)
    assert seen(job).state == "succeeded"


def test_a_release_whose_model_does_not_load_ends_no_job(supervisor, job, settings):
    """Each pod that starts with it claims the job once, and finds out."""
    settings.MODEL_CHILD_MODULE = "tests.no_such_module"
    for _ in range(lifecycle.MAX_ATTEMPTS + 1):
        supervisor.model = ModelChild()
        supervisor.fitness = fitness.Fitness(supervisor.model, supervisor.broker)
        work(supervisor, job)
        with as_operator("look"):
            last = OutboxMessage.objects.filter(payload__job_id=str(job.id)).latest("id")
        paused = last.not_before - seen(job).dispatched_at
        assert paused == timedelta(seconds=settings.RETRY_SECONDS)
    settings.MODEL_CHILD_MODULE = "tests.stub_child"
    work(supervisor, job)
    assert seen(job).state == "succeeded"


def test_a_job_that_kills_its_model_three_times_has_failed_with_advice(supervisor, job, plan):
    plan(then="die")
    for _ in range(3):
        work(supervisor, job)
    failed = seen(job)
    assert (failed.state, failed.error_code) == ("failed", "engine_crashed")
    assert "smaller" in failed.error_hint


def test_a_word_in_the_audio_makes_a_job_a_poisonous_one(supervisor, job, plan):
    plan(words={"bytes": {"then": "refuse"}})
    work(supervisor, job)
    assert seen(job).error_code == "no_face"


def test_a_worker_may_finish_within_its_grace(supervisor, job, settings):
    settings.SHUTDOWN_GRACE_SECONDS = 60
    supervisor.broker.stopping.set()
    work(supervisor, job)
    assert seen(job).state == "succeeded"


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


def test_a_cancel_after_the_last_step_wins_and_its_result_is_removed(supervisor, job, monkeypatch):
    put = storage.put_result

    def put_and_cancel(*arguments):
        key = put(*arguments)
        with acting_for(job.tenant_id):
            lifecycle.cancel(job.id, by="a test")
        return key

    monkeypatch.setattr(storage, "put_result", put_and_cancel)
    work(supervisor, job)
    with as_operator("look"):
        attempt = Attempt.objects.get(job=job.id)
    key = storage.result_key(job.tenant_id, job.id, attempt.id)
    assert seen(job).state == "canceled"
    assert not storage.outputs().exists(key)


def test_a_result_of_a_canceled_job_that_cannot_be_removed_loses_no_attempt(
    supervisor, job, monkeypatch
):
    put = storage.put_result

    def put_and_cancel(*arguments):
        key = put(*arguments)
        with acting_for(job.tenant_id):
            lifecycle.cancel(job.id, by="a test")
        monkeypatch.setattr(type(storage.outputs()), "delete", away)
        return key

    def away(*arguments):
        raise OSError("out of reach")

    lost = metrics.lost_attempts._value.get()
    monkeypatch.setattr(storage, "put_result", put_and_cancel)
    work(supervisor, job)
    assert seen(job).state == "canceled"
    assert metrics.lost_attempts._value.get() == lost


@pytest.mark.parametrize("kind", [OperationalError, InternalError])
def test_a_database_that_is_away_for_a_moment_costs_no_result(supervisor, job, monkeypatch, kind):
    monkeypatch.setattr(settling, "PAUSE_SECONDS", 0.01)
    away = kind("server closed the connection")
    once, answers = settling._once, iter([away])

    def away_once(*arguments):
        for problem in answers:
            raise problem
        return once(*arguments)

    monkeypatch.setattr(settling, "_once", away_once)
    work(supervisor, job)
    assert seen(job).state == "succeeded"


@pytest.mark.parametrize("then", ["done", "die"])
def test_the_end_is_tried_to_be_recorded_for_as_long_as_the_lease_is_ours(
    supervisor, job, plan, monkeypatch, then
):
    plan(then=then)
    tried = away_for(monkeypatch, tries=12)
    work(supervisor, job)
    assert seen(job).state == {"done": "succeeded", "die": "queued"}[then]
    assert len(tried) == 13


def test_a_database_that_is_away_for_longer_than_the_lease_ends_the_tries(
    supervisor, job, settings, monkeypatch
):
    settings.JOB_LEASE_SECONDS = 6
    tried = away_for(monkeypatch, tries=10_000)
    beat = lifecycle.beat

    def away_since_the_end(*arguments, **named):
        if tried:
            raise OperationalError("the server is away")
        return beat(*arguments, **named)

    monkeypatch.setattr(lifecycle, "beat", away_since_the_end)
    with pytest.raises(OperationalError):
        work(supervisor, job)
    assert len(tried) >= settling.LEAST_TRIES
    assert seen(job).state == "processing"  # till the reconciler sees the lease


def away_for(monkeypatch, tries):
    """A database that is away each time an end is to be recorded, so often. The tries so far."""
    monkeypatch.setattr(settling, "PAUSE_SECONDS", 0.01)
    once, tried = settling._once, []

    def away_or_once(*arguments):
        tried.append(arguments)
        if len(tried) <= tries:
            raise OperationalError("the server is away")
        return once(*arguments)

    monkeypatch.setattr(settling, "_once", away_or_once)
    return tried


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
